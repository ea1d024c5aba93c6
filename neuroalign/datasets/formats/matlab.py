"""MATLAB's ``.mat`` files of versions 4, 5 and 7.3 (which is HDF5).

The reader supports numeric and logical arrays, full or sparse, also in the fields of a structure. Cells, structure
arrays, tables and other objects, and complex numbers are not arrays of real numbers: messages name them, and they are
not read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.bare import BareArray, Variables, choose_variable
from neuroalign.datasets.formats.hdf5 import is_hdf5, is_stored_elsewhere, writer_of
from neuroalign.datasets.formats.reader import ArrayReader
from neuroalign.datasets.formats.shared_options import VARIABLE
from neuroalign.errors import DatasetError, NeuroalignError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMERIC = {
    "double",
    "single",
    "logical",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}

#: Classes that cannot hold responses.
_IDLE = {"char", "string", "function_handle", "categorical", "datetime", "duration", "calendarDuration"}

#: Largest number of elements, zeros included, of a sparse matrix that is read.
_MOST_ELEMENTS = 1 << 29


def read_matlab(path: Path, variable: str | None = None) -> BareArray:
    """Read one numeric or logical array from a MATLAB file.

    Parameters
    ----------
    path : Path
    variable : str, optional
        Name of the array; a field of a structure is ``structure.field``. By default the only array.

    Returns
    -------
    BareArray
        Array with MATLAB's order of axes: ``size(x)`` in MATLAB is ``values.shape`` here.

    Raises
    ------
    UnknownNameError
        If the file does not have this variable.
    DatasetError
        If the file is damaged, several variables may hold the responses, the variable is of another class, or the
        file is HDF5 that MATLAB did not write.
    """
    try:
        if not is_hdf5(path):
            return _read_version_5(path, variable)
        if writer_of(path) != "matlab":
            raise DatasetError(
                f"MATLAB did not write {path}, so it does not say in which order its axes are; give --format hdf5, "
                "and --axes in the order in which h5py shows the array (h5read of MATLAB and Julia shows the reverse)"
            )
        return _read_hdf5(path, variable)
    except NeuroalignError:
        raise
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(f"cannot read the MATLAB file {path}: {error or type(error).__name__}") from error


def _read_version_5(path: Path, variable: str | None) -> BareArray:
    from scipy.io import loadmat

    content = loadmat(path, chars_as_strings=False, squeeze_me=False)
    arrays: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    idle: dict[str, str] = {}
    for name, value in content.items():
        if not name.startswith("__"):
            _gather(name, value, arrays, unreadable, idle)
    shapes = {name: array.shape for name, array in arrays.items()}
    chosen, note = choose_variable(Variables(shapes, unreadable, idle), variable, path)
    values = arrays[chosen]
    if hasattr(values, "toarray"):
        _expect_memory(shapes[chosen], chosen)
        values = values.toarray()
    return BareArray(values, drops_trailing_ones=True, note=note)


def _gather(
    name: str, value: Any, arrays: dict[str, Any], unreadable: dict[str, str], idle: dict[str, str]
) -> None:
    """Sort a variable of a version 5 file, or the fields of a structure, by their classes."""
    import numpy as np
    from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque

    size = " × ".join(map(str, getattr(value, "shape", ())))
    if isinstance(value, MatlabFunction):
        idle[name] = "a function handle"
    elif isinstance(value, MatlabOpaque):
        matlab_class = value.reshape(-1)[0]["s2"]
        matlab_class = matlab_class.decode() if isinstance(matlab_class, bytes) else str(matlab_class)
        (idle if matlab_class in _IDLE else unreadable)[name] = f"an object of class {matlab_class}"
    elif isinstance(value, MatlabObject):
        unreadable[name] = f"an object of class {value.classname}"
    elif value.dtype.names is not None:
        if value.size == 1:
            for field in value.dtype.names:
                _gather(f"{name}.{field}", value.reshape(-1)[0][field], arrays, unreadable, idle)
        else:
            unreadable[name] = f"a structure array of {size}"
    elif value.dtype.kind == "O":
        cells = value.reshape(-1)
        if cells.size == 0 or all(isinstance(cell, np.ndarray) and cell.dtype.kind in "US" for cell in cells):
            idle[name] = f"a cell array of {size}, text"
        else:
            unreadable[name] = f"a cell array of {size}"
    elif value.dtype.kind in "US":
        idle[name] = "text"
    elif value.dtype.kind == "c":
        unreadable[name] = f"complex numbers of {size}"
    else:
        arrays[name] = value


def _read_hdf5(path: Path, variable: str | None) -> BareArray:
    import h5py
    import numpy as np

    with h5py.File(path, "r") as file:
        nodes: dict[str, Any] = {}
        unreadable: dict[str, str] = {}
        idle: dict[str, str] = {}
        closed: list[str] = ["#refs#/", "#subsystem#/"]

        def visit(path_inside: str, node: Any) -> None:
            # "#refs#" holds the contents of cells, and "#subsystem#" the contents of objects.
            if f"{path_inside}/".startswith(tuple(closed)):
                return
            name = path_inside.replace("/", ".")
            matlab_class = _class_of(node)
            if isinstance(node, h5py.Group):
                if "MATLAB_sparse" in node.attrs and matlab_class in _NUMERIC:
                    complex_numbers = "data" in node and node["data"].dtype.names is not None
                    if complex_numbers:
                        unreadable[name] = "complex numbers"
                    else:
                        nodes[name] = node
                    closed.append(f"{path_inside}/")
                elif matlab_class not in ("", "struct"):
                    _set_aside(name, matlab_class, "", unreadable, idle)
                    closed.append(f"{path_inside}/")
                return
            size = " × ".join(map(str, node.shape[::-1] if node.shape else ()))
            if is_stored_elsewhere(node):
                unreadable[name] = "data in another file"
            elif h5py.check_ref_dtype(node.dtype) is not None and not matlab_class:
                unreadable[name] = f"a structure array of {size}"
            elif matlab_class not in _NUMERIC or "MATLAB_object_decode" in node.attrs:
                _set_aside(name, matlab_class, size, unreadable, idle)
            elif node.dtype.names is not None:
                unreadable[name] = f"complex numbers of {size}"
            else:
                nodes[name] = node

        file.visititems(visit)
        # MATLAB stores the last axis first.
        shapes = {name: _hdf5_shape(node) for name, node in nodes.items()}
        chosen, note = choose_variable(Variables(shapes, unreadable, idle), variable, path)
        node = nodes[chosen]
        if isinstance(node, h5py.Group):
            _expect_memory(shapes[chosen], chosen)
            values = _dense(node, shapes[chosen])
        elif node.attrs.get("MATLAB_empty", 0):
            values = np.zeros(shapes[chosen])
        else:
            values = np.asarray(node[()]).T
    return BareArray(values, drops_trailing_ones=True, note=note)


def _class_of(node: Any) -> str:
    stated = node.attrs.get("MATLAB_class", b"")
    return stated.decode() if isinstance(stated, bytes) else str(stated)


def _set_aside(
    name: str, matlab_class: str, size: str, unreadable: dict[str, str], idle: dict[str, str]
) -> None:
    descriptions = {
        "": "data without a MATLAB class",
        "char": "text",
        "cell": f"a cell array of {size}",
        "struct": f"a structure array of {size}",
        "function_handle": "a function handle",
    }
    text = descriptions.get(matlab_class, f"an object of class {matlab_class}")
    (idle if matlab_class in _IDLE else unreadable)[name] = text


def _hdf5_shape(node: Any) -> tuple[int, ...]:
    import numpy as np

    if "MATLAB_sparse" in node.attrs:
        return int(node.attrs["MATLAB_sparse"]), node["jc"].shape[0] - 1
    if node.attrs.get("MATLAB_empty", 0):  # the content is then the shape
        return tuple(int(n) for n in np.ravel(node[()]))
    return tuple(node.shape[::-1])


def _dense(group: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a sparse matrix of a version 7.3 file, which stores it column by column, as a full matrix."""
    import numpy as np
    from scipy.sparse import csc_array

    if "data" not in group:
        return np.zeros(shape)
    parts = (group["data"][()], group["ir"][()].astype(np.int64), group["jc"][()].astype(np.int64))
    matrix = csc_array(parts, shape=(shape[0], shape[1]))
    matrix.check_format()
    return np.asarray(matrix.toarray())


def _expect_memory(shape: tuple[int, ...], name: str) -> None:
    if math.prod(shape) > _MOST_ELEMENTS:
        raise DatasetError(
            f"{name} is a sparse matrix of {shape[0]} × {shape[1]}, which is too large as a full matrix"
        )


class MatlabReader(ArrayReader):
    """Reader of MATLAB's ``.mat`` files."""

    title = "MATLAB, versions 4, 5 and 7.3"
    suffixes = (".mat",)
    signatures = (b"MATLAB 5.0",)
    options = (VARIABLE,)

    def recognises(self, path: Path) -> bool:
        """Return whether the file is HDF5 that MATLAB wrote."""
        return is_hdf5(path) and writer_of(path) == "matlab"

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read one array; see :func:`read_matlab`."""
        return read_matlab(path, options["variable"])
