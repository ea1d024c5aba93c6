"""Intervals and p-values by Student's t distribution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def t_interval(
    estimate: ArrayLike, standard_error: ArrayLike, df: ArrayLike, *, confidence: float = 0.95
) -> tuple[Any, Any]:
    """Return the confidence interval of an estimate, ``estimate ± t · standard_error``.

    Parameters
    ----------
    estimate, standard_error : float or array of float
        Estimates and their standard errors, in one unit.
    df : float or array of float
        Degrees of freedom of the standard error.
    confidence : float
        Probability between 0 and 1.

    Returns
    -------
    low, high : float or array of float
        NaN where a number is NaN.

    Examples
    --------
    >>> from neuroalign.stats import t_interval
    >>> low, high = t_interval(0.5, 0.1, 9)
    >>> f"{low:.3f} to {high:.3f}"
    '0.274 to 0.726'
    """
    from scipy.special import stdtrit

    middle, error = np.asarray(estimate, dtype=np.float64), np.asarray(standard_error, dtype=np.float64)
    half = error * stdtrit(np.asarray(df, dtype=np.float64), 0.5 + confidence / 2)
    return (middle - half)[()], (middle + half)[()]


def t_p_value(t: ArrayLike, df: ArrayLike) -> Any:
    """Return the two-sided p-value of a t statistic.

    Parameters
    ----------
    t : float or array of float
        Estimate divided by its standard error.
    df : float or array of float
        Degrees of freedom.

    Returns
    -------
    float or array of float
        Probability of a statistic at least as far from 0 as `t` if the true value is 0; NaN where a number is NaN.

    Examples
    --------
    >>> from neuroalign.stats import t_p_value
    >>> round(float(t_p_value(2.262, 9)), 3)
    0.05
    """
    from scipy.special import stdtr

    return 2 * stdtr(np.asarray(df, dtype=np.float64), -np.abs(np.asarray(t, dtype=np.float64)))
