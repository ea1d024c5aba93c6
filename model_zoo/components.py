"""Principal components, exact and with signs that do not depend on chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class PrincipalComponents:
    """The first principal components of a matrix with one row for each stimulus.

    Parameters
    ----------
    mean : array of shape (n_features,)
    axes : array of shape (n_components, n_features)
        Orthonormal rows; in each, the entry with the largest absolute value is positive.
    scale : array of shape (n_components,)
        Standard deviation of the rows along each axis (ddof 0), descending; 0 where there is none.
    """

    mean: Matrix
    axes: Matrix
    scale: Matrix

    def first(self, n: int) -> "PrincipalComponents":
        """Return the first `n` components."""
        return PrincipalComponents(self.mean, self.axes[:n], self.scale[:n])

    def project(self, rows: Matrix) -> Matrix:
        """Return the coordinates of `rows`, shape (n, n_components); 0 on axes without variance."""
        with threadpool_limits(limits=1, user_api="blas"):
            return ((rows - self.mean) @ self.axes.T) * (self.scale > 0)

    def reconstruct(self, coordinates: Matrix) -> Matrix:
        """Return the rows that have these coordinates, shape (n, n_features)."""
        with threadpool_limits(limits=1, user_api="blas"):
            return self.mean + coordinates @ self.axes


def most_components(n_rows: int, n_features: int) -> int:
    """Return how many principal components a matrix of this shape can have once it is centred."""
    return max(0, min(n_rows - 1, n_features))


def principal_components(rows: Matrix, n: int) -> PrincipalComponents:
    """Find the first `n` principal components.

    The eigenvectors of the smaller of the two Gram matrices are computed exactly, so a few thousand
    stimuli with any number of units, or few units with any number of stimuli, are quick.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
    n : int
        At most ``most_components(n_rows, n_features)``.

    Returns
    -------
    PrincipalComponents

    Notes
    -----
    The Gram matrix squares the singular values, so components whose standard deviation is below
    1e-7 of the largest cannot be told from rounding errors; they count as without variance. One
    thread is used: the last bits would otherwise depend on the number of threads.
    """
    n_rows, n_features = rows.shape
    with threadpool_limits(limits=1, user_api="blas"):
        mean = rows.mean(axis=0)
        centred = rows - mean
        few_rows = n_rows < n_features
        gram = centred @ centred.T if few_rows else centred.T @ centred
        size = len(gram)
        values, vectors = eigh(gram, subset_by_index=[size - n, size - 1])
        singular = np.sqrt(np.maximum(values[::-1], 0))
        singular[singular <= 1e-7 * singular[0]] = 0
        vectors = vectors[:, ::-1]
        if few_rows:
            axes = (centred.T @ vectors).T / np.where(singular > 0, singular, 1)[:, np.newaxis]
            axes[singular == 0] = 0
        else:
            axes = np.ascontiguousarray(vectors.T)
    return PrincipalComponents(mean, axes * signs(axes)[:, np.newaxis], singular / np.sqrt(n_rows))


def signs(axes: Matrix) -> Matrix:
    """Return the sign, 1 or -1, of the entry with the largest absolute value of each row."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    return np.where(largest < 0, -1.0, 1.0)
