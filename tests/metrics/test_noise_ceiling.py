"""Noise ceilings against the variances of simulated neurons, and by hand."""

import numpy as np
import pytest

from neuroalign.errors import ArrayError
from neuroalign.metrics import noise_ceiling, reliability


def test_variances_of_simulated_neurons():
    rng = np.random.default_rng(0)
    signal_sd = np.array([0.5, 1.0, 2.0, 0.0])
    trials = signal_sd * rng.standard_normal((6000, 1, 4)) + rng.standard_normal((6000, 5, 4))
    result = noise_ceiling(trials)
    np.testing.assert_allclose(result.snr, signal_sd, atol=0.04)
    np.testing.assert_allclose(result.percent, 100 * signal_sd**2 / (signal_sd**2 + 0.2), atol=2.0)
    np.testing.assert_allclose(result.explainable, signal_sd**2 / (signal_sd**2 + 1), atol=0.02)
    # A trial and the mean of four others share the signal.
    oracle = signal_sd**2 / np.sqrt((signal_sd**2 + 1) * (signal_sd**2 + 0.25))
    np.testing.assert_allclose(result.oracle, oracle, atol=0.02)
    # The same share of signal as by split halves.
    np.testing.assert_allclose(result.percent[:3], 100 * reliability(trials).per_neuron[:3], atol=1.5)


def test_by_hand_with_unequal_trials():
    # Three stimuli with 2, 3 and 2 trials, and one with a single trial, which does not count.
    nan = np.nan
    trials = np.array([[1, 3, nan], [2, 2, 5], [7, 9, nan], [100, nan, nan]])[:, :, None]
    result = noise_ceiling(trials)
    noise = (2 + 3 + 2) / 3
    inverse = (1 / 2 + 1 / 3 + 1 / 2) / 3
    signal = np.var([2, 3, 8], ddof=1) - noise * inverse
    np.testing.assert_allclose(result.snr, np.sqrt(signal / noise), rtol=1e-12)
    np.testing.assert_allclose(result.percent, 100 * signal / (signal + noise * inverse), rtol=1e-12)
    total = np.var([1, 3, 2, 2, 5, 7, 9], ddof=1)
    np.testing.assert_allclose(result.explainable, (total - noise) / total, rtol=1e-12)
    others = [3, 1, 3.5, 3.5, 2, 9, 7]
    expected = np.corrcoef([1, 3, 2, 2, 5, 7, 9], others)[0, 1]
    np.testing.assert_allclose(result.oracle, expected, rtol=1e-12)


def test_neurons_that_cannot_be_judged():
    trials = np.random.default_rng(0).standard_normal((10, 3, 3))
    trials[:, :, 0] = 4.0
    trials[2:, 1:, 1] = np.nan
    result = noise_ceiling(trials)
    for values in (result.snr, result.percent, result.explainable, result.oracle):
        np.testing.assert_array_equal(np.isnan(values), [True, True, False])


def test_wrong_arrays():
    with pytest.raises(ArrayError, match="trials must have shape"):
        noise_ceiling(np.ones((3, 2)))
    with pytest.raises(ArrayError, match="must not be infinite"):
        noise_ceiling(np.full((3, 2, 1), np.inf))
