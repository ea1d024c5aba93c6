"""Principal components, computed exactly and with reproducible signs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

Matrix = NDArray[np.float64]

#: Number of entries of a matrix that are in memory at once.
BLOCK = 10_000_000


class Rows(Protocol):
    """A matrix of shape (n_rows, n_features): an array, or an object that reads parts of a larger one from a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The numbers of rows and features."""
        ...

    def __getitem__(self, key: Any, /) -> Matrix:
        """Return ``rows[slice]`` or ``rows[:, slice]`` as an array."""
        ...


@dataclass(frozen=True)
class PrincipalComponents:
    """First principal components of a matrix with one row for each stimulus.

    Parameters
    ----------
    mean : array of shape (n_features,)
    axes : array of shape (n_components, n_features)
        Orthonormal rows. The entry with the largest absolute value of each row is positive.
    scale : array of shape (n_components,)
        Standard deviation of the rows along each axis (ddof 0), descending; 0 for axes without variance.
    total : float
        Sum of the variances of all features (ddof 0).
    """

    mean: Matrix
    axes: Matrix
    scale: Matrix
    total: float

    @property
    def explained_variance(self) -> float:
        """Share of the variance of the rows along the axes; NaN for rows without variance."""
        return float((self.scale**2).sum() / self.total) if self.total > 0 else float("nan")

    def first(self, n: int) -> "PrincipalComponents":
        """Return the first `n` components."""
        return PrincipalComponents(self.mean, self.axes[:n], self.scale[:n], self.total)

    def project(self, rows: Rows) -> Matrix:
        """Return the coordinates of `rows`, shape (n, n_components); 0 on axes without variance."""
        coordinates = np.empty((rows.shape[0], len(self.axes)))
        with threadpool_limits(limits=1, user_api="blas"):
            for part in parts_of(rows.shape[0], rows.shape[1]):
                coordinates[part] = ((rows[part] - self.mean) @ self.axes.T) * (self.scale > 0)
        return coordinates

    def reconstruct(self, coordinates: Matrix) -> Matrix:
        """Return the rows that have these coordinates, shape (n, n_features)."""
        with threadpool_limits(limits=1, user_api="blas"):
            return self.mean + coordinates @ self.axes


def most_components(n_rows: int, n_features: int) -> int:
    """Return the largest number of principal components of a centred matrix of this shape."""
    return max(0, min(n_rows - 1, n_features))


def principal_components(rows: Rows, n: int) -> PrincipalComponents:
    """Find the first `n` principal components.

    The eigenvectors of the smaller of the two Gram matrices are computed exactly. This is fast for a few thousand
    stimuli with any number of units, and for few units with any number of stimuli.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        The matrix is read in parts, so that only one part and the smaller Gram matrix are in memory.
    n : int
        At most ``most_components(n_rows, n_features)``.

    Returns
    -------
    PrincipalComponents

    Notes
    -----
    The Gram matrix squares the singular values, so a component with a standard deviation below 1e-7 of the largest one
    is indistinguishable from rounding errors; it counts as a component without variance. One thread computes, because
    the last bits would depend on the number of threads.
    """
    n_rows, n_features = rows.shape
    with threadpool_limits(limits=1, user_api="blas"):
        few_rows = n_rows < n_features
        mean, gram = (_few_rows if few_rows else _many_rows)(rows)
        size = len(gram)
        values, vectors = eigh(gram, subset_by_index=[size - n, size - 1])
        singular = np.sqrt(np.maximum(values[::-1], 0))
        singular[singular <= 1e-7 * singular[0]] = 0
        vectors = vectors[:, ::-1]
        if few_rows:
            axes = np.empty((n, n_features))
            for part in parts_of(n_features, n_rows):
                axes[:, part] = ((rows[:, part] - mean[part]).T @ vectors).T
            axes /= np.where(singular > 0, singular, 1)[:, np.newaxis]
            axes[singular == 0] = 0
        else:
            axes = np.ascontiguousarray(vectors.T)
        total = float(np.trace(gram)) / n_rows
    return PrincipalComponents(mean, axes * signs(axes)[:, np.newaxis], singular / np.sqrt(n_rows), total)


def _few_rows(rows: Rows) -> tuple[Matrix, Matrix]:
    """Return the mean of the rows, and the products of all pairs of centred rows."""
    n_rows, n_features = rows.shape
    mean, gram = np.empty(n_features), np.zeros((n_rows, n_rows))
    for part in parts_of(n_features, n_rows):
        block = rows[:, part]
        mean[part] = block.mean(axis=0)
        centred = block - mean[part]
        gram += centred @ centred.T
    return mean, gram


def _many_rows(rows: Rows) -> tuple[Matrix, Matrix]:
    """Return the mean of the rows, and the products of all pairs of centred columns."""
    n_rows, n_features = rows.shape
    mean, gram = np.zeros(n_features), np.zeros((n_features, n_features))
    for part in parts_of(n_rows, n_features):
        mean += rows[part].sum(axis=0)
    mean /= n_rows
    for part in parts_of(n_rows, n_features):
        centred = rows[part] - mean
        gram += centred.T @ centred
    return mean, gram


def parts_of(n: int, length: int) -> Iterator[slice]:
    """Divide n rows or columns of this length into parts that fit into memory."""
    step = max(1, BLOCK // max(1, length))
    for start in range(0, n, step):
        yield slice(start, start + step)


def signs(axes: Matrix) -> Matrix:
    """Return the sign, 1 or -1, of the entry with the largest absolute value of each row."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    return np.where(largest < 0, -1.0, 1.0)
