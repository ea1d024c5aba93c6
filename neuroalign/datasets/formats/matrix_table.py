"""Matrices of responses in Parquet and Feather files and in Excel workbooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.frames import matrix_of_frame
from neuroalign.datasets.formats.matrix_csv import CSV_LABELS, matrix_of_rows
from neuroalign.datasets.formats.matrix_labels import CsvLabels
from neuroalign.datasets.formats.reader import ArrayReader, names_in_zip
from neuroalign.datasets.formats.shared_options import VARIABLE
from neuroalign.errors import DatasetError, NeuroalignError, UsageError, name_some, unknown_name
from neuroalign.files.archives import open_archive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PARQUET, _FEATHER = b"PAR1", b"ARROW1"
_WORKBOOK = "xl/workbook.xml"
_TIDY = "give --format tidy, or make it a matrix (in pandas: pivot)"


def read_matrix_table(path: Path, labels: CsvLabels | None = None, sheet: str | None = None) -> BareArray:
    """Read a matrix from a Parquet or Feather file or an Excel workbook; the content decides which it is.

    Parameters
    ----------
    path : Path
    labels : {"none", "header", "index", "both"}, optional
        Whether names of columns (header), and the index or the first column (index) are labels; see
        :func:`neuroalign.datasets.formats.frames.matrix_of_frame`. A sheet of a workbook is read as a CSV.
    sheet : str, optional
        Sheet of a workbook; by default the only one with cells.

    Raises
    ------
    DatasetError
        If the file is damaged, a cell is not a number, or labels are not certain.
    UsageError
        If a sheet is named for a file without sheets.
    """
    try:
        if _WORKBOOK in names_in_zip(path):
            name, cells = _read_sheet(path, sheet)
            bare = matrix_of_rows(lambda: map(list, cells), path, labels)
            return BareArray(bare.values, bare.labels, note=f"Responses are the sheet {name} of {path.name}.")
        if sheet is not None:
            raise UsageError(
                f"--variable names a sheet of a workbook, and {path} has no sheets; leave it out"
            )
        return matrix_of_frame(
            _read_frame(path),
            path.name,
            labels=labels,
            advice="say which with --csv-labels none|header|index|both",
            tidy=_TIDY,
        )
    except NeuroalignError:
        raise
    except ImportError as error:
        raise DatasetError(
            f"cannot read {path} without another package: {error}; install it, or save the matrix as CSV"
        ) from error
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(
            f"cannot read {path}: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from error


def _read_frame(path: Path) -> Any:
    import pandas as pd

    with path.open("rb") as file:
        is_parquet = file.read(4) == _PARQUET
    return pd.read_parquet(path, engine="pyarrow") if is_parquet else pd.read_feather(path)


def _read_sheet(path: Path, wanted: str | None) -> tuple[str, NDArray[np.object_]]:
    """Return the name and the cells of a sheet as text, without empty last rows and columns."""
    import numpy as np
    from openpyxl import load_workbook

    with open_archive(path):
        pass
    workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        sheets = {}
        for sheet in workbook.worksheets:
            if wanted in (None, sheet.title):
                rows = [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
                width = max((len(row) for row in rows), default=0)
                cells = np.array([row + [""] * (width - len(row)) for row in rows], dtype=object)
                filled = cells.reshape(len(rows), width) != ""
                if filled.any():
                    last = [int(np.flatnonzero(filled.any(axis=axis))[-1]) + 1 for axis in (1, 0)]
                    sheets[sheet.title] = cells[: last[0], : last[1]]
        names = [sheet.title for sheet in workbook.worksheets]
    finally:
        workbook.close()
    if wanted is not None and wanted not in names:
        raise unknown_name(f"sheet in {path.name}", wanted, names)
    if not sheets:
        raise DatasetError(
            f"{path} has no cells" if wanted is None else f"the sheet {wanted} of {path} has no cells"
        )
    if len(sheets) > 1:
        raise DatasetError(
            f"{path} has several sheets: {name_some(list(sheets), most=12)}; choose one with --variable NAME"
        )
    return next(iter(sheets.items()))


def _text(cell: Any) -> str:
    """Return the content of a cell as the text that a CSV would hold."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell).strip()


class TableReader(ArrayReader):
    """Reader of a matrix in a Parquet or Feather file or an Excel workbook."""

    title = "matrix in Parquet, Feather or an Excel workbook"
    suffixes = (".parquet", ".feather", ".xlsx")
    options = (CSV_LABELS, VARIABLE)

    def recognises(self, path: Path) -> bool:
        """Return whether the file starts as Parquet or Feather, or is a ZIP archive with a workbook."""
        if path.is_dir():
            return False
        with path.open("rb") as file:
            start = file.read(8)
        return start.startswith((_PARQUET, _FEATHER)) or _WORKBOOK in names_in_zip(path)

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read the matrix; see :func:`read_matrix_table`."""
        return read_matrix_table(path, options["csv_labels"], options["variable"])
