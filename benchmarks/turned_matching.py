"""Axis index of matchings, beside their scores and in their arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.arithmetic import divide
from neuroalign.benchmarks.turned_control import describe, undefined
from neuroalign.metrics import axis_index
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic
from neuroalign.stats import bootstrap_means

FloatArray = NDArray[np.float64]

#: Draws of neurons behind the standard error.
N_RESAMPLES = 1_000
#: The axis index is undefined where turned neurons come as near as this to the best score of a linear model.
LEAST_ROOM = 1e-3


@dataclass(frozen=True, eq=False)
class TurnedMatching:
    """Matchings of regenerated neurons.

    Parameters
    ----------
    matched : tuple of arrays, or None
        Similarity and matched share of each neuron, each of shape (n_turns + 1, n_neurons), where the first row
        belongs to the tuning without a turn; and, of shape (2, n_neurons), the largest correlation that a linear
        function of the units reaches, √R², with the share of the neuron in the perfect score. None where the tuning
        cannot be turned.
    neuroids : array of str, shape (n_neurons,)
    asked : bool
        Whether turns were asked for.

    Notes
    -----
    The perfect score of the axis index is not 1: no unit correlates more with a regenerated neuron than the best
    linear function of all units does, √R²_j. The perfect score is the mean of √R²_j over as many neurons as are
    matched, the best ones; a neuron that the units do not predict counts 0.
    """

    matched: tuple[FloatArray, FloatArray, FloatArray] | None
    neuroids: NDArray[np.str_]
    asked: bool

    @property
    def variables(self) -> dict[str, tuple[object, FloatArray]]:
        """Arrays of the score's data."""
        if self.matched is None:
            return {}
        (similarity, share, bound), turn = self.matched, ("turn", "neuroid")
        return {
            "regenerated_similarity": ("neuroid", similarity[0]),
            "regenerated_share": ("neuroid", share[0]),
            "turned_similarity": (turn, similarity[1:]),
            "turned_share": (turn, share[1:]),
            "attainable_similarity": ("neuroid", bound[0]),
            "attainable_share": ("neuroid", bound[1]),
        }

    @property
    def notes(self) -> list[str]:
        """Reason why the axis index is missing."""
        if self.matched is None and self.asked:
            return [
                "no axis index: a linear model predicts fewer than three neurons, so no tuning can be turned"
            ]
        if self.matched is not None and not self._has_room:
            return ["no axis index: turned neurons match as well as a linear model allows"]
        return []

    @property
    def _scores(self) -> tuple[FloatArray, float]:
        """Scores of the regenerated neurons, (n_turns + 1,), and the perfect score."""
        assert self.matched is not None
        similarity, share, (attainable, counted) = self.matched
        scores = divide((share * np.nan_to_num(similarity)).sum(axis=1), share.sum(axis=1), otherwise=np.nan)
        return scores, float(divide(counted @ attainable, counted.sum(), otherwise=np.nan))

    @property
    def _has_room(self) -> bool:
        scores, perfect = self._scores
        return bool(perfect - scores[1:].mean() > LEAST_ROOM)

    def statistic(self) -> NeuronStatistic:
        """Return κ as a function of neurons; 0, the level of chance, where the tuning cannot be turned."""
        if self.matched is None:
            neurons = tuple(map(str, self.neuroids))
            return NeuronStatistic(neurons, np.zeros((len(neurons), 1)), lambda sums: np.zeros(len(sums)))
        return _statistic(self.neuroids, *self.matched)

    def beside(self, seed: int) -> dict[str, float]:
        """Return the numbers beside the score; the error is over drawn neurons, in the order of their names."""
        if self.matched is None or not self._has_room:
            return undefined() if self.asked else {}
        scores, perfect = self._scores
        error = float("nan")
        if len(self.neuroids) > 1:
            statistic = self.statistic()
            statistic = statistic.in_order(sorted(statistic.neurons))
            drawn = bootstrap_means([statistic], len(self.neuroids), n_resamples=N_RESAMPLES, seed=seed)
            error = float(drawn.std(ddof=1))
        return describe(axis_index(float(scores[0]), scores[1:], perfect=perfect), error)


def index_of_score(score: Score) -> NeuronStatistic:
    """Return the axis index of a stored score as a function of neurons."""
    similarity, share = (
        np.vstack([score.data[f"regenerated_{name}"].values[None], score.data[f"turned_{name}"].values])
        for name in ("similarity", "share")
    )
    bound = np.stack([score.data[f"attainable_{name}"].values for name in ("similarity", "share")])
    return _statistic(score.data["neuroid"].values, similarity, share, bound)


def share_largest(values: FloatArray, total: float, *, among: NDArray[np.bool_]) -> FloatArray:
    """Return weights from 0 to 1 that sum to `total` and lie on the largest values.

    Parameters
    ----------
    values : array of float64, shape (n,)
    total : float
        Sum of the weights; at most the number of values that count.
    among : array of bool, shape (n,)
        Values that count; the others have weight 0.

    Examples
    --------
    >>> import numpy as np
    >>> share_largest(np.array([0.1, 0.5, 0.3]), 1.5, among=np.ones(3, dtype=bool))
    array([0. , 1. , 0.5])
    """
    order = np.argsort(np.where(among, -values, np.inf), kind="stable")
    weights = np.zeros(values.size)
    weights[order] = np.clip(total - np.arange(values.size), 0.0, 1.0)
    return np.where(among, weights, 0.0)


def _statistic(
    neuroids: NDArray[np.str_], similarity: FloatArray, share: FloatArray, bound: FloatArray
) -> NeuronStatistic:
    """Return the axis index as a function of neurons, with the matchings of the recorded neurons in all draws."""
    n_sets = len(share)
    attainable, counted = bound
    terms = np.vstack([share, share * np.nan_to_num(similarity), counted, counted * attainable]).T

    def combine(sums: FloatArray) -> FloatArray:
        means = divide(sums[:, n_sets : 2 * n_sets], sums[:, :n_sets], otherwise=0.0)
        level = means[:, 1:].mean(axis=1)
        room = divide(sums[:, -1], sums[:, -2], otherwise=0.0) - level
        is_defined = room > LEAST_ROOM
        return np.where(is_defined, (means[:, 0] - level) / np.where(is_defined, room, 1.0), 0.0)

    return NeuronStatistic(tuple(map(str, neuroids)), terms, combine)
