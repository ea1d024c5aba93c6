"""Every pair of groups: Welch's test, corrected for the number of pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from neuroalign.stats.multiplicity import Correction, adjust_p_values
from neuroalign.stats.welch import welch

_COLUMNS = [
    "a",
    "b",
    "difference",
    "ci_low",
    "ci_high",
    "t",
    "df",
    "p_raw",
    "p",
    "hedges_g",
    "n_a",
    "n_b",
    "reason",
]


def pairwise_welch(groups: Mapping[str, ArrayLike], *, correction: Correction = "holm") -> pd.DataFrame:
    """Compare every two groups by Welch's test.

    Parameters
    ----------
    groups : mapping of str to array of float, shape (n,)
        Values that are not finite are dropped.
    correction : {"holm", "bh"}
        Over all pairs that can be tested; see :func:`adjust_p_values`.

    Returns
    -------
    pandas.DataFrame
        One row for each pair, in the order of `groups`: ``a`` and ``b``, ``difference`` (mean of a less that of b)
        with its 95 % interval ``ci_low`` and ``ci_high``, ``t``, ``df``, ``p_raw``, ``p`` (corrected), ``hedges_g``,
        ``n_a``, ``n_b`` and ``reason`` (why there is no test; empty if there is one). See :class:`WelchTest`.

    Raises
    ------
    UsageError
        If the correction is unknown.

    Examples
    --------
    >>> pairs = pairwise_welch({"vae": [0.6, 0.7, 0.8], "pca": [0.4, 0.5, 0.5], "ica": [0.3]})
    >>> pairs[["a", "b", "p_raw", "p"]].round(3).to_dict("list")
    {'a': ['vae', 'vae', 'pca'], 'b': ['pca', 'ica', 'ica'], 'p_raw': [0.036, nan, nan], 'p': [0.036, nan, nan]}
    """
    rows = []
    for a, b in combinations(groups, 2):
        test = asdict(welch(groups[a], groups[b]))
        rows.append({"a": a, "b": b, **test, "p_raw": test["p"], "reason": test["reason"] or ""})
    table = pd.DataFrame(rows, columns=_COLUMNS)
    table["p"] = adjust_p_values(table["p_raw"].to_numpy(dtype=np.float64), method=correction)
    return table


def pairwise_matrix(pairs: pd.DataFrame, names: Sequence[str], column: str = "p") -> NDArray[np.float64]:
    """Lay out one column of :func:`pairwise_welch` as a matrix, for :func:`compact_letters` or a picture.

    Parameters
    ----------
    pairs : pandas.DataFrame
    names : sequence of str
        Groups in rows and columns; their order is free.
    column : str
        One that does not depend on the order of a pair, such as ``p`` or ``p_raw``.

    Returns
    -------
    array of float64, shape (n, n)
        Symmetric; NaN on the diagonal and for pairs that were not tested.
    """
    matrix = np.full((len(names), len(names)), np.nan)
    index = {name: position for position, name in enumerate(names)}
    known = pairs[pairs["a"].isin(index) & pairs["b"].isin(index)]
    rows, columns = known["a"].map(index).to_numpy(int), known["b"].map(index).to_numpy(int)
    matrix[rows, columns] = matrix[columns, rows] = known[column].to_numpy(dtype=np.float64)
    return matrix
