"""MATLAB's ``.mat`` files of versions 4, 5 and 7.3: arrays, cells, structures and text by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.hdf5 import writer_of
from neuroalign.datasets.formats.matlab_hdf5 import read_hdf5_content
from neuroalign.datasets.formats.matlab_nesting import load_variables
from neuroalign.datasets.formats.matlab_variables import (
    IDLE,
    Array,
    Cells,
    Content,
    expect_memory,
    nested_shape,
    odd_cell,
    size_of,
)
from neuroalign.errors import DatasetError, NeuroalignError, brief
from neuroalign.files.hdf5 import is_hdf5, open_hdf5
from neuroalign.files.judging import expect_sound

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextmanager
def open_matlab(path: Path) -> Iterator[Content]:
    """Open a MATLAB file; arrays and cells can be read while it is open.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Content

    Raises
    ------
    DatasetError
        If the file is damaged, or is HDF5 that MATLAB did not write.
    """
    try:
        if not is_hdf5(path):
            yield _version_5(path)
            return
        if writer_of(path) != "matlab":
            raise DatasetError(
                f"MATLAB did not write {path}, so it does not say in which order its axes are; give --format hdf5, "
                "and --axes in the order in which h5py shows the array (h5read of MATLAB and Julia shows the reverse)"
            )
        with open_hdf5(path) as file:
            yield read_hdf5_content(file)
    except NeuroalignError:
        raise
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(f"cannot read the MATLAB file {path}: {brief(error)}") from error


def variable_names(path: Path) -> set[str]:
    """Return the names of the variables of a MATLAB file; an empty set for every other file and a damaged file."""
    from scipy.io import whosmat

    try:
        if is_hdf5(path):
            if writer_of(path) != "matlab":
                return set()
            with open_hdf5(path) as file:
                return set(file)
        expect_sound(path, "matlab")
        return {name for name, _, _ in whosmat(path)}
    except Exception:  # the parsers raise nearly anything on a damaged file
        return set()


def _version_5(path: Path) -> Content:
    content = Content()
    for name, value in load_variables(path, chars_as_strings=False, squeeze_me=False).items():
        if not name.startswith("__"):
            _gather(name, value, content)
    return content


def _gather(name: str, value: Any, content: Content) -> None:
    """Sort a variable of a version 5 file, or the fields of a structure, by their classes."""
    from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque

    shape = tuple(getattr(value, "shape", ()))
    if isinstance(value, MatlabFunction):
        content.idle[name] = "a function handle"
    elif isinstance(value, MatlabOpaque):
        matlab_class = value.reshape(-1)[0]["s2"]
        matlab_class = matlab_class.decode() if isinstance(matlab_class, bytes) else str(matlab_class)
        (content.idle if matlab_class in IDLE else content.unreadable)[name] = (
            f"an object of class {matlab_class}"
        )
    elif isinstance(value, MatlabObject):
        content.unreadable[name] = f"an object of class {value.classname}"
    elif value.dtype.names is not None:
        if value.size == 1:
            for key in value.dtype.names:
                _gather(f"{name}.{key}", value.reshape(-1)[0][key], content)
        elif value.size == 0:
            content.idle[name] = f"an empty structure array of {size_of(shape)}"
        else:
            for key in value.dtype.names:
                noun = "a field of a structure array"
                _gather_cells(f"{name}.{key}", value[key].reshape(-1), shape, noun, content)
    elif value.dtype.kind == "O":
        _gather_cells(name, value.reshape(-1), shape, "a cell array", content)
    elif value.dtype.kind in "US":
        content.idle[name] = "text"
        content.texts[name] = _joined(value)
    elif value.dtype.kind == "c":
        content.unreadable[name] = f"complex numbers of {size_of(shape)}"
    else:
        content.arrays[name] = Array(shape, lambda: _full(value, name))


def _gather_cells(name: str, held: NDArray[Any], shape: tuple[int, ...], noun: str, content: Content) -> None:
    import numpy as np

    def read(index: int) -> NDArray[Any] | str:
        return _expect_content(held[index], f"cell {index + 1} of {name}")

    inner = [cell.reshape(-1) for cell in held if _is_row_of_cells(cell)]
    if inner and len(inner) == held.size and len({len(cells) for cells in inner}) == 1:
        held, shape = np.concatenate(inner), nested_shape(shape, len(inner[0]))
    content.cells[name] = Cells(shape, noun, read)
    if held.size == 0 or all(isinstance(cell, np.ndarray) and cell.dtype.kind in "US" for cell in held):
        content.idle[name] = f"{noun} of {size_of(shape)}, text"


def _is_row_of_cells(value: Any) -> bool:
    import numpy as np

    is_cells = isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.dtype.names is None
    return is_cells and 0 < value.size == max(value.shape)


def _expect_content(value: Any, source: str) -> NDArray[Any] | str:
    """Return the numbers or the text in a cell of a version 5 file."""
    if hasattr(value, "toarray"):
        return _full(value, source)
    kind = getattr(getattr(value, "dtype", None), "kind", "O")
    if kind in "US":
        return _joined(value)
    if kind not in "fiub":
        raise odd_cell(
            source, {"O": "cells", "V": "a structure", "c": "complex numbers"}.get(kind, "an object")
        )
    values: NDArray[Any] = value
    return values


def _joined(characters: Any) -> str:
    return "".join(map(str, characters.reshape(-1)))


def _full(values: Any, name: str) -> NDArray[Any]:
    if hasattr(values, "toarray"):
        expect_memory(values.shape, name)
        values = values.toarray()
    full: NDArray[Any] = values
    return full
