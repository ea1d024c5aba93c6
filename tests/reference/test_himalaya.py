"""Ridge predictivity against himalaya, which leaves out stimuli in a loop."""

import warnings

import numpy as np
import pytest

from neuroalign.metrics import fold_labels, ridge_predictivity

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
