"""Flags of stimuli in tables: yes or no in the spellings of spreadsheets and programs."""

import pandas as pd

from neuroalign.errors import DatasetError

_FLAGS = {
    "true": True,
    "1": True,
    "1.0": True,
    "yes": True,
    "false": False,
    "0": False,
    "0.0": False,
    "no": False,
}


def as_flags(column: pd.Series, name: str, source: str) -> pd.Series:
    """Return a column as truth values.

    Parameters
    ----------
    column : pandas.Series
        Column with true and false, yes and no, or 1 and 0, in any case.
    name : str
        Name of the column in messages.
    source : str
        Name of the table in messages.

    Returns
    -------
    pandas.Series of bool
        Flags in the order of the column.

    Raises
    ------
    DatasetError
        If a value is missing or another one.
    """
    values = column.astype(str).str.strip().str.lower().map(_FLAGS)
    if values.isna().any():
        raise DatasetError(
            f"column {name} of {source} must hold true or false, got {column[values.isna()].iloc[0]!r}"
        )
    return values.astype(bool)
