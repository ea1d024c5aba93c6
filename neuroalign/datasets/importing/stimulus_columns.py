"""Columns of a stimulus table that name the stimuli and their images."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from unicodedata import normalize

import pandas as pd

from neuroalign.arrays.spelling import respell
from neuroalign.datasets.formats.images import stems
from neuroalign.datasets.image_sources import IMAGE_SUFFIXES
from neuroalign.errors import DatasetError, StimulusMismatchError, name_some

#: Names of columns in lower case with only letters and digits, the preferred name first.
ID_NAMES = ("stimulusid", "imageid", "stimid")
FILE_NAMES = (
    "filename",
    "imagefilename",
    "stimulusfilename",
    "stimuluspath",
    "imagepath",
    "filepath",
    "imagefile",
    "stimulusfile",
    "imagecurrentlocalfilepath",
)

_MEANINGFUL = ("training", "presented", "original")


def plain_name(column: Hashable) -> str:
    """Return a column name in lower case with only its letters and digits."""
    return re.sub(r"[^a-z0-9]", "", str(column).lower())


def canonical_columns(
    table: pd.DataFrame, source: str, *, first_row: int = 1
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Rename the columns of a stimulus table to the names that neuroalign uses.

    Parameters
    ----------
    table : pandas.DataFrame
        Table of the stimuli. Its index may hold the stimulus ids, if the index has a name.
    source : str
        Name of the table in messages.
    first_row : int
        Number of the first row in messages.

    Returns
    -------
    table : pandas.DataFrame
        Table with the columns ``stimulus_id`` and ``filename`` as text, and ``training``, ``presented`` and
        ``original``, as far as the user's table has columns with these names or brainio's names, in any case.
    renamed : dict of str to str
        The user's name of each column that was renamed.

    Raises
    ------
    DatasetError
        If a row lacks an id or a file name, or two columns have the same meaning.
    """
    name = table.index.name
    if name is None and table.index.dtype.kind not in "iu":
        table, name = table.rename_axis("index"), "index"
    meaningful = name is not None and (plain_name(name) in (*ID_NAMES, *FILE_NAMES) or name not in table)
    table = table.reset_index(drop=not meaningful)
    if table.empty:
        raise DatasetError(f"{source} has no rows")
    renamed: dict[str, str] = {}
    wanted: list[tuple[str, Sequence[str]]] = [("stimulus_id", ID_NAMES), ("filename", FILE_NAMES)]
    wanted += [(name, (name,)) for name in _MEANINGFUL]
    for canonical, names in wanted:
        column = _column(table, canonical, names, source)
        if column is None:
            continue
        if column != canonical:
            renamed[canonical] = str(column)
            table = table.rename(columns={column: canonical})
    for canonical in ("stimulus_id", "filename"):
        if canonical in table:
            missing = table[canonical].isna() | (table[canonical].astype(str).str.strip() == "")
            if missing.any():
                row = int(missing.to_numpy().argmax()) + first_row
                raise DatasetError(f"row {row} of {source} has no {renamed.get(canonical, canonical)}")
            table[canonical] = table[canonical].astype(str)
    if "filename" in table:  # paths of Windows
        table["filename"] = table["filename"].str.replace("\\", "/", regex=False)
    return table, renamed


def expect_assumed_order(
    table: pd.DataFrame, n: int, image_names: Sequence[str] | None, ids: Sequence[str] | None
) -> None:
    """Refuse a table without ids if one of its columns contradicts the assumed order of the images.

    Parameters
    ----------
    table : pandas.DataFrame
        Table without the columns ``stimulus_id`` and ``filename``, with one row for each stimulus.
    n : int
        Number of recorded stimuli.
    image_names : sequence of str, optional
        Names of the images relative to their folder.
    ids : sequence of str, optional
        Names of all images without suffix, in the assumed order.

    Raises
    ------
    StimulusMismatchError
        If a column names the images in another order; the message names the column.
    """
    for column in table:
        if column == "original":
            continue
        if image_names is None or ids is None:
            if are_files(table[column]):
                raise StimulusMismatchError(
                    f"column {column!r} of the stimulus table names image files; call it filename (or stimulus_id), "
                    "so that stimuli are not named after their position"
                )
            continue
        named = named_images(table[column], image_names)
        if not is_column_of_images(named, len(image_names)):
            continue
        short = dict(zip(image_names, stems(list(image_names)), strict=True))
        assumed = list(ids) if len(ids) == n else [None] * len(table)
        for row, (name, expected) in enumerate(zip(named, assumed, strict=False), start=1):
            if name is not None and short[name] != expected:
                order = f"in sorted order {expected}" if expected else f"of {len(ids)}, for {n} stimuli"
                raise StimulusMismatchError(
                    f"column {column!r} of the stimulus table names the images in another order than their sorted "
                    f"names (row {row}: {short[name]}, {order}); call the column stimulus_id or filename, or leave "
                    "it out if it does not say which image was shown"
                )


def expect_same_images(
    table: pd.DataFrame, row_ids: Iterable[str], images: Mapping[str, Any], image_of: Mapping[str, Any]
) -> None:
    """Refuse a table in which a column of image files names another image than the one a stimulus has.

    Parameters
    ----------
    table : pandas.DataFrame
    row_ids : iterable of str
        Stimulus id of each row.
    images : mapping of relative file name to image
    image_of : mapping of stimulus id to image

    Raises
    ------
    StimulusMismatchError
        If a column names another image; the message names the column and a stimulus.
    """
    ids = respell(row_ids, image_of)
    for column in table:
        if column in ("stimulus_id", "filename", "original") or not are_files(table[column]):
            continue
        named = named_images(table[column], list(images))
        if not is_column_of_images(named, len(set(image_of.values()))):
            continue
        for stimulus_id, name in zip(ids, named, strict=True):
            if name is not None and stimulus_id in image_of and images[name] != image_of[stimulus_id]:
                raise StimulusMismatchError(
                    f"column {column!r} of the stimulus table names the image {name} for stimulus {stimulus_id}, "
                    "which has another image by its id or filename; correct the table, or leave the column out"
                )


def named_images(values: pd.Series, image_names: Sequence[str]) -> list[str | None]:
    """Find the image that each value names, with or without folders and suffix; None for a value without an image.

    A suffix of another kind of image counts as no suffix, because images are often converted.
    Numbers name images with these numbers as names, with or without leading zeros.
    """
    keys: dict[str, set[str]] = {}
    for name, stem in zip(image_names, stems(list(image_names)), strict=True):
        pure = PurePosixPath(name)
        for key in {name, stem, pure.name, pure.stem, str(pure.with_suffix(""))}:
            keys.setdefault(_key(key), set()).add(name)
    named: list[str | None] = []
    for value in values:
        text = "" if pd.isna(value) else str(value).strip()
        text = text.removesuffix(".0") if isinstance(value, float) else text
        last = file_name(text)
        candidates = keys.get(_key(text)) or keys.get(_key(last)) or set()
        if not candidates and last.lower().endswith(IMAGE_SUFFIXES):
            candidates = keys.get(_key(PurePosixPath(last).stem), set())
        named.append(next(iter(candidates)) if len(candidates) == 1 else None)
    return named


def file_name(path: str) -> str:
    """Return the last part of a path of any operating system."""
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name


def _key(text: str) -> str:
    folded = normalize("NFC", text).casefold()
    return folded.lstrip("0") or "0" if folded.isdecimal() else folded


def _column(table: pd.DataFrame, canonical: str, names: Sequence[str], source: str) -> Hashable | None:
    if canonical in table:
        return canonical
    for name in names:
        columns = [column for column in table if plain_name(column) == name]
        if len(columns) > 1:
            raise DatasetError(
                f"{source} has the columns {name_some(columns)}, which have the same meaning; leave one out"
            )
        if columns:
            return columns[0]
    return None


def are_files(values: pd.Series) -> bool:
    """Return whether all values are names of image files, and at least two differ."""
    texts = values.dropna().astype(str)
    files = texts.str.strip().str.lower().str.endswith(IMAGE_SUFFIXES)
    return len(set(texts)) > 1 and bool(files.all())


def is_column_of_images(named: Sequence[str | None], n_images: int) -> bool:
    """Return whether nearly all rows of a column name images, and more images than categories would."""
    sure = [name for name in named if name is not None]
    return len(sure) >= max(2, 0.9 * len(named)) and len(set(sure)) >= max(2, 0.5 * min(n_images, len(named)))
