"""A matrix of responses as CSV, with or without labels in its first row and column."""

import csv
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.datasets.formats.bare import BareArray
from neuroalign.errors import DatasetError, UsageError

CsvLabels = Literal["none", "header", "index", "both"]

_MISSING = {"": "nan", "NA": "nan", "N/A": "nan", "null": "nan", "None": "nan"}
_INDEX_NAMES = {"", "id", "index", "stimulus", "stimulus_id", "image", "image_id", "filename"}
_INDEX_NAMES |= {"neuroid", "neuroid_id", "neuron", "unit", "unnamed: 0"}


def read_matrix_csv(path: Path, labels: CsvLabels | None = None) -> BareArray:
    """Read a matrix from a text file with commas, semicolons or tabs between the values.

    Parameters
    ----------
    path : Path
    labels : {"none", "header", "index", "both"}, optional
        Whether the first row and the first column are labels. By default they are if they hold
        anything but numbers.

    Returns
    -------
    BareArray
        float64; NaN for empty cells, NaN and NA. Labels of axis 0 are the first column, of axis 1
        the first row.

    Raises
    ------
    DatasetError
        Naming the row and column of a value that is not a number, or if labels cannot be told from values.
    """
    if labels is not None and labels not in get_args(CsvLabels):
        raise UsageError(f"csv labels must be one of {', '.join(get_args(CsvLabels))}, not {labels!r}")
    cells = _read_cells(path)
    header, index = _find_labels(cells, path) if labels is None else _stated(labels)
    body = cells[int(header) :, int(index) :]
    found = {}
    if index:
        found[0] = cells[int(header) :, 0].astype(str)
    if header:
        found[1] = cells[0, int(index) :].astype(str)
    for axis, names in found.items():
        if "" in names:
            place = (
                f"{'column' if axis else 'row'} {list(names).index('') + 1 + int(index if axis else header)}"
            )
            raise DatasetError(f"the label of {place} of {path} is empty")
    if body.size == 0:
        raise DatasetError(f"{path} has no values")
    return BareArray(_as_numbers(body, path, int(header), int(index)), found)


def delimiter_of(path: Path) -> str:
    """Return the character between the values of a text file: comma, semicolon or tab."""
    first = first_line(path)
    return max(",;\t", key=first.count)


def first_line(path: Path) -> str:
    """Return the first line of a text file.

    Raises
    ------
    DatasetError
        If the file is not UTF-8 text.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {path} as text: {error}") from error


def _read_cells(path: Path) -> NDArray[np.object_]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=delimiter_of(path), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error
    if not rows:
        raise DatasetError(f"{path} is empty")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DatasetError(
                f"row {number} of {path} has {len(row)} cells, the first has {len(rows[0])}; "
                "a matrix needs as many in each row"
            )
    return np.array([[cell.strip() for cell in row] for row in rows], dtype=object)


def _stated(labels: CsvLabels) -> tuple[bool, bool]:
    return labels in ("header", "both"), labels in ("index", "both")


def _find_labels(cells: NDArray[np.object_], path: Path) -> tuple[bool, bool]:
    """Tell whether the first row and the first column are labels."""
    corner = str(cells[0, 0]).lower()
    header = not all(_is_number(cell) for cell in cells[0, 1:])
    index = not all(_is_number(cell) for cell in cells[1:, 0])
    if corner in _INDEX_NAMES and len(cells) > 1:
        header = index = True
    elif not (_is_number(corner) or header or index):
        header, index = len(cells) > 1, len(cells) == 1
    for name, labelled, line in (("row", header, cells[0]), ("column", index, cells[:, 0])):
        if not labelled and _is_count(line[int(index) if name == "row" else int(header) :]):
            raise DatasetError(
                f"the first {name} of {path} could be labels or values ({', '.join(line[:3])}, …); "
                "say which with --csv-labels none|header|index|both"
            )
    return header, index


def _is_number(cell: str) -> bool:
    try:
        float(_MISSING.get(cell, cell))
    except ValueError:
        return False
    return True


def _is_count(cells: NDArray[np.object_]) -> bool:
    """Whether cells count 0, 1, 2, … or 1, 2, 3, …, as labels do and values do not."""
    if len(cells) < 3:
        return False
    return any(all(cell == str(start + i) for i, cell in enumerate(cells)) for start in (0, 1))


def _as_numbers(
    body: NDArray[np.object_], path: Path, first_row: int, first_column: int
) -> NDArray[np.float64]:
    body = pd.DataFrame(body).replace(_MISSING).to_numpy(dtype=object)
    try:
        return body.astype(np.float64)
    except ValueError:
        row, column = next(
            (r, c) for r in range(body.shape[0]) for c in range(body.shape[1]) if not _is_number(body[r, c])
        )
        raise DatasetError(
            f"row {row + first_row + 1}, column {column + first_column + 1} of {path} holds "
            f"{body[row, column]!r}, which is not a number"
        ) from None
