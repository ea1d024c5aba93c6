"""Codes of units and stimulus factors: bins for mutual information, and targets for regressions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_labels
from neuroalign.metrics.inputs import as_matrix, constant_columns, standardise

FloatArray = NDArray[np.float64]

# Positions within a bin width are rounded, so that rounding of the units moves no stimulus to another bin.
_DECIMALS = 9


def as_units_and_factors(
    Z: ArrayLike, factors: ArrayLike, categorical: ArrayLike | None
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return units (N, D), factors (N, K) of the same stimuli, and which factors are categories (K,).

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or a factor has one value only.
    """
    units, values = as_matrix(Z, "Z"), as_matrix(factors, "factors")
    if len(units) != len(values) or len(units) < 2 or not units.shape[1] or not values.shape[1]:
        raise ArrayError(
            f"Z and factors must have the same stimuli in rows, two at least, got shapes {units.shape} and "
            f"{values.shape}"
        )
    constant = constant_columns(values)
    if constant.any():
        raise ArrayError(
            f"each factor must vary; factor {int(np.argmax(constant))} has one value; leave it out"
        )
    if categorical is None:
        return units, values, np.zeros(values.shape[1], dtype=bool)
    mask = as_labels(categorical, "categorical")
    if mask.dtype != bool or mask.shape != values.shape[1:]:
        raise ArrayError(
            f"categorical must be booleans of shape ({values.shape[1]},), got {mask.dtype} {mask.shape}"
        )
    return units, values, mask


def bin_columns(values: FloatArray, bins: int, *, categorical: ArrayLike | None = None) -> NDArray[np.int64]:
    """Replace the values of each column by the numbers of their bins.

    Parameters
    ----------
    values : array of float64, shape (N, C)
    bins : int
        Number of bins of equal width from the smallest to the largest value of a column. A column with at most this
        many different values keeps them.
    categorical : array of bool, shape (C,), optional
        Columns that keep their values in any case.

    Returns
    -------
    array of int64, shape (N, C)
        From 0; zeros for a column without variance.

    Raises
    ------
    UsageError
        If there are fewer than two bins.

    Examples
    --------
    >>> bin_columns(np.array([[0.0], [0.4], [0.6], [1.0]]), 2).ravel()
    array([0, 0, 1, 1])
    """
    if bins < 2:
        raise UsageError(f"bins must be 2 or more, got {bins}")
    keeps = np.zeros(values.shape[1], dtype=bool) if categorical is None else np.asarray(categorical)
    codes = np.empty(values.shape, dtype=np.int64)
    constant = constant_columns(values)
    for column in range(values.shape[1]):
        if constant[column]:
            codes[:, column] = 0
            continue
        distinct, inverse = np.unique(values[:, column], return_inverse=True)
        if keeps[column] or distinct.size <= bins:
            codes[:, column] = inverse
            continue
        position = (values[:, column] - distinct[0]) / (distinct[-1] - distinct[0]) * bins
        codes[:, column] = np.minimum(np.floor(np.round(position, _DECIMALS)), bins - 1)
    return codes


def regression_targets(
    factors: FloatArray, categorical: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Return columns for linear regressions: a number is one column, and a category one indicator for each value.

    Parameters
    ----------
    factors : array of float64, shape (N, K)
    categorical : array of bool, shape (K,)

    Returns
    -------
    targets : array of float64, shape (N, C)
        Standardised columns.
    owners : array of int64, shape (C,)
        Factor of each column.
    shares : array of float64, shape (C,)
        Share of each column in the variance of its factor: 1 for a number, ``p(1 − p)/Σ p(1 − p)`` for the
        indicators of a category. A category of two values then counts as one number.
    """
    columns, owners, variances = [], [], []
    for factor in range(factors.shape[1]):
        values = factors[:, factor]
        levels = [values == value for value in np.unique(values)] if categorical[factor] else [values]
        columns += [np.asarray(level, dtype=np.float64) for level in levels]
        owners += [factor] * len(levels)
        spread = [float(np.var(level)) if categorical[factor] else 1.0 for level in levels]
        variances += [variance / sum(spread) for variance in spread]
    return standardise(np.column_stack(columns)), np.array(owners, dtype=np.int64), np.array(variances)


def sum_by_factor(values: FloatArray, owners: NDArray[np.int64]) -> FloatArray:
    """Sum the columns of each factor, from shape (…, C) to shape (…, K)."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    summed: FloatArray = np.add.reduceat(values, starts, axis=-1)
    return summed
