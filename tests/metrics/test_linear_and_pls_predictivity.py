"""Held-out predictions of least squares and partial least squares against scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression

from neuroalign.errors import UsageError
from neuroalign.metrics import fold_labels, linear_predictivity, pls_predictivity


def recording(n=60, d=8, j=5, seed=0):
    rng = np.random.default_rng(seed)
    units = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)
    neurons = units @ rng.standard_normal((d, j)) + 3 * rng.standard_normal((n, j))
    return units, neurons * np.arange(1, j + 1) + 5


def peer_predictions(units, neurons, folds, n_components, scale):
    predicted = np.empty_like(neurons)
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        peer = PLSRegression(n_components, scale=scale, tol=1e-26, max_iter=100_000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted[test] = peer.fit(units[train], neurons[train]).predict(units[test])
    return predicted


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize(("d", "j"), [(8, 5), (8, 12), (90, 5)], ids=["tall", "many neurons", "wide"])
def test_partial_least_squares_are_those_of_scikit_learn(d, j, scale):
    units, neurons = recording(d=d, j=j)
    folds = fold_labels(60, 3)
    result = pls_predictivity(units, neurons, folds=folds, n_components=4, standardise=scale)
    np.testing.assert_allclose(result.predicted, peer_predictions(units, neurons, folds, 4, scale), rtol=1e-6)
    assert result.n_components.tolist() == [4, 4, 4]
    assert result.r.min() > 0.2


def test_all_components_are_least_squares():
    units, neurons = recording()
    folds = fold_labels(60, 5)
    result = pls_predictivity(units, neurons, folds=folds, n_components=25)
    assert result.n_components.tolist() == [8] * 5
    np.testing.assert_allclose(result.predicted, linear_predictivity(units, neurons, folds=folds).predicted)


def test_one_unit_has_one_component():
    units, neurons = recording()
    folds = fold_labels(60, 5)
    result = pls_predictivity(units[:, :1], neurons, folds=folds)
    assert result.n_components.tolist() == [1] * 5
    expected = linear_predictivity(units[:, :1], neurons, folds=folds)
    np.testing.assert_allclose(result.predicted, expected.predicted)


def test_components_end_where_no_covariance_is_left():
    units, _ = recording(d=6)
    # Orthonormal units: one component reaches the covariance with a single neuron.
    basis = np.linalg.qr(units - units.mean(axis=0))[0]
    neuron = basis[:, :1] * 2.0 + basis[:, 1:2]
    result = pls_predictivity(basis, neuron, folds=None)
    assert result.n_components.tolist() == [1]
    np.testing.assert_allclose(result.predicted, neuron, atol=1e-12)
    flat = pls_predictivity(units, np.ones((60, 2)), folds=fold_labels(60, 5))
    np.testing.assert_array_equal(flat.predicted, 1.0)
    assert flat.n_components.tolist() == [0] * 5
    assert np.isnan(flat.r).all()


def test_least_squares_is_scikit_learn():
    units, neurons = recording()
    folds = fold_labels(60, 5)
    result = linear_predictivity(units, neurons, folds=folds)
    in_sample = linear_predictivity(units, neurons, folds=None)
    for fold in range(5):
        train, test = folds != fold, folds == fold
        peer = LinearRegression().fit(units[train], neurons[train])
        np.testing.assert_allclose(result.predicted[test], peer.predict(units[test]), rtol=1e-9)
        amplitude = peer.predict(units[train]).std(axis=0) / neurons[train].std(axis=0)
        np.testing.assert_allclose(result.amplitude[test], np.tile(amplitude, (test.sum(), 1)))
    expected = LinearRegression().fit(units, neurons)
    np.testing.assert_allclose(in_sample.predicted, expected.predict(units), rtol=1e-9)
    np.testing.assert_allclose(
        in_sample.r2, 1 - ((neurons - in_sample.predicted) ** 2).sum(axis=0) / 60 / neurons.var(axis=0)
    )
    np.testing.assert_allclose(in_sample.r**2, in_sample.r2)


@pytest.mark.parametrize("function", [linear_predictivity, pls_predictivity])
def test_a_neuron_never_uses_its_excluded_unit(function):
    units, neurons = recording()
    neurons[:, 1], neurons[:, 4] = units[:, 3], units[:, 6]
    folds = fold_labels(60, 5)
    result = function(units, neurons, folds=folds, exclude=[-1, 3, -1, -1, 6])
    every = function(units, neurons, folds=folds)
    for neuron, unit in ((1, 3), (4, 6)):
        expected = function(np.delete(units, unit, axis=1), neurons, folds=folds)
        np.testing.assert_allclose(result.predicted[:, neuron], expected.predicted[:, neuron])
        assert every.r[neuron] == pytest.approx(1.0) != pytest.approx(result.r[neuron])
    np.testing.assert_allclose(result.predicted[:, 0], every.predicted[:, 0])


def test_faulty_arguments_are_refused():
    units, neurons = recording(n=12)
    with pytest.raises(UsageError, match="more than 9 training stimuli, got 9; use ridge"):
        linear_predictivity(units, neurons, folds=np.arange(12) % 4)
    with pytest.raises(UsageError, match="n_components"):
        pls_predictivity(units, neurons, folds=np.arange(12) % 4, n_components=0)
