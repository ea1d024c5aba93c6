import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neuroalign.stats import welch

TEST_FIELDS = ("t", "df", "p", "hedges_g", "ci_low", "ci_high")

numbers = st.floats(-100, 100).map(lambda value: round(value, 3))
groups = st.lists(numbers, min_size=2, max_size=12).filter(lambda values: np.ptp(values) > 0.01)


@pytest.mark.parametrize(("n_a", "n_b", "sd_b"), [(2, 2, 1.0), (5, 40, 3.0), (51, 50, 0.2)])
def test_numbers_are_scipys(n_a, n_b, sd_b):
    rng = np.random.default_rng(n_a)
    a, b = rng.normal(0.5, 1.0, n_a), rng.normal(0.0, sd_b, n_b)
    ours, theirs = welch(a, b), stats.ttest_ind(a, b, equal_var=False)
    assert (ours.t, ours.df, ours.p) == (theirs.statistic, theirs.df, theirs.pvalue)
    assert (ours.ci_low, ours.ci_high) == tuple(theirs.confidence_interval(0.95))
    assert ours.difference == a.mean() - b.mean()
    assert (ours.n_a, ours.n_b, ours.reason) == (n_a, n_b, None)


def test_numbers_worked_out_by_hand():
    # Means 2 and 6, variances 1 and 4, n 3 and 4: squared standard errors 1/3 and 1.
    test = welch([1.0, 2.0, 3.0], [4.0, 6.0 - math.sqrt(2), 6.0 + math.sqrt(2), 8.0])
    assert test.difference == pytest.approx(-4.0)
    assert test.t == pytest.approx(-4.0 / math.sqrt(4 / 3))
    assert test.df == pytest.approx((4 / 3) ** 2 / ((1 / 3) ** 2 / 2 + 1 / 3))
    assert test.p == pytest.approx(2 * stats.t.sf(4.0 / math.sqrt(4 / 3), test.df))
    half = stats.t.ppf(0.975, test.df) * math.sqrt(4 / 3)
    assert (test.ci_low, test.ci_high) == (pytest.approx(-4.0 - half), pytest.approx(-4.0 + half))
    # Pooled variance (2·1 + 3·4)/5 and Γ(5/2)/(sqrt(5/2) Γ(2)) = 3 sqrt(π)/(4 sqrt(5/2)).
    correction = 0.75 * math.sqrt(math.pi) / math.sqrt(2.5)
    assert test.hedges_g == pytest.approx(correction * -4.0 / math.sqrt(14 / 5))


def test_correction_of_the_smallest_groups():
    # m = 2: Γ(1)/(1·Γ(1/2)) = 1/sqrt(π); the usual approximation would give 4/7.
    assert welch([1.0, 3.0], [5.0, 7.0]).hedges_g == pytest.approx(-4 / math.sqrt(2) / math.sqrt(math.pi))


@pytest.mark.slow
def test_hedges_g_is_unbiased():
    # Groups of four, true effect 1: Cohen's d comes out at 1.15 on average, g at 1.
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((4000, 2, 4)) + np.array([[1.0], [0.0]])
    mean = np.mean([welch(a, b).hedges_g for a, b in samples])
    assert mean == pytest.approx(1.0, abs=0.04)


def test_groups_of_very_many_do_not_overflow():
    rng = np.random.default_rng(0)
    test = welch(rng.normal(1, 1, 3000), rng.normal(0, 1, 3000))
    assert test.hedges_g == pytest.approx(test.t * math.sqrt(2 / 3000), rel=1e-3)


def test_values_that_are_not_finite_are_dropped():
    test = welch([1.0, np.nan, 2.0, 4.0], [np.inf, 0.0, 1.0, np.nan])
    assert test == welch([1.0, 2.0, 4.0], [0.0, 1.0])
    assert (test.n_a, test.n_b) == (3, 2)


def test_one_group_without_variance_is_tested_against_the_other():
    test = welch([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])
    assert test.reason is None
    assert test.df == pytest.approx(2.0)
    assert test.t == pytest.approx(0.3 / (0.1 / math.sqrt(3)))


@pytest.mark.parametrize(
    ("a", "b", "difference", "reason"),
    [
        ([0.5], [0.1, 0.2], 0.35, "fewer than two finite values in one group (1 and 2)"),
        ([0.5, 0.6], [np.nan, 0.2], 0.35, "fewer than two finite values in one group (2 and 1)"),
        ([0.5, 0.6], [], np.nan, "fewer than two finite values in one group (2 and 0)"),
        ([np.nan, np.nan], [0.1, 0.2], np.nan, "fewer than two finite values in one group (0 and 2)"),
        ([0.5, 0.5], [0.2, 0.2, 0.2], 0.3, "no variance in either group"),
        ([0.5, 0.5], [0.5, 0.5], 0.0, "no variance in either group"),
        ([0.1 + 0.2, 0.3], [0.6, 0.2 * 3], -0.3, "no variance in either group"),
        ([0.0, 0.0], [0.0, 0.0], 0.0, "no variance in either group"),
    ],
)
def test_no_test_is_nan_with_a_reason_and_never_zero(a, b, difference, reason):
    test = welch(a, b)
    assert test.reason == reason
    assert all(math.isnan(getattr(test, name)) for name in TEST_FIELDS)
    assert test.difference == pytest.approx(difference, nan_ok=True)


@given(groups, groups)
def test_swapping_the_groups_changes_signs_only(a, b):
    test, swapped = welch(a, b), welch(b, a)
    assert (swapped.t, swapped.difference) == (-test.t, -test.difference)
    assert swapped.hedges_g == pytest.approx(-test.hedges_g)
    assert (swapped.df, swapped.p) == (pytest.approx(test.df), pytest.approx(test.p))
    assert (swapped.ci_low, swapped.ci_high) == (pytest.approx(-test.ci_high), pytest.approx(-test.ci_low))
    assert (swapped.n_a, swapped.n_b) == (test.n_b, test.n_a)


@given(groups, groups, st.floats(-100, 100), st.floats(0.01, 100))
def test_shift_and_scale_change_nothing_but_the_scale(a, b, shift, scale):
    test = welch(a, b)
    moved = welch(scale * np.array(a) + shift, scale * np.array(b) + shift)
    for name in ("t", "df", "p", "hedges_g"):
        assert getattr(moved, name) == pytest.approx(getattr(test, name), rel=1e-5, abs=1e-7)
    for name in ("difference", "ci_low", "ci_high"):
        assert getattr(moved, name) == pytest.approx(scale * getattr(test, name), rel=1e-5, abs=1e-7)


@given(groups, groups)
def test_interval_holds_zero_where_p_is_large(a, b):
    test = welch(a, b)
    assert test.ci_low < test.difference < test.ci_high
    if abs(test.p - 0.05) > 1e-9:
        assert (test.ci_low < 0 < test.ci_high) == (test.p > 0.05)
