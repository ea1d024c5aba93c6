"""Digests of contents, which identify inputs independently of their names."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Size of the blocks in which an array is hashed, in bytes.
_BLOCK_BYTES = 1 << 24


def digest(*parts: Any) -> str:
    """Hash arrays, strings, bytes and JSON-like values in order.

    Parameters
    ----------
    *parts : array, str, bytes, or values that JSON can represent

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits. The digest of an array includes shape and dtype; the digest of a
        dictionary does not depend on the order of its keys.
    """
    return digest_all(parts)


def digest_all(parts: Iterable[Any]) -> str:
    """Hash parts as :func:`digest` does, one after the other, so that they need not be in memory together.

    Parameters
    ----------
    parts : iterable of array, str, bytes, or values that JSON can represent

    Examples
    --------
    >>> digest_all(text for text in ["a", "b"]) == digest("a", "b")
    True
    """
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.kind in "OU":
                part = [str(entry) for entry in part.ravel()]
            else:
                _update(sha, part)
                continue
        if isinstance(part, bytes):
            sha.update(f"bytes:{len(part)}:".encode())
            sha.update(part)
        else:
            text = json.dumps(part, sort_keys=True, separators=(",", ":"), default=str)
            sha.update(f"json:{len(text)}:{text}".encode())
    return sha.hexdigest()


def _update(sha: "hashlib._Hash", array: NDArray[Any]) -> None:
    """Hash the type, the shape and the values of an array, row by row and in the order of bytes of most machines."""
    dtype = array.dtype.newbyteorder("<")
    rows = np.atleast_1d(array)
    sha.update(f"array:{dtype.str}:{rows.shape}:".encode())
    if array.size == 0:
        return
    step = max(1, _BLOCK_BYTES * len(rows) // max(rows.nbytes, 1))
    for start in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[start : start + step].astype(dtype, copy=False))
        sha.update(block.data.cast("B"))
