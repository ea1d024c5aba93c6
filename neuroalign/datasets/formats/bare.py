"""Bare arrays: what MATLAB, NumPy and CSV files hold, before anybody says what the axes are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import DatasetError, unknown_name


@dataclass(frozen=True)
class BareArray:
    """An array as its file holds it.

    Parameters
    ----------
    values : array of numbers, of any shape
    labels : mapping of axis number to array of str
        The labels that the file gives along an axis, such as the header of a CSV.
    drops_trailing_ones : bool
        Whether the program that wrote it leaves out trailing axes of length one, as MATLAB does.
    note : str, optional
        A sentence for the user on the choice of the array.
    """

    values: NDArray[Any]
    labels: Mapping[int, NDArray[np.str_]] = field(default_factory=dict)
    drops_trailing_ones: bool = False
    note: str | None = None


@dataclass(frozen=True)
class Variables:
    """The names in a file that can hold several arrays.

    Parameters
    ----------
    shapes : mapping of name to shape
        The arrays of real numbers or truth values.
    unreadable : mapping of name to str
        Variables that may hold responses in a form that is not read, and a description of each.
    idle : mapping of name to str
        Variables that cannot hold responses, such as text, and a description of each.
    """

    shapes: Mapping[str, tuple[int, ...]]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    idle: Mapping[str, str] = field(default_factory=dict)


def choose_variable(variables: Variables, wanted: str | None, path: Path) -> tuple[str, str]:
    """Choose the variable to read from a file that can hold several.

    Parameters
    ----------
    variables : Variables
    wanted : str, optional
        The name that the user gave.
    path : Path

    Returns
    -------
    name : str
        `wanted`, else the only array that has at least two axes longer than one, in a file without anything else
        that may hold responses.
    note : str
        A sentence that names the variable and those that were passed over.

    Raises
    ------
    UnknownNameError
        If there is no variable `wanted`.
    DatasetError
        If several could be meant, or the one that is meant is not an array of numbers.
    """
    shapes, unreadable = variables.shapes, variables.unreadable
    described = {name: _size(shape) for name, shape in shapes.items()} | dict(unreadable)
    if wanted is not None:
        if wanted in shapes:
            return wanted, f"Responses are the variable {wanted} ({_size(shapes[wanted])}) of {path.name}."
        odd = {**unreadable, **variables.idle}
        if wanted in odd:
            raise DatasetError(f"{wanted} of {path} is {odd[wanted]}; {_CONVERT}")
        raise unknown_name(f"array in {path.name}", wanted, shapes)
    candidates = [name for name, shape in shapes.items() if sum(n > 1 for n in shape) >= 2]
    if not candidates and len(shapes) == 1:
        candidates = list(shapes)
    if unreadable and not shapes:
        raise DatasetError(f"{path} holds no array of numbers: {_listed(unreadable)}; {_CONVERT}")
    if not shapes:
        rest = f": {_listed(variables.idle)}" if variables.idle else ""
        raise DatasetError(f"{path} holds no array of numbers{rest}")
    if len(candidates) != 1 or unreadable:
        raise DatasetError(
            f"{path} holds several arrays: {_listed(described)}; choose one with --variable NAME"
        )
    chosen = candidates[0]
    passed = {name: text for name, text in described.items() if name != chosen} | dict(variables.idle)
    note = f"Responses are the variable {chosen} ({described[chosen]}) of {path.name}"
    return chosen, f"{note}; passed over: {_listed(passed)}." if passed else f"{note}."


_CONVERT = "responses must be a numeric or logical array (stimuli, neurons and repetitions along its axes)"


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _listed(described: Mapping[str, str], most: int = 12) -> str:
    shown = [f"{name} ({text})" for name, text in list(described.items())[:most]]
    more = len(described) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def expect_numbers(values: NDArray[Any], what: str) -> NDArray[Any]:
    """Return `values` if they are real numbers.

    Raises
    ------
    DatasetError
        Naming `what` and the type that it has instead.
    """
    if values.dtype.kind not in "fiub":
        raise DatasetError(f"{what} must hold real numbers, not {values.dtype}")
    return values
