"""Rows of families in figures: their order, names, points, means and intervals."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuroalign.reporting.figures.families import mean_interval, values_of
from neuroalign.reporting.figures.style import INK, FamilyStyle, shown
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, is_readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Height of a row, and height of the parts of a figure above and below its rows, in millimetres.
ROW, AROUND = 6.5, 27.0
#: Letters of a name beside a row, which leave two thirds of the width to the axes.
LONGEST_LABEL = 20


def best_first(families: Mapping[str, list[Score]], *, higher_is_better: bool) -> list[str]:
    """Sort families by the means of their scores; families without a score come last."""

    def rank(family: str) -> tuple[bool, float, str]:
        mean, _, _ = mean_interval(values_of(families[family]))
        return bool(np.isnan(mean)), -mean if higher_is_better else mean, family

    return sorted(families, key=rank)


def draw_row(
    axes: "Axes",
    values: NDArray[np.float64],
    row: int,
    style: FamilyStyle,
    apart: float,
    interval: tuple[float, float] | None = None,
) -> None:
    """Draw the instances in the upper part of a row, their mean and its interval in the lower part."""
    finite = np.sort(values[np.isfinite(values)])
    axes.plot(
        finite,
        row - 0.12 + _spread(finite, apart),
        style.marker,
        color=style.colour,
        alpha=0.85,
        markeredgecolor="white",
        markeredgewidth=0.3,
        zorder=2,
        label="instances",
    )
    mean, low, high = mean_interval(finite)
    if interval is not None:
        low, high = interval
    if np.isfinite(mean):
        axes.plot([mean, mean], [row + 0.18, row + 0.38], color=INK, linewidth=1.6, zorder=4, label="mean")
    if np.isfinite(low):
        axes.plot([low, high], [row + 0.28, row + 0.28], color=INK, linewidth=0.9, zorder=3, label="interval")


def _spread(values: NDArray[np.float64], apart: float) -> NDArray[np.float64]:
    """Move points of sorted values up and down, in at most ±0.24 of a row, so that few cover each other."""
    levels: list[float] = []
    place = np.zeros(values.size, dtype=np.int64)
    for index, value in enumerate(values):
        free = [level for level, last in enumerate(levels) if value - last >= apart]
        place[index] = free[0] if free else len(levels)
        levels[place[index] : place[index] + 1] = [value]
    step = 0.48 / max(4, place.max(initial=0) + 1)
    offsets: NDArray[np.float64] = np.where(place % 2, 1, -1) * ((place + 1) // 2) * step
    return offsets


def name_rows(
    axes: "Axes",
    order: Sequence[str],
    families: Mapping[str, list[Score]],
    scored: Mapping[str, list[Score]] | None = None,
) -> None:
    """Write the name of each family beside its row, with a mark for scores that must not be read.

    Parameters
    ----------
    axes : Axes
    order : sequence of str
        Families from the top to the bottom.
    families : mapping of str to list of Score
        Drawn numbers, which are counted.
    scored : mapping of str to list of Score, optional
        Scores that the drawn numbers come from; by default `families`.
    """
    labels = []
    for family in order:
        n, missing = len(families[family]), int((~np.isfinite(values_of(families[family]))).sum())
        without = f", {missing} without a score" if missing else ""
        mark = "" if is_readable(*(scored or families)[family]) else f" {MARK}"
        labels.append(f"{shown(family, LONGEST_LABEL)}{mark}\n(n = {n - missing}{without})")
    axes.set_yticks(range(len(order)), labels)
    axes.set_ylim(len(order) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
