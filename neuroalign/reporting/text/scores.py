"""Plain-text tables of scores."""

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tabulate import tabulate

from neuroalign.names.syntax import format_spec
from neuroalign.results.numbers import write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, is_readable, merge_cautions_of_instances
from neuroalign.scoring.declared import number_of, symbol_of
from neuroalign.stats.standard_errors import standard_error

#: What the p-value of ``--permutations`` tests.
PREDICTION = (
    "chance of prediction (shuffled stimuli), which tests whether the units predict the neurons, "
    "not whether their axes are special"
)

# Names are broken after so many letters, which leaves the columns of an 80-column terminal two thirds of the width.
_LONGEST_NAME = 22
# The row of standard errors over instances.
_SE = "SE of the mean"
# Of larger families, the numbers that do not fit beside the score are shown as means.
_MOST_ROWS = 20

# Keys of ``Score.beside`` that come first, and keys that stand elsewhere: in the column of κ and in the title.
_FIRST = ("axis_index_p", "turned", "variance_explained", "explained_share", "neurons_without_weight")
_SPECIAL = "axis_index_special"
_ELSEWHERE = ("axis_index", "axis_index_error", "reliability")


@dataclass(frozen=True)
class _Column:
    """A number of all instances: its name in one line, as a heading, and what is written in the rows."""

    text: str
    heading: str
    cells: list[str]
    mean: str = ""
    error: str = ""

    @property
    def width(self) -> int:
        return max(len(line) for text in (self.heading, *self.cells, self.mean) for line in text.split("\n"))


def score_table(scores: Sequence[Score], *, is_family: bool, width: int = 80) -> str:
    """Lay out the scores of one model or one family, a block for each benchmark, with cautions first.

    Parameters
    ----------
    scores : sequence of Score
        Of one model, or of the instances of one family, on one dataset.
    is_family : bool
        Whether to add the mean and standard error over instances.
    width : int
        Letters of a line.

    Returns
    -------
    str
    """
    scores = _tell_apart(scores)
    by_benchmark: dict[str, list[Score]] = {}
    for score in scores:
        by_benchmark.setdefault(score.benchmark, []).append(score)
    cautions = merge_cautions_of_instances(list(by_benchmark.values()))
    notes = _notes(scores, cautions)
    if any(score.provenance.get("permutation_p") is not None for score in scores):
        notes.insert(0, f"p of prediction: {PREDICTION}")
    title = [*_wrap(_title(scores), width), *_wrap(_describe_recording(scores), width)]
    marked = any(not is_readable(score) for score in scores)
    blocks = [
        title,
        [
            line
            for caution in cautions
            for line in _wrap(f"caution{f' ({MARK})' if marked else ''}: {caution}", width)
        ],
        *(_block(of_benchmark, is_family=is_family, width=width) for of_benchmark in by_benchmark.values()),
        _legend(by_benchmark.values(), width),
        [line for note in notes for line in _wrap(note, width)],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def describe_axes(scores: Sequence[Score]) -> str:
    """Say in one line whether the axes are special for a model, or for how many instances of a family.

    Parameters
    ----------
    scores : sequence of Score
        Of the instances, by one benchmark.

    Returns
    -------
    str
        Empty where the scores have no axis index.
    """
    if any(score.options.get("turns") == 0 for score in scores):
        return "no axis index κ: turns = 0"
    known = [score for score in scores if math.isfinite(score.beside.get("axis_index", math.nan))]
    if not known:
        return ""
    readable = [score for score in known if is_readable(score)]
    special = sum(score.beside.get(_SPECIAL) == 1 for score in readable)
    numbers = _describe_index(known)
    if len(scores) == 1:
        if not readable:
            return f"whether axes are special is not to be read ({numbers})"
        return f"{'axes are special' if special else 'no axis is special'} ({numbers})"
    n = f"{len(readable)} instances"
    unread = f"; not to be read in {len(known) - len(readable)}" if len(readable) < len(known) else ""
    if not readable:
        return f"whether axes are special is not to be read in any of {len(known)} instances ({numbers})"
    if special == len(readable):
        return f"axes are special for all {n} ({numbers}){unread}"
    found = f"axes are special for {special} of {n}" if special else f"no axis is special for any of {n}"
    return f"{found} ({numbers}){unread}"


def _describe_index(scores: Sequence[Score]) -> str:
    index, error, p = (
        [score.beside.get(f"axis_index{key}", math.nan) for score in scores] for key in ("", "_error", "_p")
    )
    if len(scores) == 1:
        return f"κ = {_with_error(index[0], error[0])}, p = {write_number(p[0], 'p')}"
    known = [value for value in p if math.isfinite(value)] or [math.nan]
    return (
        f"κ = {write_number(min(index))} to {write_number(max(index))}, "
        f"p = {write_number(min(known), 'p')} to {write_number(max(known), 'p')}"
    )


def _title(scores: Sequence[Score]) -> str:
    first = scores[0]
    kind = "simulated neurons" if first.provenance.get("simulated") else "recorded neurons"
    models = list(dict.fromkeys(score.model for score in scores))
    name = models[0] if len(models) == 1 else f"{first.family}, {len(models)} instances,"
    return f"{name} on {first.dataset} ({kind})"


def _describe_recording(scores: Sequence[Score]) -> str:
    """Give the numbers of neurons and stimuli and the reliability, as far as they are the same for all scores."""
    parts = []
    for key, what in (("n_neurons", "neurons"), ("n_stimuli", "stimuli")):
        numbers = {score.provenance.get(key) for score in scores}
        if len(numbers) == 1 and isinstance(number := numbers.pop(), int):
            parts.append(f"{number:,} {what}")
    reliability = [score.beside["reliability"] for score in scores if "reliability" in score.beside]
    if reliability:
        known = [value for value in reliability if math.isfinite(value)]
        parts.append(
            f"reliability of the median neuron {_mean(known):.3f}" if known else "reliability is not known"
        )
    return ", ".join(parts)


def _block(scores: Sequence[Score], *, is_family: bool, width: int) -> list[str]:
    """Lay out the scores of all instances by one benchmark."""
    first = scores[0]
    direction = "" if first.higher_is_better else ", lower is better"
    over = " or ".join(dict.fromkeys(score.error_over for score in scores))
    heading = f"{first.benchmark}{direction} (± is the standard error over {over})"
    lines = [*_wrap(heading, width), *_wrap(describe_axes(scores), width), ""]
    columns = _columns(scores)
    if len(scores) == 1:
        mark = "" if is_readable(first) else f" {MARK}"
        rows = [[column.text, column.cells[0] + (mark if column.error else "")] for column in columns]
        table = tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=["left", "left"])
        return [*lines, *(f"  {line}" for line in table.splitlines())]
    names = _row_names(scores)
    named = max(len(line) for name in (*names, _SE) for line in name.split("\n"))
    for i, shown in enumerate(_packed(columns, width - named)):
        rows = [] if i and len(scores) > _MOST_ROWS else [[name] for name in names]
        for row, cells in zip(rows, zip(*(column.cells for column in shown), strict=True), strict=False):
            row += cells
        if is_family:
            means = [f"mean of {len(scores)}", *(column.mean for column in shown)]
            errors = [_SE, *(column.error for column in shown)]
            rows += [[""] * len(means)] if rows else []
            rows += [means, errors] if any(errors[1:]) else [means]
        lines += [*([""] if i else []), *_lay_out(["", *(column.heading for column in shown)], rows, named)]
    return lines


def _lay_out(headings: Sequence[str], rows: Sequence[Sequence[str]], named: int) -> list[str]:
    """Lay out rows under headings of several lines, names at the left and numbers at the right of their columns."""
    widths = [
        max(len(line) for cell in cells for line in cell.split("\n"))
        for cells in zip(headings, *rows, strict=True)
    ]
    widths[0] = max(widths[0], named)

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    height = max(heading.count("\n") for heading in headings) + 1
    # Headings stand at the bottom.
    over = [[""] * (height - heading.count("\n") - 1) + heading.split("\n") for heading in headings]
    lines = [line([column[i] for column in over]) for i in range(height)]
    lines.append("  ".join("-" * width for width in widths))
    for name, *cells in rows:
        first, *more = name.split("\n")
        lines += [line([first, *cells]), *more]
    return lines


def _columns(scores: Sequence[Score]) -> list[_Column]:
    """Return the numbers of the scores of all instances, those without which the score misleads first."""
    benchmark = scores[0].benchmark
    name = symbol_of(benchmark, "score")
    columns = [_pairs(name, name, [(score.value, score.error) for score in scores])]
    keys = list(dict.fromkeys(key for score in scores for key in score.beside))
    if "axis_index" in keys:
        numbers = [(_beside(score, "axis_index"), _beside(score, "axis_index_error")) for score in scores]
        index = number_of(benchmark, "axis_index")
        columns.append(_pairs(index.label, index.heading, numbers))
    first = [key for key in _FIRST if key in keys]
    last = [key for key in keys if key not in (*_FIRST, *_ELSEWHERE)]
    # The line of the axes says as much where all instances are alike.
    if len({score.beside.get(_SPECIAL) for score in scores}) < 2 and _SPECIAL in last:
        last.remove(_SPECIAL)
    columns += [_of_key(key, scores) for key in first[:2]]
    for text in ("null", "ceiling"):
        values = [getattr(score, text) for score in scores]
        if any(map(math.isfinite, values)):
            shown = "chance" if text == "null" else text
            columns.append(
                _Column(shown, shown, list(map(write_number, values)), write_number(_mean(values)))
            )
    p_values = [score.provenance.get("permutation_p") for score in scores]
    if any(p is not None for p in p_values):
        cells = [write_number(math.nan if p is None else float(p), "p") for p in p_values]
        columns.append(_Column("p of prediction", "p of pre-\ndiction", cells))
    return [*columns, *(_of_key(key, scores) for key in (*first[2:], *last))]


def _legend(groups: Iterable[Sequence[Score]], width: int) -> list[str]:
    """Explain the headings of columns that are abbreviated."""
    columns = [column for scores in groups if len(scores) > 1 for column in _columns(scores)]
    meanings = {column.heading.replace("-\n", "").replace("\n", " "): column.text for column in columns}
    return _wrap("; ".join(f"{name}: {text}" for name, text in meanings.items() if name != text), width)


def _pairs(text: str, heading: str, numbers: Sequence[tuple[float, float]]) -> _Column:
    """Return a column of numbers with their standard errors."""
    values = [value for value, _ in numbers]
    return _Column(
        text,
        heading,
        [_with_error(*pair) for pair in numbers],
        write_number(_mean(values)),
        write_number(standard_error(values)),
    )


def _of_key(key: str, scores: Sequence[Score]) -> _Column:
    number = number_of(scores[0].benchmark, key)
    values = [_beside(score, key) for score in scores]
    # The line of the axes and the p-values of the instances say more than a mean.
    mean = "" if number.kind in ("p", "flag") else write_number(_mean(values), number.kind)
    return _Column(number.label, number.heading, [write_number(value, number.kind) for value in values], mean)


def _beside(score: Score, key: str) -> float:
    return float(score.beside.get(key, math.nan))


def _row_names(scores: Sequence[Score]) -> list[str]:
    """Name the instances by what is in their brackets where this tells them apart; mark those not to be read."""
    names = [re.sub(r"^\w+\[(.*)\]$", r"\1", score.model) for score in scores]
    if len(set(names)) < len(names):
        names = [score.model for score in scores]
    marked = [
        name if is_readable(score) else f"{name} {MARK}" for name, score in zip(names, scores, strict=True)
    ]
    return ["\n".join(textwrap.wrap(name, _LONGEST_NAME)) for name in marked]


def _packed(columns: Sequence[_Column], width: int) -> list[list[_Column]]:
    """Put columns side by side as far as they fit, and the others below."""
    blocks: list[list[_Column]] = [[]]
    left = width
    for column in columns:
        needed = column.width + 2
        if blocks[-1] and needed > left:
            blocks.append([])
            left = width
        blocks[-1].append(column)
        left -= needed
    return blocks


def _tell_apart(scores: Sequence[Score]) -> list[Score]:
    """Name a benchmark that is there with several options by those that differ: ``alignment[n_units=50]``."""
    variants: dict[str, list[Mapping[str, Any]]] = {}
    for score in scores:
        known = variants.setdefault(score.benchmark, [])
        if score.options not in known:
            known.append(score.options)

    def named(score: Score) -> Score:
        differing = {
            name: value
            for name, value in score.options.items()
            if any(other.get(name) != value for other in variants[score.benchmark])
        }
        return replace(score, benchmark=format_spec(score.benchmark, differing))

    return [named(score) for score in scores]


def _with_error(value: float, error: float) -> str:
    return write_number(value) + ("" if math.isnan(error) else f" ± {error:.3f}")


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False)


def _notes(scores: Sequence[Score], cautions: Sequence[str]) -> list[str]:
    """Return each note once, with the models that it holds for unless it holds for all; no note that is a caution."""
    models = {score.model for score in scores}
    holds: dict[tuple[str, str], list[str]] = {}
    for score in scores:
        for note in score.notes:
            if note not in cautions:
                holds.setdefault((score.benchmark, note), []).append(score.model)
    lines = []
    for (benchmark, note), names in holds.items():
        who = (
            ""
            if len(names) == len(models)
            else f" [{names[0] if len(names) == 1 else f'{len(names)} models'}]"
        )
        lines.append(f"{benchmark}: {note}{who}")
    return lines
