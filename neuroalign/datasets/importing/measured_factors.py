"""Factors of faces, measured on the landmarks and images of a dataset, as columns of its stimulus table."""

import numpy as np
import pandas as pd

from neuroalign.datasets.catalogue import folder_of, load_dataset
from neuroalign.datasets.folder import STIMULI, table_text
from neuroalign.datasets.folder_sums import replacing_files
from neuroalign.datasets.landmarks.measured import FACTORS, measure_face
from neuroalign.datasets.landmarks.parts import names_of_68
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError
from neuroalign.files.home import write_file
from neuroalign.progress import progress

# Side of the images on which factors are measured, in pixels.
_SIDE = 128


def measure_faces(stimuli: StimulusSet) -> pd.DataFrame:
    """Measure the factors of all faces of a stimulus set.

    Parameters
    ----------
    stimuli : StimulusSet
        Aligned faces with the 68 landmarks of iBUG 300-W.

    Returns
    -------
    pandas.DataFrame
        Factors (:data:`neuroalign.datasets.landmarks.measured.FACTORS`) of the stimuli in their order, indexed by
        stimulus id; NaN for stimuli without landmarks.

    Raises
    ------
    DatasetError
        If the stimuli have no landmarks, or others than the 68 points.
    MissingImagesError
        If the images are not available.
    """
    own = stimuli.landmarks
    if own is None or set(names_of_68()) - set(own["landmark"].values.tolist()):
        raise DatasetError(
            f"the stimulus set {stimuli.identifier!r} must have the 68 landmarks of iBUG 300-W; detect them with "
            "neuroalign data landmarks DATASET --force"
        )
    places = stimuli.points(_SIDE).sel(landmark=names_of_68())
    measured = pd.DataFrame(np.nan, index=stimuli.table.index, columns=list(FACTORS))
    ids = own["stimulus"].values.tolist()
    for name in progress(ids, description="measuring faces", unit="face", total=len(ids)):
        pixels = stimuli.select([name]).pixels(_SIDE)[0]
        measured.loc[name] = pd.Series(measure_face(places.sel(stimulus=name).values, pixels))
    return measured


def add_measured_factors(dataset: str) -> list[str]:
    """Write the measured factors of a dataset of faces into its stimulus table.

    Parameters
    ----------
    dataset : str
        Name of a dataset that was added, or path of a dataset folder.

    Returns
    -------
    list of str
        Notes for the user.

    Raises
    ------
    DatasetError
        See :func:`measure_faces`; the dataset then stays as it was.
    """
    folder = folder_of(dataset)
    stimuli = load_dataset(folder).stimuli
    measured = measure_faces(stimuli).round(5)
    replaced = [column for column in measured if column in stimuli.table]
    table = stimuli.table.assign(**{str(column): measured[column] for column in measured})
    with replacing_files(folder, (STIMULI,)):
        write_file(folder / STIMULI, table_text(table))
    notes = [f"{len(replaced)} columns were there before and were replaced."] if replaced else []
    n_missing = int(measured.isna().all(axis=1).sum())
    if n_missing:
        notes.append(f"{n_missing} of {len(stimuli)} stimuli have no landmarks, and so no measured factors.")
    return notes
