"""Decoding of held-out stimuli on arrays with a known result."""

import numpy as np
import pytest

from neuroalign.errors import ArrayError
from neuroalign.metrics import cosine_distance, decode_held_out, index_of_distances
from neuroalign.metrics.decoding import standardise_by_rows

RNG = np.random.default_rng(0)
N_FITTED, N_HELD_OUT = 200, 20
LATENTS = RNG.normal(2.0, 3.0, size=(N_FITTED + N_HELD_OUT, 3))
FITTED = np.arange(len(LATENTS)) < N_FITTED


def test_neurons_that_copy_the_units_decode_them_perfectly():
    neurons = -5.0 + 0.5 * LATENTS[:, [2, 0, 1]]
    decoding = decode_held_out(LATENTS, neurons, fitted=FITTED, held_out=~FITTED)
    assert decoding.neuron.tolist() == [1, 2, 0]
    np.testing.assert_allclose(decoding.correlation, 1.0)
    np.testing.assert_allclose(decoding.distance, 0.0, atol=1e-12)
    np.testing.assert_allclose(decoding.predicted_latents, LATENTS[~FITTED])


def test_predictions_are_the_regression_of_each_unit_on_its_neuron():
    neurons = LATENTS + RNG.normal(0.0, 2.0, size=LATENTS.shape)
    decoding = decode_held_out(LATENTS, neurons, fitted=FITTED, held_out=~FITTED)
    assert decoding.neuron.tolist() == [0, 1, 2]
    for unit in range(3):
        slope, intercept = np.polyfit(neurons[FITTED, unit], LATENTS[FITTED, unit], 1)
        np.testing.assert_allclose(
            decoding.predicted_latents[:, unit], intercept + slope * neurons[~FITTED, unit]
        )


def test_negative_correlations_count_only_when_asked():
    neurons = np.column_stack([-LATENTS, RNG.standard_normal((len(LATENTS), 3))])
    signed = decode_held_out(LATENTS, neurons, fitted=FITTED, held_out=~FITTED)
    absolute = decode_held_out(LATENTS, neurons, fitted=FITTED, held_out=~FITTED, absolute=True)
    assert (signed.neuron != np.arange(3)).all()
    assert absolute.neuron.tolist() == [0, 1, 2]
    np.testing.assert_allclose(absolute.distance, 0.0, atol=1e-12)


def test_an_excluded_pair_is_not_matched():
    decoding = decode_held_out(
        LATENTS, LATENTS[:, [0, 1, 2, 0]], fitted=FITTED, held_out=~FITTED, exclude=[0, -1, -1, -1]
    )
    assert decoding.neuron.tolist() == [3, 1, 2]


def test_a_constant_unit_is_predicted_by_its_value():
    latents = LATENTS.copy()
    latents[:, 1] = 0.1
    decoding = decode_held_out(latents, LATENTS, fitted=FITTED, held_out=~FITTED)
    np.testing.assert_allclose(decoding.predicted_latents[:, 1], 0.1)
    assert decoding.deviation[1] == 1.0


def test_rows_are_standardised_by_the_chosen_rows_alone():
    standardised, mean, deviation = standardise_by_rows(LATENTS, FITTED)
    np.testing.assert_allclose(mean, LATENTS[FITTED].mean(axis=0))
    np.testing.assert_allclose(deviation, LATENTS[FITTED].std(axis=0))
    np.testing.assert_allclose(standardised, (LATENTS - mean) / deviation)


def test_the_distance_of_a_zero_row_is_undefined():
    distance = cosine_distance(np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]), np.array([[2.0, 2.0]] * 3))
    np.testing.assert_allclose(distance, [0.0, np.nan, 1.0 - np.sqrt(0.5)], atol=1e-12)


def test_counts_of_stimuli_weight_the_index():
    distances = np.array([[0.2, 0.6, np.nan], [0.8, 1.0, 1.2], [1.0, 1.0, 0.8]])
    index = index_of_distances(distances, np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 1.0, 1.0]]))
    # Mean distances of each draw: 0.4 against 0.95, 0.6 against 1.0, and 0.6 (one stimulus is undefined) against 1.0.
    np.testing.assert_allclose(index, [1 - 0.4 / 0.95, 1 - 0.6 / 1.0, 1 - 0.6 / 1.0])


@pytest.mark.parametrize(
    ("fitted", "message"),
    [
        (FITTED[:-1], r"fitted must be booleans of shape \(220,\), got bool \(219,\)"),
        (FITTED.astype(int), r"fitted must be booleans of shape \(220,\), got int64 \(220,\)"),
        (np.zeros(220, dtype=bool), "fitted must mark at least one stimulus, got none"),
    ],
)
def test_masks_that_do_not_fit_are_refused(fitted, message):
    with pytest.raises(ArrayError, match=message):
        decode_held_out(LATENTS, LATENTS, fitted=fitted, held_out=~FITTED)
