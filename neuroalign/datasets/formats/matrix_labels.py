"""Labels of a matrix of text: whether its first row and its first column are labels or values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from neuroalign.errors import DatasetError, name_some

CsvLabels = Literal["none", "header", "index", "both"]

#: Marks of missing values among numbers, with the text that Python reads as NaN.
MISSING = {"": "nan", "NA": "nan", "N/A": "nan", "n/a": "nan", "#N/A": "nan", "null": "nan", "None": "nan"}

#: Marks of missing values that programs and people write. The reader takes only NaN and MISSING for NaN.
_MISSING_MARKS = {
    "",
    "na",
    "n/a",
    "#n/a",
    "nan",
    "null",
    "none",
    "-",
    "--",
    "---",
    ".",
    "?",
    "missing",
    "nil",
}
_MISSING_MARKS |= {"#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!", "inf", "-inf"}

_INDEX_NAMES = {"", "id", "index", "stimulus", "stimulus_id", "image", "image_id", "filename"}
_INDEX_NAMES |= {"neuroid", "neuroid_id", "neuron", "unit", "unnamed: 0"}

#: Column names of a table with one row for each value.
_LONG_NAMES = _INDEX_NAMES - {"", "unnamed: 0"} | {"neuron_id", "unit_id", "cell_id", "stim_id", "image_nr"}
_LONG_NAMES |= {"repetition", "rep", "trial", "trial_id", "presentation", "session", "time", "time_bin"}

#: Column names of a table with one row for each spike, and their meanings.
_SPIKE_NAMES = {"timestamp": "time", "timestamps": "time", "spike_time": "time", "spike_times": "time"}
_SPIKE_NAMES |= dict.fromkeys(("unit", "channel", "cluster", "unit_id", "cluster_id", "channel_name"), "unit")

#: Words that occur in the name of a column of ids.
_ID_WORD = re.compile(
    r"(^|[^a-z])(id|ids|nr|no|num|number|index|idx|image|img|picture|pic|stim|stimulus|trial|frame|name|file)"
    r"($|[^a-z])"
)


@dataclass(frozen=True, eq=False)
class Outline:
    """Cells that decide which lines of a matrix are labels.

    Parameters
    ----------
    row : list of str
        Cells of the first row.
    column : list of str
        First cell of each row.
    whole : list of bool
        Whether each column has only whole numbers below the first row.
    """

    row: list[str]
    column: list[str]
    whole: list[bool]

    @classmethod
    def of_rows(cls, rows: Iterable[list[str]]) -> Outline:
        """Make the outline of rows of equal length, without keeping them."""
        first, column, among = list[str](), list[str](), set[int]()
        for row in rows:
            column.append(row[0])
            if len(column) == 1:
                first, among = row, set(range(len(row)))
            elif among:
                among = {place for place in among if row[place].isdecimal()}
        return cls(first, column, [place in among for place in range(len(first))])


def find_labels(outline: Outline, path: Path) -> tuple[bool, bool]:
    """Return whether the first row and the first column are labels.

    Parameters
    ----------
    outline : Outline
    path : Path
        File of the cells, for messages.

    Raises
    ------
    DatasetError
        If the cells leave a doubt.
    """
    corner = outline.row[0]
    row, column = outline.row[1:], outline.column[1:]
    if corner != "" and corner.lower() in _INDEX_NAMES and len(outline.column) > 1:
        header = index = True
    else:
        header, index = _kind(row) == "words", _kind(column) == "words"
        for name, line, kind in (
            ("row", outline.row, _kind(row)),
            ("column", outline.column, _kind(column)),
        ):
            if kind == "mixed":
                odd = next(cell for cell in line[1:] if not is_number(cell))
                raise _unclear(name, path, f"it holds numbers and {odd!r}")
        kind = _kind([corner])
        if kind == "words" and not row:  # one column
            header = len(outline.column) > 1
        elif kind == "words" and not column:  # one row
            index = True
        elif kind == "words" and not (header or index):
            raise _unclear("row", path, f"it starts with {corner!r}")
        elif kind == "words" and header and not index and _may_be_ids(outline):
            raise _unclear("column", path, ", ".join(outline.column[:3]) + ", …")
        elif corner == "" and (header or index or (_is_count(row) and _is_count(column))):
            header = index = True
        elif kind != "words" and (header or index or (kind == "missing" and row and column)):
            raise _unclear("row", path, f"it starts with {corner!r}" if corner else "its first cell is empty")
    for name, labelled, line in (("row", header, outline.row), ("column", index, outline.column)):
        if not labelled and _is_count(line[int(index) if name == "row" else int(header) :]):
            raise _unclear(name, path, ", ".join(line[:3]) + ", …")
    return header, index


def _unclear(line: str, path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"the first {line} of {path} could be labels or values ({why}); "
        "say which with --csv-labels none|header|index|both"
    )


def _kind(cells: Sequence[str]) -> Literal["numbers", "missing", "words", "mixed"]:
    """Classify a line by its cells; numbers and words may include marks of missing values."""
    sure = [cell for cell in cells if cell.strip().lower() not in _MISSING_MARKS]
    numbers = sum(is_number(cell) for cell in sure)
    if not sure:
        return "missing"
    if numbers in (0, len(sure)):
        kind: Literal["numbers", "words"] = "numbers" if numbers else "words"
        # Text that marks a missing value elsewhere can be a label among words, and is a fault among numbers.
        unread = any(not is_number(cell) for cell in cells)
        return "mixed" if kind == "numbers" and unread else kind
    return "mixed"


def _may_be_ids(outline: Outline) -> bool:
    """Return whether a first column of numbers below a word may be ids: by its name, or as distinct whole numbers."""
    if may_be_ids(outline.row[0]):
        return True
    ids, whole = outline.column, outline.whole
    return len(ids) > 3 and whole[0] and not any(whole[1:]) and len(set(ids[1:])) == len(ids) - 1


def expect_wide(row: Sequence[str], path: Path) -> None:
    """Refuse a table with one row for each value, and a table with a column of ids among the values.

    Parameters
    ----------
    row : sequence of str
        First row.
    path : Path
        File of the cells, for messages.

    Raises
    ------
    DatasetError
        If the header names columns of ids; the message names them.
    """
    names = [cell.lower().replace(" ", "_") for cell in row]
    ids = id_columns(row)
    of_spikes = [cell for cell, name in zip(row, names, strict=True) if name in _SPIKE_NAMES]
    if len({_SPIKE_NAMES[name] for name in names if name in _SPIKE_NAMES}) > 1:
        raise DatasetError(
            f"{path} looks like a table of spikes, as Plexon exports it, with the columns {name_some(of_spikes)}; "
            "give --format tidy with --events, --window and --time-unit"
        )
    if len(ids) > 1:
        raise DatasetError(
            f"{path} looks like a table with ids in its columns {name_some(ids)}, not like a matrix; give --format tidy"
        )
    if any(name in _LONG_NAMES for name in names[1:]):
        raise DatasetError(
            f"column {ids[0]} of {path} looks like ids among the responses; give --format tidy, or --csv-labels if it "
            "is a neuron"
        )


def id_columns(names: Iterable[Any]) -> list[str]:
    """Return the names of columns that hold ids in a table with one row for each value."""
    return [str(name) for name in names if str(name).lower().replace(" ", "_") in _LONG_NAMES]


def counts(labels: Sequence[Any]) -> bool:
    """Return whether labels are 0, 1, 2, … or 1, 2, 3, …, as programs number rows and columns."""
    return any(
        [str(label) for label in labels] == [str(start + i) for i in range(len(labels))] for start in (0, 1)
    )


def may_be_ids(name: str) -> bool:
    """Return whether the name of a column has a word for ids, such as trial or image."""
    return _ID_WORD.search(name.lower()) is not None


def is_number(cell: str) -> bool:
    """Return whether a text is a number or a mark of a missing value that the reader takes."""
    try:
        float(MISSING.get(cell, cell))
    except ValueError:
        return False
    return True


def _is_count(cells: Sequence[str]) -> bool:
    """Return whether cells count 0, 1, 2, … or 1, 2, 3, …, which only labels do."""
    if len(cells) < 3:
        return False
    return any(all(cell == str(start + i) for i, cell in enumerate(cells)) for start in (0, 1))
