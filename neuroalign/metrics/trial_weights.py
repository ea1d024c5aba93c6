"""Numbers of trials as weights: fits to single trials in the form of weighted fits to mean responses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError
from neuroalign.masked import as_numbers

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrialPattern:
    """Neurons with the same numbers of trials of all training stimuli.

    Parameters
    ----------
    neurons : array of int, shape (n,)
        Columns of the neurons.
    weights : array of float64, shape (n_training,), or None
        Number of trials of each training stimulus, divided by its mean; None where all are equal.
    mean : float
        Mean number of trials of a training stimulus; 1 for fits to means.

    Notes
    -----
    For a neuron with n_i trials y_ir of stimulus i and mean responses ȳ_i,

    ``Σ_ir (y_ir − f_i)² = Σ_i n_i (ȳ_i − f_i)² + Σ_ir (y_ir − ȳ_i)²``

    and the last term does not depend on the fit f. So least squares on single trials is least squares on the means
    with the weights n_i, and a penalty α on single trials is a penalty α/n̄ with the weights n_i/n̄.
    """

    neurons: NDArray[np.int64]
    weights: FloatArray | None
    mean: float

    def average(self, responses: FloatArray) -> FloatArray:
        """Return the weighted mean over training stimuli of responses of shape (n_training, n), shape (n,)."""
        if self.weights is None:
            return responses.mean(axis=0)
        averaged: FloatArray = self.weights @ responses / self.weights.size
        return averaged

    def scaled(self, values: FloatArray) -> FloatArray:
        """Multiply the rows of training stimuli by the roots of their weights."""
        return values if self.weights is None else values * np.sqrt(self.weights)[:, None]


def as_counts(counts: ArrayLike | None, shape: tuple[int, ...]) -> FloatArray | None:
    """Return numbers of trials of shape (N, J) as numbers above 0; None for None.

    Raises
    ------
    ArrayError
        If the shape does not fit, or a number is not positive and finite.
    """
    if counts is None:
        return None
    numbers = as_numbers(counts, np.float64)
    if numbers.shape != shape:
        raise ArrayError(f"counts must have the shape of the responses, {shape}, got {numbers.shape}")
    if not (np.isfinite(numbers) & (numbers > 0)).all():
        raise ArrayError(
            "counts must be numbers of trials above 0; leave out stimuli or neurons without trials"
        )
    return numbers


def trial_patterns(
    counts: FloatArray | None, training: NDArray[np.int64], n_neurons: int
) -> list[TrialPattern]:
    """Group the neurons by their numbers of trials of the training stimuli.

    Parameters
    ----------
    counts : array of float64, shape (N, J), or None
        None puts all neurons in one pattern without weights.
    training : array of int, shape (n_training,)
        Rows.
    n_neurons : int
        J.
    """
    if counts is None:
        return [TrialPattern(np.arange(n_neurons), None, 1.0)]
    distinct, group = np.unique(counts[training], axis=1, return_inverse=True)
    # Sorting by group once costs less than a search for the members of each group.
    order = np.argsort(group.ravel(), kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group.ravel()))[:-1])
    patterns = []
    for column, neurons in zip(distinct.T, members, strict=True):
        mean = float(column.mean())
        is_equal = column.min() == column.max()
        patterns.append(TrialPattern(neurons, None if is_equal else column / mean, mean))
    return patterns
