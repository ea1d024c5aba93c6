"""Readers of netCDF-4 files that may be damaged."""

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
    import h5py

    with _damage(), h5py.File(path) as file:
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
    import h5py

    with _damage():
        # h5netcdf leaves a traceback on stderr for a file with a root that HDF5 cannot read.
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
