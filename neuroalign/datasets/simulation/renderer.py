"""Renderer of faces: a height field of head and features, lit from above, over an albedo map.

Every pixel is a function of the factors, without randomness.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.simulation.geometry import (
    CENTRE_Y,
    CRANIUM,
    EYES_Y,
    HEAD_Y,
    PIVOT_Y,
    ZOOM,
    Array,
    Geometry,
    geometry,
)

#: Version of the renderer; increase it when the same factors give other pixels.
VERSION = 2

BACKGROUND = 0.95
SKIN = 0.82
HAIR = 0.08
#: Depth of wrinkles, from 0 to 1.
FOLDS = 0.25
NOSE_SHADOW = 0.5


def render(factors: ArrayLike, *, size: int = 200, supersampling: int = 2) -> NDArray[np.float32]:
    """Draw one face.

    Parameters
    ----------
    factors : array of shape (n_factors,)
    size : int
        Side of the image in pixels.
    supersampling : int
        Number of points along each side of a pixel, over which the pixel is averaged.

    Returns
    -------
    array of shape (size, size), float32 in [0, 1]
    """
    n = size * supersampling
    axis = ((np.arange(n) + 0.5) / n * 2 - 1) / ZOOM
    x, y = axis.astype(np.float32)[None, :], (axis + CENTRE_Y).astype(np.float32)[:, None]
    canvas = _Canvas(geometry(factors), x, y, np.float32(2 / size / ZOOM))
    image = canvas.draw()
    return image.reshape(size, supersampling, size, supersampling).mean(axis=(1, 3), dtype=np.float32)


def _bell(x: Array) -> Array:
    return np.exp(-x * x)


def _ramp(x: Array, low: float, high: float) -> Array:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class _Canvas:
    """Drawing of one face on a grid x (1, n), y (n, 1), both float32.

    The neck is upright; everything else is drawn in the coordinates of the tilted head.
    """

    def __init__(self, shape: Geometry, x: Array, y: Array, pixel: np.float32) -> None:
        self.g, self.pixel = shape, pixel
        self.spacing = float(y[1, 0] - y[0, 0])
        self.neck_x, self.neck_y = x, y
        cosine, sine = np.float32(np.cos(shape.tilt)), np.float32(np.sin(shape.tilt))
        up = y - np.float32(PIVOT_Y)
        self.x = cosine * x + sine * up
        self.y = -sine * x + cosine * up + np.float32(PIVOT_Y)
        self.ax = np.abs(self.x)

    def draw(self) -> Array:
        """Paint from back to front."""
        head = self.inside(self.head_distance())
        light = np.array([self.g.light_x, -0.45, 1.0])
        self.light = light / np.linalg.norm(light)

        image = np.full(self.x.shape, BACKGROUND, dtype=np.float32)
        hair, hair_colour = self.hair()
        image = self.over(image, self.hair_back(), hair_colour * 0.82)
        image = self.over(image, *self.neck())
        image = self.over(image, *self.ears())
        image = self.over(image, head, self.face())
        image = self.over(image, hair, hair_colour)
        return np.clip(image, 0, 1)

    # --- tools -------------------------------------------------------------------------------

    def inside(self, distance: Array, soft: float = 0.0) -> Array:
        """Return the coverage of the region where the signed distance is negative."""
        width = max(float(self.pixel), soft)
        t = np.clip(0.5 - distance / width, 0, 1)
        return t * t * (3 - 2 * t)

    @staticmethod
    def over(below: Array, mask: Array, colour: Array | float) -> Array:
        """Paint `colour` on `below`, weighted by `mask`."""
        return below + mask * (colour - below)

    def shade(self, height: Array, *, ambient: float, wrap: float = 0.35) -> Array:
        """Light a height field: Lambert's law, wrapped around so that shadows stay soft."""
        dy, dx = np.gradient(height, self.spacing)
        lx, ly, lz = (np.float32(component) for component in self.light)
        cosine = (lz - dx * lx - dy * ly) / np.sqrt(1 + dx * dx + dy * dy)
        lit = np.clip((cosine + wrap) / (1 + wrap), 0, None)
        return ambient + (1 - ambient) * lit

    def head_distance(self) -> Array:
        g, x, y = self.g, self.x, self.y
        below = y > HEAD_Y
        b = np.where(below, g.chin_y - HEAD_Y, CRANIUM)
        power = np.where(below, g.jaw, 2.0)
        v = np.abs(y - HEAD_Y) / b
        value = (x / g.half_width) ** 2 + v**power - 1
        slope = np.sqrt((2 * x / g.half_width**2) ** 2 + (power * v ** (power - 1) / b) ** 2)
        return (value / np.maximum(slope, 1e-3)).astype(np.float32)

    # --- parts -------------------------------------------------------------------------------

    def neck(self) -> tuple[Array, Array]:
        g, x, y = self.g, self.neck_x, self.neck_y
        half = g.neck_half_width + 0.9 * np.clip(y - 0.86, 0, None) ** 1.5
        mask = self.inside(np.maximum(np.abs(x) - half, y - 0.95 - 0.08 * _bell(x / 0.17))) * (y > 0.3)
        height = 0.3 * np.sqrt(np.clip(1 - (x / (half + 0.03)) ** 2, 0.02, None))
        shade = self.shade(height + 0 * y, ambient=0.45)
        cast = 1 - 0.45 * self.inside(self.head_distance() - 0.07, soft=0.16)
        return mask, SKIN * 0.95 * shade * cast

    def ears(self) -> tuple[Array, Array]:
        g, y = self.g, self.y
        dx, dy = (self.ax - g.half_width - 0.015) / 0.062, (y - 0.09) / 0.145
        radius = np.sqrt(dx * dx + dy * dy)
        inner = _bell((radius - 0.45) / 0.3)
        return self.inside((radius - 1) * 0.062), SKIN * (0.88 - 0.3 * inner) * (
            1 + 0.12 * self.x * g.light_x
        )

    def hair_outer(self) -> Array:
        """Return the signed distance from the outer outline of the hair."""
        g, x, y = self.g, self.x, self.y
        y0 = -0.2
        up = np.sqrt((x / g.hair_half_width) ** 2 + (np.minimum(y - y0, 0) / (g.hair_top - y0)) ** 2)
        crown = (up - 1) * g.hair_half_width
        flare = g.hair_half_width * (1 - 0.10 * _ramp(y, -0.1, 0.6))
        return np.where(y < y0, crown, self.ax - flare).astype(np.float32)

    def strands(self) -> Array:
        """Return a deterministic grain along the hair, about ±1."""
        x, y = self.x, self.y
        flow = np.arctan2(x + 0.06, 0.95 + np.minimum(y, 0)) + 0.25 * x * np.clip(y, 0, None)
        return (
            0.5 * np.sin(41 * flow + 1.3 * np.sin(9 * flow))
            + 0.3 * np.sin(97 * flow + 2.0 + 2 * y)
            + 0.2 * np.sin(23 * flow - 1.0)
        )

    def hair_length_mask(self) -> Array:
        g = self.g
        ends = g.hair_end + 0.03 * np.sin(26 * self.ax) - 0.25 * (self.ax - 0.5)
        return self.inside(self.y - ends, soft=0.07)

    def hair_back(self) -> Array:
        return self.inside(self.hair_outer()) * self.hair_length_mask()

    def hair(self) -> tuple[Array, Array]:
        """Return the fringe and sides in front of the face, and the colour of all hair."""
        g, x, y = self.g, self.x, self.y
        outer = self.inside(self.hair_outer())
        edge = g.fringe_edge(x)
        top = self.inside(y - edge, soft=0.05) * self.inside(y + 0.12, soft=0.1)
        side_edge = 0.455 + 0.9 * (g.half_width - 0.5) + 0.03 * np.sin(6 * y + 1) - 0.02 * _ramp(y, 0.0, 0.6)
        side = self.inside(side_edge - self.ax, soft=0.03) * self.hair_length_mask()
        mask = outer * np.maximum(top, side)
        depth = np.clip(-self.hair_outer() / g.hair_half_width, 0, 1)
        height = 0.45 * np.sqrt(depth * (2 - depth) + 0.02)
        shade = self.shade(height, ambient=0.55)
        gloss = 0.16 * _bell((y + 0.50 - 0.45 * x * x) / 0.08)
        colour = HAIR * (shade * (1 + 0.16 * self.strands()) + gloss * (1.2 + 0.6 * self.strands()))
        return mask, colour.astype(np.float32)

    def face(self) -> Array:
        """Return the lit skin with all features."""
        g, x, y, ax = self.g, self.x, self.y, self.ax
        below = y > HEAD_Y
        v = np.abs(y - HEAD_Y) / np.where(below, g.chin_y - HEAD_Y, CRANIUM)
        bulge = 1 - (x / g.half_width) ** 2 - v ** np.where(below, g.jaw, 2.0)
        height = 0.42 * np.sqrt(np.clip(bulge, 0, None) + 0.03)
        eye = _bell((ax - g.eye_x) / 0.14) * _bell((y - EYES_Y + 0.01) / 0.085)
        height -= 0.055 * eye
        height += 0.035 * _bell((ax - 0.2) / 0.17) * _bell((y - g.brow_y + 0.01) / 0.05)
        height += g.cheeks * _bell((ax - 0.27) / 0.13) * _bell((y - 0.22) / 0.12)
        height += 0.05 * _bell(x / 0.13) * _bell((y - g.chin_y + 0.1) / 0.08)
        height += self.nose_height_field()
        height += 0.03 * _bell(x / (0.9 * g.mouth_half_width)) * _bell((y - g.mouth_y) / 0.085)
        shade = self.shade(height, ambient=0.36)

        skin = np.full(x.shape, SKIN, dtype=np.float32)
        skin *= 1 - 0.10 * _bell((ax - 0.29) / 0.12) * _bell((y - 0.24) / 0.1)
        skin *= 1 - (0.06 + 0.28 * g.brow_shadow) * _bell((ax - g.eye_x) / 0.15) * _bell(
            (y - EYES_Y + 0.05) / 0.07
        )
        skin *= 1 - self.stubble()
        lid = _bell((ax - g.eye_x) / (1.1 * g.eye_half_width)) * _bell(
            (y - EYES_Y + 0.9 * g.eye_half_height) / 0.045
        )
        skin *= 1 - 0.7 * g.make_up * lid
        skin *= self.folds()
        skin *= self.nose_shadows()
        skin = self.paint_mouth(skin)
        skin = self.paint_brows(skin)
        image = skin * shade * 1.1
        gloss = 0.05 * _bell(x / 0.03) * _bell((y - g.nose_y + 0.04) / 0.05)
        gloss = gloss + 0.03 * _bell(x / 0.2) * _bell((y + 0.35) / 0.12)
        return self.paint_eyes(image + gloss)

    def nose_height_field(self) -> Array:
        g, x, y, ax = self.g, self.x, self.y, self.ax
        down = np.clip((y + 0.12) / (g.nose_y + 0.12), 0, 1)
        profile = down**1.3 * self.inside(y - g.nose_y - 0.03, soft=0.11)
        half = 0.035 + 0.6 * g.nose_half_width * down
        ridge = g.nose_height * profile * _bell(x / half)
        alae = (
            0.3 * g.nose_height * _bell((ax - 0.85 * g.nose_half_width) / 0.04) * _bell((y - g.nose_y) / 0.04)
        )
        return ridge + alae

    def nose_shadows(self) -> Array:
        g, x, y, ax = self.g, self.x, self.y, self.ax
        dx = (ax - 0.55 * g.nose_half_width) / (0.36 * g.nose_half_width)
        dy = (y - g.nose_y - 0.035 + 0.1 * (ax - 0.05)) / 0.019
        nostril = self.inside((np.sqrt(dx * dx + dy * dy) - 1) * 0.02, soft=0.025)
        wing = _bell((ax - g.nose_half_width - 0.012) / 0.016) * _bell((y - g.nose_y) / 0.045)
        under = _bell(x / (1.15 * g.nose_half_width)) * _bell((y - g.nose_y - 0.062) / 0.035)
        side = _bell((ax - 0.045 - 0.5 * g.nose_half_width * _ramp(y, -0.1, 0.25)) / 0.05)
        side = side * _ramp(y, -0.12, -0.02) * (1 - _ramp(y, g.nose_y - 0.06, g.nose_y))
        return (
            (1 - (0.5 + 0.4 * NOSE_SHADOW) * nostril)
            * (1 - (0.15 + 0.45 * NOSE_SHADOW) * wing)
            * (1 - (0.1 + 0.68 * NOSE_SHADOW) * under)
            * (1 - 0.6 * NOSE_SHADOW * side)
        )

    def stubble(self) -> Array:
        g, y, ax = self.g, self.y, self.ax
        beard = _ramp(y, 0.36, 0.50) * (0.45 + 0.55 * _bell(ax / 0.30))
        moustache = _bell(ax / 0.17) * _bell((y - 0.40) / 0.045)
        sides = 0.35 * _ramp(ax, 0.30, 0.44) * _ramp(y, 0.0, 0.35)
        return 0.94 * g.stubble * np.clip(np.maximum(np.maximum(beard, moustache), sides), 0, 1)

    def folds(self) -> Array:
        g, x, y, ax = self.g, self.x, self.y, self.ax
        # From the wing of the nose round the corner of the mouth.
        along = np.clip((y - g.nose_y) / (g.mouth_y + 0.06 - g.nose_y), 0, 1)
        centre = (
            g.nose_half_width + 0.03 + (g.mouth_half_width + 0.05 - g.nose_half_width - 0.03) * along**0.8
        )
        window = _ramp(y, g.nose_y - 0.05, g.nose_y + 0.02) * (
            1 - _ramp(y, g.mouth_y + 0.02, g.mouth_y + 0.12)
        )
        nasolabial = _bell((ax - centre) / 0.018) * window
        bags = _bell((y - EYES_Y - 0.095 + 0.5 * (ax - g.eye_x) ** 2 / 0.1) / 0.016) * _bell(
            (ax - g.eye_x) / 0.1
        )
        lines = sum(_bell((y - height + 0.06 * x * x) / 0.011) for height in (-0.22, -0.28, -0.34))
        forehead = lines * _bell(x / 0.26)
        frown = _bell((ax - 0.035) / 0.012) * _bell((y - EYES_Y + 0.14) / 0.04)
        hollow = _bell((ax - 0.36) / 0.07) * _bell((y - 0.36) / 0.14)
        return (
            (1 - 0.50 * FOLDS * nasolabial)
            * (1 - 0.35 * FOLDS * bags)
            * (1 - 0.36 * FOLDS * forehead)
            * (1 - 0.15 * FOLDS * frown)
            * (1 - 0.18 * FOLDS * hollow)
        )

    def paint_mouth(self, skin: Array) -> Array:
        g, x, y = self.g, self.x, self.y
        t = np.clip(self.ax / g.mouth_half_width, 0, 1)
        taper = np.sqrt(1 - t * t)
        top, upper, lower, bottom = g.lip_edges(t)
        opening = lower - upper
        mask = self.inside(np.maximum(top - y, y - bottom), soft=0.015) * (self.ax < g.mouth_half_width)
        colour = (
            SKIN * (0.62 - 0.40 * g.make_up) * np.where(y < 0.5 * (upper + lower), 0.9, 1.0)
            + 0.09 * _bell((y - lower - 0.5 * g.lips) / 0.015) * taper
        )
        skin = self.over(skin, mask, colour.astype(np.float32))
        hole = self.inside(np.maximum(upper - y, y - lower), soft=0.014) * (self.ax < g.mouth_half_width)
        teeth = 0.95 - 0.55 * t**3
        teeth = self.over(
            0.05 + 0.12 * _bell((y - lower) / 0.04), self.inside(y - upper - 0.22 * opening), teeth
        )
        skin = self.over(skin, hole, teeth.astype(np.float32))
        seam = _bell((y - upper) / 0.010) * np.sqrt(1 - t**4)
        skin = skin * (1 - 0.7 * seam)
        corner = _bell((self.ax - g.mouth_half_width) / 0.02) * _bell(
            (y - g.mouth_y + 0.65 * g.mouth_curve) / 0.016
        )
        shadow = _bell(x / (0.7 * g.mouth_half_width)) * _bell((y - lower.min() - g.lips - 0.045) / 0.025)
        return skin * (1 - 0.5 * corner) * (1 - 0.14 * shadow)

    def paint_brows(self, skin: Array) -> Array:
        g, y = self.g, self.y
        t = (self.ax - g.eye_x + g.brow_shift) / g.brow_half_width
        top, bottom = g.brow_edges(t)
        mask = self.inside(np.maximum(top - y, y - bottom), soft=0.022) * (np.abs(t) < 1)
        grain = 1 + 0.15 * np.sin(130 * (self.ax + 0.6 * y))
        return self.over(skin, (0.6 + 0.4 * g.brow_shadow) * mask, 0.05 * grain)

    def paint_eyes(self, image: Array) -> Array:
        g, x, y = self.g, self.x, self.y
        t = (self.ax - g.eye_x) / g.eye_half_width
        upper, lower = g.eyelids(t)
        limit = np.abs(t) < 1
        mask = self.inside(np.maximum(upper - y, y - lower), soft=0.012) * limit
        dx = self.ax - g.eye_x
        radius = np.sqrt(dx * dx + (y - EYES_Y + 0.004) ** 2)
        iris = 0.95 * g.eye_half_height
        eye = 0.93 - 0.25 * _ramp(y, EYES_Y, EYES_Y - g.eye_half_height) - 0.18 * np.abs(t) ** 3
        eye = self.over(eye, self.inside(radius - iris), 0.16 + 0.22 * _ramp(radius, 0.0, iris * 0.85))
        eye = self.over(eye, _bell((radius - iris) / 0.007), 0.10)
        eye = self.over(eye, self.inside(radius - 0.45 * iris), 0.02)
        glint = np.sqrt((np.abs(x - 0.014) - g.eye_x) ** 2 + (y - EYES_Y + 0.02) ** 2)
        eye = self.over(eye, self.inside(glint - 0.010), 0.98)
        image = self.over(image, mask, eye.astype(np.float32))
        lash = self.inside(np.abs(y - upper + 0.004) - 0.011 - 0.006 * t, soft=0.012) * limit
        image = image * (1 - 0.88 * lash)
        low = _bell((y - lower - 0.003) / 0.007) * limit
        crease = _bell((y - upper + 0.032 - 0.01 * t * t) / 0.008) * np.clip(1.2 - t * t, 0, 1)
        return image * (1 - 0.35 * low) * (1 - 0.30 * np.clip(crease, 0, 1) * (np.abs(t) < 1.1))
