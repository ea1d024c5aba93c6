"""Landmarks of a rendered face, from the measures of its image."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.simulation.geometry import CENTRE_Y, EYES_Y, HEAD_Y, ZOOM, Geometry, geometry

#: Number of points of each part, in this order. Pairs of parts run from the outer to the inner corner.
PARTS = {
    "outline": 19,
    "left_brow": 6,
    "right_brow": 6,
    "left_eye": 8,
    "right_eye": 8,
    "pupils": 2,
    "nose": 9,
    "lips": 12,
    "hairline": 10,
}

#: Names of all landmarks: outline_01, …, hairline_10.
LANDMARKS = tuple(f"{part}_{number:02d}" for part, n in PARTS.items() for number in range(1, n + 1))


def landmarks(factors: ArrayLike, *, size: int = 200) -> NDArray[np.float64]:
    """Return the positions of the landmarks of a face.

    Parameters
    ----------
    factors : array of shape (n_factors,)
    size : int
        Side of the image in pixels.

    Returns
    -------
    array of shape (80, 2), float64
        x and y in pixels from the upper left corner of the image; the middle of the first pixel is at 0.5.
        Left and right are sides of the image.
    """
    g = geometry(factors)
    points = np.concatenate(
        [
            _outline(g),
            _paired(_brow(g)),
            _paired(_eye(g)),
            [[-g.eye_x, EYES_Y - 0.004], [g.eye_x, EYES_Y - 0.004]],
            _nose(g),
            _lips(g),
            _hairline(g),
        ]
    )
    return ((g.tilted(points) - [0, CENTRE_Y]) * ZOOM + 1) / 2 * size


def _paired(right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([right * [-1, 1], right])


def _outline(g: Geometry) -> NDArray[np.float64]:
    """From the left temple round the chin to the right temple."""
    angle = np.linspace(np.pi, 0, PARTS["outline"])
    # Even steps of the angle, made even along the squarer curve too.
    x = g.half_width * np.cos(angle)
    v = np.clip(1 - np.cos(angle) ** 2, 0, 1) ** (1 / g.jaw)
    return np.stack([x, HEAD_Y + (g.chin_y - HEAD_Y) * v], axis=1)


def _brow(g: Geometry) -> NDArray[np.float64]:
    t = np.array([0.85, 0.2, -0.7])
    top, bottom = g.brow_edges(t)
    x = g.eye_x - g.brow_shift + g.brow_half_width * t
    return np.concatenate([np.stack([x, top], axis=1), np.stack([x, bottom], axis=1)[::-1]])


def _eye(g: Geometry) -> NDArray[np.float64]:
    t = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    upper, lower = g.eyelids(t)
    x = g.eye_x + g.eye_half_width * t
    return np.concatenate([np.stack([x, upper], axis=1), np.stack([x, lower], axis=1)[3:0:-1]])


def _nose(g: Geometry) -> NDArray[np.float64]:
    """Down the ridge to the tip, then from the left wing to the right one."""
    ridge = np.linspace(-0.08, g.nose_y, 4)
    wings = g.nose_half_width * np.array([-1, -0.55, 0, 0.55, 1])
    below = g.nose_y + np.array([0, 0.035, 0.05, 0.035, 0])
    return np.concatenate([np.stack([0 * ridge, ridge], axis=1), np.stack([wings, below], axis=1)])


def _lips(g: Geometry) -> NDArray[np.float64]:
    """From the left corner over the upper lip to the right corner, and back under the lower lip."""
    t = np.array([-1, -0.6, -0.2, 0.2, 0.6, 1])
    top, _, _, _ = g.lip_edges(np.abs(t))
    upper = np.stack([g.mouth_half_width * t, top], axis=1)
    inner = np.array([0.7, 0.35, 0.0, -0.35, -0.7])
    _, _, _, bottom = g.lip_edges(np.abs(inner))
    lower = np.stack([g.mouth_half_width * inner, bottom], axis=1)
    teeth = np.array([[0.0, g.lip_edges(np.zeros(1))[1][0]]])
    return np.concatenate([upper, lower, teeth])


def _hairline(g: Geometry) -> NDArray[np.float64]:
    x = np.linspace(-0.36, 0.36, PARTS["hairline"])
    return np.stack([x, g.fringe_edge(x)], axis=1)
