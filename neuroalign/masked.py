"""Conversion of arrays with masked and missing values, which ``numpy.asarray`` would unmask."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike, NDArray

from neuroalign.errors import ArrayError, brief


def as_numbers(values: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return an array as :func:`numpy.asarray` does, with NaN where a masked array is masked.

    Parameters
    ----------
    values : array_like
        A masked array, a sequence of masked arrays, or anything that :func:`numpy.asarray` takes.
    dtype : dtype, optional
        Floating dtype; by default the dtype of the values, or float64 for masked integers.

    Raises
    ------
    ArrayError
        If values are not numbers, masked values cannot become NaN, such as text, or complex numbers cannot become real
        ones.
    """
    values = _joined(values)
    if dtype is not None and np.dtype(dtype).kind == "f":
        try:
            is_complex = np.iscomplexobj(values)
        except (TypeError, ValueError) as error:
            raise ArrayError(brief(error)) from error
        values = _real(values) if is_complex else values
        _expect_no_times(values)
    if not np.ma.is_masked(values):
        try:
            return np.asarray(values, dtype=dtype)
        except (TypeError, ValueError) as error:
            if dtype is None:
                raise
            raise ArrayError(brief(error)) from error
    assert isinstance(values, np.ma.MaskedArray)
    if values.dtype.kind not in "fiub":
        raise ArrayError(f"masked values must be real numbers, got {values.dtype}; fill them in first")
    if dtype is None:
        dtype = values.dtype if values.dtype.kind == "f" else np.float64
    return np.ma.filled(values.astype(dtype), np.nan)


def _expect_no_times(values: ArrayLike) -> None:
    """Refuse dates and durations, which NumPy would turn into numbers of some unit."""
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "kind", "") in ("m", "M"):
        raise ArrayError(f"values must be real numbers, got {dtype}; convert them to numbers of a unit")


def _real(values: ArrayLike) -> ArrayLike:
    """Return complex numbers as real ones; NumPy would drop an imaginary part other than 0."""
    array: Any = np.ma.asanyarray(values)
    if (np.ma.filled(array.imag, 0) != 0).any():
        raise ArrayError(
            f"values must be real numbers, got {array.dtype}; take their modulus, or both of their parts"
        )
    return array.real


def as_labels(values: ArrayLike, name: str, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return an array of ids, marks or indices, without masked or missing entries.

    Parameters
    ----------
    values : array_like
        Ids, marks or indices.
    name : str
        Name of the array in the message.
    dtype : dtype, optional
        By default the dtype of the values.

    Raises
    ------
    ArrayError
        If a value is masked, None or NaN.
    """
    values = _joined(values)
    if np.ma.is_masked(values):
        n_masked = int(np.ma.count_masked(values))
        raise ArrayError(f"{name} must not be masked; {n_masked} values are; leave those rows or columns out")
    array = np.asarray(values)
    missing = pd.isna(array) if array.dtype.kind in "fcOmM" else np.zeros(array.shape, dtype=bool)
    if missing.any():
        raise ArrayError(
            f"{name} must not be missing, got {array[missing][0]} at entry {int(np.argmax(missing))}"
        )
    return np.asarray(array, dtype=dtype)


def _joined(values: ArrayLike) -> ArrayLike:
    """Return a sequence of masked arrays as one masked array."""
    if isinstance(values, list | tuple) and any(isinstance(part, np.ma.MaskedArray) for part in values):
        return np.ma.array(values)
    return values
