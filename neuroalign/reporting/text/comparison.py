"""Comparison of two models as plain text for one screen."""

import math
import textwrap
from collections.abc import Iterator

from tabulate import tabulate

from neuroalign.comparison import Comparison, Inference
from neuroalign.comparison.axes import shuffle_p_values
from neuroalign.comparison.wording import describe_difference
from neuroalign.results.numbers import write_number
from neuroalign.results.score import Score
from neuroalign.scoring.cautions import MARK, is_readable

# Letters of a line of running text.
_WIDTH = 100


def format_comparison(result: Comparison) -> str:
    """Lay out a comparison for one screen.

    Parameters
    ----------
    result : Comparison
        Comparison from :func:`neuroalign.compare`.

    Returns
    -------
    str
        Cautions, the verdict, the scores, the tests, and other possible explanations.
    """
    blocks = [
        [_title(result)],
        list(_cautions(result)),
        _wrap(result.sentence),
        [_table_of_scores(result)],
        [f"A − B in {result.statistic.label} = {result.difference:+.3f}"],
        [_table_of_tests(result)],
        *(
            _wrap(f"{describe_difference(other.statistic, other.means, other.test)}.")
            for other in result.others
        ),
        *(_wrap(f"{reason}.") for reason in _reasons_for_no_sample(result)),
        list(_ceiling(result)),
        list(_explanations(result)),
        list(_notes(result)),
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
            yield from _wrap(f"caution: {score.model}: {caution}.")


def _table_of_scores(result: Comparison) -> str:
    shown = [("A", result.a), ("B", result.b)]
    if result.ceiling and result.ceiling.model not in (result.a.model, result.b.model):
        shown.append(("ceiling", result.ceiling))
    # The score has a column of its own, with its error and chance, where another number is compared.
    beside = [] if result.statistic.identifier == "value" else [result.statistic.label]
    rows = [
        [
            label,
            score.model + ("" if is_readable(score) else f" {MARK}"),
            len(score.instances) or 1,
            *([write_number(result.means[label.lower()])] if beside else []),
            write_number(score.value),
            write_number(score.error),
            score.error_over,
            write_number(score.null),
            _write_shuffle_p(score),
        ]
        for label, score in shown
    ]
    return tabulate(
        rows,
        headers=["", "model", "n", *beside, "score", "SE", "over", "chance", "p of prediction"],
        disable_numparse=True,
        colalign=["left", "left", *["right"] * (3 + len(beside)), "left", "right", "right"],
    )


def _table_of_tests(result: Comparison) -> str:
    reasons = _reasons_for_no_sample(result)
    no_sample = [*reasons, "; ".join(reasons)]
    return tabulate(
        [[test.over, test.n, *_interval(test, no_sample)] for test in result.generalisations],
        headers=["generalises over", "n", "95 % interval of A − B", "p", "how"],
        disable_numparse=True,
        colalign=["left", "right", "right", "right", "left"],
    )


def _interval(test: Inference, no_sample: list[str]) -> list[str]:
    """Write the interval, p-value and method of a test, or the reason for its absence."""
    if math.isnan(test.p):
        reason = "no sample of instances (see below)" if test.reason in no_sample else test.reason
        return ["–", "–", reason]
    interval = f"{write_number(test.ci_low)} to {write_number(test.ci_high)}"
    return [interval, write_number(test.p, "p"), test.method]


def _reasons_for_no_sample(result: Comparison) -> list[str]:
    return list(dict.fromkeys(filter(None, result.why_no_samples.values())))


def _ceiling(result: Comparison) -> Iterator[str]:
    if not result.meets_ceiling or result.ceiling is None:
        return
    yield "Does it meet the ceiling?"
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
        yield from _wrap(f"{score.model}: {verdict}; {outcome.reason}.", "  ")


def _explanations(result: Comparison) -> Iterator[str]:
    yield "Other possible explanations"
    for sentence in result.confounds:
        yield from _wrap(sentence, "  ")


def _notes(result: Comparison) -> Iterator[str]:
    scores = (score for score in (result.a, result.b) if not score.instances)
    notes = list(dict.fromkeys(note for score in scores for note in score.notes))
    if notes:
        yield "Notes"
    for note in notes:
        yield from _wrap(f"{note}.", "  ")


def _write_shuffle_p(score: Score) -> str:
    """Write the exact p-value of shuffled stimuli, or the largest one over instances."""
    p_values = shuffle_p_values(score)
    if not p_values:
        return "–"
    largest = write_number(max(p_values), "p")
    return largest if len(p_values) == 1 else f"{largest} at most"


def _wrap(text: str, indent: str = "") -> list[str]:
    # A p-value stays on one line.
    text = text.replace("p = ", "p\u00a0=\u00a0").replace("p ≤ ", "p\u00a0≤\u00a0")
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)
