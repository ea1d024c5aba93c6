"""Masked arrays: a mask is a missing value, and where there may be none, an error."""

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign import arrays, metrics, stats
from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ArrayError, ModelError, NeuroalignError
from neuroalign.masked import as_labels, as_numbers

TRIALS = np.ma.masked_equal(
    np.array([[[5.0, 9999.0, 4.0], [1.0, 2.0, 3.0]], [[2.0, 2.0, 2.0], [4.0, 4.0, 5.0]]]), 9999.0
)
"""2 stimuli × 2 neurons × 3 repetitions, one of them masked."""

MATRIX = np.ma.masked_equal(np.array([[1.0, -999.0], [2.0, 3.0], [4.0, 5.0]]), -999.0)


def test_masked_values_become_nan():
    np.testing.assert_array_equal(as_numbers(MATRIX), [[1, np.nan], [2, 3], [4, 5]])
    counts = as_numbers(np.ma.masked_equal(np.array([3, -1, 2]), -1))
    assert counts.dtype == np.float64
    np.testing.assert_array_equal(counts, [3, np.nan, 2])
    assert as_numbers(MATRIX.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(as_numbers([MATRIX[:, 0], MATRIX[:, 1]]), as_numbers(MATRIX).T)


def test_arrays_without_masked_values_stay_as_they_are():
    values = np.arange(6).reshape(2, 3)
    assert as_numbers(values) is values
    np.testing.assert_array_equal(as_numbers(np.ma.array(values)), values)
    assert as_numbers(values, np.float64).dtype == np.float64


def test_text_cannot_be_masked():
    with pytest.raises(ArrayError, match="masked values must be real numbers, got <U1"):
        as_numbers(np.ma.array(["a", "b"], mask=[True, False]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ma.array(["a", "b"], mask=[True, False]), "ids must not be masked; 1 values are"),
        (["a", None], "ids must not be missing, got None at entry 1"),
        (np.array([1.0, np.nan]), "ids must not be missing, got nan at entry 1"),
    ],
)
def test_ids_are_neither_masked_nor_missing(values, message):
    with pytest.raises(ArrayError, match=message):
        as_labels(values, "ids")


def test_masked_trials_are_missing_trials():
    imported = na.import_dataset("m", responses=TRIALS, axes="stimulus,neuroid,repetition")
    np.testing.assert_allclose(imported.responses.values, [[4.5, 2], [2, 13 / 3]], rtol=1e-15)
    assert np.isnan(imported.trials[0, 1, 0])


def test_masked_averages_are_refused():
    with pytest.raises(NeuroalignError, match="1 of 2 neurons have no trial of some stimuli: neurons m-1"):
        na.import_dataset("m", responses=MATRIX, axes="stimulus,neuroid")


def test_recordings_keep_the_mask():
    array = arrays.recording(MATRIX, stimulus_id=["a", "a", "b"], neuroid_id=["x", "y"])
    np.testing.assert_array_equal(arrays.average_trials(array).values, [[1.5, 3], [4, 5]])


@pytest.mark.parametrize("build", ["responses", "latents"])
def test_responses_and_latents_refuse_masked_values(build):
    options = {"neuroid": ["x", "y"]} if build == "responses" else {}
    with pytest.raises(ArrayError, match=f"1 NaN value in {build}"):
        getattr(arrays, build)(MATRIX, stimulus=["a", "b", "c"], **options)


def test_masked_ids_are_refused():
    ids = np.ma.array(["a", "b", "c"], mask=[False, True, False])
    with pytest.raises(ArrayError, match="stimulus must not be masked; 1 values are"):
        arrays.latents(np.eye(3), stimulus=ids)
    with pytest.raises(ArrayError, match="stimulus_id must not be missing, got nan at entry 0"):
        arrays.recording(np.eye(3), stimulus_id=[np.nan, 1.0, 2.0], neuroid_id=["x", "y", "z"])
    with pytest.raises(ArrayError, match="stimulus_id must not be empty; entry 1 is"):
        arrays.recording(np.eye(3), stimulus_id=["a", "", "b"], neuroid_id=["x", "y", "z"])


def test_precomputed_latents_refuse_masked_values():
    latents = xr.DataArray(MATRIX, dims=("stimulus", "unit"), coords={"stimulus": ["a", "b", "c"]})
    with pytest.raises(ArrayError, match="1 NaN value in latents: unit 1; stimulus a"):
        na.as_model(latents, identifier="x")


def test_functions_that_return_masked_latents_are_refused():
    stimuli = StimulusSet.from_arrays(np.zeros((3, 2, 2), dtype=np.uint8))
    model = na.as_model(
        lambda pixels: np.ma.array(np.ones((len(pixels), 2)), mask=[[False, True]] * len(pixels)),
        identifier="masked",
    )
    with pytest.raises(ArrayError, match="3 NaN values in latents"):
        model.latents(stimuli)


def test_functions_that_return_complex_latents_are_refused():
    stimuli = StimulusSet.from_arrays(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    model = na.as_model(lambda pixels: (1 + 2j) * pixels, identifier="complex")
    with pytest.raises(ModelError) as caught:
        model.latents(stimuli)
    assert str(caught.value) == (
        "complex must return one row of numbers for each image, got ndarray: values must be real numbers, got "
        "complex64; take their modulus, or both of their parts"
    )
    real = na.as_model(lambda pixels: (1 + 0j) * pixels, identifier="real").latents(stimuli)
    assert real.values[2, 1] == pytest.approx(9 / 255)


def test_images_and_landmarks_refuse_masks():
    with pytest.raises(NeuroalignError, match="images must be uint8, or floats in"):
        StimulusSet.from_arrays(np.ma.array(np.zeros((1, 2, 2), dtype=np.uint8), mask=True))
    points = np.ma.array(np.random.default_rng(0).random((1, 3, 2)))
    points[0, 0, 0] = np.ma.masked
    with pytest.raises(NeuroalignError, match=r"finite|NaN"):
        landmarks(points, stimulus=["a"], landmark=["x", "y", "z"])


def test_metrics_refuse_masked_values():
    with pytest.raises(ArrayError, match=r"Y_true must be finite; \[0, 1\] is nan"):
        metrics.variance_explained(MATRIX, np.zeros((3, 2)))
    with pytest.raises(ArrayError, match="exclude must not be masked"):
        metrics.inputs.as_excluded(np.ma.array([0, 1], mask=[True, False]), 2, 2)


def test_reliability_takes_masked_trials_as_missing():
    rng = np.random.default_rng(0)
    trials = rng.standard_normal((30, 1, 4)) + 0.5 * rng.standard_normal((30, 4, 4))
    missing = np.zeros(trials.shape, dtype=bool)
    missing[3, 2, 1] = True
    masked = np.ma.array(np.where(missing, 1e6, trials), mask=missing)
    expected = metrics.reliability(np.where(missing, np.nan, trials)).per_neuron
    np.testing.assert_array_equal(metrics.reliability(masked).per_neuron, expected)


def test_statistics_leave_masked_values_out():
    a = np.ma.masked_equal([0.1, 0.2, 0.3, 99.0], 99.0)
    b = [0.4, 0.5, 0.7]
    assert stats.welch(a, b) == stats.welch([0.1, 0.2, 0.3], b)
    assert stats.permutation_p_value(0.5, a) == stats.permutation_p_value(0.5, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(stats.adjust_p_values(np.ma.masked_equal([0.01, 1.0], 1.0)), [0.01, np.nan])
