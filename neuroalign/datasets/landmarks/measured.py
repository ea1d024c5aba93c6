"""Factors of faces that are measured on landmarks and pixels: pose, shape, expression and light."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from neuroalign.datasets.landmarks.alignment import centres
from neuroalign.datasets.landmarks.parts import part_slice
from neuroalign.datasets.landmarks.pose import head_pose

#: Measured factors and their meaning. Lengths are shares of the side of the aligned image, grey levels lie between 0
#: (black) and 1 (white).
FACTORS: Mapping[str, str] = {
    "face_yaw": "turn of the head to the left of the image, in degrees",
    "face_pitch": "turn of the head downwards, in degrees",
    "face_width": "distance of the two ends of the jaw",
    "face_height": "distance of the chin from the middle of the brows",
    "mouth_width": "distance of the corners of the mouth",
    "mouth_opening": "mean distance of three points of the upper inner lip from three points of the lower one",
    "eye_opening": "mean distance of the upper from the lower lids, over both eyes",
    "brow_height": "mean height of the brows above the centres of the eyes",
    "luminance": "mean grey level of the image",
    "lighting": "mean grey level of the right half of the face minus the mean grey level of its left half",
    "contrast": "standard deviation of the grey level of the image",
    "skin_luminance": "median grey level of the cheeks",
}

# Corners of the cheeks among the 68 points: jaw, lower lid, wing of the nose, corner of the mouth, jaw.
_CHEEKS = ((2, 41, 31, 48, 4), (14, 46, 35, 54, 12))


def measure_face(points: NDArray[np.float64], pixels: NDArray[np.float32]) -> dict[str, float]:
    """Measure the factors of one face.

    Parameters
    ----------
    points : array of shape (68, 2)
        Landmarks in pixels of the image, in the order of
        :func:`neuroalign.datasets.landmarks.parts.names_of_68`.
    pixels : array of float32 in [0, 1], shape (side, side)
        Grey aligned image.

    Returns
    -------
    dict of str to float
        Value of each factor in :data:`FACTORS`.
    """
    side = len(pixels)
    pose = head_pose(points)
    left, right, _ = centres(points)
    brows = np.concatenate([points[part_slice("left_brow")], points[part_slice("right_brow")]])

    def distance(first: int, second: int) -> float:
        return float(np.linalg.norm(points[first] - points[second])) / side

    # The face is divided by the line through the bridge of the nose and the chin.
    bridge, chin = points[27], points[8]
    down = chin - bridge
    rows, columns = np.nonzero(_inside(points, side))
    beside = (columns + 0.5 - bridge[0]) * down[1] - (rows + 0.5 - bridge[1]) * down[0]
    grey = pixels[rows, columns]
    skin = np.zeros((side, side), dtype=bool)
    for cheek in _CHEEKS:
        skin |= _polygon(points[list(cheek)], side)
    return {
        "face_yaw": pose.yaw,
        "face_pitch": pose.pitch,
        "face_width": distance(0, 16),
        "face_height": float(np.linalg.norm(chin - brows.mean(axis=0))) / side,
        "mouth_width": distance(48, 54),
        "mouth_opening": float(np.mean([distance(61, 67), distance(62, 66), distance(63, 65)])),
        "eye_opening": float(
            np.mean([distance(37, 41), distance(38, 40), distance(43, 47), distance(44, 46)])
        ),
        "brow_height": float((left[1] + right[1]) / 2 - brows[:, 1].mean()) / side,
        "luminance": float(pixels.mean(dtype=np.float64)),
        "lighting": _mean(grey[beside > 0]) - _mean(grey[beside < 0]),
        "contrast": float(pixels.std(dtype=np.float64)),
        "skin_luminance": float(np.median(pixels[skin])) if skin.any() else float("nan"),
    }


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")


def _inside(points: NDArray[np.float64], side: int) -> NDArray[np.bool_]:
    """Return the pixels inside the convex hull of some points."""
    from scipy.spatial import ConvexHull

    return _polygon(points[ConvexHull(points).vertices], side)


def _polygon(corners: NDArray[np.float64], side: int) -> NDArray[np.bool_]:
    """Return the pixels of a polygon, shape (side, side), bool."""
    image = Image.new("1", (side, side))
    ImageDraw.Draw(image).polygon([(x - 0.5, y - 0.5) for x, y in corners.tolist()], fill=1)
    return np.asarray(image)
