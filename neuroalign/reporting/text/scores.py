"""Tables of scores as plain text, with cautions, notes and a legend."""

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tabulate import tabulate

from neuroalign.metrics.axis_index import ALPHA
from neuroalign.metrics.axis_index import SPECIAL as LEAST_SPECIAL
from neuroalign.names.syntax import format_spec
from neuroalign.reporting.text.score_columns import (
    SPECIAL,
    Column,
    finite_mean,
    lay_out_rows,
    pack_columns,
    score_columns,
    write_with_error,
)
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import Kind, write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, is_readable, merge_cautions_of_instances
from neuroalign.scoring.evaluate import Failure
from neuroalign.scoring.resampling import AXIS_INDEX

#: Reason for which axes are not special although p of κ is small, in words for a user.
WITHIN_ERROR = (
    f"special axes need κ minus 1.645 standard errors above {LEAST_SPECIAL:.2f}, beside p ≤ {ALPHA:g}"
)
#: Hypothesis that the p-value of ``--permutations`` tests.
PREDICTION = "it tests whether units and neurons have something in common, not whether their axes are special"

# Letters of a line of a name, which leave two thirds of an 80-column terminal to the numbers.
_LONGEST_NAME = 22
# Name of the row of standard errors over instances.
_SE = "SE of the mean"
# Instances of a family above which numbers that do not fit beside the score are shown as means only.
_MOST_ROWS = 20


def score_table(scores: Sequence[Score], *, is_family: bool, width: int = 80) -> str:
    """Lay out all numbers of one model or one family: cautions, then a block for each benchmark.

    Parameters
    ----------
    scores : sequence of Score
        Scores of one model, or of the instances of one family, on one dataset.
    is_family : bool
        Whether to add the mean and standard error over instances.
    width : int
        Largest number of letters of a line.

    Returns
    -------
    str
    """
    scores = tell_apart(scores)
    groups = group_by_benchmark(scores)
    cautions = merge_cautions_of_instances(groups)
    blocks = [
        title_lines(scores, width),
        caution_lines(scores, cautions, width),
        *(_block(group, is_family=is_family, width=width) for group in groups),
        legend((column for group in groups if len(group) > 1 for column in score_columns(group)), width),
        note_lines(scores, cautions, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def group_by_benchmark(scores: Sequence[Score]) -> list[list[Score]]:
    """Return the scores by each benchmark, in the order of their first scores."""
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.benchmark, []).append(score)
    return list(groups.values())


def title_lines(scores: Sequence[Score], width: int) -> list[str]:
    """Name the model and the dataset, and describe the recording."""
    return [*wrap(_title(scores), width), *wrap(_describe_recording(scores), width)]


def caution_lines(scores: Sequence[Score], cautions: Sequence[str], width: int) -> list[str]:
    """Write cautions in lines of a width, with the mark of the scores that must not be interpreted."""
    mark = "" if all(map(is_readable, scores)) else f" ({MARK})"
    return [line for caution in cautions for line in wrap(f"caution{mark}: {caution}", width)]


def note_lines(scores: Sequence[Score], cautions: Sequence[str], width: int) -> list[str]:
    """Write the notes of scores in lines of a width; cautions are left out."""
    notes = _notes(scores, cautions)
    if any(score.provenance.get("permutation_p") is not None for score in scores):
        notes.insert(0, f"p against shuffled stimuli: {PREDICTION}")
    return [line for note in notes for line in wrap(note, width)]


def describe_axes(scores: Sequence[Score], noun: str = "instances") -> str:
    """State in one line whether the axes of a model are special, or for how many instances of a family.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances by one benchmark.
    noun : str
        Plural noun for the scores: "instances" of a family, or "groups" of a dataset.

    Returns
    -------
    str
        Empty for scores without an axis index.
    """
    if any(score.options.get("turns") == 0 for score in scores):
        return "no axis index κ: turns = 0"
    with_index = [score for score in scores if math.isfinite(score.beside.get(AXIS_INDEX, math.nan))]
    if not with_index:
        return ""
    readable = [score for score in with_index if is_readable(score)]
    special = sum(score.beside.get(SPECIAL) == 1 for score in readable)
    numbers = _describe_index(with_index)
    if len(scores) == 1:
        if not readable:
            return f"do not interpret the axes ({numbers})"
        reason = f"; {WITHIN_ERROR}" if is_within_error(readable[0]) else ""
        return f"{'axes are special' if special else 'no axis is special'} ({numbers}{reason})"
    n = f"{len(readable)} {noun}"
    n_unreadable = len(with_index) - len(readable)
    unread = f"; {n_unreadable} more must not be interpreted" if n_unreadable else ""
    if not readable:
        return f"do not interpret the axes of any of {len(with_index)} {noun} ({numbers})"
    if special == len(readable):
        return f"axes are special for all {n} ({numbers}){unread}"
    verdict = f"axes are special for {special} of {n}" if special else f"no axis is special for any of {n}"
    return f"{verdict} ({numbers}){unread}"


def is_within_error(score: Score) -> bool:
    """Return whether turned tuning rejects axes without a match, and the error over neurons leaves κ too uncertain."""
    return score.beside.get(SPECIAL) == 0 and score.beside.get(f"{AXIS_INDEX}_p", math.nan) <= ALPHA


def _describe_index(scores: Sequence[Score]) -> str:
    index, error, p = (
        [score.beside.get(f"{AXIS_INDEX}{key}", math.nan) for score in scores] for key in ("", "_error", "_p")
    )
    if len(scores) == 1:
        return f"κ = {write_with_error(index[0], error[0])}, p = {write_number(p[0], 'p')}"
    finite = [value for value in p if math.isfinite(value)] or [math.nan]
    return f"κ = {_write_range(index)}, p = {_write_range(finite, 'p')}"


def _write_range(numbers: Sequence[float], kind: Kind = "number") -> str:
    """Write the smallest and the largest number, or one number if both are written alike."""
    low, high = (write_number(pick(numbers), kind) for pick in (min, max))
    return low if low == high else f"{low} to {high}"


def _title(scores: Sequence[Score]) -> str:
    first = scores[0]
    kind = "simulated neurons" if first.provenance.get("simulated") else "recorded neurons"
    models = list(dict.fromkeys(score.model for score in scores))
    name = models[0] if len(models) == 1 else f"{first.family}, {len(models)} instances,"
    return f"{name} on {first.dataset} ({kind})"


def _describe_recording(scores: Sequence[Score]) -> str:
    """Write the numbers of neurons and stimuli, where all scores have the same, and the reliability."""
    parts = []
    for key, noun in (("n_neurons", "neurons"), ("n_stimuli", "stimuli")):
        numbers = {score.provenance.get(key) for score in scores}
        if len(numbers) == 1 and isinstance(number := numbers.pop(), int):
            parts.append(f"{number:,} {noun}")
    reliability = [score.beside["reliability"] for score in scores if "reliability" in score.beside]
    if reliability:
        mean = finite_mean(reliability)
        parts.append(
            "reliability is unknown" if math.isnan(mean) else f"reliability of the median neuron {mean:.3f}"
        )
    return ", ".join(parts)


def _block(scores: Sequence[Score], *, is_family: bool, width: int) -> list[str]:
    """Lay out the scores of all instances by one benchmark."""
    first = scores[0]
    direction = "" if first.higher_is_better else ", lower is better"
    over = " or ".join(dict.fromkeys(score.error_over for score in scores))
    heading = f"{first.benchmark}{direction} (± is the standard error over {over})"
    lines = [*wrap(heading, width), *wrap(describe_axes(scores), width), ""]
    columns = score_columns(scores)
    if len(scores) == 1:
        mark = "" if is_readable(first) else f" {MARK}"
        rows = [[column.text, column.cells[0] + (mark if column.error else "")] for column in columns]
        table = tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=["left", "left"])
        return [*lines, *(f"  {line}" for line in table.splitlines())]
    names = _row_names(scores)
    name_width = max(len(line) for name in (*names, _SE) for line in name.split("\n"))
    for i, shown in enumerate(pack_columns(columns, width - name_width)):
        rows = [] if i and len(scores) > _MOST_ROWS else [[name] for name in names]
        for row, cells in zip(rows, zip(*(column.cells for column in shown), strict=True), strict=False):
            row += cells
        if is_family:
            means = [f"mean of {len(scores)}", *(column.mean for column in shown)]
            errors = [_SE, *(column.error for column in shown)]
            rows += [[""] * len(means)] if rows else []
            rows += [means, errors] if any(errors[1:]) else [means]
        lines += [
            *([""] if i else []),
            *lay_out_rows(["", *(column.heading for column in shown)], rows, name_width),
        ]
    return lines


def legend(columns: Iterable[Column], width: int) -> list[str]:
    """Explain abbreviated headings of columns in lines of a width."""
    meanings = {column.heading.replace("-\n", "").replace("\n", " "): column.text for column in columns}
    return wrap("; ".join(f"{name}: {text}" for name, text in meanings.items() if name != text), width)


def _row_names(scores: Sequence[Score]) -> list[str]:
    """Name the instances by their options where these differ, with a mark for scores that must not be interpreted."""
    names = [re.sub(r"^\w+\[(.*)\]$", r"\1", score.model) for score in scores]
    if len(set(names)) < len(names):
        names = [score.model for score in scores]
    marked = [
        name if is_readable(score) else f"{name} {MARK}" for name, score in zip(names, scores, strict=True)
    ]
    return ["\n".join(textwrap.wrap(name, _LONGEST_NAME)) for name in marked]


def tell_apart(scores: Sequence[Score]) -> list[Score]:
    """Name a benchmark with several sets of options by the options that differ, such as ``[n_units=50]``.

    Parameters
    ----------
    scores : sequence of Score

    Returns
    -------
    list of Score
        Scores in the same order, with the new names.
    """
    variants: dict[str, list[Mapping[str, Any]]] = {}
    for score in scores:
        options = variants.setdefault(score.benchmark, [])
        if score.options not in options:
            options.append(score.options)

    def named(score: Score) -> Score:
        differing = {
            name: value
            for name, value in score.options.items()
            if any(other.get(name) != value for other in variants[score.benchmark])
        }
        return replace(score, benchmark=format_spec(score.benchmark, differing))

    return [named(score) for score in scores]


def _notes(scores: Sequence[Score], cautions: Sequence[str]) -> list[str]:
    """Return each note once, with its models unless it holds for all of them; cautions are left out."""
    models = {score.model for score in scores}
    holds: dict[tuple[str, str], list[str]] = {}
    for score in scores:
        for note in score.notes:
            if note not in cautions:
                holds.setdefault((score.benchmark, note), []).append(score.model)
    lines = []
    for (benchmark, note), names in holds.items():
        subject = names[0] if len(names) == 1 else f"{len(names)} models"
        lines.append(f"{benchmark}: {note}" + ("" if len(names) == len(models) else f" [{subject}]"))
    return lines


def describe_failures(failures: Sequence[Failure]) -> list[str]:
    """Describe scores that could not be computed: each reason once, with its benchmarks and models.

    Parameters
    ----------
    failures : sequence of Failure
        Failures from ``neuroalign.scoring.evaluate.score_all``.

    Returns
    -------
    list of str
    """
    models: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        reason = " ".join(str(failure.reason).split())
        models.setdefault((failure.benchmark, reason), []).append(failure.model)
    benchmarks: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (benchmark, reason), names in models.items():
        benchmarks.setdefault((reason, tuple(names)), []).append(benchmark)
    lines = []
    for (reason, failed), without in benchmarks.items():
        subject = failed[0] if len(failed) == 1 else f"{failed[0]} and {len(failed) - 1} more"
        lines.append(f"no {', '.join(without)} for {subject}: {reason}")
    return lines
