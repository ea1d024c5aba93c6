"""Safe unpacking of ZIP archives: all members are checked before the first is unpacked."""

import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from neuroalign.errors import ArchiveError, brief
from neuroalign.progress import progress

#: An archive with more members, larger members or a larger total than this (bytes) is refused.
MAX_MEMBERS = 200_000
MAX_MEMBER_BYTES = 1 << 30
MAX_TOTAL_BYTES = 32 << 30

#: A member that grows more than this many times when unpacked is refused. Rasters of sparse spikes grow
#: some 200 times; deflate can reach 1,032. Small files, such as blank images, may grow more.
MAX_RATIO = 500
RATIO_COUNTS_FROM = 1 << 20

_ENCRYPTED = 0x1


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP archive after a check of all of its members.

    Parameters
    ----------
    path : Path

    Yields
    ------
    zipfile.ZipFile

    Raises
    ------
    ArchiveError
        If the archive is damaged, or a member could do harm when unpacked; the message names it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, path)
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ArchiveError(f"cannot read the archive {path}: {brief(error)}") from error


def check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive if any member could do harm when unpacked.

    Raises
    ------
    ArchiveError
        If a member could do harm; the message names the member and its fault.
    """
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise ArchiveError(f"{path} has {len(members):,} members; at most {MAX_MEMBERS:,} are accepted")
    total = 0
    seen: set[str] = set()
    for member in members:
        fault = _fault(member)
        # Two names that differ only in case are one file on many disks.
        key = str(PurePosixPath(member.filename)).casefold()
        if fault is None and key in seen:
            fault = "is there twice"
        if fault is not None:
            raise ArchiveError(f"refused {path}: its member {member.orig_filename!r} {fault}")
        seen.add(key)
        total += member.file_size
    if total > MAX_TOTAL_BYTES:
        raise ArchiveError(
            f"refused {path}: it would unpack to {total:,} bytes; at most {MAX_TOTAL_BYTES:,} are accepted"
        )
    packed = path.stat().st_size
    if total > RATIO_COUNTS_FROM and total > MAX_RATIO * packed:
        raise ArchiveError(
            f"refused {path}: it would unpack to {total / packed:,.0f} times its size; "
            f"at most {MAX_RATIO} times are accepted"
        )


def visible_files(archive: zipfile.ZipFile, suffixes: tuple[str, ...]) -> list[zipfile.ZipInfo]:
    """Return the visible files with a name that ends in one of `suffixes`, sorted by name."""
    return sorted(
        (
            member
            for member in archive.infolist()
            if not member.is_dir()
            and PurePosixPath(member.filename).suffix.lower() in suffixes
            and not is_hidden(PurePosixPath(member.filename))
        ),
        key=lambda member: member.filename,
    )


def is_hidden(name: PurePosixPath) -> bool:
    """Whether a relative name is hidden or belongs to the extra files of macOS."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def unpack_files(path: Path, folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Unpack the files of one kind.

    Parameters
    ----------
    path : Path
    folder : Path
        An existing, empty folder. The files are named by numbers, never by their names in the archive.
    suffixes : tuple of str
        Name endings in lower case with their dot; files with other endings are not unpacked.

    Returns
    -------
    dict of str to Path
        Name of each member, and path of the unpacked file.

    Raises
    ------
    ArchiveError
        If a member could do harm, before the first is unpacked; or if a member is damaged.
    """
    unpacked: dict[str, Path] = {}
    with open_archive(path) as archive:
        members = visible_files(archive, suffixes)
        for number, member in enumerate(progress(members, description=f"unpacking {path.name}", unit="file")):
            target = folder / f"{number:06d}{PurePosixPath(member.filename).suffix.lower()}"
            target.write_bytes(read_member(archive, member))
            unpacked[member.filename] = target
    return unpacked


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the content of one member.

    Raises
    ------
    ArchiveError
        If the member is damaged, or its size differs from the size in the archive.
    """
    try:
        with archive.open(member) as opened:
            content = opened.read(member.file_size + 1)
    except Exception as error:  # a damaged member can raise nearly anything inside the decompressors
        raise ArchiveError(f"the member {member.filename!r} is damaged: {brief(error)}") from error
    if len(content) != member.file_size:
        raise ArchiveError(
            f"the member {member.filename!r} is damaged: {len(content):,} bytes instead of {member.file_size:,}"
        )
    return content


def _fault(member: zipfile.ZipInfo) -> str | None:
    """Return the fault of one member, or None."""
    return next((fault for check in _CHECKS if (fault := check(member)) is not None), None)


def _bad_name(member: zipfile.ZipInfo) -> str | None:
    # zipfile cuts a name at a zero byte; orig_filename is the name as it stands in the archive.
    name = member.orig_filename
    if any(ord(character) < 32 for character in name) or not name:
        return "has a control character in its name"
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or (len(parts[0]) > 1 and parts[0][1] == ":"):
        return "has an absolute path"
    if ".." in parts:
        return "leaves the folder that it is unpacked to"
    return None


def _bad_kind(member: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a special file"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted; unpack the archive yourself and give the folder"
    return None


def _bad_size(member: zipfile.ZipInfo) -> str | None:
    if member.file_size > MAX_MEMBER_BYTES:
        return f"would unpack to {member.file_size:,} bytes; at most {MAX_MEMBER_BYTES:,} are accepted"
    if member.file_size > RATIO_COUNTS_FROM and member.file_size > MAX_RATIO * max(member.compress_size, 1):
        times = member.file_size / max(member.compress_size, 1)
        return f"would grow {times:,.0f} times when unpacked; at most {MAX_RATIO} times are accepted"
    return None


_CHECKS: tuple[Callable[[zipfile.ZipInfo], str | None], ...] = (_bad_name, _bad_kind, _bad_size)
