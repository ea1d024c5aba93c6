"""Plain HDF5 files, and the program that wrote an HDF5 file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neuroalign.datasets.formats.bare import BareArray, Variables, choose_variable
from neuroalign.datasets.formats.reader import ArrayReader
from neuroalign.datasets.formats.shared_options import VARIABLE
from neuroalign.errors import DatasetError, NeuroalignError, brief
from neuroalign.files.hdf5 import is_hdf5, is_stored_elsewhere, open_hdf5, read_values

if TYPE_CHECKING:
    pass

Writer = Literal["matlab", "netcdf", "nwb", "unknown"]

_NETCDF_MARKS = ("_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "DIMENSION_LIST", "REFERENCE_LIST")


def writer_of(path: Path) -> Writer:
    """Return the program that wrote an HDF5 file, by the attributes that it leaves.

    Raises
    ------
    DatasetError
        If the file is damaged.
    """
    with path.open("rb") as file:
        if file.read(10) == b"MATLAB 7.3":
            return "matlab"
    writers: list[Writer] = []

    def visit(_: str, node: Any) -> Writer | None:
        if "MATLAB_class" in node.attrs:
            writers.append("matlab")
        elif any(mark in node.attrs for mark in _NETCDF_MARKS):
            writers.append("netcdf")
        return writers[0] if writers else None

    try:
        with open_hdf5(path) as opened:
            if "nwb_version" in opened.attrs:
                return "nwb"
            if visit("/", opened) is None:
                opened.visititems(visit)
    except Exception as error:  # the library raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the HDF5 file {path}: {brief(error)}") from error
    return writers[0] if writers else "unknown"


def has_dimensions_of_brainio(path: Path) -> bool:
    """Return whether an HDF5 file has the dimensions presentation and neuroid.

    Raises
    ------
    DatasetError
        If the file is damaged.
    """
    try:
        with open_hdf5(path) as opened:
            return {"presentation", "neuroid"} <= set(opened)
    except Exception as error:  # the library raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the HDF5 file {path}: {brief(error)}") from error


def read_hdf5(path: Path, variable: str | None = None) -> BareArray:
    """Read one array from an HDF5 file, with its axes in the order that the file has.

    Parameters
    ----------
    path : Path
    variable : str, optional
        Name of the array, with dots between its groups and its own name. By default the only array.

    Raises
    ------
    UnknownNameError
        If the file does not have this array.
    DatasetError
        If the file is damaged, or several arrays may hold the responses.
    """
    import h5py

    nodes: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    idle: dict[str, str] = {}

    def visit(name: str, node: Any) -> None:
        if not isinstance(node, h5py.Dataset):
            return
        name = name.replace("/", ".")
        if is_stored_elsewhere(node):
            unreadable[name] = "data in another file"
        elif node.dtype.kind in "fiub" and node.shape is not None:
            nodes[name] = node
        elif node.dtype.kind == "S" or h5py.check_string_dtype(node.dtype) is not None:
            idle[name] = "text"
        else:
            unreadable[name] = str(node.dtype)

    try:
        with open_hdf5(path) as file:
            file.visititems(visit)
            shapes = {name: node.shape for name, node in nodes.items()}
            chosen, note = choose_variable(Variables(shapes, unreadable, idle), variable, path)
            values = read_values(nodes[chosen])
    except NeuroalignError:
        raise
    except Exception as error:  # the library raises nearly anything on a damaged file
        raise DatasetError(f"cannot read the HDF5 file {path}: {brief(error)}") from error
    return BareArray(values, note=f"{note[:-1]}, with its axes in the order in which h5py shows them.")


class Hdf5Reader(ArrayReader):
    """Reader of HDF5 files without the marks of a program."""

    title = "plain HDF5"
    suffixes = (".h5", ".hdf5")
    options = (VARIABLE,)
    must_be_named = (
        "does not say in which order its axes are; give --format hdf5, and --axes in the order in which h5py shows "
        "the array (h5read of MATLAB and Julia shows the reverse)"
    )

    def recognises(self, path: Path) -> bool:
        """Return whether the file is HDF5 of an unknown program, or netCDF of another kind than BrainIO."""
        if not is_hdf5(path):
            return False
        writer = writer_of(path)
        return writer == "unknown" or (
            writer == "netcdf"
            and path.suffix.lower() in self.suffixes
            and not has_dimensions_of_brainio(path)
        )

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read one array; see :func:`read_hdf5`."""
        return read_hdf5(path, options["variable"])
