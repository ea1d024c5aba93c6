"""Matrices of responses as CSV, with or without labels in the first row and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.delimited_text import delimiter_of, encoding_of, has_decimal_comma
from neuroalign.datasets.formats.reader import ArrayReader, ReaderOption
from neuroalign.errors import DatasetError, UsageError, name_some

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CsvLabels = Literal["none", "header", "index", "both"]
Decimal = Literal[".", ","]

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

#: Numbers in which the comma may stand between thousands, as in 1,234.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")

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


def read_matrix_csv(path: Path, labels: CsvLabels | None = None, decimal: Decimal | None = None) -> BareArray:
    """Read a matrix from a text file with commas, semicolons or tabs between the values.

    Parameters
    ----------
    path : Path
    labels : {"none", "header", "index", "both"}, optional
        Whether the first row (header) and the first column (index) are labels. By default each is if it holds only
        text; a line with numbers and text, or with numbers that may be ids, is an error.
    decimal : {".", ","}, optional
        Decimal mark of the numbers. By default a comma if semicolons or tabs stand between the values, some cells are
        numbers with a comma and no cell is a number with a point; a note says so.

    Returns
    -------
    BareArray
        Values in float64; NaN for empty cells, NaN and NA. The first column holds the labels of axis 0, the first
        row the labels of axis 1.

    Raises
    ------
    DatasetError
        If a value is not a number (the message names its row and column), if the first row or column could be
        labels or values, or if commas could be decimal marks or stand between thousands.
    """
    if decimal is not None and decimal not in get_args(Decimal):
        raise UsageError(f"--decimal must be a point or a comma, got {decimal!r}")
    cells, delimiter = _read_cells(path, decimal)
    note = None
    if decimal is None and delimiter != ",":
        decimal, note = find_decimal(cells, delimiter, path)
    return matrix_of_cells(cells, path, labels, decimal, note)


def matrix_of_cells(
    cells: NDArray[np.object_],
    path: Path,
    labels: CsvLabels | None,
    decimal: Decimal | None = None,
    note: str | None = None,
) -> BareArray:
    """Read a matrix from the text of cells; see :func:`read_matrix_csv`.

    Parameters
    ----------
    cells : array of str objects, shape (n_rows, n_columns)
    path : Path
        File of the cells, for messages.
    labels : {"none", "header", "index", "both"}, optional
    decimal : {".", ","}, optional
    note : str, optional
        Sentence for the user.
    """
    if labels is not None and labels not in get_args(CsvLabels):
        raise UsageError(f"--csv-labels must be one of {', '.join(get_args(CsvLabels))}, got {labels!r}")
    numbers = _with_points(cells) if decimal == "," else cells
    if labels is None:
        _expect_wide(cells, path)
    header, index = _find_labels(numbers, path) if labels is None else _stated(labels)
    body = cells[int(header) :, int(index) :]
    labels_of = {}
    if index:
        labels_of[0] = cells[int(header) :, 0].astype(str)
    if header:
        labels_of[1] = cells[0, int(index) :].astype(str)
    for axis, names in labels_of.items():
        if "" in names:
            place = (
                f"{'column' if axis else 'row'} {list(names).index('') + 1 + int(index if axis else header)}"
            )
            raise DatasetError(f"the label of {place} of {path} is empty")
    if body.size == 0:
        raise DatasetError(f"{path} has no values")
    return BareArray(_as_numbers(body, path, int(header), int(index), decimal), labels_of, note=note)


def _read_cells(path: Path, decimal: Decimal | None) -> tuple[NDArray[np.object_], str]:
    """Return the cells of a file, and the character between them."""
    import numpy as np

    try:
        delimiter = delimiter_of(path)
        if delimiter == "," and decimal == ",":
            delimiter = ";"  # one value in each row
        with path.open(encoding=encoding_of(path), newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=delimiter, strict=True) if row]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
    if not rows:
        raise DatasetError(f"{path} is empty")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DatasetError(
                f"row {number} of {path} has {len(row)} cells, the first has {len(rows[0])}; "
                "each row of a matrix must have the same number of cells"
            )
    return np.array([[cell.strip() for cell in row] for row in rows], dtype=object), delimiter


def find_decimal(cells: NDArray[np.object_], delimiter: str, path: Path) -> tuple[Decimal | None, str | None]:
    """Return the decimal mark of cells between semicolons or tabs, with a note where it is a comma.

    Parameters
    ----------
    cells : array of str
    delimiter : str
        Character between the cells.
    path : Path
        File of the cells, for messages.

    Raises
    ------
    DatasetError
        If all commas could stand between thousands.
    """
    with_comma = [cell for cell in cells.ravel().tolist() if has_decimal_comma(cell)]
    with_point = any("." in cell and _is_number(cell) for cell in cells.ravel().tolist())
    if not with_comma or with_point:
        return None, None
    if all(map(_THOUSANDS.fullmatch, with_comma)):
        raise DatasetError(
            f"the comma in {with_comma[0]} of {path} could be a decimal mark or stand between thousands; give "
            "--decimal , if it is a decimal mark, or remove the commas"
        )
    between = "semicolons" if delimiter == ";" else "tabs"
    return (
        ",",
        f"Commas are decimal marks, as in {with_comma[0]}: {between} stand between the values of {path.name}.",
    )


def _with_points(cells: NDArray[np.object_]) -> NDArray[np.object_]:
    """Replace the comma of all numbers with a decimal comma by a point."""
    import numpy as np

    replaced = [
        cell.replace(",", ".") if has_decimal_comma(cell) else cell for cell in cells.ravel().tolist()
    ]
    return np.array(replaced, dtype=object).reshape(cells.shape)


def _stated(labels: CsvLabels) -> tuple[bool, bool]:
    return labels in ("header", "both"), labels in ("index", "both")


def _find_labels(cells: NDArray[np.object_], path: Path) -> tuple[bool, bool]:
    """Return whether the first row and the first column are labels; an error where the cells leave a doubt."""
    corner = str(cells[0, 0])
    row, column = cells[0, 1:], cells[1:, 0]
    if corner != "" and corner.lower() in _INDEX_NAMES and len(cells) > 1:
        header = index = True
    else:
        header, index = _kind(row) == "words", _kind(column) == "words"
        for name, line, kind in (("row", cells[0], _kind(row)), ("column", cells[:, 0], _kind(column))):
            if kind == "mixed":
                odd = next(cell for cell in line[1:] if not _is_number(cell))
                raise _unclear(name, path, f"it holds numbers and {odd!r}")
        kind = _kind(cells[:1, 0])
        if kind == "words" and row.size == 0:  # one column
            header = len(cells) > 1
        elif kind == "words" and column.size == 0:  # one row
            index = True
        elif kind == "words" and not (header or index):
            raise _unclear("row", path, f"it starts with {corner!r}")
        elif kind == "words" and header and not index and _may_be_ids(cells):
            raise _unclear("column", path, ", ".join(cells[:3, 0]) + ", …")
        elif corner == "" and (header or index or (_is_count(row) and _is_count(column))):
            header = index = True
        elif kind != "words" and (header or index or (kind == "missing" and row.size and column.size)):
            raise _unclear("row", path, f"it starts with {corner!r}" if corner else "its first cell is empty")
    for name, labelled, line in (("row", header, cells[0]), ("column", index, cells[:, 0])):
        if not labelled and _is_count(line[int(index) if name == "row" else int(header) :]):
            raise _unclear(name, path, ", ".join(line[:3]) + ", …")
    return header, index


def _unclear(line: str, path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"the first {line} of {path} could be labels or values ({why}); "
        "say which with --csv-labels none|header|index|both"
    )


def _kind(cells: NDArray[np.object_]) -> Literal["numbers", "missing", "words", "mixed"]:
    """Classify a line by its cells; numbers and words may include marks of missing values."""
    sure = [cell for cell in cells if cell.strip().lower() not in _MISSING_MARKS]
    numbers = sum(_is_number(cell) for cell in sure)
    if not sure:
        return "missing"
    if numbers in (0, len(sure)):
        kind: Literal["numbers", "words"] = "numbers" if numbers else "words"
        # Text that marks a missing value elsewhere can be a label among words, and is a fault among numbers.
        unread = any(not _is_number(cell) for cell in cells)
        return "mixed" if kind == "numbers" and unread else kind
    return "mixed"


def _may_be_ids(cells: NDArray[np.object_]) -> bool:
    """Return whether a first column of numbers below a word may be ids: by its name, or as distinct whole numbers."""
    if may_be_ids(str(cells[0, 0])):
        return True
    whole = [_is_whole(cells[1:, column]) for column in range(cells.shape[1])]
    return len(cells) > 3 and whole[0] and not any(whole[1:]) and len(set(cells[1:, 0])) == len(cells) - 1


def _is_whole(cells: NDArray[np.object_]) -> bool:
    return all(cell.isdecimal() for cell in cells)


def _expect_wide(cells: NDArray[np.object_], path: Path) -> None:
    """Refuse a table with one row for each value, and a table with a column of ids among the values.

    Raises
    ------
    DatasetError
        If the header names columns of ids; the message names them.
    """
    names = [str(cell).lower().replace(" ", "_") for cell in cells[0]]
    ids = id_columns(cells[0])
    of_spikes = [str(cell) for cell, name in zip(cells[0], names, strict=True) if name in _SPIKE_NAMES]
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


def _is_number(cell: str) -> bool:
    try:
        float(MISSING.get(cell, cell))
    except ValueError:
        return False
    return True


def _is_count(cells: NDArray[np.object_]) -> bool:
    """Return whether cells count 0, 1, 2, … or 1, 2, 3, …, which only labels do."""
    if len(cells) < 3:
        return False
    return any(all(cell == str(start + i) for i, cell in enumerate(cells)) for start in (0, 1))


def _as_numbers(
    body: NDArray[np.object_], path: Path, first_row: int, first_column: int, decimal: Decimal | None
) -> NDArray[np.float64]:
    import numpy as np
    import pandas as pd

    def fault(row: int, column: int, why: str) -> DatasetError:
        return DatasetError(
            f"row {row + first_row + 1}, column {column + first_column + 1} of {path} holds "
            f"{body[row, column]!r}, {why}"
        )

    if decimal == ",":
        for row, column in np.ndindex(body.shape):
            cell = str(body[row, column])
            if "." in cell and _is_number(cell):
                raise fault(row, column, "a number with a point, but the decimal mark is a comma")
    numbers = _with_points(body) if decimal == "," else body
    numbers = pd.DataFrame(numbers).replace(MISSING).to_numpy(dtype=object)
    try:
        return numbers.astype(np.float64)
    except ValueError:
        row, column = next(place for place in np.ndindex(body.shape) if not _is_number(str(numbers[place])))
        hint = (
            "; if its comma is a decimal mark, give --decimal ,"
            if has_decimal_comma(str(body[row, column]))
            else ""
        )
        raise fault(row, column, f"which is not a number{hint}") from None


CSV_LABELS = ReaderOption(
    "csv_labels",
    "Whether the first row (header) and the first column (index) are labels. By default each is if it holds only text.",
    choices=get_args(CsvLabels),
)

DECIMAL = ReaderOption(
    "decimal",
    "Decimal mark of the numbers, a point or a comma. By default a comma if semicolons or tabs stand between the "
    "values, some numbers have a comma and no number has a point.",
    choices=get_args(Decimal),
)


class CsvReader(ArrayReader):
    """Reader of a matrix in a text file."""

    title = "matrix as text with commas, semicolons or tabs"
    suffixes = (".csv", ".tsv", ".txt")
    options = (
        CSV_LABELS,
        DECIMAL,
    )

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read the matrix; see :func:`read_matrix_csv`."""
        return read_matrix_csv(path, options["csv_labels"], options["decimal"])
