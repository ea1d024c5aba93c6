"""Bare arrays: what MATLAB, NumPy and CSV files hold, before anybody says what the axes are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import DatasetError
from neuroalign.registry import unknown_name


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
    """

    values: NDArray[Any]
    labels: Mapping[int, NDArray[np.str_]] = field(default_factory=dict)
    drops_trailing_ones: bool = False


def choose_variable(shapes: Mapping[str, tuple[int, ...]], wanted: str | None, path: Path) -> str:
    """Choose the variable to read from a file that can hold several.

    Parameters
    ----------
    shapes : mapping of name to shape
        The numeric arrays in the file.
    wanted : str, optional
        The name that the user gave.
    path : Path

    Returns
    -------
    str
        `wanted`, else the only array that has at least two axes longer than one.

    Raises
    ------
    UnknownNameError
        If there is no variable `wanted`.
    DatasetError
        If several could be meant.
    """
    if wanted is not None:
        if wanted not in shapes:
            raise unknown_name(f"array in {path.name}", wanted, shapes)
        return wanted
    candidates = [name for name, shape in shapes.items() if sum(n > 1 for n in shape) >= 2]
    if len(candidates) == 1:
        return candidates[0]
    if len(shapes) == 1:
        return next(iter(shapes))
    listed = ", ".join(f"{name} ({' × '.join(map(str, shape))})" for name, shape in shapes.items())
    if not shapes:
        raise DatasetError(f"{path} holds no array of numbers")
    raise DatasetError(f"{path} holds several arrays: {listed}; choose one with --variable NAME")


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
