"""Axis index κ of alignment, beside its score and in its arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.turned_control import describe, undefined
from neuroalign.metrics.turned_alignment import TurnedAlignment, index_of_sums
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic


@dataclass(frozen=True, eq=False)
class TurnedWeights:
    """Lasso weights of regenerated neurons.

    Parameters
    ----------
    fitted : TurnedAlignment or None
        Sums of weights for all neurons of the recording, zero for neurons that are units of the model. None where the
        tuning cannot be turned.
    n_units : int
        D, for C(I) and C(Q); κ does not depend on it.
    asked : bool
        Whether turns were asked for.
    """

    fitted: TurnedAlignment | None
    n_units: int = 2
    asked: bool = True

    @property
    def variables(self) -> dict[str, tuple[object, NDArray[np.float64]]]:
        """Arrays of the score's data."""
        if self.fitted is None:
            return {}
        turn = ("turn", "neuroid")
        return {
            "regenerated_strength": ("neuroid", self.fitted.strength[0]),
            "regenerated_entropy": ("neuroid", self.fitted.entropy[0]),
            "turned_strength": (turn, self.fitted.strength[1:]),
            "turned_entropy": (turn, self.fitted.entropy[1:]),
        }

    @property
    def notes(self) -> list[str]:
        """Reason why the axis index is missing."""
        if self.fitted is None and self.asked:
            return [
                "no axis index: a linear model predicts fewer than three neurons, so no tuning can be turned"
            ]
        return []

    def statistic(self, neuroids: NDArray[np.str_]) -> NeuronStatistic:
        """Return κ as a function of neurons; 0, the level of chance, where the tuning cannot be turned."""
        if self.fitted is None:
            neurons = tuple(map(str, neuroids))
            return NeuronStatistic(neurons, np.zeros((len(neurons), 1)), lambda sums: np.zeros(len(sums)))
        return _statistic(neuroids, self.fitted)

    def beside(self, neuroids: NDArray[np.str_], seed: int) -> dict[str, float]:
        """Return the numbers beside the score; neurons are drawn in the order of their names."""
        if self.fitted is None:
            return undefined() if self.asked else {}
        order = np.argsort(neuroids.astype(str), kind="stable")
        ordered = TurnedAlignment(self.fitted.strength[:, order], self.fitted.entropy[:, order])
        return describe(self.fitted.index(self.n_units), ordered.error(seed=seed))


def index_of_score(score: Score) -> NeuronStatistic:
    """Return κ of a stored score as a function of neurons."""
    strength, entropy = (
        np.vstack([score.data[f"regenerated_{name}"].values[None], score.data[f"turned_{name}"].values])
        for name in ("strength", "entropy")
    )
    return _statistic(score.data["neuroid"].values, TurnedAlignment(strength, entropy))


def _statistic(neuroids: NDArray[np.str_], fitted: TurnedAlignment) -> NeuronStatistic:
    n_sets = len(fitted.strength)
    terms = np.hstack([fitted.strength.T, (fitted.strength * fitted.entropy).T])
    return NeuronStatistic(
        tuple(map(str, neuroids)), terms, lambda sums: index_of_sums(sums[:, :n_sets], sums[:, n_sets:])
    )
