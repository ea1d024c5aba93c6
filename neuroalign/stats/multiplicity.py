"""Correction of p-values for several tests."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.masked import as_numbers

Correction = Literal["holm", "bh"]


def adjust_p_values(p: ArrayLike, *, method: Correction = "holm") -> NDArray[np.float64]:
    """Correct p-values for the number of tests.

    Parameters
    ----------
    p : array of float, any shape
        P-values in [0, 1]. NaN marks a missing test; it stays NaN and does not count.
    method : {"holm", "bh"}
        "holm" bounds the chance of any false positive (Holm 1979), "bh" the expected share of
        false positives among the positives (Benjamini & Hochberg 1995).

    Returns
    -------
    array of float64, the shape of `p`
        Corrected p-values, at most 1.

    Raises
    ------
    UsageError
        If the method is unknown, or a value lies outside [0, 1].

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scand. J. Statist. 6, 65-70.
    Benjamini, Y. & Hochberg, Y. (1995). Controlling the false discovery rate. J. R. Stat. Soc. B 57, 289-300.

    Examples
    --------
    >>> from neuroalign.stats import adjust_p_values
    >>> adjust_p_values([0.01, float("nan"), 0.04]).tolist()
    [0.02, nan, 0.04]
    """
    if method not in get_args(Correction):
        raise UsageError(f"method must be one of {', '.join(get_args(Correction))}, got {method!r}")
    raw = as_numbers(p, np.float64)
    made = ~np.isnan(raw)
    outside = raw[made][(raw[made] < 0) | (raw[made] > 1)]
    if outside.size:
        raise UsageError(f"p-values must lie in [0, 1], got {outside[0]:g}")
    adjusted = np.full(raw.shape, np.nan)
    if made.any():
        # Imported here: it takes a second, and most of neuroalign.stats does without it.
        from statsmodels.stats.multitest import multipletests

        adjusted[made] = multipletests(raw[made], method="fdr_bh" if method == "bh" else method)[1]
    return adjusted
