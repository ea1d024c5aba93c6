"""Rows of a table: ids of neurons, stimuli and trials, columns that describe them, and repeated rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.tidy_columns import Columns, plain, recorded_in
from neuroalign.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TableSource:
    """Files of a table, in the order of its rows.

    Parameters
    ----------
    names : tuple of str
    lengths : list of int
        Rows of each file that was read to its end, without the header.
    """

    names: tuple[str, ...]
    lengths: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the name of the file, or the number of files."""
        return self.names[0] if len(self.names) == 1 else f"the {len(self.names)} tables"

    def row(self, index: int) -> str:
        """Return the place of a row as text; the header is row 1 of a file."""
        number = 0
        while number < len(self.lengths) and index >= self.lengths[number]:
            index -= self.lengths[number]
            number += 1
        return f"row {index + 2} of {self.names[number]}"


class Described:
    """Columns that describe neurons, stimuli and trials, with a note on the other columns."""

    def __init__(self) -> None:
        self.of_neurons: dict[str, NDArray[Any]] = {}
        self.of_stimuli: dict[str, NDArray[Any]] = {}
        self.of_trials: dict[str, NDArray[Any]] = {}
        self.notes: list[str] = []

    def close(self, idle: Sequence[str], noun: str) -> None:
        """Write the notes.

        Parameters
        ----------
        idle : sequence of str
            Columns that describe nothing.
        noun : str
            Thing that has several rows in which these columns differ.
        """
        if idle:
            self.notes.append(
                f"Columns passed over, because they differ between the rows of a {noun}: {', '.join(idle)}."
            )
        for described, columns in (
            ("neurons", self.of_neurons),
            ("stimuli", self.of_stimuli),
            ("trials", self.of_trials),
        ):
            if columns:
                self.notes.append(f"Further columns that describe the {described}: {', '.join(columns)}.")


def describe_columns(
    table: pd.DataFrame,
    others: Sequence[str],
    place: Mapping[str, NDArray[Any]],
    *,
    wide: bool = False,
    spikes: bool = False,
) -> Described:
    """Sort columns by the thing in the rows of which they are the same: neuron, stimulus or presentation.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns as categories of text.
    others : sequence of str
        Columns to sort.
    place : mapping of str to array of int
        Number of the neuron, stimulus and presentation of each row.
    wide, spikes : bool
        Whether rows are trials of all neurons, or spikes without a stimulus.
    """
    described = Described()
    idle = []
    for name in others:
        column = table[name].cat.codes.to_numpy()
        for key, target in (
            ("neuron", None if wide else described.of_neurons),
            ("stimulus", None if spikes else described.of_stimuli),
            ("presentation", None if spikes else described.of_trials),
        ):
            if target is None:
                continue
            values = _one_for_each(column, place[key])
            if values is not None:
                labels = table[name].cat.categories.to_numpy(dtype=object)
                target[name] = plain_labels([labels[code] if code >= 0 else None for code in values])
                break
        else:
            idle.append(name)
    described.close(idle, "neuron" if spikes else "presentation")
    return described


def _one_for_each(values: NDArray[Any], keys: NDArray[Any]) -> NDArray[Any] | None:
    """Return the value of each key from 0, if all rows of the key have the same value."""
    import numpy as np

    keys = keys.astype(np.int64, copy=False)
    first = np.zeros(int(keys.max()) + 1, dtype=values.dtype)
    first[keys[::-1]] = values[::-1]
    return first if (first[keys] == values).all() else None


def plain_labels(labels: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Return labels as numbers if all of them are plain numbers such as 12 or 0.5, else as text."""
    import numpy as np
    import pandas as pd

    series = pd.Series(labels, dtype=object)
    numbers = pd.to_numeric(series, errors="coerce")
    plainly = series.astype(str).str.fullmatch(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
    if len(series) and numbers.notna().all() and plainly.all():
        return numbers.to_numpy()
    return np.array(["" if label is None else str(label) for label in labels])


def codes_of(
    table: pd.DataFrame, names: Sequence[str], noun: str, source: TableSource
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return the number of the id in each row, and the sorted ids.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns as categories of text.
    names : sequence of str
        Columns of the id; the values of several columns are joined with "_".
    noun : str
        Noun for the id in messages.
    source : TableSource

    Returns
    -------
    codes : array of int, shape (n_rows,)
    ids : array of str
        Ids in the order of numbers if all are numbers, else of text.

    Raises
    ------
    DatasetError
        If a row has no id, or joined values do not name each id once.
    """
    import numpy as np

    for name in names:
        absent = table[name].isna().to_numpy()
        if absent.any():
            raise DatasetError(f"{source.row(int(absent.argmax()))} has no {noun} (column {name})")
    if len(names) == 1:
        codes = table[names[0]].cat.codes.to_numpy().astype(np.int64)
        labels = table[names[0]].cat.categories.to_numpy(dtype=object).astype(str)
    else:
        combined = table[list(names)].apply(lambda column: column.cat.codes.astype("int64"))
        unique, codes = np.unique(combined.to_numpy(), axis=0, return_inverse=True)
        parts = [
            table[name].cat.categories.to_numpy(dtype=object)[unique[:, index]].astype(str)
            for index, name in enumerate(names)
        ]
        labels = np.array(["_".join(together) for together in zip(*parts, strict=True)])
        if len(set(labels)) < len(labels):
            raise DatasetError(
                f"the columns {', '.join(names)} of {source} do not name each {noun} once when they are joined with _; "
                "give one column"
            )
    # Tables have many rows, and a search for the ids that occur needs no sorted copy of them.
    codes = codes.ravel()
    used = np.flatnonzero(np.bincount(codes, minlength=len(labels)))
    order = order_ids(labels[used])
    rank = np.zeros(len(labels), dtype=np.int64)
    rank[used[order]] = np.arange(len(used))
    return rank[codes], labels[used][order]


def order_ids(labels: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return the order of ids: as numbers if all are numbers, else as text."""
    import numpy as np
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(labels), errors="coerce").to_numpy(dtype=float)
    return np.lexsort([labels, numbers]) if np.isfinite(numbers).all() else np.argsort(labels, kind="stable")


def expect_one_place(
    table: pd.DataFrame,
    neuron: NDArray[np.int64],
    ids: NDArray[np.str_],
    columns: Columns,
    source: TableSource,
) -> None:
    """Refuse names that occur in several sessions or animals, where they may denote different neurons.

    Raises
    ------
    DatasetError
        If a neuron occurs in several values of such a column; the message names it.
    """
    for place in recorded_in(columns.others):
        codes = table[place].cat.codes.to_numpy()
        if _one_for_each(codes, neuron) is None:
            first = next(index for index in range(len(ids)) if len(set(codes[neuron == index])) > 1)
            raise explain_several_places(ids[first], place, columns, source)


def _differ(*codes: NDArray[Any]) -> bool:
    """Return whether no two rows have the same numbers from 0, with less memory than a search for the rows."""
    import numpy as np

    sizes = [int(numbers.max(initial=0)) + 1 for numbers in codes]
    if math.prod(sizes) > np.iinfo(np.int64).max:
        return False
    keys = np.zeros(len(codes[0]), dtype=np.int64)
    for numbers, size in zip(codes, sizes, strict=True):
        keys *= size
        keys += numbers
    keys.sort()
    return bool((keys[1:] != keys[:-1]).all())


def expect_single_rows(
    neuron: NDArray[np.int64],
    stimulus: NDArray[np.int64],
    trial: NDArray[Any],
    neuron_ids: NDArray[np.str_] | None,
    stimulus_ids: NDArray[np.str_],
    labels: NDArray[np.str_] | None,
    columns: Columns,
    source: TableSource,
) -> None:
    """Refuse two rows of one trial.

    Raises
    ------
    DatasetError
        If two rows have the same neuron, stimulus and trial; the message names the first two.
    """
    import numpy as np
    import pandas as pd

    if _differ(neuron, stimulus, trial):
        return
    rows = pd.DataFrame({"neuron": neuron, "stimulus": stimulus, "trial": trial})
    repeated = rows.duplicated().to_numpy()
    second = int(repeated.argmax())
    first = int(np.flatnonzero((rows == rows.iloc[second]).all(axis=1).to_numpy())[0])
    parts = [] if neuron_ids is None else [f"neuron {neuron_ids[neuron[second]]}"]
    parts.append(f"stimulus {stimulus_ids[stimulus[second]]}")
    if labels is not None:
        parts.append(f"{columns.roles['repetition'][0]} {labels[trial[second]]}")
    raise explain_repeated(source.row(first), source.row(second), parts, int(repeated.sum()), columns)


def explain_repeated(
    first: str, second: str, parts: Sequence[str], n_repeated: int, columns: Columns
) -> DatasetError:
    """Return the error of two rows of one trial.

    Parameters
    ----------
    first, second : str
        Places of the rows, as :meth:`TableSource.row` returns them.
    parts : sequence of str
        Neuron, stimulus and repetition of the rows.
    n_repeated : int
        Number of rows that repeat an earlier one.
    columns : Columns
    """
    bins = [name for name in columns.others if plain(name) in ("time", "timebin", "bin", "timems", "times")]
    if bins:
        remedy = f"if the column {bins[0]} holds time bins, sum or average them first"
    elif "repetition" in columns.roles:
        remedy = (
            "keep one row of each trial, or name the column of the trials with --columns repetition=COLUMN"
        )
    else:
        remedy = (
            "name the column of the trials with --columns repetition=COLUMN, or give --columns repetition=in-order if "
            "rows are trials in their order"
        )
    return DatasetError(
        f"{first} and {second} both hold {', '.join(parts)} ({n_repeated:,} such rows); {remedy}"
    )


def explain_several_places(neuron: str, place: str, columns: Columns, source: TableSource) -> DatasetError:
    """Return the error of a neuron that occurs in several sessions or animals.

    Parameters
    ----------
    neuron, place : str
        Id of the neuron, and column of the sessions or animals.
    columns : Columns
    source : TableSource
    """
    name = "+".join(columns.roles["neuroid"])
    return DatasetError(
        f"neuron {neuron} of {source} occurs in several values of {place}: give --columns "
        f"neuroid={place}+{name} if these are different neurons, or --columns neuroid={name} if it is one"
    )
