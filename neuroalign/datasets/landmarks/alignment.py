"""Alignment of faces: eyes and mouth at fixed places of a square image, by a similarity transform."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from neuroalign.datasets.landmarks.parts import part_slice
from neuroalign.errors import UsageError

# Most samples along each side of an aligned pixel: a photograph of that many times its resolution loses no detail.
_MOST_SAMPLES = 8


@dataclass(frozen=True)
class Crop:
    """Places of eyes and mouth in an aligned image.

    Parameters
    ----------
    size : int
        Side of the image in pixels.
    eye_x, eye_y : float
        Centre of the left eye of the image, as shares of the side. The right eye is at ``1 - eye_x``.
    mouth_y : float
        Height of the centre of the lips, as a share of the side; the lips are in the middle.

    Raises
    ------
    UsageError
        If a place is not inside the image, or the mouth is not below the eyes.
    """

    size: int = 128
    eye_x: float = 0.29
    eye_y: float = 0.34
    mouth_y: float = 0.73

    def __post_init__(self) -> None:
        if self.size < 16:
            raise UsageError(f"the size must be at least 16 pixels, got {self.size}")
        if not (0 < self.eye_x < 0.5 and 0 < self.eye_y < self.mouth_y < 1):
            raise UsageError(
                "the crop must have 0 < EYE_X < 0.5 and 0 < EYE_Y < MOUTH_Y < 1, got "
                f"{self.eye_x:g},{self.eye_y:g},{self.mouth_y:g}"
            )

    @property
    def targets(self) -> NDArray[np.float64]:
        """Places of the left eye, the right eye and the mouth in pixels, shape (3, 2)."""
        places = [(self.eye_x, self.eye_y), (1 - self.eye_x, self.eye_y), (0.5, self.mouth_y)]
        return self.size * np.array(places)


@dataclass(frozen=True)
class Similarity:
    """A similarity transform of the plane: ``z`` to ``factor * z + shift``, with x + iy for a point (x, y).

    Parameters
    ----------
    factor : complex
        Scale (modulus) and rotation (argument).
    shift : complex
    """

    factor: complex
    shift: complex

    @classmethod
    def fit(cls, points: ArrayLike, targets: ArrayLike) -> "Similarity":
        """Return the transform with the least sum of squared distances of moved points from their targets.

        Parameters
        ----------
        points, targets : array of shape (n, 2)
            At least two different points.

        Examples
        --------
        >>> turned = Similarity.fit([[0, 0], [1, 0], [0, 1]], [[5, 5], [5, 7], [3, 5]])
        >>> turned.scale
        2.0
        >>> turned.move([[1, 1]]).round(6).tolist()
        [[3.0, 7.0]]
        """
        source, target = _complex(points), _complex(targets)
        centred = source - source.mean()
        factor = complex((target * centred.conj()).sum() / (np.abs(centred) ** 2).sum())
        return cls(factor, complex(target.mean() - factor * source.mean()))

    @property
    def scale(self) -> float:
        """Length of a moved vector over its length before."""
        return abs(self.factor)

    def move(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return moved points, shape (…, 2)."""
        return _real(self.factor * _complex(points) + self.shift)

    def inverse(self) -> "Similarity":
        """Return the transform that moves points back."""
        return Similarity(1 / self.factor, -self.shift / self.factor)


def centres(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centres of the left eye, the right eye and the outer lips of the image, shape (3, 2).

    Parameters
    ----------
    points : array of shape (68, 2)
        Landmarks in the order of :func:`neuroalign.datasets.landmarks.parts.names_of_68`.
    """
    return np.stack(
        [points[part_slice(part)].mean(axis=0) for part in ("left_eye", "right_eye", "outer_lips")]
    )


def outside_share(to_crop: Similarity, crop: Crop, width: int, height: int) -> float:
    """Return the share of the pixels of an aligned image that lie outside the photograph, from 0 to 1.

    Parameters
    ----------
    to_crop : Similarity
        Transform from the photograph to the aligned image.
    crop : Crop
    width, height : int
        Size of the photograph in pixels.
    """
    middle = np.arange(crop.size) + 0.5
    x, y = np.moveaxis(to_crop.inverse().move(np.stack(np.meshgrid(middle, middle), axis=-1)), -1, 0)
    return float(((x < 0) | (x > width) | (y < 0) | (y > height)).mean())


def align(photograph: Image.Image, to_crop: Similarity, crop: Crop) -> Image.Image:
    """Return the aligned image.

    Parameters
    ----------
    photograph : PIL.Image.Image
        Grey or RGB image. Its outermost pixels continue beyond its edge.
    to_crop : Similarity
        Transform from the photograph to the aligned image.
    crop : Crop

    Returns
    -------
    PIL.Image.Image
        Square image in the mode of the photograph, by cubic interpolation. A photograph with a higher resolution is
        averaged over the area of each pixel.
    """
    n_samples = int(np.clip(np.ceil(1 / to_crop.scale - 1e-9), 1, _MOST_SAMPLES))
    back = to_crop.inverse()
    side = crop.size
    corners = back.move([(0, 0), (side, 0), (0, side), (side, side)])
    # Only the part of the photograph around the crop is needed, and with two pixels for the interpolation.
    left, top = (int(value) for value in np.floor(corners.min(axis=0)) - 2)
    right, bottom = (int(value) for value in np.ceil(corners.max(axis=0)) + 2)
    rows = np.clip(np.arange(top, bottom), 0, photograph.height - 1)
    columns = np.clip(np.arange(left, right), 0, photograph.width - 1)
    around = np.atleast_3d(np.asarray(photograph)[rows][:, columns]).astype(np.float32)
    factor, shift = back.factor / n_samples, back.shift - complex(left, top)
    matrix = (factor.real, -factor.imag, shift.real, factor.imag, factor.real, shift.imag)
    channels = []
    for channel in np.moveaxis(around, -1, 0):
        # Pillow cuts off the fractions of interpolated values, except in images of floating point.
        warped = Image.fromarray(channel).transform(
            (side * n_samples, side * n_samples),
            Image.Transform.AFFINE,
            matrix,
            resample=Image.Resampling.BICUBIC,
        )
        channels.append(np.asarray(warped.reduce(n_samples)))
    values = np.rint(np.clip(np.stack(channels, axis=-1), 0, 255)).astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def _complex(points: ArrayLike) -> NDArray[np.complex128]:
    values = np.asarray(points, dtype=np.float64)
    return values[..., 0] + 1j * values[..., 1]


def _real(points: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.stack([points.real, points.imag], axis=-1)
