"""Tables of landmarks: one row for each stimulus, two columns, NAME_x and NAME_y, for each landmark."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.arrays.spelling import respell
from neuroalign.datasets.formats.delimited_text import delimiter_of, encoding_of
from neuroalign.datasets.landmarks.arrays import expect_near_images, landmarks
from neuroalign.datasets.landmarks.parts import names_of_68
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ArrayError, DatasetError, name_some

_ID = "stimulus_id"


def read_landmark_csv(path: Path) -> xr.DataArray:
    """Read landmarks from a CSV.

    Parameters
    ----------
    path : Path
        CSV with a column ``stimulus_id``, and columns ``NAME_x`` and ``NAME_y`` in pixels from the upper left corner
        of the image, y downwards; the middle of the first pixel is at 0.5. Landmarks may be numbered from 0 instead,
        ``x0``, ``y0``, ``x1``, …: 68 of them are the points of iBUG 300-W and get their names
        (:func:`neuroalign.datasets.landmarks.parts.names_of_68`). A row with only empty cells after the id is a
        stimulus without landmarks.

    Returns
    -------
    landmarks

    Raises
    ------
    DatasetError
        If the file cannot be read, or a column or row is wrong; the message names it.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[xr.DataArray, list[str]]:
    """Read landmarks, with notes on the names that they get."""
    try:
        with warnings.catch_warnings():
            # If a row has more cells than the header, pandas takes its first cell for an index.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, sep=delimiter_of(path), dtype={_ID: str}, encoding=encoding_of(path), index_col=False
            )
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        raise DatasetError(f"cannot read the landmarks {path}: {error}") from error
    if _ID not in table:
        raise DatasetError(f"{path} needs the column {_ID}, got {name_some(list(table.columns))}")
    if table[_ID].isna().any():
        raise DatasetError(f"row {int(table[_ID].isna().to_numpy().argmax()) + 2} of {path} has no {_ID}")
    table = table.set_index(_ID)
    renamed, notes = _named(list(map(str, table.columns)))
    table = table.rename(columns=renamed)
    names = [str(column)[:-2] for column in table.columns if str(column).endswith("_x")]
    expected = [f"{name}_{axis}" for name in names for axis in "xy"]
    odd = sorted(set(expected).symmetric_difference(table.columns))
    if odd or not names:
        raise DatasetError(
            f"{path} must have two columns, NAME_x and NAME_y, for each landmark beside {_ID}; "
            f"columns without a partner: {name_some(odd) or 'none'}"
        )
    points = table[expected]
    words = [column for column in expected if points[column].dtype.kind not in "iuf"]
    if words:
        raise DatasetError(f"{path} must hold numbers; columns of text: {name_some(words)}")
    points = points.dropna(how="all")
    values = points.to_numpy(dtype=np.float64).reshape(len(points), len(names), 2)
    try:
        return landmarks(values, stimulus=points.index.to_numpy(), landmark=names), notes
    except ArrayError as error:
        raise DatasetError(f"cannot use the landmarks {path}: {error}") from error


def _named(columns: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return a new name for each column of landmarks that are numbered from 0, with a note; empty for named ones."""
    n = len(columns) // 2
    numbered = [f"{axis}{number}" for number in range(n) for axis in "xy"]
    if not columns or {column.replace("_", "") for column in columns} != set(numbered):
        return {}, []
    names = names_of_68() if n == len(names_of_68()) else [f"point_{number:02d}" for number in range(n)]
    renamed = {column: f"{names[int(column.replace('_', '')[1:])]}_{column[0]}" for column in columns}
    are = "the 68 points of iBUG 300-W" if n == len(names_of_68()) else f"points {names[0]} to {names[-1]}"
    return renamed, [f"The numbered landmarks are taken as {are}."]


def write_landmark_csv(array: xr.DataArray, path: Path) -> None:
    """Write landmarks as :func:`read_landmark_csv` reads them, to the last bit."""
    columns = [f"{name}_{axis}" for name in array["landmark"].values for axis in "xy"]
    rows = array.values.reshape(array.sizes["stimulus"], -1)
    table = pd.DataFrame(rows, index=pd.Index(array["stimulus"].values, name=_ID), columns=columns)
    table.to_csv(path, lineterminator="\n")


def with_landmarks(stimuli: StimulusSet, path: Path) -> tuple[StimulusSet, list[str]]:
    """Return a stimulus set with the landmarks in a file, and notes on stimuli and landmarks without a partner."""
    read, notes = _read(path)
    read = read.assign_coords(stimulus=respell(read["stimulus"].values, stimuli.ids))
    without = np.setdiff1d(stimuli.ids, read["stimulus"].values)
    if len(without) == len(stimuli):
        raise DatasetError(
            f"no stimulus in {path} is in the set {stimuli.identifier!r}: the file has "
            f"{name_some(read['stimulus'].values)}, the set has {name_some(stimuli.ids)}"
        )
    result = stimuli.with_landmarks(read)
    own = result.landmarks
    assert own is not None
    expect_near_images(own, {stimulus: stimuli.image_size(stimulus) for stimulus in own["stimulus"].values})
    if len(without):
        notes.append(
            f"{len(without)} of {len(stimuli)} stimuli have no landmarks: {', '.join(without.tolist())}."
        )
    idle = read.sizes["stimulus"] - own.sizes["stimulus"]
    if idle:
        notes.append(f"The landmarks of {idle} images belong to no stimulus and were left out.")
    return result, notes
