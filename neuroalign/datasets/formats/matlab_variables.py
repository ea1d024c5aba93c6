"""Variables of a MATLAB file in memory, as the readers of its versions find them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.bare import Variables
from neuroalign.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Classes that cannot hold responses.
IDLE = {"char", "string", "function_handle", "categorical", "datetime", "duration", "calendarDuration"}

#: Largest number of elements, zeros included, of a sparse matrix, and of cells together, that are read.
MOST_ELEMENTS = 1 << 29

#: Largest number of cells that are read.
MOST_CELLS = 5_000_000


@dataclass(frozen=True)
class Array:
    """Array of real numbers or truth values.

    Parameters
    ----------
    shape : tuple of int
        Shape in MATLAB's order of axes.
    read : callable
        Function that reads the values, in MATLAB's order of axes.
    """

    shape: tuple[int, ...]
    read: Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class Cells:
    """Cell array, or one field of all structures in a structure array.

    Parameters
    ----------
    shape : tuple of int
        Shape in MATLAB's order of axes.
    noun : str
        "a cell array", or "a field of a structure array".
    read : callable
        Function of an index into the cells in C order that returns the content of the cell: an array of numbers in
        MATLAB's order of axes, or text. It raises DatasetError for other content.
    """

    shape: tuple[int, ...]
    noun: str
    read: Callable[[int], NDArray[Any] | str]

    def __len__(self) -> int:
        """Return the number of cells."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Content:
    """Variables of a MATLAB file by name; the field of a structure is ``structure.field``.

    Parameters
    ----------
    arrays, cells : mapping of str to Array, Cells
    texts : mapping of str to str
    unreadable : mapping of str to str
        Descriptions of variables that may hold responses in a form that is not supported.
    idle : mapping of str to str
        Descriptions of variables that cannot hold responses, such as text.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    cells: dict[str, Cells] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    idle: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> Variables:
        """Variables for the choice of an array; cells count as variables that may hold responses."""
        described = {name: f"{cells.noun} of {size_of(cells.shape)}" for name, cells in self.cells.items()}
        described = {name: text for name, text in described.items() if name not in self.idle}
        shapes = {name: array.shape for name, array in self.arrays.items()}
        return Variables(shapes, {**self.unreadable, **described}, self.idle)


def texts_along(content: Content, shape: tuple[int, ...]) -> dict[str, NDArray[np.str_]]:
    """Return the cell arrays of text, and fields of text, that have one text for each place along an axis.

    Parameters
    ----------
    content : Content
    shape : tuple of int
        Shape of the responses.
    """
    import numpy as np

    lists = {name: cells for name, cells in content.cells.items() if name in content.idle}
    return {
        name: np.array([str(cells.read(index)) for index in range(len(cells))])
        for name, cells in lists.items()
        if len(cells) > 1 and len(cells) in shape and len(cells) == max(cells.shape)
    }


def as_vector(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return the values of an array with at most one axis longer than one; None for every other array."""
    return values.reshape(-1) if values.size == 0 or values.size == max(values.shape, default=1) else None


def nested_shape(shape: tuple[int, ...], n: int) -> tuple[int, ...]:
    """Return the shape of cells that each hold `n` cells, as one cell array: the outer axes, then the inner axis."""
    return shape if n == 1 else (*(tuple(length for length in shape if length > 1) or (1,)), n)


def size_of(shape: tuple[int, ...]) -> str:
    """Return a shape as text, such as "3 × 4"."""
    return " × ".join(map(str, shape))


def odd_cell(source: str, noun: str) -> DatasetError:
    """Return the error for a cell that does not hold an array of numbers."""
    return DatasetError(
        f"{source} holds {noun}, and each cell must hold one array of numbers; "
        + (
            "cells within cells are read if all hold equal numbers of cells; in MATLAB, add empty cells to the shorter"
            if noun == "cells"
            else "in MATLAB, make a cell array in which each cell is a vector (neurons, stimuli and repetitions along "
            "its axes)"
        )
    )


def expect_memory(shape: tuple[int, ...], name: str) -> None:
    """Refuse a sparse matrix that is too large as a full matrix.

    Raises
    ------
    DatasetError
        If it has more than :data:`MOST_ELEMENTS` elements.
    """
    if math.prod(shape) > MOST_ELEMENTS:
        raise DatasetError(
            f"{name} is a sparse matrix of {shape[0]} × {shape[1]}, which is too large as a full matrix"
        )
