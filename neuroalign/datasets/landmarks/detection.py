"""Detection of landmarks on real faces with dlib's model of 68 points (the extra ``landmarks``)."""

import numpy as np
import xarray as xr

from neuroalign.datasets.catalogue import folder_of, load_dataset
from neuroalign.datasets.folder import replace_landmarks
from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.datasets.landmarks.finding import ORIGIN, FaceFinder
from neuroalign.datasets.landmarks.parts import names_of_68
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError
from neuroalign.progress import progress


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
    See :class:`neuroalign.datasets.landmarks.finding.FaceFinder`.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.datasets.landmarks.detection import detect_landmarks
    >>> detect_landmarks(na.load_dataset("my-faces").stimuli)  # doctest: +SKIP
    """
    find = FaceFinder()
    points_of = {}
    ids = progress(stimuli.ids, description="finding landmarks", unit="image", total=len(stimuli))
    for stimulus_id in ids:
        faces = find(np.asarray(stimuli.open(stimulus_id).convert("L")))
        if faces:
            points_of[stimulus_id] = faces[0].points
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
