"""Columns of tables of scores: numbers of all instances with headings, means and standard errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neuroalign.results.numbers import write_number
from neuroalign.results.score import Score
from neuroalign.scoring.declared import AXIS_NUMBERS, number_of, symbol_of
from neuroalign.scoring.resampling import AXIS_INDEX
from neuroalign.stats.standard_errors import standard_error

# Keys of ``Score.beside`` that come first, and keys of numbers with a place elsewhere: in the column of κ and in the
# title.
_FIRST = ("axis_index_p", "turned", "variance_explained", "explained_share", "neurons_without_weight")
_ELSEWHERE = (AXIS_INDEX, f"{AXIS_INDEX}_error", "reliability")
#: Key of the flag of special axes.
SPECIAL = next(number.identifier for number in AXIS_NUMBERS if number.kind == "flag")
#: Name of the p-value of the shuffles that ``--permutations`` makes.
P_OF_SHUFFLES = "p against shuffled stimuli"


@dataclass(frozen=True)
class Column:
    """One number of all instances.

    Parameters
    ----------
    text : str
        Name in one line.
    heading : str
        Name as the heading of a narrow column, which may have several lines.
    cells : list of str
        Number of each instance.
    mean, error : str
        Mean over instances and its standard error; empty without them.
    """

    text: str
    heading: str
    cells: list[str]
    mean: str = ""
    error: str = ""

    @property
    def width(self) -> int:
        """Number of letters of the longest line."""
        return max(len(line) for text in (self.heading, *self.cells, self.mean) for line in text.split("\n"))


def score_columns(scores: Sequence[Score]) -> list[Column]:
    """Return the numbers of the scores of all instances, in the order of their importance.

    Parameters
    ----------
    scores : sequence of Score
        Scores of instances by one benchmark.
    """
    benchmark = scores[0].benchmark
    name = symbol_of(benchmark, "score")
    columns = [_with_errors(name, name, [(score.value, score.error) for score in scores])]
    keys = list(dict.fromkeys(key for score in scores for key in score.beside))
    if AXIS_INDEX in keys:
        index = number_of(benchmark, AXIS_INDEX)
        numbers = [(_beside(score, AXIS_INDEX), _beside(score, f"{AXIS_INDEX}_error")) for score in scores]
        columns.append(_with_errors(index.label, index.heading, numbers))
    first = [key for key in _FIRST if key in keys]
    last = [key for key in keys if key not in (*_FIRST, *_ELSEWHERE)]
    # Where all instances are alike, the line above the table has the same information.
    if len({score.beside.get(SPECIAL) for score in scores}) < 2 and SPECIAL in last:
        last.remove(SPECIAL)
    columns += [_beside_scores(key, scores) for key in first[:2]]
    columns += _bounds(scores)
    p_values = [score.provenance.get("permutation_p") for score in scores]
    if any(p is not None for p in p_values):
        cells = [write_number(math.nan if p is None else float(p), "p") for p in p_values]
        columns.append(Column(P_OF_SHUFFLES, "p of\nshuffles", cells))
    return [*columns, *(_beside_scores(key, scores) for key in (*first[2:], *last))]


def pack_columns(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """Divide columns into blocks that fit into a number of letters."""
    blocks: list[list[Column]] = [[]]
    left = width
    for column in columns:
        needed = column.width + 2
        if blocks[-1] and needed > left:
            blocks.append([])
            left = width
        blocks[-1].append(column)
        left -= needed
    return blocks


def lay_out_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], name_width: int) -> list[str]:
    """Lay out rows under headings of several lines, with names at the left and numbers at the right of their columns.

    Parameters
    ----------
    headings : sequence of str
        Headings; the first one is the heading of the names.
    rows : sequence of sequence of str
        Name and numbers of each row; a name may have several lines.
    name_width : int
        Smallest number of letters of the column of names.
    """
    widths = [
        max(len(line) for cell in cells for line in cell.split("\n"))
        for cells in zip(headings, *rows, strict=True)
    ]
    widths[0] = max(widths[0], name_width)

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    height = max(heading.count("\n") for heading in headings) + 1
    # A heading of fewer lines stands at the bottom.
    filled = [[""] * (height - heading.count("\n") - 1) + heading.split("\n") for heading in headings]
    lines = [line([column[i] for column in filled]) for i in range(height)]
    lines.append("  ".join("-" * width for width in widths))
    for name, *cells in rows:
        first, *more = name.split("\n")
        lines += [line([first, *cells]), *more]
    return lines


def write_with_error(value: float, error: float) -> str:
    """Write a number with its standard error, if it has one."""
    return write_number(value) + ("" if math.isnan(error) else f" ± {error:.3f}")


def finite_mean(values: Sequence[float]) -> float:
    """Return the mean of the finite values; NaN without any."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _bounds(scores: Sequence[Score]) -> list[Column]:
    """Return the columns of the level of chance and of the ceiling, where scores have them."""
    columns = []
    for text, values in (
        ("chance", [score.null for score in scores]),
        ("ceiling", [score.ceiling for score in scores]),
    ):
        if any(map(math.isfinite, values)):
            columns.append(
                Column(text, text, list(map(write_number, values)), write_number(finite_mean(values)))
            )
    return columns


def _with_errors(text: str, heading: str, numbers: Sequence[tuple[float, float]]) -> Column:
    """Return a column of numbers with their standard errors."""
    values = [value for value, _ in numbers]
    return Column(
        text,
        heading,
        [write_with_error(value, error) for value, error in numbers],
        write_number(finite_mean(values)),
        write_number(standard_error(values)),
    )


def _beside_scores(key: str, scores: Sequence[Score]) -> Column:
    """Return the column of a number beside the scores."""
    number = number_of(scores[0].benchmark, key)
    values = [_beside(score, key) for score in scores]
    # The line of the axes and the p-values of the instances are more informative than a mean.
    mean = "" if number.kind in ("p", "flag") else write_number(finite_mean(values), number.kind)
    return Column(number.label, number.heading, [write_number(value, number.kind) for value in values], mean)


def _beside(score: Score, key: str) -> float:
    return float(score.beside.get(key, math.nan))
