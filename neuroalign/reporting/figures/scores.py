"""Scores of families side by side, with every instance as a point."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from neuroalign.comparison import Inference, Sample, infer_own_mean
from neuroalign.errors import UsageError
from neuroalign.metrics.axis_index import SPECIAL
from neuroalign.reporting.figures.families import (
    by_family,
    mean_interval,
    source_of,
    styles_of,
    values_of,
    wrapped_benchmark,
)
from neuroalign.reporting.figures.style import (
    BAND,
    FAINT,
    INK,
    FamilyStyle,
    house_style,
    legend_below,
    new_axes,
    shown,
)
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, cautions_of_instances, is_readable
from neuroalign.scoring.resampling import AXIS_INDEX, Statistic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of a row of a figure, in millimetres, and what is above and below all rows.
_ROW, _AROUND = 6.5, 27.0
# Letters of a name beside a row, which leave the axes two thirds of the width.
_LONGEST_LABEL = 20
# Letters of a line of a caution, which is an entry of the legend.
_CAUTION = 55
# Of such a line, in millimetres.
_LINE = 3.6


@house_style()
def scores_by_family(
    scores: Iterable[Score],
    *,
    statistic: Statistic | None = None,
    samples: Mapping[str, Sample] | None = None,
    ceiling: Iterable[Score] = (),
    styles: Mapping[str, FamilyStyle] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the score of every instance, family by family, the best on top.

    Parameters
    ----------
    scores : iterable of Score
        Of one benchmark on one dataset; a family's score stands for those of its instances.
    statistic : Statistic, optional
        The number of the scores that is drawn; by default their value. An axis index is drawn with its standard error
        over neurons for each instance, and with lines at turned axes (0) and at the least special index.
    samples : mapping of str to Sample, optional
        Families as samples of this number, for the intervals that leaderboards have: over instances and neurons, see
        :func:`neuroalign.comparison.infer_own_mean`. By default intervals are over instances (Student's t).
    ceiling : iterable of Score
        Of the family that serves as the ceiling, such as subsets of neurons. Without it the ceilings that the
        scores have themselves are shown.
    styles : mapping of str to FamilyStyle, optional
        See :func:`neuroalign.reporting.figures.family_styles`.
    ax : Axes, optional
        By default those of a new figure.

    Returns
    -------
    Axes
        With a point for each instance, the mean of each family and its 95 % interval over instances (Student's t; none
        for a single instance), a band over each row from the lowest to the highest chance level of its instances, and
        one over all rows for the ceiling: the 95 % interval of its mean. An open bar spans the scores of the neurons
        with turned tuning, where scores have them. Scores that are NaN are counted beside the family's name. Families
        that must not be interpreted (:func:`neuroalign.scoring.cautions.is_readable`) are hatched and have a
        mark; the cautions of all families are below the figure.

    Raises
    ------
    UsageError
        If the scores are not of one kind; see :func:`neuroalign.reporting.figures.families.by_family`.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 3b, 4a, 5b and 6b.
    """
    families = by_family(scores)
    bound = by_family(ceiling) if (ceiling := list(ceiling)) else {}
    scored = families
    if statistic is not None and statistic.identifier != "value":
        families = {name: [_read(score, statistic) for score in scores] for name, scores in scored.items()}
        bound = {}
    first = next(iter(families.values()))[0]
    order = _best_first(families, higher_is_better=first.higher_is_better)
    look = styles_of(families, styles)
    cautions = _cautions_below(order, scored)
    intervals = {name: infer_own_mean(sample) for name, sample in (samples or {}).items() if name in families}
    below = sum(_LINE * (1 + str(entry.get_label()).count("\n")) for entry in cautions)
    axes = new_axes(height=_AROUND + _ROW * len(order) + below) if ax is None else ax
    handles: list[Artist] = [
        Line2D([], [], color=FAINT, marker="o", linestyle="", alpha=0.7, label="instance"),
        Line2D([], [], color=INK, marker="|", markersize=7, label=_label_of_mean(intervals)),
    ]
    limit = _ceiling(families, bound, higher_is_better=first.higher_is_better)
    if limit is not None:
        low, middle, high, label = limit
        axes.axvspan(low, high, color=BAND, linewidth=0.8, zorder=0)
        axes.axvline(middle, color=FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
        handles.append(Line2D([], [], color=FAINT, linestyle=(0, (4, 2)), linewidth=0.8, label=label))
    every = values_of(each for of in families.values() for each in of)
    every = every[np.isfinite(every)]
    # Where all are equal, any distance keeps the points apart.
    apart = float(np.ptp(every)) / 30 if every.size and np.ptp(every) > 0 else 1.0
    chance = turned = False
    if statistic is not None and statistic.identifier == AXIS_INDEX:
        handles += _axis_lines(axes)
    for row, family in enumerate(order):
        nulls = np.array([each.null for each in families[family]])
        nulls = nulls[np.isfinite(nulls)]
        if nulls.size:
            chance = True
            width = [(nulls.min(), np.ptp(nulls))]
            axes.broken_barh(width, (row - 0.42, 0.84), color="#c9c9c9", linewidth=0.8, zorder=1)
        levels = np.array([score.beside.get("turned", np.nan) for score in families[family]])
        levels = levels[np.isfinite(levels)]
        if levels.size and statistic is None:
            turned = True
            width = [(levels.min(), np.ptp(levels))]
            axes.broken_barh(
                width, (row - 0.42, 0.84), facecolor="none", edgecolor=FAINT, linewidth=0.8, zorder=1
            )
        if statistic is not None and statistic.identifier == AXIS_INDEX:
            _errors(axes, families[family], row, look[family])
        _row(axes, values_of(families[family]), row, look[family], apart, intervals.get(family))
    if chance:
        handles.append(Patch(color="#c9c9c9", label="chance"))
    if turned:
        handles.append(Patch(facecolor="none", edgecolor=FAINT, label="turned tuning"))
    for row, family in enumerate(order):
        if not is_readable(*scored[family]):
            axes.axhspan(
                row - 0.45, row + 0.45, facecolor="none", edgecolor=BAND, hatch="////", linewidth=0, zorder=0
            )
    handles += cautions
    _name_rows(axes, order, families, scored)
    axes.set_xlabel(
        _axis_label(first.benchmark, higher_is_better=first.higher_is_better)
        if statistic is None
        else statistic.label
    )
    axes.set_title(source_of(families))
    legend_below(axes, handles)
    return axes


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
        By linear recombination: ``native`` and ``recombined`` (the mean over draws) are beside their value.
    styles, ax
        See :func:`scores_by_family`.

    Returns
    -------
    Axes
        With two lines of points for each family, filled and open, and at the right the mean drop with its 95 %
        interval over instances, paired.

    Raises
    ------
    UsageError
        If the scores are not of one kind, or not by linear recombination.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 3c.
    """
    families = by_family(scores)
    for score in (each for of in families.values() for each in of):
        if "native" not in score.beside or "recombined" not in score.beside:
            raise UsageError(
                f"the score of {score.model} by {score.benchmark} is not of native and recombined neurons; "
                "give scores by linear_recombination"
            )
    first = next(iter(families.values()))[0]
    order = _best_first(families, higher_is_better=True)
    look = styles_of(families, styles)
    axes = new_axes(height=_AROUND + 1.4 * _ROW * len(order)) if ax is None else ax
    for row, family in enumerate(order):
        pairs = np.array([[each.beside["native"], each.beside["recombined"]] for each in families[family]])
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
    _name_rows(axes, order, families)
    how = f", mixed by {first.options['kind']}" if "kind" in first.options else ""
    axes.set_xlabel(f"{_words(wrapped_benchmark(first))}{how}")
    axes.set_title(source_of(families))
    point: dict[str, Any] = {"color": FAINT, "marker": "o", "linestyle": ""}
    handles = [
        Line2D([], [], label="neurons", **point),
        Line2D([], [], label="recombined", markerfacecolor="white", **point),
        Line2D([], [], color=INK, marker="|", markersize=7, linestyle="", label="mean"),
    ]
    legend_below(axes, handles)
    return axes


def _best_first(families: Mapping[str, list[Score]], *, higher_is_better: bool) -> list[str]:
    def rank(family: str) -> tuple[bool, float, str]:
        mean, _, _ = mean_interval(values_of(families[family]))
        return bool(np.isnan(mean)), -mean if higher_is_better else mean, family

    return sorted(families, key=rank)


def _label_of_mean(intervals: Mapping[str, Inference]) -> str:
    """Name the means and their intervals, with all that these are over."""
    over = sorted({interval.over for interval in intervals.values() if not interval.reason}, key=len)
    return "mean, 95 % CI" + (f" over {' or '.join(over)}" if over else "")


def _row(
    axes: "Axes",
    values: NDArray[np.float64],
    row: int,
    style: FamilyStyle,
    apart: float,
    interval: Inference | None = None,
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
    if interval is not None and not interval.reason:
        low, high = interval.ci_low, interval.ci_high
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


def _ceiling(
    families: Mapping[str, list[Score]], bound: Mapping[str, list[Score]], *, higher_is_better: bool
) -> tuple[float, float, float, str] | None:
    """Return low, middle, high and label of the ceiling, if there is one."""
    if bound:
        name = ", ".join(map(shown, bound))
        mean, low, high = mean_interval(values_of(each for of in bound.values() for each in of))
        if np.isnan(mean):
            return None
        # What a family exceeds is no ceiling.
        sign = 1.0 if higher_is_better else -1.0
        exceeded = any(sign * (mean_interval(values_of(of))[0] - mean) > 0 for of in families.values())
        label = name if exceeded else f"ceiling: {name}"
        return (mean, mean, mean, label) if np.isnan(low) else (low, mean, high, label)
    own = np.array([each.ceiling for of in families.values() for each in of])
    own = own[np.isfinite(own)]
    return (own.min(), own.mean(), own.max(), "ceiling") if own.size else None


def _read(score: Score, statistic: Statistic) -> Score:
    """Return a score whose value is another number of it, without the chance and the ceiling of the score itself."""
    nan = float("nan")
    value = score.beside.get(statistic.identifier, nan)
    return replace(score, value=value, null=nan, ceiling=nan, higher_is_better=statistic.higher_is_better)


def _axis_lines(axes: "Axes") -> list[Artist]:
    """Draw the levels of an axis index; return their entries of the legend."""
    axes.axvline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    axes.axvline(SPECIAL, color=FAINT, linestyle=(0, (1, 2)), linewidth=0.8, zorder=0)
    return [
        Line2D([], [], color=FAINT, linewidth=0.8, label="turned axes"),
        Line2D([], [], color=FAINT, linestyle=(0, (1, 2)), linewidth=0.8, label=f"κ = {SPECIAL:.2f}"),
    ]


def _errors(axes: "Axes", scores: list[Score], row: int, style: FamilyStyle) -> None:
    """Draw the standard error over neurons of each instance's axis index."""
    for score in scores:
        error = score.beside.get(f"{AXIS_INDEX}_error", np.nan)
        if np.isfinite([score.value, error]).all():
            ends = [score.value - error, score.value + error]
            axes.plot(ends, [row - 0.12] * 2, color=style.colour, linewidth=0.6, alpha=0.5, zorder=1)


def _name_rows(
    axes: "Axes",
    order: list[str],
    families: Mapping[str, list[Score]],
    scored: Mapping[str, list[Score]] | None = None,
) -> None:
    """Write the name of each family beside its row, with a mark where `scored`, its scores, must not be read."""
    labels = []
    for family in order:
        n, missing = len(families[family]), int((~np.isfinite(values_of(families[family]))).sum())
        without = f", {missing} without a score" if missing else ""
        mark = "" if is_readable(*(scored or families)[family]) else f" {MARK}"
        labels.append(f"{shown(family, _LONGEST_LABEL)}{mark}\n(n = {n - missing}{without})")
    axes.set_yticks(range(len(order)), labels)
    axes.set_ylim(len(order) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _cautions_below(order: list[str], families: Mapping[str, list[Score]]) -> list[Artist]:
    """Return an entry of the legend for each caution: hatched where a family must not be interpreted."""
    entries: list[Artist] = []
    for family in order:
        readable = is_readable(*families[family])
        for caution in cautions_of_instances(families[family]):
            text = f"{shown(family, _LONGEST_LABEL)}{'' if readable else f' {MARK}'}: {caution}"
            label = "\n".join(textwrap.wrap(text, _CAUTION))
            hatch = None if readable else "////"
            entries.append(Patch(facecolor="none", edgecolor=FAINT, hatch=hatch, linewidth=0, label=label))
    return entries


def _drop_text(drops: NDArray[np.float64]) -> str:
    mean, low, high = mean_interval(drops)
    if np.isnan(mean):
        return "no drop"
    return f"drop {mean:.2f}" + ("" if np.isnan(low) else f"\n({low:.2f} to {high:.2f})")


def _words(name: str) -> str:
    return shown(name.replace("_", " "))


def _axis_label(benchmark: str, *, higher_is_better: bool) -> str:
    return _words(benchmark) + ("" if higher_is_better else " (lower is better)")
