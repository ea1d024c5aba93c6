"""Replacement of a folder by a new one, so that a complete folder exists at every moment."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroalign.files.home import TEMPORARY_PREFIX


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path`, and put it in place of `path` only if the block succeeds.

    The old folder is renamed, the new one takes its name, and only then is the old one deleted. If a step fails, the
    old folder gets its name back. If the process is killed between the two renames, the old folder remains complete
    under the name of :func:`previous_folder`, and the next call gives it its name back.

    Parameters
    ----------
    path : Path
        Folder to write, which may exist.

    Yields
    ------
    Path
        New and empty folder.
    """
    # A link keeps pointing to the folder, and "." has a name.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(path)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
    try:
        temporary.mkdir()
        yield temporary
        _swap(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def previous_folder(path: Path) -> Path:
    """Return the name of the old folder while a new one takes its place."""
    path = path.resolve()
    return path.with_name(f"{TEMPORARY_PREFIX}previous-{path.name}")


def restore_folder(path: Path) -> None:
    """Finish a replacement that was interrupted: give the old folder its name back, or delete it if it was replaced."""
    previous = previous_folder(path)
    if not previous.exists():
        return
    if path.exists():
        shutil.rmtree(previous)
    else:
        os.rename(previous, path)


def _swap(new: Path, path: Path) -> None:
    if not path.exists():
        os.rename(new, path)
        return
    previous = previous_folder(path)
    os.rename(path, previous)
    try:
        os.rename(new, path)
    except BaseException:
        os.rename(previous, path)
        raise
    # The new folder is in place: the next replacement deletes a remainder of the old one.
    shutil.rmtree(previous, ignore_errors=True)
