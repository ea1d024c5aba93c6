"""Tables with a header: text with delimiters, Parquet, Feather and Excel workbooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neuroalign.datasets.formats.delimited_text import delimiter_of, encoding_of
from neuroalign.datasets.formats.reader import names_in_zip
from neuroalign.errors import DatasetError, NeuroalignError
from neuroalign.files.archives import open_archive

if TYPE_CHECKING:
    import pandas as pd

_PARQUET, _FEATHER = b"PAR1", b"ARROW1"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
#: Bytes that an old Excel workbook may have.
_MOST_OLD_BYTES = 1 << 26


def read_table(path: Path, noun: str, is_text: Callable[[str], bool] | None = None) -> pd.DataFrame:
    """Read a table with a header; the content of the file, not its name, decides its format.

    Parameters
    ----------
    path : Path
        CSV, text with semicolons or tabs, Parquet, Feather, or an Excel workbook (.xlsx; .xls where xlrd is
        installed), of which the first sheet counts.
    noun : str
        Noun for the table in messages, such as "stimulus table".
    is_text : callable, optional
        Function that says by its name whether a column of text or of a workbook is read as text, so that "007" stays.

    Returns
    -------
    pandas.DataFrame
        Table in which an empty cell is a missing value.

    Raises
    ------
    DatasetError
        If the file cannot be read; the message names it.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(_OLD_EXCEL) and find_spec("xlrd") is None:
            raise DatasetError(
                f"the {noun} {path} is an old Excel workbook (.xls); install xlrd, or save it as .xlsx or CSV"
            )
        with warnings.catch_warnings():
            # Rows with more cells than the header, which pandas would cut off.
            warnings.simplefilter("error", _parser_warning())
            return _reader_of(path, start)(path, is_text or (lambda column: False))
    except NeuroalignError:
        raise
    except ImportError as error:
        raise DatasetError(
            f"cannot read the {noun} {path} without another package: {error}; install it, or save the table as CSV"
        ) from error
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(f"cannot read the {noun} {path}: {error}") from error


def _parser_warning() -> type[Warning]:
    import pandas as pd

    return pd.errors.ParserWarning


def table_kind(path: Path) -> Literal["text", "parquet", "feather", "workbook"]:
    """Return the kind of a table by its first bytes; "text" for every file that is nothing else."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_PARQUET):
        return "parquet"
    if start.startswith(_FEATHER):
        return "feather"
    old = start.startswith(_OLD_EXCEL)
    return "workbook" if old or "xl/workbook.xml" in names_in_zip(path) else "text"


def header_of(path: Path) -> list[str] | None:
    """Return the names of the columns of Parquet, Feather or an Excel workbook (.xlsx), without its values.

    Returns
    -------
    list of str, or None
        None if the header cannot be read, as in a damaged file.
    """
    try:
        kind = table_kind(path)
        if kind == "workbook":
            from openpyxl import load_workbook

            workbook = load_workbook(path, read_only=True)
            try:
                rows = workbook.worksheets[0].iter_rows(max_row=1, values_only=True)
                return ["" if cell is None else str(cell) for cell in next(rows, ())]
            finally:
                workbook.close()
        from pyarrow import ipc, parquet

        schema = parquet.read_schema(path) if kind == "parquet" else ipc.open_file(str(path)).schema
        return list(map(str, schema.names))
    except Exception:  # the parsers raise nearly anything on a damaged file, and the packages may be missing
        return None


def _reader_of(path: Path, start: bytes) -> Callable[[Path, Callable[[str], bool]], pd.DataFrame]:
    if start.startswith(_PARQUET):
        return _read_parquet
    if start.startswith(_FEATHER):
        return _read_feather
    if start.startswith(_OLD_EXCEL):
        return _read_old_workbook
    return _read_workbook if "xl/workbook.xml" in names_in_zip(path) else _read_text


def _read_text(path: Path, is_text: Callable[[str], bool]) -> pd.DataFrame:
    import pandas as pd

    options: dict[str, Any] = {
        "sep": delimiter_of(path),
        "keep_default_na": False,
        "na_values": [""],
        "encoding": encoding_of(path),
        "index_col": False,
    }
    columns = pd.read_csv(path, nrows=0, **options).columns
    return pd.read_csv(path, dtype={column: str for column in columns if is_text(column)}, **options)


def _read_workbook(path: Path, is_text: Callable[[str], bool]) -> pd.DataFrame:
    with open_archive(path):
        pass
    return _read_sheet(path, is_text, "openpyxl")


def _read_old_workbook(path: Path, is_text: Callable[[str], bool]) -> pd.DataFrame:
    if path.stat().st_size > _MOST_OLD_BYTES:
        raise DatasetError(f"{path} has more than {_MOST_OLD_BYTES:,} bytes; save it as .xlsx or CSV")
    return _read_sheet(path, is_text, "xlrd")


def _read_sheet(path: Path, is_text: Callable[[str], bool], engine: str) -> pd.DataFrame:
    import pandas as pd

    options: dict[str, Any] = {"engine": engine, "keep_default_na": False, "na_values": [""]}
    columns = pd.read_excel(path, nrows=0, **options).columns
    dtype = {column: str for column in columns if is_text(str(column))}
    return pd.read_excel(path, dtype=dtype, **options)


def _read_parquet(path: Path, is_text: Callable[[str], bool]) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path, engine="pyarrow")


def _read_feather(path: Path, is_text: Callable[[str], bool]) -> pd.DataFrame:
    import pandas as pd

    return pd.read_feather(path)
