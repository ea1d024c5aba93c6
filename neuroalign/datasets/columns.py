"""Columns of a dataset: labels of its neurons, trials and stimuli, by which parts are selected."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_windows import WINDOW
from neuroalign.errors import UnknownNameError, UsageError, unknown_name
from neuroalign.names.syntax import format_value, parse_value

#: One value of a column; None stands for a missing value.
Label = bool | int | float | str | None

#: Tables of a dataset in the singular, which may stand before the name of a column: ``neuron.region``.
TABLES = ("neuron", "trial", "stimulus")
_PLURAL = {"neuron": "neurons", "trial": "trials", "stimulus": "stimuli"}
_MOST_SHOWN = 12


@dataclass(frozen=True, eq=False)
class Column:
    """Column of one table of a dataset.

    Parameters
    ----------
    name : str
        Name of the column, after the name of its table where two tables have this column: ``stimulus.region``.
    table : {"neuron", "trial", "stimulus"}
        Table of the column: the neurons and the presentations of the recording, or the stimulus table.
    values : array, shape (n_rows,)
        Value of each neuron, presentation or stimulus, in the order of the dataset.
    """

    name: str
    table: str
    values: NDArray[Any]

    @cached_property
    def labels(self) -> list[Label]:
        """Values as names can hold them; NaN and other missing values are None."""
        return [_label(value) for value in self.values]

    @cached_property
    def distinct(self) -> list[Label]:
        """Distinct values, sorted; texts, numbers and truth values stay apart."""
        return _sorted(self.labels)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """Place of the value of each row in :attr:`distinct`, shape (n_rows,)."""
        places = {_typed(label): place for place, label in enumerate(self.distinct)}
        return np.array([places[_typed(label)] for label in self.labels], dtype=np.int64)

    def find(self, wanted: Sequence[Any]) -> list[Label]:
        """Return the values of the column that a user named, sorted and without repetitions.

        Text names a number of the column if it reads as the number, and a number names a text that reads as the
        number: ``session=7`` finds the session "007".

        Parameters
        ----------
        wanted : sequence of bool, int, float, str or None
            Values as the parser of names returns them.

        Raises
        ------
        UnknownNameError
            If the column lacks a value; the message names the nearest values, or the values that exist.
        UsageError
            If no value is given, or a value could be several values of the column.
        """
        if not wanted:
            raise UsageError(
                f"{self.name} must have at least one value, got none; leave it out for all values"
            )
        return _sorted([self._find_one(value, self.distinct) for value in wanted])

    def mask(self, values: Sequence[Label]) -> NDArray[np.bool_]:
        """Return which rows have one of the values of the column, shape (n_rows,)."""
        kept = {_typed(value) for value in values}
        return np.array([_typed(label) in kept for label in self.labels], dtype=bool)

    def _find_one(self, value: Any, existing: Sequence[Label]) -> Label:
        alike = [label for label in existing if _typed(label) == _typed(_label(value))]
        alike = alike or [label for label in existing if _reads_as(label, value)]
        if len(alike) > 1:
            texts = " or ".join(repr(label) for label in alike)
            raise UsageError(
                f"{self.name}={format_value(value)} could be {texts}; write the value in quotes, as in "
                f"{self.name}={format_value(alike[0])}"
            )
        if not alike:
            raise self._unknown(value, existing)
        return alike[0]

    def _unknown(self, value: Any, existing: Sequence[Label]) -> UnknownNameError:
        texts, plain = [format_value(label) for label in existing], [str(label) for label in existing]
        parts = str(value).split("|")
        if len(parts) > 1 and set(parts) <= set(plain):
            hint = f"several values are a list: {self.name}=[{','.join(parts)}]"
        else:
            hint = f"it has {_shown(texts)}"
            near = _nearest(value, existing)
            if near:
                hint = f"did you mean {' or '.join(map(format_value, near))}? {hint}"
        return UnknownNameError(
            f"the column {self.name} of the {_PLURAL[self.table]} has no value {format_value(value)}; {hint}"
        )


def columns_of(dataset: Dataset) -> list[Column]:
    """Return the columns of the neurons, the trials and the stimuli of a dataset, by which it can be selected.

    Returns
    -------
    list of Column
        Coordinates of the recording along neuroid and presentation, then the ids and columns of the stimulus table.
        Names that two tables share have the name of the table in front of them, and so does ``window`` in a dataset
        with time bins, where it selects a window of time.
    """
    array, table = dataset.recording, dataset.stimuli.table
    raw: list[tuple[str, str, Any]] = [
        (str(name), kind, coordinate.values)
        for kind, dim in (("neuron", "neuroid"), ("trial", "presentation"))
        for name, coordinate in array.coords.items()
        # The ids of the stimuli select stimuli, and with them their trials.
        if coordinate.dims == (dim,) and name != "stimulus_id"
    ]
    raw.append(("stimulus_id", "stimulus", dataset.stimuli.ids))
    raw += [
        (str(name), "stimulus", table[name].to_numpy()) for name in table.columns if name != "stimulus_id"
    ]
    names = [name for name, _, _ in raw]
    if "time_bin" in array.dims:
        names.append(WINDOW)
    return [
        Column(name if names.count(name) == 1 else f"{kind}.{name}", kind, values)
        for name, kind, values in raw
    ]


def find_column(dataset: Dataset, name: str) -> Column:
    """Return a column by its name, or by its name after the name of its table.

    Raises
    ------
    UnknownNameError
        If no table has the column; the message names the nearest columns.
    UsageError
        If two tables have the column.
    """
    columns = columns_of(dataset)
    kind, _, bare = name.partition(".")
    for column in columns:
        if column.name == name or (kind == column.table and column.name == bare):
            return column
    shared = [column for column in columns if column.name == f"{column.table}.{name}"]
    if shared:
        tables = " and of the ".join(_PLURAL[column.table] for column in shared)
        raise UsageError(
            f"{name} is a column of the {tables} of {dataset.identifier}; write "
            f"{' or '.join(column.name for column in shared)}"
        )
    raise unknown_name(f"column of {dataset.identifier}", name, [column.name for column in columns])


def _label(value: Any) -> Label:
    """Return a value of a table as a value that a name can hold."""
    if value is None or (np.ndim(value) == 0 and pd.isna(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float):
        return float(value)
    # A float of 32 bits has the number that is printed for it.
    return float(str(value)) if isinstance(value, np.floating) else str(value)


def _typed(label: Label) -> tuple[str, Label]:
    """Return a key that keeps text, numbers and truth values apart; 3 and 3.0 are equal."""
    kind = type(label).__name__
    return ("number" if kind in ("int", "float") else kind, label)


def _reads_as(label: Label, value: Any) -> bool:
    """Return whether text that stands for a value reads as the other value."""
    return (isinstance(label, str) and _typed(_read(label)) == _typed(value)) or (
        isinstance(value, str) and _typed(_read(value)) == _typed(label)
    )


def _read(text: str) -> Any:
    try:
        value = parse_value(text)
    except UsageError:
        return text
    return text if isinstance(value, list) else value


def _sorted(labels: Any) -> list[Label]:
    unique = {_typed(label): label for label in labels}
    return [unique[key] for key in sorted(unique, key=lambda key: (key[0], key[1] is not None and key[1]))]


def _nearest(value: Any, existing: Sequence[Label]) -> list[Label]:
    """Return the values that a user may have meant: the nearest number, or texts with similar letters."""
    numbers = [label for label in existing if isinstance(label, int | float) and not isinstance(label, bool)]
    if isinstance(value, int | float) and not isinstance(value, bool) and numbers:
        return [min(numbers, key=lambda number: abs(number - value))]
    texts = {label.lower(): label for label in existing if isinstance(label, str)}
    return [texts[text] for text in difflib.get_close_matches(str(value).lower(), texts)]


def _shown(texts: Sequence[str]) -> str:
    if len(texts) <= _MOST_SHOWN:
        return ", ".join(texts)
    return f"{len(texts):,} values from {texts[0]} to {texts[-1]}"
