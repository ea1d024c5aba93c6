"""Tables of the scores of groups of a dataset and of windows of time, a row for each, as plain text."""

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from neuroalign.errors import count_noun, format_p, name_some
from neuroalign.names.syntax import format_spec, format_value
from neuroalign.reporting.text.score_columns import (
    P_OF_SHUFFLES,
    Column,
    lay_out_rows,
    pack_columns,
    score_columns,
)
from neuroalign.reporting.text.scores import describe_axes, legend, tell_apart
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, is_readable, merge_cautions_of_instances
from neuroalign.scoring.declared import number_of
from neuroalign.scoring.grouped import GroupScore
from neuroalign.scoring.resampling import AXIS_INDEX
from neuroalign.scoring.time_courses import ALPHA, Latency, TimeCourse

# Letters of the column of names above which values are joined, and letters of a line of a joined name.
_WIDEST, _LONGEST_LINE = 34, 22
# Shuffles below which finer p-values are worth a hint, and the number of shuffles in the hint.
_FEW_SHUFFLES, _ENOUGH_SHUFFLES = 199, 999
# Fewest letters of a terminal for which numbers are laid out in columns.
_NARROWEST = 40


def group_table(
    groups: Sequence[GroupScore],
    *,
    dataset: str,
    simulated: bool,
    courses: Sequence[TimeCourse] = (),
    width: int = 80,
) -> str:
    """Lay out the scores of the groups of one dataset: cautions, then a table for each benchmark.

    Parameters
    ----------
    groups : sequence of GroupScore
        Scores from :func:`neuroalign.scoring.grouped.score_by`, of one model or of several.
    dataset : str
        Name of the whole dataset.
    simulated : bool
        Whether the neurons are simulated.
    courses : sequence of TimeCourse
        Tests over windows from :func:`neuroalign.scoring.time_courses.time_courses`; empty without windows.
    width : int
        Largest number of letters of a line.

    Returns
    -------
    str
    """
    scored = [group for group in groups if group.score is not None]
    scores = tell_apart([group.score for group in scored if group.score is not None])
    tables: dict[str, list[tuple[GroupScore, Score]]] = {}
    for group, score in zip(scored, scores, strict=True):
        tables.setdefault(score.benchmark, []).append((group, score))
    noun = _noun(groups)
    cautions = _cautions(list(tables.values()), noun)
    marked = any(not is_readable(score) for score in scores)
    columns: list[Column] = []
    blocks = [
        wrap(_title(groups, dataset, simulated), width),
        [
            line
            for text in cautions
            for line in wrap(f"caution{f' ({MARK})' if marked else ''}: {text}", width)
        ],
    ]
    for members in tables.values():
        lines, shown = _block(members, courses, noun, width)
        blocks.append(lines)
        columns += shown
    blocks += [
        legend(columns, width),
        [line for text in describe_missing(groups) for line in wrap(text, width)],
        [line for text in _notes(list(tables.values()), cautions, noun) for line in wrap(text, width)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def describe_missing(groups: Sequence[GroupScore]) -> list[str]:
    """Name the groups without a score, each reason once.

    Parameters
    ----------
    groups : sequence of GroupScore

    Returns
    -------
    list of str
    """
    names: dict[tuple[str, str, bool], list[str]] = {}
    for group in groups:
        if group.reason:
            # Reasons that differ in the name of the part only are one reason.
            reason = " ".join(group.reason.split()).replace(group.dataset, "the part")
            size = f" ({count_noun(group.n_neurons, 'neuron')})" if group.n_neurons else ""
            key = (group.benchmark, reason, group.score is None)
            names.setdefault(key, []).append(f"[{group.name}]{size}" if group.name else group.dataset)
    lines = []
    for (benchmark, reason, is_missing), named in names.items():
        subject = f"all {len(named)} groups" if len(named) == len(groups) > 1 else name_some(named, most=4)
        lines.append(f"{'no ' if is_missing else ''}{benchmark} for {subject}: {reason}")
    return lines


def describe_latency(course: TimeCourse, name: str = "") -> str:
    """State the latency of a time course in one sentence.

    Parameters
    ----------
    course : TimeCourse
    name : str
        Name of the model or group in front; empty for none.
    """
    prefix = f"latency{f' of {name}' if name else ''}: "
    if course.why_no_p:
        return f"{prefix}unknown, because {course.why_no_p}"
    latency = course.latency
    if latency is None:
        return f"{prefix}none, no window has p ≤ {ALPHA:.2f}"
    window = f"{latency.start:g} ms (window {latency.start:g} to {latency.stop:g} ms, midpoint {latency.midpoint:g} ms)"
    return f"{prefix}{window}{_interval(latency)}"


def _interval(latency: Latency) -> str:
    if not latency.n_draws:
        return f"; no interval: {latency.why_no_interval}" if latency.why_no_interval else ""
    ends = ["no latency" if math.isinf(end) else f"{end:g} ms" for end in (latency.low, latency.high)]
    without = f", {latency.without:.1%} without latency" if latency.without else ""
    return f"; 95 % interval {ends[0]} to {ends[1]} ({latency.n_draws:,} draws of neurons{without})"


def _title(groups: Sequence[GroupScore], dataset: str, simulated: bool) -> str:
    models = list(dict.fromkeys(group.model for group in groups))
    columns = list(groups[0].conditions)
    by = f" by {', '.join(columns)}" if columns else ""
    windows = {group.window for group in groups if group.window is not None}
    within = f" in {count_noun(len(windows), 'window')}" if windows else ""
    kind = "simulated neurons" if simulated else "recorded neurons"
    return f"{', '.join(models)} on {dataset}{by}{within} ({kind})"


def _noun(groups: Sequence[GroupScore]) -> str:
    return "windows" if all(not group.conditions for group in groups) else "groups"


def _cautions(tables: Sequence[Sequence[tuple[GroupScore, Score]]], noun: str) -> list[str]:
    """Return the cautions about all groups, each reason once with the number of groups."""
    rows = [[instance for _, score in table for instance in score.instances or (score,)] for table in tables]
    has_instances = any(score.instances for table in tables for _, score in table)
    return merge_cautions_of_instances(rows, "instances" if has_instances else noun)


def _block(
    members: Sequence[tuple[GroupScore, Score]], courses: Sequence[TimeCourse], noun: str, width: int
) -> tuple[list[str], list[Column]]:
    """Lay out the groups of one benchmark; return the lines and the columns."""
    first = members[0][1]
    direction = "" if first.higher_is_better else ", lower is better"
    over = " or ".join(dict.fromkeys(score.error_over for _, score in members))
    lines = wrap(f"{first.benchmark}{direction} (± is the standard error over {over})", width)
    if not any(score.instances for _, score in members):
        lines += wrap(describe_axes([score for _, score in members], noun), width)
    heading, names = _names(members)
    name_width = max(len(line) for text in (heading, *names) for line in text.split("\n"))
    columns = _columns(members, courses)
    # One table: columns that do not fit are in the JSON document.
    shown, *hidden = pack_columns(columns, max(width - name_width, _NARROWEST))
    cells = zip(names, *(column.cells for column in shown), strict=True)
    headings = [heading, *(column.heading for column in shown)]
    lines += ["", *lay_out_rows(headings, list(cells), name_width)]
    if hidden:
        n_hidden = sum(map(len, hidden))
        lines += wrap(f"({count_noun(n_hidden, 'more number')} of each row with --json)", width)
    own = [course for course in courses if any(group in course.groups for group, _ in members)]
    if own:
        lines += ["", *(line for text in _describe_courses(own) for line in wrap(text, width))]
    return lines, shown


def _names(members: Sequence[tuple[GroupScore, Score]]) -> tuple[str, list[str]]:
    """Return the heading of the names, and the name of each row with a mark where it must not be interpreted."""
    several = len({group.model for group, _ in members}) > 1
    columns = list(members[0][0].conditions)
    has_windows = members[0][0].window is not None
    headings = ["model"] * several + columns + ["window (ms)"] * has_windows
    table = []
    for group, score in members:
        cells = [group.model] * several + [format_value(group.conditions[column]) for column in columns]
        if group.window is not None:
            cells.append(f"{group.window[0]:g} to {group.window[1]:g}")
        if not is_readable(score):
            cells[-1] += f" {MARK}"
        table.append(cells)
    widths = [max(map(len, column)) for column in zip(headings, *table, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) <= _WIDEST:
        padded = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (headings, *table)
        ]
        return padded[0], padded[1:]
    joined = ["\n".join(textwrap.wrap(", ".join(row), _LONGEST_LINE)) for row in (headings, *table)]
    return joined[0], joined[1:]


def _columns(members: Sequence[tuple[GroupScore, Score]], courses: Sequence[TimeCourse]) -> list[Column]:
    """Return the sizes of the groups, the score, its p-value over windows, and the numbers beside the score."""
    groups = [group for group, _ in members]
    p_values = {id(group): p for course in courses for group, p in zip(course.groups, course.p, strict=True)}
    has_p = any(math.isfinite(p_values.get(id(group), math.nan)) for group in groups)
    columns = [Column("neurons", "neurons", [f"{group.n_neurons:,}" for group in groups])]
    if len({group.n_stimuli for group in groups}) > 1:
        columns.append(Column("stimuli", "stimuli", [f"{group.n_stimuli:,}" for group in groups]))
    scores = [_without_p(score, has_p) for _, score in members]
    score, *others = score_columns(scores)
    columns.append(score)
    if has_p:
        p = [p_values.get(id(group), math.nan) for group in groups]
        cells = [f"{write_number(value, 'p')} {'*' if value <= ALPHA else ' '}" for value in p]
        columns.append(
            Column(f"p by the maximum over windows, * for p ≤ {ALPHA:.2f}", "p over\nwindows", cells)
        )
    # The numbers that a reader needs first: the axis index, the bounds of the score, its p-value.
    index = [number_of(scores[0].benchmark, key).label for key in (AXIS_INDEX, f"{AXIS_INDEX}_p")]
    p_labels = [P_OF_SHUFFLES, *(label for score in scores for label in _p_labels(score))]
    first = list(dict.fromkeys([*index, "chance", "ceiling", *p_labels]))
    others.sort(key=lambda column: first.index(column.text) if column.text in first else len(first))
    return [*columns, *others]


def _p_labels(score: Score) -> list[str]:
    numbers = [number_of(score.benchmark, key) for key in score.beside]
    return [number.label for number in numbers if number.kind == "p"]


def _without_p(score: Score, has_p: bool) -> Score:
    """Leave out p-values and flags of the mean of a family, and p-values of single windows beside p over windows."""
    if not (score.instances or has_p):
        return score
    left_out = {
        key
        for key in score.beside
        if number_of(score.benchmark, key).kind in (("p", "flag") if score.instances else ("p",))
        and (score.instances or not key.startswith(AXIS_INDEX))
    }
    return replace(
        score,
        beside={key: value for key, value in score.beside.items() if key not in left_out},
        provenance={key: value for key, value in score.provenance.items() if key != "permutation_p"},
    )


def _describe_courses(courses: Sequence[TimeCourse]) -> list[str]:
    """Describe the test over windows and the latency of each time course of one benchmark."""
    lines = []
    tested = [course for course in courses if not course.why_no_p]
    if tested:
        n = min(course.n_permutations for course in tested)
        n_windows = max(len(course.groups) for course in tested)
        smallest = 1 / (1 + n)
        text = f"p over windows: largest of {n_windows} windows in each of {n:,} shuffles"
        if n < _FEW_SHUFFLES:
            options = tested[0].groups[0].options
            finer = (
                format_spec(tested[0].benchmark, {"n_permutations": _ENOUGH_SHUFFLES})
                if options.get("n_permutations") == n
                else f"--permutations {_ENOUGH_SHUFFLES}"
            )
            text += f"; the smallest possible p is {format_p(smallest)}, and {finer} gives finer values"
        lines.append(text)
    several = len({course.model for course in courses}) > 1
    for course in courses:
        parts = [course.model] * several
        parts += [f"{name}={format_value(value)}" for name, value in course.conditions.items()]
        lines.append(describe_latency(course, ", ".join(parts)))
    if tested:
        lines.append(
            f"latency is the start of the first window with p ≤ {ALPHA:.2f}; its interval draws neurons with "
            "replacement"
        )
    return lines


def _notes(
    tables: Sequence[Sequence[tuple[GroupScore, Score]]], cautions: Sequence[str], noun: str
) -> list[str]:
    """Return notes of the scores; notes that differ in numbers only are shown once, with the number of groups."""
    lines = []
    for members in tables:
        alike: dict[str, list[tuple[str, str]]] = {}
        for group, score in members:
            for note in score.notes:
                # The table has the numbers of neurons and stimuli.
                if note not in cautions and note != score.provenance.get("part"):
                    kind = re.sub(r"\d[\d.,]*", "0", note.replace(group.dataset, ""))
                    alike.setdefault(kind, []).append((group.name, note))
        for notes in alike.values():
            text = f"{members[0][1].benchmark}: {notes[0][1]}"
            same = len({note for _, note in notes}) == 1
            if len(notes) == 1 and len(members) > 1:
                text += f" [{notes[0][0]}]"
            elif not same:
                text += f" [{notes[0][0]}; similarly for {len(notes) - 1} other {noun}]"
            elif len(notes) < len(members):
                text += f" [{len(notes)} of {len(members)} {noun}]"
            lines.append(text)
    return lines
