"""Units and neurons of one matching, with their folds and their places in the arrays of a score."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics import correlations
from neuroalign.metrics.inputs import constant_columns

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MatchingProblem:
    """Informative units and neurons of one score, each in the order of their names.

    Parameters
    ----------
    units : array of float64, shape (N, D)
    neurons : array of float64, shape (N, J)
    folds : array of int, shape (N,), or None
        None for an in-sample score.
    exclude : array of int, shape (J,), or None
        Unit that each neuron is not matched with; -1 for no unit.
    unit_order : array of int, shape (D,)
        Position of each unit in the latents.
    neuron_order : array of int, shape (J,)
        Position of each neuron in the responses.
    """

    units: FloatArray
    neurons: FloatArray
    folds: NDArray[np.int64] | None
    exclude: NDArray[np.int64] | None
    unit_order: NDArray[np.int64]
    neuron_order: NDArray[np.int64]

    def place(self, values: NDArray[Any], order: NDArray[np.int64], n: int, empty: Any) -> NDArray[Any]:
        """Write values of sorted units or neurons to their positions in an array of length `n`."""
        placed = np.full(n, empty, dtype=values.dtype)
        placed[order] = values
        return placed

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of units and neurons that vary."""
        n_units, n_neurons = (int((~constant_columns(values)).sum()) for values in (self.units, self.neurons))
        return n_units, n_neurons

    @property
    def n_negative(self) -> int:
        """Number of neurons with their strongest correlation negative."""
        r = correlations(self.units, self.neurons)
        return int((-r.min(axis=0) > r.max(axis=0)).sum())
