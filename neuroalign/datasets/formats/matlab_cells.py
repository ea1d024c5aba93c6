"""Cell arrays and structure arrays of MATLAB files: trials of each cell, spike times of each trial, or arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.matlab_variables import (
    MOST_CELLS,
    MOST_ELEMENTS,
    Cells,
    Content,
    as_vector,
)
from neuroalign.datasets.formats.reader import ReaderOption
from neuroalign.datasets.formats.shared_options import seconds_in
from neuroalign.datasets.formats.spike_times import ROUNDING
from neuroalign.datasets.time_windows import Window
from neuroalign.errors import DatasetError, UsageError, count_noun, name_some

if TYPE_CHECKING:
    from numpy.typing import NDArray

CellKind = Literal["trials", "spike-times", "arrays"]
EmptyCells = Literal["zero", "missing"]

CELLS = ReaderOption(
    "cells",
    "Content of each cell of a cell array: the responses of its trials (trials), spike times of one trial "
    "(spike-times), or an array with axes that --axes names after the axes of the cell array (arrays).",
    choices=("trials", "spike-times", "arrays"),
)
EMPTY_CELLS = ReaderOption(
    "empty_cells",
    "Meaning of an empty cell of spike times: a trial without spikes (zero), or a trial that was not recorded "
    "(missing).",
    choices=("zero", "missing"),
)


@dataclass(frozen=True)
class CellOptions:
    """Options for the content of cells.

    Parameters
    ----------
    kind : {"trials", "spike-times", "arrays"}, optional
        Content of each cell.
    empty : {"zero", "missing"}, optional
        Meaning of an empty cell of spike times.
    window : (float, float), optional
        Window in which spikes are counted, in milliseconds after onset.
    time_unit : {"s", "ms"}, optional
        Unit of the spike times; by default the end of the variable's name decides, such as ``spikes_ms``.
    stimulus_onset : float, optional
        Time of the onset in each cell, in milliseconds.
    """

    kind: CellKind | None = None
    empty: EmptyCells | None = None
    window: Window | None = None
    time_unit: str | None = None
    stimulus_onset: float | None = None

    @classmethod
    def taken_from(cls, options: Mapping[str, Any]) -> CellOptions:
        """Return the options among all options of the reader."""
        return cls(
            options["cells"],
            options["empty_cells"],
            options["window"],
            options["time_unit"],
            options["stimulus_onset"],
        )

    @property
    def of_spikes(self) -> list[str]:
        """Names of the given options that only spike times take."""
        given = {
            "--window": self.window,
            "--time-unit": self.time_unit,
            "--stimulus-onset": self.stimulus_onset,
            "--empty-cells": self.empty,
        }
        return [name for name, value in given.items() if value is not None]


def choose_cells(content: Content, variable: str | None, options: CellOptions, path: Path) -> str | None:
    """Choose the cell array that holds the responses.

    Parameters
    ----------
    content : Content
    variable : str, optional
        Name that the user gave.
    options : CellOptions
    path : Path

    Returns
    -------
    str or None
        Name of the cell array; None if the responses are not in cells.

    Raises
    ------
    DatasetError
        If several cell arrays may hold the responses, or the user does not say how to read them.
    UsageError
        If the user says how to read cells, and the file has no cells with numbers.
    """
    with_numbers = {name: cells for name, cells in content.cells.items() if name not in content.idle}
    if variable is not None:
        if variable not in with_numbers:
            if variable in content.arrays and options.kind is not None:
                raise UsageError(
                    f"--cells has no effect: {variable} of {path.name} is an array; leave it out"
                )
            return None
        if options.kind is None:
            raise _unclear(with_numbers, [variable], path)
        return variable
    if options.kind is None:
        if content.arrays or not with_numbers or content.unreadable:
            return None
        raise _unclear(with_numbers, list(with_numbers), path)
    if not with_numbers:
        raise UsageError(f"--cells has no effect: {path.name} has no cell array of numbers; leave it out")
    if len(with_numbers) > 1:
        raise DatasetError(
            f"{path} holds several cell arrays: {_listed(with_numbers)}; choose one with --variable NAME"
        )
    return next(iter(with_numbers))


def expect_array_options(options: CellOptions, path: Path) -> None:
    """Refuse options of spike times for an array.

    Raises
    ------
    UsageError
        If such an option is given.
    """
    if options.of_spikes:
        raise UsageError(
            f"{options.of_spikes[0]} has no effect: the responses in {path.name} are an array of numbers, not cells of "
            "spike times; leave it out"
        )


def read_cells(content: Content, name: str, options: CellOptions, path: Path) -> BareArray:
    """Read a cell array of numbers as one array.

    Parameters
    ----------
    content : Content
    name : str
        Name of the cell array.
    options : CellOptions
        With the kind "trials", the values in a cell are the repetitions, and the array has them along a last axis; a
        cell with fewer values than the longest ends with NaN, the mark of missing trials. With "spike-times", the
        array has the number of spikes in each cell. With "arrays", the axes of the cells' arrays follow on those axes
        of the cell array that are longer than one.
    path : Path

    Returns
    -------
    BareArray

    Raises
    ------
    DatasetError
        If a cell holds something else, or an option is missing that decides the numbers; the message names it.
    UsageError
        If an option is given that this kind does not take.
    """
    cells = content.cells[name]
    if len(cells) > MOST_CELLS:
        raise DatasetError(f"{name} of {path} has {len(cells):,} cells; at most {MOST_CELLS:,} are read")
    source = f"{name} of {path.name}"
    if options.kind == "spike-times":
        array, notes = _count_in_cells(cells, name, options, source)
    else:
        if options.of_spikes:
            raise UsageError(
                f"{options.of_spikes[0]} has no effect with --cells {options.kind}; leave it out"
            )
        read = _stack_trials if options.kind == "trials" else _stack_arrays
        array, notes = read(cells, source)
    others = [
        *(other for other in (*content.arrays, *content.cells, *content.unreadable) if other != name),
        *(other for other in content.idle if other not in content.cells),
    ]
    first = f"Responses are {source}, {cells.noun} of {_size(cells.shape)}"
    rest = f"; other variables: {name_some(others, most=12)}." if others else "."
    return replace(array, note=" ".join([first + rest, *notes]))


def _unclear(cells: Mapping[str, Cells], names: Sequence[str], path: Path) -> DatasetError:
    chosen = cells[names[0]]
    first = chosen.read(0)
    content = "text" if isinstance(first, str) else f"{_size(first.shape)} numbers"
    listed = _listed({name: cells[name] for name in names})
    holds = f"{path} holds cells: {listed}, the first cell with {content}; "
    choice = "give --variable NAME, " if len(names) > 1 else ""
    if not isinstance(first, str) and as_vector(first) is None:
        return DatasetError(
            f"{holds}{choice or 'give '}--cells arrays, and name in --axes the axis of the cells, then the axes of the "
            "array in each cell"
        )
    return DatasetError(
        f"{holds}{choice and f'{choice}and '}say with --cells how to read each cell: trials (one response for each "
        "repetition), spike-times (of one trial) or arrays, or give --format matlab-spikes for spike times of a whole "
        "session"
    )


def _listed(cells: Mapping[str, Cells]) -> str:
    return name_some([f"{name} ({held.noun} of {_size(held.shape)})" for name, held in cells.items()])


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def expect_numbers_in(cells: Cells, index: int, source: str) -> NDArray[Any]:
    """Return the numbers in one cell.

    Raises
    ------
    DatasetError
        If the cell holds text.
    """
    values = cells.read(index)
    if isinstance(values, str):
        raise DatasetError(f"cell {index + 1} of {source} must hold numbers, got the text {values[:40]!r}")
    return values


def _vectors(cells: Cells, source: str) -> list[NDArray[Any]]:
    """Return the vector in each cell."""
    vectors = []
    for index in range(len(cells)):
        values = expect_numbers_in(cells, index, source)
        vector = as_vector(values)
        if vector is None:
            raise DatasetError(
                f"cell {index + 1} of {source} must hold a vector, got {_size(values.shape)} numbers; for arrays in "
                "cells give --cells arrays"
            )
        vectors.append(vector)
    return vectors


def _stack_trials(cells: Cells, source: str) -> tuple[BareArray, list[str]]:
    import numpy as np

    vectors = _vectors(cells, source)
    lengths = np.array([len(vector) for vector in vectors])
    most = int(lengths.max(initial=0))
    if most == 0:
        raise DatasetError(f"all cells of {source} are empty")
    _expect_memory(len(vectors) * most, source)
    padded = np.full((len(vectors), most), np.nan)
    for row, vector in enumerate(vectors):
        padded[row, : len(vector)] = vector
    notes = [
        f"The values in a cell are its repetitions: {lengths.min():,}"
        + (f" to {most:,} in each cell." if lengths.min() < most else " in each cell.")
    ]
    if lengths.min() < most:
        notes.append(
            "Cells with fewer values lack the last repetitions, so that equal repetitions of two neurons need not be "
            "one presentation."
        )
    values = padded.reshape(*cells.shape, most) if most > 1 else padded.reshape(cells.shape)
    implied = ("repetition",) * (most > 1)
    return BareArray(values, drops_trailing_ones=True, implied=implied, single_trials=True), notes


def _stack_arrays(cells: Cells, source: str) -> tuple[BareArray, list[str]]:
    import numpy as np

    contents = [expect_numbers_in(cells, index, source) for index in range(len(cells))]
    if not contents or not any(content.size for content in contents):
        raise DatasetError(f"all cells of {source} are empty")
    n_axes = max(content.ndim for content in contents)
    contents = [content.reshape(content.shape + (1,) * (n_axes - content.ndim)) for content in contents]
    if n_axes == 2 and len({content.shape.index(1) for content in contents if 1 in content.shape}) == 2:
        vectors = [as_vector(content) for content in contents]
        if all(vector is not None for vector in vectors):  # rows and columns
            contents = [vector[:, np.newaxis] for vector in vectors if vector is not None]
    shapes = np.array([content.shape for content in contents])
    largest = tuple(int(n) for n in shapes.max(axis=0))
    outer = tuple(n for n in cells.shape if n > 1) or (1,)
    _expect_memory(len(contents) * int(np.prod(largest)), source)
    padded = np.full((len(contents), *largest), np.nan)
    for row, content in enumerate(contents):
        padded[row][tuple(slice(n) for n in content.shape)] = content
    ragged = {
        len(outer) + axis: (int(shapes[:, axis].min()), largest[axis])
        for axis in range(n_axes)
        if shapes[:, axis].min() < largest[axis]
    }
    removable = tuple(len(outer) + axis for axis in range(n_axes) if largest[axis] == 1)
    notes = [
        f"Each cell holds an array of {_size(largest)}"
        + (" at most; shorter cells lack the last repetitions." if ragged else ".")
    ]
    return (
        BareArray(
            padded.reshape(outer + largest), drops_trailing_ones=True, ragged=ragged, removable=removable
        ),
        notes,
    )


def _count_in_cells(
    cells: Cells, name: str, options: CellOptions, source: str
) -> tuple[BareArray, list[str]]:
    """Count the spikes of each cell in the window after the onset."""
    import numpy as np

    unit, of_unit = seconds_in(options.time_unit, name)
    missing = [
        text
        for text, value in (
            ("--window START,END (milliseconds after onset)", options.window),
            ("--time-unit s|ms (unit of the spike times)", unit),
            (
                "--stimulus-onset MS (onset on the clock of each cell, 0 if spike times are relative to onset)",
                options.stimulus_onset,
            ),
        )
        if value is None
    ]
    if missing or options.window is None or unit is None or options.stimulus_onset is None:
        raise DatasetError(f"{source} holds spike times: give {', '.join(missing)}")
    start, end = ((edge + options.stimulus_onset) / 1000 - ROUNDING for edge in options.window)
    counts = np.zeros(len(cells))
    n_spikes = 0
    first, last = np.inf, -np.inf
    vectors = _vectors(cells, source)
    empty = np.array([len(vector) == 0 for vector in vectors], dtype=bool)
    if empty.any() and options.empty is None:
        raise DatasetError(
            f"{empty.sum():,} of {len(vectors):,} cells of {source} are empty: say with --empty-cells zero that they "
            "are trials without spikes, or with --empty-cells missing that they are trials that were not recorded"
        )
    for index, vector in enumerate(vectors):
        seconds = vector.astype(np.float64) * unit
        if not np.isfinite(seconds).all():
            raise DatasetError(
                f"cell {index + 1} of {source} must hold finite spike times, got NaN or infinity"
            )
        counts[index] = np.count_nonzero((seconds >= start) & (seconds < end))
        n_spikes += len(seconds)
        if len(seconds):
            first, last = min(first, float(seconds.min())), max(last, float(seconds.max()))
    if n_spikes == 0:
        raise DatasetError(f"all cells of {source} are empty")
    if end <= first or start > last:
        raise DatasetError(
            f"no spike of {source} is in the window: spikes are from {first * 1000:g} to {last * 1000:g} ms, and the "
            f"window from {options.window[0]:g} to {options.window[1]:g} ms after onset at "
            f"{options.stimulus_onset:g} ms; correct --window, --time-unit or --stimulus-onset"
        )
    if options.empty == "missing":
        counts[empty] = np.nan
    notes = [
        *of_unit,
        f"Spikes were counted from {options.window[0]:g} to before {options.window[1]:g} ms after the onset at "
        f"{options.stimulus_onset:g} ms in each cell ({int(np.nansum(counts)):,} of {n_spikes:,} spikes, "
        f"{first * 1000:g} to {last * 1000:g} ms).",
    ]
    if empty.any():
        meaning = "trials without spikes" if options.empty == "zero" else "missing trials"
        notes.append(f"{count_noun(int(empty.sum()), 'empty cell')} taken as {meaning} (--empty-cells).")
    elif options.empty is not None:
        notes.append("No cell is empty, so --empty-cells changed nothing.")
    array = BareArray(
        counts.reshape(cells.shape), drops_trailing_ones=True, window=options.window, single_trials=True
    )
    return array, notes


def _expect_memory(n: int, source: str) -> None:
    if n > MOST_ELEMENTS:
        raise DatasetError(
            f"{source} would become an array of {n:,} numbers, at most {MOST_ELEMENTS:,} are read"
        )
