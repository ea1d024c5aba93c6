"""Student's intervals and p-values against SciPy's distribution and its t-test."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neuroalign.stats import t_interval, t_p_value

numbers = st.floats(-10, 10)
positive = st.floats(0.01, 10)


@given(numbers, positive, st.floats(0.5, 1000), st.floats(0.01, 0.999))
def test_interval_of_scipy(estimate, error, df, confidence):
    expected = stats.t.interval(confidence, df, loc=estimate, scale=error)
    assert t_interval(estimate, error, df, confidence=confidence) == pytest.approx(
        expected, rel=1e-9, abs=1e-9
    )


@given(st.floats(-30, 30), st.floats(0.5, 1000))
def test_p_value_of_scipy(t, df):
    assert t_p_value(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-9)
    assert t_p_value(t, df) == t_p_value(-t, df)


def test_a_mean_has_the_interval_and_the_p_value_of_the_one_sample_test():
    values = np.random.default_rng(0).normal(0.2, 1.0, 12)
    test = stats.ttest_1samp(values, 0.0)
    error = values.std(ddof=1) / math.sqrt(12)
    assert t_interval(values.mean(), error, 11, confidence=0.9) == pytest.approx(
        test.confidence_interval(0.9)
    )
    assert t_p_value(values.mean() / error, 11) == pytest.approx(test.pvalue)


def test_the_interval_excludes_zero_where_p_is_below_one_less_the_confidence():
    estimates = np.linspace(0.01, 0.5, 50)
    low, _ = t_interval(estimates, np.full(50, 0.1), np.full(50, 7.0))
    np.testing.assert_array_equal(low > 0, t_p_value(estimates / 0.1, 7.0) < 0.05)


def test_arrays_keep_their_shape_and_nan_stays_nan():
    low, high = t_interval([[1.0, np.nan]], [[0.1, 0.1]], 5)
    assert low.shape == high.shape == (1, 2)
    assert np.isnan([low[0, 1], high[0, 1]]).all()
    assert low[0, 0] < 1.0 < high[0, 0]
    assert math.isnan(t_interval(1.0, math.nan, 5)[0])
