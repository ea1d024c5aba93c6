"""Ridge predictivity against himalaya, which leaves out stimuli in a loop."""

import warnings

import numpy as np
import pytest

from neuroalign.metrics import banded_ridge, fold_labels, ridge_predictivity

himalaya_ridge = pytest.importorskip("himalaya.ridge")


@pytest.mark.parametrize("d", [6, 50], ids=["primal", "dual"])
def test_predictions_and_penalties_are_those_of_himalaya(d):
    from sklearn.model_selection import KFold

    rng = np.random.default_rng(0)
    units = rng.standard_normal((40, d)) + 3
    neurons = units @ rng.standard_normal((d, 5)) + 2 * np.sqrt(d) * rng.standard_normal((40, 5))
    alphas, folds = np.logspace(-1, 4, 11), fold_labels(40, 4)
    result = ridge_predictivity(units, neurons, folds=folds, alphas=alphas, standardise=False)
    for fold in range(4):
        train, test = folds != fold, folds == fold
        peer = himalaya_ridge.RidgeCV(alphas=alphas, fit_intercept=True, cv=KFold(int(train.sum())))
        with warnings.catch_warnings():
            # The advice to use a kernel where units outnumber stimuli.
            warnings.simplefilter("ignore", UserWarning)
            peer.fit(units[train], neurons[train])
        np.testing.assert_allclose(result.alpha[fold], peer.best_alphas_)
        np.testing.assert_allclose(result.predicted[test], peer.predict(units[test]), rtol=1e-8)
    assert np.unique(result.alpha).size > 3


@pytest.mark.parametrize("sizes", [(4, 3, 5), (30, 20, 25)], ids=["primal", "dual"])
def test_banded_ridge_is_that_of_himalaya(sizes):
    from himalaya.scoring import r2_score_split
    from sklearn.model_selection import KFold

    rng = np.random.default_rng(1)
    units = rng.standard_normal((40, sum(sizes)))
    band = np.repeat([0, 1, 2], sizes)
    neurons = units[:, band == 0].sum(axis=1)[:, None] + 4 * rng.standard_normal((40, 4))
    weights, alphas = rng.dirichlet(np.ones(3), size=6), np.logspace(-1, 3, 9)
    folds = fold_labels(40, 4)
    result = banded_ridge(
        units, neurons, bands=band.astype(str), folds=folds, weights=weights, alphas=alphas, standardise=False
    )
    for fold in range(4):
        train, test = folds != fold, folds == fold
        peer = himalaya_ridge.GroupRidgeCV(
            groups=band,
            solver_params={"n_iter": weights, "alphas": alphas, "progress_bar": False, "warn": False},
            fit_intercept=True,
            cv=KFold(int(train.sum())),
        ).fit(units[train], neurons[train])
        np.testing.assert_allclose(result.predicted[test], peer.predict(units[test]), rtol=1e-7, atol=1e-8)
        # himalaya's weights carry the penalty: exp(deltas) = weights / alpha.
        np.testing.assert_allclose(np.exp(peer.deltas_), result.weights[fold] / result.alpha[fold], rtol=1e-6)
        centred = units[test] - units[train].mean(axis=0)
        parts = [centred[:, band == index] @ peer.coef_[band == index] for index in range(3)]
        np.testing.assert_allclose(result.added[:, test], parts, rtol=1e-6, atol=1e-8)
    # One fold: the shares of the bands are himalaya's, for responses as deviations from their mean.
    in_sample = banded_ridge(
        units, neurons, bands=band.astype(str), folds=None, weights=weights, alphas=alphas, standardise=False
    )
    expected = r2_score_split(neurons - neurons.mean(axis=0), in_sample.added)
    np.testing.assert_allclose(in_sample.r2_of_bands, expected, rtol=1e-8)
