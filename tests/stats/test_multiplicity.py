import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from statsmodels.stats.multitest import multipletests

from neuroalign.errors import UsageError
from neuroalign.stats import adjust_p_values

METHODS = ("holm", "bh")

p_values = npst.arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1))


@pytest.mark.parametrize(
    ("method", "expected"),
    # statsmodels' multipletests on these five p-values.
    [("holm", [0.005, 0.04, 0.06, 0.08, 0.5]), ("bh", [0.005, 0.025, 0.0333333333, 0.05, 0.5])],
)
def test_reference_values(method, expected):
    adjusted = adjust_p_values([0.001, 0.01, 0.02, 0.04, 0.5], method=method)
    np.testing.assert_allclose(adjusted, expected, atol=1e-10)


def test_the_default_is_holm():
    p = [0.01, 0.02, 0.9]
    np.testing.assert_array_equal(adjust_p_values(p), adjust_p_values(p, method="holm"))


@pytest.mark.parametrize("method", METHODS)
def test_nan_stays_nan_and_does_not_count(method):
    p = np.array([np.nan, 0.01, 0.04, np.nan, 0.03])
    adjusted = adjust_p_values(p, method=method)
    np.testing.assert_array_equal(np.isnan(adjusted), np.isnan(p))
    made = ~np.isnan(p)
    theirs = multipletests(p[made], method={"holm": "holm", "bh": "fdr_bh"}[method])[1]
    np.testing.assert_array_equal(adjusted[made], theirs)
    np.testing.assert_array_equal(p, [np.nan, 0.01, 0.04, np.nan, 0.03])


@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_correct(method):
    assert adjust_p_values([0.03], method=method).tolist() == [0.03]
    assert np.isnan(adjust_p_values([np.nan, np.nan], method=method)).all()
    assert adjust_p_values([], method=method).shape == (0,)


@pytest.mark.parametrize("method", METHODS)
def test_a_table_is_one_set_of_tests(method):
    p = np.array([[np.nan, 0.01], [0.02, 0.2]])
    adjusted = adjust_p_values(p, method=method)
    assert adjusted.shape == p.shape
    np.testing.assert_array_equal(adjusted.ravel(), adjust_p_values(p.ravel(), method=method))


@pytest.mark.parametrize("bad", [1.5, -0.01, np.inf])
def test_values_outside_zero_to_one_are_refused(bad):
    with pytest.raises(UsageError, match=rf"^p-values must lie in \[0, 1\], got {bad:g}$"):
        adjust_p_values([0.5, np.nan, bad])


def test_unknown_method():
    with pytest.raises(UsageError, match=r"^method must be one of holm, bh, got 'bonferroni'$"):
        adjust_p_values([0.5], method="bonferroni")


@pytest.mark.parametrize("method", METHODS)
@given(p=p_values)
def test_corrected_values_are_larger_and_in_the_same_order(method, p):
    adjusted = adjust_p_values(p, method=method)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@given(p=p_values)
def test_holm_is_at_most_bonferroni_and_at_least_benjamini_hochberg(p):
    holm = adjust_p_values(p)
    assert (holm <= np.minimum(p * len(p), 1)).all()
    assert (holm >= adjust_p_values(p, method="bh") - 1e-12).all()


@pytest.mark.parametrize("method", METHODS)
@given(p=p_values, seed=st.integers(0, 99))
def test_order_of_the_tests_does_not_matter(method, p, seed):
    order = np.random.default_rng(seed).permutation(len(p))
    np.testing.assert_array_equal(
        adjust_p_values(p[order], method=method), adjust_p_values(p, method=method)[order]
    )
