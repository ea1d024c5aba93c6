"""netCDF-4 files written without a copy of a large array."""

import errno
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends.common import ArrayWriter

from neuroalign.files.home import atomic_path, write_file
from neuroalign.files.sums import append_sum, sum_at_end

#: Size of the blocks in which an array is written, in bytes.
_BLOCK_BYTES = 1 << 25

#: Size of an array that is copied whole, and of the arrays of a file that is made in memory, in bytes.
_MOST_COPIED = 1 << 28

#: Bytes that a file takes beside its arrays, at most.
_OVERHEAD = 1 << 20


def write_netcdf(
    dataset: xr.Dataset, path: Path, encoding: Mapping[str, Mapping[str, Any]], *, with_sum: bool = False
) -> None:
    """Write a netCDF-4 file as :meth:`xarray.Dataset.to_netcdf` does, completely or not at all.

    HDF5 crashes on a full disk. So a file of at most 256 MiB of arrays is made in memory, and the space for a larger
    one is asked for before HDF5 writes. h5py copies an array with another order of its axes in memory than on disk; of
    an array larger than 256 MiB only some rows are copied at once. The values are the same; the file of such an array
    differs in the place of its chunks.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : Path
    encoding : mapping of str to mapping
        Encoding of variables, such as ``{"zlib": True}``.
    with_sum : bool
        Whether the file ends with its SHA-256; see :func:`neuroalign.files.sums.expect_sum_at_end`.

    Raises
    ------
    FullDiskError
        If the disk has no space for the file; the old file stays.
    """
    if dataset.nbytes <= _MOST_COPIED:
        content = netcdf_bytes(dataset, encoding)
        write_file(path, content + sum_at_end(content) if with_sum else content)
        return
    with atomic_path(path) as temporary:
        reserve(temporary, dataset.nbytes)
        _store(dataset, encoding, temporary)
        if with_sum:
            append_sum(temporary)


def netcdf_bytes(
    dataset: xr.Dataset, encoding: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> bytes:
    """Return the content of a netCDF-4 file, which is made in memory.

    Parameters
    ----------
    dataset : xarray.Dataset
    encoding : mapping of str to mapping
        Encoding of variables, as for :func:`write_netcdf`.

    Returns
    -------
    bytes
        The same bytes for the same dataset.
    """
    content = io.BytesIO()
    _store(dataset, encoding, content)
    return content.getvalue()


def reserve(path: Path, n_bytes: int) -> None:
    """Ask the disk for space for a file, and give it back, so that a full disk is noticed before HDF5 writes.

    Parameters
    ----------
    path : Path
        File that does not exist.
    n_bytes : int
        Size of the file without compression, which the file does not exceed by more than 1 MiB.

    Raises
    ------
    OSError
        If the disk has no such space.
    """
    if not hasattr(os, "posix_fallocate"):
        if shutil.disk_usage(path.parent).free < n_bytes + _OVERHEAD:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return
    try:
        with path.open("xb") as file:
            os.posix_fallocate(file.fileno(), 0, n_bytes + _OVERHEAD)
    finally:
        path.unlink(missing_ok=True)


def _store(
    dataset: xr.Dataset, encoding: Mapping[str, Mapping[str, Any]], target: "Path | io.BytesIO"
) -> None:
    """Write a dataset to a file, or to a buffer in memory."""
    from xarray.backends import H5NetCDFStore
    from xarray.backends.locks import HDF5_LOCK
    from xarray.conventions import encode_dataset_coordinates

    variables, attributes = encode_dataset_coordinates(dataset)
    for name, choices in encoding.items():
        variables[name].encoding = dict(choices)
    # Beside a client of a cluster, the default lock is a lock of the cluster, which knows no buffer of this process.
    store = H5NetCDFStore.open(target, mode="w", lock=HDF5_LOCK)
    try:
        store.store(variables, attributes, set(encoding), _RowWriter())
    finally:
        store.close()


class _RowWriter(ArrayWriter):
    """Writer of arrays to an open file, in rows of whole chunks."""

    def add(self, source: Any, target: Any, region: Any = None) -> None:
        """Write one array."""
        if not isinstance(source, np.ndarray) or source.flags.c_contiguous or source.nbytes <= _MOST_COPIED:
            super().add(source, target, region)
            return
        for rows in row_blocks(source.shape, source.itemsize, target.get_array().chunks):
            target[rows] = np.ascontiguousarray(source[rows])


def row_blocks(shape: Sequence[int], itemsize: int, chunks: Sequence[int] | None) -> Iterator[slice]:
    """Return slices along the first axis of an array on disk, which hold whole chunks.

    Parameters
    ----------
    shape : sequence of int
    itemsize : int
        Bytes of a value.
    chunks : sequence of int, optional
        Shape of the parts in which the file compresses the array.
    """
    per_row = int(np.prod(shape[1:])) * itemsize
    of_chunk = chunks[0] if chunks else 1
    step = max(1, _BLOCK_BYTES // max(per_row * of_chunk, 1)) * of_chunk
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))
