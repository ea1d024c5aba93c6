"""Reverse predictivity against ridge regression, closed forms and simulated truth."""

import sys

import numpy as np
import pytest

from neuroalign.errors import ArrayError
from neuroalign.metrics import ReversePredictivity, fold_labels, reverse_predictivity, ridge_predictivity

FOLDS = fold_labels(300, 6)


def simulate(seed=0, noise=0.5):
    """Return six units, of which eight neurons follow the first three."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((300, 6))
    return Z, Z[:, [0, 1, 2, 0, 1, 2, 0, 1]] + noise * rng.standard_normal((300, 8))


def test_both_directions_are_ridge_regressions():
    Z, Y = simulate()
    result = reverse_predictivity(Z, Y, folds=FOLDS)
    reverse, forward = ridge_predictivity(Y, Z, folds=FOLDS), ridge_predictivity(Z, Y, folds=FOLDS)
    np.testing.assert_array_equal(result.unit_r, reverse.r)
    np.testing.assert_array_equal(result.unit_r2, reverse.r2)
    np.testing.assert_array_equal(result.neuron_r, forward.r)
    np.testing.assert_array_equal(result.neuron_r2, forward.r2)
    assert result.score == reverse.r.mean()
    assert result.difference == forward.r.mean() - reverse.r.mean()


def test_units_that_no_neuron_follows_are_not_predicted():
    Z, Y = simulate()
    result = reverse_predictivity(Z, Y, folds=FOLDS)
    # k neurons with noise .5 predict a unit at r² = 1 / (1 + .25 / k).
    expected = 1 / np.sqrt(1 + 0.25 / np.array([3, 3, 2]))
    np.testing.assert_allclose(result.unit_r[:3], expected, atol=0.02)
    assert np.abs(result.unit_r[3:]).max() < 0.2
    # Each neuron has one unit and noise: r² = 1 / 1.25.
    np.testing.assert_allclose(result.neuron_r, 1 / np.sqrt(1.25), atol=0.03)
    assert result.difference > 0.3


def test_blocks_of_units_do_not_change_a_bit(monkeypatch):
    Z, Y = simulate()
    expected = reverse_predictivity(Z, Y, folds=FOLDS, both=False)
    monkeypatch.setattr(sys.modules[ReversePredictivity.__module__], "_BLOCK", 4)
    blocked = reverse_predictivity(Z, Y, folds=FOLDS, both=False)
    np.testing.assert_allclose(blocked.unit_r, expected.unit_r, rtol=0, atol=1e-12)
    assert blocked.neuron_r.size == 0
    assert np.isnan(blocked.forward)


def test_neurons_that_are_units_do_not_predict_themselves():
    rng = np.random.default_rng(3)
    Z = rng.standard_normal((300, 5))
    include = reverse_predictivity(Z, Z, folds=FOLDS)
    exclude = reverse_predictivity(Z, Z, folds=FOLDS, exclude=np.arange(5))
    assert min(include.score, include.forward) > 0.99
    assert max(abs(exclude.score), abs(exclude.forward)) < 0.15
    # The neurons in another order, of which two are not units.
    Y = np.hstack([Z[:, [3, 1, 4]], rng.standard_normal((300, 2))])
    partly = reverse_predictivity(Z, Y, folds=FOLDS, exclude=[3, 1, 4, -1, -1])
    assert np.abs(partly.unit_r).max() < 0.2
    with pytest.raises(ArrayError, match="exclude must name each unit once, got one unit for two neurons"):
        reverse_predictivity(Z, Y, folds=FOLDS, exclude=[3, 3, -1, -1, -1])


def test_units_without_variance():
    Z, Y = simulate()
    Z[:, 1] = 7.0
    result = reverse_predictivity(Z, Y, folds=FOLDS)
    np.testing.assert_array_equal(np.isnan(result.unit_r), np.arange(6) == 1)
    assert np.isfinite(result.score)


def test_in_sample_is_higher():
    Z, Y = simulate(noise=3.0)
    assert reverse_predictivity(Z, Y, folds=None).score > reverse_predictivity(Z, Y, folds=FOLDS).score + 0.02
