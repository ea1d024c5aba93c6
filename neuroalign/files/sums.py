"""SHA-256 sums of files: in a list beside them, as ``sha256sum`` writes it, or at the end of a netCDF file."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

#: Name of the list of sums in a folder; ``sha256sum -c SHA256SUMS`` checks it, too.
SUMS = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")

# HDF5 reads nothing behind the end that the start of a file names, so that a file with its sum opens like any other.
_START, _END = b"\nsha256 ", b"\n"
_LENGTH = len(_START) + 64 + len(_END)
_BLOCK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the content of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(sums: Mapping[str, str]) -> str:
    """Return the text of a list of sums.

    Parameters
    ----------
    sums : mapping of str to str
        SHA-256 by the name of the file.

    Examples
    --------
    >>> parse_sums(write_sums({"a/b.png": "0" * 64})) == {"a/b.png": "0" * 64}
    True
    """
    return "".join(f"{sum_}  {name}\n" for name, sum_ in sums.items())


def parse_sums(text: str) -> dict[str, str]:
    """Return the sums of a list by the names of the files.

    Parameters
    ----------
    text : str

    Raises
    ------
    ValueError
        If a line is not a sum and a name; the message cites it.
    """
    sums = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"cannot read the line {line[:80]!r}")
        sums[match[2]] = match[1]
    return sums


def sum_at_end(content: bytes) -> bytes:
    """Return the bytes that follow the content of an HDF5 file with its sum."""
    return _START + hashlib.sha256(content).hexdigest().encode() + _END


def append_sum(path: Path) -> None:
    """Write the sum of an HDF5 file to its end."""
    sha256 = sha256_of(path)
    with path.open("ab") as file:
        file.write(_START + sha256.encode() + _END)


def expect_sum_at_end(path: Path) -> None:
    """Refuse a file that differs from the sum at its end; the file is read, and not opened by HDF5.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ValueError
        If the file has no sum, or another one.
    """
    sha = hashlib.sha256()
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - _LENGTH
        while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
            sha.update(block)
            left -= len(block)
        if file.read(_LENGTH + 1) != _START + sha.hexdigest().encode() + _END:
            raise ValueError("its content differs from the SHA-256 at its end, so that it is damaged")
