"""Depth of cells and structures in MATLAB files of version 5, found without recursion.

SciPy's reader calls itself for each cell within a cell, and a file with thousands of cells within each other ends the
process. The elements of the file have a type and a size in bytes, so that the depth is known from the sizes alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuroalign.files.judging import expect_sound

#: Types of elements, and classes of matrices that hold other matrices: cell, structure, object, function and opaque.
_MATRIX, _COMPRESSED = 14, 15
_HOLDERS = (1, 2, 3, 16, 17)

#: Bytes of the header of a file, of the tag of an element, and of the start of a matrix up to its class.
_HEADER, _TAG, _START = 128, 8, 24

#: Largest depth that is read.
MOST_LEVELS = 30


def expect_shallow(path: Path) -> None:
    """Refuse a file of version 5 with cells or structures that are nested too deeply.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ValueError
        If cells or structures are more than :data:`MOST_LEVELS` levels deep, or the file is damaged.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER or header[126:128] not in (b"IM", b"MI"):
            return  # version 4 has no cells
        order = "<" if header[126:128] == b"IM" else ">"
        size = path.stat().st_size
        while file.tell() + _TAG <= size:
            kind, n_bytes = struct.unpack(f"{order}II", file.read(_TAG))
            end = file.tell() + n_bytes
            if end > size:
                raise ValueError("a variable ends after the end of the file")
            if kind == _COMPRESSED:
                packed = zlib.decompressobj()
                content = file.read(n_bytes)
                start = packed.decompress(content, _TAG + _START)
                if _holds_matrices(start, 0, order):
                    _check(start + packed.decompress(packed.unconsumed_tail), order)
            elif kind == _MATRIX:
                start = struct.pack(f"{order}II", kind, n_bytes) + file.read(min(n_bytes, _START))
                if _holds_matrices(start, 0, order):
                    _check(start + file.read(end - file.tell()), order)
            file.seek(end)


def load_variables(path: Path, **options: Any) -> dict[str, Any]:
    """Return the variables of a file of version 4 or 5, as :func:`scipy.io.loadmat` does.

    Parameters
    ----------
    path : Path
    **options
        Options of :func:`scipy.io.loadmat`.

    Raises
    ------
    ValueError
        If cells or structures are nested too deeply, or the file is damaged.
    """
    from scipy.io import loadmat

    expect_shallow(path)
    expect_sound(path, "matlab")
    content: dict[str, Any] = loadmat(path, **options)
    return content


def _check(content: bytes, order: str) -> None:
    """Raise ValueError if matrices within matrices are too deep, or do not end within the matrix that holds them."""
    for depth in _depths(content, order):
        if depth > MOST_LEVELS:
            raise ValueError(f"cells or structures are nested more than {MOST_LEVELS} levels deep")


def _depths(content: bytes, order: str) -> Iterator[int]:
    """Yield the number of matrices that hold each matrix that can hold others, itself included."""
    position = 0
    ends: list[int] = []
    while position + _TAG <= len(content):
        kind, n_bytes = struct.unpack_from(f"{order}II", content, position)
        # A small element has its content in the place of the size.
        end = position + _TAG + (0 if kind >> 16 else n_bytes + -n_bytes % 8)
        if ends and end > ends[-1]:
            raise ValueError("an element ends after the element that holds it")
        if kind == _MATRIX and _holds_matrices(content, position, order):
            ends.append(end)
            yield len(ends)
            position += _TAG
        else:
            position = end
        while ends and position >= ends[-1]:
            ends.pop()


def _holds_matrices(content: bytes, position: int, order: str) -> bool:
    """Return whether the element at a position is a matrix that holds other matrices."""
    if len(content) < position + _START:
        return False
    kind, n_bytes = struct.unpack_from(f"{order}II", content, position)
    if kind != _MATRIX or n_bytes == 0:
        return False
    # The tag of the flags comes first, and the class is the lowest byte of the flags.
    return struct.unpack_from(f"{order}I", content, position + 2 * _TAG)[0] & 0xFF in _HOLDERS
