import sys

import numpy as np
import pytest

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import noise_corrected_r2, reliability

#: The function of this name hides its module.
MODULE = sys.modules["neuroalign.metrics.reliability"]


def trials(n_stimuli, n_trials, n_neurons, *, noise=1.0, seed=0):
    """Return signal of variance 1, noisy trials and their numbers; n_trials is a number or a pair of bounds."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n_stimuli, n_neurons))
    low, high = (n_trials, n_trials) if isinstance(n_trials, int) else n_trials
    values = signal[:, None] + noise * rng.standard_normal((n_stimuli, high, n_neurons))
    numbers = rng.integers(low, high + 1, n_stimuli)
    values[np.arange(high) >= numbers[:, None]] = np.nan
    return signal, values, numbers


@pytest.mark.parametrize(("n_trials", "expected"), [(2, 2 / 3), (3, 3 / 4), (4, 4 / 5), (10, 10 / 11)])
def test_reliability_of_the_mean_of_n_trials(n_trials, expected):
    result = reliability(trials(3000, n_trials, 5)[1])
    np.testing.assert_allclose(result.per_neuron, expected, atol=0.02)
    np.testing.assert_allclose(result.snr, 1.0, atol=0.1)


def test_split_half_of_two_trials_is_the_spearman_brown_formula():
    values = trials(50, 2, 3)[1]
    r = [np.corrcoef(values[:, 0, neuron], values[:, 1, neuron])[0, 1] for neuron in range(3)]
    # Exchanging the trials of a stimulus changes r a little, so the mean over many halvings is close to one halving.
    result = reliability(values, n_splits=200).per_neuron
    np.testing.assert_allclose(result, 2 * np.array(r) / (1 + np.array(r)), atol=0.05)


def test_unequal_numbers_of_trials():
    _, values, numbers = trials(4000, (3, 5), 6)
    result = reliability(values)
    np.testing.assert_allclose(result.per_neuron, 1 / (1 + np.mean(1 / numbers)), atol=0.02)
    # Missing trials of one neuron do not change the other neurons.
    some = values.copy()
    some[::2, 0, 1] = np.nan
    np.testing.assert_allclose(reliability(some).per_neuron[0], result.per_neuron[0], atol=0.02)


def test_order_of_trials_and_seed():
    values = trials(200, 4, 3)[1]
    np.testing.assert_array_equal(reliability(values).per_neuron, reliability(values, seed=0).per_neuron)
    np.testing.assert_allclose(
        reliability(values[:, ::-1], n_splits=400).per_neuron,
        reliability(values, n_splits=400).per_neuron,
        atol=0.02,
    )


def test_pure_noise_and_nothing_repeated():
    noise = np.random.default_rng(0).standard_normal((3000, 4, 5))
    assert np.abs(reliability(noise).per_neuron).max() < 0.1
    assert reliability(noise).snr.max() < 0.05
    assert np.isnan(reliability(noise[:, :1]).per_neuron).all()
    assert np.isnan(noise_corrected_r2(noise[:, :1], noise[:, 0])).all()


def test_noise_of_few_stimuli_stays_within_bounds():
    noise = np.random.default_rng(0).standard_normal((3, 2, 500))
    values = reliability(noise).per_neuron
    assert (np.abs(values) <= 1).all()
    assert values.mean() == pytest.approx(0, abs=0.05)


def test_a_neuron_without_variance_has_no_reliability():
    values = trials(50, 3, 2)[1]
    values[:, :, 1] = 0.3
    values[0, 0, 1] = 0.1 + 0.2
    result = reliability(values)
    np.testing.assert_array_equal(np.isnan(result.per_neuron), [False, True])
    np.testing.assert_array_equal(np.isnan(result.snr), [False, True])


def published_r2_er(values, f):
    """Estimator of Pospisil & Bair (2021) for one neuron with equal numbers of trials."""
    m, n = values.shape
    mean = values.mean(axis=1)
    variance = values.var(axis=1, ddof=1).mean()
    f = (f - f.mean()) / np.linalg.norm(f - f.mean())
    centred = mean - mean.mean()
    return ((f @ centred) ** 2 - variance / n) / (centred @ centred - (m - 1) * variance / n)


def test_equal_numbers_of_trials_give_the_published_estimator():
    signal, values, _ = trials(60, 4, 3)
    predicted = signal + np.random.default_rng(1).standard_normal(signal.shape)
    expected = [published_r2_er(values[:, :, neuron], predicted[:, neuron]) for neuron in range(3)]
    np.testing.assert_allclose(noise_corrected_r2(values, predicted), expected, rtol=1e-12)


def test_unbiased_for_unequal_numbers_of_trials():
    rng = np.random.default_rng(0)
    prediction = rng.standard_normal((1000, 1))
    estimates, raw = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        signal = np.sqrt(0.5) * prediction + np.sqrt(0.5) * rng.standard_normal((1000, 1))
        numbers = rng.integers(1, 6, 1000)
        values = signal[:, None] + 1.5 * rng.standard_normal((1000, 5, 1))
        values[np.arange(5) >= numbers[:, None]] = np.nan
        estimates.append(noise_corrected_r2(values, prediction)[0])
        raw.append(np.corrcoef(np.nanmean(values, axis=1)[:, 0], prediction[:, 0])[0, 1] ** 2)
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.015)
    assert np.mean(raw) < 0.35


def test_undefined_corrections_are_nan():
    signal, values, _ = trials(200, 3, 4)
    values[:, :, 1] = np.random.default_rng(0).standard_normal((200, 3))
    signal[:, 2] = 1.0
    corrected = noise_corrected_r2(values, signal)
    np.testing.assert_array_equal(np.isnan(corrected), [False, True, True, False])
    assert not np.isnan(noise_corrected_r2(values, signal, min_reliability=-10)[1])
    values[:, 1:, 3] = np.nan
    assert np.isnan(noise_corrected_r2(values, signal)[3])


def test_wrong_calls():
    with pytest.raises(ArrayError, match="trials must have shape"):
        reliability(np.ones((3, 2)))
    with pytest.raises(ArrayError, match="must not be infinite"):
        reliability(np.full((3, 2, 1), np.inf))
    with pytest.raises(UsageError, match="n_splits must be at least 1"):
        reliability(np.ones((3, 2, 1)), n_splits=0)
    with pytest.raises(ArrayError, match=r"prediction must have shape \(3, 1\)"):
        noise_corrected_r2(np.ones((3, 2, 1)), np.ones((3, 2)))


def test_neurons_with_few_trials_do_not_carry_empty_places(monkeypatch):
    """Groups of neurons by their numbers of trials change no bit."""
    rng = np.random.default_rng(3)
    trials = rng.standard_normal((60, 64, 9)) + rng.standard_normal((60, 1, 9))
    counts = rng.integers(1, 8, (60, 9))
    counts[:, 4] = 60
    counts[:, [5, 6]] = rng.integers(2, 30, (60, 2))
    trials[rng.random(trials.shape).argsort(axis=1) >= counts[:, None]] = np.nan
    grouped = reliability(trials).per_neuron
    monkeypatch.setattr(MODULE, "_alike_in_trials", lambda counts: [np.arange(counts.shape[1])])
    np.testing.assert_array_equal(grouped, reliability(trials).per_neuron)
