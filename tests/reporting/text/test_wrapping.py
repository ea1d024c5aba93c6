"""Lines of text in a terminal."""

import pytest

from neuroalign.reporting.text.wrapping import wrap

NUMBERS = ["p = 1.3e-05", "p < 0.05", "p ≤ .05", "0.464 ± 0.087", "κ = -0.012", "82 %", "→ points"]


@pytest.mark.parametrize("width", range(20, 60))
def test_numbers_stay_with_their_names_signs_and_units(width):
    text = " and ".join([*NUMBERS, "a mean of 2 and more"])
    lines = wrap(text, width)
    assert max(map(len, lines)) <= width
    for number in NUMBERS:
        assert sum(number in line for line in lines) == 1
    assert " ".join(line.strip() for line in lines) == text


def test_indents():
    assert wrap("one two three", 7) == ["one two", "  three"]
    assert wrap("one two three", 8, first="> ", further=". ") == ["> one", ". two", ". three"]
