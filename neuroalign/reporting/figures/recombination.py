"""Scores of native neurons joined to scores of mixtures of these neurons."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from neuroalign.errors import UsageError
from neuroalign.reporting.figures.families import (
    by_family,
    first_score,
    mean_interval,
    source_of,
    styles_of,
    values_of,
    wrapped_benchmark,
)
from neuroalign.reporting.figures.rows import AROUND, ROW, best_first, name_rows
from neuroalign.reporting.figures.style import (
    FAINT,
    INK,
    FamilyStyle,
    house_style,
    legend_below,
    new_axes,
    shown,
)
from neuroalign.results.numbers import name_benchmark
from neuroalign.results.score import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Words for the options of a control that have a shorter name.
_MIXTURES = {"abs_gaussian": "absolute Gaussian"}

#: Numbers beside the score of a control that compares native and recombined neurons.
NATIVE_AND_RECOMBINED = ("native", "recombined")


@house_style()
def native_and_recombined(
    scores: Iterable[Score],
    *,
    styles: Mapping[str, FamilyStyle] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the score of every instance on the neurons and, joined to it, on mixtures of them.

    Parameters
    ----------
    scores : iterable of Score
        Scores of a control, with ``native`` and ``recombined`` (mean over draws) beside their value.
    styles, ax
        See :func:`neuroalign.reporting.figures.scores_by_family`.

    Returns
    -------
    Axes
        Two lines of points for each family, filled and open, and at the right the mean drop with its 95 % interval
        over instances (paired).

    Raises
    ------
    UsageError
        If the scores are not of one kind, or have no such numbers.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 3c.

    Examples
    --------
    >>> from neuroalign.reporting.figures import native_and_recombined
    >>> from neuroalign.testing import make_score
    >>> score = make_score(0.2, benchmark="linear_recombination", beside={"native": 0.6, "recombined": 0.4})
    >>> len(native_and_recombined([score]).lines) > 0
    True
    """
    families = by_family(scores)
    for score in (score for scores in families.values() for score in scores):
        if any(name not in score.beside for name in NATIVE_AND_RECOMBINED):
            raise UsageError(
                f"scores must have native and recombined beside their value, got {score.model} by {score.benchmark}; "
                "give scores of native and recombined neurons"
            )
    first = first_score(families)
    order = best_first(families, higher_is_better=True)
    look = styles_of(families, styles)
    axes = new_axes(height=AROUND + 1.4 * ROW * len(order)) if ax is None else ax
    for row, family in enumerate(order):
        pairs = np.array(
            [[score.beside[name] for name in NATIVE_AND_RECOMBINED] for score in families[family]]
        )
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        ends = np.array([row - 0.2, row + 0.2])
        colour, marker = look[family].colour, look[family].marker
        axes.plot(pairs.T, np.tile(ends, (len(pairs), 1)).T, color=colour, linewidth=0.5, alpha=0.45)
        for side, face in enumerate((colour, "white")):
            axes.plot(
                pairs[:, side],
                np.full(len(pairs), ends[side]),
                marker,
                markerfacecolor=face,
                markeredgecolor=colour,
                markeredgewidth=0.5,
                markersize=3,
            )
            if len(pairs):
                axes.plot([pairs[:, side].mean()] * 2, ends[side] + [-0.13, 0.13], color=INK, zorder=4)
        axes.annotate(
            _drop_text(values_of(families[family])),
            (1.0, row),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=6,
        )
    name_rows(axes, order, families)
    kind = first.options.get("kind")
    how = f", {_MIXTURES.get(str(kind), kind)} mixtures" if kind is not None else ""
    axes.set_xlabel(f"{shown(name_benchmark(wrapped_benchmark(first)))}{how}")
    axes.set_title(source_of(families))
    point: dict[str, Any] = {"color": FAINT, "marker": "o", "linestyle": ""}
    handles = [
        Line2D([], [], label="neurons", **point),
        Line2D([], [], label="recombined", markerfacecolor="white", **point),
        Line2D([], [], color=INK, marker="|", markersize=7, linestyle="", label="mean"),
    ]
    legend_below(axes, handles)
    return axes


def _drop_text(drops: NDArray[np.float64]) -> str:
    mean, low, high = mean_interval(drops)
    if np.isnan(mean):
        return "no drop"
    return f"drop {mean:.2f}" + ("" if np.isnan(low) else f"\n({low:.2f} to {high:.2f})")
