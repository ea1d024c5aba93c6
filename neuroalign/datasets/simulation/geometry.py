"""Geometry of a face from its factors: the measures that the renderer and the landmarks share.

Lengths are in half widths of the image divided by ZOOM; x runs to the right, y downwards, and the face
lies about (0, CENTRE_Y), which is the middle of the image.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.simulation.factors import FACTORS

Array = NDArray[Any]

#: Scale of the face, and height of the middle of the image.
ZOOM = 1.42
CENTRE_Y = 0.11
#: Height of the line through the eyes, and of the widest part of the head.
EYES_Y = 0.02
HEAD_Y = -0.04
#: Height of the cranium above HEAD_Y.
CRANIUM = 0.50
#: The height about which the head tilts.
PIVOT_Y = 0.35


@dataclass(frozen=True)
class Geometry:
    """Measures of one face; see :func:`geometry`."""

    half_width: float
    jaw: float  # exponent of the lower outline: the higher, the squarer
    chin_y: float
    hair_half_width: float
    hair_top: float
    hair_end: float
    hairline: float  # height of the fringe at the middle of the forehead
    eye_x: float
    eye_half_width: float
    eye_half_height: float
    brow_y: float  # lower edge
    brow_half_width: float
    brow_shift: float  # distance of its middle from the middle of the eye, inwards
    brow_thickness: float
    brow_shadow: float
    nose_y: float  # height of the tip
    nose_half_width: float
    nose_height: float  # distance of the tip from the face, forwards
    mouth_y: float
    mouth_half_width: float
    mouth_curve: float  # height of the corners above the middle
    mouth_opening: float
    lips: float  # thickness of the lower lip
    neck_half_width: float
    cheeks: float
    stubble: float
    make_up: float  # darkens lips and eyelids
    light_x: float
    tilt: float  # of the head in the plane of the image, radians

    def fringe_edge(self, x: Array) -> Array:
        """Return the height of the lower edge of the fringe: swept to one side, lower at the temples."""
        temples = np.clip(np.abs(x) - 0.30, 0, None)
        return self.hairline + 0.06 * x + 0.02 * np.sin(17 * x + 0.6) + 0.55 * temples**1.2

    def brow_edges(self, t: Array) -> tuple[Array, Array]:
        """Return the upper and the lower edge of an eyebrow; t runs from -1 (inner end) to 1."""
        bend = t - 0.2
        bottom = self.brow_y + np.where(bend > 0, 0.045, 0.012) * bend**2
        taper = np.sqrt(np.clip(1 - t * t, 0, 1)) * (1 - 0.45 * np.clip(t, 0, 1))
        return bottom - self.brow_thickness * taper, bottom

    def eyelids(self, t: Array) -> tuple[Array, Array]:
        """Return the edges of the upper and the lower eyelid; t runs from -1 (inner corner) to 1."""
        open_ = np.clip(1 - t * t, 0, 1)
        tilt = -0.012 * t
        return (
            EYES_Y - self.eye_half_height * open_**0.75 + tilt,
            EYES_Y + 0.72 * self.eye_half_height * open_ + tilt,
        )

    def lip_edges(self, t: Array) -> tuple[Array, Array, Array, Array]:
        """Return the edges of the upper lip, of the opening and of the lower lip, downwards.

        `t` runs from 0 (the middle) to 1 (a corner).
        """
        line = self.mouth_y - self.mouth_curve * (t * t - 0.35)
        opening = self.mouth_opening * (1 - t**2.5)
        taper = np.sqrt(np.clip(1 - t * t, 0, 1))
        notch = 1 - 0.35 * np.exp(-((t * self.mouth_half_width / 0.03) ** 2))
        bow = 0.040 * (1 - t**1.5) * notch * (0.8 + 0.2 * taper)
        upper, lower = line - 0.5 * opening, line + 0.5 * opening
        return upper - bow, upper, lower, lower + self.lips * taper

    def tilted(self, points: Array) -> Array:
        """Move points on an upright head, shape (n, 2), to their places on this head."""
        cosine, sine = np.cos(self.tilt), np.sin(self.tilt)
        return (points - [0, PIVOT_Y]) @ np.array([[cosine, sine], [-sine, cosine]]) + [0, PIVOT_Y]


def geometry(factors: ArrayLike) -> Geometry:
    """Return the measures of the face with these factors.

    Parameters
    ----------
    factors : array of shape (n_factors,)
        Factors in the order of :data:`neuroalign.datasets.simulation.factors.FACTORS`.

    Returns
    -------
    Geometry
    """
    f = dict(zip(FACTORS, np.asarray(factors, dtype=np.float64).tolist(), strict=True))
    return Geometry(
        half_width=0.49 + 0.062 * f["face_width"],
        jaw=2.8,
        chin_y=0.77,
        hair_half_width=0.62 + 0.013 * f["hair_volume"],
        hair_top=-0.57 - 0.026 * f["hair_volume"],
        hair_end=0.34 + 0.20 * f["hair_length"],
        hairline=-0.38 + 0.06 * f["fringe"],
        eye_x=0.225,
        eye_half_width=0.13,
        eye_half_height=0.06,
        brow_y=EYES_Y - 0.13,
        brow_half_width=0.19,
        brow_shift=0.01,
        brow_thickness=0.08,
        brow_shadow=0.5,
        nose_y=0.265,
        nose_half_width=0.11,
        nose_height=0.19,
        mouth_y=0.485,
        mouth_half_width=0.235 + 0.115 * f["smile"],
        mouth_curve=0.03 + 0.12 * f["smile"],
        mouth_opening=0.19 * (1 + f["smile"]),
        lips=0.06,
        neck_half_width=0.29,
        cheeks=0.03,
        stubble=0.2,
        make_up=0.3,
        light_x=3.0 * f["light_direction"],
        tilt=0.14 * f["head_tilt"],
    )
