"""MATLAB's ``.mat`` files of versions 4, 5 and 7.3 (which is HDF5).

The reader supports numeric and logical arrays, full or sparse, also in the fields of a structure, and cell arrays and
structure arrays with numbers in each cell. Tables and other objects, and complex numbers are not arrays of real
numbers: messages name them, and they are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuroalign.datasets.formats.bare import BareArray, choose_variable
from neuroalign.datasets.formats.hdf5 import writer_of
from neuroalign.datasets.formats.matlab_cells import (
    CELLS,
    EMPTY_CELLS,
    CellOptions,
    choose_cells,
    expect_array_options,
    read_cells,
)
from neuroalign.datasets.formats.matlab_content import open_matlab, variable_names
from neuroalign.datasets.formats.matlab_variables import texts_along
from neuroalign.datasets.formats.raster_mat import is_raster
from neuroalign.datasets.formats.reader import ArrayReader
from neuroalign.datasets.formats.shared_options import STIMULUS_ONSET, TIME_UNIT, VARIABLE, WINDOW
from neuroalign.files.hdf5 import is_hdf5


def read_matlab(path: Path, variable: str | None = None, options: CellOptions | None = None) -> BareArray:
    """Read one array, or one cell array of numbers, from a MATLAB file.

    Parameters
    ----------
    path : Path
    variable : str, optional
        Name of the array; a field of a structure is ``structure.field``. By default the only array.
    options : CellOptions, optional
        Meaning of the content of cells; needed for cell arrays and structure arrays.

    Returns
    -------
    BareArray
        Array with MATLAB's order of axes: ``size(x)`` in MATLAB is ``values.shape`` here. The content of cells follows
        on the axes of the cell array; see :func:`neuroalign.datasets.formats.matlab_cells.read_cells`.

    Raises
    ------
    UnknownNameError
        If the file does not have this variable.
    DatasetError
        If the file is damaged, several variables may hold the responses, the variable is of another class, or the
        file is HDF5 that MATLAB did not write.
    UsageError
        If an option of cells is given for an array.
    """
    options = options or CellOptions()
    with open_matlab(path) as content:
        name = choose_cells(content, variable, options, path)
        if name is not None:
            array = read_cells(content, name, options, path)
            return replace(array, texts=texts_along(content, array.values.shape))
        expect_array_options(options, path)
        chosen, note = choose_variable(content.variables, variable, path)
        values = content.arrays[chosen].read()
        texts = texts_along(content, values.shape)
        return BareArray(values, drops_trailing_ones=True, note=note, texts=texts)


class MatlabReader(ArrayReader):
    """Reader of MATLAB's ``.mat`` files."""

    title = "MATLAB, versions 4, 5 and 7.3"
    suffixes = (".mat",)
    options = (VARIABLE, CELLS, EMPTY_CELLS, WINDOW, TIME_UNIT, STIMULUS_ONSET)

    def recognises(self, path: Path) -> bool:
        """Return whether MATLAB wrote the file in version 5 or 7.3, and it is not a raster."""
        if path.is_dir():
            return False
        if is_hdf5(path):
            return writer_of(path) == "matlab" and not is_raster(variable_names(path))
        with path.open("rb") as file:
            return file.read(10) == b"MATLAB 5.0" and not is_raster(variable_names(path))

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read one array; see :func:`read_matlab`."""
        return read_matlab(path, options["variable"], CellOptions.taken_from(options))
