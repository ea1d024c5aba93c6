"""Factors of the stimuli: columns of the stimulus table that describe the images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, name_some, unknown_name

#: Columns with another meaning than a property of the image.
NOT_FACTORS = ("stimulus_id", "filename", "presented", "training", "original")


@dataclass(frozen=True, eq=False)
class StimulusFactors:
    """Factors of some stimuli as numbers.

    Parameters
    ----------
    names : tuple of str
        Columns of the stimulus table, K of them.
    values : array of float64, shape (N, K)
        Numbers as they are; categories as numbers from 0, in alphabetical order.
    categorical : array of bool, shape (K,)
        Which factors are categories.
    left_out : mapping of str to str
        Reason for each column that is not a factor.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    categorical: NDArray[np.bool_]
    left_out: dict[str, str]

    def describe(self) -> str:
        """Name the factors, the categories among them, and the columns that are left out with the reasons."""
        numbers = [
            name for name, is_category in zip(self.names, self.categorical, strict=True) if not is_category
        ]
        categories = [name for name in self.names if name not in numbers]
        parts = [
            f"{kind} {', '.join(names)}"
            for kind, names in (("numbers", numbers), ("categories", categories))
            if names
        ]
        reasons = [f"{name} ({reason})" for name, reason in self.left_out.items()]
        left_out = f"; not factors: {name_some(reasons, most=8)}" if reasons else ""
        return f"factors: {' and '.join(parts)}{left_out}"


def choose_factors(
    stimuli: StimulusSet, ids: ArrayLike, *, columns: Sequence[str] = (), categories: Sequence[str] = ()
) -> StimulusFactors:
    """Return columns of the stimulus table as factors.

    Parameters
    ----------
    stimuli : StimulusSet
    ids : array of str, shape (N,)
        Stimuli of the set, in the order of the result.
    columns : sequence of str
        Columns to take. By default every column that varies over the stimuli, has no missing value, and is neither an
        identifier (text, or whole numbers, that differ for more than half of the stimuli), nor a file name or a mark.
    categories : sequence of str
        Columns of numbers that are labels of categories. Text and truth values always are.

    Returns
    -------
    StimulusFactors
        In the order of `columns`, or of the table.

    Raises
    ------
    UnknownNameError
        If the table lacks a column; the message names the nearest columns.
    DatasetError
        If a column in `columns` does not vary or has missing values, or the table has no factor.
    """
    table = stimuli.table.loc[pd.Index(np.asarray(ids).astype(str))]
    existing = [str(name) for name in table.columns]
    for name in (*columns, *categories):
        if name not in existing:
            raise unknown_name("column of the stimulus table", name, existing)
    left_out: dict[str, str] = {}
    names: list[str] = []
    for name in columns or existing:
        reason = _reason_against(table[name], name, is_category=name in categories, is_named=bool(columns))
        if reason and columns:
            raise DatasetError(f"the column {name} cannot be a factor: {reason}; leave it out of columns")
        if not reason:
            names.append(name)
        elif name not in NOT_FACTORS:
            left_out[name] = reason
    if not names:
        raise DatasetError(
            f"the stimulus table of {stimuli.identifier!r} has no factor: it has {', '.join(existing) or 'no column'}; "
            "add columns that describe the images, or name some with columns="
        )
    is_category = np.array([name in categories or _is_text(table[name]) for name in names])
    values = [
        pd.factorize(table[name].astype(str), sort=True)[0]
        if category and _is_text(table[name])
        else table[name]
        for name, category in zip(names, is_category, strict=True)
    ]
    return StimulusFactors(
        tuple(names), np.column_stack(values).astype(np.float64), is_category.astype(bool), left_out
    )


def _reason_against(column: pd.Series, name: str, *, is_category: bool, is_named: bool) -> str:
    """Return why a column is not a factor; empty for a factor."""
    n_missing = int(column.isna().sum())
    if n_missing:
        return f"{n_missing} of {len(column)} values are missing"
    n_values = column.nunique()
    if n_values < 2:
        return "one value only"
    if is_named:
        return ""
    if name in NOT_FACTORS:
        return "no property of the image"
    labels = _is_text(column) or pd.api.types.is_integer_dtype(column.dtype) or is_category
    return "identifier" if labels and n_values > len(column) / 2 and n_values > 2 else ""


def _is_text(column: pd.Series) -> bool:
    """Return whether a column holds text or truth values rather than numbers."""
    return not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)
