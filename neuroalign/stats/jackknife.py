"""Standard errors by leaving out one observation at a time."""

import numpy as np
from numpy.typing import ArrayLike


def weighted_mean_standard_error(values: ArrayLike, weights: ArrayLike) -> float:
    """Return the jackknife standard error of a weighted mean whose weights are random too.

    Parameters
    ----------
    values : array of float, shape (n,)
        Ignored where the weight is zero; may be NaN there.
    weights : array of float, shape (n,)
        Not negative.

    Returns
    -------
    float
        ``sqrt((n - 1)/n · Σ (m_i - mean(m))²)`` with ``m_i`` the weighted mean without observation i;
        NaN if fewer than two observations have weight.

    References
    ----------
    Efron, B. & Stein, C. (1981). The jackknife estimate of variance. Ann. Statist. 9, 586-596.
    """
    weights = np.asarray(weights, dtype=np.float64)
    values = np.where(weights > 0, np.asarray(values, dtype=np.float64), 0.0)
    if np.count_nonzero(weights) < 2:
        return float("nan")
    total, weighted = weights.sum(), weights * values
    left_out = (weighted.sum() - weighted) / (total - weights)
    n = left_out.size
    return float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
