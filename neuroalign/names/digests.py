"""Digests of files inside the names of models, such as ``#1f0c3a9b`` in ``hf:./mine#1f0c3a9b@hidden.6``."""

import re
from collections.abc import Iterable

from neuroalign.errors import UsageError

_DIGEST = re.compile(r"#[0-9a-f]{8}(?=[@,+\[\]]|$)")


def match_name(name: str, existing: Iterable[str]) -> str | None:
    """Return the existing name that a user means who leaves out the digests of files.

    Parameters
    ----------
    name : str
        Such as ``hf:./mine@hidden.6``.
    existing : iterable of str
        Such as ``["hf:./mine#1f0c3a9b@hidden.6"]``.

    Returns
    -------
    str or None
        The name itself if it exists, else the existing name that differs from it in digests only. None if there is
        none.

    Raises
    ------
    UsageError
        If several existing names differ from the name in digests only.
    """
    names = list(dict.fromkeys(existing))
    if name in names:
        return name
    matches = [entry for entry in names if _DIGEST.sub("", entry) == name]
    if len(matches) > 1:
        raise UsageError(
            f"{name} must be the name of one model, got {' and '.join(matches)}; give one of them"
        )
    return matches[0] if matches else None
