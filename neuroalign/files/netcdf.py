"""netCDF-4 files: readers for files that may be damaged, and a writer that copies no large array."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends.common import ArrayWriter

from neuroalign.files.hdf5 import opened_hdf5, without_locks

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


def read_netcdf(path: Path) -> xr.Dataset:
    """Read a netCDF-4 file whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        Dataset in memory; the file is closed.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read for any other reason.
    """
    with open_netcdf(path) as opened, _damage():
        return opened.load()


def read_arrays(path: Path) -> xr.Dataset:
    """Read numbers and texts of a netCDF-4 file that xarray wrote, many times faster than xarray, without attributes.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        Dataset in memory; the file is closed. Booleans become integers.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_netcdf`.
    """
    with opened_hdf5(path) as file:
        variables = {}
        for name, stored in file.items():
            # A dimension without labels is not a variable.
            if stored.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension"):
                continue
            dimensions = [labels[0].name[1:] if len(labels) else name for labels in stored.dims]
            variables[name] = (dimensions, stored.asstr()[()] if stored.dtype.kind == "O" else stored[()])
        return xr.Dataset(variables)


def open_netcdf(path: Path) -> xr.Dataset:
    """Open a netCDF-4 file, and read its values on each use without keeping them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_netcdf`.
    """
    with opened_hdf5(path) as file:
        # h5netcdf leaves a traceback on stderr for a file with a root that HDF5 cannot read.
        list(file.items())
    with _damage():
        return without_locks(
            lambda **options: xr.open_dataset(
                path, engine="h5netcdf", cache=False, decode_timedelta=False, driver_kwds=options
            )
        )


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # the libraries raise nearly anything on a damaged file
        raise ValueError(str(error) or type(error).__name__) from error
