"""The two files of a record: JSON, and netCDF with its arrays, replaced so that a complete record exists at any time.

::

    KEY.json                the record, with the SHA-256 of its arrays
    KEY.nc                  the arrays of the first record under the key
    KEY.FIRST16OFSHA256.nc  the arrays of a record that replaced another one

A file system replaces one file at a time. So the arrays of a second record get a name of their own, and the replacement
of the JSON file changes both at once.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from neuroalign.files.home import write_file


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


def _own_path(path: Path, sha256: str) -> Path:
    return path.with_name(f"{path.stem}.{sha256[:16]}.nc")


def _arrays_before(path: Path) -> tuple[Path | None, bool]:
    """Return the file with the arrays of the present record, and whether it is sound; None without a record."""
    try:
        record = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return None, False
    except (OSError, ValueError):
        record = None
    sha256 = record.get("arrays_sha256") if isinstance(record, dict) else None
    sha256 = sha256 if isinstance(sha256, str) and sha256.isalnum() else None
    file = arrays_path(path, sha256)
    try:
        return file, sha256 is None or _sha256(file) == sha256
    except OSError:
        return file, False


def _has_content(file: Path, content: bytes) -> bool:
    try:
        return file.stat().st_size == len(content) and file.read_bytes() == content
    except OSError:
        return False


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
