"""Held-out predictions of ridge regression against scikit-learn and explicit loops."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import fold_labels, ridge_predictivity

ALPHAS = np.logspace(-2, 4, 13)


def recording(n=60, d=8, j=5, noise=2.0, seed=0):
    rng = np.random.default_rng(seed)
    units = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal(d)
    neurons = units @ rng.standard_normal((d, j)) + noise * np.sqrt(d) * rng.standard_normal((n, j)) + 5
    return units, neurons


def weights(units, neuron, alpha):
    """Weights and intercept by the normal equations."""
    mean, level = units.mean(axis=0), neuron.mean()
    centred = units - mean
    slope = np.linalg.solve(centred.T @ centred + alpha * np.eye(len(mean)), centred.T @ (neuron - level))
    return slope, level - mean @ slope


def loop(units, neurons, folds, alphas, *, groups, standardise, exclude):
    """Predictions and penalties neuron by neuron, with explicit fits without each group and each excluded unit."""
    predicted, chosen = np.empty_like(neurons), np.empty((np.unique(folds).size, neurons.shape[1]))
    for index, fold in enumerate(np.unique(folds)):
        train, test = folds != fold, folds == fold
        for neuron, unit in enumerate(exclude):
            used = np.delete(units, unit, axis=1) if unit >= 0 else units
            used = used / used[train].std(axis=0) if standardise else used
            errors = []
            for alpha in alphas:
                held_out = np.empty(len(units))
                for group in np.unique(groups[train]):
                    left = train & (groups == group)
                    slope, level = weights(used[train & ~left], neurons[train & ~left, neuron], alpha)
                    held_out[left] = neurons[left, neuron] - level - used[left] @ slope
                errors.append((held_out[train] ** 2).sum())
            chosen[index, neuron] = alphas[int(np.argmin(errors))]
            slope, level = weights(used[train], neurons[train, neuron], chosen[index, neuron])
            predicted[test, neuron] = level + used[test] @ slope
    return predicted, chosen


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("d", [8, 90], ids=["primal", "dual"])
def test_predictions_are_those_of_scikit_learn(d, standardise):
    units, neurons = recording(d=d)
    folds = fold_labels(60, 5)
    result = ridge_predictivity(units, neurons, folds=folds, alphas=ALPHAS, standardise=standardise)
    for index in range(5):
        train, test = folds != index, folds == index
        peer = make_pipeline(
            StandardScaler(with_std=standardise), RidgeCV(alphas=ALPHAS, alpha_per_target=True)
        ).fit(units[train], neurons[train])
        np.testing.assert_allclose(result.predicted[test], peer.predict(units[test]), rtol=1e-9)
        np.testing.assert_allclose(result.alpha[index], peer[-1].alpha_)
        np.testing.assert_allclose(result.baseline[test], np.tile(neurons[train].mean(axis=0), (12, 1)))
    assert np.unique(result.alpha).size > 2


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("d", [6, 30], ids=["primal", "dual"])
def test_a_neuron_never_uses_its_excluded_unit(d, grouped, standardise):
    units, neurons = recording(n=24, d=d, j=3, noise=0.5)
    # Neurons 0 and 2 are units themselves.
    neurons[:, 0], neurons[:, 2] = units[:, 3], units[:, 1]
    exclude = np.array([3, -1, 1])
    groups = np.repeat(np.arange(12), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]) if grouped else np.arange(24)
    folds = fold_labels(24, 3, groups=groups)
    alphas = ALPHAS[::4]
    arguments = {"groups": groups, "standardise": standardise, "exclude": exclude}
    predicted, alpha = loop(units, neurons, folds, alphas, **arguments)
    result = ridge_predictivity(units, neurons, folds=folds, alphas=alphas, **arguments)
    np.testing.assert_allclose(result.alpha, alpha)
    np.testing.assert_allclose(result.predicted, predicted, atol=1e-8)
    with_itself = ridge_predictivity(units, neurons, folds=folds, alphas=alphas)
    assert with_itself.r[0] > result.r[0]


def test_groups_change_the_penalty():
    units, neurons = recording(n=30, d=6)
    groups = np.arange(30) // 2
    units[1::2], neurons[1::2] = units[::2], neurons[::2]
    folds = fold_labels(30, 5, groups=groups)
    together = ridge_predictivity(units, neurons, folds=folds, groups=groups)
    apart = ridge_predictivity(units, neurons, folds=folds)
    # A copy of a left-out stimulus makes small penalties look good.
    assert np.nanmean(np.log(together.alpha)) > np.nanmean(np.log(apart.alpha)) + 0.5


def test_in_sample_predictions_are_the_fit():
    units, neurons = recording()
    result = ridge_predictivity(units, neurons, folds=None, alphas=[3.0], standardise=False)
    peer = Ridge(3.0).fit(units, neurons)
    np.testing.assert_allclose(result.predicted, peer.predict(units), rtol=1e-9)
    assert (result.n_smallest, result.n_largest) == (0, 0)


def test_units_that_predict_nothing_have_r_of_zero():
    rs, naive = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        units, neurons = rng.standard_normal((40, 3)), rng.standard_normal((40, 20))
        result = ridge_predictivity(
            units, neurons, folds=fold_labels(40, 10, seed=seed), alphas=[1.0, 100.0], n_threads=1
        )
        rs.append(result.r.mean())
        naive.append(
            np.mean([np.corrcoef(y, p)[0, 1] for y, p in zip(neurons.T, result.predicted.T, strict=True)])
        )
    assert abs(np.mean(rs)) < 3 * np.std(rs) / np.sqrt(60)
    assert np.mean(naive) < -0.1


def test_counts_of_penalties_at_the_ends():
    rng = np.random.default_rng(0)
    units = rng.standard_normal((50, 3))
    neurons = np.stack([units[:, 0], rng.standard_normal(50), np.full(50, 2.0)], axis=1)
    result = ridge_predictivity(units, neurons, folds=fold_labels(50, 5))
    assert result.n_smallest == 5
    assert result.n_largest == (result.alpha[:, 1] == result.alphas[0, -1]).sum() > 0
    assert np.isnan(result.alpha[:, 2]).all()
    assert np.isnan([result.r[2], result.r2[2]]).all()
    np.testing.assert_array_equal(result.predicted[:, 2], 2.0)
    # The grid follows the scale of the units, so that a common factor changes no prediction.
    scale = units.var(axis=0).mean()
    np.testing.assert_allclose(result.alphas[0, [0, -1]], [40e-4 * scale, 40e3 * scale])
    larger = ridge_predictivity(1e3 * units, neurons, folds=fold_labels(50, 5))
    np.testing.assert_allclose(larger.predicted, result.predicted)
    standardised = ridge_predictivity(units, neurons, folds=fold_labels(50, 5), standardise=True)
    np.testing.assert_allclose(standardised.alphas[0, [0, -1]], [40e-4, 40e3])


def test_the_number_of_threads_changes_no_byte():
    # Large enough for threads.
    units, neurons = recording(n=60, d=1200)
    results = [
        ridge_predictivity(units, neurons, folds=fold_labels(60, 5), n_threads=threads) for threads in (1, 2)
    ]
    np.testing.assert_array_equal(results[0].predicted, results[1].predicted)


def test_neurons_in_blocks_are_the_same_neurons():
    units, neurons = recording(j=700)
    result = ridge_predictivity(units, neurons, folds=fold_labels(60, 3))
    some = ridge_predictivity(units, neurons[:, 600:], folds=fold_labels(60, 3))
    np.testing.assert_allclose(result.predicted[:, 600:], some.predicted, rtol=1e-10)


def test_units_without_variance_in_training_are_ignored():
    units, neurons = recording()
    folds = fold_labels(60, 5)
    flat = np.where(folds == 0, np.arange(60.0), 1.0)
    result = ridge_predictivity(np.column_stack([units, flat]), neurons, folds=folds, alphas=ALPHAS)
    expected = ridge_predictivity(units, neurons, folds=folds, alphas=ALPHAS)
    np.testing.assert_allclose(result.predicted[folds == 0], expected.predicted[folds == 0], rtol=1e-10)


def test_faulty_arguments_are_refused():
    units, neurons = recording()
    with pytest.raises(UsageError, match="alphas must be positive"):
        ridge_predictivity(units, neurons, folds=fold_labels(60, 5), alphas=[0.0, 1.0])
    with pytest.raises(UsageError, match="two labels"):
        ridge_predictivity(units, neurons, folds=np.zeros(60))
    with pytest.raises(ArrayError, match="folds must have shape"):
        ridge_predictivity(units, neurons, folds=np.zeros(59))
    with pytest.raises(UsageError, match="two groups"):
        ridge_predictivity(units, neurons, folds=np.arange(60) % 2, groups=np.arange(60) % 2)


@pytest.mark.parametrize("rank", [10, 70])
def test_one_decomposition_serves_all_folds_of_wide_layers(rank):
    units, neurons = recording(n=50, d=70, j=6)
    units = units[:, :rank] @ np.random.default_rng(1).standard_normal((rank, 70))
    neurons[:, 0] = 20 * units[:, 0] + neurons[:, 1]
    neurons[:, 3] = 1.0
    neurons[:, 4] = np.where(fold_labels(50, 5) == 2, 3.0, 1.0)
    folds = fold_labels(50, 5)
    # An excluded unit of one more neuron switches the shared decomposition off.
    more = np.column_stack([neurons, neurons[:, 0]])
    apart = ridge_predictivity(units, more, folds=folds, standardise=False, exclude=[-1] * 6 + [0])
    together = ridge_predictivity(units, neurons, folds=folds, standardise=False)
    np.testing.assert_allclose(together.predicted, apart.predicted[:, :6], atol=1e-8)
    np.testing.assert_allclose(together.amplitude, apart.amplitude[:, :6], atol=1e-8)
    np.testing.assert_allclose(together.baseline, apart.baseline[:, :6])
    np.testing.assert_array_equal(np.isnan(together.alpha), np.isnan(apart.alpha[:, :6]))
    np.testing.assert_allclose(together.alpha, apart.alpha[:, :6])
    assert np.unique(together.alpha[:, :3]).size > 1
