"""Every pair of groups by Welch's test, and crossed with what the groups share; corrected for the number of pairs."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from neuroalign.stats.crossed import crossed_test
from neuroalign.stats.multiplicity import Correction, adjust_p_values
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
        Over all pairs that can be tested; see :func:`adjust_p_values`.

    Returns
    -------
    pandas.DataFrame
        One row for each pair, in the order of `groups`: ``a`` and ``b``, ``difference`` (mean of a less that of b)
        with its 95 % interval ``ci_low`` and ``ci_high`` and its ``standard_error``, ``t``, ``df``, ``p_raw``, ``p``
        (corrected), ``hedges_g``, ``n_a``, ``n_b`` and ``reason`` (why there is no test; empty if there is one). See
        :class:`WelchTest`.

    Raises
    ------
    UsageError
        If the correction is unknown.

    Examples
    --------
    >>> pairs = pairwise_welch({"vae": [0.6, 0.7, 0.8], "pca": [0.4, 0.5, 0.5], "ica": [0.3]})
    >>> pairs[["a", "b", "p"]].round(3).to_dict("list")
    {'a': ['vae', 'vae', 'pca'], 'b': ['pca', 'ica', 'ica'], 'p': [0.036, nan, nan]}
    """
    from scipy import stats
    from scipy.special import stdtrit

    names = list(groups)
    values = [finite(each) for each in groups.values()]
    n = np.array([each.size for each in values], dtype=np.int64)
    mean = np.array([each.mean() if each.size else np.nan for each in values])
    variance = np.array([each.var(ddof=1) if each.size > 1 else np.nan for each in values])
    has_variance = [varies(each) for each in values]
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
    tested = np.flatnonzero([not each for each in reasons])
    a, b = a[tested], b[tested]
    # All at once: pair by pair, SciPy's test takes a millisecond.
    sd = np.sqrt(variance)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        test = stats.ttest_ind_from_stats(mean[a], sd[a], n[a], mean[b], sd[b], n[b], equal_var=False)
    of_a, of_b = variance[a] / n[a], variance[b] / n[b]
    error = np.sqrt(of_a + of_b)
    df = (of_a + of_b) ** 2 / (of_a**2 / (n[a] - 1) + of_b**2 / (n[b] - 1))
    half = error * stdtrit(df, 0.975)
    difference = mean[a] - mean[b]
    found = {
        "ci_low": difference - half,
        "ci_high": difference + half,
        "standard_error": error,
        "t": test.statistic,
        "df": df,
        "p_raw": test.pvalue,
        "hedges_g": hedges_g(difference, variance[a], variance[b], n[a], n[b]),
    }
    for column, numbers in found.items():
        table.loc[tested, column] = numbers
    table["p"] = adjust_p_values(table["p_raw"].to_numpy(dtype=np.float64), method=correction)
    return table


def pairwise_crossed(
    pairs: pd.DataFrame,
    distributions: Mapping[str, NDArray[np.float64]],
    degrees_of_freedom: float,
    *,
    correction: Correction = "holm",
) -> pd.DataFrame:
    """Test every pair over what the groups share as well, such as neurons: the variances add up.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Of :func:`pairwise_welch`.
    distributions : mapping of str to array of float, shape (n_resamples,)
        The mean of a group for each draw of what the groups share, the same draws for all. Groups may be missing.
    degrees_of_freedom : float
        Of the variances of these: the number of neurons less one.
    correction : {"holm", "bh"}
        Over all pairs that can be tested.

    Returns
    -------
    pandas.DataFrame
        A row for each of `pairs`: ``ci_low``, ``ci_high``, ``standard_error``, ``t``, ``df``, ``p_raw`` and ``p``; NaN
        for those without a Welch test or a distribution, or where what is shared makes no difference at all.

    See Also
    --------
    crossed_test : The test of one difference.
    """
    spread = np.full(len(pairs), np.nan)
    second = pairs["b"].to_numpy()
    for name, rows in pairs.groupby("a", sort=False).indices.items():
        a = str(name)
        known = [row for row in rows if a in distributions and second[row] in distributions]
        if known:
            others = np.stack([distributions[second[row]] for row in known])
            differences = distributions[a] - others
            # A smaller spread is rounding.
            least = 1e-14 * np.maximum(np.abs(distributions[a]).max(), np.abs(others).max(axis=1))
            found = differences.std(axis=1, ddof=1)
            spread[known] = np.where(found > least, found, np.nan)
    test = crossed_test(
        pairs["difference"].to_numpy(dtype=np.float64),
        [pairs["standard_error"].to_numpy(dtype=np.float64), spread],
        [pairs["df"].to_numpy(dtype=np.float64), degrees_of_freedom],
    )
    return pd.DataFrame(
        {
            "ci_low": test.ci_low,
            "ci_high": test.ci_high,
            "standard_error": test.standard_error,
            "t": test.t,
            "df": test.df,
            "p_raw": test.p,
            "p": adjust_p_values(test.p, method=correction),
        },
        index=pairs.index,
    )


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
