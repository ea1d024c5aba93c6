"""Figure of the units of a model: a row for each unit and a panel for each number."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from neuroalign.errors import UsageError
from neuroalign.reporting.figures.style import (
    BAND,
    FAINT,
    INK,
    LETTER,
    TWO_COLUMNS,
    house_style,
    shown,
    source,
)
from neuroalign.reporting.text.units import shown_numbers
from neuroalign.scoring.units import UnitTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: More units than this have no names in the figure, and thinner rows.
MOST_NAMES = 60
#: Largest number of panels.
MOST_PANELS = 9

_MILLIMETRES = 25.4
_COLOUR = "#0072b2"


@house_style()
def units_in_rows(units: UnitTable) -> Figure:
    """Draw the numbers of each unit in a row.

    Parameters
    ----------
    units : UnitTable
        Table from :func:`neuroalign.scoring.units.describe_units`.

    Returns
    -------
    Figure
        Units in the order of the table, from the top. A panel shows one number of all units as points on lines from
        zero; a unit without the number has no point. A shared axis names the units, up to :data:`MOST_NAMES`.
        Panels stop at :data:`MOST_PANELS`; the title counts the columns that are not drawn.

    Raises
    ------
    UsageError
        If no column of the table has a number.
    """
    every = [number for number in shown_numbers(units) if _has_numbers(units, number.identifier)]
    numbers = every[:MOST_PANELS]
    if not numbers:
        raise UsageError(
            "a figure of units must have a number for one unit at least, got a table without numbers"
        )
    n = len(units.table)
    names = [shown(str(unit), 18) for unit in units.table.index]
    height = 26 + min(3.0 * n, 3.0 * MOST_NAMES + 0.25 * max(n - MOST_NAMES, 0))
    figure = Figure(figsize=(TWO_COLUMNS / _MILLIMETRES, height / _MILLIMETRES), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, len(numbers), sharey=True, squeeze=False)[0])
    rows = np.arange(n)
    for axes, number in zip(panels, numbers, strict=True):
        values = units.table[number.identifier].to_numpy(dtype=np.float64)
        scale = 100.0 if number.kind == "percent" else 1.0
        drawn = np.isfinite(values)
        axes.hlines(
            rows[drawn], 0, scale * values[drawn], color=BAND, linewidth=1.4 if n <= MOST_NAMES else 0.5
        )
        axes.axvline(0, color=FAINT, linewidth=0.6)
        axes.plot(
            scale * values[drawn],
            rows[drawn],
            linestyle="none",
            marker="o",
            color=_COLOUR,
            markersize=2.6 if n <= MOST_NAMES else 1.2,
            label=number.identifier,
        )
        axes.set_xlabel(number.heading.replace("-\n", "") + (" (%)" if number.kind == "percent" else ""))
        axes.xaxis.set_major_locator(_few_ticks(TWO_COLUMNS / len(numbers)))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.08)
    first = panels[0]
    first.set_ylim(n - 0.5, -0.5)
    if n <= MOST_NAMES:
        first.set_yticks(rows, names)
        first.set_ylabel("unit")
    else:
        first.set_yticks([])
        first.set_ylabel(f"{n:,} units")
    ratio = units.population["participation_ratio"]
    more = f"; {len(every) - len(numbers)} more columns are not drawn" if len(every) > len(numbers) else ""
    figure.suptitle(
        f"{shown(units.model)} on {_source(units)}; {n:,} informative units, participation ratio {ratio:.1f}{more}",
        x=0.01,
        ha="left",
        fontsize=6.0,
        color=FAINT,
    )
    for axes in panels:
        axes.tick_params(axis="x", colors=INK)
    return figure


def _has_numbers(units: UnitTable, column: str) -> bool:
    values = units.table[column]
    return bool(values.dtype.kind in "fiu" and np.isfinite(values.to_numpy(dtype=np.float64)).any())


def _few_ticks(width: float) -> Any:
    from matplotlib.ticker import MaxNLocator

    # Numbers of up to five letters need room.
    return MaxNLocator(nbins=max(2, min(4, int(width // (7 * LETTER)))))


def _source(units: UnitTable) -> str:
    if units.simulated is None:
        return f"the stimuli of {shown(units.source)}"
    return source(units.source, simulated=units.simulated)
