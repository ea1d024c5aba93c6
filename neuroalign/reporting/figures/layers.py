"""Scores of the layers of a network by depth: a line for each group, with chance and ceiling."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from neuroalign.errors import UsageError
from neuroalign.names.syntax import format_value
from neuroalign.reporting.figures.style import (
    COLUMN,
    FAINT,
    LETTER,
    TWO_COLUMNS,
    FamilyStyle,
    family_styles,
    house_style,
    legend_height,
    new_figure,
    shown,
    source,
)
from neuroalign.reporting.figures.time_courses import measure_of
from neuroalign.scoring.layers import LayerScore, LayerScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

# Heights in millimetres: of one panel, and of the labels below.
_PANEL, _BELOW = 42.0, 14.0
# Layers with a name on the axis at most, and letters of a name.
_MOST_NAMES, _LONGEST_NAME = 40, 28
# Layers from which a figure has the width of two columns.
_WIDE = 25
_BOUNDS = (("null", (0, (4, 2)), "chance"), ("ceiling", (0, (1, 1.5)), "ceiling"))


@house_style()
def scores_by_depth(scores: LayerScores, *, styles: Mapping[str, FamilyStyle] | None = None) -> Figure:
    """Draw the score of each layer by depth, a panel for each benchmark and a line for each group.

    Parameters
    ----------
    scores : LayerScores
        Scores from :func:`neuroalign.scoring.layers.score_layers`.
    styles : mapping of str to FamilyStyle, optional
        Style of each line by its label; see :func:`neuroalign.reporting.figures.family_styles`.

    Returns
    -------
    Figure
        Scores with a band of one standard error. Dashed lines are the level of chance, dotted lines the ceiling; a
        line that all groups share is grey. A layer without a score is a gap.

    Raises
    ------
    UsageError
        If no layer has a score.
    """
    panels: dict[tuple[str, str], dict[str, list[LayerScore]]] = {}
    for row in scores.rows:
        panel = (row.group.benchmark, repr(sorted(row.group.options.items())))
        panels.setdefault(panel, {}).setdefault(_label(row), []).append(row)
    panels = {
        panel: lines
        for panel, lines in panels.items()
        if any(row.score is not None for rows in lines.values() for row in rows)
    }
    if not panels:
        raise UsageError("a figure of layers must have a layer with a score, got none")
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    look = family_styles(labels) if styles is None else styles
    handles = _legend(
        [row for lines in panels.values() for rows in lines.values() for row in rows], labels, look
    )
    names = dict(sorted({row.depth: row.shown_layer for row in scores.rows}.items()))
    width = TWO_COLUMNS if len(names) > _WIDE else COLUMN
    texts = [shown(name, _LONGEST_NAME) for name in names.values()]
    below = _BELOW + LETTER * max(map(len, texts))
    height = (
        _PANEL * len(panels) + below + legend_height([str(handle.get_label()) for handle in handles], width)
    )
    figure = new_figure(width=width, height=height)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, ((benchmark, _), lines) in zip(grid, panels.items(), strict=True):
        _draw_panel(axes, benchmark, lines, look)
    # Both names do not fit into one line of a narrow figure.
    between = " " if width == TWO_COLUMNS else "\n"
    grid[0].set_title(
        f"{shown(scores.model)}{between}on {source(scores.dataset, simulated=scores.simulated)}"
    )
    # Every k-th layer has a name where there are many.
    step = -(-len(names) // _MOST_NAMES)
    grid[-1].set_xticks(list(names)[::step], texts[::step], rotation=90)
    grid[-1].set_xlabel("layer, in the order in which the network runs them")
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
    return figure


def _draw_panel(
    axes: "Axes", benchmark: str, lines: Mapping[str, Sequence[LayerScore]], look: Mapping[str, FamilyStyle]
) -> None:
    for label, rows in lines.items():
        style = look[label]
        depth = np.array([row.depth for row in rows])
        values, errors = _values(rows, "value"), _values(rows, "error")
        axes.fill_between(
            depth, values - errors, values + errors, color=style.colour, alpha=0.2, linewidth=0, zorder=2
        )
        axes.plot(
            depth,
            values,
            color=style.colour,
            marker=style.marker,
            label=shown(label),
            zorder=3,
        )
    for name, line, _ in _BOUNDS:
        drawn: dict[bytes, list[str]] = {}
        for label, rows in lines.items():
            values = _values(rows, name)
            if np.isfinite(values).any():
                drawn.setdefault(values.tobytes(), []).append(label)
        for members in drawn.values():
            colour = FAINT if len(members) == len(lines) else look[members[0]].colour
            rows = lines[members[0]]
            axes.plot(
                [row.depth for row in rows],
                _values(rows, name),
                color=colour,
                linestyle=line,
                linewidth=0.8,
                zorder=1,
            )
    scored = next(row.score for rows in lines.values() for row in rows if row.score is not None)
    axes.set_ylabel(measure_of(benchmark) + ("" if scored.higher_is_better else " (lower is better)"))


def _label(row: LayerScore) -> str:
    """Name the line of a row by its group."""
    return ", ".join(format_value(value) for value in row.group.conditions.values()) or "all neurons"


def _legend(
    rows: Sequence[LayerScore], labels: Sequence[str], look: Mapping[str, FamilyStyle]
) -> list[Artist]:
    handles: list[Artist] = [
        Line2D(
            [],
            [],
            color=look[label].colour,
            marker=look[label].marker,
            label=shown(label),
        )
        for label in labels
    ]
    handles.append(Patch(color=FAINT, alpha=0.3, linewidth=0, label="± standard error"))
    for name, line, text in _BOUNDS:
        if np.isfinite(_values(rows, name)).any():
            handles.append(Line2D([], [], color=FAINT, linestyle=line, linewidth=0.8, label=text))
    return handles


def _values(rows: Sequence[LayerScore], name: str) -> FloatArray:
    return np.array([np.nan if row.score is None else getattr(row.score, name) for row in rows])
