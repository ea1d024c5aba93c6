"""The simulated neurons of the stand-in: tuning, noise, reliability."""

import numpy as np
import pytest

from neuroalign.datasets.am_faces import am_faces_sim, am_faces_sim_mixed
from neuroalign.datasets.simulation.factors import FACTORS
from neuroalign.datasets.simulation.neurons import population, record


@pytest.fixture(scope="module")
def single():
    return am_faces_sim()


@pytest.fixture(scope="module")
def mixed():
    return am_faces_sim_mixed()


def presented_factors(dataset):
    return dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()


def split_half_reliability(trials):
    """Spearman-Brown corrected correlation of two halves of the repeats, for each neuron."""
    n = np.isfinite(trials[..., 0]).sum(axis=1)
    repetition = np.arange(trials.shape[1])
    first = repetition < (n // 2)[:, None]
    second = ~first & (repetition < n[:, None])
    a, b = (np.nanmean(np.where(half[..., None], trials, np.nan), axis=1) for half in (first, second))
    r = np.array([np.corrcoef(a[:, j], b[:, j])[0, 1] for j in range(trials.shape[2])])
    return 2 * r / (1 + r)


def test_recording(single):
    recording = single.recording
    assert recording.dtype == np.uint8
    assert recording.sizes["neuroid"] == 159
    assert set(recording["region"].values) == {"AM"}
    assert set(recording["animal"].values) == {"simulated-1", "simulated-2"}
    presented = single.stimuli.table.index[single.stimuli.table["presented"]]
    assert set(recording["stimulus_id"].values) == set(presented)
    assert single.simulated
    assert "simulated" in single.metadata["description"]


def test_three_to_five_repeats(single, mixed):
    _, repeats = np.unique(single.recording["stimulus_id"].values, return_counts=True)
    assert set(repeats) == {3, 4, 5}
    assert np.bincount(repeats)[3:].min() > 600
    np.testing.assert_array_equal(
        single.recording["stimulus_id"].values, mixed.recording["stimulus_id"].values
    )


def test_mixture_of_tuning(single):
    truth = single.truth
    assert tuple(truth.columns) == FACTORS
    followed = (truth != 0).sum(axis=1)
    assert dict(followed.value_counts()) == {
        1: 95,
        0: 24,
        2: (followed == 2).sum(),
        3: 40 - (followed == 2).sum(),
    }
    per_factor = (truth[followed == 1] != 0).sum()
    assert per_factor.min() >= 13
    assert per_factor.max() <= 14
    np.testing.assert_allclose(np.linalg.norm(truth[followed > 0], axis=1), 1, atol=2e-4)


def test_neurons_of_one_factor_follow_it(single):
    factors, responses = presented_factors(single), single.responses.values
    correlations = np.corrcoef(factors.T, responses.T)[: len(FACTORS), len(FACTORS) :]
    truth = single.truth.to_numpy()
    for neuron in np.flatnonzero((truth != 0).sum(axis=1) == 1):
        factor = np.flatnonzero(truth[neuron])[0]
        assert np.abs(correlations[:, neuron]).argmax() == factor
        assert np.sign(correlations[factor, neuron]) == truth[neuron, factor]


def test_neurons_of_no_factor_follow_none(single):
    factors, responses = presented_factors(single), single.responses.values
    untuned = ~single.truth.to_numpy().any(axis=1)
    correlations = np.corrcoef(factors.T, responses[:, untuned].T)[: len(FACTORS), len(FACTORS) :]
    assert np.abs(correlations).max() < 0.1


@pytest.mark.parametrize("dataset", ["single", "mixed"])
def test_reliability_and_rates_look_like_recorded_ones(dataset, request):
    dataset = request.getfixturevalue(dataset)
    tuned = dataset.truth.to_numpy().any(axis=1)
    reliability = split_half_reliability(dataset.trials)
    low, median, high = np.quantile(reliability[tuned], [0.02, 0.5, 1])
    assert 0.62 < median < 0.8
    assert low > 0.2
    assert 0.85 < high < 0.97
    assert np.abs(reliability[~tuned]).max() < 0.15
    means = dataset.responses.values.mean(axis=0)
    assert 1 < means.min() < np.median(means) < means.max() < 20


def test_noise_is_poisson(single):
    trials = single.trials
    variances = np.nanmean(np.nanvar(trials, axis=1, ddof=1), axis=0)
    fano = variances / np.nanmean(np.nanmean(trials, axis=1), axis=0)
    np.testing.assert_allclose(fano, 1, atol=0.12)
    assert fano.mean() == pytest.approx(1, abs=0.01)


def test_mixed_neurons_differ_only_in_their_direction(single, mixed):
    np.testing.assert_array_equal(single.truth.index, mixed.truth.index)
    tuned = single.truth.to_numpy().any(axis=1)
    np.testing.assert_array_equal(tuned, mixed.truth.to_numpy().any(axis=1))
    assert (mixed.truth.to_numpy()[tuned] != 0).all()
    np.testing.assert_allclose(np.linalg.norm(mixed.truth[tuned], axis=1), 1, atol=2e-4)
    largest = np.square(mixed.truth.to_numpy()[tuned]).max(axis=1)
    assert 0.25 < np.median(largest) < 0.5
    assert not np.array_equal(single.recording.values, mixed.recording.values)
    one, other = population(), population(mixed=True)
    np.testing.assert_array_equal(one.gains, other.gains)
    np.testing.assert_array_equal(one.baselines, other.baselines)
    assert mixed.stimuli is single.stimuli


def test_shipped_recording_is_the_simulated_one(single):
    shown = single.stimuli.table[single.stimuli.table["presented"]]
    again = record(population(), shown[list(FACTORS)].to_numpy(), shown.index.to_numpy().astype(str))
    # A Poisson draw may fall on the other side of a rounding on another machine.
    assert np.mean(again.values != single.recording.values) < 1e-3


def test_expected_counts():
    neurons = population()
    one = np.flatnonzero((neurons.weights != 0).sum(axis=1) == 1)[0]
    face = np.random.default_rng(0).uniform(-1, 1, (1, len(FACTORS)))
    drive = np.sqrt(3) * (face[0] * neurons.weights[one]).sum()
    assert neurons.expected(face)[0, one] == pytest.approx(
        neurons.baselines[one] + neurons.gains[one] * np.log(1 + np.exp(drive))
    )
