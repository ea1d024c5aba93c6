"""Axis index of decoding, beside its score and in its arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.turned_control import describe, undefined
from neuroalign.metrics import axis_index, index_of_distances
from neuroalign.stats import count_neurons

#: Draws of held-out stimuli behind the standard error.
N_RESAMPLES = 1_000


@dataclass(frozen=True, eq=False)
class TurnedDistances:
    """Cosine distances of held-out stimuli that are decoded from regenerated neurons.

    Parameters
    ----------
    distances : array of float64, shape (n_turns + 1, n_held_out), or None
        The first row belongs to the tuning without a turn. None where the tuning cannot be turned.
    asked : bool
        Whether turns were asked for.
    """

    distances: NDArray[np.float64] | None
    asked: bool

    def variables(self, stimuli: NDArray[np.str_]) -> dict[str, tuple[object, NDArray[np.float64]]]:
        """Return the arrays of the score's data, over the held-out stimuli."""
        if self.distances is None or self.distances.shape[1] != len(stimuli):
            return {}
        return {
            "regenerated_distance": ("stimulus", self.distances[0]),
            "turned_distance": (("turn", "stimulus"), self.distances[1:]),
        }

    @property
    def notes(self) -> list[str]:
        """Reason why the axis index is missing."""
        if self.distances is None and self.asked:
            return ["no axis index: too few neurons are tuned, so no tuning can be turned"]
        return []

    def beside(self, originals: NDArray[np.int64], seed: int) -> dict[str, float]:
        """Return the numbers beside the score; the error of the index is over originals."""
        if self.distances is None:
            return undefined() if self.asked else {}
        means = np.nanmean(self.distances, axis=1)
        return describe(axis_index(float(means[0]), means[1:], perfect=0.0), self._error(originals, seed))

    def _error(self, originals: NDArray[np.int64], seed: int) -> float:
        assert self.distances is not None
        n = int(originals.max()) + 1
        if n < 2:
            return float("nan")
        drawn = np.random.default_rng(seed).integers(n, size=(N_RESAMPLES, n))
        index = index_of_distances(self.distances, count_neurons(drawn, n)[:, originals])
        return float(np.std(index, ddof=1))
