"""Landmarks from a CSV for a dataset that was added before."""

import os
from pathlib import Path

from neuroalign.datasets.catalogue import folder_of, load_dataset
from neuroalign.datasets.folder import replace_landmarks
from neuroalign.datasets.importing.provenance import sha256
from neuroalign.datasets.landmarks.csv import with_landmarks


def import_landmarks(dataset: str | os.PathLike[str], file: str | os.PathLike[str]) -> list[str]:
    """Give a dataset the landmarks in a CSV; they replace the landmarks that it has.

    Parameters
    ----------
    dataset : str or path
        Name of a dataset that was added, or path of a dataset folder.
    file : path
        Table of landmarks; see ``neuroalign.datasets.landmarks.csv.read_landmark_csv``.

    Returns
    -------
    list of str
        Notes for the user on stimuli without landmarks and landmarks without a stimulus.

    Raises
    ------
    DatasetError
        If the file cannot be read or does not fit the images; the dataset then stays as it was.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> import pandas as pd
    >>> import neuroalign as na
    >>> from neuroalign.datasets.folder import write_folder
    >>> from neuroalign.datasets.importing.landmarks import import_landmarks
    >>> from neuroalign.testing import make_dataset
    >>> folder, dataset = Path(mkdtemp()), make_dataset(n_stimuli=4)
    >>> _ = write_folder(dataset, folder / "faces")
    >>> points = {"left_x": 4, "left_y": 4, "right_x": 12, "right_y": 4, "mouth_x": 8, "mouth_y": 12}
    >>> table = pd.DataFrame({"stimulus_id": dataset.stimuli.ids, **points})
    >>> table.to_csv(folder / "marks.csv", index=False)
    >>> import_landmarks(str(folder / "faces"), folder / "marks.csv")
    []
    >>> na.load_dataset(folder / "faces").stimuli.landmarks.sizes["landmark"]
    3
    """
    folder = folder_of(str(dataset))
    path = Path(str(file)).expanduser()
    stimuli, notes = with_landmarks(load_dataset(folder).stimuli, path)
    assert stimuli.landmarks is not None
    replace_landmarks(folder, stimuli.landmarks, origin=f"{path.name}, SHA-256 {sha256(path)}")
    return notes
