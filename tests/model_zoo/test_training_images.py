"""Tests of the choice among instances by their training images: your own, photographs of faces, and the stand-in."""

from dataclasses import replace

import pytest

from neuroalign.errors import UsageError
from neuroalign.model_zoo.beta_vae import BetaVAE, BetaVAERecipe
from neuroalign.model_zoo.training import family as family_module
from neuroalign.model_zoo.training.family import PHOTOGRAPHS, STAND_IN
from neuroalign.model_zoo.training.loop.runner import train
from neuroalign.model_zoo.training.weights_file import find_trained
from neuroalign.models.loading import load_model

SMALL = {"n_latents": 3, "image_size": 32, "steps": 2, "batch_size": 4}
NAME = "beta_vae[beta={},n_latents=3,image_size=32,seed=0{}]"


@pytest.fixture
def photographs(dataset_factory):
    """A dataset with the images that the bundled instances of photographs were trained on."""
    return dataset_factory(seed=5)


@pytest.fixture
def bundled(photographs, tmp_path, monkeypatch):
    """Two bundled instances of photographs, and one of the stand-in; all were trained for two steps."""
    trained = {
        PHOTOGRAPHS: [BetaVAERecipe(**SMALL, beta=beta) for beta in (1, 4)],
        STAND_IN: [BetaVAERecipe(**SMALL, beta=4)],
    }
    for number, (name, recipes) in enumerate(trained.items()):
        stimuli = (
            photographs.stimuli
            if name == PHOTOGRAPHS
            else photographs.stimuli.select(photographs.stimuli.ids[:8])
        )
        train(recipes, stimuli, tmp_path / str(number))
    folders = {name: tmp_path / str(number) for number, name in enumerate(trained)}
    monkeypatch.setattr(
        family_module, "_find_bundled", lambda recipe, name: tuple(find_trained(folders[name], recipe))
    )


def names(dataset, name="beta_vae"):
    family = load_model(name, dataset=dataset)
    return family.identifier, [model.identifier for model in family.instances(dataset)]


@pytest.fixture
def recorded(dataset_factory):
    return replace(dataset_factory(seed=1), simulated=False)


@pytest.fixture
def simulated(recorded):
    return replace(recorded, simulated=True)


def test_photographs_score_recordings_and_the_stand_in_scores_simulations(bundled, recorded, simulated):
    of_photographs = [NAME.format(1, ",trained_on=faces"), NAME.format(4, ",trained_on=faces")]
    assert names(recorded) == ("beta_vae[trained_on=faces]", of_photographs)
    assert names(simulated) == ("beta_vae", [NAME.format(4, "")])


def test_simulated_neurons_of_the_photographs_have_the_networks_of_photographs(bundled, photographs):
    assert names(replace(photographs, simulated=True))[0] == "beta_vae[trained_on=faces]"


def test_simulated_neurons_of_other_photographs_have_the_networks_of_photographs(bundled, simulated):
    over_photographs = replace(simulated, metadata={**simulated.metadata, "photographs": True})
    assert names(over_photographs)[0] == "beta_vae[trained_on=faces]"


def test_own_instances_come_before_both(bundled, recorded, simulated, neuroalign_home):
    train([BetaVAERecipe(**SMALL, beta=2)], recorded.stimuli, BetaVAE().own_folder() / "mine")
    for dataset in (recorded, simulated):
        assert names(dataset) == ("beta_vae[trained_on=mine]", [NAME.format(2, ",trained_on=mine")])


def test_training_images_are_chosen_by_name(bundled, recorded, simulated):
    explicit = [NAME.format(4, ",trained_on=stand-in")]
    assert names(recorded, "beta_vae[trained_on=stand-in]") == ("beta_vae[trained_on=stand-in]", explicit)
    # The same instances under one name, however they were asked for.
    assert names(simulated, "beta_vae[trained_on=stand-in]") == names(simulated)
    assert names(recorded, "beta_vae[trained_on=faces]") == names(recorded)
    assert names(simulated, "beta_vae[trained_on=faces]")[0] == "beta_vae[trained_on=faces]"
    with pytest.raises(
        UsageError,
        match="no beta_vae is trained on cats; the training images are: stand-in, faces; train more",
    ):
        load_model("beta_vae[trained_on=cats]", dataset=recorded)


def test_names_give_the_same_instances_again(bundled, recorded, simulated):
    for dataset in (recorded, simulated):
        for wanted in ("beta_vae", "beta_vae[trained_on=stand-in]", "beta_vae[trained_on=faces]"):
            family = load_model(wanted, dataset=dataset)
            again = load_model(family.identifier, dataset=dataset)
            assert again.identifier == family.identifier
            for model in family.instances(dataset):
                loaded = load_model(model.identifier, dataset=dataset)
                assert (loaded.identifier, loaded.fingerprint) == (model.identifier, model.fingerprint)


def test_an_instance_without_training_images_follows_the_dataset(bundled, recorded, simulated):
    assert load_model("beta_vae[beta=4]", dataset=recorded).identifier == NAME.format(4, ",trained_on=faces")
    assert load_model("beta_vae[beta=4]", dataset=simulated).identifier == NAME.format(4, "")
    assert load_model("beta_vae[beta=4]").identifier == NAME.format(4, "")


def test_own_images_with_the_name_of_bundled_ones_have_another_name(bundled, recorded, neuroalign_home):
    stimuli = recorded.stimuli.select(recorded.stimuli.ids, identifier="faces")
    folder, _ = BetaVAE().train(stimuli, [BetaVAERecipe(**SMALL, beta=2)])
    assert folder == BetaVAE().own_folder() / "faces-own"
    assert names(recorded) == ("beta_vae[trained_on=faces-own]", [NAME.format(2, ",trained_on=faces-own")])
