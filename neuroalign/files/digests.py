"""Digests of contents, which identify inputs independently of their names."""

import hashlib
import json
from typing import Any

import numpy as np


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
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.kind in "OU":
                part = [str(entry) for entry in part.ravel()]
            else:
                little = np.ascontiguousarray(part.astype(part.dtype.newbyteorder("<"), copy=False))
                sha.update(f"array:{little.dtype.str}:{little.shape}:".encode())
                sha.update(little.data.cast("B") if little.size else b"")
                continue
        if isinstance(part, bytes):
            sha.update(f"bytes:{len(part)}:".encode())
            sha.update(part)
        else:
            text = json.dumps(part, sort_keys=True, separators=(",", ":"), default=str)
            sha.update(f"json:{len(text)}:{text}".encode())
    return sha.hexdigest()
