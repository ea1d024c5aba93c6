"""Overview of the scores of one model or family on one screen: a row for each benchmark, from chance to ceiling."""

import math
import shlex
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from neuroalign.comparison.inference import infer_own_mean
from neuroalign.comparison.samples import make_sample
from neuroalign.errors import NeuroalignError
from neuroalign.reporting.text.levels import level_lines
from neuroalign.reporting.text.score_columns import SPECIAL, finite_mean
from neuroalign.reporting.text.scores import (
    WITHIN_ERROR,
    caution_lines,
    group_by_benchmark,
    is_within_error,
    note_lines,
    tell_apart,
    title_lines,
)
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import name_benchmark, write_number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.cautions import MARK, is_readable, merge_cautions_of_instances
from neuroalign.scoring.declared import (
    chance_of,
    installed_benchmark,
    limit_interval,
    number_of,
    statistic_of,
)
from neuroalign.scoring.resampling import AXIS_INDEX, Statistic

#: Letters of the bar between chance and ceiling.
_BAR = 10
_FULL, _EMPTY, _BELOW, _ABOVE = "█", "░", "◂", "▸"
#: Standard errors between a mean and the ends of its 95 % interval; a score within them of chance is at chance.
_NORMAL = 1.96
#: Letters of the column of names in a terminal of 80 letters.
_NAME = 22
#: Letters of a terminal that is wide enough for chance and ceiling as numbers.
_WIDE = 110
#: Letters of a terminal that is wide enough for bars.
_WITH_BAR = 78
# Largest distance of a value from the ceiling that is rounding.
_ROUNDING = 1e-9
_GAP = "  "
# Mark of axes that are not special although p of κ is small; a line below the table explains it.
_FOOTNOTE = " *"


@dataclass(frozen=True)
class Row:
    """One number of a model or family.

    Parameters
    ----------
    name : str
        Name of the benchmark, or of a number beside its score.
    value, low, high : float
        Mean over instances, and the ends of its 95 % interval; NaN where unknown.
    chance, ceiling : float
        Levels of a model that has nothing to do with the neurons, and of a perfect model; NaN where unknown.
    good : str
        Direction of better models: "→1", "→0", "↑" or "↓".
    phrase : str
        Judgement in a few words.
    over : str
        Samples of the interval, such as "instances and neurons"; empty without an interval.
    is_control : bool
        Whether the benchmark is a control, which does not rank models.
    """

    name: str
    value: float
    low: float
    high: float
    chance: float
    ceiling: float
    good: str
    phrase: str
    over: str = ""
    is_control: bool = False

    @property
    def position(self) -> float:
        """Place of the value between chance (0) and ceiling (1); NaN where one of them is unknown."""
        way = self.ceiling - self.chance
        return (self.value - self.chance) / way if way else math.nan


def score_overview(scores: Sequence[Score], *, is_family: bool, width: int = 80, dataset: str = "") -> str:
    """Lay out the scores of one model or one family on one screen.

    Parameters
    ----------
    scores : sequence of Score
        Scores of one model, or of the instances of one family, on one dataset.
    is_family : bool
        Whether the scores are of the instances of a family.
    width : int
        Largest number of letters of a line.
    dataset : str
        Name or path of the dataset for the next command; by default its identifier.

    Returns
    -------
    str
        Title, cautions, a row for each benchmark (see :func:`overview`), notes, and a command that comes next.
    """
    scores = tell_apart(scores)
    groups = group_by_benchmark(scores)
    cautions = merge_cautions_of_instances(groups)
    blocks = [
        title_lines(scores, width),
        caution_lines(scores, cautions, width),
        overview(groups, width=width),
        [] if is_family else level_lines(scores, width),
        note_lines(scores, cautions, width),
        _next_step(dataset or scores[0].dataset, is_family, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _next_step(dataset: str, is_family: bool, width: int) -> list[str]:
    shown = "all instances and all numbers" if is_family else "all numbers"
    text = (
        f"next: neuroalign leaderboard {shlex.quote(dataset)} shows it beside other models; "
        f"score with --each shows {shown}"
    )
    # A path in two parts cannot be copied.
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def overview(groups: Sequence[Sequence[Score]], *, width: int = 80) -> list[str]:
    """Lay out a row for each benchmark: mean, interval, bar between chance and ceiling, and a judgement.

    Parameters
    ----------
    groups : sequence of sequence of Score
        Scores of the instances of one model or family, one sequence for each benchmark.
    width : int
        Largest number of letters of a line.

    Returns
    -------
    list of str
        Variance explained comes first, then scores of single units, scores of populations, and controls.
    """
    rows = [row for group in sorted(groups, key=_place) for row in describe_scores(group)]
    if not any(_place(group) == 0 for group in groups):
        rows = [*_variance_beside(groups), *rows]
    sentences = _explain(rows, width)
    if any(row.phrase.endswith(_FOOTNOTE) for row in rows):
        sentences += wrap(f"{_FOOTNOTE.strip()} {WITHIN_ERROR}", width)
    return [*_lay_out(rows, width), "", *sentences]


def describe_scores(scores: Sequence[Score]) -> list[Row]:
    """Return the row of a benchmark, and the row of its axis index κ where it has one.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the instances by one benchmark.
    """
    first = scores[0]
    benchmark = _benchmark_of(first)
    rows = [_describe(scores, benchmark, "value", name_benchmark(first.benchmark))]
    if any(math.isfinite(score.beside.get(AXIS_INDEX, math.nan)) for score in scores):
        label = number_of(first.benchmark, AXIS_INDEX).label
        rows.append(_describe(scores, benchmark, AXIS_INDEX, f"{_GAP}{label}"))
    return rows


def _variance_beside(groups: Sequence[Sequence[Score]]) -> list[Row]:
    """Return the variance explained from the numbers beside another score, where they have it."""
    for scores in groups:
        explained = finite_mean([score.beside.get("variance_explained", math.nan) for score in scores])
        share = finite_mean([score.beside.get("explained_share", math.nan) for score in scores])
        if math.isfinite(explained):
            row = Row(
                "variance explained",
                explained,
                math.nan,
                math.nan,
                chance=0.0,
                ceiling=explained / share if share > 0 else math.nan,
                good="→1",
                phrase="",
            )
            # The variance explained itself may always be interpreted.
            return [replace(row, phrase=_share(row.position))]
    return []


def _benchmark_of(score: Score) -> Benchmark | None:
    return installed_benchmark(score.benchmark.partition("[")[0], score.benchmark_version, score.options)


def _place(scores: Sequence[Score]) -> int:
    """Return the place of a benchmark: variance explained, single units, populations, controls."""
    benchmark = _benchmark_of(scores[0])
    if benchmark is None:
        return 2
    if "variance_explained" in benchmark.arrays and not benchmark.asks_about_single_units:
        return 0
    if _is_control(benchmark):
        return 3
    return 1 if benchmark.asks_about_single_units else 2


def _is_control(benchmark: Benchmark | None) -> bool:
    return benchmark is not None and (benchmark.is_control or benchmark.draws_stimuli)


def _describe(scores: Sequence[Score], benchmark: Benchmark | None, identifier: str, name: str) -> Row:
    first, is_index = scores[0], identifier == AXIS_INDEX
    values = [score.beside.get(identifier, math.nan) if is_index else score.value for score in scores]
    statistic = statistic_of(benchmark, identifier, first)
    low, high, error, over = _interval(scores, benchmark, statistic)
    chance = 0.0 if is_index else finite_mean([score.null for score in scores])
    if math.isnan(chance):
        chance = chance_of(first.benchmark)
    good = "↑" if statistic.higher_is_better else "↓"
    if math.isfinite(statistic.perfect):
        good = f"→{statistic.perfect:g}"
    bounds = (-math.inf, math.inf) if is_index or benchmark is None else benchmark.bounds
    low, high = limit_interval(low, high, statistic, bounds)
    row = Row(
        name,
        finite_mean(values),
        low,
        high,
        chance,
        ceiling=1.0 if is_index else finite_mean([score.ceiling for score in scores]),
        good=good,
        phrase="",
        over=over,
        is_control=_is_control(benchmark),
    )
    return replace(row, phrase=_judge_axes(scores) if is_index else _judge(row, error, scores, statistic))


def _interval(
    scores: Sequence[Score], benchmark: Benchmark | None, statistic: Statistic
) -> tuple[float, float, float, str]:
    """Return the interval of a mean as leaderboards show it, its standard error, and the samples of the interval."""
    with suppress(NeuroalignError):
        if benchmark is not None:
            resampling = benchmark.resampling(statistic.identifier, scores)
            inference = infer_own_mean(make_sample(scores, resampling))
            if not inference.reason:
                return inference.ci_low, inference.ci_high, inference.standard_error, inference.over
    first, is_index = scores[0], statistic.identifier == AXIS_INDEX
    value, error = (
        (first.beside.get(AXIS_INDEX, math.nan), first.beside.get(f"{AXIS_INDEX}_error", math.nan))
        if is_index
        else (first.value, first.error)
    )
    if len(scores) > 1 or math.isnan(error):
        return math.nan, math.nan, math.nan, ""
    over = "neurons" if is_index else first.error_over
    return value - _NORMAL * error, value + _NORMAL * error, error, over


def _judge(row: Row, error: float, scores: Sequence[Score], statistic: Statistic) -> str:
    """Judge a score in a few words."""
    if math.isnan(row.value):
        return "no score"
    if not is_readable(*scores):
        return f"do not interpret {MARK}"
    sign = 1 if statistic.higher_is_better else -1
    distance = sign * (row.value - row.chance)
    if math.isfinite(distance):
        if math.isfinite(error) and abs(distance) <= _NORMAL * error:
            return "at chance"
        if distance < 0:
            return "below chance"
    if math.isfinite(row.ceiling):
        share = (
            row.position if math.isfinite(row.chance) else row.value / row.ceiling if sign > 0 else math.nan
        )
        if math.isfinite(share):
            return _share(share)
    if scores[0].options.get("turns") == 0:
        return "no κ: turns = 0"
    turned = finite_mean([score.beside.get("turned", math.nan) for score in scores])
    if math.isfinite(distance):
        return "above chance" if sign > 0 else "better than chance"
    return f"{write_number(turned)} when turned" if math.isfinite(turned) else ""


def _share(share: float) -> str:
    return f"{100 * share:.0f} % of ceiling" if math.isfinite(share) else ""


def _judge_axes(scores: Sequence[Score]) -> str:
    """Say whether the axes are special, for how many instances that may be interpreted."""
    readable = [score for score in scores if is_readable(score)]
    if not readable:
        return f"do not interpret {MARK}"
    special = sum(score.beside.get(SPECIAL) == 1 for score in readable)
    if len(scores) == 1:
        return (
            "axes are special" if special else f"no axis is special{_FOOTNOTE * is_within_error(scores[0])}"
        )
    return f"special in {special} of {len(readable)}"


def _lay_out(rows: Sequence[Row], width: int) -> list[str]:
    """Lay out the rows; chance and ceiling have columns of their own in a wide terminal."""
    is_wide, has_bar = width >= _WIDE, width >= _WITH_BAR
    longest = 2 * _NAME if is_wide else _NAME if has_bar else _NAME - 10
    names = [textwrap.wrap(row.name, longest, subsequent_indent=_GAP) or [""] for row in rows]
    indents = [row.name[: len(row.name) - len(row.name.lstrip())] for row in rows]
    names = [[indent + first.lstrip(), *more] for indent, (first, *more) in zip(indents, names, strict=True)]
    cells = [
        [
            write_number(row.value),
            row.good,
            _write_interval(row),
            *([write_number(row.chance)] if is_wide else []),
            *([_draw(row)] if has_bar else []),
            *([write_number(row.ceiling)] if is_wide else []),
            row.phrase,
        ]
        for row in rows
    ]
    headings = ["mean", "", "95 % interval", *(["chance"] if is_wide else [])]
    headings += [*(["to ceiling"] if has_bar else []), *(["ceiling"] if is_wide else []), ""]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    name_width = max(len(line) for name in names for line in name)
    lines = [_join("", headings, widths, name_width)]
    for i, ((first, *more), written) in enumerate(zip(names, cells, strict=True)):
        if rows[i].is_control and not (i and rows[i - 1].is_control):
            lines += ["", "controls, which do not rank models"]
        lines += [_join(first, written, widths, name_width), *more]
    return lines


def _join(name: str, cells: Sequence[str], widths: Sequence[int], name_width: int) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return _GAP.join([name.ljust(name_width), *padded]).rstrip()


def _write_interval(row: Row) -> str:
    return "–" if math.isnan(row.low) else f"[{row.low:z.2f}, {row.high:z.2f}]"


def _draw(row: Row) -> str:
    """Draw a bar from chance to the ceiling; empty where one of them is unknown."""
    if math.isnan(row.position):
        return ""
    if row.position < 0:
        return _BELOW + _EMPTY * (_BAR - 1)
    n = round(min(row.position, 1.0) * _BAR)
    bar = _FULL * n + _EMPTY * (_BAR - n)
    return bar[:-1] + _ABOVE if row.position > 1 + _ROUNDING else bar


def _explain(rows: Sequence[Row], width: int) -> list[str]:
    over = list(dict.fromkeys(row.over for row in rows if row.over))
    sentences = [f"Intervals are over {' or over '.join(over)}."] if over else []
    if width >= _WITH_BAR and any(map(_draw, rows)):
        sentences.append("Bars run from chance to the ceiling.")
    if any(row.good.startswith("→") for row in rows):
        sentences.append("→ points to the value of a perfect model.")
    return wrap(" ".join(sentences), width, further="")
