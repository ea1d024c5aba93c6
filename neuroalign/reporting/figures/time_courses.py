"""Time courses of scores: a line for each model or group, with chance, ceiling, significant windows and latency."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.names.syntax import format_value
from neuroalign.reporting.figures.style import (
    COLUMN,
    FAINT,
    FamilyStyle,
    family_styles,
    house_style,
    legend_below,
    legend_height,
    new_figure,
    shown,
    source,
)
from neuroalign.results.numbers import name_benchmark
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.time_courses import ALPHA, TimeCourse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

# Heights in millimetres: of one panel, of the label of the horizontal axis, and of a row of significant windows.
_PANEL, _BELOW, _ROW = 42.0, 14.0, 2.4


@house_style()
def courses_over_time(
    courses: Sequence[TimeCourse],
    *,
    dataset: str,
    simulated: bool,
    styles: Mapping[str, FamilyStyle] | None = None,
) -> Figure:
    """Draw the scores of all windows, a panel for each benchmark and a line for each model and group.

    Parameters
    ----------
    courses : sequence of TimeCourse
        Time courses from :func:`neuroalign.scoring.time_courses.time_courses`.
    dataset : str
        Name of the dataset.
    simulated : bool
        Whether the neurons are simulated.
    styles : mapping of str to FamilyStyle, optional
        Style of each line by its label; see :func:`neuroalign.reporting.figures.family_styles`.

    Returns
    -------
    Figure
        Score in the middle of each window, with a band of one standard error. Dashed lines are the level of chance,
        dotted lines the ceiling; a line that all courses share is grey. Bars below the lines are windows with
        p ≤ .05 by the maximum over windows. A triangle is the latency, with its 95 % interval over neurons.

    Raises
    ------
    UsageError
        If there is no course with a score.
    """
    panels: dict[tuple[str, str], list[TimeCourse]] = {}
    for course in courses:
        if any(group.score is not None for group in course.groups):
            panels.setdefault((course.benchmark, repr(sorted(course.groups[0].options.items()))), []).append(
                course
            )
    if not panels:
        raise UsageError("a figure of time courses must have a window with a score, got none")
    labels = _labels([course for members in panels.values() for course in members])
    look = family_styles(labels.values()) if styles is None else styles
    handles = _legend([course for members in panels.values() for course in members], labels, look)
    texts = [str(handle.get_label()) for handle in handles]
    rows = max(map(len, panels.values()))
    height = (_PANEL + _ROW * rows) * len(panels) + _BELOW + legend_height(texts)
    figure = new_figure(width=COLUMN, height=height)
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, members in zip(grid, panels.values(), strict=True):
        _draw_panel(axes, members, labels, look)
    grid[0].set_title(source(dataset, simulated=simulated))
    grid[-1].set_xlabel("time after stimulus onset (ms), middle of the window")
    legend_below(grid[-1], handles)
    return figure


def _draw_panel(
    axes: "Axes", courses: Sequence[TimeCourse], labels: Mapping[int, str], look: Mapping[str, FamilyStyle]
) -> None:
    for course in courses:
        style = look[labels[id(course)]]
        middle, values, errors = _middles(course), _values(course, "value"), _values(course, "error")
        axes.fill_between(
            middle, values - errors, values + errors, color=style.colour, alpha=0.2, linewidth=0, zorder=2
        )
        axes.plot(
            middle,
            values,
            color=style.colour,
            linestyle=style.line,
            marker=style.marker,
            label=shown(labels[id(course)]),
            zorder=3,
        )
    for name, line in (("null", (0, (4, 2))), ("ceiling", (0, (1, 1.5)))):
        _draw_bounds(axes, courses, labels, look, name, line)
    higher = next(g.score.higher_is_better for g in courses[0].groups if g.score is not None)
    axes.set_ylabel(measure_of(courses[0].benchmark) + ("" if higher else " (lower is better)"))
    _draw_significant(axes, courses, labels, look)


def _draw_bounds(
    axes: "Axes",
    courses: Sequence[TimeCourse],
    labels: Mapping[int, str],
    look: Mapping[str, FamilyStyle],
    name: str,
    line: tuple[int, tuple[float, ...]],
) -> None:
    """Draw the levels of chance or the ceilings; equal ones once, in grey."""
    drawn: dict[bytes, list[TimeCourse]] = {}
    for course in courses:
        values = _values(course, name)
        if np.isfinite(values).any():
            drawn.setdefault(values.tobytes(), []).append(course)
    for members in drawn.values():
        colour = FAINT if len(members) == len(courses) else look[labels[id(members[0])]].colour
        middle, values = _middles(members[0]), _values(members[0], name)
        axes.plot(middle, values, color=colour, linestyle=line, linewidth=0.8, zorder=1)


def _draw_significant(
    axes: "Axes", courses: Sequence[TimeCourse], labels: Mapping[int, str], look: Mapping[str, FamilyStyle]
) -> None:
    """Draw the significant windows and the latencies in rows below the lines."""
    low, high = axes.get_ylim()
    # A panel is about as high as its axes; rows take their share of it below the lowest line.
    row = (high - low) * _ROW / _PANEL
    for number, course in enumerate(courses):
        style = look[labels[id(course)]]
        level = low - row * (1.6 * number + 1.3)
        spans = [
            (window[0], window[1] - window[0])
            for window, is_significant in zip(course.windows, course.significant, strict=True)
            if is_significant
        ]
        axes.broken_barh(spans, (level, row * 0.4), color=style.colour, linewidth=0, zorder=2)
        latency = course.latency
        if latency is None:
            continue
        above = level + row * 0.8
        # An interval that ends with no latency runs to the end of the recording.
        end = max(stop for _, stop in course.windows) if np.isinf(latency.high) else latency.high
        if np.isfinite(latency.low):
            axes.plot([latency.low, end], [above, above], color=style.colour, linewidth=0.8, zorder=2)
        axes.plot([latency.start], [above], color=style.colour, marker="v", markersize=4, zorder=4)
    edges = [edge for course in courses for window in course.windows for edge in window]
    axes.set_xlim(min(edges) - 0.02 * np.ptp(edges), max(edges) + 0.02 * np.ptp(edges))
    axes.set_ylim(low - row * (1.6 * len(courses) + 0.3), high)


def _labels(courses: Sequence[TimeCourse]) -> dict[int, str]:
    """Name the line of each course by the model and the group, as far as these differ."""
    several = len({course.model for course in courses}) > 1
    labels = {}
    for course in courses:
        parts = [course.model] if several or not course.conditions else []
        parts += [format_value(value) for value in course.conditions.values()]
        labels[id(course)] = ", ".join(parts)
    return labels


def _legend(
    courses: Sequence[TimeCourse], labels: Mapping[int, str], look: Mapping[str, FamilyStyle]
) -> list[Artist]:
    handles: list[Artist] = []
    for label in dict.fromkeys(labels[id(course)] for course in courses):
        style = look[label]
        handles.append(
            Line2D([], [], color=style.colour, linestyle=style.line, marker=style.marker, label=shown(label))
        )
    handles.append(Patch(color=FAINT, alpha=0.3, linewidth=0, label="± standard error"))
    for name, line, text in (("null", (0, (4, 2)), "chance"), ("ceiling", (0, (1, 1.5)), "ceiling")):
        if any(np.isfinite(_values(course, name)).any() for course in courses):
            handles.append(Line2D([], [], color=FAINT, linestyle=line, linewidth=0.8, label=text))
    if any(course.significant.any() for course in courses):
        handles.append(Line2D([], [], color=FAINT, linewidth=2.5, label=f"p ≤ {ALPHA:.2f}"))
    latencies = [course.latency for course in courses if course.latency is not None]
    if latencies:
        text = "latency, 95 % CI" if any(latency.n_draws for latency in latencies) else "latency"
        handles.append(Line2D([], [], color=FAINT, marker="v", linewidth=0.8, label=text))
    return handles


def measure_of(benchmark: str) -> str:
    """Name the score of a benchmark for an axis: "ridge, correlation r".

    Parameters
    ----------
    benchmark : str
        Identifier; a benchmark that is not installed has its name only.
    """
    name = shown(name_benchmark(benchmark))
    try:
        label = load_benchmark(benchmark).find_statistic("value").label
    except NeuroalignError:
        return name
    return name if label.lower() in (name.lower(), benchmark) else f"{name}, {label}"


def _middles(course: TimeCourse) -> FloatArray:
    return np.array([(start + stop) / 2 for start, stop in course.windows])


def _values(course: TimeCourse, name: str) -> FloatArray:
    return np.array(
        [np.nan if group.score is None else getattr(group.score, name) for group in course.groups]
    )
