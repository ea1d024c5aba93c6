"""Generalisation over time as heat maps: windows of the fit in rows, windows of the responses in columns."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from neuroalign.errors import UsageError
from neuroalign.names.syntax import format_value
from neuroalign.reporting.figures.style import BAND, FAINT, house_style, new_figure, shown, source
from neuroalign.reporting.figures.time_courses import measure_of
from neuroalign.scoring.across_windows import AcrossWindows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Width of one panel, height of its map, and height of title and labels, in millimetres.
_WIDTH, _MAP, _AROUND = 88.0, 62.0, 20.0
# Windows with a label of their own, at most.
_MOST_LABELS = 10


@house_style()
def maps_across_windows(matrices: Sequence[AcrossWindows], *, dataset: str, simulated: bool) -> Figure:
    """Draw the scores of all pairs of windows, a panel for each model, benchmark and group.

    Parameters
    ----------
    matrices : sequence of AcrossWindows
        Scores from :func:`neuroalign.scoring.across_windows.score_across_windows`.
    dataset : str
        Name of the dataset.
    simulated : bool
        Whether the neurons are simulated.

    Returns
    -------
    Figure
        The window of the fit is in rows, the first at the bottom, and the window of the responses in columns. White
        is a score of 0, and grey a missing score; scores far below 0 have the colour of the lower end. Panels of one
        benchmark share their colours. The diagonal has the ordinary scores.

    Raises
    ------
    UsageError
        If no matrix has a score.
    """
    drawn = [matrix for matrix in matrices if np.isfinite(matrix.scores).any()]
    if not drawn:
        raise UsageError("a figure across windows must have a pair of windows with a score, got none")
    figure = new_figure(width=_WIDTH, height=(_MAP + _AROUND) * len(drawn), layout="compressed")
    panels = figure.subplots(len(drawn), 1, squeeze=False)[:, 0]
    for axes, matrix in zip(panels, drawn, strict=True):
        alike = [other.scores for other in drawn if other.benchmark == matrix.benchmark]
        _draw(axes, matrix, max(float(np.nanmax(scores)) for scores in alike))
        parts = [matrix.model, *(format_value(value) for value in matrix.conditions.values())]
        axes.set_title(f"{shown(', '.join(parts))} on {source(dataset, simulated=simulated)}")
    return figure


def _draw(axes: "Axes", matrix: AcrossWindows, highest: float) -> None:
    limit = highest if highest > 0 else float(np.nanmax(np.abs(matrix.scores)))
    limit = limit if limit > 0 else 1.0
    windows = matrix.windows
    adjoin = all(first[1] == second[0] for first, second in pairwise(windows))
    # Windows that overlap or leave gaps have cells of one size with their names.
    edges = [window[0] for window in windows] + [windows[-1][1]] if adjoin else list(range(len(windows) + 1))
    axes.set_facecolor(BAND)
    mesh = axes.pcolormesh(
        edges,
        edges,
        np.ma.masked_invalid(matrix.scores),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        rasterized=True,
    )
    axes.plot([edges[0], edges[-1]], [edges[0], edges[-1]], color=FAINT, linewidth=0.5, linestyle=(0, (2, 2)))
    axes.set_aspect("equal")
    if not adjoin:
        step = -(-len(windows) // _MOST_LABELS)
        places = [index + 0.5 for index in range(0, len(windows), step)]
        names = [f"{start:g}–{stop:g}" for start, stop in windows[::step]]
        axes.set_xticks(places, names, rotation=90)
        axes.set_yticks(places, names)
    axes.set_xlabel("responses: time after stimulus onset (ms)")
    axes.set_ylabel("fit: time after stimulus onset (ms)")
    below = bool(np.nanmin(matrix.scores) < -limit)
    bar = axes.figure.colorbar(mesh, ax=axes, extend="min" if below else "neither", shrink=0.9)
    bar.set_label(measure_of(matrix.benchmark))
    bar.outline.set_linewidth(0.6)
