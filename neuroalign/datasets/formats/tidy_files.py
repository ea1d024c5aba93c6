"""Files with tables of responses or spikes: their columns, and the columns that are needed in memory.

A table can have hundreds of millions of rows. The first rows show the names and types of the columns; the rest is read
only after each column has a meaning, with ids as categories and numbers as floats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.delimited_text import delimiter_of, encoding_of
from neuroalign.datasets.formats.matrix_csv import Decimal, find_decimal
from neuroalign.datasets.formats.matrix_labels import MISSING
from neuroalign.datasets.formats.tables import read_table, table_kind
from neuroalign.datasets.formats.tidy_rows import TableSource
from neuroalign.errors import DatasetError, UsageError, brief
from neuroalign.progress import progress

if TYPE_CHECKING:
    import pandas as pd

#: Rows that show the type of a column, and cells that are in memory as text at one time.
_SAMPLE, _CELLS_AT_ONCE = 1000, 2_000_000


@dataclass(frozen=True)
class TableFile:
    """A table of which only the first rows were read.

    Parameters
    ----------
    path : Path
    names : tuple of str
        Columns.
    numeric : tuple of str
        Columns that hold numbers in the first rows.
    decimal : {".", ","}
        Decimal mark.
    note : str, optional
        Sentence on the decimal mark, for the user.
    whole : pandas.DataFrame, optional
        The table, where its format cannot be read in parts.
    """

    path: Path
    names: tuple[str, ...]
    numeric: tuple[str, ...]
    decimal: Decimal = "."
    note: str | None = None
    whole: pd.DataFrame | None = None

    def chunks(self, ids: Sequence[str], numbers: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Read some columns, one part of the rows after the other.

        Parameters
        ----------
        ids : sequence of str
            Columns that are read as text, as categories; an empty cell is missing.
        numbers : sequence of str
            Columns that are read as float64; empty cells, NaN and NA are missing.

        Yields
        ------
        pandas.DataFrame

        Raises
        ------
        DatasetError
            If a cell of a column of numbers is not a number; the message names its row.
        """
        import pandas as pd

        n_rows = max(1, _CELLS_AT_ONCE // (len(ids) + len(numbers)))
        if self.whole is None and table_kind(self.path) == "text":
            yield from self._chunks_of_text(ids, numbers, n_rows)
            return
        whole_ids = {name for name in ids if self._holds_whole_numbers(name)}
        start = 0
        for table in self._tables([*ids, *numbers], n_rows):
            read: dict[str, Any] = {
                name: _as_text(table[name], name in whole_ids).astype("category") for name in ids
            }
            for name in numbers:
                values = pd.to_numeric(table[name].replace(list(MISSING), None), errors="coerce")
                wrong = values.isna() & ~(table[name].isna() | table[name].isin(list(MISSING)))
                if wrong.any():
                    row = int(wrong.to_numpy().argmax())
                    raise self._not_a_number(name, start + row, table[name].iloc[row])
                read[name] = values.astype("float64")
            yield pd.DataFrame(read)
            start += len(table)

    def _tables(self, columns: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
        """Return parts of the rows of a table that is not text."""
        if self.whole is None:
            yield from _parts_of_parquet(self.path, columns, n_rows)
            return
        for start in range(0, len(self.whole), n_rows):
            yield self.whole.iloc[start : start + n_rows][list(columns)].reset_index(drop=True)

    def _holds_whole_numbers(self, name: str) -> bool:
        """Return whether a column holds floats without decimals, as whole numbers with a missing value are stored."""
        import pandas as pd

        for table in self._tables([name], _CELLS_AT_ONCE):
            column = table[name]
            if not pd.api.types.is_float_dtype(column) or not (column.dropna() % 1 == 0).all():
                return False
        return True

    def _chunks_of_text(
        self, ids: Sequence[str], numbers: Sequence[str], n_rows: int
    ) -> Iterator[pd.DataFrame]:
        import pandas as pd

        options = _text_options(self.path)
        options["na_values"] = {name: list(MISSING) for name in numbers} | {name: [""] for name in ids}
        types: Any = dict.fromkeys(ids, str) | dict.fromkeys(numbers, "float64")
        try:
            with pd.read_csv(
                self.path,
                usecols=[*ids, *numbers],
                dtype=types,
                decimal=self.decimal,
                chunksize=n_rows,
                **options,
            ) as chunks:
                for chunk in chunks:
                    for name in ids:
                        # Blanks around an id are not a part of it.
                        chunk[name] = chunk[name].str.strip().astype("category")
                    yield chunk
        except ValueError as error:
            self._expect_numbers(numbers, options)
            raise DatasetError(f"cannot read the table {self.path}: {brief(error)}") from error

    def _expect_numbers(self, numbers: Sequence[str], options: dict[str, Any]) -> None:
        """Raise an error that names the row of the first cell that is not a number."""
        import pandas as pd

        for name in numbers:
            try:
                cells = pd.read_csv(self.path, usecols=[name], dtype=str, **options)[name]
            except ValueError:
                return
            changed = cells.str.replace(",", ".", regex=False) if self.decimal == "," else cells
            wrong = pd.to_numeric(changed, errors="coerce").isna() & cells.notna()
            if wrong.any():
                row = int(wrong.to_numpy().argmax())
                raise self._not_a_number(name, row, cells.iloc[row])

    def _not_a_number(self, column: str, row: int, cell: object) -> DatasetError:
        return DatasetError(
            f"the column {column} of {self.path} must hold numbers, got {str(cell)!r} in row {row + 2}"
        )


class Table:
    """Rows of one or several files with the same columns.

    Parameters
    ----------
    files : sequence of TableFile
    """

    def __init__(self, files: Sequence[TableFile]) -> None:
        self._files = files
        self.source = TableSource(tuple(file.path.name for file in files))

    def chunks(self, ids: Sequence[str], numbers: Sequence[str]) -> Iterator[tuple[int, pd.DataFrame]]:
        """Read some columns in parts; see :meth:`TableFile.chunks`.

        Yields
        ------
        start : int
            Index of the first row of the part.
        part : pandas.DataFrame
        """
        parts = progress(self._chunks(ids, numbers), description=f"reading {self.source}", unit="part")
        yield from parts

    def _chunks(self, ids: Sequence[str], numbers: Sequence[str]) -> Iterator[tuple[int, pd.DataFrame]]:
        start = 0
        for number, file in enumerate(self._files):
            before = start
            for part in file.chunks(ids, numbers):
                yield start, part
                start += len(part)
            if number == len(self.source.lengths):
                self.source.lengths.append(start - before)

    def read(self, ids: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
        """Read some columns of all rows."""
        return join_tables([part for _, part in self.chunks(ids, numbers)], ids, numbers)


def join_tables(tables: Sequence[pd.DataFrame], ids: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Return the rows of several tables in their order.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        At least one table.
    ids : sequence of str
        Columns of categories.
    numbers : sequence of str
        Columns of numbers.
    """
    import pandas as pd

    if len(tables) == 1:
        return tables[0]
    joined = {
        name: pd.Series(pd.api.types.union_categoricals([table[name] for table in tables])) for name in ids
    }
    joined |= {name: pd.concat([table[name] for table in tables], ignore_index=True) for name in numbers}
    return pd.DataFrame(joined)


def open_table(path: Path, decimal: Decimal | None) -> TableFile:
    """Read the first rows of a table.

    Parameters
    ----------
    path : Path
        CSV, text with semicolons or tabs, Parquet, Feather, or the first sheet of an Excel workbook, with a header.
    decimal : {".", ","}, optional
        Decimal mark in text that the user gave.

    Raises
    ------
    DatasetError
        If the file cannot be read, has no rows, or has two columns of one name.
    UsageError
        If a decimal mark is given for a format that does not need it.
    """
    import pandas as pd

    kind = table_kind(path)
    if kind != "text" and decimal is not None:
        raise UsageError(f"--decimal has no effect: {path} is not text; leave it out")
    note = None
    whole = None
    if kind == "text":
        sample, decimal, note = _sample_of_text(path, decimal)
        changed = sample.replace(dict.fromkeys(MISSING, None))
        if decimal == ",":
            changed = changed.apply(lambda column: column.str.replace(",", ".", regex=False))
        numeric = [
            name
            for name in changed
            if pd.to_numeric(changed[name], errors="coerce").notna().eq(changed[name].notna()).all()
            and changed[name].notna().any()
        ]
        n_rows = len(sample)
    elif kind == "parquet":
        sample = _head_of_parquet(path)
        numeric = [name for name in sample if pd.api.types.is_numeric_dtype(sample[name])]
        n_rows = len(sample)
    else:
        whole = read_table(path, "table")
        whole.columns = whole.columns.map(str)
        numeric = [name for name in whole if pd.api.types.is_numeric_dtype(whole[name])]
        sample, n_rows = whole, len(whole)
    names = [str(name) for name in sample.columns]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise DatasetError(f"{path} has two columns called {repeated[0]}; rename one")
    if not n_rows:
        raise DatasetError(f"the table {path} has no rows")
    return TableFile(path, tuple(names), tuple(map(str, numeric)), decimal or ".", note, whole)


def _text_options(path: Path) -> dict[str, Any]:
    return {
        "sep": delimiter_of(path),
        "encoding": encoding_of(path),
        "keep_default_na": False,
        "index_col": False,
        "skipinitialspace": True,
    }


def _sample_of_text(path: Path, decimal: Decimal | None) -> tuple[pd.DataFrame, Decimal | None, str | None]:
    import warnings

    import pandas as pd

    options = _text_options(path)
    try:
        with warnings.catch_warnings():
            # Rows with more cells than the header, which pandas would cut off.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            header = pd.read_csv(path, nrows=1, header=None, dtype=str, na_values=[], **options)
            names = header.iloc[0].tolist()
            repeated = [name for name in names if names.count(name) > 1]
            if repeated:
                raise DatasetError(f"{path} has two columns called {repeated[0]}; rename one")
            sample = pd.read_csv(path, nrows=_SAMPLE, dtype=str, na_values=[], **options)
    except DatasetError:
        raise
    except Exception as error:  # the parser raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the table {path}: {brief(error)}") from error
    note = None
    if decimal is None and options["sep"] != ",":
        decimal, note = find_decimal(sample.to_numpy(dtype=object).ravel().tolist(), options["sep"], path)
    return sample, decimal, note


def _head_of_parquet(path: Path) -> pd.DataFrame:
    try:
        from pyarrow import parquet

        file = parquet.ParquetFile(path)
        batch = next(file.iter_batches(batch_size=_SAMPLE), None)
        table: pd.DataFrame = (file.schema_arrow.empty_table() if batch is None else batch).to_pandas()
    except ImportError as error:
        raise DatasetError(
            f"cannot read the table {path} without another package: {error}; install it, or save the table as CSV"
        ) from error
    except Exception as error:  # the parser raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the table {path}: {brief(error)}") from error
    return table.reset_index(drop=True)


def _parts_of_parquet(path: Path, columns: Sequence[str], n_rows: int) -> Iterator[pd.DataFrame]:
    try:
        from pyarrow import parquet

        file = parquet.ParquetFile(path)
        for batch in file.iter_batches(batch_size=n_rows, columns=list(columns)):
            yield batch.to_pandas().reset_index(drop=True)
    except Exception as error:  # the parser raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the table {path}: {brief(error)}") from error


def _as_text(values: pd.Series, is_whole: bool) -> pd.Series:
    """Return ids as text: whole numbers without decimals, missing values as missing."""
    import pandas as pd

    if is_whole:
        values = values.astype("Int64")
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    text = values.map(lambda value: value.decode() if isinstance(value, bytes) else str(value))
    return text.where(values.notna(), None).str.strip()
