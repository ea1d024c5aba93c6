"""Texts and tables of objects in notebooks, by writers of a later part of neuroalign."""

from collections.abc import Callable
from typing import Any

_WRITERS: dict[str, Callable[[Any], str]] = {}


def register_writer(kind: str, writer: Callable[[Any], str]) -> None:
    """Register the function that writes objects of one kind as HTML.

    Parameters
    ----------
    kind : str
        Name of the kind, such as "score".
    writer : callable
        Function from an object to HTML.
    """
    _WRITERS[kind] = writer


def as_html(kind: str, item: Any) -> str | None:
    """Return an object as HTML; None without a writer, so that notebooks show its text.

    Parameters
    ----------
    kind : str
    item : object
    """
    writer = _WRITERS.get(kind)
    return None if writer is None else writer(item)
