"""Scores have keys of identities, so that rounding gives no other key, and other numbers under one key are noticed."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import neuroalign
from neuroalign import arrays
from neuroalign.errors import NeuroalignWarning
from neuroalign.models.latents_file import latents_folder
from neuroalign.results.agreement import conflict
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.provenance import key_of_score
from neuroalign.testing import make_dataset, make_score

BENCHMARK = "correlation_ratio[turns=0,n_permutations=0,predictive_power=false]"


class Units:
    """Latents of three units, which another machine computes with other last digits."""

    identifier = "units"

    def __init__(self, change=0.0):
        self.change = change

    def latents(self, stimuli):
        values = np.random.default_rng(0).normal(size=(len(stimuli), 3))
        values *= 1 + self.change * np.random.default_rng(1).normal(size=values.shape)
        return arrays.latents(values, stimulus=stimuli.ids)


class Known(Units):
    fingerprint = "units-1"


class OnDevice(Known):
    def __init__(self, device):
        super().__init__()
        self.computed_with = {"device": device, "precision": "float32"}


@pytest.fixture(scope="module")
def dataset():
    return make_dataset("cells", n_stimuli=20, n_neurons=4, n_factors=2, image_size=6)


@pytest.fixture(scope="module")
def with_landmarks():
    return make_dataset("cells", n_stimuli=20, n_neurons=4, n_factors=2, image_size=6, landmarks=True)


def key(model, dataset, latents_hash="0" * 64):
    return key_of_score(model, latents_hash, dataset, load_benchmark(BENCHMARK), "exact", model.identifier)


def test_rounding_of_the_latents_gives_no_other_key(dataset):
    first = neuroalign.score(Known(), dataset, BENCHMARK)
    # The other machine has our scores, and computes its latents itself.
    shutil.rmtree(latents_folder())
    second = neuroalign.score(Known(1e-15), dataset, BENCHMARK)
    assert not np.array_equal(Known().latents(dataset.stimuli), Known(1e-15).latents(dataset.stimuli))
    assert second.to_record() == first.to_record()
    assert len(list(ResultsStore().items())) == 1
    assert first.provenance["identified_by"] == "fingerprint"


def test_a_model_without_a_fingerprint_is_its_latents_and_says_so(dataset):
    first = neuroalign.score(Units(), dataset, BENCHMARK)
    neuroalign.score(Units(1e-15), dataset, BENCHMARK)
    assert len(list(ResultsStore().items())) == 2
    assert first.provenance["identified_by"] == "latents"
    assert first.provenance["identity"] == first.provenance["latents_hash"]


def test_other_numbers_under_one_key_are_named_once(dataset):
    stored = neuroalign.score(Known(), dataset, BENCHMARK)
    assert neuroalign.score(Known(1e-15), dataset, BENCHMARK, use_cache=False).value == pytest.approx(
        stored.value
    )
    with pytest.warns(NeuroalignWarning) as caught:
        other = neuroalign.score(Known(0.1), dataset, BENCHMARK, use_cache=False)
    assert [str(warning.message) for warning in caught] == [
        "units on cells by correlation_ratio differs from the score in the store: the new one is "
        f"{other.value:.6g}, the stored one {stored.value:.6g}"
    ]
    assert neuroalign.score(Known(), dataset, BENCHMARK).value == stored.value


def test_device_precision_and_landmarks_are_a_part_of_the_key(dataset, with_landmarks):
    assert key(OnDevice("cpu"), dataset) == key(OnDevice("cpu"), dataset, "1" * 64)
    assert len({key(OnDevice("cpu"), dataset), key(OnDevice("cuda"), dataset), key(Known(), dataset)}) == 3
    plain = replace(with_landmarks, stimuli=dataset.stimuli)
    assert plain.content_hash == with_landmarks.content_hash
    assert key(Known(), plain) != key(Known(), with_landmarks)


def test_a_conflict_is_beyond_rounding():
    ours = make_score(
        0.25, error=0.125, beside={"D": 4.0, "p": float("nan")}, per_neuron={"a": 0.5, "b": np.nan}
    )
    rounded = replace(ours, value=0.25 * (1 + 1e-9), error=0.125 * (1 - 1e-9), null=0.5, beside={"D": 4.0})
    assert conflict(ours, rounded) == ""
    assert conflict(ours, replace(ours, value=0.2501)) == "ours is 0.25, theirs 0.2501"
    assert conflict(ours, replace(ours, value=float("nan"))) == "ours is 0.25, theirs nan"
    assert conflict(ours, replace(ours, error=0.126, beside={"D": 5.0})) == "they differ in error, D"
    changed = ours.data.assign({name: ours.data[name] + 1e-3 for name in ours.data.data_vars})
    assert conflict(ours, replace(ours, data=changed)) == "their arrays differ"
