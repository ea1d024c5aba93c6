"""Piecewise affine warps of images from one arrangement of points to another, and back."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import Delaunay

from neuroalign.model_zoo.fitted.components import Matrix

# Order of the splines between pixels: an image that is warped twice keeps more detail with cubic than with linear ones.
_ORDER: Final = 3


class Mesh:
    """Triangles between reference points, within which images are warped.

    The Delaunay triangulation of the reference points is used for the points of every image. So a warp and its inverse
    have the same triangles, and cancel each other except for interpolation.

    Parameters
    ----------
    points : array of shape (n_points, 2)
        x, y of the reference points in pixels; the middle of the first pixel is at 0.5. The image must lie within the
        convex hull of the points.
    size : int
        Side of the images in pixels.

    References
    ----------
    Cootes, Edwards & Taylor (2001), IEEE PAMI 23:681; Glasbey & Mardia (1998), J. Appl. Stat. 25:155.
    """

    def __init__(self, points: Matrix, size: int) -> None:
        middle = np.arange(size) + 0.5
        self._x, self._y = (grid.ravel() for grid in np.meshgrid(middle, middle))
        self._points = points
        self._size = size
        triangulation = Delaunay(points)
        self._corners = triangulation.simplices
        pixels = np.stack([self._x, self._y], axis=1)
        triangle = triangulation.find_simplex(pixels)
        # Barycentric coordinates of the pixels do not depend on the image, so they are computed once.
        affine = triangulation.transform[triangle]
        first = np.einsum("pij,pj->pi", affine[:, :2], pixels - affine[:, 2])
        self._weights = np.column_stack([first, 1 - first.sum(axis=1)])
        self._corners_of_pixels = self._corners[triangle]

    def to_reference(self, image: Matrix, points: Matrix) -> Matrix:
        """Warp an image so that its points come to lie at the reference points.

        Parameters
        ----------
        image : array of shape (size, size)
        points : array of shape (n_points, 2)
            x, y in this image. Its outermost pixels continue beyond its edges.

        Returns
        -------
        array of float64, shape (size, size)
        """
        return self._sample(image, _between(points, self._corners_of_pixels, self._weights))

    def from_reference(self, image: Matrix, points: Matrix) -> Matrix:
        """Warp an image so that its reference points come to lie at other points.

        Where triangles overlap, a pixel belongs to the triangle that it lies deepest in; in a gap, to the nearest one.

        Parameters
        ----------
        image : array of shape (size, size)
        points : array of shape (n_points, 2)

        Returns
        -------
        array of float64, shape (size, size)
        """
        first, second, third = (points[self._corners[:, corner]] for corner in range(3))
        (x1, y1), (x2, y2) = (second - first).T, (third - first).T
        area = x1 * y2 - x2 * y1
        flat = np.abs(area) < 1e-9
        area[flat] = 1.0
        x, y = self._x[:, np.newaxis] - first[:, 0], self._y[:, np.newaxis] - first[:, 1]
        to_second = (x * y2 - y * x2) / area
        to_third = (y * x1 - x * y1) / area
        depth = np.minimum(np.minimum(to_second, to_third), 1 - to_second - to_third)
        depth[:, flat] = -np.inf
        triangle = depth.argmax(axis=1)
        pixel = np.arange(len(triangle))
        to_second, to_third = to_second[pixel, triangle], to_third[pixel, triangle]
        weights = np.column_stack([1 - to_second - to_third, to_second, to_third])
        return self._sample(image, _between(self._points, self._corners[triangle], weights))

    def _sample(self, image: Matrix, at: Matrix) -> Matrix:
        # Array indices count from the middle of the first pixel, and rows come first.
        sampled = map_coordinates(image, at.T[::-1] - 0.5, order=_ORDER, mode="nearest")
        return sampled.reshape(self._size, self._size)


def _between(points: Matrix, corners: NDArray[np.int32], weights: Matrix) -> Matrix:
    return np.einsum("pk,pkd->pd", weights, points[corners])
