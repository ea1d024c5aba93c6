"""Welch's test of every pair of groups, corrected for the number of pairs."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from neuroalign.stats.multiplicity import Correction, adjust_p_values
from neuroalign.stats.student import t_interval
from neuroalign.stats.welch import finite, hedges_g, varies, why_untested

_COLUMNS = [
    "a",
    "b",
    "difference",
    "ci_low",
    "ci_high",
    "standard_error",
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
        Correction over all pairs that can be tested; see :func:`adjust_p_values`.

    Returns
    -------
    pandas.DataFrame
        One row for each pair, in the order of `groups`: ``a`` and ``b``, ``difference`` (mean of a minus mean of b)
        with its 95 % interval ``ci_low`` and ``ci_high`` and its ``standard_error``, ``t``, ``df``, ``p_raw``, ``p``
        (corrected), ``hedges_g``, ``n_a``, ``n_b`` and ``reason`` (the reason of a missing test, else empty). See
        :class:`WelchTest`.

    Raises
    ------
    UsageError
        If the correction is unknown.

    Examples
    --------
    >>> from neuroalign.stats import pairwise_welch
    >>> pairs = pairwise_welch({"vae": [0.6, 0.7, 0.8], "pca": [0.4, 0.5, 0.5], "ica": [0.3]})
    >>> pairs[["a", "b", "p"]].round(3).to_dict("list")
    {'a': ['vae', 'vae', 'pca'], 'b': ['pca', 'ica', 'ica'], 'p': [0.036, nan, nan]}
    """
    from scipy import stats

    names = list(groups)
    values = [finite(group) for group in groups.values()]
    n = np.array([group.size for group in values], dtype=np.int64)
    mean = np.array([group.mean() if group.size else np.nan for group in values])
    variance = np.array([group.var(ddof=1) if group.size > 1 else np.nan for group in values])
    has_variance = [varies(group) for group in values]
    a, b = np.triu_indices(len(names), 1)
    reasons = [
        why_untested(int(n[i]), int(n[j]), has_variance[i] or has_variance[j]) or ""
        for i, j in zip(a, b, strict=True)
    ]
    table = pd.DataFrame(
        {
            "a": np.array(names, dtype=object)[a],
            "b": np.array(names, dtype=object)[b],
            "difference": mean[a] - mean[b],
            **dict.fromkeys(_COLUMNS[3:-3], np.nan),
            "n_a": n[a],
            "n_b": n[b],
            "reason": np.array(reasons, dtype=object),
        },
        columns=_COLUMNS,
    )
    tested = np.flatnonzero([not reason for reason in reasons])
    a, b = a[tested], b[tested]
    # One call for all pairs: SciPy's test takes a millisecond for each call.
    sd = np.sqrt(variance)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        test = stats.ttest_ind_from_stats(mean[a], sd[a], n[a], mean[b], sd[b], n[b], equal_var=False)
    of_a, of_b = variance[a] / n[a], variance[b] / n[b]
    error = np.sqrt(of_a + of_b)
    df = (of_a + of_b) ** 2 / (of_a**2 / (n[a] - 1) + of_b**2 / (n[b] - 1))
    difference = mean[a] - mean[b]
    low, high = t_interval(difference, error, df)
    columns = {
        "ci_low": low,
        "ci_high": high,
        "standard_error": error,
        "t": test.statistic,
        "df": df,
        "p_raw": test.pvalue,
        "hedges_g": hedges_g(difference, variance[a], variance[b], n[a], n[b]),
    }
    for column, numbers in columns.items():
        table.loc[tested, column] = numbers
    table["p"] = adjust_p_values(table["p_raw"].to_numpy(dtype=np.float64), method=correction)
    return table


def pairwise_matrix(pairs: pd.DataFrame, names: Sequence[str], column: str = "p") -> NDArray[np.float64]:
    """Lay out one column of :func:`pairwise_welch` as a matrix, for :func:`compact_letters` or a figure.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Table of :func:`pairwise_welch`.
    names : sequence of str
        Groups in rows and columns, in any order.
    column : str
        Column that does not depend on the order of a pair, such as ``p`` or ``p_raw``.

    Returns
    -------
    array of float64, shape (n, n)
        Symmetric matrix; NaN on the diagonal and for pairs without a test.

    Examples
    --------
    >>> from neuroalign.stats import pairwise_matrix, pairwise_welch
    >>> pairs = pairwise_welch({"vae": [0.6, 0.7, 0.8], "pca": [0.4, 0.5, 0.5], "ica": [0.3]})
    >>> pairwise_matrix(pairs, ["pca", "vae"]).round(3)
    array([[  nan, 0.036],
           [0.036,   nan]])
    """
    matrix = np.full((len(names), len(names)), np.nan)
    index = {name: position for position, name in enumerate(names)}
    shown = pairs[pairs["a"].isin(index) & pairs["b"].isin(index)]
    rows, columns = shown["a"].map(index).to_numpy(int), shown["b"].map(index).to_numpy(int)
    matrix[rows, columns] = matrix[columns, rows] = shown[column].to_numpy(dtype=np.float64)
    return matrix
