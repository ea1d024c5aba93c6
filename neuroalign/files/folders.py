"""Replacement and deletion of folders, each complete at every moment, and leftovers of killed commands.

A new folder takes the place of an old one in two steps: the old one is renamed to the name of :func:`previous_folder`,
and the new one gets its name. A process that is killed in between leaves the old folder complete under that name, and
:func:`restore_folder` gives it its name back. A folder is renamed before it is deleted, so no name belongs to a folder
with some of its files.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from neuroalign.files.home import TEMPORARY_PREFIX, is_abandoned, private_name

_PREVIOUS = f"{TEMPORARY_PREFIX}previous-"

# Errors of systems where another process has put its folder in place.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)

#: Attempts to replace a folder that other processes replace at the same time.
_ATTEMPTS = 100


def previous_folder(path: Path) -> Path:
    """Return the name of the old folder while a new one takes its place."""
    path = path.resolve()
    return path.with_name(f"{_PREVIOUS}{path.name}")


def put_folder(new: Path, path: Path, *, replace: bool) -> None:
    """Give a complete folder its name.

    Parameters
    ----------
    new : Path
        Folder on the same disk.
    path : Path
        Its name.
    replace : bool
        Whether the folder of this name is replaced.

    Raises
    ------
    FileExistsError
        If the name is taken and may not be replaced, also if another process has just taken it.
    """
    for _ in range(_ATTEMPTS):
        if not path.exists() and _took_place(new, path):
            return
        if not replace:
            break
        restore_folder(path)
        previous = previous_folder(path)
        try:
            path.rename(previous)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) and error.errno not in _TAKEN:
                raise
            continue
        try:
            took_place = _took_place(new, path)
        except BaseException:
            previous.rename(path)
            raise
        if took_place:
            with suppress(OSError):
                delete_folder(previous)
            return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _took_place(new: Path, path: Path) -> bool:
    """Rename a folder; return False if the name is taken."""
    try:
        new.rename(path)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def restore_folder(path: Path) -> None:
    """Finish a replacement that was interrupted: give the old folder its name back, or delete it if it was replaced."""
    previous = previous_folder(path)
    try:
        if path.exists():
            delete_folder(previous)
        else:
            previous.rename(path)
    except OSError as error:
        # Without such a folder, or where another process has finished the replacement, there is nothing to do.
        if not isinstance(error, FileNotFoundError) and error.errno not in _TAKEN:
            raise


def restore_folders(parent: Path) -> None:
    """Finish all interrupted replacements of folders inside a folder, where this folder can be written."""
    with suppress(OSError):
        for name in os.listdir(parent):
            if name.startswith(_PREVIOUS):
                restore_folder(parent / name.removeprefix(_PREVIOUS))


def delete_folder(path: Path) -> None:
    """Delete a folder: its name is free at once, and a killed deletion leaves an unfinished folder for the next sweep.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    if path.is_symlink():
        path.unlink()
        return
    renamed = path.with_name(private_name())
    path.rename(renamed)
    shutil.rmtree(renamed, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Delete the leftovers of killed commands that are directly inside a folder."""
    with suppress(OSError):
        for entry in list(os.scandir(parent)):
            if is_abandoned(Path(entry.path)):
                delete_leftover(Path(entry.path))


def leftovers(folder: Path) -> Iterator[Path]:
    """Yield files and folders that commands made for a time, of running and of killed commands, inside a folder."""
    for parent, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            if name.startswith(TEMPORARY_PREFIX):
                yield Path(parent, name)
        folders[:] = sorted(name for name in folders if not name.startswith(TEMPORARY_PREFIX))


def clear_folder(path: Path) -> None:
    """Delete the files inside a folder, except the files that other commands are writing.

    Commands that write into the folder at the same time go on: the folder and its subfolders stay. JSON files are
    deleted first, so that a process that is killed in between leaves no record without its arrays.

    Parameters
    ----------
    path : Path
    """
    files = [Path(parent, name) for parent, _, names in os.walk(path) for name in names]
    for file in sorted(files, key=lambda file: file.suffix != ".json"):
        inside = [*file.relative_to(path).parents, file.relative_to(path)]
        private = [path / part for part in inside if part.name.startswith(TEMPORARY_PREFIX)]
        if all(map(is_abandoned, private)):
            delete_leftover(file)
    for entry in leftovers(path):
        if is_abandoned(entry):
            delete_leftover(entry)


def delete_leftover(path: Path) -> None:
    """Delete a file or folder that a killed command left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
