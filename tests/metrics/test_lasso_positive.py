"""The non-negative Lasso against scikit-learn and against its optimality conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, LassoCV

from neuroalign.metrics import lasso_cv, lasso_variance_explained
from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.lasso import descent, homotopy, path, screening


def data(n, d, j, *, seed=0, correlated=0.0, noise=1.0):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, d))
    Z = Z @ (np.eye(d) + correlated * rng.standard_normal((d, d)) / np.sqrt(d))
    W = rng.standard_normal((d, j)) * (rng.random((d, j)) < 0.4)
    return Z, Z @ W + noise * rng.standard_normal((n, j))


def assert_optimal(Z, y, w, lambda_, atol=1e-9):
    gradient = Z.T @ (y - Z @ w) / len(Z)
    assert (w >= 0).all()
    np.testing.assert_allclose(gradient[w > 0], lambda_, rtol=0, atol=atol)
    assert (gradient[w == 0] <= lambda_ + atol).all()


@pytest.mark.parametrize("correlated", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("shape", [(200, 12, 5), (40, 60, 3)])
def test_weights_of_scikit_learn(shape, correlated):
    Z, Y = data(*shape, correlated=correlated)
    fit = lasso_cv(Z, Y, rule="min", positive=True, n_folds=4)
    Zs, Ys = standardise(Z), standardise(Y)
    for neuron, lambda_ in enumerate(fit.lambda_):
        model = Lasso(alpha=lambda_, positive=True, fit_intercept=False, tol=1e-15, max_iter=10**6)
        expected = model.fit(Zs, Ys[:, neuron]).coef_
        np.testing.assert_allclose(fit.weights[:, neuron], expected, rtol=0, atol=1e-8)
        assert_optimal(Zs, Ys[:, neuron], fit.weights[:, neuron], lambda_)
    assert (fit.weights > 0).any()
    assert (fit.weights == 0).any()
    # The constraint binds: the free weights have both signs.
    assert lasso_cv(Z, Y, rule="min", n_folds=4).weights.min() < -0.01


def test_lambda_of_scikit_learn():
    # Units that are standardised in each training set already, because each fold is a copy of the same stimuli.
    Z, Y = data(50, 6, 4, seed=3)
    noise = np.random.default_rng(9).standard_normal((200, 4))
    Z, Y = np.tile(standardise(Z), (4, 1)), np.tile(Y, (4, 1)) + 0.7 * noise
    folds = np.repeat(np.arange(4), 50)
    fit = lasso_cv(Z, Y, folds=folds, rule="min", positive=True)
    split = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(4)]
    for neuron, y in enumerate(standardise(Y).T):
        peer = LassoCV(alphas=fit.lambdas[neuron], cv=split, positive=True, tol=1e-13, max_iter=10**6)
        peer.fit(Z, y)
        np.testing.assert_allclose(fit.cv_mean[neuron], peer.mse_path_.mean(axis=1), rtol=0, atol=1e-9)
        assert fit.lambda_[neuron] == pytest.approx(peer.alpha_, rel=1e-12)
        np.testing.assert_allclose(fit.weights[:, neuron], peer.coef_, rtol=0, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(12, 60),
    d=st.integers(1, 15),
    correlated=st.sampled_from([0.0, 1.0, 5.0]),
    rounded=st.booleans(),
)
def test_solutions_are_optimal(seed, n, d, correlated, rounded):
    Z, Y = data(n, d, 3, seed=seed, correlated=correlated)
    if rounded:
        # Few distinct values make ties.
        Z, Y = Z.round(), Y.round()
    fit = lasso_cv(Z, Y, n_folds=3, seed=seed, positive=True)
    Zs, Ys = standardise(np.asarray(Z)), standardise(np.asarray(Y))
    for neuron, lambda_ in enumerate(fit.lambda_):
        if np.isfinite(lambda_):
            assert_optimal(Zs, Ys[:, neuron], fit.weights[:, neuron], lambda_, atol=1e-8)


def wide_problem(seed, n=60, d=150):
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((n, 12))
    Z = standardise(np.maximum(causes @ rng.standard_normal((12, d)), 0) + 0.2 * rng.standard_normal((n, d)))
    signs = np.array([1.0, -1.0, 1.0])
    y = standardise((Z[:, :3] @ signs + rng.standard_normal(n))[:, None])[:, 0]
    return Z, y, rng.random(d) > 0.05


@given(st.integers(0, 10_000), st.sampled_from([1e-1, 1e-2, 2e-3]))
@settings(max_examples=30, deadline=None)
def test_three_algorithms_agree(seed, ratio):
    Z, y, allowed = wide_problem(seed)
    G, c = Z.T @ Z / len(Z), Z.T @ y / len(Z)
    lambdas = c[allowed].max() * np.geomspace(1, ratio, 20)[None]
    full, screened = np.empty((2, 1, 20, c.size))
    scratch = [np.empty(G.shape), *(np.empty(c.size) for _ in range(4)), np.empty(1, dtype=int)]
    assert homotopy.follow(G, c, allowed, True, lambdas, *scratch, full)
    assert screening.follow_screened(G, c, allowed, True, lambdas, screened)
    np.testing.assert_allclose(screened, full, rtol=0, atol=1e-10)
    assert not full[..., ~allowed].any()
    for weights, lambda_ in zip(full[0], lambdas[0], strict=True):
        assert_optimal(Z[:, allowed], y, np.maximum(weights[allowed], 0.0), lambda_)


def test_descent_of_a_path_that_cannot_be_trusted(monkeypatch):
    Z, Y = data(100, 10, 3, correlated=0.5)
    followed = lasso_cv(Z, Y, n_folds=4, positive=True)

    def follow(*args):
        args[-1][:] = 7.0
        return False

    monkeypatch.setattr(path, "follow", follow)
    monkeypatch.setattr(path, "compute_paths", path.compute_paths.py_func)
    descended = lasso_cv(Z, Y, n_folds=4, positive=True)
    np.testing.assert_allclose(descended.weights, followed.weights, rtol=0, atol=1e-8)
    np.testing.assert_allclose(descended.cv_mean, followed.cv_mean, rtol=0, atol=1e-8)


def test_descent_never_takes_a_negative_weight():
    G, c = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([0.4, -0.3])
    weights = np.empty((1, 3, 2))
    assert descent.descend(G, c, np.ones(2, dtype=bool), True, np.array([[0.4, 0.2, 0.0]]), weights)
    np.testing.assert_allclose(weights[0], [[0, 0], [0.2, 0], [0.4, 0]], rtol=0, atol=1e-12)


def test_a_neuron_that_falls_with_every_unit_has_no_weight():
    Z, _ = data(200, 4, 1)
    noise = 0.1 * np.random.default_rng(1).standard_normal(200)
    Z = np.abs(Z) + Z.mean()
    Y = np.stack([-Z.sum(axis=1) + noise, Z.sum(axis=1) + noise], axis=1)
    fit = lasso_cv(Z, Y, positive=True)
    np.testing.assert_array_equal(fit.weights[:, 0], 0.0)
    assert fit.lambda_[0] == 0.0
    assert (fit.weights[:, 1] > 0.1).all()
    explained = lasso_variance_explained(Z, Y, positive=True, n_folds=5)
    np.testing.assert_array_equal(explained.predicted[:, 0], explained.baseline[:, 0])
    assert explained.per_neuron[0] < 0 < 0.9 < explained.per_neuron[1]


def test_signs_of_units_matter_and_their_order_does_not():
    Z, Y = data(150, 8, 4)
    fit, flipped = lasso_cv(Z, Y, positive=True), lasso_cv(-Z, Y, positive=True)
    assert not np.allclose(fit.weights, flipped.weights)
    order = np.random.default_rng(0).permutation(8)
    np.testing.assert_allclose(
        lasso_cv(Z[:, order], Y, positive=True).weights, fit.weights[order], atol=1e-10
    )


def test_units_and_their_negatives_give_the_free_lasso():
    Z, Y = data(150, 8, 4, seed=5)
    free = lasso_cv(Z, Y, rule="min")
    both = lasso_cv(np.hstack([Z, -Z]), Y, rule="min", positive=True, folds=free.folds)
    np.testing.assert_allclose(both.weights[:8] - both.weights[8:], free.weights, rtol=0, atol=1e-9)
    np.testing.assert_allclose(both.cv_mean, free.cv_mean, rtol=0, atol=1e-9)


def test_predictions_are_of_nested_fits():
    Z, Y = data(70, 5, 3, seed=2)
    result = lasso_variance_explained(Z, Y, n_folds=5, n_lambdas=30, rule="min", positive=True)
    for fold in range(5):
        rest = result.folds != fold
        fit = lasso_cv(Z[rest], Y[rest], folds=result.folds[rest], n_lambdas=30, rule="min", positive=True)
        mean, scale = Z[rest].mean(axis=0), Z[rest].std(axis=0)
        predicted = ((Z[~rest] - mean) / scale) @ fit.weights * Y[rest].std(axis=0) + Y[rest].mean(axis=0)
        np.testing.assert_allclose(result.predicted[~rest], predicted, rtol=0, atol=1e-9)


def test_excluded_units_have_no_weight_and_set_no_grid():
    Z, Y = data(120, 6, 3, noise=0.1)
    fit = lasso_cv(Z, Y, positive=True, exclude=[0, -1, 5])
    for neuron, unit in ((0, 0), (2, 5)):
        kept = [other for other in range(6) if other != unit]
        alone = lasso_cv(Z[:, kept], Y[:, [neuron]], positive=True)
        np.testing.assert_allclose(fit.weights[kept, neuron], alone.weights[:, 0], rtol=0, atol=1e-12)
        assert fit.weights[unit, neuron] == 0.0
