"""Selectivity of units for the columns of a stimulus table: d′, η² or r, by the kind of the column."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics import correlations, d_prime, eta_squared
from neuroalign.results.numbers import Number, identify_number
from neuroalign.validation import check_names

FloatArray = NDArray[np.float64]

#: Columns with a meaning for neuroalign; they describe the use of a stimulus, not its content.
RESERVED = ("presented", "training", "original")
#: Fewest stimuli of a class, and fewest stimuli with a value.
LEAST_OF_CLASS, LEAST_STIMULI = 2, 4


@dataclass(frozen=True, eq=False)
class Selectivity:
    """Selectivity of all units for one column.

    Parameters
    ----------
    column : str
        Name of the column.
    number : Number
        Identifier, label and heading.
    values : array of float64, shape (n_units,)
        d′, η² or r of each unit.
    share : array of float64, shape (n_units,)
        Share of each unit's variance that the column explains: η² of classes and categories, r² of numbers.
    """

    column: str
    number: Number
    values: FloatArray
    share: FloatArray


def selectivities(
    units: FloatArray,
    table: pd.DataFrame,
    *,
    columns: Iterable[str] | None = None,
    categorical: Iterable[str] = (),
) -> Iterator[Selectivity]:
    """Yield the selectivity for each column that describes the stimuli.

    Parameters
    ----------
    units : array of float64, shape (n_stimuli, n_units)
        Finite.
    table : pandas.DataFrame
        Properties of the stimuli in rows, in the order of `units`. Stimuli without a value are left out.
    columns : iterable of str, optional
        Columns to take. By default all columns except :data:`RESERVED`, columns with one value, and columns of text
        with more different values than half of the stimuli, such as names of files.
    categorical : iterable of str
        Columns of numbers that are labels of categories.

    Yields
    ------
    Selectivity
        d′ for a column with two values, positive where the later value (True, or the larger one) has larger
        activities; η² for categories; Pearson's r for numbers.

    Raises
    ------
    UnknownNameError
        If a column is not in the table.
    UsageError
        If a column that is asked for has one value only, or a category for each stimulus.
    """
    labels, asked = tuple(categorical), None if columns is None else tuple(columns)
    check_names(
        [*labels, *(asked or ())], [str(name) for name in table.columns], "column of the stimulus table"
    )
    names = [str(name) for name in table.columns if name not in RESERVED] if asked is None else asked
    for name in names:
        values = table[name]
        shown = values.notna().to_numpy()
        kept = values[shown]
        reason = _unusable(kept, is_category=name in labels)
        if reason and asked is not None:
            raise UsageError(
                f"the column {name} must have values that stimuli share, got {reason}; leave it out"
            )
        if not reason:
            yield _measure(units[shown], kept, name, is_category=name in labels)


def _unusable(values: "pd.Series[Any]", *, is_category: bool) -> str:
    """Return why a column says nothing about units; empty if it does."""
    n_values, n = values.nunique(), len(values)
    if n < LEAST_STIMULI:
        return f"{n} stimuli with a value"
    if n_values < 2:
        return "one value only"
    if n_values == 2 and values.value_counts().min() < LEAST_OF_CLASS:
        return "a class of one stimulus"
    if (is_category or not _is_number(values)) and n_values > 2 and 2 * n_values > n:
        return f"{n_values} categories for {n} stimuli"
    return ""


def _is_number(values: "pd.Series[Any]") -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def _measure(units: FloatArray, values: "pd.Series[Any]", name: str, *, is_category: bool) -> Selectivity:
    if values.nunique() == 2:
        first, second = sorted(values.unique().tolist())
        is_second = (values == second).to_numpy(dtype=bool)
        number = Number(
            f"d_prime_{identify_number(name)}", f"d′ of {name}, {second} against {first}", f"d′\n{name}"
        )
        return Selectivity(name, number, d_prime(units, is_second), eta_squared(units, is_second))
    if is_category or not _is_number(values):
        eta = eta_squared(units, values.astype(str).to_numpy().astype(str))
        number = Number(
            f"eta2_{identify_number(name)}", f"η² of {name}, {values.nunique()} categories", f"η²\n{name}"
        )
        return Selectivity(name, number, eta, eta)
    r = correlations(units, values.to_numpy(dtype=np.float64)[:, None])[:, 0]
    number = Number(f"r_{identify_number(name)}", f"r with {name}", f"r\n{name}")
    return Selectivity(name, number, r, r**2)
