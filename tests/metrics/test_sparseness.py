"""Sparseness and kurtosis of units against closed forms and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neuroalign.errors import ArrayError
from neuroalign.metrics import sparseness

# Quantiles at the middles of equal shares: a sample without the scatter of random numbers.
MIDDLES = (np.arange(200_000) + 0.5) / 200_000


@pytest.mark.parametrize(
    ("values", "expected", "kurtosis"),
    [
        (np.maximum(stats.norm.ppf(MIDDLES), 0.0), 1 / np.pi, None),
        (stats.lognorm.ppf(MIDDLES, s=0.5), np.exp(-0.25), None),
        (stats.expon.ppf(MIDDLES), 0.5, 6.0),
        (MIDDLES, 0.75, -1.2),
    ],
)
def test_closed_forms_of_distributions(values, expected, kurtosis):
    result = sparseness(values[:, None])
    assert result.treves_rolls[0] == pytest.approx(expected, rel=1e-3)
    assert result.vinje_gallant[0] == pytest.approx(1 - expected, abs=2e-3)
    if kurtosis is not None:
        assert result.kurtosis[0] == pytest.approx(kurtosis, rel=0.02)


def test_lognormal_of_unit_sigma_is_one_over_e():
    # Its squares have so heavy a tail that quantiles miss a part: the closed form needs the tail's share.
    values = stats.lognorm.ppf(MIDDLES, s=1.0)
    assert sparseness(values[:, None]).treves_rolls[0] == pytest.approx(np.exp(-1), rel=0.02)


def test_one_stimulus_and_all_stimuli():
    Z = np.zeros((20, 4))
    Z[7, 0], Z[:, 1], Z[:10, 2] = 3.0, 5.0, 2.0
    result = sparseness(Z)
    np.testing.assert_allclose(result.treves_rolls, [1 / 20, 1.0, 1 / 2, np.nan], rtol=1e-14)
    np.testing.assert_allclose(result.vinje_gallant, [1.0, 0.0, 0.5 / 0.95, np.nan], rtol=1e-14, atol=1e-15)
    # A unit that is on for half of the stimuli has the kurtosis of a coin, 1 - 3.
    np.testing.assert_allclose(result.kurtosis[2], -2.0, rtol=1e-12)
    assert np.isnan(result.kurtosis[[1, 3]]).all()


def test_negative_values_have_a_kurtosis_only():
    Z = np.random.default_rng(0).standard_normal((500, 2)) ** 3
    Z[:, 1] = np.abs(Z[:, 1])
    result = sparseness(Z)
    np.testing.assert_array_equal(result.is_signed, [True, False])
    np.testing.assert_array_equal(np.isnan(result.treves_rolls), [True, False])
    np.testing.assert_array_equal(np.isnan(result.vinje_gallant), [True, False])
    np.testing.assert_allclose(result.kurtosis, stats.kurtosis(Z), rtol=1e-12)


@given(st.integers(0, 10**6), st.floats(1e-150, 1e150))
def test_scale_changes_nothing_and_shift_keeps_the_kurtosis(seed, scale):
    Z = np.random.default_rng(seed).exponential(size=(30, 3))
    first, scaled, shifted = sparseness(Z), sparseness(scale * Z), sparseness(Z + 5.0)
    np.testing.assert_allclose(scaled.treves_rolls, first.treves_rolls, rtol=1e-12)
    np.testing.assert_allclose(scaled.kurtosis, first.kurtosis, rtol=1e-9)
    np.testing.assert_allclose(shifted.kurtosis, first.kurtosis, rtol=1e-9)
    assert (shifted.treves_rolls > first.treves_rolls).all()


def test_one_stimulus_is_refused():
    with pytest.raises(ArrayError, match="Z must have two stimuli at least, got 1"):
        sparseness([[1.0, 2.0]])
