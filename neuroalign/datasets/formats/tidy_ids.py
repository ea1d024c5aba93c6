"""Ids in tables that are read in chunks: numbers of ids, and columns that are the same for each id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.formats.tidy_rows import TableSource, order_ids
from neuroalign.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

IntArray = NDArray[np.int64]


class Ids:
    """Ids in one or several columns of a table, numbered in the order in which they appear.

    Parameters
    ----------
    names : sequence of str
        Columns of the id; the values of several columns are joined with "_".
    noun : str
        Noun for the id in messages.
    source : TableSource
    """

    def __init__(self, names: Sequence[str], noun: str, source: TableSource) -> None:
        self.names, self._noun, self._source = tuple(names), noun, source
        self._numbers: dict[tuple[str, ...], int] = {}
        self._rank: IntArray | None = None
        #: Sorted ids, after :meth:`finish`.
        self.labels: NDArray[np.str_] = np.empty(0, dtype=str)

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, chunk: pd.DataFrame, start: int) -> IntArray:
        """Return the number of the id in each row of a chunk; after :meth:`finish`, its place among the sorted ids.

        Parameters
        ----------
        chunk : pandas.DataFrame
            Columns of ids as categories of text.
        start : int
            Index of the first row of the chunk in the table.

        Raises
        ------
        DatasetError
            If a row has no id.
        """
        codes = []
        for name in self.names:
            column = chunk[name].cat.codes.to_numpy().astype(np.int64)
            if (column < 0).any():
                row = self._source.row(start + int((column < 0).argmax()))
                raise DatasetError(f"{row} has no {self._noun} (column {name})")
            codes.append(column)
        together, inverse = _number_rows(codes)
        labels = [chunk[name].cat.categories.to_numpy(dtype=object) for name in self.names]
        numbers = np.empty(len(together), dtype=np.int64)
        for place, parts in enumerate(together):
            key = tuple(str(texts[code]) for texts, code in zip(labels, parts, strict=True))
            numbers[place] = self._numbers.setdefault(key, len(self._numbers))
        return (numbers if self._rank is None else self._rank[numbers])[inverse]

    def finish(self) -> IntArray:
        """Sort the ids, as numbers if all are numbers, else as text.

        Returns
        -------
        array of int, shape (n_ids,)
            Place of each id among the sorted ids, in the order in which the ids appeared.

        Raises
        ------
        DatasetError
            If joined values do not name each id once.
        """
        labels = np.array(["_".join(key) for key in self._numbers], dtype=str)
        if len(set(labels.tolist())) < len(labels):
            raise DatasetError(
                f"the columns {', '.join(self.names)} of {self._source} do not name each {self._noun} once when they "
                "are joined with _; give one column"
            )
        order = order_ids(labels)
        rank = np.empty(len(labels), dtype=np.int64)
        rank[order] = np.arange(len(labels))
        self._rank, self.labels = rank, labels[order]
        return rank


def _number_rows(codes: Sequence[IntArray]) -> tuple[list[tuple[int, ...]], IntArray]:
    """Return the different rows of several columns of codes, in the order in which they appear, and the row of each."""
    import pandas as pd

    if len(codes) == 1:
        numbers, values = pd.factorize(codes[0])
        return [(int(value),) for value in values], numbers.astype(np.int64)
    numbers, rows = pd.factorize(pd.MultiIndex.from_arrays(list(codes)))
    return [tuple(int(code) for code in row) for row in rows.tolist()], numbers.astype(np.int64)


class OneForEach:
    """Values of a column for each of several keys, as long as all rows of a key have the same value."""

    def __init__(self) -> None:
        #: Number of the value of each key: -2 for a key without a row, -1 for a missing value.
        self.first = np.empty(0, dtype=np.int64)
        #: Keys with several values.
        self.several = np.empty(0, dtype=bool)

    def add(self, keys: IntArray, values: IntArray) -> None:
        """Add the rows of a chunk.

        Parameters
        ----------
        keys : array of int, shape (n_rows,)
        values : array of int, shape (n_rows,)
            Number of the value in each row, -1 for a missing value.
        """
        n_new = int(keys.max(initial=-1)) + 1 - len(self.first)
        if n_new > 0:
            self.first = np.append(self.first, np.full(n_new, -2))
            self.several = np.append(self.several, np.zeros(n_new, dtype=bool))
        new = self.first[keys] == -2
        # The first row of a key is written last.
        self.first[keys[new][::-1]] = values[new][::-1]
        self.several[keys[self.first[keys] != values]] = True

    @property
    def is_one(self) -> bool:
        """Whether every key has one value."""
        return not self.several.any()


class ColumnValues:
    """Texts of a column, numbered in the order in which they appear."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._numbers: dict[str, int] = {}

    def number(self, chunk: pd.DataFrame) -> IntArray:
        """Return the number of the text in each row of a chunk, -1 for a missing one."""
        column = chunk[self.name].cat
        numbers = [self._numbers.setdefault(str(text), len(self._numbers)) for text in column.categories]
        return np.array([*numbers, -1], dtype=np.int64)[column.codes.to_numpy()]

    def texts(self, numbers: IntArray) -> list[Any]:
        """Return the texts with these numbers, None for missing ones."""
        texts = list(self._numbers)
        return [texts[number] if number >= 0 else None for number in numbers]
