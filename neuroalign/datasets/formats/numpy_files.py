"""NumPy's ``.npy`` and ``.npz`` files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from neuroalign.datasets.formats.bare import BareArray, Variables, choose_variable
from neuroalign.datasets.formats.reader import ArrayReader, names_in_zip
from neuroalign.datasets.formats.shared_options import VARIABLE
from neuroalign.datasets.formats.spike_files import refuse_spikes
from neuroalign.errors import DatasetError, NeuroalignError, brief
from neuroalign.files.archives import open_archive
from neuroalign.files.npy import open_npy

if TYPE_CHECKING:
    import numpy as np

_SIGNATURE = b"\x93NUMPY"
_FOLDER_OF_SUITE2P = "give the folder as --responses for the lines of code that make responses"
#: Files of other programs that hold no responses to stimuli.
_MEANINGS = {
    "spike_templates.npy": "Kilosort and phy give the template of each spike in a file of this name",
    "F.npy": "suite2p gives the fluorescence of every frame, of cells and of regions that are not cells, in this file; "
    + _FOLDER_OF_SUITE2P,
    "Fneu.npy": "suite2p gives the fluorescence around the cells, of every frame, in this file; "
    + _FOLDER_OF_SUITE2P,
    "spks.npy": "suite2p gives the deconvolved activity of every frame in this file; " + _FOLDER_OF_SUITE2P,
}


def read_npy(path: Path) -> BareArray:
    """Read the array in a ``.npy`` file; it stays on disk until its values are used.

    Raises
    ------
    DatasetError
        If the file is damaged or holds Python objects, which are never loaded.
    """
    values = open_npy(path)
    meaning = _MEANINGS.get(path.name)
    note = None if meaning is None else f"{path.name} may not hold responses to stimuli: {meaning}."
    return BareArray(values, note=note)


def read_npz(path: Path, variable: str | None = None) -> BareArray:
    """Read one array from a ``.npz`` archive.

    Parameters
    ----------
    path : Path
    variable : str, optional
        Name of the array; by default the only array.

    Raises
    ------
    UnknownNameError
        If the archive does not have this array.
    DatasetError
        If the file is damaged, holds Python objects, or several arrays may hold the responses.
    """
    import numpy as np

    shapes, idle_shapes = dict[str, tuple[int, ...]](), dict[str, tuple[int, ...]]()
    unreadable, idle = dict[str, str](), dict[str, str]()
    with open_archive(path) as archive:
        members = [member.filename for member in archive.infolist()]
    try:
        with zipfile.ZipFile(path) as archive:
            for member in members:
                name = member.removesuffix(".npy")
                with archive.open(member) as file:
                    shape, dtype = _header(file)
                if dtype.hasobject:
                    unreadable[name] = "Python objects"
                elif dtype.kind in "fiub":
                    shapes[name] = shape
                elif dtype.kind in "US":
                    idle[name] = "text"
                    idle_shapes[name] = shape
                else:
                    unreadable[name] = str(dtype)
        chosen, note = choose_variable(Variables(shapes, unreadable, idle), variable, path)
        with np.load(path, allow_pickle=False) as arrays:
            values = arrays[chosen]
            lists = [
                name for name, shape in idle_shapes.items() if len(shape) == 1 and shape[0] in values.shape
            ]
            return BareArray(values, note=note, texts={name: arrays[name].astype(str) for name in lists})
    except NeuroalignError:
        raise
    except Exception as error:  # a damaged member can raise nearly anything inside the decompressors
        raise DatasetError(f"cannot read the NumPy file {path}: {brief(error)}") from error


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and the type of an array, without its values."""
    import numpy as np

    version = np.lib.format.read_magic(file)
    # Versions 2 and 3 differ in the encoding of names of fields, which arrays of numbers do not have.
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


class NpyReader(ArrayReader):
    """Reader of NumPy's ``.npy`` files."""

    title = "NumPy array"
    suffixes = (".npy",)

    def recognises(self, path: Path) -> bool:
        """Return whether the file is a NumPy array.

        Raises
        ------
        DatasetError
            If the array is the spikes of a folder of Kilosort or phy; the message names the command that helps.
        """
        if path.is_dir():
            return False
        with path.open("rb") as file:
            if file.read(len(_SIGNATURE)) != _SIGNATURE:
                return False
        refuse_spikes(path)
        return True

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read the array; see :func:`read_npy`."""
        refuse_spikes(path)
        return read_npy(path)


class NpzReader(ArrayReader):
    """Reader of NumPy's ``.npz`` archives."""

    title = "NumPy archive of arrays"
    suffixes = (".npz",)
    options = (VARIABLE,)

    def recognises(self, path: Path) -> bool:
        """Return whether the file is a ZIP archive of ``.npy`` files alone."""
        names = names_in_zip(path)
        return bool(names) and all(name.endswith(".npy") for name in names)

    def read(self, path: Path, options: Mapping[str, Any]) -> BareArray:
        """Read one array; see :func:`read_npz`."""
        return read_npz(path, options["variable"])
