"""Scores of families in rows, with every instance as a point."""

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from neuroalign.comparison import Inference, Sample, infer_own_mean
from neuroalign.metrics.axis_index import SPECIAL
from neuroalign.reporting.figures.families import (
    by_family,
    first_score,
    mean_interval,
    source_of,
    styles_of,
    values_of,
)
from neuroalign.reporting.figures.rows import AROUND, LONGEST_LABEL, ROW, best_first, draw_row, name_rows
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
from neuroalign.results.numbers import name_benchmark
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, cautions_of_instances, is_readable
from neuroalign.scoring.declared import bounds_of, installed_benchmark, limit_interval, statistic_of
from neuroalign.scoring.resampling import AXIS_INDEX, Statistic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Standard errors between a mean and the ends of its 95 % interval.
_NORMAL = 1.96
# Letters of a line of a caution, which is an entry of the legend, and height of such a line in millimetres.
_CAUTION, _LINE = 55, 3.6


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
        Scores by one benchmark on one dataset. The score of a family stands for the scores of its instances.
    statistic : Statistic, optional
        Number of the scores that is drawn; by default their value. An axis index is drawn with its standard error over
        neurons for each instance, and with lines at turned axes (0) and at the smallest special index.
    samples : mapping of str to Sample, optional
        Families as samples of this number, for the intervals of leaderboards over instances and neurons; see
        ``neuroalign.comparison.infer_own_mean``. By default intervals are over instances (Student's t).
    ceiling : iterable of Score
        Scores of the family that provides the ceiling, such as subsets of neurons. Without them the figure shows the
        scores' own ceilings.
    styles : mapping of str to FamilyStyle, optional
        See :func:`neuroalign.reporting.figures.family_styles`.
    ax : Axes, optional
        By default the axes of a new figure.

    Returns
    -------
    Axes
        A point for each instance, and the mean of each family with its 95 % interval, which ends at the bounds of the
        number; for a single model without `samples`, 1.96 of its own standard errors. A band in each row spans the
        chance levels of the instances, and a band over all rows is the 95 % interval of the mean of the ceiling. An
        open bar spans the scores of the neurons with turned tuning, where
        scores have this number. Scores that are NaN are counted beside the name of the family. Families that must not
        be interpreted (:func:`neuroalign.scoring.cautions.is_readable`) are hatched and marked; the cautions of all
        families are below the figure.

    Raises
    ------
    UsageError
        If the scores are not of one kind; see ``neuroalign.reporting.figures.families.by_family``.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, figs. 3b, 4a, 5b and 6b.

    Examples
    --------
    >>> from neuroalign.reporting.figures import scores_by_family
    >>> from neuroalign.testing import make_score
    >>> ax = scores_by_family([make_score(0.1 * seed, model=f"vae[seed={seed}]") for seed in (1, 2, 3)])
    >>> ax.get_xlabel()
    'alignment'
    """
    families = by_family(scores)
    bound = by_family(ceiling) if (ceiling := list(ceiling)) else {}
    scored = families
    if statistic is not None and statistic.identifier != "value":
        families = {name: [_read(score, statistic) for score in scores] for name, scores in scored.items()}
        bound = {}
    first = first_score(families)
    order = best_first(families, higher_is_better=first.higher_is_better)
    look = styles_of(families, styles)
    cautions = _cautions_below(order, scored)
    intervals = {name: infer_own_mean(sample) for name, sample in (samples or {}).items() if name in families}
    benchmark = installed_benchmark(first.benchmark, first.benchmark_version, first.options)
    drawn = statistic or statistic_of(benchmark, "value", first)
    bounds = bounds_of(first.benchmark) if drawn.is_score else (-math.inf, math.inf)
    below = sum(_LINE * (1 + str(entry.get_label()).count("\n")) for entry in cautions)
    axes = new_axes(height=AROUND + ROW * len(order) + below) if ax is None else ax
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
    values = values_of(score for scores in families.values() for score in scores)
    values = values[np.isfinite(values)]
    # Equal values are kept apart by any distance.
    apart = float(np.ptp(values)) / 30 if values.size and np.ptp(values) > 0 else 1.0
    chance = turned = False
    if statistic is not None and statistic.identifier == AXIS_INDEX:
        handles += _axis_lines(axes)
    for row, family in enumerate(order):
        nulls = np.array([score.null for score in families[family]])
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
        ends = _interval(families[family], intervals.get(family))
        limits = limit_interval(*ends, drawn, bounds)
        draw_row(axes, values_of(families[family]), row, look[family], apart, limits)
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
    name_rows(axes, order, families, scored)
    axes.set_xlabel(
        _axis_label(first.benchmark, higher_is_better=first.higher_is_better)
        if statistic is None
        else statistic.label
    )
    axes.set_title(source_of(families))
    legend_below(axes, handles)
    return axes


def _interval(scores: list[Score], inference: Inference | None) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a mean; a single model without a sample has its own standard error."""
    if inference is not None and not inference.reason:
        return inference.ci_low, inference.ci_high
    _, low, high = mean_interval(values_of(scores))
    if len(scores) == 1:
        (score,) = scores
        return score.value - _NORMAL * score.error, score.value + _NORMAL * score.error
    return low, high


def _label_of_mean(intervals: Mapping[str, Inference]) -> str:
    """Name the means and the scope of their intervals."""
    over = sorted({interval.over for interval in intervals.values() if not interval.reason}, key=len)
    return "mean, 95 % CI" + (f" over {' or '.join(over)}" if over else "")


def _ceiling(
    families: Mapping[str, list[Score]], bound: Mapping[str, list[Score]], *, higher_is_better: bool
) -> tuple[float, float, float, str] | None:
    """Return low, middle, high and label of the ceiling; None without a ceiling."""
    if bound:
        name = ", ".join(map(shown, bound))
        mean, low, high = mean_interval(values_of(score for scores in bound.values() for score in scores))
        if np.isnan(mean):
            return None
        # A family that scores above it shows that it is not an upper bound.
        sign = 1.0 if higher_is_better else -1.0
        exceeded = any(
            sign * (mean_interval(values_of(scores))[0] - mean) > 0 for scores in families.values()
        )
        label = name if exceeded else f"ceiling: {name}"
        return (mean, mean, mean, label) if np.isnan(low) else (low, mean, high, label)
    own = np.array([score.ceiling for scores in families.values() for score in scores])
    own = own[np.isfinite(own)]
    return (own.min(), own.mean(), own.max(), "ceiling") if own.size else None


def _read(score: Score, statistic: Statistic) -> Score:
    """Return a score with another of its numbers as the value, and without its own chance and ceiling."""
    nan = float("nan")
    value = score.beside.get(statistic.identifier, nan)
    error = score.beside.get(f"{statistic.identifier}_error", nan)
    return replace(
        score, value=value, error=error, null=nan, ceiling=nan, higher_is_better=statistic.higher_is_better
    )


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


def _cautions_below(order: list[str], families: Mapping[str, list[Score]]) -> list[Artist]:
    """Return an entry of the legend for each caution: hatched where a family must not be interpreted."""
    entries: list[Artist] = []
    for family in order:
        readable = is_readable(*families[family])
        for caution in cautions_of_instances(families[family]):
            text = f"{shown(family, LONGEST_LABEL)}{'' if readable else f' {MARK}'}: {caution}"
            label = "\n".join(textwrap.wrap(text, _CAUTION))
            hatch = None if readable else "////"
            entries.append(Patch(facecolor="none", edgecolor=FAINT, hatch=hatch, linewidth=0, label=label))
    return entries


def _axis_label(benchmark: str, *, higher_is_better: bool) -> str:
    return shown(name_benchmark(benchmark)) + ("" if higher_is_better else " (lower is better)")
