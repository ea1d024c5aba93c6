"""netCDF-4 files read by h5py alone, so that a damaged file cannot send another library into a loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends.common import BackendArray
from xarray.core import indexing

from neuroalign.files.hdf5 import open_hdf5, opened_hdf5, read_values

#: Attributes of HDF5 and netCDF that describe the storage, and not the data.
_OF_THE_STORAGE = frozenset(
    {
        "CLASS",
        "DIMENSION_LIST",
        "NAME",
        "REFERENCE_LIST",
        "_NCProperties",
        "_Netcdf4Coordinates",
        "_Netcdf4Dimid",
        "_nc3_strict",
    }
)

#: Beginning of the name of a dimension without labels.
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def read_netcdf(path: Path) -> xr.Dataset:
    """Read the root group of a netCDF-4 file whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        Dataset in memory, with the values, labels and attributes that :func:`xarray.open_dataset` reads with the engine
        ``h5netcdf``; the file is closed. Times stay numbers.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read for any other reason.
    """
    with opened_hdf5(path) as file:
        return _decode(file, lambda node: _texts(node, read_values(node)))


def read_arrays(path: Path) -> xr.Dataset:
    """Read numbers and texts of a netCDF-4 file that xarray wrote, faster than :func:`read_netcdf`, without attributes.

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
        return xr.Dataset(
            {
                name: (_dimensions(file, name, node), _texts(node, read_values(node)))
                for name, node in _variables(file)
            }
        )


def open_netcdf(path: Path) -> xr.Dataset:
    """Open a netCDF-4 file, and read its values on each use without keeping them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    xarray.Dataset
        To be closed, or used in a ``with`` statement. A copy in another process opens the file again.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_netcdf`.
    """
    source = _Source(path)
    with source.checked() as file:
        dataset = _decode(
            file, lambda node: indexing.LazilyIndexedArray(_StoredArray(source, node.name.lstrip("/"), node))
        )
    dataset.set_close(source.close)
    return dataset


class _Source:
    """An open file, which is opened again after a copy to another process."""

    def __init__(self, path: Path):
        self._path = path
        self._file: Any = None

    def __reduce__(self) -> tuple[type[_Source], tuple[Path]]:
        return _Source, (self._path,)

    def file(self) -> Any:
        """Return the open file."""
        if self._file is None:
            self._file = open_hdf5(self._path)
        return self._file

    @contextmanager
    def checked(self) -> Iterator[Any]:
        """Yield the open file; every error inside closes it and becomes a ValueError or FileNotFoundError."""
        try:
            yield self.file()
        except FileNotFoundError:
            raise
        except Exception as error:  # h5py raises nearly anything on a damaged file
            self.close()
            raise ValueError(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _StoredArray(BackendArray):
    """Values of a variable in a file, read on each use."""

    def __init__(self, source: _Source, name: str, node: Any):
        self._source, self._name = source, name
        self.shape = node.shape
        self.dtype = np.dtype(object) if _is_text(node) else node.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, self._read
        )

    def _read(self, key: Any) -> Any:
        node = self._source.file()[self._name]
        return _texts(node, node[key])


def _decode(file: Any, values: Any) -> xr.Dataset:
    """Make a dataset of the variables of a file.

    Parameters
    ----------
    file : h5py.File
    values : callable
        Function that takes an h5py dataset and returns its values.
    """
    variables = {}
    for name, node in _variables(file):
        encoding = {"dtype": str if _is_text(node) else node.dtype, "chunksizes": node.chunks}
        if node.compression == "gzip":
            encoding |= {"zlib": True, "complevel": node.compression_opts, "shuffle": node.shuffle}
        variables[name] = xr.Variable(
            _dimensions(file, name, node), values(node), _attributes(node), encoding
        )
    # The dataset is made after the decoding, because an index holds decoded labels.
    decoded, attributes, coordinates = xr.conventions.decode_cf_variables(
        variables, _attributes(file), decode_timedelta=False
    )
    dataset = xr.Dataset(decoded, attrs=attributes)
    return dataset.set_coords([name for name in coordinates if name in decoded])


def _variables(file: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and h5py datasets of the variables in the root group."""
    import h5py

    for name, node in file.items():
        if isinstance(node, h5py.Dataset) and not _name_of_scale(node).startswith(_NO_VARIABLE):
            yield name, node


def _name_of_scale(node: Any) -> bytes:
    name = node.attrs.get("NAME", b"")
    return name.encode() if isinstance(name, str) else bytes(name)


def _dimensions(file: Any, name: str, node: Any) -> list[str]:
    """Return the names of the dimensions of a variable."""
    if "DIMENSION_LIST" in node.attrs:
        references = node.attrs["DIMENSION_LIST"]
        if all(len(scales) for scales in references):
            return [file[scales[0]].name.rpartition("/")[2] for scales in references]
    if node.ndim == 0:
        return []
    if node.ndim == 1 and node.attrs.get("CLASS") in (b"DIMENSION_SCALE", "DIMENSION_SCALE"):
        return [name]
    raise ValueError(f"the variable {name!r} has no names for its {node.ndim} dimensions")


def _is_text(node: Any) -> bool:
    """Return whether a variable holds texts of any length."""
    import h5py

    return h5py.check_string_dtype(node.dtype) is not None and node.dtype.kind == "O"


def _texts(node: Any, values: Any) -> Any:
    """Return texts in place of the bytes that HDF5 stores."""
    if not _is_text(node):
        return values
    if isinstance(values, bytes):
        return values.decode()
    return np.array([value.decode() for value in np.ravel(values)], dtype=object).reshape(np.shape(values))


def _attributes(node: Any) -> dict[str, Any]:
    """Return the attributes of a variable or file, as netCDF means them: one value alone, and texts decoded."""
    import h5py

    attributes = {}
    for name in node.attrs:
        if name in _OF_THE_STORAGE:
            continue
        value = node.attrs[name]
        if isinstance(value, h5py.Empty):
            value = "" if h5py.check_string_dtype(value.dtype) else np.array([], dtype=value.dtype)
        elif isinstance(value, np.ndarray):
            items = [_text(item) for item in value.ravel()] if value.dtype.kind in "OS" else value
            value = items[0] if len(items) == 1 else items
        attributes[name] = _text(value)
    return attributes


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
