"""P-values in words."""

import math

import pytest

from neuroalign.errors import format_p, p_in_words


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1.0, "1.000"),
        (0.05, "0.050"),
        (0.001, "0.001"),
        (0.0009, "9.0e-04"),
        (0.0, "0.0e+00"),
        (1e-12, "1.0e-12"),
    ],
)
def test_small_values_have_an_exponent(value, number):
    assert format_p(value) == number
    assert p_in_words(value) == f"p = {number}"


def test_a_missing_value_is_unknown():
    assert format_p(math.nan) == "unknown"
    assert p_in_words(math.nan) == "p unknown"
