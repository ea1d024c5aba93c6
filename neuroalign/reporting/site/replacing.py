"""Replacement of a folder by a new one, so that a complete folder exists at every moment."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroalign.files.folders import put_folder, restore_folder, sweep
from neuroalign.files.home import private_name


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path`, and put it in place of `path` only if the block succeeds.

    The old folder is renamed, the new one takes its name, and only then is the old one deleted. If a step fails, the
    old folder gets its name back. If the process is killed between the two renames, the old folder remains complete
    under the name of :func:`neuroalign.files.folders.previous_folder`, and the next call gives it its name back.

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
    sweep(path.parent)
    temporary = path.with_name(private_name())
    try:
        temporary.mkdir()
        yield temporary
        put_folder(temporary, path, replace=True)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
