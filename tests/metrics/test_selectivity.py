"""Selectivity of units against signal detection, analysis of variance and correlation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neuroalign.errors import ArrayError
from neuroalign.metrics import d_prime, eta_squared


def test_d_prime_of_two_normal_distributions():
    rng = np.random.default_rng(0)
    is_target = np.arange(40_000) % 2 == 0
    Z = rng.standard_normal((40_000, 2)) * [1.0, 3.0] + is_target[:, None] * [1.5, -3.0]
    np.testing.assert_allclose(d_prime(Z, is_target), [1.5, -1.0], atol=0.03)
    np.testing.assert_allclose(d_prime(Z, ~is_target), -d_prime(Z, is_target), rtol=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_eta_squared_is_of_the_analysis_of_variance(seed, k):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(k), np.arange(k), rng.integers(0, k, 30)]
    Z = rng.standard_normal((labels.size, 3)) + 0.5 * labels[:, None]
    f = stats.f_oneway(*(Z[labels == label] for label in range(k))).statistic
    freedom = (k - 1) / (labels.size - k)
    np.testing.assert_allclose(eta_squared(Z, labels), f * freedom / (1 + f * freedom), rtol=1e-9)


def test_eta_squared_of_two_classes_follows_d_prime():
    rng = np.random.default_rng(1)
    is_target = np.arange(50) < 25
    Z = rng.standard_normal((50, 4)) + is_target[:, None]
    # Equal classes: η² = d'² / (d'² + 4 (n - 1) / n) with 2 n stimuli.
    d2 = d_prime(Z, is_target) ** 2
    np.testing.assert_allclose(eta_squared(Z, is_target), d2 / (d2 + 4 * 24 / 25), rtol=1e-12)


def test_units_without_variance():
    is_target = np.array([True, True, False, False])
    Z = np.array([[1.0, 3.0], [1.0, 3.0], [1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(d_prime(Z, is_target), [np.nan, np.inf])
    np.testing.assert_array_equal(eta_squared(Z, is_target), [np.nan, 1.0])


def test_wrong_labels():
    Z = np.ones((4, 1))
    with pytest.raises(ArrayError, match="is_target must be booleans, got int64"):
        d_prime(Z, [0, 0, 1, 1])
    with pytest.raises(ArrayError, match="both classes need two stimuli at least, got 1 and 3"):
        d_prime(Z, [True, False, False, False])
    with pytest.raises(ArrayError, match=r"labels must have shape \(4,\), got \(3,\)"):
        eta_squared(Z, ["a", "b", "c"])
    with pytest.raises(ArrayError, match="categories must have two labels at least, got 1"):
        eta_squared(Z, ["a"] * 4)
