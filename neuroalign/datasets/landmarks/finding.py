"""Search for faces and their 68 landmarks with dlib's model (the extra ``landmarks``)."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import DatasetError

#: Origin of the landmarks that ``dataset.toml`` stores.
ORIGIN = "detected by dlib's 68-point model (package face-recognition-models)"

_MODEL = Path("models") / "shape_predictor_68_face_landmarks.dat"
# Numbers of doublings of the size of an image before the search for a face, up to a longer side of _LONGEST pixels:
# the detector misses small faces.
_DOUBLINGS = (0, 1, 2)
_LONGEST = 2000


@dataclass(frozen=True, eq=False)
class Face:
    """A face in an image.

    Parameters
    ----------
    score : float
        Score of the detector: above 0, and above 1 for clear frontal faces.
    points : array of float64, shape (68, 2)
        Landmarks (x, y) in pixels from the upper left corner; the middle of the first pixel is at 0.5. Their names are
        :func:`neuroalign.datasets.landmarks.parts.names_of_68`.
    """

    score: float
    points: NDArray[np.float64]


class FaceFinder:
    """Finds faces in images and 68 landmarks on each.

    Raises
    ------
    DatasetError
        If the extra ``landmarks`` is not installed.

    References
    ----------
    Kazemi & Sullivan (2014), CVPR (regression of the points); Dalal & Triggs (2005), CVPR (detection of the face);
    Sagonas et al. (2013), ICCV workshops (definition of the points, training faces of the model).
    """

    def __init__(self) -> None:
        # Only the files of the package of models are needed; its import would need an old setuptools.
        models = importlib.util.find_spec("face_recognition_models")
        if models is None or models.origin is None or importlib.util.find_spec("dlib") is None:
            raise DatasetError(
                "finding landmarks needs the extra landmarks: pip install 'neuroalign[landmarks]'; or import landmarks "
                "with --file FILE.csv"
            )
        import dlib

        self._find = dlib.get_frontal_face_detector()
        self._fit = dlib.shape_predictor(str(Path(models.origin).parent / _MODEL))

    def __call__(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image, the clearest first.

        Parameters
        ----------
        pixels : array of uint8, shape (height, width)
            Grey image. If no face is found, the image is searched at twice and at four times its size.
        """
        for doublings in _DOUBLINGS:
            if doublings and max(pixels.shape) << doublings > _LONGEST:
                break
            boxes, scores, _ = self._find.run(pixels, doublings, 0.0)
            if boxes:
                clearest = np.argsort(-np.asarray(scores), kind="stable")
                return [self._face(pixels, boxes[int(place)], scores[int(place)]) for place in clearest]
        return []

    def _face(self, pixels: NDArray[np.uint8], box: object, score: float) -> Face:
        # The model counts from the middle of the first pixel.
        points = [(point.x + 0.5, point.y + 0.5) for point in self._fit(pixels, box).parts()]
        return Face(float(score), np.array(points))
