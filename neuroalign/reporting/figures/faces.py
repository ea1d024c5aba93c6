"""Pictures that models decode from units and neurons: faces and latent traversals."""

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

# Size of the cell of a picture in millimetres, and share of the cell that stays free at each of its edges.
_LARGEST_CELL, _EDGE = 16.0, 0.02


@house_style()
def decoded_faces(
    pictures: Mapping[str, xr.DataArray], *, dataset: str, simulated: bool, ax: "Axes | None" = None
) -> "Axes":
    """Draw images above their reconstructions by models.

    Parameters
    ----------
    pictures : mapping of str to xarray.DataArray of float in [0, 1], dimensions stimulus, row, column
        Rows of images by their names: the originals first, then for example the reconstructions of each model and the
        images that it decodes from the matched neurons. The stimuli of the first row and their order hold for all rows,
        which are paired by stimulus id. Rows may differ in the size of their images.
    dataset : str
        Name of the recording.
    simulated : bool
        Whether its neurons are simulated.
    ax : Axes, optional
        By default the axes of a new figure.

    Returns
    -------
    Axes
        One image for each row and stimulus, row by row.

    Raises
    ------
    UsageError
        If `pictures` is empty, or an array has other dimensions.
    StimulusMismatchError
        If a row has no image of a stimulus of the first row.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 6c.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from neuroalign.reporting.figures import decoded_faces
    >>> pixels = np.random.default_rng(0).uniform(size=(2, 8, 8))
    >>> images = xr.DataArray(pixels, dims=("stimulus", "row", "column"), coords={"stimulus": ["a", "b"]})
    >>> ax = decoded_faces({"image": images, "reconstruction": 1 - images}, dataset="toy", simulated=True)
    >>> len(ax.images)
    4
    """
    if not pictures:
        raise UsageError("pictures must have one row of images at least, got no pictures")
    first = next(iter(pictures.values()))
    rows = []
    for name, images in pictures.items():
        if images.dims != ("stimulus", "row", "column") or not images.sizes["stimulus"]:
            raise UsageError(
                f"the pictures {name!r} need the dimensions stimulus, row, column, got {images.dims}"
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
    """Draw the images that a model decodes while each of its units is moved.

    Parameters
    ----------
    images : xarray.DataArray
        Images from :func:`neuroalign.models.traversals.latent_traversals`, with the dimensions ``unit``, ``value``,
        ``row`` and ``column`` and values in [0, 1]. Their attributes are shown, too.
    dataset : str
        Name of the dataset with the stimuli and neurons.
    simulated : bool
        Whether its neurons are simulated.
    labels : mapping of str to str, optional
        Text at the right of units, by their names, such as the matched neuron.
    ax : Axes, optional
        By default the axes of a new figure.

    Returns
    -------
    Axes
        One image for each unit (rows) and value (columns), row by row.

    Raises
    ------
    UsageError
        If the array has other dimensions, or a label has a unit that is not in the array.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 1c and 2b.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from neuroalign.reporting.figures import traversals
    >>> pixels = np.random.default_rng(0).uniform(size=(2, 3, 8, 8))
    >>> images = xr.DataArray(
    ...     pixels, dims=("unit", "value", "row", "column"), coords={"unit": ["u0", "u1"], "value": [-2.0, 0.0, 2.0]}
    ... )
    >>> ax = traversals(images, dataset="toy", simulated=True)
    >>> len(ax.images)
    6
    """
    if images.dims != ("unit", "value", "row", "column") or not images.size:
        raise UsageError(f"traversals need the dimensions unit, value, row, column, got {images.dims}")
    units = [str(unit) for unit in images["unit"].values]
    unknown = [unit for unit in labels or {} if unit not in units]
    if unknown:
        raise UsageError(f"labels must be of units that are drawn, got a label for the unit {unknown[0]!r}")
    names = [f"unit {shown(unit)}" for unit in units]
    axes = _grid(
        list(images.values),
        [f"{name}{(labels or {}).get(unit, '')}" for name, unit in zip(names, units, strict=True)],
        ax,
    )
    axes.set_yticks(np.arange(len(units)) + 0.5, names)
    values = [f"{value:g}".replace("-", "−") for value in images["value"].values]
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
    """Draw rows of images in cells of one unit of the axes, with room for the longest name beside the rows."""
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
