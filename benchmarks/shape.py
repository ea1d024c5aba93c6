"""Angular distance of the shapes of all units and all neurons after the best rotation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.geometry_benchmark import GEOMETRY_NUMBERS, GeometryBenchmark, Populations
from neuroalign.metrics import fold_labels, shape_distance
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.resampling import Resampling, Statistic
from neuroalign.validation import NonNegative, Share

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Responses of one population, with the folds of the stimuli.

    Parameters
    ----------
    values : array of float64, shape (N, D)
    folds : array of int, shape (N,), or None
        None for a fit to all stimuli.
    """

    values: FloatArray
    folds: NDArray[np.int64] | None

    def take(self, rows: NDArray[np.int64]) -> "Stimuli":
        """Return some stimuli, or all stimuli in another order."""
        return Stimuli(self.values[rows], None if self.folds is None else self.folds[rows])


@dataclass(frozen=True, kw_only=True)
class ShapeDistance(GeometryBenchmark):
    """Angle between the units and the neurons after the rotation that aligns them best; a low score is good.

    Parameters
    ----------
    alpha : float
        From 1, rotations only (Procrustes), to 0, all invertible linear maps (canonical correlations); see
        :func:`neuroalign.metrics.shape_distance`.
    n_folds : int
        Number of folds. The rotation of a fold is fitted to the other folds.
    in_sample : bool
        Whether the rotation is fitted to the stimuli that it is evaluated on, as published. The angle is then small
        by chance where units and neurons are many and stimuli few.
    self_pairs, n_permutations, seed
        See :class:`neuroalign.benchmarks.geometry_benchmark.GeometryBenchmark`; `seed` is also the seed of the folds.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), NeurIPS.
    """

    identifier: ClassVar[str] = "shape"
    higher_is_better: ClassVar[bool] = False
    question: ClassVar[str] = "How far apart are units and neurons after the best rotation of the population?"
    advice: ClassVar[str] = (
        "Take it where distances between models are needed: in-sample angles obey the triangle inequality. It is "
        "blind to rotated units. Held-out angles need many more stimuli than units."
    )
    score_by_chance: ClassVar[str] = "π/2 (1.57); in-sample below it, printed with the score"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.pi)
    seconds: ClassVar[float] = 7.5
    numbers: ClassVar[tuple[Number, ...]] = (
        *GEOMETRY_NUMBERS,
        Number("similarity", "cosine of the angle", "cosine"),
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "rotation of units",
            "constant units",
            "copies of units",
        }
    )

    alpha: Share = 1.0
    n_folds: NonNegative = 10
    in_sample: bool = False

    def of_units(self, populations: Populations) -> Stimuli:
        """Return the units with the folds."""
        return self._stimuli(populations.units, populations.groups)

    def of_neurons(
        self, neurons: FloatArray, trials: FloatArray | None, groups: NDArray[np.int64]
    ) -> Stimuli:
        """Return the mean responses with the folds."""
        return self._stimuli(neurons, groups)

    def compare(self, units: Stimuli, neurons: Stimuli) -> float:
        """Return the angle between two populations."""
        # Shuffled units keep the folds of the places that they move to.
        return shape_distance(units.values, neurons.values, alpha=self.alpha, folds=neurons.folds).angle

    def pool(self, animals: Sequence[Stimuli]) -> Stimuli:
        """Return the neurons of all animals together, each animal divided by its length."""
        scaled = []
        for animal in animals:
            centred = animal.values - animal.values.mean(axis=0)
            length = float(np.sqrt((centred**2).sum()))
            scaled.append(centred / length if length > 0 else centred)
        return Stimuli(np.hstack(scaled), animals[0].folds)

    def more_numbers(self, populations: Populations, units: Stimuli, neurons: Stimuli) -> dict[str, float]:
        """Return the cosine of the angle."""
        return {"similarity": float(np.cos(self.compare(units, neurons)))}

    def more_notes(self, populations: Populations) -> list[str]:
        """Say where the rotation is fitted to the stimuli of the score, and where any two populations align."""
        notes = []
        if self.in_sample:
            notes.append(
                "in-sample: the rotation is fitted to the stimuli of the score, so the angle is too small; compare it "
                "with its chance level only"
            )
        n_stimuli, n_units = populations.units.shape
        n_fitted = n_stimuli if self.in_sample else n_stimuli * (self.n_folds - 1) // self.n_folds
        fewest = min(n_units, populations.neurons.shape[1])
        if self.alpha == 0 and fewest >= n_fitted - 1:
            notes.append(
                f"{n_fitted} stimuli are too few for {fewest} units or neurons: with alpha=0 any two such populations "
                "align; set alpha=1, or reduce the units with +pca[n=…]"
            )
        return notes

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Angle of the two populations."""
        return (Statistic("value", "shape distance", higher_is_better=False, perfect=0.0),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Return no resampling: the best rotation is not a sum over neurons."""
        return Resampling(
            self.find_statistic(statistic),
            reason="the best rotation is not a sum over neurons, and rotations of drawn stimuli see repeats; the error "
            "over stimuli is a jackknife",
        )

    def _stimuli(self, values: FloatArray, groups: NDArray[np.int64]) -> Stimuli:
        if self.in_sample:
            return Stimuli(values, None)
        return Stimuli(values, fold_labels(len(values), self.n_folds, seed=self.seed, groups=groups))
