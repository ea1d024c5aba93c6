"""The way models and benchmarks are named with their options: ``beta_vae[beta=4,seed=0]+pca[n=10]``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neuroalign.errors import UsageError


@dataclass(frozen=True)
class Spec:
    """A name, its options, and what is put on top of it (reducers)."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple["Spec", ...] = ()


_PART = re.compile(r"(?P<name>[^\[\]+]+)(?:\[(?P<options>[^\[\]]*)\])?")


def parse_spec(text: str) -> Spec:
    """Parse ``name[key=value,…]+wrapper[key=value,…]``.

    Values become int, float, bool or None where they read as one; otherwise they stay strings.

    Raises
    ------
    UsageError
        Showing the part that cannot be read.
    """
    first, *rest = [_parse_part(part, text) for part in text.split("+")]
    return Spec(first.name, first.options, tuple(rest))


def format_spec(name: str, options: Mapping[str, Any]) -> str:
    """Write a name with its options, as :func:`parse_spec` reads it."""
    if not options:
        return name
    inside = ",".join(f"{key}={_format_value(value)}" for key, value in options.items())
    return f"{name}[{inside}]"


def _parse_part(part: str, whole: str) -> Spec:
    match = _PART.fullmatch(part.strip())
    if match is None:
        raise UsageError(
            f"cannot read {whole!r}: expected name, or name[option=value,…], at {part.strip()!r}"
        )
    options: dict[str, Any] = {}
    for item in filter(None, (match["options"] or "").split(",")):
        key, equals, value = (each.strip() for each in item.partition("="))
        if not (key and equals and value):
            raise UsageError(f"cannot read {whole!r}: expected option=value at {item!r}")
        if key in options:
            raise UsageError(f"cannot read {whole!r}: option {key!r} is given twice")
        options[key] = _parse_value(value)
    return Spec(match["name"].strip(), options)


def _parse_value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _format_value(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
