"""Standard errors of means and, by the jackknife, of other statistics."""

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.masked import as_numbers


def jackknife_standard_error(left_out: ArrayLike) -> float:
    """Return the standard error of a statistic from its values without each observation in turn.

    Parameters
    ----------
    left_out : array of float, shape (n,)
        Statistic without each observation in turn.

    Returns
    -------
    float
        ``sqrt((n - 1)/n · Σ (m_i - mean(m))²)``; NaN for fewer than two observations, or where a value is NaN.

    References
    ----------
    Efron, B. & Stein, C. (1981). The jackknife estimate of variance. Ann. Statist. 9, 586-596.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import jackknife_standard_error
    >>> values = np.array([1.0, 2.0, 4.0])
    >>> left_out = [np.delete(values, index).mean() for index in range(3)]
    >>> round(jackknife_standard_error(left_out), 6), round(float(values.std(ddof=1) / np.sqrt(3)), 6)
    (0.881917, 0.881917)
    """
    values = as_numbers(left_out, np.float64)
    n = values.size
    return float(np.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum())) if n > 1 else float("nan")


def weighted_mean_standard_error(values: ArrayLike, weights: ArrayLike) -> float:
    """Return the jackknife standard error of a weighted mean with random weights.

    Parameters
    ----------
    values : array of float, shape (n,)
        Values, ignored and possibly NaN where the weight is zero.
    weights : array of float, shape (n,)
        Weights, not negative.

    Returns
    -------
    float
        See :func:`jackknife_standard_error`; NaN if fewer than two observations have weight.

    Examples
    --------
    >>> from neuroalign.stats import weighted_mean_standard_error
    >>> round(weighted_mean_standard_error([0.2, 0.4, 0.9, 0.5], [1.0, 2.0, 0.0, 1.0]), 3)
    0.066
    """
    weights = as_numbers(weights, np.float64)
    values = np.where(weights > 0, as_numbers(values, np.float64), 0.0)
    if np.count_nonzero(weights) < 2:
        return float("nan")
    total, weighted = weights.sum(), weights * values
    return jackknife_standard_error((weighted.sum() - weighted) / (total - weights))


def standard_error(values: ArrayLike) -> float:
    """Return the standard error of the mean of the finite values (ddof 1); NaN for fewer than two."""
    array = as_numbers(values, np.float64).ravel()
    array = array[np.isfinite(array)]
    return float(array.std(ddof=1) / np.sqrt(array.size)) if array.size > 1 else float("nan")
