"""Checksums of the files from which a dataset was made."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from neuroalign.progress import byte_bar

#: Size of the part of a file that is in memory, in bytes.
_BLOCK_BYTES = 1 << 18


def checksums(**paths: Sequence[Path | None]) -> list[dict[str, str]]:
    """Return the role, name and SHA-256 of files, which are given by role; None is a file that was not given."""
    given = [(role, path) for role, several in paths.items() for path in several if path is not None]
    n_bytes = sum(file.stat().st_size for _, path in given for file in _files(path))
    with byte_bar(n_bytes, description="checksums of the files") as bar:
        return [{"role": role, "name": path.name, "sha256": sha256(path, bar.update)} for role, path in given]


def sha256(path: Path, advance: Callable[[int], object] | None = None) -> str:
    """Return the SHA-256 of a file, or of the names and contents of the files in a folder.

    Parameters
    ----------
    path : Path
    advance : callable, optional
        Function that receives the number of bytes of each part that was read.
    """
    sha = hashlib.sha256()
    if path.is_dir():
        for file in _files(path):
            sha.update(f"{file.relative_to(path).as_posix()}\0{sha256(file, advance)}\n".encode())
        return sha.hexdigest()
    with path.open("rb") as opened:
        while block := opened.read(_BLOCK_BYTES):
            sha.update(block)
            if advance is not None:
                advance(len(block))
    return sha.hexdigest()


def _files(path: Path) -> list[Path]:
    """Return the files of a folder, sorted by name, or the file itself."""
    return sorted(inside for inside in path.rglob("*") if inside.is_file()) if path.is_dir() else [path]
