import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

from neuroalign.errors import UsageError
from neuroalign.stats import equivalence


def groups(shift, seed=0, sd=0.02):
    rng = np.random.default_rng(seed)
    return 0.5 + shift + sd * rng.standard_normal(30), 0.5 + 2 * sd * rng.standard_normal(12)


def test_numbers_are_those_of_statsmodels_and_of_two_tests_of_scipy():
    a, b = groups(0.01)
    outcome = equivalence(a, b, margin=0.04)
    assert outcome.p == ttost_ind(a, b, -0.04, 0.04, usevar="unequal")[0]
    above = stats.ttest_ind(a + 0.04, b, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(a - 0.04, b, equal_var=False, alternative="less").pvalue
    assert outcome.p == pytest.approx(max(above, below), rel=1e-10)
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert (outcome.ci_low, outcome.ci_high) == tuple(interval)
    assert outcome.difference == a.mean() - b.mean()
    assert (outcome.n_a, outcome.n_b, outcome.margin) == (30, 12, 0.04)


@pytest.mark.parametrize(
    ("shift", "margin", "verdict", "words"),
    [
        (0.0, 0.05, "yes", "lies within ±0.05"),
        (0.2, 0.05, "no", "lies outside ±0.05"),
        (-0.2, 0.05, "no", "lies outside ±0.05"),
        (0.0, 0.005, "cannot tell", "lies across a limit of ±0.005"),
        (0.05, 0.05, "cannot tell", "lies across a limit of ±0.05"),
    ],
)
def test_verdicts(shift, margin, verdict, words):
    outcome = equivalence(*groups(shift), margin=margin)
    assert outcome.verdict == verdict
    assert outcome.reason.startswith("the 90 % interval of the difference, ")
    assert outcome.reason.endswith(words)


@settings(deadline=None, max_examples=50)
@given(st.floats(-0.1, 0.1), st.floats(0.001, 0.1), st.sampled_from([0.01, 0.05, 0.1]), st.integers(0, 9))
def test_equivalent_if_and_only_if_the_interval_is_within(shift, margin, alpha, seed):
    outcome = equivalence(*groups(shift, seed), margin=margin, alpha=alpha)
    within = -margin < outcome.ci_low and outcome.ci_high < margin
    if abs(outcome.p - alpha) > 1e-9:
        assert (outcome.verdict == "yes") == within


def test_errors_at_the_margin_are_as_rare_as_alpha():
    # The truth is just not equivalent: "yes" is then wrong.
    wrong = sum(equivalence(*groups(0.03, seed), margin=0.03).verdict == "yes" for seed in range(1000))
    assert 30 <= wrong <= 70


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ([0.5], [0.4, 0.5], "fewer than two finite values in one group (1 and 2)"),
        ([0.5, np.nan], [0.4, 0.5], "fewer than two finite values in one group (1 and 2)"),
        ([0.5, 0.5], [0.5, 0.5], "no variance in either group"),
    ],
)
def test_no_test_is_no_equivalence(a, b, reason):
    outcome = equivalence(a, b, margin=0.1)
    assert (outcome.verdict, outcome.reason) == ("cannot tell", reason)
    assert math.isnan(outcome.p)
    assert math.isnan(outcome.ci_low)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, "margin must be a positive number, not 0.0"),
        ({"margin": np.nan}, "margin must be a positive number, not nan"),
        ({"margin": 0.1, "alpha": 0.5}, "alpha must be between 0 and 0.5, not 0.5"),
    ],
)
def test_wrong_calls(options, message):
    with pytest.raises(UsageError, match=message):
        equivalence([1.0, 2.0], [1.0, 3.0], **options)
