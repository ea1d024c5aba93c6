"""MATLAB's ``.mat`` files: version 5 (and 4), and version 7.3, which is HDF5."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.formats.bare import BareArray, choose_variable, expect_numbers
from neuroalign.errors import DatasetError, NeuroalignError

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_matlab(path: Path, variable: str | None = None) -> BareArray:
    """Read one numeric array from a MATLAB file.

    Parameters
    ----------
    path : Path
    variable : str, optional
        Its name; a field of a structure is ``structure.field``. By default the only array.

    Returns
    -------
    BareArray
        With MATLAB's order of axes: ``size(x)`` in MATLAB is ``values.shape`` here.

    Raises
    ------
    UnknownNameError
        If there is no such variable.
    DatasetError
        If the file is damaged, or several arrays could be meant.
    """
    try:
        values = _read_hdf5(path, variable) if is_hdf5(path) else _read_version_5(path, variable)
    except NeuroalignError:
        raise
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(f"cannot read the MATLAB file {path}: {error or type(error).__name__}") from error
    return BareArray(expect_numbers(values, f"the variable in {path.name}"), drops_trailing_ones=True)


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, with or without the 512 bytes that MATLAB writes in front."""
    with path.open("rb") as file:
        start = file.read(520)
    return start.startswith(_HDF5_SIGNATURE) or start[512:].startswith(_HDF5_SIGNATURE)


def _read_version_5(path: Path, variable: str | None) -> NDArray[Any]:
    from scipy.io import loadmat

    content = loadmat(path, chars_as_strings=False, squeeze_me=False)
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in content.items():
        if not name.startswith("__"):
            _gather(name, value, arrays)
    return arrays[choose_variable({name: each.shape for name, each in arrays.items()}, variable, path)]


def _gather(name: str, value: Any, arrays: dict[str, NDArray[Any]]) -> None:
    """Collect the numeric arrays in a variable of a version 5 file, and in the fields of a structure."""
    if hasattr(value, "toarray"):  # sparse
        value = value.toarray()
    if not isinstance(value, np.ndarray):
        return
    if value.dtype.names is not None:
        if value.size == 1:
            for field in value.dtype.names:
                _gather(f"{name}.{field}", value.reshape(-1)[0][field], arrays)
    elif value.dtype.kind in "fiub":
        arrays[name] = value


def _read_hdf5(path: Path, variable: str | None) -> NDArray[Any]:
    import h5py

    with h5py.File(path, "r") as file:
        found: dict[str, h5py.Dataset] = {}

        def visit(name: str, node: Any) -> None:
            # "#refs#" holds the contents of cells.
            if isinstance(node, h5py.Dataset) and not name.startswith("#") and node.dtype.kind in "fiub":
                kind = node.attrs.get("MATLAB_class", b"double")
                if (kind if isinstance(kind, bytes) else str(kind).encode()) != b"char":
                    found[name.replace("/", ".")] = node

        file.visititems(visit)
        # MATLAB stores the last axis first.
        shapes = {name: _hdf5_shape(node) for name, node in found.items()}
        node = found[choose_variable(shapes, variable, path)]
        if node.attrs.get("MATLAB_empty", 0):
            return np.zeros(_hdf5_shape(node))
        return np.asarray(node[()]).T


def _hdf5_shape(node: Any) -> tuple[int, ...]:
    if node.attrs.get("MATLAB_empty", 0):  # the content is then the shape
        return tuple(int(n) for n in np.ravel(node[()]))
    return tuple(node.shape[::-1])
