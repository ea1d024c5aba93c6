"""Sums by fold against the same statistics of the data, set by set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.lasso.fold_sums import covariances, held_out, neuron_sums, training_sets, unit_sums


def data(seed, n=40, n_folds=4):
    rng = np.random.default_rng(seed)
    units = 5 + rng.standard_normal((n, 6)) * rng.uniform(0.1, 10, 6)
    neurons = standardise(units[:, :3] @ rng.standard_normal((3, 2)) + rng.standard_normal((n, 2)))
    return units, neurons, rng.permutation(np.arange(n) % n_folds)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([(), (1,), (0, 3)]))
def test_moments_of_training_sets(seed, without):
    units, neurons, folds = data(seed)
    sums = unit_sums(units, folds)
    sets = training_sets(sums, [without])
    covariance, mean = covariances(sums, neuron_sums(sums, neurons), sets)
    rows = ~np.isin(folds, without)
    standardised = standardise(units[rows])
    assert sets.sizes[0] == rows.sum()
    np.testing.assert_allclose(sets.gram(0), standardised.T @ standardised / rows.sum(), atol=1e-12)
    np.testing.assert_allclose(sets.deviation[0], units[rows].std(axis=0) / units.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(mean[0], neurons[rows].mean(axis=0), atol=1e-12)
    centred = neurons[rows] - neurons[rows].mean(axis=0)
    np.testing.assert_allclose(covariance[0], centred.T @ standardised / rows.sum(), atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_sums_over_a_held_out_fold(seed, fold):
    units, neurons, folds = data(seed)
    sums = unit_sums(units, folds)
    of_neurons = neuron_sums(sums, neurons)
    sets = training_sets(sums, [(fold,)])
    _, mean = covariances(sums, of_neurons, sets)
    result = held_out(sums, of_neurons, sets, mean, index=0, fold=fold)
    train, test = folds != fold, folds == fold
    shown = (units[test] - units[train].mean(axis=0)) / units[train].std(axis=0)
    responses = neurons[test] - neurons[train].mean(axis=0)
    np.testing.assert_allclose(result.units, shown.T @ shown, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(result.products, responses.T @ shown, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(result.squares, (responses**2).sum(axis=0), rtol=1e-9)


def test_a_unit_that_is_constant_in_training_has_no_correlation():
    units, _, folds = data(0)
    units[:, 2] = 1.0
    units[folds == 1, 2] += np.arange(10)
    sets = training_sets(unit_sums(units, folds), [(1,), (0,)])
    np.testing.assert_array_equal(sets.varies, [[True, True, False, True, True, True], [True] * 6])
    assert not sets.gram(0)[2].any()
    assert sets.gram(1)[2, 2] == pytest.approx(1.0)
