"""Ridge regression in closed form against explicit loops."""

import numpy as np
import pytest

from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.ridge import PENALTIES, Ridge, held_out_r2, reduced_rank_ridge


def problem(n=30, d=5, j=4, seed=0):
    rng = np.random.default_rng(seed)
    units = standardise(rng.standard_normal((n, d)) @ rng.standard_normal((d, d)))
    neurons = units @ rng.standard_normal((d, j)) + 3 * rng.standard_normal((n, j))
    return units, neurons - neurons.mean(axis=0)


def fit(units, neurons, penalty):
    """Weights and intercept by the normal equations of centred columns."""
    mean, level = units.mean(axis=0), neurons.mean(axis=0)
    centred = units - mean
    weights = np.linalg.solve(
        centred.T @ centred + penalty * np.eye(units.shape[1]), centred.T @ (neurons - level)
    )
    return weights, level - mean @ weights


def left_out_r2(units, neurons, labels):
    """R² of the best penalty, each group of stimuli left out of a fit with an intercept of its own."""
    scores = []
    for penalty in PENALTIES * len(units):
        errors = np.empty_like(neurons)
        for label in np.unique(labels):
            test = labels == label
            weights, intercept = fit(units[~test], neurons[~test], penalty)
            errors[test] = neurons[test] - units[test] @ weights - intercept
        scores.append(1 - (errors**2).sum(axis=0) / (neurons**2).sum(axis=0))
    return np.max(scores, axis=0)


@pytest.mark.parametrize("d", [5, 45], ids=["primal", "dual"])
def test_leaving_one_out_in_closed_form_is_that_of_a_loop(d):
    units, neurons = problem(d=d)
    expected = left_out_r2(units, neurons, np.arange(30))
    np.testing.assert_allclose(held_out_r2(Ridge(units), neurons), expected, atol=1e-9)
    assert expected.max() > 0.05


@pytest.mark.parametrize("d", [5, 45], ids=["primal", "dual"])
def test_leaving_groups_out_in_closed_form_is_that_of_a_loop(d):
    units, neurons = problem(d=d)
    # Groups of unequal size, with stimuli that are not in neighbouring rows.
    groups = np.random.default_rng(1).permutation(np.repeat(np.arange(9), [1, 1, 2, 2, 3, 4, 5, 6, 6]))
    expected = left_out_r2(units, neurons, groups)
    np.testing.assert_allclose(held_out_r2(Ridge(units), neurons, groups=groups), expected, atol=1e-9)
    assert np.abs(expected - held_out_r2(Ridge(units), neurons)).max() > 1e-3


def test_groups_of_one_stimulus_leave_one_out():
    units, neurons = problem()
    grouped = held_out_r2(Ridge(units), neurons, groups=np.arange(30)[::-1])
    np.testing.assert_array_equal(grouped, held_out_r2(Ridge(units), neurons))


def test_a_neuron_without_variance_has_no_r2():
    units, neurons = problem()
    neurons[:, 1] = 0.0
    assert np.isnan(held_out_r2(Ridge(units), neurons)).tolist() == [False, True, False, False]


@pytest.mark.parametrize("d", [5, 45], ids=["primal", "dual"])
def test_predictions_are_those_of_the_normal_equations(d):
    units, neurons = problem(d=d)
    ridge = Ridge(units)
    np.testing.assert_allclose(ridge.basis.T @ ridge.basis, np.eye(ridge.energy.size), atol=1e-10)
    np.testing.assert_allclose(units @ ridge.to_units, ridge.basis, atol=1e-10)
    weights, _ = fit(units, neurons, 7.0)
    predicted = ridge.basis @ (ridge.shrinkage(7.0)[:, None] * (ridge.basis.T @ neurons))
    np.testing.assert_allclose(predicted, units @ weights, atol=1e-10)


def test_more_units_than_stimuli_give_what_as_many_units_give():
    """Units that are copies change no prediction if the penalty grows with their number."""
    units, _ = problem()
    once, ten = Ridge(units), Ridge(np.tile(units, 10))
    assert (ten.energy.size, ten.basis.shape) == (5, (30, 5))
    np.testing.assert_allclose(ten.energy, 10 * once.energy, rtol=1e-10)
    np.testing.assert_allclose(ten.shrinkage(70.0), once.shrinkage(7.0), rtol=1e-10)


def test_a_reduced_rank_of_full_rank_is_ridge():
    rng = np.random.default_rng(0)
    units = standardise(rng.standard_normal((200, 3)))
    # Three strong signals: cross-validation keeps all of them.
    neurons = standardise(units @ np.eye(3)[:, [0, 1, 2, 0, 1, 2]] + 0.3 * rng.standard_normal((200, 6)))
    fitted = reduced_rank_ridge(units, neurons, np.arange(200) % 5)
    assert fitted.rank == 3
    weights, intercept = fit(units, neurons, fitted.penalty * 200)
    np.testing.assert_allclose(fitted.prediction, units @ weights + intercept, atol=1e-10)


def test_the_rank_of_a_signal_is_found():
    rng = np.random.default_rng(1)
    units = standardise(rng.standard_normal((400, 8)))
    signal = units @ rng.standard_normal((8, 2)) @ rng.standard_normal((2, 20))
    neurons = standardise(signal / signal.std(axis=0) + 0.5 * rng.standard_normal(signal.shape))
    fitted = reduced_rank_ridge(units, neurons, np.arange(400) % 5)
    assert fitted.rank == 2
    assert np.linalg.matrix_rank(fitted.prediction) == 2
    # The prediction of rank 2 is nearer to the signal than ridge of full rank.
    weights, _ = fit(units, neurons, fitted.penalty * 400)
    truth = signal / signal.std(axis=0) / np.sqrt(1.25)
    truth = truth - truth.mean(axis=0)
    assert ((fitted.prediction - truth) ** 2).sum() < 0.6 * ((units @ weights - truth) ** 2).sum()


def test_noise_has_hardly_any_signal():
    ranks, variances = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        units, neurons = (standardise(rng.standard_normal((100, n))) for n in (5, 10))
        fitted = reduced_rank_ridge(units, neurons, np.arange(100) % 5)
        ranks.append(fitted.rank)
        variances.append(fitted.prediction.var(axis=0).mean())
    # Least squares would explain 5 % of noise; cross-validation shrinks this, or finds that the mean is better.
    assert 0 in ranks
    assert np.mean(variances) < 0.015
    assert all(variance == 0 for variance, rank in zip(variances, ranks, strict=True) if rank == 0)
