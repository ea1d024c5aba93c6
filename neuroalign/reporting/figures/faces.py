"""What units and neurons say in pictures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.errors import StimulusMismatchError, UsageError
from neuroalign.reporting.figures.style import (
    LETTER,
    TWO_COLUMNS,
    house_style,
    new_axes,
    shown,
    source,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of a cell that pictures are drawn in, in millimetres, and the share that is left free at each of its edges.
_LARGEST_CELL, _EDGE = 16.0, 0.02


@house_style()
def decoded_faces(
    pictures: Mapping[str, xr.DataArray], *, dataset: str, simulated: bool, ax: "Axes | None" = None
) -> "Axes":
    """Draw images above what models make of them.

    Parameters
    ----------
    pictures : mapping of str to xarray.DataArray of float in [0, 1], dimensions stimulus, row, column
        The originals first, then for example each model's reconstructions and what it decodes from the matched
        neurons; the keys are the names of the rows. The stimuli of the first say which are shown, and in which
        order; the others are paired by their ids. Rows may differ in the size of their images.
    dataset : str
        What the recording is called.
    simulated : bool
        Whether its neurons are simulated.
    ax : Axes, optional

    Returns
    -------
    Axes
        With one image for each row and stimulus, row by row.

    Raises
    ------
    UsageError
        If there is nothing to draw, or an array has other dimensions.
    StimulusMismatchError
        If a row lacks a stimulus of the first.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 6c.
    """
    if not pictures:
        raise UsageError("there are no pictures to draw")
    first = next(iter(pictures.values()))
    rows = []
    for name, images in pictures.items():
        if images.dims != ("stimulus", "row", "column") or not images.sizes["stimulus"]:
            raise UsageError(
                f"the pictures {name!r} need the dimensions stimulus, row, column, not {images.dims}"
            )
        missing = np.setdiff1d(first["stimulus"].values, images["stimulus"].values)
        if missing.size:
            raise StimulusMismatchError(f"the pictures {name!r} lack the stimulus {str(missing[0])!r}")
        rows.append(images.sel(stimulus=first["stimulus"].values).values)
    axes = _grid(rows, [*pictures], ax)
    axes.set_yticks(np.arange(len(rows)) + 0.5, [_lines(name) for name in pictures])
    axes.set_title(source(dataset, simulated=simulated))
    return axes


@house_style()
def traversals(
    images: xr.DataArray,
    *,
    dataset: str,
    simulated: bool,
    labels: Mapping[str, str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw what each unit does to an image.

    Parameters
    ----------
    images : xarray.DataArray of float in [0, 1], dimensions unit, value, row, column
        See :func:`neuroalign.models.traversals.latent_traversals`, whose attributes are shown, too.
    dataset : str
        The dataset whose stimuli and neurons these are.
    simulated : bool
        Whether its neurons are simulated.
    labels : mapping of str to str, optional
        What to write to the right of units, such as the neuron that is matched with each. They pair by the unit's name.
    ax : Axes, optional

    Returns
    -------
    Axes
        With one image for each unit (rows) and value (columns), row by row.

    Raises
    ------
    UsageError
        If the array has other dimensions, or a label is of no unit that is shown.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 1c and 2b.
    """
    if images.dims != ("unit", "value", "row", "column") or not images.size:
        raise UsageError(f"traversals need the dimensions unit, value, row, column, not {images.dims}")
    units = [str(each) for each in images["unit"].values]
    unknown = [each for each in labels or {} if each not in units]
    if unknown:
        raise UsageError(
            f"there is a label for the unit {unknown[0]!r}, which is not among those that are drawn"
        )
    names = [f"unit {shown(each)}" for each in units]
    axes = _grid(
        list(images.values),
        [f"{name}{(labels or {}).get(unit, '')}" for name, unit in zip(names, units, strict=True)],
        ax,
    )
    axes.set_yticks(np.arange(len(units)) + 0.5, names)
    values = [f"{each:g}".replace("-", "−") for each in images["value"].values]
    axes.set_xticks(np.arange(images.sizes["value"]) + 0.5, values)
    scale = images.attrs.get("values")
    axes.set_xlabel("value of the unit" + (f", {shown(scale)}" if scale else ""))
    for row, unit in enumerate(units):
        if unit in (labels or {}):
            axes.annotate(
                _lines((labels or {})[unit]),
                (1.0, row + 0.5),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=6,
            )
    model = images.attrs.get("identifier")
    axes.set_title((f"{shown(model)} on " if model else "") + source(dataset, simulated=simulated))
    return axes


def _grid(rows: list[NDArray[np.float64]], names: list[str], ax: "Axes | None") -> "Axes":
    """Draw rows of images, each in a cell of one unit of the axes, with room for the longest name beside them."""
    n_rows, n_columns = len(rows), max(map(len, rows))
    if ax is None:
        beside = 6 + LETTER * max(len(line) for name in names for line in name.split("\n"))
        cell = min(_LARGEST_CELL, (TWO_COLUMNS - beside) / n_columns)
        ax = new_axes(width=cell * n_columns + beside, height=cell * n_rows + 14, layout="compressed")
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            extent = (column + _EDGE, column + 1 - _EDGE, row + 1 - _EDGE, row + _EDGE)
            ax.imshow(image, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="none")
    ax.set(xlim=(0, n_columns), ylim=(n_rows, 0), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, pad=1)
    return ax


def _lines(text: str) -> str:
    return "\n".join(shown(line) for line in text.split("\n"))
