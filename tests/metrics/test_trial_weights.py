"""Weighted fits to mean responses against fits with one row for each trial."""

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut, PredefinedSplit, cross_val_predict
from sklearn.preprocessing import StandardScaler

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import fold_labels, linear_predictivity, pls_predictivity, ridge_predictivity
from neuroalign.metrics.ridge import PENALTIES
from neuroalign.metrics.trial_weights import trial_patterns

N, D, J = 21, 5, 4


@pytest.fixture(scope="module")
def trials():
    """Unequal trials of 21 stimuli: units, responses of each neuron in each trial, NaN for missing trials."""
    rng = np.random.default_rng(0)
    units = rng.standard_normal((N, D)) * [3, 1, 1, 0.5, 0.2] + 2
    tuning = units @ rng.standard_normal((D, J))
    cube = tuning[:, None] + 3 * rng.standard_normal((N, 12, J)) + 10
    counts = rng.integers(1, 13, (N, J))
    counts[:, 3] = counts[:, 1]
    cube[np.arange(12)[None, :, None] >= counts[:, None, :]] = np.nan
    return units, cube, counts, np.nanmean(cube, axis=1)


def in_rows(trials, neuron):
    """Return the units, the response and the stimulus of each trial of a neuron."""
    units, cube, _, _ = trials
    stimulus, trial = np.nonzero(np.isfinite(cube[:, :, neuron]))
    return units[stimulus], cube[stimulus, trial, neuron], stimulus


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("n_folds", [7, N])
def test_ridge_is_the_ridge_of_all_trials(trials, standardise, n_folds):
    units, _, counts, means = trials
    folds = fold_labels(N, n_folds)
    result = ridge_predictivity(
        units, means, folds=folds, alphas=[40.0], counts=counts, standardise=standardise
    )
    np.testing.assert_array_equal(result.alpha, 40.0 + 0 * result.alpha)
    for neuron in range(J):
        rows, responses, stimulus = in_rows(trials, neuron)
        for fold in range(n_folds):
            seen = folds[stimulus] != fold
            scaler = StandardScaler(with_std=standardise).fit(rows[seen])
            fit = Ridge(alpha=40.0).fit(scaler.transform(rows[seen]), responses[seen])
            expected = fit.predict(scaler.transform(units[folds == fold]))
            np.testing.assert_allclose(result.predicted[folds == fold, neuron], expected, rtol=1e-12)
            np.testing.assert_allclose(result.baseline[folds == fold, neuron], responses[seen].mean())


def test_all_trials_of_a_stimulus_share_a_fold_as_in_group_k_fold(trials):
    units, _, counts, means = trials
    rows, responses, stimulus = in_rows(trials, 0)
    folds = np.empty(N, dtype=int)
    for fold, (_, test) in enumerate(GroupKFold(5).split(rows, groups=stimulus)):
        folds[stimulus[test]] = fold
    expected = cross_val_predict(Ridge(alpha=7.0), rows, responses, groups=stimulus, cv=GroupKFold(5))
    result = ridge_predictivity(units, means, folds=folds, alphas=[7.0], counts=counts)
    np.testing.assert_allclose(result.predicted[stimulus, 0], expected, rtol=1e-12)
    linear = linear_predictivity(units, means, folds=folds, counts=counts)
    expected = cross_val_predict(LinearRegression(), rows, responses, cv=PredefinedSplit(folds[stimulus]))
    np.testing.assert_allclose(linear.predicted[stimulus, 0], expected, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [None, np.arange(N) // 2])
def test_the_penalty_has_the_smallest_error_of_trials_of_other_stimuli(trials, groups):
    units, _, counts, means = trials
    folds = fold_labels(N, 5, groups=groups)
    result = ridge_predictivity(units, means, folds=folds, counts=counts, groups=groups)
    groups = np.arange(N) if groups is None else groups
    variance = units.var(axis=0).mean()
    for neuron in (0, 2):
        rows, responses, stimulus = in_rows(trials, neuron)
        for fold in range(2):
            seen = folds[stimulus] != fold
            n_mean = counts[folds != fold, neuron].mean()
            grid = PENALTIES * (folds != fold).sum() * variance * n_mean
            of_group = groups[stimulus[seen]]
            errors = [
                (
                    (
                        cross_val_predict(
                            Ridge(alpha=alpha),
                            rows[seen],
                            responses[seen],
                            groups=of_group,
                            cv=LeaveOneGroupOut(),
                        )
                        - responses[seen]
                    )
                    ** 2
                ).sum()
                for alpha in grid
            ]
            assert result.alpha[fold, neuron] == pytest.approx(grid[np.argmin(errors)], rel=1e-9)
    noise = np.random.default_rng(2).standard_normal((N, J))
    unrelated = ridge_predictivity(units, noise, folds=folds, counts=counts, groups=groups)
    at_end = np.isclose(unrelated.alpha, unrelated.alphas[:, -1:] * unrelated.mean_counts).sum()
    assert unrelated.n_largest == at_end > 0


def test_partial_least_squares_of_trials_that_all_neurons_share(trials):
    units, cube, counts, _ = trials
    # All neurons have the trials of neuron 0.
    seen_in_0 = np.isfinite(cube[:, :, [0]])
    complete = np.where(np.isnan(cube), 10.0, cube)
    means = np.nanmean(np.where(seen_in_0, complete, np.nan), axis=1)
    shared = np.repeat(counts[:, :1], J, axis=1)
    folds = fold_labels(N, 7)
    result = pls_predictivity(units, means, folds=folds, n_components=2, standardise=False, counts=shared)
    stimulus, trial = np.nonzero(seen_in_0[:, :, 0])
    for fold in range(7):
        seen = folds[stimulus] != fold
        fit = PLSRegression(2, scale=False, tol=1e-14, max_iter=10_000).fit(
            units[stimulus][seen], complete[stimulus, trial][seen]
        )
        np.testing.assert_allclose(
            result.predicted[folds == fold], fit.predict(units[folds == fold]), rtol=1e-8
        )
    with pytest.raises(UsageError, match="needs the same trials of all neurons"):
        pls_predictivity(units, means, folds=folds, counts=counts)


@pytest.mark.parametrize("predict", [ridge_predictivity, linear_predictivity, pls_predictivity])
def test_equal_numbers_of_trials_are_fits_to_means(trials, predict):
    units, _, _, means = trials
    folds = fold_labels(N, 7)
    plain = predict(units, means, folds=folds)
    equal = predict(units, means, folds=folds, counts=np.full(means.shape, 6))
    np.testing.assert_array_equal(equal.predicted, plain.predicted)
    np.testing.assert_allclose(equal.r, plain.r)


def test_a_neuron_loses_its_own_unit_and_wide_layers_keep_their_numbers(trials):
    units, _, counts, means = trials
    folds = fold_labels(N, 7)
    options = {"folds": folds, "alphas": [0.5, 40.0], "counts": counts}
    own = ridge_predictivity(units, means, exclude=[2, -1, -1, -1], **options)
    without = ridge_predictivity(np.delete(units, 2, axis=1), means, **options)
    np.testing.assert_allclose(own.predicted[:, 0], without.predicted[:, 0])
    np.testing.assert_allclose(own.alpha[:, 0], without.alpha[:, 0])
    rng = np.random.default_rng(1)
    wide = units @ rng.standard_normal((D, 60)) + 0.1 * rng.standard_normal((N, 60))
    # An excluded constant unit changes nothing, but keeps all units in the fit.
    padded = np.hstack([wide, np.zeros((N, 1))])
    options = {"folds": folds, "alphas": [0.5, 5.0, 40.0], "counts": counts}
    narrow = ridge_predictivity(wide, means, **options)
    full = ridge_predictivity(padded, means, exclude=np.full(J, 60), **options)
    np.testing.assert_allclose(narrow.predicted, full.predicted, rtol=1e-9)
    np.testing.assert_allclose(narrow.amplitude, full.amplitude, rtol=1e-9)


def test_neurons_with_the_same_trials_share_a_pattern(trials):
    patterns = trial_patterns(trials[2].astype(float), np.arange(N), J)
    assert sorted(tuple(pattern.neurons) for pattern in patterns) == [(0,), (1, 3), (2,)]
    for pattern in patterns:
        counts = trials[2][:, pattern.neurons[0]]
        np.testing.assert_allclose(pattern.weights * pattern.mean, counts)


@pytest.mark.parametrize(
    ("counts", "message"),
    [(np.ones((N, J + 1)), "must have the shape of the responses"), (np.zeros((N, J)), "above 0")],
)
def test_numbers_of_trials_are_checked(trials, counts, message):
    with pytest.raises(ArrayError, match=message):
        ridge_predictivity(trials[0], trials[3], folds=fold_labels(N, 7), counts=counts)


def test_weights_help_where_noise_of_trials_dominates():
    rng = np.random.default_rng(5)
    gain = []
    for _ in range(20):
        units = rng.standard_normal((60, 8))
        tuning = units @ rng.standard_normal((8, 10)) / np.sqrt(8)
        counts = np.repeat(rng.choice([1, 2, 40], (60, 1)), 10, axis=1)
        means = tuning + 3 * rng.standard_normal((60, 10)) / np.sqrt(counts)
        folds = fold_labels(60, 10)
        weighted, plain = (
            np.corrcoef(ridge_predictivity(units, means, folds=folds, counts=n).predicted.T, tuning.T)
            .diagonal(10)
            .mean()
            for n in (counts, None)
        )
        gain.append(weighted - plain)
    assert np.mean(gain) > 0.1
    assert np.min(gain) > 0
