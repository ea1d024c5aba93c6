import numpy as np
import pytest
from sklearn.metrics import r2_score

from neuroalign.errors import ArrayError
from neuroalign.metrics import lasso_cv, lasso_variance_explained, variance_explained


def test_is_r2_score():
    rng = np.random.default_rng(0)
    true = rng.standard_normal((30, 4))
    predicted = true + [0.1, 1.0, 3.0, 0.0] * rng.standard_normal((30, 4))
    expected = r2_score(true, predicted, multioutput="raw_values")
    np.testing.assert_allclose(variance_explained(true, predicted), expected)
    assert expected[2] < 0
    true[:, 0] = 2.0
    np.testing.assert_array_equal(np.isnan(variance_explained(true, predicted)), [True, False, False, False])


def test_predictions_come_from_the_other_stimuli():
    rng = np.random.default_rng(0)
    Z = 3 + 2 * rng.standard_normal((90, 4))
    Y = Z @ rng.standard_normal((4, 3)) + rng.standard_normal((90, 3))
    result = lasso_variance_explained(Z, Y, n_outer_folds=5, n_folds=4, seed=3)
    assert (np.bincount(result.folds) == 18).all()
    train, test = result.folds != 2, result.folds == 2
    fit = lasso_cv(Z[train], Y[train], n_folds=4, seed=3)
    standardised = (Z[test] - Z[train].mean(axis=0)) / Z[train].std(axis=0)
    expected = Y[train].mean(axis=0) + standardised @ fit.weights * Y[train].std(axis=0)
    np.testing.assert_allclose(result.predicted[test], expected)
    np.testing.assert_allclose(result.per_neuron, variance_explained(Y, result.predicted))


def test_simulated_truth():
    # Signal variance 3 and noise variance 1 leave 3/4 to be explained.
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((4000, 12))
    Y = Z[:, :3] @ np.ones((3, 8)) + rng.standard_normal((4000, 8))
    explained = lasso_variance_explained(Z, Y, rule="min").per_neuron
    assert explained.mean() == pytest.approx(0.75, abs=0.01)
    noise = lasso_variance_explained(Z, rng.standard_normal((4000, 8))).per_neuron
    assert np.abs(noise).max() < 0.01


def test_a_neuron_does_not_explain_itself():
    Y = np.random.default_rng(0).standard_normal((100, 3))
    assert (lasso_variance_explained(Y, Y).per_neuron > 0.9).all()
    assert (lasso_variance_explained(Y, Y, exclude=np.arange(3)).per_neuron < 0.1).all()


def test_wrong_calls():
    with pytest.raises(ArrayError, match=r"must have one shape, not \(3, 2\) and \(3, 1\)"):
        variance_explained(np.ones((3, 2)), np.ones((3, 1)))


def test_what_units_add_is_free_of_the_folds_means():
    # The mean of the other folds is low where a fold is high: alone it would correlate with the responses.
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((30, 40))
    result = lasso_variance_explained(rng.standard_normal((30, 3)), Y)
    for fold in range(10):
        training, held_out = result.folds != fold, result.folds == fold
        np.testing.assert_allclose(result.baseline[held_out], Y[training].mean(axis=0)[None].repeat(3, 0))
    added = result.predicted - result.baseline
    unpredicted = np.ptp(added, axis=0) == 0
    assert unpredicted.sum() > 10
    alone = [np.corrcoef(Y[:, each], result.predicted[:, each])[0, 1] for each in np.flatnonzero(unpredicted)]
    assert np.mean(alone) < -0.3
