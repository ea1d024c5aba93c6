"""Comparison of two models as plain text for one screen."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial

from tabulate import tabulate

from neuroalign.comparison import Comparison, Inference
from neuroalign.comparison.axes import shuffle_p_values
from neuroalign.comparison.samples import join_no_samples
from neuroalign.comparison.wording import describe_difference
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, is_readable

# Space between columns, and letters of the narrowest column with broken cells.
_GAP = "  "
_NARROWEST = 9


def format_comparison(result: Comparison, *, width: int = 80) -> str:
    """Lay out a comparison for one screen.

    Parameters
    ----------
    result : Comparison
        Comparison from :func:`neuroalign.compare`.
    width : int
        Number of letters in the longest line.

    Returns
    -------
    str
        Cautions, the verdict, the scores, the tests, and other possible explanations.
    """
    wrap = partial(_wrap, width=width)
    blocks = [
        wrap(_title(result)),
        [line for caution in _cautions(result) for line in wrap(caution)],
        wrap(result.sentence),
        [_table_of_scores(result, width)],
        [f"A − B in {result.statistic.label} = {result.difference:+.3f}"],
        [_table_of_tests(result, width)],
        *(
            wrap(f"{describe_difference(other.statistic, other.means, other.test)}.")
            for other in result.others
        ),
        *(wrap(f"{reason}.") for reason in _reasons_for_no_sample(result)),
        *(
            [title, *(line for sentence in sentences for line in wrap(sentence, indent="  "))]
            for title, sentences in (
                ("Does it meet the ceiling?", list(_ceiling(result))),
                ("Other possible explanations", result.confounds),
                ("Notes", _notes(result)),
            )
            if sentences
        ),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _title(result: Comparison) -> str:
    a, b = result.a, result.b
    kind = "simulated neurons" if result.simulated else "recorded neurons"
    direction = "" if result.statistic.higher_is_better else ", lower is better"
    return f"{a.model} against {b.model} on {a.dataset} ({kind}), by {a.benchmark}{direction}"


def _cautions(result: Comparison) -> Iterator[str]:
    for name, score in (("a", result.a), ("b", result.b)):
        for caution in result.cautions[name]:
            yield f"caution: {score.model}: {caution}."


def _table_of_scores(result: Comparison, width: int) -> str:
    shown = [("A", result.a), ("B", result.b)]
    if result.ceiling and result.ceiling.model not in (result.a.model, result.b.model):
        shown.append(("ceiling", result.ceiling))
    # The score has a column of its own, with its error and chance, where another number is compared.
    beside = [] if result.statistic.identifier == "value" else [_break(result.statistic.label, 10)]
    rows = [
        [
            label,
            score.model + ("" if is_readable(score) else f" {MARK}"),
            str(len(score.instances) or 1),
            *([write_number(result.means[label.lower()])] if beside else []),
            write_number(score.value),
            write_number(score.error),
            score.error_over,
            write_number(score.null),
            _write_shuffle_p(score),
        ]
        for label, score in shown
    ]
    headings = ["", "model", "n", *beside, "score", "SE", "over", "chance", "p of\nprediction"]
    return _lay_out(headings, rows, width, flexible=1, left={0, 1, len(headings) - 3})


def _table_of_tests(result: Comparison, width: int) -> str:
    reasons = list(dict.fromkeys(filter(None, result.why_no_samples.values())))
    no_sample = [*reasons, "; ".join(reasons)]
    rows = [[_break(test.over, 16), test.n, *_interval(test, no_sample)] for test in result.generalisations]
    headings = ["generalises over", "n", "95 % interval", "p", "how"]
    return _lay_out(headings, rows, width, flexible=4, left={0, 4})


def _lay_out(headings: list[str], rows: list[list[str]], width: int, *, flexible: int, left: set[int]) -> str:
    """Lay out a table in the width of a terminal by breaking the cells of one flexible column.

    Columns without a number or a word in any row are left out.
    """
    columns = [
        (i, [heading, *cells])
        for i, (heading, *cells) in enumerate(zip(headings, *rows, strict=True))
        if set(cells) != {"–"}
    ]
    used = sum(_measure(cells) + len(_GAP) for i, cells in columns if i != flexible)
    room = max(width - used, _NARROWEST)
    broken = [[_break(cell, room) for cell in cells] if i == flexible else cells for i, cells in columns]
    rules = ["-" * _measure(cells) for cells in broken]
    heading, *others = zip(*broken, strict=True)
    return tabulate(
        [heading, rules, *others],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left" if i in left else "right" for i, _ in columns],
        rowalign=["bottom", *["top"] * (len(others) + 1)],
    )


def _measure(cells: Sequence[str]) -> int:
    """Count the letters of the longest line."""
    return max(len(line) for cell in cells for line in cell.split("\n"))


def _interval(test: Inference, no_sample: list[str]) -> list[str]:
    """Write the interval, p-value and method of a test, or the reason for its absence."""
    if math.isnan(test.p):
        reason = "no sample of instances (see below)" if test.reason in no_sample else test.reason
        return ["–", "–", reason]
    interval = f"{write_number(test.ci_low)} to {write_number(test.ci_high)}"
    return [interval, write_number(test.p, "p"), test.method]


def _reasons_for_no_sample(result: Comparison) -> list[str]:
    models = {"a": result.a.model, "b": result.b.model}
    return join_no_samples({models[side]: reason for side, reason in result.why_no_samples.items()})


def _ceiling(result: Comparison) -> Iterator[str]:
    if not result.meets_ceiling or result.ceiling is None:
        return
    for label, score in (("a", result.a), ("b", result.b)):
        outcome = result.meets_ceiling.get(label)
        if outcome is None:
            continue
        higher_is_better = result.statistic.higher_is_better
        is_better = outcome.difference > 0 if higher_is_better else outcome.difference < 0
        verdict: str = outcome.verdict
        if verdict == "no" and is_better:
            verdict = f"the model scores above it, so {result.ceiling.model} is not an upper bound here"
            if not higher_is_better:
                verdict = f"the model scores below it, so {result.ceiling.model} is not a lower bound here"
        yield f"{score.model}: {verdict}; {outcome.reason}."


def _notes(result: Comparison) -> list[str]:
    scores = (score for score in (result.a, result.b) if not score.instances)
    return [f"{note}." for note in dict.fromkeys(note for score in scores for note in score.notes)]


def _write_shuffle_p(score: Score) -> str:
    """Write the exact p-value of shuffled stimuli, or the largest one over instances."""
    p_values = shuffle_p_values(score)
    if not p_values:
        return "–"
    largest = write_number(max(p_values), "p")
    return largest if len(p_values) == 1 else f"{largest} at most"


def _break(text: str, width: int) -> str:
    """Break the text of a cell into lines."""
    return "\n".join(textwrap.wrap(text, width))


def _wrap(text: str, *, width: int, indent: str = "") -> list[str]:
    return wrap(text, width, first=indent, further=indent)
