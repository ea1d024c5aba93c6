"""Choice of frontal faces in photographs, with the reason for each photograph that is left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neuroalign.datasets.landmarks.alignment import Crop, Similarity, centres, outside_share
from neuroalign.datasets.landmarks.finding import Face
from neuroalign.datasets.landmarks.pose import Pose, head_pose, nose_offset
from neuroalign.errors import DatasetError, UsageError
from neuroalign.progress import progress


@dataclass(frozen=True)
class Limits:
    """Limits of the faces that are kept.

    Parameters
    ----------
    score : float
        Least score of the detector.
    yaw : float
        Largest turn to either side, in degrees.
    pitch : float
        Largest difference of the pitch from the median of all faces that keep the other limits, in degrees. Absolute
        pitches depend on the average head.
    nose : float
        Largest distance of the nose from the middle of the jaw, over the distance of the eyes.
    eye_distance : float
        Least distance of the eyes, in pixels of the photograph.
    outside : float
        Largest share of the aligned image outside the photograph.

    Raises
    ------
    UsageError
        If a limit is negative or not a number.
    """

    score: float = 0.8
    yaw: float = 8.0
    pitch: float = 10.0
    nose: float = 0.12
    eye_distance: float = 30.0
    outside: float = 0.03

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise UsageError(f"the limit {name} must be a number of at least 0, got {value}")


@dataclass(frozen=True, eq=False)
class FrontalFace:
    """A face that is kept.

    Parameters
    ----------
    face : Face
        Landmarks in pixels of the photograph.
    pose : Pose
    eye_distance : float
        Distance of the eyes in pixels of the photograph.
    to_crop : Similarity
        Transform from the photograph to the aligned image.
    """

    face: Face
    pose: Pose
    eye_distance: float
    to_crop: Similarity


@dataclass(frozen=True)
class LeftOut:
    """A photograph that is left out: its name, the reason, and the measured value with its limit."""

    photograph: str
    reason: str
    detail: str = ""


def choose_frontal(
    names: Sequence[str],
    open_photograph: Callable[[str], Image.Image],
    find: Callable[[NDArray[np.uint8]], Sequence[Face]],
    *,
    crop: Crop,
    limits: Limits,
) -> tuple[dict[str, FrontalFace], list[LeftOut]]:
    """Find one frontal face in each photograph.

    Parameters
    ----------
    names : sequence of str
        Names of the photographs.
    open_photograph : callable
        Function that returns the photograph with a name.
    find : callable
        Function that returns the faces in a grey image, such as
        :class:`neuroalign.datasets.landmarks.finding.FaceFinder`.
    crop : Crop
    limits : Limits

    Returns
    -------
    kept : dict of str to FrontalFace
        Faces by the names of their photographs, in the order of `names`.
    left_out : list of LeftOut
        The other photographs.
    """
    kept: dict[str, FrontalFace] = {}
    left_out: list[LeftOut] = []
    for name in progress(names, description="finding faces", unit="photograph", total=len(names)):
        try:
            photograph = open_photograph(name)
        except DatasetError as error:
            left_out.append(LeftOut(name, "unreadable", str(error)))
            continue
        faces = find(np.asarray(photograph.convert("L")))
        judged = _judge(name, faces, photograph.width, photograph.height, crop, limits)
        if isinstance(judged, LeftOut):
            left_out.append(judged)
        else:
            kept[name] = judged
    middle = float(np.median([one.pose.pitch for one in kept.values()])) if kept else 0.0
    for name, one in list(kept.items()):
        if abs(one.pose.pitch - middle) > limits.pitch:
            detail = f"pitch {one.pose.pitch:.1f}°, more than {limits.pitch:g}° from the median {middle:.1f}°"
            left_out.append(LeftOut(name, "raised or lowered", detail))
            del kept[name]
    place = {name: number for number, name in enumerate(names)}
    return kept, sorted(left_out, key=lambda one: place[one.photograph])


def count_reasons(left_out: Iterable[LeftOut]) -> Mapping[str, int]:
    """Return the number of photographs for each reason, the most frequent reason first."""
    return dict(Counter(one.reason for one in left_out).most_common())


def _judge(
    name: str, faces: Sequence[Face], width: int, height: int, crop: Crop, limits: Limits
) -> FrontalFace | LeftOut:
    if not faces:
        return LeftOut(name, "no face")
    clear = [face for face in faces if face.score >= limits.score]
    if not clear:
        return LeftOut(name, "doubtful face", f"score {faces[0].score:.2f}, below {limits.score:g}")
    if len(clear) > 1:
        return LeftOut(name, "several faces", f"{len(clear)} faces with a score of at least {limits.score:g}")
    [face] = clear
    places = centres(face.points)
    distance = float(np.linalg.norm(places[1] - places[0]))
    if distance < limits.eye_distance:
        return LeftOut(name, "small face", f"eyes {distance:.1f} pixels apart, below {limits.eye_distance:g}")
    to_crop = Similarity.fit(places, crop.targets)
    nose = nose_offset(face.points)
    if abs(nose) > limits.nose:
        return LeftOut(name, "turned to a side", f"nose {nose:.3f} from the middle, above {limits.nose:g}")
    pose = head_pose(face.points)
    if abs(pose.yaw) > limits.yaw:
        return LeftOut(name, "turned to a side", f"yaw {pose.yaw:.1f}°, above {limits.yaw:g}°")
    outside = outside_share(to_crop, crop, width, height)
    if outside > limits.outside:
        detail = f"{100 * outside:.1f} % of the crop outside the photograph, above {100 * limits.outside:g} %"
        return LeftOut(name, "cut off", detail)
    return FrontalFace(face, pose, distance, to_crop)
