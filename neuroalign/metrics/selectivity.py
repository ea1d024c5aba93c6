"""Selectivity of units for labels of the stimuli: d′ of two classes, and the correlation ratio η² of categories."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.masked import as_labels
from neuroalign.metrics.inputs import as_matrix, constant_columns

FloatArray = NDArray[np.float64]


def d_prime(Z: ArrayLike, is_target: ArrayLike) -> FloatArray:
    r"""Return how far each unit separates two classes of stimuli.

    .. math:: d' = \frac{\bar z_1 - \bar z_0}{\sqrt{(s_1^2 + s_0^2)/2}}

    Parameters
    ----------
    Z : array of shape (N, D)
        Units for each stimulus.
    is_target : array of bool, shape (N,)
        Stimuli of class 1; both classes need two stimuli at least.

    Returns
    -------
    array of float64, shape (D,)
        Positive where class 1 has larger values; s² has ddof 1. Infinite where the unit is constant in both classes and
        differs between them, NaN where it does not vary.

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or a class has fewer than two stimuli.

    References
    ----------
    Green & Swets (1966), Signal Detection Theory and Psychophysics; Aparicio, Issa & DiCarlo (2016), J. Neurosci.
    36:12729, for faces and objects.

    Examples
    --------
    >>> from neuroalign.metrics import d_prime
    >>> d_prime([[0.0], [2.0], [4.0], [6.0]], [False, False, True, True]).round(3)
    array([2.828])
    """
    values, given = _labelled(Z, is_target)
    if given.dtype != bool:
        raise ArrayError(f"is_target must be booleans, got {given.dtype}")
    labels = given.astype(np.bool_)
    if min(labels.sum(), (~labels).sum()) < 2:
        raise ArrayError(
            f"both classes need two stimuli at least, got {int(labels.sum())} and {int((~labels).sum())}"
        )
    difference = values[labels].mean(axis=0) - values[~labels].mean(axis=0)
    spread = np.sqrt((values[labels].var(axis=0, ddof=1) + values[~labels].var(axis=0, ddof=1)) / 2)
    rounding = constant_columns(values[labels]) & constant_columns(values[~labels])
    with np.errstate(divide="ignore", invalid="ignore"):
        result = difference / np.where(rounding, 0.0, spread)
    return np.where(constant_columns(values), np.nan, result)


def eta_squared(Z: ArrayLike, categories: ArrayLike) -> FloatArray:
    r"""Return the share of each unit's variance that lies between categories of stimuli.

    .. math:: \eta^2 = \frac{\sum_c n_c (\bar z_c - \bar z)^2}{\sum_i (z_i - \bar z)^2}

    Parameters
    ----------
    Z : array of shape (N, D)
        Units for each stimulus.
    categories : array of shape (N,)
        Label of each stimulus, of any kind.

    Returns
    -------
    array of float64, shape (D,)
        From 0 to 1; NaN for units without variance. Without selectivity the expected value is (K - 1)/(N - 1) for K
        categories.

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or there is only one category.

    References
    ----------
    Fisher (1925), Statistical Methods for Research Workers, chapter 7.

    Examples
    --------
    >>> from neuroalign.metrics import eta_squared
    >>> eta_squared([[0.0], [2.0], [4.0], [6.0]], ["a", "a", "b", "b"]).round(3)
    array([0.8])
    """
    values, labels = _labelled(Z, categories)
    names, member = np.unique(labels, return_inverse=True)
    if names.size < 2:
        raise ArrayError(f"categories must have two labels at least, got {names.size}")
    centred = values - values.mean(axis=0)
    sums = np.zeros((names.size, values.shape[1]))
    np.add.at(sums, member, centred)
    between = (sums**2 / np.bincount(member)[:, None]).sum(axis=0)
    total = np.where(constant_columns(values), 0.0, (centred**2).sum(axis=0))
    return divide(between, total, otherwise=np.nan)


def _labelled(Z: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, NDArray[np.generic]]:
    values, given = as_matrix(Z, "Z"), as_labels(labels, "labels")
    if given.shape != (len(values),):
        raise ArrayError(f"labels must have shape ({len(values)},), got {given.shape}")
    return values, given
