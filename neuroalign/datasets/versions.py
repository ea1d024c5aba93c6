"""Versions of a dataset folder, which another command may replace while it is read."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from neuroalign.datasets.image_sources import ImageSource
from neuroalign.errors import DatasetError
from neuroalign.files.folders import restore_folder

Read = TypeVar("Read")

#: Attempts to read a folder that is replaced again and again, and the seconds between two of them.
_ATTEMPTS, _PAUSE = 10, 0.02

# Clocks and file systems of two machines may round the time of a change differently.
_ROUNDED_NS = 1_000_000_000


class FolderImages(Mapping[str, ImageSource]):
    """Images of a dataset folder by stimulus id; a folder that was replaced is an error, not other images.

    Parameters
    ----------
    folder : Path
        Folder of the images.
    files : mapping of str to Path or SummedFile
        File of each stimulus.
    """

    def __init__(self, folder: Path, files: Mapping[str, ImageSource]) -> None:
        self._folder, self._files = folder, dict(files)
        self._version = _state_of(folder)

    def __getitem__(self, stimulus_id: str) -> ImageSource:
        file = self._files[stimulus_id]
        now, then = _state_of(self._folder), self._version
        # Another machine has other numbers of devices and files.
        if (
            now is None
            or then is None
            or abs(now[2] - then[2]) > _ROUNDED_NS
            or (now[0] == then[0] and now != then)
        ):
            raise DatasetError(
                f"the dataset {self._folder.parent} was replaced or removed while it was read; run the command again"
            )
        return file

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def read_one_version(path: Path, read: Callable[[Path], Read]) -> Read:
    """Read several files of a folder, all of one version.

    Parameters
    ----------
    path : Path
        Folder.
    read : callable
        Function that reads the folder.

    Raises
    ------
    DatasetError
        If the folder cannot be read, or is replaced at each of several attempts.
    """
    for _ in range(_ATTEMPTS):
        version = _version_of(path)
        try:
            result = read(path)
        except (DatasetError, OSError):
            if version and version == _version_of(path):
                raise
            if not _was_replaced(path):
                raise
        else:
            if version == _version_of(path):
                return result
        time.sleep(_PAUSE)
    raise DatasetError(f"the dataset {path} is replaced again and again while it is read; try again later")


def _was_replaced(path: Path) -> bool:
    """Return whether a folder exists, where its replacement was interrupted too."""
    restore_folder(path)
    return path.is_dir()


def _version_of(path: Path) -> tuple[object, ...]:
    """Return the states of a folder and its files; empty without the folder."""
    try:
        files = sorted(entry.name for entry in os.scandir(path))
    except OSError:
        return ()
    return (_state_of(path), *((name, _state_of(path / name)) for name in files))


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """Return device, number and time of the last change of a file or folder; None if it does not exist."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino, state.st_mtime_ns
