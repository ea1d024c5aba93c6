"""The Lasso against plain code on another solver and against its optimality conditions."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroalign.errors import ArrayError, NeuroalignWarning, UsageError
from neuroalign.metrics import lasso_cv
from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.lasso import descent, fold_sums, homotopy, path, problem, screening, tableau
from neuroalign.metrics.lasso.threads import available_threads


def data(n, d, j, *, seed=0, correlated=0.0, noise=1.0, density=0.3):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, d))
    if correlated:
        Z = Z @ (np.eye(d) + correlated * rng.standard_normal((d, d)) / np.sqrt(d))
    W = rng.standard_normal((d, j)) * (rng.random((d, j)) < density)
    return Z, Z @ W + noise * rng.standard_normal((n, j))


def counts():
    rng = np.random.default_rng(5)
    Z = rng.standard_normal((150, 12))
    return Z, rng.negative_binomial(1, 0.1, (150, 5)) * np.exp(Z[:, :5])


CASES = {
    "one unit": lambda: data(60, 1, 4),
    "two units": lambda: data(60, 2, 4),
    "fifty units": lambda: data(300, 50, 4, correlated=0.5),
    "many units": lambda: data(400, 120, 2, density=0.05),
    "scaled and shifted": lambda: tuple(1e-6 * values + 1e3 for values in data(100, 6, 3)),
    "nearly noiseless": lambda: data(120, 10, 4, noise=1e-4),
    "pure noise": lambda: data(120, 10, 6, density=0.0),
    "heavy tails": counts,
    "strongly correlated units": lambda: data(200, 15, 4, correlated=6.0),
    "float32": lambda: tuple(values.astype(np.float32) for values in data(100, 8, 3)),
}


@pytest.fixture
def assert_same(plain_lasso_cv):
    """Fit, and compare everything with the plain code."""

    def compare(Z, Y, folds, *, rule="1se"):
        fit = lasso_cv(Z, Y, folds=folds, rule=rule)
        Z, Y = np.asarray(Z, dtype=np.float64), np.asarray(Y, dtype=np.float64)
        weights, chosen, grids, means, errors = plain_lasso_cv(Z, Y, folds, rule=rule)
        np.testing.assert_allclose(fit.lambdas, grids, rtol=1e-12)
        # Relative where errors are huge: a unit that hardly varies in training may be far out in a held-out stimulus.
        np.testing.assert_allclose(fit.cv_mean, means, rtol=1e-8, atol=1e-7)
        np.testing.assert_allclose(fit.cv_se, errors, rtol=1e-8, atol=1e-7)
        np.testing.assert_array_equal(fit.lambda_, fit.lambdas[np.arange(len(chosen)), chosen])
        np.testing.assert_allclose(fit.weights, weights, rtol=0, atol=1e-6)
        return fit

    return compare


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rule", ["1se", "min"])
def test_against_plain_code(name, rule, assert_same):
    Z, Y = CASES[name]()
    rng = np.random.default_rng(1)
    # Unequal folds, with labels of any kind of integer.
    folds = rng.choice([-3, 0, 7, 8], size=len(Z), p=[0.1, 0.2, 0.3, 0.4])
    assert_same(Z, Y, folds, rule=rule)


@pytest.mark.slow
def test_three_hundred_units(assert_same):
    assert_same(*data(700, 300, 2, correlated=0.3, density=0.05), np.arange(700) % 5)


def test_fewer_stimuli_than_units(assert_same):
    Z, Y = data(40, 60, 3, density=0.05)
    fit = assert_same(Z, Y, np.arange(40) % 4)
    np.testing.assert_allclose(fit.lambdas[:, -1] / fit.lambdas[:, 0], 1e-2)


@pytest.fixture
def statuses(monkeypatch):
    """Return the list that collects the status of each path."""
    seen = []
    original = path.compute_paths

    def spy(*args):
        original(*args)
        seen.extend(args[-1].tolist())

    monkeypatch.setattr(path, "compute_paths", spy)
    return seen


def test_the_first_of_duplicated_units_gets_all_the_weight(statuses):
    Z, Y = data(150, 6, 4)
    fit = lasso_cv(np.hstack([Z, Z, -Z]), Y, seed=3)
    alone = lasso_cv(Z, Y, seed=3)
    np.testing.assert_allclose(fit.weights[:6], alone.weights, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(fit.weights[6:], 0.0)
    np.testing.assert_allclose(fit.cv_mean, alone.cv_mean, rtol=0, atol=1e-9)
    assert set(statuses) == {path.HOMOTOPY}


def test_units_that_are_sums_of_others(plain_lasso_cv):
    Z, Y = data(150, 6, 6, seed=2)
    Z = np.hstack([Z, Z[:, [0]] + Z[:, [1]], Z[:, [2]] - 2 * Z[:, [3]]])
    fit = lasso_cv(Z, Y)
    reference = plain_lasso_cv(Z, Y, fit.folds)
    np.testing.assert_allclose(fit.cv_mean, reference[3], rtol=0, atol=1e-7)
    # Several weights may be optimal then, but all give the same predictions.
    predicted = standardise(Z) @ fit.weights
    np.testing.assert_allclose(predicted, standardise(Z) @ reference[0], rtol=0, atol=1e-6)


def test_units_without_variance_get_no_weight_and_change_nothing():
    Z, Y = data(100, 5, 3)
    padded = np.insert(Z, [0, 2, 5], [[3.0, 0.0, 0.1 + 0.2]], axis=1)
    fit, alone = lasso_cv(padded, Y), lasso_cv(Z, Y)
    np.testing.assert_array_equal(fit.weights[[0, 3, 7]], 0.0)
    np.testing.assert_array_equal(np.delete(fit.weights, [0, 3, 7], axis=0), alone.weights)


def test_unit_that_varies_in_one_fold_only(assert_same):
    Z, Y = data(80, 5, 4)
    Z[:, 2] = 0.0
    Z[0, 2] = 1.0
    folds = np.arange(80) % 4
    assert_same(Z, Y, folds)
    # The unit also varies a little in the other folds.
    Z[:, 2] = 1e-7 * np.random.default_rng(0).standard_normal(80)
    Z[0, 2] = 1.0
    assert_same(Z, Y, folds)


def test_neurons_without_variance_are_not_fitted():
    Z, Y = data(60, 4, 3)
    Y[:, 1] = 2.0
    fit = lasso_cv(Z, Y)
    np.testing.assert_array_equal(fit.weights[:, 1], 0.0)
    assert np.isnan(fit.lambda_[1])
    assert np.isnan(fit.cv_mean[1]).all()
    assert np.isfinite(fit.cv_mean[[0, 2]]).all()


def test_no_unit_varies():
    Y = data(60, 4, 3)[1]
    fit = lasso_cv(np.ones((60, 3)), Y)
    np.testing.assert_array_equal(fit.weights, 0.0)
    np.testing.assert_array_equal(fit.lambda_, 0.0)
    assert (fit.cv_mean > 0.9).all()


def test_excluded_units_have_no_weight_and_set_no_grid():
    Z, Y = data(120, 6, 6, noise=0.1)
    exclude = np.array([0, -1, 5, 3, -1, 2])
    fit = lasso_cv(Z, Y, exclude=exclude)
    for neuron, unit in enumerate(exclude):
        kept = [other for other in range(6) if other != unit]
        alone = lasso_cv(Z[:, kept], Y[:, [neuron]])
        np.testing.assert_allclose(fit.weights[kept, neuron], alone.weights[:, 0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(fit.lambdas[neuron], alone.lambdas[0], rtol=1e-12)
        if unit >= 0:
            assert fit.weights[unit, neuron] == 0.0


def test_order_of_events_at_one_lambda(statuses):
    # Orthogonal units with equal correlations all enter at the same λ.
    Z = np.tile([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], (20, 1))
    fit = lasso_cv(Z, Z.sum(axis=1, keepdims=True), folds=np.arange(80) // 4 % 4, rule="min")
    # With y = (z₁ + z₂ + z₃)/√3 and no noise, each weight is 1/√3 less the smallest λ.
    np.testing.assert_allclose(fit.weights[:, 0], (1 - 1e-4) / np.sqrt(3), rtol=1e-12)
    assert set(statuses) <= {path.HOMOTOPY, path.DESCENT}


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-6, 1e-7, 1e-9])
def test_units_that_nearly_repeat_others(distance, statuses, plain_lasso_cv):
    Z, Y = data(120, 4, 4)
    near = Z[:, :2] + distance * np.random.default_rng(9).standard_normal((120, 2))
    Z = np.hstack([Z, near])
    fit = lasso_cv(Z, Y, n_folds=4)
    assert path.UNCONVERGED not in statuses
    # Coordinate descent of the plain solver would take days to separate such units.
    without = plain_lasso_cv(Z[:, :4], Y, fit.folds)
    np.testing.assert_allclose(fit.cv_mean, without[3], atol=20 * distance)


def test_a_path_that_cannot_be_trusted_is_computed_again(monkeypatch, assert_same):
    followed, statuses = [], []

    def follow(*args):
        # Wrong weights, and the report that they cannot be trusted.
        args[-1][:] = 7.0
        followed.append(None)
        return False

    uncompiled = path.compute_paths.py_func

    def compute_paths(*args):
        uncompiled(*args)
        statuses.extend(args[-1].tolist())

    monkeypatch.setattr(path, "follow", follow)
    monkeypatch.setattr(path, "compute_paths", compute_paths)
    Z, Y = data(100, 10, 3, correlated=0.5)
    assert_same(Z, Y, np.arange(100) % 4)
    assert len(followed) == 3 * 5
    assert set(statuses) == {path.DESCENT}


def test_the_homotopy_reports_a_path_that_cannot_be_trusted():
    # This matrix is not a Gram matrix: its smallest eigenvalue is negative.
    G = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    c = np.array([0.5, 0.4, 0.3])
    scratch = [np.empty((3, 3)), *(np.empty(3) for _ in range(4)), np.empty(2, dtype=int)]
    weights, allowed = np.empty((2, 20, 3)), np.ones(3, dtype=bool)
    lambdas = np.array([np.geomspace(0.5, 1e-4, 20), np.geomspace(0.4, 2e-4, 20)])
    assert not path.follow(G, c, allowed, False, lambdas, *scratch, weights)
    sound = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]])
    assert path.follow(sound, c, allowed, False, lambdas, *scratch, weights)
    np.testing.assert_array_equal(weights[0, 0], 0.0)
    for grid, last in zip(weights, lambdas[:, -1], strict=True):
        expected = np.linalg.solve(sound, c - last * np.sign(grid[-1]))
        np.testing.assert_allclose(grid[-1], expected, rtol=0, atol=1e-12)
    descended = np.empty((2, 20, 3))
    assert descent.descend(sound, c, allowed, False, lambdas, descended)
    np.testing.assert_allclose(descended, weights, rtol=0, atol=1e-9)


def test_a_warning_counts_the_neurons_that_do_not_converge(monkeypatch):
    original = path.compute_paths

    def give_up(*args):
        original(*args)
        args[-1][:] = path.UNCONVERGED

    monkeypatch.setattr(path, "compute_paths", give_up)
    with pytest.warns(NeuroalignWarning, match="the Lasso of 3 of 3 neurons did not converge"):
        lasso_cv(*data(60, 4, 3))


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
    fit = lasso_cv(Z, Y, n_folds=3, seed=seed)
    Zs, Ys = standardise(np.asarray(Z)), standardise(np.asarray(Y))
    for neuron, lambda_ in enumerate(fit.lambda_):
        if np.isnan(lambda_):
            continue
        w = fit.weights[:, neuron]
        gradient = Zs.T @ (Ys[:, neuron] - Zs @ w) / n
        np.testing.assert_allclose(gradient[w != 0], lambda_ * np.sign(w[w != 0]), rtol=0, atol=1e-8)
        assert (np.abs(gradient[w == 0]) <= lambda_ + 1e-8).all()


def test_threads_do_not_change_a_bit():
    Z, Y = data(300, 20, 150, correlated=0.5)
    one, three = lasso_cv(Z, Y, n_threads=1), lasso_cv(Z, Y, n_threads=3)
    for name in ("weights", "lambda_", "lambdas", "cv_mean", "cv_se", "folds"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))


def test_calls_from_several_threads_at_once():
    Z, Y = data(200, 10, 70)
    expected = lasso_cv(Z, Y).weights
    results = []
    threads = [threading.Thread(target=lambda: results.append(lasso_cv(Z, Y).weights)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for weights in results:
        np.testing.assert_array_equal(weights, expected)


def test_workers_of_joblib_share_the_processors(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert available_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "not a number")
    assert available_threads() >= 1


def test_interruption_stops_at_once(monkeypatch):
    begun = []

    def interrupted(*args):
        begun.append(None)
        time.sleep(0.05)  # without the pause the threads could finish all blocks before the interruption
        raise KeyboardInterrupt

    monkeypatch.setattr(path, "compute_paths", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lasso_cv(*data(50, 3, 32 * 40), n_threads=2)
    assert len(begun) < 40


def test_folds_are_seeded_and_kept():
    Z, Y = data(50, 3, 2)
    first, second = lasso_cv(Z, Y, seed=1), lasso_cv(Z, Y, seed=2)
    assert (np.bincount(first.folds) == 5).all()
    assert (first.folds != second.folds).any()
    np.testing.assert_array_equal(lasso_cv(Z, Y, folds=first.folds).weights, first.weights)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.ones((3, 2)), np.ones((4, 2))), {}, ArrayError, "the same stimuli in rows, got 3 and 4"),
        ((np.ones(3), np.ones((3, 2))), {}, ArrayError, r"Z must have two dimensions, got shape \(3,\)"),
        ((np.full((3, 2), np.nan), np.ones((3, 2))), {}, ArrayError, r"Z must be finite; \[0, 0\] is nan"),
        (
            (np.ones((20, 2)), np.ones((20, 1))),
            {"n_folds": 21},
            UsageError,
            "from 2 to the number of stimuli, 20",
        ),
        ((np.ones((20, 2)), np.ones((20, 1))), {"seed": -1}, UsageError, "seed must not be negative, got -1"),
        ((np.ones((20, 2)), np.ones((20, 1))), {"n_threads": 0}, UsageError, "n_threads must be at least 1"),
        ((np.ones((20, 2)), np.ones((20, 1))), {"rule": "2se"}, UsageError, "rule must be '1se' or 'min'"),
        ((np.ones((20, 2)), np.ones((20, 1))), {"n_lambdas": 0}, UsageError, "n_lambdas must be at least 1"),
        ((np.ones((20, 2)), np.ones((20, 1))), {"lambda_min_ratio": 1}, UsageError, "between 0 and 1"),
        (
            (np.ones((20, 2)), np.ones((20, 1))),
            {"folds": np.zeros(20, int)},
            UsageError,
            "two labels at least",
        ),
        ((np.ones((20, 2)), np.ones((20, 1))), {"folds": np.zeros(20)}, ArrayError, "folds must be integers"),
        ((np.ones((20, 2)), np.ones((20, 1))), {"exclude": [2]}, ArrayError, "exclude must be from -1 to 1"),
    ],
)
def test_wrong_calls(arguments, options, error, message):
    with pytest.raises(error, match=message):
        lasso_cv(*arguments, **options)


def wide_problem(seed, n=60, d=150):
    """Return correlations of units with common causes and of a neuron that sums three units, and a mask of units."""
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((n, 12))
    Z = standardise(np.maximum(causes @ rng.standard_normal((12, d)), 0) + 0.2 * rng.standard_normal((n, d)))
    y = standardise(Z[:, :3].sum(axis=1, keepdims=True) + rng.standard_normal((n, 1)))[:, 0]
    allowed = rng.random(d) > 0.05
    c = Z.T @ y / n
    return Z.T @ Z / n, c, allowed, np.abs(c[allowed]).max()


@pytest.mark.slow
@given(st.integers(0, 10_000), st.sampled_from([1e-1, 1e-2, 2e-3]))
@settings(max_examples=40, deadline=None)
def test_screening_changes_no_path(seed, ratio):
    G, c, allowed, largest = wide_problem(seed)
    # Two grids; the second has larger λ, like the grid of another training set.
    lambdas = largest * np.geomspace(1, ratio, 30) * np.array([[1.0], [1.3]])
    full, screened = np.empty((2, 2, 30, c.size))
    scratch = [np.empty(G.shape), *(np.empty(c.size) for _ in range(4)), np.empty(2, dtype=int)]
    assert homotopy.follow(G, c, allowed, False, lambdas, *scratch, full)
    assert screening.follow_screened(G, c, allowed, False, lambdas, screened)
    np.testing.assert_allclose(screened, full, rtol=0, atol=1e-10)
    assert not screened[..., ~allowed].any()


def test_screening_goes_back_for_a_unit_that_the_rule_left_out():
    G, c, allowed, largest = wide_problem(0)
    lambdas = largest * np.geomspace(1, 2e-3, 60)[None]
    full, screened = np.empty((2, 1, 60, c.size))
    scratch = [np.empty(G.shape), *(np.empty(c.size) for _ in range(4)), np.empty(1, dtype=int)]
    assert homotopy.follow(G, c, allowed, False, lambdas, *scratch, full)
    left_out = np.abs(c - full[0, :-1] @ G) < 2 * lambdas.T[1:] - lambdas.T[:-1]
    assert (left_out & (full[0, 1:] != 0)).any()
    assert screening.follow_screened(G, c, allowed, False, lambdas, screened)
    np.testing.assert_allclose(screened, full, rtol=0, atol=1e-10)


def test_exchanges_in_groups_are_the_exchanges_one_by_one():
    rng = np.random.default_rng(0)
    G = np.cov(rng.standard_normal((300, 90)), rowvar=False)
    c = rng.standard_normal(90)
    state, row = tableau.empty_tableau(90), np.empty(90)
    tableau.admit(G, c, np.arange(60), 60, state, 0)
    # 61 exchanges: one group is full, another waits while units are admitted. Unit 3 enters and leaves.
    for j in [*range(60), 3]:
        assert tableau.exchange(state, 60, j, row)
        state.sign[j] = 0.0 if state.sign[j] else 1.0
    tableau.admit(G, c, np.arange(60, 90), 30, state, 60)
    tableau.flush(state, 90)
    active, others = np.delete(np.arange(60), 3), np.array([3, *range(60, 90)])
    inverse = np.linalg.inv(G[np.ix_(active, active)])
    across = inverse @ G[np.ix_(active, others)]
    schur = G[np.ix_(others, others)] - G[np.ix_(others, active)] @ across
    np.testing.assert_allclose(state.M[np.ix_(active, active)], -inverse, atol=1e-12)
    np.testing.assert_allclose(state.M[np.ix_(active, others)], across, atol=1e-12)
    np.testing.assert_allclose(state.M[np.ix_(others, others)], schur, atol=1e-12)
    np.testing.assert_allclose(state.P[active], inverse @ c[active], atol=1e-12)
    np.testing.assert_allclose(
        state.P[others], c[others] - G[np.ix_(others, active)] @ inverse @ c[active], atol=1e-12
    )


def test_screening_of_a_neuron_that_is_not_fitted():
    G, c, allowed, largest = wide_problem(0)
    weights = np.empty((2, 3, c.size))
    lambdas = np.array([[np.inf] * 3, largest * np.array([1.0, 0.5, 0.1])])
    assert screening.follow_screened(G, c, allowed, False, lambdas, weights)
    np.testing.assert_array_equal(weights[0], 0.0)
    assert weights[1, 2].any()
    assert screening.follow_screened(G, np.zeros_like(c), allowed, False, np.zeros((1, 5)), weights[:1])
    np.testing.assert_array_equal(weights[0], 0.0)


def test_screening_reports_a_path_that_cannot_be_trusted():
    # This matrix is not a Gram matrix: its smallest eigenvalue is negative.
    G = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    lambdas = np.geomspace(0.5, 1e-4, 20)[None]
    assert not screening.follow_screened(
        G, np.array([0.5, 0.4, 0.3]), np.ones(3, dtype=bool), False, lambdas, np.empty((1, 20, 3))
    )


@pytest.mark.slow
def test_many_more_units_than_stimuli(assert_same, statuses):
    Z, Y = data(60, 700, 2, density=0.005)
    assert_same(Z, Y, np.arange(60) % 3)
    assert set(statuses) == {path.HOMOTOPY}


def test_products_of_the_units_with_weight(monkeypatch):
    Z, Y = data(80, 30, 5)
    Y[:, 4] = 1.0
    dense = lasso_cv(Z, Y)
    monkeypatch.setattr(problem, "DENSE_UNITS", 0)
    by_unit = lasso_cv(Z, Y)
    monkeypatch.setattr(fold_sums, "DENSE_UNITS", 0)
    sparse = lasso_cv(Z, Y)
    np.testing.assert_allclose(sparse.cv_mean, dense.cv_mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(sparse.lambda_, dense.lambda_)
    np.testing.assert_allclose(by_unit.cv_mean, dense.cv_mean, rtol=1e-12, atol=1e-14)


def test_correlations_that_are_not_kept_are_the_same(monkeypatch):
    Z, Y = data(80, 30, 5)
    kept = lasso_cv(Z, Y)
    monkeypatch.setattr(fold_sums, "KEPT_BYTES", 0)
    np.testing.assert_array_equal(lasso_cv(Z, Y).weights, kept.weights)


def test_too_many_units_for_the_memory_are_refused(monkeypatch):
    Z, Y = data(20, 5000, 1)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9))
    # 10 folds and 2 matrices of the thread, of 25,000,000 numbers each.
    with pytest.raises(
        UsageError, match=r"of 5000 units takes 2 GB of memory, and 1 GB are free; .*\+pca\[n=500\]"
    ):
        lasso_cv(Z, Y, n_threads=1)
