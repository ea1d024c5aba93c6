"""Digests of content: what makes two inputs the same, whatever they are called."""

import hashlib
import json
from typing import Any

import numpy as np


def digest(*parts: Any) -> str:
    """Hash arrays, strings, bytes and JSON-like values in order.

    Parameters
    ----------
    *parts : array, str, bytes, or anything that JSON can hold

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits. Arrays count with shape and dtype; dictionaries do not
        depend on the order of their keys.
    """
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.kind in "OU":
                part = [str(each) for each in part.ravel()]
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
