"""Decisions about claims from given differences, and their sentences."""

import numpy as np
import pytest
from scipy import stats

from neuroalign.stats import RankTest, rank_correlation_test
from neuroalign.studies.decisions import (
    decide_axes,
    decide_equivalence,
    decide_no_difference,
    decide_relation,
    sort_corrected,
    sort_like_paper,
)
from neuroalign.studies.differences import Difference
from neuroalign.studies.sentences import (
    add_correction,
    explain_axes,
    explain_ceiling,
    explain_drops,
    explain_lead,
    explain_relation,
    name_populations,
    name_unsampled,
    write_difference,
)

NAN = float("nan")


def difference(estimate, error, freedom=20.0, confidence=0.95):
    """A difference with the interval and the p-value of a t-test."""
    low, high = stats.t.interval(confidence, freedom, loc=estimate, scale=error)
    p = 2 * stats.t.sf(abs(estimate) / error, freedom)
    return Difference(estimate, low, high, p, error, freedom)


UNTESTED = Difference(0.3, reason="fewer than two finite values")


class TestSorting:
    def test_the_level_of_the_paper_is_not_corrected(self):
        differences = {"b": difference(0.3, 0.1), "c": difference(-0.3, 0.1), "d": difference(0.2, 0.1)}
        result = sort_like_paper(differences)
        assert (result.above, result.below, result.open) == (["b"], ["c"], ["d"])
        assert result.smallest == "c"
        assert result.verdict == "disagrees"

    def test_holm_multiplies_p_by_the_number_of_comparisons(self):
        # Raw p is .03 for both: enough for one comparison, not for two.
        one = difference(0.1, 0.1 / stats.t.isf(0.015, 20))
        assert sort_corrected({"b": one}, 0.0).verdict == "agrees"
        both = sort_corrected({"b": one, "c": one}, 0.0)
        assert (both.verdict, both.open) == ("cannot tell", ["b", "c"])
        assert both.p == pytest.approx(0.06)

    def test_a_small_advantage_lies_below_the_margin(self):
        result = sort_corrected({"b": difference(0.02, 0.01), "c": difference(0.5, 0.01)}, 0.05)
        assert (result.below, result.above) == (["b"], ["c"])
        # One of two one-sided p-values is small, and Holm's method doubles it.
        assert result.p == pytest.approx(2 * stats.t.cdf(-3, 20))

    def test_one_comparison_without_a_test_leaves_the_claim_without_p(self):
        result = sort_corrected({"b": difference(0.5, 0.01), "c": UNTESTED}, 0.0)
        assert (result.verdict, result.above, result.open) == ("cannot tell", ["b"], ["c"])
        assert np.isnan(result.p)
        assert result.shown("b") == "above"
        assert result.shown("c") == "open"


class TestCeiling:
    @pytest.mark.parametrize(
        ("estimate", "verdict", "place"),
        [
            (0.0, "agrees", "no difference"),
            (0.5, "cannot tell", "above"),
            (-0.5, "disagrees", "below"),
        ],
    )
    def test_without_a_margin_no_difference_agrees(self, estimate, verdict, place):
        decision = decide_no_difference(difference(estimate, 0.05))
        assert (decision.verdict, decision.place) == (verdict, place)

    @pytest.mark.parametrize(
        ("estimate", "error", "verdict", "place"),
        [
            (0.0, 0.01, "agrees", "within"),
            (-0.3, 0.01, "disagrees", "below"),
            (0.3, 0.01, "cannot tell", "above"),
            (0.04, 0.01, "cannot tell", "across"),
        ],
    )
    def test_with_a_margin_equivalence_agrees(self, estimate, error, verdict, place):
        decision = decide_equivalence(difference(estimate, error, confidence=0.9), 0.05)
        assert (decision.verdict, decision.place) == (verdict, place)

    def test_the_p_of_equivalence_is_the_larger_of_two_one_sided_tests(self):
        decision = decide_equivalence(difference(0.01, 0.01, confidence=0.9), 0.05)
        assert decision.p == pytest.approx(stats.t.sf(4, 20))

    def test_sentences_name_the_family_and_its_ceiling(self):
        above = difference(0.3, 0.01, confidence=0.9)
        decision = decide_equivalence(above, 0.05)
        assert explain_ceiling(decision, above, "vae", "subsets", 0.05) == (
            "the 90 % interval of the difference, +0.283 to +0.317, lies above the ceiling by more than 0.05: vae "
            "scores above subsets, so subsets is not an upper bound here"
        )
        equal = difference(0.0, 0.01)
        assert explain_ceiling(decide_no_difference(equal), equal, "vae", "subsets", None) == (
            "the difference is +0.000 (-0.021 to +0.021), p = 1.000; no difference is found, which does not show that "
            "the two are equal"
        )
        missing = decide_equivalence(UNTESTED, 0.05)
        assert (missing.verdict, missing.place) == ("cannot tell", "no test")
        assert explain_ceiling(missing, UNTESTED, "vae", "subsets", 0.05) == "fewer than two finite values"


class TestAxes:
    families = sort_corrected({"a": difference(0.4, 0.05), "b": difference(0.5, 0.05)}, 0.0)

    @pytest.mark.parametrize(
        ("p_of_turns", "verdict", "like_turned", "untested"),
        [
            ({"a": 0.01, "b": 0.05}, "agrees", [], []),
            ({"a": 0.01, "b": 0.06}, "cannot tell", ["b"], []),
            ({"a": NAN, "b": 0.01}, "cannot tell", [], ["a"]),
        ],
    )
    def test_all_families_must_lie_above_turned_tuning(self, p_of_turns, verdict, like_turned, untested):
        decision = decide_axes(self.families, p_of_turns)
        assert (decision.verdict, decision.like_turned, decision.untested) == (verdict, like_turned, untested)

    def test_the_sentence_names_families_like_turned_tuning(self):
        decision = decide_axes(self.families, {"a": NAN, "b": 0.2})
        assert explain_axes(self.families, decision, 0.1) == (
            "κ above 0.1 for a and b; turned tuning scores as high for b; the p-value over turns is missing for a; "
            "score again."
        )


class TestRelation:
    def test_small_groups_cannot_be_tested(self):
        test = rank_correlation_test([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        assert decide_relation(test, 0.05) == ("cannot tell", "not testable")
        assert explain_relation(test, "not testable", "", 0.05) == (
            "3 instances cannot give a p below 0.333, so a relation cannot be shown at the level of .05"
        )

    @pytest.mark.parametrize(
        ("sign", "expected"), [(1, ("agrees", "positive")), (-1, ("disagrees", "negative"))]
    )
    def test_the_sign_of_the_correlation_decides(self, sign, expected):
        x = np.arange(8.0)
        test: RankTest = rank_correlation_test(x, sign * x)
        assert decide_relation(test, 0.05) == expected
        assert (
            explain_relation(test, expected[1], "", 0.05)
            == f"the relation is {expected[1]}, p = {test.p:.1e}"
        )


def test_the_lead_names_groups_of_rivals_and_untested_families():
    rivals = sort_corrected({"b": difference(0.02, 0.01), "c": difference(0.5, 0.01), "d": UNTESTED}, 0.05)
    assert explain_lead(rivals, {"e": "1 instance", "f": "no scores"}) == (
        "not better than b by 0.05 or more; not shown to differ from d (fewer than two finite values); better than c. "
        "Not tested: e (1 instance) and f (no scores)."
    )


def test_drops_name_families_with_and_without_a_drop():
    families = sort_corrected({"a": difference(0.5, 0.01), "b": difference(0.0, 0.01)}, 0.05)
    assert explain_drops(families) == "no drop of 0.05 or more for b; a drop for a."


def test_populations_and_families_without_a_sample_are_named():
    assert name_populations(False, "") == "instances"
    assert name_populations(True, "") == "instances and neurons"
    assert name_populations(False, "drawn") == "instances, neurons and stimuli"
    assert name_populations(False, "", True) == "instances and held-out stimuli"
    assert name_unsampled([]) == ""
    assert name_unsampled(["pca", "aam"], "drawn") == (
        " (pca and aam: instances are not a random sample, compared over neurons and stimuli)"
    )


def test_corrections_and_differences_are_written_in_words():
    assert add_correction("it is shown.", 1, 0.02, overturned=False) == (
        "it is shown. After Holm's correction over 1 claim, p = 0.020."
    )
    assert add_correction("it is shown", 3, 0.06, overturned=True) == (
        "it is shown. This does not hold after Holm's correction over 3 claims, p = 0.060."
    )
    assert write_difference(UNTESTED) == "+0.300"
