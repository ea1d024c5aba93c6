"""Matrices of responses as CSV, with or without labels in the first row and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.delimited_text import (
    delimiter_of,
    encoding_of,
    has_decimal_comma,
    is_spaced,
)
from neuroalign.datasets.formats.matrix_labels import (
    MISSING,
    CsvLabels,
    Outline,
    expect_wide,
    find_labels,
    is_number,
)
from neuroalign.datasets.formats.reader import ArrayReader, ReaderOption
from neuroalign.errors import DatasetError, UsageError
from neuroalign.progress import progress

Decimal = Literal[".", ","]

#: Numbers in which the comma may stand between thousands, as in 1,234.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def read_matrix_csv(path: Path, labels: CsvLabels | None = None, decimal: Decimal | None = None) -> BareArray:
    """Read a matrix from a text file with commas, semicolons, tabs or blanks between the values.

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
    delimiter = " " if is_spaced(path) else delimiter_of(path)
    if delimiter == "," and decimal == ",":
        delimiter = ";"  # one value in each row
    note = None
    if decimal is None and delimiter != ",":
        decimal, note = find_decimal(
            (cell for row in _rows_of_file(path, delimiter) for cell in row), delimiter, path
        )
    return matrix_of_rows(lambda: _rows_of_file(path, delimiter), path, labels, decimal, note)


def matrix_of_rows(
    rows: Callable[[], Iterable[list[str]]],
    path: Path,
    labels: CsvLabels | None,
    decimal: Decimal | None = None,
    note: str | None = None,
) -> BareArray:
    """Read a matrix from the text of cells, of which one row at a time is in memory; see :func:`read_matrix_csv`.

    Parameters
    ----------
    rows : callable
        Function that returns the rows; it is called twice. All rows have the same number of cells.
    path : Path
        File of the cells, for messages.
    labels : {"none", "header", "index", "both"}, optional
    decimal : {".", ","}, optional
    note : str, optional
        Sentence for the user.
    """
    import numpy as np

    if labels is not None and labels not in get_args(CsvLabels):
        raise UsageError(f"--csv-labels must be one of {', '.join(get_args(CsvLabels))}, got {labels!r}")
    outline = Outline.of_rows(progress(rows(), description=f"looking at {path.name}", unit="row"))
    if not outline.column:
        raise DatasetError(f"{path} is empty")
    if labels is None:
        expect_wide(outline.row, path)
        of_numbers = (
            Outline(_with_points(outline.row), _with_points(outline.column), outline.whole)
            if decimal == ","
            else outline
        )
        header, index = find_labels(of_numbers, path)
    else:
        header, index = labels in ("header", "both"), labels in ("index", "both")
    labels_of = {}
    if index:
        labels_of[0] = np.array(outline.column[int(header) :], dtype=str)
    if header:
        labels_of[1] = np.array(outline.row[int(index) :], dtype=str)
    for axis, names in labels_of.items():
        if "" in names:
            place = (
                f"{'column' if axis else 'row'} {list(names).index('') + 1 + int(index if axis else header)}"
            )
            raise DatasetError(f"the label of {place} of {path} is empty")
    values = np.empty((len(outline.column) - int(header), len(outline.row) - int(index)))
    if values.size == 0:
        raise DatasetError(
            f"{path} has no values beside its labels; separate the values by commas, semicolons, tabs or blanks, or "
            "say with --csv-labels which row and column are labels"
        )
    n_read = 0
    counted = progress(rows(), description=f"reading {path.name}", unit="row", total=len(outline.column))
    for number, row in enumerate(counted, start=1):
        if number > int(header) and n_read < len(values):
            values[n_read] = _as_numbers(row[int(index) :], path, number, int(index) + 1, decimal)
            n_read += 1
    if n_read < len(values):
        raise DatasetError(f"{path} became shorter while it was read; import it again")
    return BareArray(values, labels_of, note=note)


def _rows_of_file(path: Path, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of a file with cells, without blanks around the cells."""
    n_rows = n_cells = 0
    try:
        with path.open(encoding=encoding_of(path), newline="") as file:
            lines = (line.split() for line in file)
            for row in lines if delimiter == " " else csv.reader(file, delimiter=delimiter, strict=True):
                if not row:
                    continue
                n_rows += 1
                n_cells = n_cells or len(row)
                if len(row) != n_cells:
                    raise DatasetError(
                        f"row {n_rows} of {path} has {len(row)} cells, the first has {n_cells}; "
                        "each row of a matrix must have the same number of cells"
                    )
                yield [cell.strip() for cell in row]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error


def find_decimal(cells: Iterable[str], delimiter: str, path: Path) -> tuple[Decimal | None, str | None]:
    """Return the decimal mark of cells between semicolons or tabs, with a note where it is a comma.

    Parameters
    ----------
    cells : iterable of str
        Cells, which are read up to the first number with a point.
    delimiter : str
        Character between the cells.
    path : Path
        File of the cells, for messages.

    Raises
    ------
    DatasetError
        If all commas could stand between thousands.
    """
    first, is_sure = None, False
    for cell in cells:
        if "." in cell and is_number(cell):
            return None, None
        if "," in cell and has_decimal_comma(cell):
            first = first or cell
            is_sure = is_sure or not _THOUSANDS.fullmatch(cell)
    if first is None:
        return None, None
    if not is_sure:
        raise DatasetError(
            f"the comma in {first} of {path} could be a decimal mark or stand between thousands; give "
            "--decimal , if it is a decimal mark, or remove the commas"
        )
    between = {";": "semicolons", " ": "blanks"}.get(delimiter, "tabs")
    return (
        ",",
        f"Commas are decimal marks, as in {first}: {between} stand between the values of {path.name}.",
    )


def _with_points(cells: Sequence[str]) -> list[str]:
    """Replace the comma of all numbers with a decimal comma by a point."""
    return [cell.replace(",", ".") if has_decimal_comma(cell) else cell for cell in cells]


def _as_numbers(
    cells: Sequence[str], path: Path, row: int, first_column: int, decimal: Decimal | None
) -> list[float]:
    """Return the numbers in the cells of a row; its number and its first column serve messages."""

    def fault(place: int, why: str) -> DatasetError:
        return DatasetError(
            f"row {row}, column {first_column + place} of {path} holds {cells[place]!r}, {why}"
        )

    if decimal == ",":
        for place, cell in enumerate(cells):
            if "." in cell and is_number(cell):
                raise fault(place, "a number with a point, but the decimal mark is a comma")
    texts = _with_points(cells) if decimal == "," else cells
    try:
        return list(map(float, texts))
    except ValueError:
        pass
    try:
        return [float(MISSING.get(text, text)) for text in texts]
    except ValueError:
        place = next(place for place, text in enumerate(texts) if not is_number(text))
        hint = (
            "; if its comma is a decimal mark, give --decimal ,"
            if has_decimal_comma(cells[place])
            else "; write NaN where a value is missing"
        )
        raise fault(place, f"which is not a number{hint}") from None


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

    title = "matrix as text with commas, semicolons, tabs or blanks"
    suffixes = (".csv", ".tsv", ".txt")
    options = (
        CSV_LABELS,
        DECIMAL,
    )

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read the matrix; see :func:`read_matrix_csv`."""
        return read_matrix_csv(path, options["csv_labels"], options["decimal"])
