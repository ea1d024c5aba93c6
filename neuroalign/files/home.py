"""The folder of datasets, latents, trained models and results, and safe writing of files."""

import errno
import hashlib
import os
import platform
import re
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neuroalign.errors import FullDiskError, NeuroalignWarning

TEMPORARY_PREFIX = ".unfinished-"

# A full disk, a used quota, and a limit on the size of files (ulimit -f).
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_DAY = 24 * 3600

#: Seconds after which a file that no record names belongs to no process that is about to write the record.
_SETTLED = 3600.0

#: Attempts to write a file into a folder that other commands delete.
_ATTEMPTS = 5

#: Number of files that are brought to the disk one by one.
_FEW = 64


def home() -> Path:
    """Return the folder in the environment variable NEUROALIGN_HOME, else the data folder of the platform."""
    named = os.environ.get("NEUROALIGN_HOME")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("neuroalign"))


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` only if the block succeeds.

    Readers see either the old file or the complete new file, also after a loss of power: the bytes are on the disk
    before the file gets its name. A killed process leaves only a file with a name that starts with
    :data:`TEMPORARY_PREFIX`, which neuroalign never reads.

    Raises
    ------
    FullDiskError
        If the disk is full; the old file stays.
    """
    # Not mkstemp, which ignores the umask and makes files that only their owner can read.
    temporary = path.with_name(private_name(path.suffix))
    try:
        with naming_full_disk(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def private_name(suffix: str = "") -> str:
    """Return a name for a file or folder of this process, which says whether the process still runs.

    Parameters
    ----------
    suffix : str
        Ending of the name.

    Returns
    -------
    str
        :data:`TEMPORARY_PREFIX`, the machine, the number of the process, random digits and the ending.
    """
    return f"{TEMPORARY_PREFIX}{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:16]}{suffix}"


def is_abandoned(path: Path) -> bool:
    """Return whether a file or folder with a name of :func:`private_name` belongs to a command that was killed.

    The processes of another machine cannot be asked: their files count as abandoned a day after the last change.
    Folders that wait for their name (see :mod:`neuroalign.files.folders`) are never abandoned.
    """
    if not path.name.startswith(TEMPORARY_PREFIX) or path.name.startswith(f"{TEMPORARY_PREFIX}previous-"):
        return False
    named = re.match(r"([0-9a-f]{8})-(\d+)-", path.name.removeprefix(TEMPORARY_PREFIX))
    if named and named[1] == _machine():
        import psutil

        return not psutil.pid_exists(int(named[2]))
    try:
        return time.time() - path.stat().st_mtime > _DAY
    except OSError:
        return False


def is_settled(file: Path) -> bool:
    """Return whether a file has been as it is for an hour, so that no process is about to write a record of it.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    """
    status = file.stat()
    # A copy may keep the time of the last change, but not the time at which the file got its place.
    return time.time() - max(status.st_mtime, status.st_ctime) >= _SETTLED


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def write_file(path: Path, content: "bytes | str") -> None:
    """Write a file completely or not at all; text is written as UTF-8 with its line ends unchanged.

    Parameters
    ----------
    path : Path
    content : bytes or str

    Raises
    ------
    FullDiskError
        If the disk is full; the old file stays.
    """
    for left in reversed(range(_ATTEMPTS)):
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
            return
        except FileNotFoundError:
            # Another command has just deleted the folder.
            if not left:
                raise


def sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk, where the system can do that."""
    with suppress(OSError):  # Windows opens no folders, and some network disks do not sync them
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def sync_tree(folder: Path) -> None:
    """Let all files in a folder reach the disk."""
    files = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    if len(files) > _FEW and hasattr(os, "sync"):
        os.sync()
        return
    for file in files:
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())


@contextmanager
def naming_full_disk(folder: Path) -> Iterator[None]:
    """Turn the error of a full disk inside the block into one line that names the folder.

    Parameters
    ----------
    folder : Path
        Folder that the block writes to.

    Raises
    ------
    FullDiskError
        In place of an OSError that says that the disk or the quota is full, or the file larger than allowed.
    """
    try:
        yield
    except FullDiskError:
        raise
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise full_disk(error, folder) from error


def is_full(error: OSError) -> bool:
    """Return whether an error says that the disk or the quota is full, or a file larger than allowed."""
    return error.errno in _FULL


@contextmanager
def optional_writing() -> Iterator[None]:
    """Let a computation go on where the neuroalign folder cannot be written, with a warning, always the same one.

    The block writes latents or a score, which another computation could use.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(errno.ENOSPC if isinstance(error, FullDiskError) else error.errno or errno.EIO)
        warnings.warn(
            f"{home()} cannot be written ({reason.lower()}), so scores and latents of this run are not kept; free "
            "space, or name another folder in NEUROALIGN_HOME",
            NeuroalignWarning,
            stacklevel=3,
        )


def full_disk(error: OSError, folder: Path) -> FullDiskError:
    """Return the error of a full disk, in one line that names the folder and the command that shows the caches."""
    reason = os.strerror(error.errno or errno.ENOSPC).lower()
    return FullDiskError(
        f"{folder} must have space for another file, got: {reason}; free some space, 'neuroalign cache info' shows "
        "the caches"
    )
