"""Work on large arrays in blocks: slices, selections along an axis, and pages of mapped files.

An array of several gigabytes fits into memory once. A mask, a conversion or a copy of the whole array beside it may
not.
"""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Size of a block in bytes; a computation needs a few arrays of this size.
BLOCK_BYTES = 1 << 24


def slices(values: NDArray[Any], axis: int = 0, *, itemsize: int | None = None) -> Iterator[slice]:
    """Return the slices along an axis that cut an array into blocks of at most :data:`BLOCK_BYTES`.

    Parameters
    ----------
    values : array
    axis : int
    itemsize : int, optional
        Bytes of a value in the computation; by default the bytes of a value in the array.

    Examples
    --------
    >>> import numpy as np
    >>> [block.stop for block in slices(np.zeros((5, 2**20)), itemsize=8)]
    [2, 4, 5]
    """
    length = values.shape[axis]
    row = values.size // max(length, 1) * (itemsize or values.dtype.itemsize)
    step = max(1, BLOCK_BYTES // max(row, 1))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def select(values: NDArray[Any], keep: NDArray[np.bool_], axis: int) -> NDArray[Any]:
    """Return the entries of an array that a mask keeps along one of its first two axes.

    Parameters
    ----------
    values : array, at least one axis
        A writeable array is overwritten, and the result is a part of it, so that no second array is needed. An array
        that may not be written stays as it is.
    keep : array of bool, shape (values.shape[axis],)
    axis : {0, 1}

    Returns
    -------
    array

    Examples
    --------
    >>> import numpy as np
    >>> select(np.array([[1, 2], [3, 4], [5, 6]]), np.array([True, False, True]), axis=0)
    array([[1, 2],
           [5, 6]])
    """
    if keep.all():
        return values
    shape = list(values.shape)
    shape[axis] = int(keep.sum())
    target = values if values.flags.writeable else np.empty(shape, values.dtype)
    index = [slice(None)] * values.ndim
    slowest = slowest_axis(values)
    start = 0
    for block in slices(values, slowest):
        index[slowest] = block
        # A copy, so that source and target of the assignment do not overlap.
        kept = np.compress(keep[block] if slowest == axis else keep, values[tuple(index)], axis=axis)
        index[axis] = slice(start, start + kept.shape[axis])
        target[tuple(index)] = kept
        start += kept.shape[axis] if slowest == axis else 0
        index[axis] = slice(None)
        forget_pages(values)
    index = [slice(n) for n in shape]
    return target[tuple(index)]


def convert(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return an array with another type of numbers, or the array itself if it has this type.

    Parameters
    ----------
    values : array
    dtype : dtype
    """
    if values.dtype == np.dtype(dtype):
        return values
    target = np.empty(values.shape, dtype)
    index = [slice(None)] * values.ndim
    slowest = slowest_axis(values)
    for block in slices(values, slowest):
        index[slowest] = block
        target[tuple(index)] = values[tuple(index)]
        forget_pages(values)
    return target


def slowest_axis(values: NDArray[Any]) -> int:
    """Return the axis along which neighbouring values are the furthest apart in memory."""
    return int(np.argmax(np.abs(values.strides)))


def forget_pages(values: NDArray[Any]) -> None:
    """Release the memory of a file that is mapped as an array; the pages are read again at the next use.

    Parameters
    ----------
    values : array
        A view of :class:`numpy.memmap` in mode "r"; nothing happens for every other array.
    """
    owner: Any = values
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    if isinstance(owner, mmap.mmap) and not values.flags.writeable and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def taken(values: NDArray[Any], rows: NDArray[np.int64] | slice, columns: NDArray[np.bool_]) -> NDArray[Any]:
    """Return rows and columns of a matrix, contiguous, without a copy where all are taken in their order.

    Parameters
    ----------
    values : array, shape (n, m)
    rows : array of int, or slice
    columns : array of bool, shape (m,)
        Mark of each column that is taken.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.arange(6).reshape(2, 3)
    >>> taken(values, np.array([1]), np.array([True, False, True])).tolist()
    [[3, 5]]
    >>> np.shares_memory(taken(values, np.array([0, 1]), np.ones(3, dtype=bool)), values)
    True
    """
    every = np.arange(len(values))
    chosen = every[rows]
    if columns.all() and np.array_equal(chosen, every):
        return np.ascontiguousarray(values)
    return np.ascontiguousarray(values[np.ix_(chosen, columns)])
