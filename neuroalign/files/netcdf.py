"""Reading netCDF-4 files that may be damaged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr


def read_netcdf(path: Path) -> xr.Dataset:
    """Read a netCDF-4 file whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        In memory; the file is closed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, whatever is wrong with it.
    """
    with open_netcdf(path) as opened, _damage():
        return opened.load()


def read_arrays(path: Path) -> xr.Dataset:
    """Read numbers and texts of a netCDF-4 file of xarray's, without attributes, many times faster than xarray does.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        In memory; the file is closed. Truth values are integers.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_netcdf`.
    """
    import h5py

    with _damage(), h5py.File(path) as file:
        variables = {}
        for name, of in file.items():
            # A dimension without labels is no variable.
            if of.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension"):
                continue
            dimensions = [labels[0].name[1:] if len(labels) else name for labels in of.dims]
            variables[name] = (dimensions, of.asstr()[()] if of.dtype.kind == "O" else of[()])
        return xr.Dataset(variables)


def open_netcdf(path: Path) -> xr.Dataset:
    """Open a netCDF-4 file, whose values are read where they are used and then not kept.

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
    import h5py

    with _damage():
        # h5netcdf leaves a traceback on stderr for a file whose root HDF5 itself cannot read.
        with h5py.File(path) as file:
            list(file.items())
        return xr.open_dataset(path, engine="h5netcdf", cache=False, decode_timedelta=False)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # the libraries raise nearly anything on a damaged file
        raise ValueError(str(error) or type(error).__name__) from error
