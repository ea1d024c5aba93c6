"""Test of a difference with several independent sources of error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.arithmetic import divide
from neuroalign.masked import as_numbers
from neuroalign.stats.student import t_interval, t_p_value


@dataclass(frozen=True)
class CrossedTest:
    """The outcome of :func:`crossed_test`.

    Parameters
    ----------
    difference, standard_error : float or array of float
        Difference and its standard error; all fields have the shape of the difference.
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
    """Test a difference with several sources of error, such as instances and the neurons that they share.

    Welch's test over instances treats the neurons and the stimuli as fixed; a bootstrap over neurons treats the
    instances as fixed. Where both were sampled, their variances add up.

    Parameters
    ----------
    difference : float or array of float
        Differences to test against 0, such as the mean of one family minus the mean of another.
    standard_errors : sequence of float or of arrays of float
        Standard errors of the sources, such as Welch's test and a bootstrap, each with the shape of `difference`.
    degrees_of_freedom : sequence of float or of arrays of float
        Degrees of freedom of the standard errors.

    Returns
    -------
    CrossedTest
        NaN where an error is NaN or all errors are 0.

    References
    ----------
    Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components. Biometrics Bull. 2,
    110-114.

    Examples
    --------
    >>> from neuroalign.stats import crossed_test
    >>> test = crossed_test(0.1, [0.03, 0.04], [10.0, 158.0])
    >>> f"{test.standard_error:.2f} {test.df:.0f} {test.p:.3f}"
    '0.05 64 0.050'
    """
    given = as_numbers(difference, np.float64)
    total, shares = np.zeros(given.shape), np.zeros(given.shape)
    for error, freedom in zip(standard_errors, degrees_of_freedom, strict=True):
        variance = as_numbers(error, np.float64) ** 2
        total, shares = total + variance, shares + variance**2 / as_numbers(freedom, np.float64)
    total = np.where(total > 0, total, np.nan)
    error, df = np.sqrt(total), divide(total**2, shares, otherwise=np.nan)
    t = given / error
    numbers = (given, error, t, df, t_p_value(t, df), *t_interval(given, error, df))
    return CrossedTest(*(np.asarray(number)[()] for number in numbers))
