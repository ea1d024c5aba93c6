"""Checksums of the files from which a dataset was made."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def checksums(**paths: Sequence[Path | None]) -> list[dict[str, str]]:
    """Return the role, name and SHA-256 of files, which are given by role; None is a file that was not given."""
    return [
        {"role": role, "name": path.name, "sha256": sha256(path)}
        for role, several in paths.items()
        for path in several
        if path is not None
    ]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of the files in a folder."""
    if path.is_dir():
        sha = hashlib.sha256()
        for file in sorted(inside for inside in path.rglob("*") if inside.is_file()):
            sha.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n".encode())
        return sha.hexdigest()
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
