"""Dissimilarities of all pairs of stimuli, computed block by block where they are needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError
from neuroalign.masked import as_numbers

FloatArray = NDArray[np.float64]

# Largest number of dissimilarities in a block.
_BLOCK = 2**16


class Pairs(Protocol):
    """Dissimilarities of the pairs (i, j), i < j, of N stimuli, in the order of ``scipy.spatial.distance.pdist``."""

    @property
    def n(self) -> int:
        """Number of stimuli."""
        ...

    def block(self, start: int, stop: int) -> FloatArray:
        """Return the dissimilarities of the stimuli `start` to `stop` - 1 and all later stimuli, row after row."""
        ...


@dataclass(frozen=True, eq=False)
class Profiles:
    """Dissimilarities that depend on one vector of each stimulus: ``d_ij = own_i + own_j − 2 left_i · right_j``.

    Parameters
    ----------
    left, right : array of float64, shape (N, K)
        Vectors with a symmetric product: ``left_i · right_j = left_j · right_i``.
    own : array of float64, shape (N,)
    """

    left: FloatArray
    right: FloatArray
    own: FloatArray

    @property
    def n(self) -> int:
        """Number of stimuli."""
        return self.own.size

    def take(self, rows: NDArray[np.int64]) -> "Profiles":
        """Return the dissimilarities of some stimuli, or of all stimuli in another order."""
        left = self.left[rows]
        return Profiles(left, left if self.right is self.left else self.right[rows], self.own[rows])

    def block(self, start: int, stop: int) -> FloatArray:
        """Return the dissimilarities of some stimuli and all later stimuli, row after row."""
        values = self.left[start:stop] @ self.right[start:].T
        values *= -2.0
        values += self.own[start:stop, None]
        values += self.own[start:]
        # Slices are copied several times faster than the entries of a mask.
        return np.concatenate([row[index + 1 :] for index, row in enumerate(values)])


@dataclass(frozen=True, eq=False)
class Square:
    """Dissimilarities in a matrix, of which stimuli can be chosen.

    Parameters
    ----------
    matrix : array of float64, shape (N, N)
        Symmetric.
    """

    matrix: FloatArray

    @property
    def n(self) -> int:
        """Number of stimuli."""
        return len(self.matrix)

    def take(self, rows: NDArray[np.int64]) -> "Square":
        """Return the dissimilarities of some stimuli, or of all stimuli in another order."""
        return Square(self.matrix[np.ix_(rows, rows)])

    def block(self, start: int, stop: int) -> FloatArray:
        """Return the dissimilarities of some stimuli and all later stimuli, row after row."""
        return np.concatenate([self.matrix[row, row + 1 :] for row in range(start, stop)])


@dataclass(frozen=True, eq=False)
class Condensed:
    """Dissimilarities that are known.

    Parameters
    ----------
    values : array of float64, shape (N·(N − 1)/2,)
    """

    values: FloatArray

    @property
    def n(self) -> int:
        """Number of stimuli."""
        return n_stimuli_of(self.values.size)

    def block(self, start: int, stop: int) -> FloatArray:
        """Return the dissimilarities of some stimuli and all later stimuli, row after row."""
        first, last = (row * self.n - row * (row + 1) // 2 for row in (start, stop))
        return self.values[first:last]


def blocks(n_stimuli: int) -> Iterator[tuple[int, int]]:
    """Yield the first row, and the row after the last, of blocks with a limited number of pairs."""
    start = 0
    while start < n_stimuli - 1:
        stop = min(start + max(1, _BLOCK // (n_stimuli - start)), n_stimuli - 1)
        yield start, stop
        start = stop


def condense(pairs: Pairs) -> FloatArray:
    """Return all dissimilarities, shape (N·(N − 1)/2,)."""
    parts = [pairs.block(start, stop) for start, stop in blocks(pairs.n)]
    return np.concatenate(parts) if parts else np.empty(0)


def square(pairs: Pairs) -> Square:
    """Return all dissimilarities as a matrix with zeros on its diagonal."""
    return Square(symmetric(condense(pairs), pairs.n))


def symmetric(values: NDArray[np.generic], n_stimuli: int) -> FloatArray:
    """Return the symmetric matrix (N, N) of numbers for each pair of stimuli, with zeros on its diagonal."""
    matrix = np.zeros((n_stimuli, n_stimuli))
    upper = np.arange(n_stimuli) > np.arange(n_stimuli)[:, None]
    matrix[upper] = values
    matrix += matrix.T
    return matrix


def as_rdm(values: ArrayLike, name: str) -> Condensed:
    """Return dissimilarities from a vector or a symmetric matrix.

    Parameters
    ----------
    values : array of shape (N·(N − 1)/2,) or (N, N)
        The diagonal of a matrix is ignored.
    name : str
        Name of the array in messages.

    Raises
    ------
    ArrayError
        If the shape or the symmetry does not fit, there are fewer than three stimuli, or a value is not finite.
    """
    given = as_numbers(values, np.float64)
    if given.ndim == 2 and given.shape[0] == given.shape[1]:
        if not np.allclose(given, given.T, rtol=1e-9, atol=1e-12, equal_nan=True):
            raise ArrayError(f"{name} must be symmetric, or the vector of its upper triangle")
        given = given[np.triu_indices(len(given), 1)]
    n = n_stimuli_of(given.size) if given.ndim == 1 else 0
    if n < 3 or n * (n - 1) // 2 != given.size:
        raise ArrayError(
            f"{name} must be the N(N − 1)/2 dissimilarities of N ≥ 3 stimuli, or a matrix (N, N), got shape "
            f"{given.shape}"
        )
    if not np.isfinite(given).all():
        raise ArrayError(f"{name} must be finite, got NaN or infinity; leave those stimuli out")
    return Condensed(given)


def n_stimuli_of(n_pairs: int) -> int:
    """Return the number of stimuli with a number of pairs, rounded to a whole number."""
    return round((1 + np.sqrt(1 + 8 * n_pairs)) / 2)
