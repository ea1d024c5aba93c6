"""Pose of a head from 68 landmarks: yaw, pitch and roll, and the place of the nose."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.landmarks.alignment import centres
from neuroalign.datasets.landmarks.parts import part_slice

# Tip of the nose, chin, outer corners of the eyes and corners of the mouth of an average head: x to the right of the
# image, y downwards, z away from the viewer, in tenths of a millimetre; and their numbers among the 68 points.
_HEAD = np.array(
    [(0, 0, 0), (0, 330, 65), (-225, -170, 135), (225, -170, 135), (-150, 150, 125), (150, 150, 125)],
    dtype=np.float64,
)
_POINTS = (30, 8, 36, 45, 48, 54)
_CORNERS = (2, 3)


@dataclass(frozen=True)
class Pose:
    """Orientation of a head, in degrees.

    Parameters
    ----------
    yaw : float
        Turn to the left of the image.
    pitch : float
        Turn downwards.
    roll : float
        Clockwise turn in the image.
    """

    yaw: float
    pitch: float
    roll: float


def head_pose(points: NDArray[np.float64]) -> Pose:
    """Estimate the pose of a head from six landmarks (perspective-n-point).

    The average head is turned and moved so that the sum of squared distances of its projections from the landmarks is
    least. The camera looks at the tip of the nose, so that neither the place of a face in the photograph nor its size
    changes the pose. Its focal length is twice the distance of the outer corners of the eyes: from further away, small
    turns of a head would hardly change the projection, and the estimate would be noise. Absolute angles, above all
    the pitch, depend on the average head; compare them with each other.

    Parameters
    ----------
    points : array of shape (68, 2)
        Landmarks in pixels, in the order of :func:`neuroalign.datasets.landmarks.parts.names_of_68`.

    Returns
    -------
    Pose

    Examples
    --------
    >>> import numpy as np
    >>> points = np.zeros((68, 2))
    >>> points[[30, 8, 36, 45, 48, 54]] = [(50, 50), (50, 70), (39, 41), (61, 41), (43, 57), (57, 57)]
    >>> pose = head_pose(points)
    >>> abs(pose.yaw) < 1e-6, abs(pose.roll) < 1e-6
    (True, True)
    """
    from scipy.optimize import least_squares
    from scipy.spatial.transform import Rotation

    six = points[list(_POINTS)]
    focal = 2 * np.linalg.norm(six[_CORNERS[1]] - six[_CORNERS[0]])
    seen = (six - six[0]) / focal
    # A head of the size in the image, in front of the camera and upright; lengths in units of its distance.
    distance = np.linalg.norm(_HEAD[:, :2] - _HEAD[:, :2].mean(axis=0)) / np.linalg.norm(
        seen - seen.mean(axis=0)
    )
    head = _HEAD / distance

    def residuals(values: NDArray[np.float64]) -> NDArray[np.float64]:
        turned = Rotation.from_rotvec(values[:3]).apply(head) + values[3:]
        return (turned[:, :2] / turned[:, 2:] - seen).ravel()

    fitted = least_squares(residuals, [0, 0, 0, 0, 0, 1], xtol=1e-10, ftol=1e-10).x
    yaw, pitch, roll = Rotation.from_rotvec(fitted[:3]).as_euler("YXZ", degrees=True)
    return Pose(float(yaw), float(pitch), float(roll))


def nose_offset(points: NDArray[np.float64]) -> float:
    """Return the distance of the nose from the middle of the jaw to the right, over the distance of the eyes.

    The nose is the mean of the ridge and the nostrils, and the middle of the jaw is the mean of its two ends; both are
    measured along the line through the eyes. A head that is turned to a side has its nose on this side.

    Parameters
    ----------
    points : array of shape (68, 2)
    """
    left, right, _ = centres(points)
    along, distance = right - left, float(np.linalg.norm(right - left))
    jaw = points[part_slice("jaw")]
    nose = np.concatenate([points[part_slice("nose_ridge")], points[part_slice("nostrils")]]).mean(axis=0)
    return float((nose - (jaw[0] + jaw[-1]) / 2) @ along) / distance**2
