"""Whole sweeps by name: those that come with neuroalign, and those in a TOML file of yours."""

import os
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from neuroalign.errors import UsageError, name_some, unknown_name
from neuroalign.validation import check_value


def grid_names(family: str) -> list[str]:
    """Return the names of the grids that come with neuroalign for a family, sorted."""
    return sorted(_of_family(_shipped(), family))


#: Settings by name; one may be a list, of which each value is trained.
Settings = dict[str, Any]


def load_grid(family: str, grid: str | os.PathLike[str]) -> list[Settings]:
    """Return the settings of a grid, which is one sweep or the union of several.

    Parameters
    ----------
    family : str
    grid : str or path
        A name, or a TOML file that has a table ``[FAMILY.NAME]``, or several ``[[FAMILY.NAME]]``. If it
        has several grids of the family, ``FILE:NAME`` says which.

    Returns
    -------
    list of dict of name to value, or to a list of values, of which each is trained

    Raises
    ------
    UnknownNameError
        Naming the nearest grids.
    UsageError
        If the file cannot be read, or does not say which grid of the family is meant.
    """
    known = _of_family(_shipped(), family)
    text = os.fspath(grid)
    if text in known:
        return known[text]
    path, wanted = _split(text)
    if path is None:
        raise unknown_name(f"grid of {family}, and no TOML file,", text, known)
    grids = _of_family(_read(path), family)
    if wanted is None and len(grids) == 1:
        return next(iter(grids.values()))
    if not grids:
        raise UsageError(f"{path} has no grid of {family}: it needs a table [{family}.NAME] of settings")
    if wanted is None:
        raise UsageError(
            f"{path} has several grids of {family}, {name_some(sorted(grids))}: give {path}:NAME"
        )
    if wanted not in grids:
        raise unknown_name(f"grid of {family} in {path}", wanted, grids)
    return grids[wanted]


def _split(text: str) -> tuple[Path | None, str | None]:
    """Tell the file from the name of the grid in it; a colon may also be a part of the path."""
    whole = Path(text).expanduser()
    if whole.is_file() or text.endswith(".toml"):
        return whole, None
    start, colon, name = text.rpartition(":")
    path = Path(start).expanduser()
    return (path, name) if colon and (path.is_file() or start.endswith(".toml")) else (None, None)


def _shipped() -> dict[str, Any]:
    return _read(files("neuroalign.model_zoo.training") / "grids.toml")


def _read(path: Path | Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UsageError(f"cannot read the grids in {path}: {reason}") from error


def _of_family(content: dict[str, Any], family: str) -> dict[str, list[Settings]]:
    try:
        grids = check_value(content.get(family, {}), dict[str, Settings | list[Settings]], family)
    except UsageError as error:
        raise UsageError(f"{error}; write settings in a table [{family}.NAME]") from None
    return {name: table if isinstance(table, list) else [table] for name, table in grids.items()}
