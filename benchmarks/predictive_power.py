"""Predictive power of a model, beside the scores of benchmarks that ask about single units."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arithmetic import divide
from neuroalign.benchmarks.lasso_benchmark import LassoBenchmark
from neuroalign.benchmarks.trial_ceilings import trial_ceilings
from neuroalign.benchmarks.variance_explained import VarianceExplained
from neuroalign.datasets.dataset import Dataset
from neuroalign.scoring.folds import RANDOM
from neuroalign.stats import adjust_p_values

FloatArray = NDArray[np.float64]

#: A neuron is predicted above chance where the corrected p of its held-out predictions is below this level.
ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class PredictivePower:
    """Result of :func:`predict`.

    Parameters
    ----------
    per_neuron : array of float64, shape (n_neurons,)
        Variance explained, as the benchmark ``variance_explained`` computes it.
    predicted : array of bool, shape (n_neurons,)
        Neurons that the model predicts above chance.
    ceiling : float
        Mean reliability of the neurons; NaN where it is unknown.
    reliability : float
        Median reliability of the neurons; NaN where it is unknown.
    why_unknown : str
        Reason why neurons were not predicted; empty where they were predicted, or no prediction was asked for.
    """

    per_neuron: FloatArray
    predicted: NDArray[np.bool_]
    ceiling: float
    reliability: float
    why_unknown: str = ""

    @property
    def notes(self) -> list[str]:
        """Reason why neurons were not predicted, for the notes of a score."""
        return [self.why_unknown] if self.why_unknown else []

    @property
    def value(self) -> float:
        """Mean variance explained; NaN where no neuron varies."""
        return float(np.nanmean(self.per_neuron)) if np.isfinite(self.per_neuron).any() else float("nan")

    @property
    def beside(self) -> dict[str, float]:
        """Numbers beside a score of single units; empty where neurons were not predicted."""
        if not self.per_neuron.size:
            return {}
        return {
            "variance_explained": self.value,
            "explained_share": self.value / self.ceiling if self.ceiling > 0 else float("nan"),
            "predicted_neurons": float(self.predicted.sum()),
            "reliability": self.reliability,
        }

    @property
    def variables(self) -> dict[str, tuple[str, NDArray[Any]]]:
        """Arrays of a score's data."""
        if not self.per_neuron.size:
            return {}
        return {
            "variance_explained": ("neuroid", self.per_neuron),
            "predicted": ("neuroid", self.predicted),
        }


#: Stands for the predictive power where it is not computed.
NO_POWER = PredictivePower(np.empty(0), np.empty(0, dtype=bool), float("nan"), float("nan"))


def predict(
    latents: xr.DataArray,
    responses: xr.DataArray,
    dataset: Dataset,
    *,
    lasso: LassoBenchmark | None = None,
    folds: str = RANDOM,
) -> PredictivePower:
    """Predict held-out responses from all units, and test each neuron against chance.

    Parameters
    ----------
    latents, responses
        Paired arrays from ``neuroalign.scoring.benchmark.Benchmark.align``.
    dataset : Dataset
    lasso : LassoBenchmark, optional
        Benchmark with the options of the Lasso, its folds included; by default the options of ``variance_explained``.
    folds : str
        Folds of the predictions without `lasso`; see :mod:`neuroalign.scoring.folds`.

    Returns
    -------
    PredictivePower
        Without arrays, but with the reason, where originals are fewer than folds and no options were given.

    Notes
    -----
    A neuron is predicted above chance where its held-out responses correlate with the part of their predictions that
    the units add to the training mean: one-sided t-test over originals, Benjamini-Hochberg over neurons, at 5 %.
    """
    options = lasso or VarianceExplained(folds=folds)
    n_folds = max(options.n_folds, 3)
    originals = dataset.stimuli.originals(responses["stimulus"].values)
    if lasso is None and originals.n < n_folds:
        counted = "originals" if originals.has_variants else "stimuli"
        return replace(
            NO_POWER,
            why_unknown=f"no variance explained: {originals.n} {counted} are too few for {n_folds} folds",
        )
    if options.folds.startswith("group:"):
        n_used = options.count_folds(dataset, responses["stimulus"].values)
        if n_used < 3:
            return replace(NO_POWER, why_unknown=f"no variance explained: it needs three folds, got {n_used}")
    settings = VarianceExplained(
        n_folds=n_folds,
        n_lambdas=options.n_lambdas,
        rule=options.rule,
        zero_uninformative=options.zero_uninformative,
        self_pairs=options.self_pairs,
        seed=options.seed,
        positive=options.positive,
        folds=options.folds,
    )
    explained = settings.explain(latents, responses, dataset)
    predicted = settings.predicted(dataset, responses)
    split_half = trial_ceilings(dataset, predicted).reliability
    finite = split_half[np.isfinite(split_half)]
    return PredictivePower(
        explained.per_neuron,
        _above_chance(
            predicted.values - explained.baseline,
            explained.predicted - explained.baseline,
            dataset.stimuli.originals(predicted["stimulus"].values).n,
        ),
        float(finite.mean()) if finite.size else float("nan"),
        float(np.median(finite)) if finite.size else float("nan"),
    )


def _above_chance(responses: FloatArray, added: FloatArray, n_originals: int) -> NDArray[np.bool_]:
    """Test the correlation of each neuron with its held-out predictions, corrected over neurons."""
    from scipy import stats

    centred = [values - values.mean(axis=0) for values in (responses, added)]
    norms = np.sqrt((centred[0] ** 2).sum(axis=0) * (centred[1] ** 2).sum(axis=0))
    product = (centred[0] * centred[1]).sum(axis=0)
    r = np.clip(divide(product, norms, otherwise=0.0), -1.0, 1.0)
    freedom = max(n_originals - 2, 1)
    with np.errstate(divide="ignore"):
        t = r * np.sqrt(freedom / (1.0 - r**2))
    p = np.where(norms > 0, stats.t.sf(t, freedom), 1.0)
    above: NDArray[np.bool_] = adjust_p_values(p, method="bh") < ALPHA
    return above
