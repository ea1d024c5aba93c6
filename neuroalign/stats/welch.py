"""Welch's test of the difference between the means of two groups."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import gammaln

from neuroalign.masked import as_numbers

_NAN = float("nan")


@dataclass(frozen=True)
class WelchTest:
    """The outcome of :func:`welch`.

    Parameters
    ----------
    t, df, p : float
        Statistic, Welch-Satterthwaite degrees of freedom and two-sided p; NaN without a test.
    hedges_g : float
        The difference in units of the pooled standard deviation, corrected for its small-sample bias.
    ci_low, ci_high : float
        Confidence interval of `difference`, 95 % by default.
    standard_error : float
        Standard error of `difference`.
    difference : float
        ``mean(a) - mean(b)``; also given without a test, NaN only if a group is empty.
    n_a, n_b : int
        Numbers of finite values.
    reason : str or None
        Reason of a missing test in words, else None.
    """

    t: float
    df: float
    p: float
    hedges_g: float
    ci_low: float
    ci_high: float
    standard_error: float
    difference: float
    n_a: int
    n_b: int
    reason: str | None = None


def welch(a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95) -> WelchTest:
    """Compare the means of two independent groups by Welch's two-sided t-test.

    Parameters
    ----------
    a, b : array of float, shapes (n_a,) and (n_b,)
        Values that are not finite are dropped.
    confidence : float
        Probability that the interval covers, between 0 and 1.

    Returns
    -------
    WelchTest
        All NaN but `difference`, with a `reason`, if a group has fewer than two finite values or
        neither group has any variance. NaN marks a missing test; p is not set to 1.

    Notes
    -----
    With ``m = n_a + n_b - 2`` and the pooled variance ``s² = ((n_a - 1) s_a² + (n_b - 1) s_b²)/m``,
    Hedges' g is ``J(m) (mean(a) - mean(b))/s`` with the exact correction
    ``J(m) = Γ(m/2)/(sqrt(m/2) Γ((m - 1)/2))``, not its approximation ``1 - 3/(4m - 1)``.

    References
    ----------
    Welch, B. L. (1947). The generalization of "Student's" problem when several different population
    variances are involved. Biometrika 34, 28-35.
    Hedges, L. V. (1981). Distribution theory for Glass's estimator of effect size and related
    estimators. J. Educ. Stat. 6, 107-128, eq. 6.

    Examples
    --------
    >>> from neuroalign.stats import welch
    >>> test = welch([0.5, 0.7, 0.6], [0.2, 0.4, 0.3, 0.3])
    >>> f"t({test.df:.1f}) = {test.t:.2f}, p = {test.p:.4f}, g = {test.hedges_g:.2f}"
    't(3.9) = 4.24, p = 0.0143, g = 2.82'
    """
    a, b = finite(a), finite(b)
    difference = float(a.mean() - b.mean()) if a.size and b.size else _NAN
    reason = why_untested(a.size, b.size, varies(a) or varies(b))
    if reason:
        return WelchTest(_NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, difference, a.size, b.size, reason)
    with warnings.catch_warnings():
        # SciPy warns of lost precision where one group is constant; the variance of the other group is enough.
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(confidence)
    return WelchTest(
        t=float(test.statistic),
        df=float(test.df),
        p=float(test.pvalue),
        hedges_g=float(hedges_g(difference, a.var(ddof=1), b.var(ddof=1), a.size, b.size)),
        ci_low=float(interval.low),
        ci_high=float(interval.high),
        standard_error=float(np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)),
        difference=difference,
        n_a=a.size,
        n_b=b.size,
    )


def hedges_g(
    difference: ArrayLike, variance_a: ArrayLike, variance_b: ArrayLike, n_a: ArrayLike, n_b: ArrayLike
) -> NDArray[np.float64]:
    """Return Hedges' g of groups with these moments, of any shape; see :func:`welch`."""
    n_a, n_b = np.asarray(n_a), np.asarray(n_b)
    m = n_a + n_b - 2
    pooled = np.sqrt(((n_a - 1) * np.asarray(variance_a) + (n_b - 1) * np.asarray(variance_b)) / m)
    correction = np.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / np.sqrt(m / 2)
    return np.asarray(correction * np.asarray(difference) / pooled)


def why_untested(n_a: int, n_b: int, either_varies: bool) -> str | None:
    """Return the reason why two groups cannot be tested, or None."""
    if min(n_a, n_b) < 2:
        return f"fewer than two finite values in one group ({n_a} and {n_b})"
    return None if either_varies else "no variance in either group"


def finite(values: ArrayLike) -> NDArray[np.float64]:
    """Drop values that are not finite."""
    array = as_numbers(values, np.float64).ravel()
    return array[np.isfinite(array)]


def varies(values: NDArray[np.float64]) -> bool:
    """Whether a group has any variance."""
    # Differences in the last bits of equal numbers are rounding, not variance.
    return bool(values.size and np.ptp(values) > 16 * np.finfo(np.float64).eps * np.abs(values).max())
