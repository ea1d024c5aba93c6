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
        return xr.open_dataset(path, engine="h5netcdf", cache=False)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # the libraries raise nearly anything on a damaged file
        raise ValueError(str(error) or type(error).__name__) from error
