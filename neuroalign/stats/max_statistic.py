"""P-values of several statistics together, by the maximum of their permuted values."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError
from neuroalign.masked import as_numbers

# A product such as 0.05 * (1 + 19) is below 1 by rounding only.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class MaxStatistic:
    """Result of :func:`max_statistic`.

    Parameters
    ----------
    p : array of float64, shape (n_statistics,)
        P-value of each statistic, corrected for all of them; NaN where the statistic is NaN or no permutation is left.
    extremes : array of float64, shape (n_left,)
        Best value over statistics of each permutation: the largest, or the smallest where lower values are better.
    higher_is_better : bool
        Whether the better values are the larger ones.
    """

    p: NDArray[np.float64]
    extremes: NDArray[np.float64]
    higher_is_better: bool = True

    def critical_value(self, alpha: float = 0.05) -> float:
        """Return the value that a statistic must exceed for a p-value of at most `alpha`.

        Parameters
        ----------
        alpha : float

        Returns
        -------
        float
            A statistic is significant if it is above this value, or below it where lower values are better. Infinite
            where the permutations are too few for any p-value of at most `alpha`.
        """
        sign = 1.0 if self.higher_is_better else -1.0
        allowed = int(np.floor(alpha * (1 + self.extremes.size) + _ROUNDING)) - 1
        if allowed < 0 or not self.extremes.size:
            return sign * np.inf
        return float(sign * np.sort(sign * self.extremes)[::-1][allowed])


def max_statistic(values: ArrayLike, shuffled: ArrayLike, *, higher_is_better: bool = True) -> MaxStatistic:
    """Test several statistics against the best permuted value of all of them.

    The chance that any p-value is at most α is at most α where none of the statistics differs from chance, for any
    dependence between them.

    Parameters
    ----------
    values : array of float, shape (n_statistics,)
        Statistics with the original labels.
    shuffled : array of float, shape (n_statistics, B)
        Statistics of B random permutations of the labels. Each permutation must be the same for all statistics. NaN is
        left out of a maximum; a permutation with NaN in all statistics is left out.
    higher_is_better : bool
        Whether the better values are the larger ones.

    Returns
    -------
    MaxStatistic
        Its p-values are ``(1 + k)/(1 + B)``, where k counts the permutations with a best value as good as the
        statistic or better.

    Raises
    ------
    ArrayError
        If the shapes do not fit.

    References
    ----------
    Nichols, T. E. & Holmes, A. P. (2002). Nonparametric permutation tests for functional neuroimaging. Human Brain
    Mapping 15:1. Phipson, B. & Smyth, G. K. (2010). Stat. Appl. Genet. Mol. Biol. 9:39, for the 1 in the p-value.

    Examples
    --------
    >>> from neuroalign.stats import max_statistic
    >>> max_statistic([0.5, 0.2], [[0.1, 0.0, -0.1], [0.3, 0.1, 0.0]]).p
    array([0.25, 0.5 ])
    """
    sign = 1.0 if higher_is_better else -1.0
    observed, others = as_numbers(values, np.float64), as_numbers(shuffled, np.float64)
    if observed.ndim != 1 or others.ndim != 2 or len(others) != len(observed):
        raise ArrayError(
            f"shuffled must have one row for each of the values, got shapes {others.shape} and {observed.shape}"
        )
    best = np.fmax.reduce(sign * others, axis=0, initial=-np.inf)
    best = best[best > -np.inf]
    if best.size:
        p = (1 + (best >= sign * observed[:, None]).sum(axis=1)) / (1 + best.size)
    else:
        p = np.full(observed.shape, np.nan)
    return MaxStatistic(np.where(np.isnan(observed), np.nan, p), sign * best, higher_is_better)
