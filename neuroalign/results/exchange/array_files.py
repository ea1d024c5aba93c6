"""Checks of netCDF files from untrusted sources, before their arrays are read."""

from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from neuroalign.files.hdf5 import open_hdf5
from neuroalign.files.netcdf_reading import read_netcdf

#: Largest number of bytes of a file, and of its arrays in memory.
MAX_BYTES = 1 << 30
MAX_VARIABLES = 200
MAX_LABEL_LENGTH = 400
#: Largest size of a number: sums and squares of larger numbers may be infinite.
MOST = 1e100

# Filters that are a part of HDF5; other filters are loaded from libraries on the reader's disk.
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def read_arrays(path: Path) -> xr.Dataset:
    """Read the arrays of a score from an untrusted file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        Numbers, finite or NaN, and labels; without attributes.

    Raises
    ------
    ValueError
        If the file is too large or holds anything else; the reason fits in one line.
    """
    try:
        with open_hdf5(path) as file:
            _judge(file)
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"cannot be read: {error}") from error
    data = read_netcdf(path).drop_attrs()
    return data.assign({name: _clean(str(name), variable) for name, variable in data.variables.items()})


def _judge(file: h5py.File) -> None:
    """Refuse a file with other content than arrays of numbers and labels that fit into memory; read no array."""
    if len(file) > MAX_VARIABLES:
        raise ValueError(f"it has {len(file):,} variables; at most {MAX_VARIABLES} are accepted")
    total = 0
    for name in file:
        # Links, external storage and virtual datasets can lead to any file on the reader's disk.
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name!r} is a link")
        variable = file[name]
        if not isinstance(variable, h5py.Dataset):
            raise ValueError(f"{name!r} is a group")
        if variable.is_virtual or variable.external:
            raise ValueError(f"{name!r} takes its values from other files")
        if variable.dtype.kind not in "iufb" and h5py.check_string_dtype(variable.dtype) is None:
            raise ValueError(f"{name!r} has type {variable.dtype}, neither numbers nor text")
        plist = variable.id.get_create_plist()
        filters = {plist.get_filter(index)[0] for index in range(plist.get_nfilters())}
        if not filters <= _FILTERS:
            raise ValueError(f"{name!r} is compressed in another way than with deflate")
        # A file of a few bytes can declare any size.
        total += max(variable.dtype.itemsize, 8) * int(np.prod(variable.shape, dtype=object))
    if total > MAX_BYTES:
        raise ValueError(f"its arrays would take {total:,} bytes; at most {MAX_BYTES:,} are accepted")


def _clean(name: str, variable: xr.Variable) -> xr.Variable:
    values = variable.values
    if values.dtype.kind not in "iufb":
        labels = values.ravel().tolist()
        if not all(isinstance(label, str) for label in labels):
            raise ValueError(f"{name!r} is neither numbers nor text")
        longest = max(map(len, labels), default=0)
        if longest > MAX_LABEL_LENGTH:
            raise ValueError(
                f"{name!r} has a label of {longest:,} characters; at most {MAX_LABEL_LENGTH} are accepted"
            )
        if not all(label.isprintable() for label in labels):
            raise ValueError(f"{name!r} has a label with a character that cannot be printed")
        values = values.astype(str)
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError(f"{name!r} holds infinity")
    if values.dtype.kind == "f" and (np.abs(values) > MOST).any():
        raise ValueError(f"{name!r} holds a number above {MOST:g}")
    return xr.Variable(variable.dims, values)
