"""Plain files: neither pipes nor devices, which a program would read without end."""

import errno
import os
import stat
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, BinaryIO

from neuroalign.errors import DatasetError, UsageError

#: Largest number of bytes of a TOML file, and of entries of a folder that are looked at.
_MOST_BYTES, _MOST_ENTRIES = 1 << 26, 200_000

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def oddity(path: Path) -> str | None:
    """Return the kind of a path that must not be read, such as "a pipe"; None for files, folders and nothing at all.

    Parameters
    ----------
    path : Path
        File, or folder with files; links are followed, but folders behind links are not searched.

    Returns
    -------
    str or None
    """
    kind = _kind(path)
    if kind is not None or not path.is_dir():
        return kind
    left = _MOST_ENTRIES
    for folder, _, names in os.walk(path):
        for name in names:
            left -= 1
            inside = _kind(Path(folder, name))
            if inside is not None:
                return f"a folder with {inside}, {Path(folder, name).relative_to(path)}"
        if left < 0:
            return None
    return None


def files_below(folder: Path) -> list[Path]:
    """Return the visible files in a folder and in the folders inside it, sorted.

    Parameters
    ----------
    folder : Path
        Folder, or a link to a folder.

    Raises
    ------
    DatasetError
        If a folder inside is a link, which could lead anywhere or in a circle, or a link leads nowhere: its files would
        be missing without a word.
    """
    files = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.is_symlink():
            if path.is_dir():
                raise DatasetError(
                    f"{path} is a link to a folder, which is not followed; copy the folder {os.path.realpath(path)} to "
                    "its place, or give that folder itself"
                )
            if not path.exists():
                raise DatasetError(
                    f"{path} is a link to {os.readlink(path)}, which does not exist; replace it by the file, or "
                    "delete it"
                )
        if path.is_file():
            files.append(path)
    return files


def as_path(option: str, path: "str | os.PathLike[str] | None") -> Path | None:
    """Return the path that a user gave as an option.

    Parameters
    ----------
    option : str
        Name of the option, for messages.
    path : path, optional

    Raises
    ------
    UsageError
        If it is not a path, or is a pipe, a device or a link that leads to itself.
    """
    if not isinstance(path, str | os.PathLike | None):
        raise UsageError(f"{option} must be a path, got {type(path).__name__}")
    if path is None:
        return None
    given = Path(path).expanduser()
    if kind := oddity(given):
        raise UsageError(f"--{option} must be a file or a folder of files, got {kind}: {given}")
    return given


def _kind(path: Path) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        # All other failures show where the file is opened.
        if isinstance(error, ValueError):
            return "a name with a character that no path has"
        return {
            errno.ELOOP: "a link that leads to itself",
            errno.ENAMETOOLONG: "a name that is too long",
        }.get(error.errno or 0)
    return _KINDS.get(stat.S_IFMT(mode))


def open_plain(path: "str | os.PathLike[str]") -> BinaryIO:
    """Open a file for reading without waiting for the other end of a pipe.

    Raises
    ------
    ValueError
        If the path is a pipe or a device, or has a character that no path has.
    OSError
        If the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = _KINDS.get(stat.S_IFMT(os.fstat(descriptor).st_mode))
    if kind is not None:
        os.close(descriptor)
        raise ValueError(f"it is {kind}, not a file")
    return open(descriptor, "rb")


def read_toml(path: Path | Traversable) -> dict[str, Any]:
    """Read a TOML file of any origin.

    Parameters
    ----------
    path : Path or Traversable

    Returns
    -------
    dict

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the file is not TOML; the message fits in one line, without the name of the file.
    """
    try:
        if isinstance(path, Path):
            with open_plain(path) as file:
                # Python reserves the memory of all bytes that it may read.
                content = file.read(min(os.fstat(file.fileno()).st_size, _MOST_BYTES) + 1)
        else:
            content = path.read_bytes()
        if len(content) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
        return tomllib.loads(content.decode("utf-8").replace("\r\n", "\n"))
    except RecursionError:
        raise ValueError("its tables or lists are nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not text in UTF-8 (byte {error.start})") from None
    except ValueError as error:  # also integers of more digits than Python reads
        raise ValueError(" ".join(str(error).split())[:300]) from error
