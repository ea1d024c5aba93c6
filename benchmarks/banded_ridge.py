"""Banded ridge: held-out correlation of each neuron with its ridge regression on several layers or models."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.predictivity_benchmark import (
    PREDICTIVITY_NUMBERS,
    PredictivityBenchmark,
    Problem,
    chosen_arguments,
)
from neuroalign.metrics import BandedRidge, Predictivity, banded_ridge
from neuroalign.results.numbers import Number
from neuroalign.scoring.declarations import Invariance
from neuroalign.validation import NonNegative


@dataclass(frozen=True, kw_only=True)
class BandedRidgeBenchmark(PredictivityBenchmark):
    """Correlation of each neuron with its held-out banded ridge prediction, averaged over neurons.

    The bands are the models that are scored together, ``neuroalign score MODEL MODEL DATASET``. Each band has a
    scale of its own for each neuron, and a share of the explained variance.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, self_pairs, n_permutations, seed
        See :class:`neuroalign.benchmarks.predictivity_benchmark.PredictivityBenchmark`. A shuffle takes as long as
        the score, so there is none by default.
    n_draws : int
        Number of random weights of the bands; see :func:`neuroalign.metrics.banded_ridge`.
    standardise : bool
        Whether units are scaled to unit variance over the training stimuli.

    References
    ----------
    Dupré la Tour et al. (2022), NeuroImage 264:119728; Nunez-Elizalde, Huth & Gallant (2019), NeuroImage 197:482.
    """

    identifier: ClassVar[str] = "banded_ridge"
    question: ClassVar[str] = (
        "How much does each of several layers or models add to the prediction of neurons?"
    )
    advice: ClassVar[str] = (
        "Take it with two or more models: neuroalign score MODEL MODEL DATASET. Take ridge for one model, which "
        "is the same with one band and faster."
    )
    seconds: ClassVar[float] = 7.0
    numbers: ClassVar[tuple[Number, ...]] = (
        *PREDICTIVITY_NUMBERS,
        Number("bands", "bands of units", "bands", "count"),
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "scale of units",
            "constant units",
        }
    )

    n_permutations: NonNegative = 0
    n_draws: NonNegative = 30
    standardise: bool = True

    def predict(self, problem: Problem) -> BandedRidge:
        """Predict the neurons by banded ridge regression; without bands all units are one band."""
        bands = problem["bands"]
        return banded_ridge(
            **chosen_arguments(problem, "Z", "Y", "folds", "groups", "exclude"),
            bands=np.full(problem["Z"].shape[1], "all units") if bands is None else bands,
            n_draws=self.n_draws,
            standardise=self.standardise,
            seed=self.seed,
        )

    def beside_fit(self, result: Predictivity) -> dict[str, float]:
        """Return the number of bands."""
        assert isinstance(result, BandedRidge)
        return {"bands": float(result.bands.size)}

    def notes_on_fit(self, result: Predictivity) -> list[str]:
        """Return the explained variance of each band, in words."""
        assert isinstance(result, BandedRidge)
        if result.bands.size == 1:
            return ["one band: the score is the score of ridge; give two or more models for a split"]
        finite = np.isfinite(result.r2_of_bands).all(axis=0)
        if not finite.any():
            return []
        shares = result.r2_of_bands[:, finite].mean(axis=1)
        parts = ", ".join(f"{name} {share:.3f}" for name, share in zip(result.bands, shares, strict=True))
        return [f"R² of each band, mean over neurons: {parts}"]

    def arrays_of_fit(self, result: Predictivity) -> dict[str, tuple[object, NDArray[np.generic]]]:
        """Return the R² and the weight of each band for each neuron, mean over folds."""
        assert isinstance(result, BandedRidge)
        return {
            "band": ("band", result.bands),
            "r2_of_band": (("band", "neuroid"), result.r2_of_bands),
            "weight_of_band": (("band", "neuroid"), result.weights.mean(axis=0)),
        }
