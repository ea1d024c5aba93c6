"""Arrays without names of their axes, and the choice of one array in a file with several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DatasetError, UsageError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from neuroalign.datasets.time_windows import Window

#: Names that the axes of an array can have.
AXES = ("neuroid", "stimulus", "repetition")


@dataclass(frozen=True)
class BareArray:
    """Array as its file holds it, without names of its axes.

    Parameters
    ----------
    values : array of real numbers, of any shape
        NaN stands for a missing trial. The import may overwrite a writeable array, to save memory.
    labels : mapping of axis number to array of str
        Labels that the file gives along an axis, such as the header of a CSV.
    drops_trailing_ones : bool
        Whether the program that wrote the file leaves out trailing axes of length one, as MATLAB does.
    note : str, optional
        Sentence for the user on the choice of the array.
    implied : tuple of str
        Names of last axes that ``--axes`` may leave out, because the reader knows them.
    ragged : mapping of axis number to (int, int)
        Least and largest length along axes that the reader filled with NaN. Only the repetition axis may be ragged.
    removable : tuple of int
        Numbers of axes of length one that are dropped if ``--axes`` has fewer names than the array has axes.
    window : (float, float), optional
        Time after stimulus onset from which the values are, in milliseconds.
    single_trials : bool
        Whether the file shows that the values are single trials, also without a repetition axis.
    texts : mapping of str to array of str
        Lists of texts beside the array in its file, by the name of the variable. A list that names the images of the
        stimuli names the stimuli.
    """

    values: NDArray[Any]
    labels: Mapping[int, NDArray[np.str_]] = field(default_factory=dict)
    drops_trailing_ones: bool = False
    note: str | None = None
    implied: tuple[str, ...] = ()
    ragged: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    removable: tuple[int, ...] = ()
    window: Window | None = None
    single_trials: bool = False
    texts: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)


@dataclass(frozen=True)
class Variables:
    """Variables of a file that can hold several arrays.

    Parameters
    ----------
    shapes : mapping of name to shape
        Shapes of the arrays of real numbers or truth values.
    unreadable : mapping of name to str
        Descriptions of variables that may hold responses in a form that the reader does not support.
    idle : mapping of name to str
        Descriptions of variables that cannot hold responses, such as text.
    """

    shapes: Mapping[str, tuple[int, ...]]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    idle: Mapping[str, str] = field(default_factory=dict)


def choose_variable(variables: Variables, wanted: str | None, path: Path) -> tuple[str, str]:
    """Choose the variable of a file that holds the responses.

    Parameters
    ----------
    variables : Variables
    wanted : str, optional
        Name that the user gave.
    path : Path

    Returns
    -------
    name : str
        `wanted` if it is given. Otherwise the only array with at least two axes longer than one, provided that no
        other variable may hold responses.
    note : str
        Sentence that names this variable and the other variables.

    Raises
    ------
    UnknownNameError
        If the file does not have the variable `wanted`.
    DatasetError
        If several variables may hold the responses, or the variable is not an array of numbers.
    """
    shapes, unreadable = variables.shapes, variables.unreadable
    descriptions = {name: _size(shape) for name, shape in shapes.items()} | dict(unreadable)
    if wanted is not None:
        if wanted in shapes:
            return wanted, f"Responses are the variable {wanted} ({_size(shapes[wanted])}) of {path.name}."
        odd = {**unreadable, **variables.idle}
        if wanted in odd:
            raise DatasetError(f"{wanted} of {path} is {odd[wanted]}; {_CONVERT}")
        raise unknown_name(f"array in {path.name}", wanted, [*shapes, *unreadable])
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
            f"{path} holds several arrays: {_listed(descriptions)}; choose one with --variable NAME"
        )
    chosen = candidates[0]
    others = {name: text for name, text in descriptions.items() if name != chosen} | dict(variables.idle)
    note = f"Responses are the variable {chosen} ({descriptions[chosen]}) of {path.name}"
    return chosen, f"{note}; other variables: {_listed(others)}." if others else f"{note}."


_CONVERT = "responses must be a numeric or logical array (stimuli, neurons and repetitions along its axes)"


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _listed(descriptions: Mapping[str, str], most: int = 12) -> str:
    shown = [f"{name} ({text})" for name, text in list(descriptions.items())[:most]]
    more = len(descriptions) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def expect_numbers(values: NDArray[Any], source: str) -> NDArray[Any]:
    """Return an array if it holds real numbers.

    Parameters
    ----------
    values : array
    source : str
        Name of the array in messages.

    Raises
    ------
    DatasetError
        If the values are of another type, which the message names.
    """
    if values.dtype.kind not in "fiub":
        raise DatasetError(f"{source} must hold real numbers, got {values.dtype}")
    return values


def complete_axes(axes: tuple[str, ...], array: BareArray) -> tuple[str, ...]:
    """Add the names of last axes that the reader of an array knows and the user left out.

    Parameters
    ----------
    axes : tuple of str
        Names that the user gave.
    array : BareArray
    """
    if set(array.implied) & set(axes) or array.values.ndim != len(axes) + len(array.implied):
        return axes
    return (*axes, *array.implied)


def parse_axes(axes: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of axes from a sequence, or from text with commas in between.

    Raises
    ------
    UsageError
        If a name is unknown, repeats or is missing.
    """
    listed = axes.split(",") if isinstance(axes, str) else axes
    if not isinstance(listed, Sequence) or not all(isinstance(name, str) for name in listed):
        raise UsageError(f"--axes must be text, or a sequence of names, got {axes!r}")
    names = tuple(name.strip() for name in listed)
    for name in names:
        if name not in AXES:
            raise unknown_name("axis", name, AXES)
    if len(set(names)) != len(names) or not {"neuroid", "stimulus"} <= set(names):
        raise UsageError(
            f"--axes must name neuroid and stimulus, and may name repetition, each once, got {','.join(names)}"
        )
    return names
