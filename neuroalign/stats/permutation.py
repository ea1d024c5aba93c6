"""P-value of a statistic by random permutations."""

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.masked import as_numbers


def permutation_p_value(value: float, shuffled: ArrayLike, *, higher_is_better: bool = True) -> float:
    """Return the exact p-value of a statistic from its values with shuffled labels.

    Parameters
    ----------
    value : float
        Statistic with the original labels.
    shuffled : array of float, shape (B,)
        Statistic of random permutations; NaN values are dropped.
    higher_is_better : bool
        Whether the better values are the larger ones.

    Returns
    -------
    float
        ``(1 + k)/(1 + B)``, where k counts the permutations with a value as good or better; never 0. NaN if
        `value` is NaN or all permutations are NaN or missing.

    References
    ----------
    Phipson, B. & Smyth, G. K. (2010). Permutation p-values should never be zero. Stat. Appl. Genet. Mol. Biol. 9:39.

    Examples
    --------
    >>> from neuroalign.stats import permutation_p_value
    >>> permutation_p_value(0.5, [0.1, 0.2, 0.6])
    0.5
    """
    others = as_numbers(shuffled, np.float64)
    others = others[~np.isnan(others)]
    if np.isnan(value) or not others.size:
        return float("nan")
    as_good = others >= value if higher_is_better else others <= value
    return float((1 + as_good.sum()) / (1 + others.size))
