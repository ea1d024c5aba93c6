"""Simulated datasets and scores for tests."""

import numpy as np
import pytest

from neuroalign.errors import UsageError
from neuroalign.metrics import reliability
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset, make_score


def test_neurons_follow_one_factor_each():
    dataset = make_dataset(n_stimuli=50, n_neurons=6, n_factors=4, noise=0.0, n_repetitions=1)
    factors = dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()
    np.testing.assert_array_equal(dataset.responses.values, factors[:, [0, 1, 2, 3, 0, 1]])
    assert dataset.trials is None


def test_mixed_neurons_follow_their_truth():
    dataset = make_dataset(n_stimuli=50, tuning="mixed", noise=0.0)
    factors = dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()
    np.testing.assert_allclose(dataset.responses.values, factors @ dataset.truth.to_numpy().T)
    assert dataset.identifier == "mixed"


def test_reliability_is_the_one_asked_for():
    dataset = make_dataset(n_stimuli=4_000, n_neurons=4, n_repetitions=4, reliability=0.6, image_size=1)
    assert reliability(dataset.trials).per_neuron == pytest.approx(0.6, abs=0.02)


def test_the_seed_decides_everything():
    first, second, other = make_dataset(seed=3), make_dataset(seed=3), make_dataset(seed=4)
    assert first.content_hash == second.content_hash != other.content_hash


def test_images_do_not_change_the_neurons():
    with_images, without = make_dataset(), make_dataset(images=False)
    assert not without.stimuli.has_images
    np.testing.assert_array_equal(with_images.recording.values, without.recording.values)


def test_landmarks_lie_on_the_images():
    landmarks = make_dataset(landmarks=True, image_size=32).stimuli.landmarks
    assert landmarks["landmark"].values.tolist() == ["left", "right", "top", "bottom"]
    assert 0 < landmarks.values.min() < landmarks.values.max() < 32
    assert np.ptp(landmarks.sel(landmark="left", axis="x").values) > 1


def test_arguments_that_contradict_each_other_are_refused():
    with pytest.raises(UsageError, match=r"^noise and reliability must not both be given; give one of them$"):
        make_dataset(noise=0.5, reliability=0.5)
    with pytest.raises(UsageError, match=r"^reliability must be between 0 and 1, got 1$"):
        make_dataset(reliability=1)
    with pytest.raises(UsageError, match=r"^tuning must be 'single' or 'mixed', got 'rotated'$"):
        make_dataset(tuning="rotated")
    with pytest.raises(UsageError, match=r"^landmarks must have images and at least two factors; set"):
        make_dataset(landmarks=True, images=False)


def test_a_score_takes_its_labels_from_benchmark_and_dataset():
    dataset, benchmark = make_dataset(), load_benchmark("decoding[turns=0]")
    score = make_score(
        0.3, model="pca[n=10]", benchmark=benchmark, dataset=dataset, provenance={"join": "exact"}
    )
    assert (score.value, score.family, score.dataset, score.benchmark) == (0.3, "pca", "single", "decoding")
    assert (score.options["turns"], score.higher_is_better) == (0, False)
    assert score.benchmark_version == benchmark.version
    assert score.provenance == {
        "dataset_hash": dataset.content_hash,
        "n_neurons": 12,
        "simulated": True,
        "join": "exact",
    }


def test_a_score_of_neurons_is_their_mean():
    score = make_score(per_neuron={"a": 0.2, "b": 0.6, "c": np.nan})
    assert score.value == pytest.approx(0.4)
    assert score.data["alignment"].sel(neuroid="b") == 0.6
    assert make_score(0.9, per_neuron={"a": 0.2}, error=0.02).error == 0.02
