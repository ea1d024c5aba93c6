"""netCDF-4 files written without a copy of a large array."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends.common import ArrayWriter

#: Size of the blocks in which an array is written, in bytes.
_BLOCK_BYTES = 1 << 25

#: Size of an array that is copied whole, in bytes.
_MOST_COPIED = 1 << 28


def write_netcdf(dataset: xr.Dataset, path: Path, encoding: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a netCDF-4 file as :meth:`xarray.Dataset.to_netcdf` does, without a copy of a large array.

    h5py copies an array with another order of its axes in memory than on disk. Of an array larger than 256 MiB only
    some rows are copied at once. The values are the same; the file of such an array differs in the place of its chunks.

    Parameters
    ----------
    dataset : xarray.Dataset
    path : Path
    encoding : mapping of str to mapping
        Encoding of variables, such as ``{"zlib": True}``.
    """
    from xarray.backends import H5NetCDFStore
    from xarray.conventions import encode_dataset_coordinates

    variables, attributes = encode_dataset_coordinates(dataset)
    for name, choices in encoding.items():
        variables[name].encoding = dict(choices)
    store = H5NetCDFStore.open(path, mode="w")
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
