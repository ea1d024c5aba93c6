"""Files with a stack of images: NumPy, MATLAB and HDF5, with the ids of the images."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.formats.hdf5 import writer_of
from neuroalign.datasets.formats.image_stack import ImageStack
from neuroalign.datasets.formats.matlab_nesting import load_variables
from neuroalign.errors import DatasetError, NeuroalignError, brief, name_some
from neuroalign.files.archives import open_archive
from neuroalign.files.hdf5 import expect_plausible_size, is_hdf5, is_stored_elsewhere, open_hdf5

SUFFIXES = (".npy", ".npz", ".mat", ".h5", ".hdf5")

#: Names of an array of ids beside the images, without underscores.
_IDS = (
    "stimulusid",
    "stimulusids",
    "imageid",
    "imageids",
    "stimid",
    "stimids",
    "id",
    "ids",
    "imagenames",
    "names",
)


def is_stack(path: Path) -> bool:
    """Return whether a path is a file with an array of images, by its name."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def open_stack(path: Path, scratch: Path) -> ImageStack:
    """Open a file with a stack of images, and find the ids of the images in it.

    Parameters
    ----------
    path : Path
        ``.npy``, ``.npz``, ``.mat`` or ``.h5``. The file may also hold the ids in an array called ``stimulus_id``,
        ``image_id`` or ``ids``.
    scratch : Path
        Existing folder into which an archive is unpacked.

    Raises
    ------
    DatasetError
        If the file is damaged, or does not hold one array with three or four axes.
    """
    try:
        suffix = path.suffix.lower()
        if suffix == ".npy":
            arrays: Mapping[str, Any] = {path.name: np.lib.format.open_memmap(path, mode="r")}
        elif suffix == ".npz":
            arrays = _unpack(path, scratch)
        elif suffix == ".mat" and not is_hdf5(path):
            arrays = {
                name: value
                for name, value in load_variables(path, squeeze_me=False).items()
                if not name.startswith("__")
            }
        else:
            arrays = _open_hdf5(path)
        stacks = {
            name: array
            for name, array in arrays.items()
            if array.ndim in (3, 4) and array.dtype.kind in "fiub"
        }
        if len(stacks) != 1:
            shapes = [f"{name} ({' × '.join(map(str, array.shape))})" for name, array in arrays.items()]
            raise DatasetError(
                f"{path} must hold one array of images with three or four axes, got {name_some(shapes) or 'none'}"
            )
        name, values = next(iter(stacks.items()))
        matlab = suffix == ".mat" and is_hdf5(path)
        needs_axes = is_hdf5(path) and not matlab
        if matlab and writer_of(path) != "matlab":
            matlab, needs_axes = False, True
        source = path.name if name == path.name else f"{name} of {path.name}"
        return ImageStack(values, source, _find_ids(arrays, path), reverse=matlab, needs_axes=needs_axes)
    except NeuroalignError:
        raise
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(f"cannot read the images in {path}: {brief(error)}") from error


def _unpack(path: Path, scratch: Path) -> dict[str, Any]:
    """Unpack the arrays of an archive to the disk, and map them."""
    arrays = {}
    with open_archive(path) as archive:
        for number, member in enumerate(archive.infolist()):
            target = scratch / f"stack-{number}.npy"
            with archive.open(member) as packed, target.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
            try:
                arrays[member.filename.removesuffix(".npy")] = np.lib.format.open_memmap(target, mode="r")
            except ValueError:  # Python objects, which are never loaded
                continue
    return arrays


def _open_hdf5(path: Path) -> dict[str, Any]:
    import h5py

    file = open_hdf5(path)
    nodes: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and not name.startswith("#") and not is_stored_elsewhere(node):
            expect_plausible_size(node)
            nodes[name] = node

    file.visititems(visit)
    return nodes


def _find_ids(arrays: Mapping[str, Any], path: Path) -> NDArray[np.str_] | None:
    """Return the ids beside the images, where the file has them."""
    names = [name for name in arrays if name.rsplit("/", 1)[-1].lower().replace("_", "") in _IDS]
    if len(names) > 1:
        raise DatasetError(f"{path} has several arrays of ids: {name_some(names)}; keep the stimulus ids")
    if not names:
        return None
    values = [_id(value, arrays[names[0]]) for value in np.ravel(arrays[names[0]][()])]
    if not values or any(not value for value in values):
        raise DatasetError(f"{names[0]} of {path} must hold one text or whole number for each image")
    return np.array(values)


def _id(value: Any, node: Any) -> str:
    """Return an id as text; empty if it is neither text nor a whole number."""
    import h5py

    if isinstance(value, h5py.Reference):  # a cell of MATLAB with text
        return "".join(chr(int(code)) for code in np.ravel(node.file[value][()]))
    if isinstance(value, np.ndarray):  # a cell of MATLAB 5
        return str(value.ravel()[0]) if value.size == 1 else ""
    if isinstance(value, bytes):
        return value.decode(errors="replace").strip()
    if isinstance(value, str):
        return value.strip()
    return str(int(value)) if np.isfinite(value) and float(value).is_integer() else ""
