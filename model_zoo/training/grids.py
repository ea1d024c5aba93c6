"""Grids: named sweeps of settings, bundled with neuroalign or in a TOML file of the user."""

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from neuroalign.errors import UsageError, name_some, unknown_name
from neuroalign.files.plain import read_toml
from neuroalign.validation import check_value

#: Settings by name; a list stands for one instance for each of its values.
Settings = dict[str, Any]


def load_grid(family: str, grid: str | os.PathLike[str]) -> list[Settings]:
    """Return the settings of a grid: of one sweep, or of several sweeps.

    Parameters
    ----------
    family : str
    grid : str or path
        Name of a bundled grid, or path of a TOML file with a table ``[FAMILY.NAME]``, or with several tables
        ``[[FAMILY.NAME]]``. ``FILE:NAME`` chooses one of several grids of the family in a file.

    Returns
    -------
    list of dict
        Settings of each sweep, by name: a value, or a list of values.

    Raises
    ------
    UnknownNameError
        If the grid is unknown. The message has the nearest names.
    UsageError
        If the file cannot be read, or has several grids of the family and none is chosen.
    """
    bundled = _of_family(_bundled(), family)
    text = os.fspath(grid)
    if text in bundled:
        return bundled[text]
    path, wanted = _split(text)
    if path is None:
        raise unknown_name(f"grid of {family}, and no TOML file,", text, bundled)
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
    """Split FILE:NAME into the file and the name of the grid; a colon may also be a part of the path."""
    whole = Path(text).expanduser()
    if whole.is_file() or text.endswith(".toml"):
        return whole, None
    start, colon, name = text.rpartition(":")
    path = Path(start).expanduser()
    return (path, name) if colon and (path.is_file() or start.endswith(".toml")) else (None, None)


def _bundled() -> dict[str, Any]:
    return _read(files("neuroalign.model_zoo.training") / "grids.toml")


def _read(path: Path | Traversable) -> dict[str, Any]:
    try:
        return read_toml(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UsageError(f"cannot read the grids in {path}: {reason}") from error


def _of_family(content: dict[str, Any], family: str) -> dict[str, list[Settings]]:
    try:
        grids = check_value(content.get(family, {}), dict[str, Settings | list[Settings]], family)
    except UsageError as error:
        raise UsageError(f"{error}; write settings in a table [{family}.NAME]") from None
    return {name: table if isinstance(table, list) else [table] for name, table in grids.items()}
