"""Decisions about alternative explanations of a difference, and their sentences."""

import pytest

from neuroalign.benchmarks.correlation_ratio import CorrelationRatio, role_of_chance
from neuroalign.benchmarks.linear_recombination import LinearRecombination
from neuroalign.testing import make_score


def ratio(model, value, null, units):
    return make_score(
        value, model=model, benchmark="correlation_ratio", null=null, beside={"informative_units": units}
    )


@pytest.mark.parametrize(
    ("values", "nulls", "role", "beyond"),
    [
        ((0.4, 0.2), (0.1, 0.1), "does not explain", 0.2),
        ((0.4, 0.2), (0.2, 0.1), "does not explain", 0.1),
        ((0.4, 0.2), (0.25, 0.1), "explains most of", 0.05),
        ((0.4, 0.2), (0.3, 0.1), "explains", 0.0),
        ((0.4, 0.2), (0.4, 0.1), "explains", -0.1),
    ],
)
def test_chance_explains_the_part_of_a_difference_that_shuffles_share(values, nulls, role, beyond):
    a, b = (ratio(name, *numbers, 4) for name, *numbers in zip("ab", values, nulls, strict=True))
    decided, difference = role_of_chance(a, b)
    assert difference == pytest.approx(beyond, abs=1e-12)
    if beyond:
        assert decided == role


def test_the_sentence_names_units_levels_and_the_role_of_chance():
    a, b = ratio("few", 0.4, 0.25, 4), ratio("many", 0.2, 0.1, 50)
    assert CorrelationRatio().confounds(a, b) == [
        "Chance at small D: few has 4 informative units, many 50, and shuffled stimuli score 0.250 and 0.100; above "
        "chance the difference is +0.050: chance explains most of the difference."
    ]


def test_without_shuffles_the_role_of_chance_is_unknown():
    a, b = ratio("few", 0.4, float("nan"), 4), ratio("many", 0.2, 0.1, 50)
    assert role_of_chance(a, b)[0] == "is unknown for"
    assert CorrelationRatio().confounds(a, b) == [
        "Chance at small D: few has 4 informative units, many 50; without shuffles their levels of chance are unknown."
    ]


def test_only_mixtures_with_positive_weights_can_explain_a_drop():
    a, b = ratio("few", 0.4, 0.1, 4), ratio("many", 0.2, 0.1, 50)
    (rotations,) = LinearRecombination(kind="orthogonal").confounds(a, b)
    (positive,) = LinearRecombination(kind="abs_gaussian").confounds(a, b)
    assert rotations == "All-positive recombination: does not apply, because the mixtures are rotations."
    assert positive.startswith("All-positive recombination: mixtures with positive weights correlate at 2/π")
