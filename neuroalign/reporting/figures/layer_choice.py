"""Choice of a layer inside the training folds: the score of every layer, the chosen ones, and the nested score."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from neuroalign.errors import UsageError
from neuroalign.reporting.figures.style import (
    COLUMN,
    FAINT,
    LETTER,
    TWO_COLUMNS,
    family_styles,
    house_style,
    legend_height,
    legend_rows,
    new_figure,
    shown,
    source,
)
from neuroalign.reporting.figures.time_courses import measure_of
from neuroalign.scoring.chosen_layers import LayerChoice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

#: Panels of one figure at most: a benchmark with a group of neurons is a panel.
MOST_PANELS = 8

# Heights in millimetres: of one panel, and of the labels below.
_PANEL, _BELOW = 42.0, 14.0
# Layers with a name on the axis at most, and letters of a name.
_MOST_NAMES, _LONGEST_NAME = 40, 28
# Layers from which a figure has the width of two columns, and letters of the name of the score in its title.
_WIDE, _LONGEST_TITLE = 25, 80
_STYLE = family_styles(["layers", "score"])
_LAYERS, _SCORE = _STYLE["layers"].colour, _STYLE["score"].colour


@house_style()
def chosen_layers(choices: Sequence[LayerChoice]) -> Figure:
    """Draw the score of every layer, the layers that folds choose, and the score of the choice.

    Parameters
    ----------
    choices : sequence of LayerChoice
        Choices among the same layers on one dataset, one for each benchmark, from
        :func:`neuroalign.scoring.layer_choice.choose_layer`.

    Returns
    -------
    Figure
        A panel for each benchmark and group of neurons. The line has the ordinary score of each layer, the band the
        smallest and largest inner score over folds, and a ring with a number the layers that this number of folds
        chooses. The horizontal line is the score of the choice, for all neurons with a band of one standard error. A
        dashed line is the level of chance.

    Raises
    ------
    UsageError
        If there is no choice, the choices have different layers, or there are more than :data:`MOST_PANELS` panels.
    """
    if not choices:
        raise UsageError("a figure of chosen layers must have a choice, got none")
    names = choices[0].short_names
    if any(choice.short_names != names for choice in choices):
        raise UsageError(
            "a figure of chosen layers must have one list of layers, got benchmarks that left out different ones; draw "
            "one benchmark"
        )
    panels = [(choice, place) for choice in choices for place in range(len(choice.groups))]
    expect_panels(len(panels))
    has_chance = any(np.isfinite(choice.score.null) for choice in choices)
    handles = _legend(has_chance)
    width = TWO_COLUMNS if len(names) > _WIDE else COLUMN
    texts = [shown(name, _LONGEST_NAME) for name in names]
    below = _BELOW + LETTER * max(map(len, texts))
    labels = [str(handle.get_label()) for handle in handles]
    height = _PANEL * len(panels) + below + legend_height(labels, width)
    figure = new_figure(width=width, height=height)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (choice, place) in zip(grid, panels, strict=True):
        _draw_panel(axes, choice, place)
    score = choices[0].score
    between = " " if width == TWO_COLUMNS else "\n"
    dataset = source(score.dataset, simulated=bool(score.provenance.get("simulated")))
    name = shown(score.model, _LONGEST_TITLE) if width == TWO_COLUMNS else shown(score.model)
    heading = f"{name}{between}on {dataset}"
    grid[0].set_title(heading if len(choices[0].groups) == 1 else f"{heading}\n{choices[0].groups[0]}")
    # Every k-th layer has a name where there are many.
    step = -(-len(names) // _MOST_NAMES)
    grid[-1].set_xticks(range(1, len(names) + 1)[::step], texts[::step], rotation=90)
    grid[-1].set_xlabel("layer")
    figure.legend(
        handles=handles, loc="outside lower center", ncols=-(-len(handles) // legend_rows(labels, width))
    )
    return figure


def expect_panels(n_panels: int) -> None:
    """Refuse a figure with too many panels.

    Parameters
    ----------
    n_panels : int
        Number of groups of neurons, over all benchmarks.

    Raises
    ------
    UsageError
        If there are more than :data:`MOST_PANELS`.
    """
    if n_panels > MOST_PANELS:
        raise UsageError(
            f"a figure of chosen layers must have {MOST_PANELS} panels or fewer, got {n_panels}; leave --figure out, "
            "and take --csv or --json"
        )


def _draw_panel(axes: "Axes", choice: LayerChoice, place: int) -> None:
    inner, ordinary = choice.inner[:, :, place], choice.ordinary[:, place]
    x = np.arange(1, len(ordinary) + 1)
    axes.fill_between(
        x,
        np.fmin.reduce(inner, axis=1),
        np.fmax.reduce(inner, axis=1),
        color=_LAYERS,
        alpha=0.2,
        linewidth=0,
        zorder=2,
    )
    axes.plot(x, ordinary, color=_LAYERS, marker=_STYLE["layers"].marker, zorder=3)
    counts = np.bincount(choice.chosen[:, place], minlength=len(ordinary))
    for index in np.flatnonzero(counts):
        axes.plot(
            x[index],
            ordinary[index],
            marker="o",
            markersize=8,
            markerfacecolor="none",
            color=_SCORE,
            linestyle="none",
            zorder=4,
        )
        axes.annotate(
            str(counts[index]),
            (x[index], ordinary[index]),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=_SCORE,
            fontsize=6.5,
        )
    value, error = float(choice.group_scores[place]), choice.score.error
    if len(choice.groups) == 1 and np.isfinite(error):
        axes.axhspan(value - error, value + error, color=_SCORE, alpha=0.15, linewidth=0, zorder=1)
    axes.axhline(value, color=_SCORE, linewidth=0.8, zorder=1)
    if np.isfinite(choice.score.null):
        axes.axhline(choice.score.null, color=FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
    if len(choice.groups) > 1:
        axes.set_title(choice.groups[place])
    # Room for the numbers above the rings.
    axes.margins(x=0.02, y=0.12)
    better = "" if choice.score.higher_is_better else " (lower is better)"
    axes.set_ylabel(measure_of(choice.score.benchmark) + better)


def _legend(has_chance: bool) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], color=_LAYERS, marker=_STYLE["layers"].marker, label="ordinary score"),
        Patch(color=_LAYERS, alpha=0.2, linewidth=0, label="inner scores, range over folds"),
        Line2D(
            [],
            [],
            color=_SCORE,
            marker="o",
            markersize=8,
            markerfacecolor="none",
            linestyle="none",
            label="chosen, with the number of folds",
        ),
        Line2D([], [], color=_SCORE, linewidth=0.8, label="score of the choice"),
    ]
    if has_chance:
        handles.append(Line2D([], [], color=FAINT, linestyle=(0, (4, 2)), linewidth=0.8, label="chance"))
    return handles
