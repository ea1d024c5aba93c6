"""Axis index of the correlation ratio, beside its score and in its arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.turned_control import describe, undefined
from neuroalign.metrics import aggregate_ratios, axis_index, index_of_ratios, ratio_weights
from neuroalign.metrics.correlation import Aggregate
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic
from neuroalign.stats import bootstrap_means

FloatArray = NDArray[np.float64]

#: Draws of neurons behind the standard error.
N_RESAMPLES = 1_000


@dataclass(frozen=True, eq=False)
class TurnedRatios:
    """Correlation ratios of regenerated neurons.

    Parameters
    ----------
    ratios : tuple of arrays of shape (n_turns + 1, n_neurons), or None
        Ratio, and index of the best unit or -1 where a neuron has no best unit. The first row belongs to the tuning
        without a turn. None where the tuning cannot be turned.
    neuroids : array of str, shape (n_neurons,)
    aggregate : {"unit_mean", "unit_max", "neuron_mean"}
    asked : bool
        Whether turns were asked for.
    """

    ratios: tuple[FloatArray, NDArray[np.int64]] | None
    neuroids: NDArray[np.str_]
    aggregate: Aggregate
    asked: bool

    @property
    def variables(self) -> dict[str, tuple[object, NDArray[np.generic]]]:
        """Arrays of the score's data."""
        if self.ratios is None:
            return {}
        (ratio, best), turn = self.ratios, ("turn", "neuroid")
        return {
            "regenerated_ratio": ("neuroid", ratio[0]),
            "regenerated_best_unit": ("neuroid", best[0]),
            "turned_ratio": (turn, ratio[1:]),
            "turned_best_unit": (turn, best[1:]),
        }

    @property
    def notes(self) -> list[str]:
        """Reason why the axis index is missing."""
        if self.ratios is None and self.asked:
            return [
                "no axis index: a linear model predicts fewer than three neurons, so no tuning can be turned"
            ]
        return []

    def beside(self, seed: int) -> dict[str, float]:
        """Return the numbers beside the score."""
        if self.ratios is None:
            return undefined() if self.asked else {}
        scores = [
            aggregate_ratios(ratio, best, self.aggregate) for ratio, best in zip(*self.ratios, strict=True)
        ]
        error = float("nan")
        if self.aggregate != "unit_max" and len(self.neuroids) > 1:
            statistic = _statistic(self.neuroids, *self.ratios, self.aggregate)
            statistic = statistic.in_order(sorted(statistic.neurons))
            drawn = bootstrap_means([statistic], len(self.neuroids), n_resamples=N_RESAMPLES, seed=seed)
            error = float(drawn.std(ddof=1))
        return describe(axis_index(scores[0], scores[1:]), error)


def index_of_score(score: Score, aggregate: Aggregate) -> NeuronStatistic:
    """Return the axis index of a stored score as a function of neurons."""
    ratio, best = (
        np.vstack([score.data[f"regenerated_{name}"].values[None], score.data[f"turned_{name}"].values])
        for name in ("ratio", "best_unit")
    )
    return _statistic(score.data["neuroid"].values, ratio, best, aggregate)


def _statistic(
    neuroids: NDArray[np.str_], ratio: FloatArray, best: NDArray[np.int64], aggregate: Aggregate
) -> NeuronStatistic:
    """Return the axis index as a function of neurons, with the weights of the recorded neurons in all draws."""
    weights = ratio_weights(ratio, best, aggregate)
    n_sets = len(ratio)
    terms = np.vstack([weights, weights * np.nan_to_num(ratio)]).T
    return NeuronStatistic(
        tuple(map(str, neuroids)), terms, lambda sums: index_of_ratios(sums[:, :n_sets], sums[:, n_sets:])
    )
