"""Tests of the bundled β-VAEs: their training, their reconstructions and their units."""

import itertools
import re

import numpy as np
import pytest

from neuroalign.datasets.catalogue import load_dataset
from neuroalign.metrics import completeness, disentanglement, lasso_cv
from neuroalign.model_zoo.beta_vae import BetaVAE
from neuroalign.models.loading import load_model
from neuroalign.models.traversals import latent_traversals


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("AM-faces-sim")


@pytest.fixture(scope="module")
def instances(dataset):
    return load_model("beta_vae").instances(dataset)


def test_the_recorded_recipe_and_the_shipped_images_give_the_bundled_weights(dataset):
    bundled = [trained for _, trained in BetaVAE().bundled()]
    assert {trained.recipe for trained in bundled} == set(BetaVAE().recipes({}, grid="bundled"))
    for trained in bundled:
        assert trained.stimulus_set == "AM-faces-sim"
        assert trained.stimulus_set_hash == dataset.stimuli.training().content_hash
        assert np.isfinite(trained.record["final"]["objective"])


@pytest.mark.parametrize("name", ["beta_vae", "vae", "autoencoder", "classifier"])
def test_networks_of_photographs_state_their_training(name):
    family = load_model(name)
    recipes = family.recipes({}, grid="faces")
    bundled = [trained for _, trained in family.bundled("faces")]
    assert bundled
    for trained in bundled:
        assert trained.recipe in recipes
        images = trained.record["stimulus_set"]
        assert (images["name"], images["n_images"], images["licence"]) == ("faces", 2100, "CC BY 4.0")
        assert "FairFace" in images["source"]
        assert "neuroalign data align-faces" in images["crop"]
        assert re.fullmatch("[0-9a-f]{8,40}", trained.record["commit"])
        assert trained.record.get("largest_change_by_float16", 0) < 1e-3
        if name != "classifier":
            # 64 × 64 pixels: less than a tenth of the grey scale for each.
            assert 0 < trained.record["reconstruction"]["held_out"] < 4096 * 0.1**2
        assert load_model(f"{name}[trained_on=faces]").instances()


@pytest.mark.slow
def test_divergence_from_the_prior_is_as_recorded(dataset, instances):
    training = dataset.stimuli.training()
    for model in instances[:2]:
        kl = model.latents(training)["kl"].values
        np.testing.assert_allclose(kl, model.record["kl"], rtol=0.01, atol=1e-4)


@pytest.mark.slow
def test_faces_that_no_model_has_seen_are_reconstructed(dataset, instances):
    held_out = dataset.stimuli.held_out()
    faces = held_out.pixels(64)
    mean_face = dataset.stimuli.training().pixels(64).mean(axis=0)
    # The training faces are mirrored and their factors symmetric, so the mean face is nearly its own mirror image.
    baseline = ((faces - mean_face) ** 2).mean()
    for model in instances:
        reconstructed = model.decode(model.latents(held_out))
        assert ((faces - reconstructed) ** 2).mean() < 0.45 * baseline


@pytest.mark.slow
def test_more_beta_costs_nats(dataset, instances):
    nats = {}
    for model in instances:
        nats.setdefault(model.record["recipe"]["beta"], []).append(
            float(model.latents(dataset.stimuli)["kl"].sum())
        )
    betas = sorted(nats)
    assert all(min(nats[low]) > max(nats[high]) for low, high in itertools.pairwise(betas))


@pytest.mark.slow
def test_units_match_factors_better_than_units_of_linear_models(dataset, instances):
    factors = dataset.factors.to_numpy()

    def scores(model):
        latents = model.latents(dataset.stimuli)
        units = np.where(latents["informative"].values, latents.values, 0.0)
        weights = lasso_cv(units, factors).weights
        return completeness(weights).score, disentanglement(weights).score

    results = np.array([scores(model) for model in instances])
    # ICA is at its best where it has about as many components as there are factors.
    pca, ica = (np.array(scores(load_model(name))) for name in ("pca[n=50]", "ica[n=10,seed=0]"))
    assert (results > pca + 0.15).all()
    assert (results.max(axis=0) > ica).all()
    assert results[:, 0].mean() > ica[0]


@pytest.mark.slow
def test_moving_an_informative_unit_moves_the_image(dataset, instances):
    images = latent_traversals(instances[-1], dataset.stimuli, values=(-2, 0, 2))
    assert images.sizes["unit"] >= 5
    moved = np.abs(images.sel(value=2) - images.sel(value=-2)).mean(("row", "column"))
    # Units in order of their divergence: the first move whole regions.
    assert (moved[:5] > 0.01).all()
