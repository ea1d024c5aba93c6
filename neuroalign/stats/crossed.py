"""One test over several sources of error that are independent of each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.masked import as_numbers


@dataclass(frozen=True)
class CrossedTest:
    """The outcome of :func:`crossed_test`.

    Parameters
    ----------
    difference, standard_error : float or array of float
        The shape of what was tested; so are all others.
    t, df, p : float or array of float
        Statistic, Welch-Satterthwaite degrees of freedom and two-sided p.
    ci_low, ci_high : float or array of float
        95 % confidence interval of `difference`.
    """

    difference: Any
    standard_error: Any
    t: Any
    df: Any
    p: Any
    ci_low: Any
    ci_high: Any


def crossed_test(
    difference: ArrayLike, standard_errors: Sequence[ArrayLike], degrees_of_freedom: Sequence[ArrayLike]
) -> CrossedTest:
    """Test a difference whose errors have several sources, such as instances and the neurons that they share.

    Welch's test over instances takes the neurons and the stimuli as given; a bootstrap over neurons takes the
    instances as given. Where both were sampled, their variances add up.

    Parameters
    ----------
    difference : float or array of float
    standard_errors : sequence of float or of arrays of float
        One for each source, of the shape of `difference`; those of Welch's test and of a bootstrap, for instance.
    degrees_of_freedom : sequence of float or of arrays of float
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
    from scipy.special import stdtr, stdtrit

    given = as_numbers(difference, np.float64)
    total, shares = np.zeros(given.shape), np.zeros(given.shape)
    for each, freedom in zip(standard_errors, degrees_of_freedom, strict=True):
        variance = as_numbers(each, np.float64) ** 2
        total, shares = total + variance, shares + variance**2 / as_numbers(freedom, np.float64)
    total = np.where(total > 0, total, np.nan)
    error, df = np.sqrt(total), total**2 / np.where(shares > 0, shares, np.nan)
    half, t = error * stdtrit(df, 0.975), given / error
    found = (given, error, t, df, 2 * stdtr(df, -np.abs(t)), given - half, given + half)
    return CrossedTest(*(each[()] for each in found))
