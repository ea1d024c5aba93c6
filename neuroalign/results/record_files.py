"""The two files of a record: JSON, and netCDF with its arrays, replaced so that a complete record exists at any time.

::

    KEY.json                the record, with the SHA-256 of its arrays
    KEY.nc                  the arrays of the first record under the key
    KEY.FIRST16OFSHA256.nc  the arrays of a record that replaced another one

A file system replaces one file at a time. So the arrays of a second record get a name of their own, and the replacement
of the JSON file changes both at once. A process that is killed between two files leaves arrays without a record, which
take space only; :func:`orphaned_arrays` finds them.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from neuroalign.files.home import TEMPORARY_PREFIX, is_settled, write_file

_OWN = re.compile(r"(.+)\.[0-9a-f]{16}")


def replace_record(path: Path, content: str, arrays: bytes, sha256: str) -> None:
    """Write a record and its arrays, and then delete the arrays of the record that was there before.

    Parameters
    ----------
    path : Path
        JSON file of the record.
    content : str
        JSON, with `sha256` as its field ``arrays_sha256``.
    arrays : bytes
        Content of the netCDF file.
    sha256 : str
        SHA-256 of `arrays`.

    Raises
    ------
    FullDiskError
        If the disk is full; the earlier record stays.
    """
    before, is_sound = _arrays_before(path)
    shared, own = path.with_suffix(".nc"), _own_path(path, sha256)
    if before is None or (not is_sound and before == shared):
        target = shared  # nothing that can be read is lost
    elif _has_content(before, arrays):
        target = before
    else:
        target = own
    if not _has_content(target, arrays):
        write_file(target, arrays)
    write_file(path, content)
    if not _has_content(arrays_path(path, sha256), arrays):
        # Another process wrote the same first record with other arrays at the same time.
        write_file(own, arrays)
    elif before is not None and before != target:
        with suppress(OSError):  # a file that is left takes space only
            before.unlink()


def arrays_path(path: Path, sha256: str | None) -> Path:
    """Return the file with the arrays of a record.

    Parameters
    ----------
    path : Path
        JSON file of the record.
    sha256 : str, optional
        Field ``arrays_sha256`` of the record; records of earlier versions lack it.
    """
    if sha256 is not None and _own_path(path, sha256).is_file():
        return _own_path(path, sha256)
    return path.with_suffix(".nc")


def sound_arrays(path: Path, record: Mapping[str, Any]) -> Path:
    """Return the file with the arrays of a record, after a comparison of its content with the record.

    Parameters
    ----------
    path : Path
        JSON file of the record.
    record : mapping
        Content of this file.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the arrays differ from the arrays that the record was stored with.
    """
    sha256 = record.get("arrays_sha256")
    file = arrays_path(path, sha256)
    if sha256 is not None and _sha256(file) != sha256:
        raise ValueError(
            f"{file.name} must be the arrays of this record, got other content; compute the score again"
        )
    return file


def orphaned_arrays(folder: Path) -> Iterator[Path]:
    """Yield the files of arrays in a results folder that belong to no record, as killed commands leave them.

    Parameters
    ----------
    folder : Path
        Folder of the records.

    Yields
    ------
    Path
        File that has been as it is for an hour, so that no process is about to write its record.
    """
    for file in sorted(folder.glob("*/*.nc")) if folder.is_dir() else ():
        if not file.name.startswith(TEMPORARY_PREFIX) and is_orphaned(file):
            yield file


def is_orphaned(file: Path) -> bool:
    """Return whether a file of arrays has belonged to no record for an hour."""
    named = _OWN.fullmatch(file.stem)
    record = file.with_name(f"{named[1] if named else file.stem}.json")
    try:
        return is_settled(file) and arrays_path(record, _stated_sum(record)) != file
    except FileNotFoundError:
        return not record.exists()
    except (OSError, ValueError):
        return False


def _own_path(path: Path, sha256: str) -> Path:
    return path.with_name(f"{path.stem}.{sha256[:16]}.nc")


def _arrays_before(path: Path) -> tuple[Path | None, bool]:
    """Return the file with the arrays of the present record, and whether it is sound; None without a record."""
    try:
        sha256 = _stated_sum(path)
    except FileNotFoundError:
        return None, False
    except (OSError, ValueError):
        sha256 = None
    file = arrays_path(path, sha256)
    try:
        return file, sha256 is None or _sha256(file) == sha256
    except OSError:
        return file, False


def _stated_sum(path: Path) -> str | None:
    """Return the SHA-256 of the arrays that a record states; None if it states none."""
    record = msgspec.json.decode(path.read_bytes())
    sha256 = record.get("arrays_sha256") if isinstance(record, dict) else None
    return sha256 if isinstance(sha256, str) and sha256.isalnum() else None


def _has_content(file: Path, content: bytes) -> bool:
    try:
        return file.stat().st_size == len(content) and file.read_bytes() == content
    except OSError:
        return False


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
