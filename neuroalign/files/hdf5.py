"""HDF5 files of any origin, opened alone: nothing outside a file is read, and a damaged file stops no process."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from neuroalign.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")

#: Size from which an array is read in parts, in bytes.
MANY_BYTES = 1 << 26

#: Bytes that a dataset may claim without a look at its storage, and the compression that is possible beyond.
_SMALL, _COMPRESSION = 1 << 26, 1100

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Return whether a path is an HDF5 file, with or without the 512 bytes that MATLAB writes in front."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(520)
    return start.startswith(_SIGNATURE) or start[512:].startswith(_SIGNATURE)


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading, after a process of its own could read it.

    Locks are off, because files are written once and some network disks have no locks.

    Parameters
    ----------
    path : Path

    Returns
    -------
    h5py.File
        To be closed, or used in a ``with`` statement.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not a regular file, takes values from other files (external links, external storage, virtual
        datasets), has a link that leads to itself, claims more than it stores, or is so damaged that HDF5 loops or
        crashes. The message is a part of a sentence, without the name of the file.
    OSError
        If HDF5 refuses the file.
    """
    import h5py

    from neuroalign.files.judging import expect_sound

    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is not a regular file")
    expect_sound(path)
    return without_locks(lambda **options: h5py.File(path, "r", **options))


def without_locks(opening: Callable[..., T]) -> T:
    """Open a file with locks off, unless this process has it open with locks.

    Parameters
    ----------
    opening : callable
        Function that opens the file; it takes the option ``locking`` of :class:`h5py.File`.
    """
    try:
        return opening(locking=False)
    except OSError as error:
        # HDF5 opens a file a second time in one process only with the same choice.
        if "locking flag" not in str(error):
            raise
        return opening()


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file as :func:`open_hdf5` does; every error inside becomes a ValueError or FileNotFoundError.

    Parameters
    ----------
    path : Path

    Yields
    ------
    h5py.File
    """
    try:
        with open_hdf5(path) as file:
            yield file
    except (FileNotFoundError, ValueError):
        raise
    except Exception as error:  # h5py raises nearly anything on a damaged file
        raise ValueError(str(error) or type(error).__name__) from error


def is_stored_elsewhere(node: Any) -> bool:
    """Return whether an HDF5 dataset takes its values from other files."""
    return bool(node.external) or bool(node.is_virtual)


def expect_plausible_size(node: Any) -> None:
    """Refuse a dataset that claims more values than its storage can hold.

    Parameters
    ----------
    node : h5py.Dataset

    Raises
    ------
    DatasetError
        If the dataset is larger than 64 MiB and a thousand times its storage.
    """
    if node.nbytes > max(_SMALL, _COMPRESSION * node.id.get_storage_size()):
        raise DatasetError(
            f"{node.name} of {Path(node.file.filename).name} claims {node.nbytes:,} bytes, and stores "
            f"{node.id.get_storage_size():,}"
        )


def read_values(node: Any) -> NDArray[Any]:
    """Return all values of an HDF5 dataset, with a progress bar for many.

    Parameters
    ----------
    node : h5py.Dataset

    Raises
    ------
    DatasetError
        If the values do not fit into the free memory, or the dataset claims more values than it stores.
    """
    import numpy as np

    expect_plausible_size(node)
    if node.nbytes > _SMALL:
        import psutil

        free = int(psutil.virtual_memory().available)
        if node.nbytes > free:
            raise DatasetError(
                f"{node.name} of {Path(node.file.filename).name} takes {node.nbytes / 1e9:,.1f} GB, and "
                f"{free / 1e9:,.1f} GB of memory are free"
            )
    if node.nbytes <= MANY_BYTES or node.ndim == 0:
        return np.asarray(node[()])
    from neuroalign.files.netcdf import row_blocks
    from neuroalign.progress import byte_bar

    values = np.empty(node.shape, node.dtype)
    with byte_bar(node.nbytes, description=f"reading {Path(node.file.filename).name}") as bar:
        for rows in row_blocks(node.shape, node.dtype.itemsize, node.chunks):
            node.read_direct(values, rows, rows)
            bar.update(values[rows].nbytes)
    return values
