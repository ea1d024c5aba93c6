"""Tables for other programs as comma-separated text, in which no text becomes a formula of a spreadsheet."""

from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from neuroalign.errors import printable

#: First characters by which spreadsheets recognise a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(
    table: pd.DataFrame, target: "Path | TextIO | None" = None, *, index: bool = False
) -> str | None:
    """Write a table as comma-separated text.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, and control characters are written
    as visible text. Numbers, and texts that are numbers, stay as they are.

    Parameters
    ----------
    table : pandas.DataFrame
    target : Path or text stream, optional
        By default the text is returned.
    index : bool
        Whether the first column is the index of the table.

    Returns
    -------
    str or None

    Examples
    --------
    >>> print(write_csv(pd.DataFrame({"model": ["=1+1", "pca"], "value": [-0.5, 0.5]})), end="")
    model,value
    '=1+1,-0.5
    pca,0.5
    """
    safe = table.rename(columns=safe_cell)
    if index:
        safe = safe.rename(index=safe_cell).rename_axis(index=safe_cell)
    # By position: two columns may have one name.
    for position, kind in enumerate(safe.dtypes):
        if not isinstance(kind, np.dtype) or kind.kind == "O":
            column = safe.iloc[:, position].astype(object).map(safe_cell)
            safe = pd.concat([safe.iloc[:, :position], column, safe.iloc[:, position + 1 :]], axis=1)
    text: str | None = safe.to_csv(target, index=index, lineterminator="\n")
    return text


def safe_cell(value: Any) -> Any:
    """Return a text that no spreadsheet takes for a formula; other values as they are.

    Examples
    --------
    >>> safe_cell("@SUM(A1)"), safe_cell("-0.5"), safe_cell(-0.5)
    ("'@SUM(A1)", '-0.5', -0.5)
    """
    if not isinstance(value, str):
        return value
    if value.startswith(_FORMULA) and not _is_number(value):
        value = f"'{value}"
    return printable(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
