import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.metrics.inputs import constant_columns, standardise


@given(st.integers(0, 1000), st.floats(-12, 12), st.floats(-3, 3))
def test_standardised_columns_have_mean_zero_and_variance_one(seed, log_scale, offset):
    values = np.random.default_rng(seed).standard_normal((20, 3)) + offset
    standardised = standardise(values * 10**log_scale)
    np.testing.assert_allclose(standardised.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(standardised.std(axis=0), 1)


def test_huge_and_tiny_values_do_not_overflow():
    values = np.array([[1e200, 1e-200], [-1e200, 2e-200], [0, 3e-200]])
    np.testing.assert_allclose(standardise(values).std(axis=0), 1)


def test_rounding_is_no_variance():
    values = np.column_stack([np.full(5, 0.3), [0.1 + 0.2, 0.3, 0.3, 0.3, 0.3], np.arange(5), np.zeros(5)])
    np.testing.assert_array_equal(constant_columns(values), [True, True, False, True])
    np.testing.assert_array_equal(standardise(values)[:, 1], 0)
    np.testing.assert_array_equal(constant_columns(np.zeros((0, 2))), True)
