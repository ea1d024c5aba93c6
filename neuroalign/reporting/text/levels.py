"""Tests of one model against chance and ceiling as lines of text."""

from collections.abc import Sequence

from neuroalign.comparison.levels import compare_with_levels
from neuroalign.errors import count_noun, p_in_words
from neuroalign.reporting.text.wrapping import wrap
from neuroalign.results.numbers import write_number
from neuroalign.results.score import Score


def level_lines(scores: Sequence[Score], width: int) -> list[str]:
    """Write the tests of a single model over neurons, against chance and ceiling, in lines of a width.

    Parameters
    ----------
    scores : sequence of Score
        Scores of the model with their arrays.
    width : int
        Largest number of letters of a line.

    Returns
    -------
    list of str
        Empty where no score has a test.
    """
    tests = compare_with_levels(scores)
    if not tests:
        return []
    lines = [f"tests over {tests[0].n_neurons:,} neurons (t, {count_noun(len(tests), 'p-value')} by Holm)"]
    for name in dict.fromkeys((test.benchmark, test.label) for test in tests):
        outcomes = [
            f"{test.outcome} of {write_number(test.at)} ({p_in_words(test.p)})"
            for test in tests
            if (test.benchmark, test.label) == name
        ]
        subject = name[1] if name[1].startswith(name[0]) else f"{name[0]}, {name[1]}"
        lines += wrap(f"{subject}: {'; '.join(outcomes)}", width)
    return lines
