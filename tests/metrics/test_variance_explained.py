import numpy as np
import pytest
from sklearn.metrics import r2_score

from neuroalign.errors import ArrayError, NeuroalignWarning, UsageError
from neuroalign.metrics import lasso_cv, lasso_variance_explained, variance_explained
from neuroalign.metrics.lasso import path


def test_is_r2_score():
    rng = np.random.default_rng(0)
    true = rng.standard_normal((30, 4))
    predicted = true + [0.1, 1.0, 3.0, 0.0] * rng.standard_normal((30, 4))
    expected = r2_score(true, predicted, multioutput="raw_values")
    np.testing.assert_allclose(variance_explained(true, predicted), expected)
    assert expected[2] < 0
    true[:, 0] = 2.0
    np.testing.assert_array_equal(np.isnan(variance_explained(true, predicted)), [True, False, False, False])


def data(n, d, j, *, seed=0, density=0.3):
    rng = np.random.default_rng(seed)
    Z = 3 + 2 * rng.standard_normal((n, d))
    weights = rng.standard_normal((d, j)) * (rng.random((d, j)) < density)
    return Z, Z @ weights + rng.standard_normal((n, j))


def constant_units():
    Z, Y = data(120, 6, 5)
    return np.insert(Z, [0, 3], [[3.0, 0.1 + 0.2]], axis=1), Y, {}


def nearly_constant_units():
    # One unit varies only in the first fold, and two units vary almost only by one stimulus.
    Z, Y = data(120, 6, 5)
    Z[:, 0] = 7.0
    Z[::8, 0] = Y[::8, 0]
    Z[:, 1:3] = 1e-6 * Z[:, 1:3]
    Z[[5, 9], [1, 2]] = 1.0
    return Z, Y, {"folds": np.arange(120) % 8}


def neurons_that_hardly_respond():
    Z, Y = data(120, 6, 4)
    Y[:, 0] = 0.0
    Y[3, 0] = 5.0
    Y[:, 1] = 2.0
    Y[7, 2] = 1e4
    return Z, Y, {"folds": np.arange(120) % 6}


def own_units():
    Y = data(150, 5, 8)[1]
    return Y[:, [4, 1, 6]], Y, {"exclude": np.array([-1, 1, -1, -1, 0, -1, 2, -1]), "rule": "min"}


def unequal_folds():
    folds = np.random.default_rng(1).choice([-3, 0, 7, 8], size=140, p=[0.1, 0.2, 0.3, 0.4])
    return *data(140, 9, 4), {"folds": folds}


def sizes_on_both_sides_of_the_number_of_units():
    # 50 stimuli remain without the last fold and 62 without the first, so their grids end at different ratios.
    return *data(70, 55, 3, density=0.05), {"folds": np.repeat([0, 1, 2, 3, 4, 5, 6], [8] * 5 + [10, 20])}


CASES = {
    "one unit": lambda: (*data(60, 1, 4), {}),
    "two units": lambda: (*data(60, 2, 4), {"n_folds": 3}),
    "fifty units": lambda: (*data(300, 50, 4), {"n_folds": 5, "n_lambdas": 40}),
    "fewer stimuli than units": lambda: (*data(40, 60, 3, density=0.05), {"n_folds": 4}),
    "units and neurons on scales of their own": lambda: (
        *(1e-6 * values + 1e3 for values in data(100, 6, 3)),
        {},
    ),
    "neurons that no unit predicts": lambda: (*data(100, 8, 6, density=0.0), {"seed": 2}),
    "more than one block": lambda: (*data(80, 5, 50), {"n_folds": 4}),
    "no unit varies": lambda: (np.ones((60, 3)), data(60, 4, 3)[1], {}),
    "constant units": constant_units,
    "nearly constant units": nearly_constant_units,
    "neurons that hardly respond": neurons_that_hardly_respond,
    "own units": own_units,
    "unequal folds": unequal_folds,
    "sizes on both sides of the number of units": sizes_on_both_sides_of_the_number_of_units,
}


@pytest.mark.parametrize("name", CASES)
def test_each_fold_is_predicted_by_the_lasso_over_the_others(name):
    Z, Y, options = CASES[name]()
    result = lasso_variance_explained(Z, Y, **options)
    of_fits = {key: value for key, value in options.items() if key in ("n_lambdas", "rule", "exclude")}
    expected = np.empty_like(Y)
    n_weights = 0
    for fold in np.unique(result.folds):
        rest, test = result.folds != fold, result.folds == fold
        fit = lasso_cv(Z[rest], Y[rest], folds=result.folds[rest], **of_fits)
        scale = Z[rest].std(axis=0)
        shown = (Z[test] - Z[rest].mean(axis=0)) / np.where(scale > 0, scale, 1.0)
        expected[test] = Y[rest].mean(axis=0) + shown @ fit.weights * Y[rest].std(axis=0)
        n_weights += np.count_nonzero(fit.weights)
    np.testing.assert_allclose(result.predicted, expected, rtol=1e-8, atol=1e-8 * np.abs(Y).max())
    np.testing.assert_allclose(result.per_neuron, variance_explained(Y, expected), rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(np.isnan(result.per_neuron), np.ptp(Y, axis=0) == 0)
    assert n_weights or name in ("no unit varies", "neurons that no unit predicts")


def test_folds_are_seeded_and_kept():
    Z, Y = data(90, 4, 3)
    first, second = (
        lasso_variance_explained(Z, Y, n_folds=5, seed=1),
        lasso_variance_explained(Z, Y, n_folds=5),
    )
    assert (np.bincount(first.folds) == 18).all()
    assert (first.folds != second.folds).any()
    again = lasso_variance_explained(Z, Y, folds=first.folds)
    np.testing.assert_array_equal(again.predicted, first.predicted)


def test_threads_do_not_change_a_bit():
    Z, Y = data(120, 12, 90)
    one, three = (lasso_variance_explained(Z, Y, n_threads=n_threads) for n_threads in (1, 3))
    np.testing.assert_array_equal(one.predicted, three.predicted)


def test_each_pair_of_folds_has_one_path(monkeypatch):
    grids = []
    original = path.compute_paths

    def count(*args):
        original(*args)
        grids.append(args[4].shape[1:])

    monkeypatch.setattr(path, "compute_paths", count)
    lasso_variance_explained(*data(70, 4, 3), n_folds=7, n_lambdas=30)
    assert sorted(grids) == [(1, 30)] * 7 + [(2, 30)] * (7 * 6 // 2)


def test_paths_that_cannot_be_trusted_are_computed_again(monkeypatch):
    Z, Y = data(60, 6, 3)
    expected = lasso_variance_explained(Z, Y, n_folds=4).predicted
    monkeypatch.setattr(path, "follow", lambda *args: False)
    monkeypatch.setattr(path, "compute_paths", path.compute_paths.py_func)
    np.testing.assert_allclose(lasso_variance_explained(Z, Y, n_folds=4).predicted, expected, atol=1e-7)


def test_a_warning_counts_the_neurons_that_do_not_converge(monkeypatch):
    original = path.compute_paths

    def give_up(*args):
        original(*args)
        args[-1][:] = path.UNCONVERGED

    monkeypatch.setattr(path, "compute_paths", give_up)
    with pytest.warns(NeuroalignWarning, match="the Lasso of 3 of 3 neurons did not converge"):
        lasso_variance_explained(*data(60, 4, 3))


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
    with pytest.raises(ArrayError, match=r"must have one shape, got \(3, 2\) and \(3, 1\)"):
        variance_explained(np.ones((3, 2)), np.ones((3, 1)))
    with pytest.raises(UsageError, match="three folds at least"):
        lasso_variance_explained(*data(60, 4, 3), n_folds=2)
    with pytest.raises(UsageError, match="from 2 to the number of stimuli, 60, got 61"):
        lasso_variance_explained(*data(60, 4, 3), n_folds=61)
    with pytest.raises(UsageError, match="rule must be"):
        lasso_variance_explained(*data(60, 4, 3), rule="2se")


def test_the_contribution_of_units_does_not_contain_the_means_of_folds():
    # The mean of the other folds is low where a fold is high, so the mean alone correlates with the responses.
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((30, 40))
    result = lasso_variance_explained(rng.standard_normal((30, 3)), Y)
    for fold in range(10):
        training, held_out = result.folds != fold, result.folds == fold
        np.testing.assert_allclose(result.baseline[held_out], Y[training].mean(axis=0)[None].repeat(3, 0))
    added = result.predicted - result.baseline
    unpredicted = np.ptp(added, axis=0) == 0
    assert unpredicted.sum() > 10
    neurons = np.flatnonzero(unpredicted)
    alone = [np.corrcoef(Y[:, neuron], result.predicted[:, neuron])[0, 1] for neuron in neurons]
    assert np.mean(alone) < -0.3
