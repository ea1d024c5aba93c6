"""Untrusted sources of results: a folder, one record or a ZIP archive."""

import errno
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from neuroalign.errors import UsageError
from neuroalign.files.archives import open_archive, read_member


class Source(Protocol):
    """Files by their names, which are compared and reported, and never used as paths of this machine."""

    def names(self) -> list[str]:
        """Return the names of all files, sorted, with ``/`` between folders."""
        ...

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return the content of a file.

        Raises
        ------
        ValueError
            If it is not a plain file, cannot be read, or has more bytes.
        """
        ...


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a folder, a record (``.json``, with its arrays beside it) or a ZIP archive.

    Raises
    ------
    UsageError
        If the file is missing or of another kind.
    ArchiveError
        If the archive could do harm; nothing is imported then.
    """
    try:
        path.stat()
    except (OSError, ValueError) as error:  # everything else shows below
        if getattr(error, "errno", None) == errno.ENAMETOOLONG:
            raise UsageError(f"cannot find the file or folder {path}: its name is too long") from error
    if path.is_dir():
        yield _Folder(path)
    elif not path.exists():
        raise UsageError(f"cannot find the file or folder {path}")
    elif path.suffix == ".json" and path.is_file():
        yield _Record(path.parent, path.name)
    elif path.is_file() and zipfile.is_zipfile(path):
        with open_archive(path) as archive:
            yield _Archive(archive)
    else:
        raise UsageError(f"{path} must be a folder, a record (.json) or a ZIP archive")


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        paths = []
        for folder, subfolders, names in os.walk(self._folder):
            # Links to folders are not followed, only named.
            links = [subfolder for subfolder in subfolders if Path(folder, subfolder).is_symlink()]
            for name in [*names, *links]:
                paths.append(Path(folder, name).relative_to(self._folder).as_posix())
        return sorted(paths)

    def read(self, name: str, max_bytes: int) -> bytes:
        try:
            # Opening a pipe would wait for its writer.
            descriptor = os.open(
                self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
            )
        except FileNotFoundError:
            raise ValueError("is missing") from None
        except OSError as error:
            raise ValueError(
                "is a link" if (self._folder / name).is_symlink() else str(error.strerror)
            ) from error
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("is not a plain file")
            if status.st_size > max_bytes:
                raise ValueError(f"has {status.st_size:,} bytes; at most {max_bytes:,} are accepted")
            return file.read(max_bytes)


class _Record(_Folder):
    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder)
        self._name = name

    def names(self) -> list[str]:
        arrays = PurePosixPath(self._name).with_suffix(".nc").name
        return [self._name, *([arrays] if (self._folder / arrays).exists() else [])]


class _Archive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {member.filename: member for member in archive.infolist() if not member.is_dir()}

    def names(self) -> list[str]:
        return sorted(self._members)

    def read(self, name: str, max_bytes: int) -> bytes:
        if name not in self._members:
            raise ValueError("is missing")
        size = self._members[name].file_size
        if size > max_bytes:
            raise ValueError(f"has {size:,} bytes; at most {max_bytes:,} are accepted")
        return read_member(self._archive, self._members[name])
