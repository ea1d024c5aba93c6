"""Division where the denominator may be zero."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neuroalign.arithmetic import divide

columns = arrays.arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6, allow_subnormal=False))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns, columns, st.sampled_from([0.0, 1.0, np.nan]))
def test_positive_denominators_divide_and_all_others_give_the_given_value(numerator, denominator, otherwise):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = divide(numerator, denominator, otherwise=otherwise)
    positive = denominator > 0
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(result[positive], numerator[positive] / denominator[positive])
    np.testing.assert_array_equal(result[~positive], otherwise)


def test_a_quotient_that_is_too_large_is_infinite():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        smallest = np.finfo(np.float64).tiny
        np.testing.assert_array_equal(divide([4.0, -4.0], smallest, otherwise=0.0), [np.inf, -np.inf])


def test_shapes_broadcast_and_integers_become_floats():
    result = divide([[2, 4], [6, 8]], [2, 0], otherwise=-1.0)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, [[1.0, -1.0], [3.0, -1.0]])
    assert divide(1.0, 0.0, otherwise=7.0) == 7.0
    assert np.isnan(divide(1.0, np.nan, otherwise=np.nan))


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="shape mismatch"):
        divide(np.ones(2), np.ones(3), otherwise=0.0)
