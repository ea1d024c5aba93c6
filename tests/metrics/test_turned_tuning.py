"""Regenerated neurons with turned tuning: properties that a turn keeps, and properties that it changes."""

import sys

import numpy as np
import pytest

from neuroalign.errors import UsageError
from neuroalign.metrics import turned_alignment, turned_tuning
from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.ridge import Ridge, held_out_r2
from neuroalign.metrics.turned_tuning import mean_keeping_rotation


def recording(*, mixed=False, n=400, n_neurons=20, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    units, error = rng.standard_normal((n, 4)), rng.standard_normal((n, n_neurons))
    tuning = rng.standard_normal((4, n_neurons)) if mixed else np.eye(4)[:, np.arange(n_neurons) % 4]
    return units, units @ tuning + noise * error


@pytest.fixture(scope="module")
def data():
    """Nine neurons tuned to two units, nine to one unit, and two neurons of noise."""
    units, neurons = recording()
    neurons[:, :9] += 0.7 * units[:, (np.arange(9) + 1) % 4]
    neurons[:, 18:] = np.random.default_rng(9).standard_normal((400, 2))
    return units, neurons


@pytest.fixture(scope="module")
def model(data):
    return turned_tuning(*data)


@pytest.mark.parametrize("n", [2, 3, 12])
def test_rotations_are_orthogonal_and_keep_the_mean(n):
    rotation = mean_keeping_rotation(n, np.random.default_rng(0))
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(n), atol=1e-12)
    np.testing.assert_allclose(rotation @ np.ones(n), np.ones(n), atol=1e-12)
    np.testing.assert_allclose(rotation.sum(axis=0), np.ones(n), atol=1e-12)


def test_rotations_are_haar_on_the_complement_of_the_mean():
    n, rng = 5, np.random.default_rng(0)
    drawn = np.array([mean_keeping_rotation(n, rng) for _ in range(4_000)])
    np.testing.assert_allclose(drawn.mean(axis=0), np.full((n, n), 1 / n), atol=0.03)
    # An element is 1/n + u'Hv, with u and v of length √(1 − 1/n) in n − 1 dimensions: variance (1 − 1/n)²/(n − 1).
    np.testing.assert_allclose(drawn.var(axis=0), (1 - 1 / n) ** 2 / (n - 1), rtol=0.1)
    # Haar on the orthogonal group: half of the determinants are negative.
    assert (np.linalg.det(drawn) < 0).mean() == pytest.approx(0.5, abs=0.03)


def test_tuned_neurons_are_those_that_ridge_predicts(data, model):
    expected = held_out_r2(Ridge(standardise(data[0])), standardise(data[1]))
    np.testing.assert_array_equal(model.explained, expected)
    np.testing.assert_array_equal(model.tuned, expected > 0)
    assert model.tuned[:18].all()
    assert model.rank == 4
    assert model.explained[:18].mean() == pytest.approx((1.49 / 2.49 + 0.5) / 2, abs=0.05)


def test_native_neurons_have_their_shares_of_signal(data, model):
    native, shares = model.native(), model.explained[model.tuned]
    assert native.shape == (400, 20)
    np.testing.assert_allclose(model.signal.var(axis=0), shares, rtol=1e-10)
    np.testing.assert_allclose(model.residual.var(axis=0), 1.0, rtol=1e-10)
    tuned = native[:, model.tuned]
    np.testing.assert_allclose(tuned - np.sqrt(1 - shares) * model.residual, model.signal, atol=1e-10)
    # Residuals come from other stimuli, so that the variances nearly add up to 1.
    np.testing.assert_allclose(tuned.var(axis=0), 1.0, atol=0.15)
    # The mean tuning equals the mean tuning of the data.
    correlation = [np.corrcoef(tuned[:, j], data[1][:, j])[0, 1] for j in range(18)]
    assert np.mean(correlation) > 0.4


def test_turned_neurons_keep_shares_subspace_and_untuned_neurons(data, model):
    shares, units = model.explained[model.tuned], standardise(data[0])
    outside = np.eye(400) - units @ np.linalg.pinv(units)
    for turned in model.turned(3):
        np.testing.assert_array_equal(turned[:, ~model.tuned], model.untuned)
        tuned = turned[:, model.tuned]
        results = []
        for share, neuron in zip(shares, tuned.T, strict=True):
            # The residual of one neuron explains the part outside the span of the units.
            signals = neuron[:, None] - np.sqrt(1 - share) * model.residual
            left = np.abs(outside @ signals).max(axis=0)
            column = int(left.argmin())
            results.append(column)
            assert left[column] < 1e-9
            assert signals[:, column].var() == pytest.approx(share, rel=1e-9)
        # Each residual is used once.
        assert sorted(results) == list(range(shares.size))
        # The tuning differs from the native tuning.
        assert np.abs(tuned - model.native()[:, model.tuned]).max() > 0.5


def test_untuned_neurons_keep_their_values_at_other_stimuli(data, model):
    np.testing.assert_allclose(
        np.sort(model.untuned, axis=0), np.sort(standardise(data[1])[:, ~model.tuned], axis=0)
    )


def test_the_first_turns_are_the_same_for_every_number(data, model):
    few, many = list(model.turned(2)), list(model.turned(5))
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(many[0], many[1])
    again = turned_tuning(*data)
    np.testing.assert_array_equal(next(again.turned(1)), few[0])
    other_seed = turned_tuning(*data, seed=1)
    assert not np.allclose(next(other_seed.turned(1)), few[0])


def test_too_few_tuned_neurons_cannot_be_turned():
    units, neurons = recording(n_neurons=2)
    assert not turned_tuning(units, neurons).can_turn
    noise = np.random.default_rng(3).standard_normal((400, 6))
    constant = np.zeros((400, 6))
    assert turned_tuning(units, constant).explained.tolist() == [0.0] * 6
    assert turned_tuning(units, noise).explained.max() < 0.02
    with pytest.raises(UsageError, match="seed must not be negative, got -1"):
        turned_tuning(units, noise, seed=-1)


def test_groups_are_held_out_together():
    units, neurons = recording(n=60, n_neurons=12, noise=2.0)
    twice, groups = np.repeat(np.arange(60), 2), np.repeat(np.arange(60), 2)
    rng = np.random.default_rng(0)
    wide = np.hstack([units, rng.standard_normal((60, 30))])
    leaking = turned_tuning(wide[twice], neurons[twice])
    grouped = turned_tuning(wide[twice], neurons[twice], groups=groups)
    alone = turned_tuning(wide, neurons)
    assert leaking.explained.mean() > grouped.explained.mean() + 0.1
    np.testing.assert_allclose(grouped.explained, alone.explained, atol=1e-9)


@pytest.mark.parametrize("mixed", [False, True])
def test_kappa_is_high_only_where_neurons_follow_single_units(mixed):
    units, neurons = recording(mixed=mixed)
    fitted = turned_alignment(units, turned_tuning(units, neurons), n_turns=20)
    results = fitted.index(4)
    if mixed:
        assert abs(results.value) < 0.1
        assert results.p > 0.05
        assert not fitted.special()
    else:
        assert results.value > 0.9
        assert results.p == 1 / 21
        assert fitted.special()


def test_dead_units_change_no_kappa(data, model):
    plain = turned_alignment(data[0], model, n_turns=3)
    padded_units = np.hstack([data[0], np.zeros((400, 96))])
    padded_model = turned_tuning(padded_units, data[1])
    padded = turned_alignment(padded_units, padded_model, n_turns=3)
    assert padded.index(100).value == pytest.approx(plain.index(4).value, abs=1e-12)
    assert 0.1 < plain.index(4).value < 0.9
    assert padded.index(100).native > plain.index(4).native + 0.1
    assert padded.error() == pytest.approx(plain.error(), abs=1e-12)


def test_kappa_is_that_of_the_weighted_entropies(data, model):
    fitted = turned_alignment(data[0], model, n_turns=3)
    assert fitted.strength.shape == fitted.entropy.shape == (4, 20)
    entropy = np.average(fitted.entropy, weights=fitted.strength, axis=1)
    np.testing.assert_allclose(fitted.mean_entropy, entropy)
    assert fitted.index(4).value == pytest.approx(1 - entropy[0] / entropy[1:].mean(), abs=1e-12)
    # Every neuron once is the recording; other counts draw neurons with all their turns.
    counts = np.array([np.ones(20), np.eye(20)[0], np.zeros(20)])
    first = 1 - fitted.entropy[0, 0] / fitted.entropy[1:, 0].mean()
    np.testing.assert_allclose(fitted.of_counts(counts), [fitted.index(4).value, first, 0.0], atol=1e-12)


def test_a_lasso_of_one_set_at_a_time_gives_the_same(data, model, monkeypatch):
    whole = turned_alignment(data[0], model, n_turns=3)
    monkeypatch.setattr(sys.modules["neuroalign.metrics.turned_alignment"], "BATCH", 1)
    parts = turned_alignment(data[0], model, n_turns=3)
    np.testing.assert_allclose(parts.strength, whole.strength, atol=1e-12)
    np.testing.assert_allclose(parts.entropy, whole.entropy, atol=1e-12)


def test_turned_neurons_are_made_once(monkeypatch):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((200, 4))
    Y = Z[:, [0, 1, 2, 3] * 2] + rng.standard_normal((200, 8))
    model = turned_tuning(Z, Y)
    first, again = list(model.turned(3)), list(model.turned(4))
    assert all(one is other for one, other in zip(first, again, strict=False))
    monkeypatch.setattr("neuroalign.metrics.turned_tuning.MOST_KEPT", 0)
    other = turned_tuning(Z, Y)
    for one, made in zip(again, other.turned(4), strict=True):
        np.testing.assert_array_equal(one, made)
    # Two callers may take the turns in turn.
    monkeypatch.undo()
    shared = turned_tuning(Z, Y)
    for one, two, expected in zip(shared.turned(4), shared.turned(4), again, strict=True):
        np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(two, expected)
