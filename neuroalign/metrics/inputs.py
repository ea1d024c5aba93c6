"""Checks and standardisation of the arrays that metrics take."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError
from neuroalign.masked import as_labels, as_numbers


def as_matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return a finite float64 matrix.

    Raises
    ------
    ArrayError
        If there are not two dimensions, or a value is text, NaN or infinite.
    """
    try:
        matrix = as_numbers(values, np.float64)
    except ArrayError as error:
        raise ArrayError(f"{name} must be numbers: {error}") from error
    if matrix.ndim != 2:
        raise ArrayError(f"{name} must have two dimensions, got shape {matrix.shape}")
    finite = np.isfinite(matrix)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ArrayError(f"{name} must be finite; [{row}, {column}] is {matrix[row, column]}")
    return matrix


def as_pair(Z: ArrayLike, Y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return latents (N, D) and responses (N, J) of the same N ≥ 2 stimuli.

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is NaN or infinite.
    """
    units, neurons = as_matrix(Z, "Z"), as_matrix(Y, "Y")
    if len(units) != len(neurons):
        raise ArrayError(f"Z and Y must have the same stimuli in rows, got {len(units)} and {len(neurons)}")
    if len(units) < 2 or not units.shape[1] or not neurons.shape[1]:
        raise ArrayError(
            f"Z and Y need two stimuli, one unit and one neuron at least, got {units.shape} and {neurons.shape}"
        )
    return units, neurons


def as_excluded(exclude: ArrayLike | None, n_units: int, n_neurons: int) -> NDArray[np.int64]:
    """Return the unit that each neuron may not be compared with; -1 for no unit.

    Raises
    ------
    ArrayError
        If the shape does not fit or an index is out of range.
    """
    if exclude is None:
        return np.full(n_neurons, -1, dtype=np.int64)
    excluded = as_labels(exclude, "exclude")
    if excluded.shape != (n_neurons,) or excluded.dtype.kind not in "iu":
        raise ArrayError(f"exclude must be integers of shape ({n_neurons},), got {excluded.shape}")
    if excluded.size and (excluded.min() < -1 or excluded.max() >= n_units):
        raise ArrayError(
            f"exclude must be from -1 to {n_units - 1}, got {excluded.min()} to {excluded.max()}"
        )
    return excluded.astype(np.int64)


def as_informative(informative: ArrayLike | None, varies: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask of the informative units: the given mask, or by default the units that vary.

    Raises
    ------
    ArrayError
        If the mask does not fit the units.
    """
    if informative is None:
        return varies
    mask = as_labels(informative, "informative")
    if mask.dtype != bool or mask.shape != varies.shape:
        raise ArrayError(
            f"informative must be booleans of shape {varies.shape}, got {mask.dtype} {mask.shape}"
        )
    return mask


def constant_columns(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of the columns without variance beyond rounding, shape (n_columns,)."""
    if not len(values):
        return np.ones(values.shape[1], dtype=bool)
    return no_variance(values.min(axis=0), values.max(axis=0))


def no_variance(smallest: NDArray[Any], largest: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask of the entries where minimum and maximum differ by rounding only."""
    magnitude = np.maximum(np.abs(smallest), np.abs(largest))
    return largest - smallest <= 8 * np.finfo(np.float64).eps * magnitude


def standardise(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre and scale columns (ddof 0); columns without variance become zero."""
    centred = values - values.mean(axis=0)
    constant = constant_columns(values)
    # Scaling by the largest deviation first keeps the squares of tiny and huge values exact enough.
    largest = np.where(constant, 1.0, np.abs(centred).max(axis=0))
    centred = np.where(constant, 0.0, centred / largest)
    deviation = np.where(constant, 1.0, np.sqrt((centred**2).mean(axis=0)))
    return centred / deviation
