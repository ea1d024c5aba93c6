"""Tests of the capabilities that models and families declare."""

import numpy as np
import pytest

from neuroalign import arrays
from neuroalign.model_zoo.neuron_subset import NeuronSubset
from neuroalign.models.ceiling import ceiling_family
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.latents_file import latents_folder
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.model import (
    Batched,
    Decodes,
    Fingerprinted,
    FixedFamily,
    HasLayers,
    Model,
    Noted,
    Recorded,
    Trained,
    TrainedOnHash,
    fingerprint_of,
)
from neuroalign.models.trainable import TrainableFamily
from neuroalign.names.registry import models


class Plain:
    """A model without any optional capability."""

    identifier = "plain"

    def latents(self, stimuli):
        return arrays.latents(np.ones((len(stimuli), 1)), stimulus=stimuli.ids)


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("beta_vae[beta=4,seed=0]", {Decodes, Trained, TrainedOnHash, Recorded}),
        ("classifier[n_latents=10,seed=0]", {Trained, TrainedOnHash, Recorded}),
        ("pca[n=2]", {Decodes}),
        ("neuron_subset[n=2]", {Noted}),
        ("timm:test_resnet[weights=random]", {Batched, HasLayers, Noted}),
        ("vgg_face[weights=random]", {Batched, HasLayers}),
        ("pca[n=5]+subsample[n=2]", {Noted, Trained, TrainedOnHash}),
    ],
)
def test_bundled_models_declare_their_capabilities(name, capabilities, dataset):
    model = load_model(name, dataset=dataset)
    assert isinstance(model, Model)
    every = {Batched, Decodes, HasLayers, Noted, Recorded, Trained, TrainedOnHash}
    assert {capability for capability in every if isinstance(model, capability)} == capabilities


def test_model_without_capabilities(dataset):
    every = (Batched, Decodes, HasLayers, Noted, Recorded, Trained, TrainedOnHash)
    assert not any(isinstance(Plain(), capability) for capability in every)
    assert fingerprint_of(Plain()) is None
    compute_latents(Plain(), dataset.stimuli)
    assert not latents_folder().exists()


def test_fingerprint_is_computed_once_when_it_is_read():
    class Counting(Plain):
        computed = 0

        @property
        def fingerprint(self):
            self.computed += 1
            return "digest"

    model = Counting()
    assert isinstance(model, Fingerprinted)
    assert model.computed == 0
    assert fingerprint_of(model) == "digest"
    assert model.computed == 1


def test_object_without_latents_is_not_a_decoder():
    class Decoder:
        def decode(self, latents):
            return latents

    assert not isinstance(Decoder(), Decodes)


def test_fingerprint_keeps_latents_in_the_cache(dataset):
    model = as_model(lambda pixels: pixels.mean((1, 2)), identifier="mean", fingerprint="mean-1")
    assert fingerprint_of(model) == "mean-1"
    compute_latents(model, dataset.stimuli)
    assert len(list(latents_folder().iterdir())) == 1


@pytest.mark.parametrize(
    ("family", "is_trainable"), [("beta_vae", True), ("classifier", True), ("pca", False), ("aam", False)]
)
def test_families_that_can_be_trained(family, is_trainable):
    assert isinstance(load_model(family), TrainableFamily) == is_trainable


def test_subsets_of_neurons_are_the_ceiling(monkeypatch):
    assert ceiling_family() == "neuron_subset"
    assert NeuronSubset.is_ceiling
    assert not FixedFamily("fixed", [Plain()]).is_ceiling
    monkeypatch.setattr(NeuronSubset, "is_ceiling", False)
    assert ceiling_family() is None


def test_installed_ceiling_does_not_replace_the_ceiling_of_neuroalign(monkeypatch):
    class Another(NeuronSubset):
        identifier = "another"
        is_ceiling = True

    with models.registered("another", Another):
        assert ceiling_family() == "neuron_subset"
        monkeypatch.setattr(NeuronSubset, "is_ceiling", False)
        assert ceiling_family() == "another"
