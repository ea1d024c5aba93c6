"""The stimulus table of an import: which stimulus stands where, what is known of it, its image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.arrays import name_some
from neuroalign.datasets.formats.images import Order, ids_of_images, match_images, stems
from neuroalign.datasets.formats.matrix_csv import delimiter_of
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.errors import DatasetError, StimulusMismatchError
from neuroalign.variants import COLUMN

_ID_COLUMNS = ("stimulus_id", "image_id")


@dataclass(frozen=True)
class NamedStimuli:
    """The ids along the stimulus axis, and how they came about (a sentence for the user)."""

    ids: NDArray[np.str_]
    origin: str


def read_stimulus_csv(path: Path) -> pd.DataFrame:
    """Read a table of stimuli.

    Parameters
    ----------
    path : Path
        A CSV with a header. The column ``stimulus_id`` (or ``image_id``) names the stimuli and
        ``filename`` their images; all other columns are kept as they are, ``original`` as text, since it names stimuli.

    Raises
    ------
    DatasetError
        If the file cannot be read or lacks an id in some row.
    """
    try:
        table = pd.read_csv(
            path,
            sep=delimiter_of(path),
            dtype=dict.fromkeys((*_ID_COLUMNS, "filename", COLUMN), str),
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
        )
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read the stimulus table {path}: {error}") from error
    if table.empty:
        raise DatasetError(f"the stimulus table {path} has no rows")
    for column in _ID_COLUMNS:
        if column in table and "stimulus_id" not in table:
            table = table.rename(columns={column: "stimulus_id"})
    for column in ("stimulus_id", "filename"):
        if column in table and table[column].isna().any():
            row = int(table[column].isna().to_numpy().argmax()) + 2
            raise DatasetError(f"row {row} of {path} has no {column}")
    return table


def name_stimuli(
    n: int,
    *,
    labels: NDArray[np.str_] | None = None,
    table: pd.DataFrame | None = None,
    image_names: Sequence[str] | None = None,
    image_order: Order | None = None,
    shape: str = "",
) -> NamedStimuli:
    """Name the stimuli along an axis of length `n` by the best that is known of them.

    In this order: the labels in the file of responses, the column of ids of the stimulus table (its
    rows are then in the order of the axis), the file names in it, the file names of the images in
    sorted order, and running numbers.

    Raises
    ------
    StimulusMismatchError
        If the table or the images are not as many as the stimuli.
    """
    if labels is not None:
        return NamedStimuli(labels, "the labels in the file of responses")
    if table is not None:
        _expect_count(len(table), n, "the stimulus table has {} rows", shape)
        if "stimulus_id" in table:
            return NamedStimuli(table["stimulus_id"].to_numpy().astype(str), "the ids in the stimulus table")
        if "filename" in table:
            files = list(dict.fromkeys(table["filename"]))
            of_file = dict(zip(files, stems(files), strict=True))
            ids = np.array([of_file[each] for each in table["filename"]])
            return NamedStimuli(ids, "the file names in the stimulus table")
    if image_names is not None:
        _expect_count(len(image_names), n, "there are {} images", shape)
        names = ids_of_images(image_names, image_order)
        order = "number" if image_order == "number" else "name"
        return NamedStimuli(
            np.array(names), f"the images' file names, sorted by {order}: the first is {names[0]}"
        )
    width = len(str(max(n - 1, 0)))
    return NamedStimuli(
        np.array([f"{i:0{width}d}" for i in range(n)]), f"their position, numbered from {0:0{width}d}"
    )


def describe_stimuli(
    recorded: NDArray[np.str_],
    ids: NDArray[np.str_] | None,
    table: pd.DataFrame | None,
    known: pd.DataFrame | None,
) -> tuple[pd.DataFrame, list[str]]:
    """Make the table of a stimulus set: one row a stimulus.

    Parameters
    ----------
    recorded : array of str
        The ids of the recorded stimuli, in any order and number.
    ids : array of str, optional
        The id of each row of `table`; by default its column ``stimulus_id``.
    table : pandas.DataFrame, optional
        The user's stimulus table. It may have more stimuli than were recorded.
    known : pandas.DataFrame, optional
        What the file of responses says of the stimuli, by id.

    Returns
    -------
    table : pandas.DataFrame, indexed by stimulus id
    left_out : list of str
        Columns that differ between the rows of one stimulus and so describe none.

    Raises
    ------
    StimulusMismatchError
        Naming recorded stimuli that the table lacks.
    """
    index = pd.Index(dict.fromkeys(recorded), name="stimulus_id")
    left_out: list[str] = []
    described = pd.DataFrame(index=index)
    if table is not None:
        if ids is None and "stimulus_id" not in table:
            raise StimulusMismatchError(
                "the responses name their stimuli, so the stimulus table needs a column stimulus_id"
            )
        rows = table.drop(columns="stimulus_id", errors="ignore")
        rows.index = pd.Index(table["stimulus_id"] if ids is None else ids)
        described, left_out = describe_each_stimulus(rows)
        missing = index.difference(described.index)
        if len(missing):
            raise StimulusMismatchError(
                f"{len(missing)} recorded stimuli are not in the stimulus table: {name_some(missing)}"
            )
    if known is not None:
        added = [name for name in known if name not in described]
        described = described.join(known[added])
    return described, left_out


def images_of(table: pd.DataFrame, images: dict[str, Path] | None) -> dict[str, Path] | None:
    """Find the image of each stimulus of a table, by its column ``filename`` or by its id."""
    if images is None:
        return None
    filenames = table["filename"].astype(str).tolist() if "filename" in table else None
    return match_images(table.index.astype(str).tolist(), images, filenames)


def _expect_count(found: int, n: int, what: str, shape: str) -> None:
    if found != n:
        raise StimulusMismatchError(
            f"{what.format(found)}, but the responses have {n} stimuli ({shape}); is --axes right?"
        )
