"""One test over several sources of error that are independent of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CrossedTest:
    """The outcome of :func:`crossed_test`.

    Parameters
    ----------
    difference, standard_error : float
    t, df, p : float
        Statistic, Welch-Satterthwaite degrees of freedom and two-sided p.
    ci_low, ci_high : float
        95 % confidence interval of `difference`.
    """

    difference: float
    standard_error: float
    t: float
    df: float
    p: float
    ci_low: float
    ci_high: float


def crossed_test(
    difference: float, standard_errors: Sequence[float], degrees_of_freedom: Sequence[float]
) -> CrossedTest:
    """Test a difference whose errors have several sources, such as instances and the neurons that they share.

    Welch's test over instances takes the neurons and the stimuli as given; a bootstrap over neurons takes the
    instances as given. Where both were sampled, their variances add up.

    Parameters
    ----------
    difference : float
    standard_errors : sequence of float
        One for each source; those of Welch's test and of a bootstrap, for instance.
    degrees_of_freedom : sequence of float
        Of each.

    Returns
    -------
    CrossedTest
        NaN where an error is NaN or all are 0.

    References
    ----------
    Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components. Biometrics Bull. 2,
    110-114.

    Examples
    --------
    >>> test = crossed_test(0.1, [0.03, 0.04], [10.0, 158.0])
    >>> f"{test.standard_error:.2f} {test.df:.0f} {test.p:.3f}"
    '0.05 64 0.050'
    """
    from scipy import stats

    variances = np.asarray(standard_errors, dtype=np.float64) ** 2
    total = float(variances.sum())
    if not total > 0:
        nan = float("nan")
        return CrossedTest(difference, nan, nan, nan, nan, nan, nan)
    df = float(total**2 / (variances**2 / np.asarray(degrees_of_freedom, dtype=np.float64)).sum())
    error = float(np.sqrt(total))
    low, high = stats.t.interval(0.95, df, loc=difference, scale=error)
    return CrossedTest(
        difference=difference,
        standard_error=error,
        t=difference / error,
        df=df,
        p=float(2 * stats.t.sf(abs(difference) / error, df)),
        ci_low=float(low),
        ci_high=float(high),
    )
