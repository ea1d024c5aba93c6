"""Names of rows with scores that come with neuroalign, where all rows of a table are such rows."""

from typing import Any

import pandas as pd

from neuroalign.results.score import SHIPPED


def without_shipped(table: pd.DataFrame) -> pd.DataFrame:
    """Return a leaderboard with plain names of its rows, if all of them come with neuroalign.

    Parameters
    ----------
    table : pandas.DataFrame
        Leaderboard from :func:`neuroalign.comparison.leaderboard.rank`.

    Returns
    -------
    pandas.DataFrame
        ``attrs["all_shipped"]`` is True; the same table where some rows do not come with neuroalign.
    """
    if table.empty or not table["family"].str.endswith(SHIPPED).all():
        return table
    plain = table.assign(family=[_plain(family) for family in table["family"]])
    plain.attrs = {**_plain(table.attrs), "all_shipped": True}
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(f" {SHIPPED}", "")
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
