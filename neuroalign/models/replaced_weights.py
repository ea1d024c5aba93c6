"""Weights that replace others, under a name of their own until their record is written.

::

    NAME.json                        the record, with the SHA-256 of its weights
    NAME.safetensors                 the weights
    NAME.FIRST16OFSHA256.safetensors weights that replace others, until the record is written

A file system replaces one file at a time, and the replacement of the record changes the weights with it. A process that
is killed before this replacement leaves weights without a record, which take space only; :func:`orphaned_weights` finds
them. A process that is killed after it leaves the present weights under the second name.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from neuroalign.files.home import TEMPORARY_PREFIX, is_settled

_OWN = re.compile(r"(.+)\.([0-9a-f]{16})\.safetensors")


def own_path(path: Path, sha256: object) -> Path:
    """Return the name of weights that replace others.

    Parameters
    ----------
    path : Path
        File of weights or their record.
    sha256 : str
        SHA-256 of the weights.
    """
    return with_ending(path, f".{str(sha256)[:16]}.safetensors")


def with_ending(path: Path, ending: str) -> Path:
    """Replace the ending of the file of an instance; the part after the dot of ``beta-0.5`` is not an ending."""
    name = path.name
    for suffix in (".safetensors", ".json"):
        name = name.removesuffix(suffix)
    return path.with_name(name + ending)


def sweep_weights(record: Path) -> None:
    """Delete the weights that killed processes left for an instance.

    Parameters
    ----------
    record : Path
        Record of the instance.
    """
    for file in record.parent.glob("*.safetensors"):
        if _record_of(file) == record and is_orphaned(file):
            with suppress(OSError):  # a file that is left takes space only
                file.unlink()


def orphaned_weights(folder: Path) -> Iterator[Path]:
    """Yield the weights below a folder that replace others, but that no record states.

    Parameters
    ----------
    folder : Path

    Yields
    ------
    Path
        File that has been as it is for an hour, so that no process is about to write its record.
    """
    for file in sorted(folder.rglob("*.safetensors")) if folder.is_dir() else ():
        if not file.name.startswith(TEMPORARY_PREFIX) and is_orphaned(file):
            yield file


def is_orphaned(file: Path) -> bool:
    """Return whether a file of weights that replace others has belonged to no record for an hour."""
    record = _record_of(file)
    if record is None:
        return False
    try:
        return is_settled(file) and file != own_path(record, _stated_sum(record))
    except FileNotFoundError:
        return not record.exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _record_of(file: Path) -> Path | None:
    """Return the record of weights that replace others; None for other files."""
    named = _OWN.fullmatch(file.name)
    return file.with_name(f"{named[1]}.json") if named else None


def _stated_sum(record: Path) -> object:
    """Return the SHA-256 of the weights that a record states."""
    return json.loads(record.read_text(encoding="utf-8"))["weights_sha256"]
