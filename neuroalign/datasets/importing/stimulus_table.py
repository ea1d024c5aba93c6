"""Stimulus table of an import: names, properties and images of the stimuli."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.arrays.spelling import respell
from neuroalign.datasets.formats.images import Order, ids_of_images, match_images, stems
from neuroalign.datasets.formats.tables import read_table
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.datasets.importing.stimulus_columns import (
    FILE_NAMES,
    ID_NAMES,
    canonical_columns,
    expect_assumed_order,
    expect_same_images,
    plain_name,
)
from neuroalign.datasets.importing.stimulus_marks import Listed, list_presented
from neuroalign.datasets.stimulus_flags import as_flags
from neuroalign.errors import StimulusMismatchError, UsageError, name_some


@dataclass(frozen=True)
class NamedStimuli:
    """Names of the stimuli along an axis.

    Parameters
    ----------
    ids : array of str, shape (n,)
        Ids along the stimulus axis.
    origin : str
        Origin of the ids: a phrase for a note to the user.
    row_ids : array of str, shape (n_rows,), optional
        Stimulus id of each row of the stimulus table, where the table names the stimuli of the axis.
    """

    ids: NDArray[np.str_]
    origin: str
    row_ids: NDArray[np.str_] | None = None


def read_stimulus_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a table of stimuli.

    Parameters
    ----------
    path : Path
        CSV, Parquet, Feather or Excel workbook with a header; see :func:`as_stimulus_table`.

    Raises
    ------
    DatasetError
        If the file cannot be read or lacks an id in some row.
    """
    table = read_table(
        path, "stimulus table", lambda column: plain_name(column) in (*ID_NAMES, *FILE_NAMES, "original")
    )
    return as_stimulus_table(table, f"the stimulus table {path}", first_row=2)


def as_stimulus_table(
    table: pd.DataFrame, source: str = "the stimulus table", *, first_row: int = 1
) -> tuple[pd.DataFrame, list[str]]:
    """Find the columns that have a meaning in a table of stimuli.

    Parameters
    ----------
    table : pandas.DataFrame
        One column may name the stimuli (``stimulus_id``, ``image_id``) and one their images (``filename``,
        ``image_file_name``, ``stimulus_path`` and the like), in any case; all other columns are kept.
    source : str
        Name of the table in messages.
    first_row : int
        Number of the first row in messages.

    Returns
    -------
    table : pandas.DataFrame
    notes : list of str
        Sentences for the user on the columns that were renamed.

    Raises
    ------
    DatasetError
        If the table has no rows, or a row lacks an id.
    """
    table, renamed = canonical_columns(table, source, first_row=first_row)
    return table, [
        f"Column {column} of the stimulus table is taken as {canonical}."
        for canonical, column in renamed.items()
    ]


def name_stimuli(
    n: int,
    *,
    labels: NDArray[np.str_] | None = None,
    list_name: str | None = None,
    table: pd.DataFrame | None = None,
    image_names: Sequence[str] | None = None,
    image_order: Order | None = None,
    presented: Listed | None = None,
    shape: str = "",
) -> NamedStimuli:
    """Name the stimuli along an axis.

    The first source of names that is available counts: the labels in the file of responses, the ids in the stimulus
    table (its rows are then in the order of the axis), the file names in the stimulus table, the file names of the
    images in sorted order, and consecutive numbers. A table with more rows than the axis marks the stimuli of the axis
    in its column ``presented``, or `presented` lists them.

    Parameters
    ----------
    n : int
        Length of the stimulus axis.
    labels : array of str, shape (n,), optional
        Labels in the file of responses.
    list_name : str, optional
        Name of the list of images beside the responses from which `labels` are.
    table : pandas.DataFrame, optional
        The user's stimulus table.
    image_names : sequence of str, optional
        Names of the user's image files.
    image_order : {"name", "number"}, optional
        Order of the image files.
    presented : path or sequence of str, optional
        Ids along the axis; see :func:`neuroalign.datasets.importing.stimulus_marks.list_presented`.
    shape : str
        Shape of the array and names of its axes, for messages.

    Raises
    ------
    StimulusMismatchError
        If the number of rows or images differs from the number of stimuli.
    UsageError
        If `presented` is given for a file that labels its stimuli, or with a table without ids.
    """
    if labels is not None:
        if presented is not None:
            raise UsageError(
                "--presented has no effect: the file of responses names its stimuli; leave it out"
            )
        if list_name is not None:
            origin = f"the names of images in {list_name}: the first is {labels[0]}"
            return NamedStimuli(labels, origin, _row_ids_beside_list(labels, table))
        return NamedStimuli(labels, "the labels in the file of responses")
    if presented is not None:
        return _name_listed(n, presented, table, image_names, shape)
    rows = np.arange(n) if table is None else _rows_of_axis(table, n, shape)
    n_rows = n if table is None else len(table)
    ids, origin = _name_rows(n_rows, table, image_names, image_order, shape)
    return NamedStimuli(ids[rows], origin, None if table is None else ids)


def _name_rows(
    n: int,
    table: pd.DataFrame | None,
    image_names: Sequence[str] | None,
    image_order: Order | None,
    shape: str,
) -> tuple[NDArray[np.str_], str]:
    """Name the rows of the stimulus table, or the stimuli of the axis where there is no table."""
    if table is not None and "stimulus_id" in table:
        return table["stimulus_id"].to_numpy().astype(str), "the ids in the stimulus table"
    if table is not None and "filename" in table:
        return _ids_of_files(table["filename"]), "the file names in the stimulus table"
    if image_names is not None:
        names = ids_of_images(image_names, image_order)
        if table is not None:
            expect_assumed_order(table, n, image_names, names)
        _expect_count(len(image_names), n, "there are {} images", shape)
        order = "number" if image_order == "number" else "name"
        return np.array(names), f"the images' file names, sorted by {order}: the first is {names[0]}"
    if table is not None:
        expect_assumed_order(table, n, None, None)
    width = len(str(max(n - 1, 0)))
    return np.array([f"{i:0{width}d}" for i in range(n)]), f"their position, numbered from {0:0{width}d}"


def _name_listed(
    n: int,
    presented: Listed,
    table: pd.DataFrame | None,
    image_names: Sequence[str] | None,
    shape: str,
) -> NamedStimuli:
    """Name the stimuli of the axis by the option ``--presented``."""
    row_ids = None
    if table is not None:
        if "stimulus_id" not in table and "filename" not in table:
            raise UsageError("with --presented, the stimulus table needs a column stimulus_id or filename")
        row_ids = (
            table["stimulus_id"].to_numpy().astype(str)
            if "stimulus_id" in table
            else _ids_of_files(table["filename"])
        )
    names = row_ids if row_ids is not None else None if image_names is None else stems(list(image_names))
    ids = list_presented(presented, None if names is None else list(names))
    _expect_count(len(ids), n, "--presented lists {} stimuli", shape)
    return NamedStimuli(ids, "the list --presented", row_ids)


def _row_ids_beside_list(labels: NDArray[np.str_], table: pd.DataFrame | None) -> NDArray[np.str_] | None:
    """Return the stimulus id of each row of a table without the column ``stimulus_id``."""
    if table is None or "stimulus_id" in table:
        return None
    if "filename" in table:
        return _ids_of_files(table["filename"])
    return labels if len(table) == len(labels) else None


def _ids_of_files(filenames: pd.Series) -> NDArray[np.str_]:
    files = list(dict.fromkeys(filenames))
    stem_of = dict(zip(files, stems(files), strict=True))
    return np.array([stem_of[name] for name in filenames])


def _rows_of_axis(table: pd.DataFrame, n: int, shape: str) -> NDArray[np.int64]:
    """Return the row of each stimulus of the axis: all rows, or those that the column ``presented`` marks."""
    if len(table) == n or "presented" not in table:
        hint = "; mark the presented stimuli in a column presented, or list them with --presented"
        _expect_count(len(table), n, "the stimulus table has {} rows", shape, hint if len(table) > n else "")
        return np.arange(n)
    rows = np.flatnonzero(as_flags(table["presented"], "presented", "the stimulus table"))
    _expect_count(len(rows), n, "the stimulus table marks {} rows as presented", shape)
    return rows


def describe_stimuli(
    recorded: NDArray[np.str_],
    ids: NDArray[np.str_] | None,
    table: pd.DataFrame | None,
    from_file: pd.DataFrame | None,
    further: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Make the table of a stimulus set, with one row for each stimulus.

    Parameters
    ----------
    recorded : array of str
        Stimulus id of each presentation, in any order.
    ids : array of str, optional
        Stimulus id of each row of `table`; by default its column ``stimulus_id``.
    table : pandas.DataFrame, optional
        The user's stimulus table. It may have more stimuli than the recording.
    from_file : pandas.DataFrame, optional
        Properties of the stimuli in the file of responses, indexed by stimulus id.
    further : sequence of str
        Ids of stimuli that were not recorded and belong to the set, where no table lists them.

    Returns
    -------
    table : pandas.DataFrame
        Properties of the stimuli, indexed by stimulus id.
    left_out : list of str
        Columns that differ between the rows of one stimulus, and therefore do not describe it.

    Raises
    ------
    StimulusMismatchError
        If recorded stimuli are missing from the table (the message names them), or the table contradicts the file of
        responses.
    """
    index = pd.Index(dict.fromkeys(recorded), name="stimulus_id")
    left_out: list[str] = []
    described = pd.DataFrame(index=pd.Index(dict.fromkeys([*index, *further]), name="stimulus_id"))
    if table is not None:
        if ids is None and "stimulus_id" not in table:
            raise StimulusMismatchError(
                "the responses name their stimuli, so the stimulus table needs a column stimulus_id"
            )
        rows = table.drop(columns="stimulus_id", errors="ignore")
        rows.index = pd.Index(respell(table["stimulus_id"] if ids is None else ids, index))
        described, left_out = describe_each_stimulus(rows)
        if "filename" in left_out:
            files = rows["filename"].groupby(rows.index.astype(str)).nunique()
            raise StimulusMismatchError(
                f"the stimulus table gives {(files > 1).sum()} stimuli several file names: "
                f"{name_some(files.index[files > 1].tolist())}; a stimulus id must denote one image"
            )
        missing = index.difference(described.index)
        if len(missing):
            raise StimulusMismatchError(
                f"{len(missing)} recorded stimuli are not in the stimulus table: {name_some(missing)}; the table has "
                f"{name_some(described.index.tolist(), most=3)}"
            )
    if from_file is not None:
        _expect_agreement(described, from_file)
        added = [name for name in from_file if name not in described]
        described = described.join(from_file[added])
    return described, left_out


def images_of(
    described: pd.DataFrame,
    images: dict[str, Path] | None,
    table: pd.DataFrame | None = None,
    row_ids: NDArray[np.str_] | None = None,
) -> dict[str, Path] | None:
    """Find the image of each stimulus, by its column ``filename`` or by its id.

    Parameters
    ----------
    described : pandas.DataFrame
        One row for each stimulus, indexed by its id.
    images : dict of relative file name to Path, optional
        The user's images.
    table : pandas.DataFrame, optional
        The user's stimulus table; an error if one of its columns names other images.
    row_ids : array of str, optional
        Stimulus id of each row of `table`; by default its column ``stimulus_id``.
    """
    if images is None:
        return None
    filenames = described["filename"].astype(str).tolist() if "filename" in described else None
    matches = match_images(described.index.astype(str).tolist(), images, filenames)
    if table is not None:
        expect_same_images(table, table["stimulus_id"] if row_ids is None else row_ids, images, matches)
    return matches


def _expect_agreement(described: pd.DataFrame, from_file: pd.DataFrame) -> None:
    """Refuse a stimulus table that contradicts the columns of the file of responses."""
    shared = described.index.intersection(from_file.index)
    for column in described.columns.intersection(from_file.columns):
        if plain_name(column) in (*FILE_NAMES, "training", "presented", "original"):
            continue
        ours, theirs = described.loc[shared, column], from_file.loc[shared, column]
        numbers = pd.to_numeric(ours, errors="coerce"), pd.to_numeric(theirs, errors="coerce")
        same = np.isclose(numbers[0].astype(np.float64), numbers[1].astype(np.float64))
        same |= (ours.astype(str).str.strip() == theirs.astype(str).str.strip()).to_numpy()
        same |= (ours.isna() | theirs.isna()).to_numpy()
        if not same.all():
            first = shared[int(np.argmin(same))]
            raise StimulusMismatchError(
                f"column {column} of the stimulus table contradicts the file of responses for {(~same).sum()} stimuli "
                f"({first}: {ours[first]}, in the file {theirs[first]}); correct or leave out the column"
            )


def _expect_count(count: int, n: int, clause: str, shape: str, hint: str = "") -> None:
    if count != n:
        raise StimulusMismatchError(
            f"{clause.format(count)}, but the responses have {n} stimuli ({shape}); is --axes right?{hint}"
        )
