"""Banded ridge regression against plain ridge and its identities."""

import numpy as np
import pytest

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import banded_ridge, fold_labels, ridge_predictivity
from neuroalign.metrics.banded_ridge import draw_weights


def recording(n=60, d=(5, 4), j=4, seed=0):
    rng = np.random.default_rng(seed)
    units = rng.standard_normal((n, sum(d)))
    bands = np.repeat(["early", "late"], d)
    neurons = units @ (rng.standard_normal((sum(d), j)) * np.where(bands == "early", 1.0, 0.1)[:, None])
    return units, neurons + rng.standard_normal((n, j)) + 2, bands


@pytest.mark.parametrize("d", [(5, 4), (40, 50)], ids=["primal", "dual"])
def test_one_band_is_ridge(d):
    units, neurons, _ = recording(d=d)
    folds, groups = fold_labels(60, 5, groups=np.arange(60) // 2), np.arange(60) // 2
    result = banded_ridge(units, neurons, bands=["x"] * sum(d), folds=folds, groups=groups)
    expected = ridge_predictivity(units, neurons, folds=folds, groups=groups, standardise=True)
    np.testing.assert_allclose(result.predicted, expected.predicted, rtol=1e-8)
    np.testing.assert_allclose(result.alpha, expected.alpha)
    np.testing.assert_allclose(result.r, expected.r, atol=1e-8)
    np.testing.assert_array_equal(result.weights, 1.0)


@pytest.mark.parametrize("d", [(5, 4), (40, 50)], ids=["primal", "dual"])
def test_given_weights_scale_the_units(d):
    units, neurons, bands = recording(d=d)
    folds = fold_labels(60, 5)
    result = banded_ridge(
        units, neurons, bands=bands, folds=folds, weights=[[0.8, 0.2]], alphas=[2.0, 30.0], standardise=False
    )
    scaled = units * np.sqrt(np.where(bands == "early", 0.8, 0.2))
    expected = ridge_predictivity(scaled, neurons, folds=folds, alphas=[2.0, 30.0], standardise=False)
    np.testing.assert_allclose(result.predicted, expected.predicted, rtol=1e-8)
    np.testing.assert_allclose(result.baseline + result.added.sum(axis=0), result.predicted)


def test_shares_of_bands_sum_to_r2():
    units, neurons, bands = recording()
    result = banded_ridge(units, neurons, bands=bands, folds=fold_labels(60, 5))
    total = ((neurons - neurons.mean(axis=0)) ** 2).sum(axis=0)
    of_baseline = 1 - ((neurons - result.baseline) ** 2).sum(axis=0) / total
    np.testing.assert_allclose(result.r2_of_bands.sum(axis=0), result.r2 - of_baseline)
    assert (result.r2_of_bands[0] > 0.15).all()
    assert (np.abs(result.r2_of_bands[1]) < 0.1).all()
    in_sample = banded_ridge(units, neurons, bands=bands, folds=None)
    np.testing.assert_allclose(in_sample.r2_of_bands.sum(axis=0), in_sample.r2)


def test_the_band_that_a_neuron_follows_has_the_weight():
    rng = np.random.default_rng(1)
    units = rng.standard_normal((150, 120))
    bands = np.repeat(["a", "b"], 60)
    neurons = np.stack([units[:, :60].sum(axis=1), units[:, 60:].sum(axis=1)], axis=1)
    neurons += 5 * rng.standard_normal(neurons.shape)
    folds = fold_labels(150, 5)
    result = banded_ridge(units, neurons, bands=bands, folds=folds)
    assert result.weights[:, 0, 0].min() > 0.9 > 0.1 > result.weights[:, 0, 1].max()
    assert (result.r2 > ridge_predictivity(units, neurons, folds=folds).r2 + 0.05).all()


def test_an_excluded_unit_is_never_used():
    units, neurons, bands = recording()
    neurons[:, 1] = units[:, 7]
    folds = fold_labels(60, 5)
    result = banded_ridge(
        units, neurons, bands=bands, folds=folds, exclude=[-1, 7, -1, -1], alphas=[1.0, 10.0]
    )
    others = np.arange(9) != 7
    expected = banded_ridge(units[:, others], neurons, bands=bands[others], folds=folds, alphas=[1.0, 10.0])
    np.testing.assert_allclose(result.predicted[:, 1], expected.predicted[:, 1])
    assert result.r[1] < 0.9


def test_draws_are_weights():
    weights = draw_weights(3, 10, seed=0)
    assert weights.shape == (14, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_array_equal(weights, draw_weights(3, 10, seed=0))
    assert draw_weights(1, 10, seed=0).tolist() == [[1.0]]


def test_faulty_arguments_are_refused():
    units, neurons, bands = recording()
    folds = fold_labels(60, 5)
    with pytest.raises(ArrayError, match="bands must have shape"):
        banded_ridge(units, neurons, bands=bands[1:], folds=folds)
    with pytest.raises(ArrayError, match="weights must have shape"):
        banded_ridge(units, neurons, bands=bands, folds=folds, weights=[[1.0]])
    with pytest.raises(UsageError, match="weights must be finite"):
        banded_ridge(units, neurons, bands=bands, folds=folds, weights=[[0.0, 0.0]])
