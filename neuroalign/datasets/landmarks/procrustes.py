"""Shapes: sets of points without their position, size and orientation (Procrustes analysis)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_MOST_ROUNDS = 1000
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Placed:
    """Shapes, with the position, size and orientation of each in its image.

    Parameters
    ----------
    shapes : array of float64, shape (n, n_points, 2)
        Shapes with centroid 0 and centroid size 1, turned to the mean shape.
    centroid : array of float64, shape (n, 2)
        Mean of the points.
    size : array of float64, shape (n,)
        Centroid size: the root of the sum of squared distances of the points from their centroid.
    turn : array of complex128, shape (n,)
        Rotation from the shape to the points, as a complex number of modulus 1.
    """

    shapes: Points
    centroid: Points
    size: NDArray[np.float64]
    turn: NDArray[np.complex128]

    def place(self, points: Points) -> Points:
        """Move points from the mean shape to the corresponding places in each of the n images.

        Parameters
        ----------
        points : array of shape (m, 2)
            Points in the coordinates of the mean shape.

        Returns
        -------
        array of shape (n, m, 2)
        """
        placed = (self.size * self.turn)[:, np.newaxis] * _complex(points)
        return _real(placed) + self.centroid[:, np.newaxis]


def mean_shape(points: Points) -> Points:
    """Find the mean shape of several sets of points by generalised Procrustes analysis.

    Each set is moved to centroid 0 and scaled to centroid size 1. All sets are then turned to their mean, by the
    smallest sum of squared distances, and the mean is computed again and scaled to size 1, until it no longer
    changes. Rotations never include reflections. The orientation of the mean is the average orientation of the sets.

    Parameters
    ----------
    points : array of shape (n, n_points, 2)

    Returns
    -------
    array of float64, shape (n_points, 2)
        Centroid 0, centroid size 1.

    References
    ----------
    Gower (1975), Psychometrika 40:33; Dryden & Mardia (2016), Statistical Shape Analysis, sections 7.3
    and 8.3, where points of the plane are complex numbers, as they are here.
    """
    shapes, _, _ = _centred(points)
    upright = _unit(shapes.mean(axis=0))
    mean = upright
    for _ in range(_MOST_ROUNDS):
        turned = shapes * _turn(mean, shapes)[:, np.newaxis].conj()
        previous, mean = mean, _unit(turned.mean(axis=0))
        if np.abs(mean - previous).max() < _TOLERANCE:
            break
    return _real(mean * _turn(mean, upright[np.newaxis])[0])


def place_on(mean: Points, points: Points) -> Placed:
    """Remove position and size from sets of points, and turn each set to a mean shape.

    Parameters
    ----------
    mean : array of shape (n_points, 2)
        Mean shape by :func:`mean_shape`.
    points : array of shape (n, n_points, 2)
        The points of one set must not all be the same.
    """
    shapes, centroid, size = _centred(points)
    turn = _turn(_complex(mean), shapes)
    return Placed(_real(shapes * turn[:, np.newaxis].conj()), _real(centroid), size, turn)


def _centred(
    points: Points,
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.float64]]:
    complex_points = _complex(np.asarray(points, dtype=np.float64))
    centroid = complex_points.mean(axis=1)
    centred = complex_points - centroid[:, np.newaxis]
    size = np.sqrt((np.abs(centred) ** 2).sum(axis=1))
    return centred / size[:, np.newaxis], centroid, size


def _turn(mean: NDArray[np.complex128], shapes: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the rotations that bring the mean nearest to each shape."""
    # The last bits of a matrix product would depend on the number of threads.
    product = (shapes * mean.conj()).sum(axis=1)
    length = np.abs(product)
    return np.where(length > 0, product / np.where(length > 0, length, 1), 1)


def _unit(shape: NDArray[np.complex128]) -> NDArray[np.complex128]:
    centred = shape - shape.mean()
    size = np.sqrt((np.abs(centred) ** 2).sum())
    return centred / size if size > 0 else centred


def _complex(points: Points) -> NDArray[np.complex128]:
    return points[..., 0] + 1j * points[..., 1]


def _real(points: NDArray[np.complex128]) -> Points:
    return np.stack([points.real, points.imag], axis=-1)
