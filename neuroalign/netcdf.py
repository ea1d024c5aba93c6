"""Reading netCDF-4 files that may be damaged."""

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
    import h5py

    try:
        # h5netcdf leaves a traceback on stderr for a file whose root HDF5 itself cannot read.
        with h5py.File(path) as file:
            list(file.items())
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            return opened.load()
    except FileNotFoundError:
        raise
    except Exception as error:  # the libraries raise nearly anything on a damaged file
        raise ValueError(str(error) or type(error).__name__) from error
