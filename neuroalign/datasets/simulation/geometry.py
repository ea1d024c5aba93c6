"""From factors to the shape of a face: every measure that the renderer and the landmarks share.

Lengths are in half widths of the image divided by ZOOM; x runs to the right, y downwards, and the face
lies about (0, CENTRE_Y), which is the middle of the image.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.simulation.factors import FACTORS

Array = NDArray[Any]

#: Scale of the face, and what lies in the middle of the image.
ZOOM = 1.42
CENTRE_Y = 0.11
#: Height of the line through the eyes, and of the widest part of the head.
EYES_Y = 0.02
HEAD_Y = -0.04
#: Height of the cranium above HEAD_Y.
CRANIUM = 0.50
#: Brightness of skin in the mean over faces.
MEAN_SKIN = 0.82


@dataclass(frozen=True)
class Geometry:
    """The measures of one face; see :func:`geometry`."""

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
    brow_shift: float  # how far its middle is inwards of that of the eye
    brow_thickness: float
    brow_shadow: float
    nose_y: float  # height of the tip
    nose_half_width: float
    nose_height: float  # how far it comes forward
    nose_shadow: float
    mouth_y: float
    mouth_half_width: float
    mouth_curve: float  # how far the corners are above the middle
    mouth_opening: float
    lips: float  # thickness of the lower lip
    neck_half_width: float
    cheeks: float
    folds: float  # depth of the wrinkles, 0 to 1
    grey: float  # share of grey in the hair, 0 to 1
    stubble: float
    make_up: float  # darkens lips and eyelids
    skin: float
    light_x: float

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


def geometry(factors: ArrayLike) -> Geometry:
    """Return the measures of the face that has these factors.

    Parameters
    ----------
    factors : array of shape (n_factors,)
        In the order of :data:`neuroalign.datasets.simulation.factors.FACTORS`.

    Returns
    -------
    Geometry
    """
    # A sine slows a factor down near its ends, so that more faces are of clear character. It also helps
    # learners to tell factors apart: sums of two factors are then further from having this distribution.
    shaped = np.sin(0.5 * np.pi * np.asarray(factors, dtype=np.float64))
    f = dict(zip(FACTORS, shaped.tolist(), strict=True))
    masculine, smile = f["gender_morph"], f["smile"]
    return Geometry(
        half_width=0.49 + 0.070 * f["face_width"],
        jaw=2.8 + 0.6 * masculine,
        chin_y=0.755 + 0.022 * masculine + 0.028 * smile,
        hair_half_width=0.62 + 0.018 * f["hair_thickness"],
        hair_top=-0.57 - 0.012 * f["hair_thickness"],
        hair_end=0.34 + 0.24 * f["hair_length"],
        hairline=-0.38 + 0.09 * f["fringe"],
        eye_x=0.225 + 0.047 * f["eye_distance"],
        eye_half_width=0.13 + 0.03 * f["eye_distance"],
        eye_half_height=0.066 + 0.022 * f["eye_distance"],
        brow_y=EYES_Y - 0.14 + 0.04 * f["eyebrow_thickness"],
        brow_half_width=0.19,
        brow_shift=0.01,
        brow_thickness=0.083 + 0.064 * f["eyebrow_thickness"],
        nose_y=0.265 + 0.06 * f["nose_prominence"],
        nose_half_width=0.11 + 0.055 * f["nose_prominence"],
        nose_height=0.19 + 0.10 * f["nose_prominence"],
        nose_shadow=0.5 + 0.5 * f["nose_prominence"],
        mouth_y=0.505 + 0.012 * f["nose_prominence"],
        mouth_half_width=0.215 + 0.09 * smile,
        mouth_curve=0.03 + 0.085 * smile,
        mouth_opening=0.12 * (1 + smile),
        lips=0.06 - 0.015 * masculine,
        neck_half_width=0.29,
        cheeks=0.03 + 0.015 * smile,
        folds=(0.5 + 0.5 * f["age"]) ** 1.4,
        grey=0.5 + 0.5 * f["age"],
        brow_shadow=0.5 + 0.5 * f["eyebrow_thickness"],
        stubble=0.5 + 0.5 * masculine,
        make_up=0.5 - 0.5 * masculine,
        skin=MEAN_SKIN + 0.17 * f["skin_shade"],
        light_x=2.0 * f["light_direction"],
    )
