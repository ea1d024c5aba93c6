"""Tests of the training objectives against closed forms and torch's own distributions."""

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence

from neuroalign.model_zoo.autoencoder import AutoencoderRecipe
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.classifier import ClassifierRecipe
from neuroalign.model_zoo.training.networks.architectures import build
from neuroalign.model_zoo.training.objectives.base import means_of
from neuroalign.model_zoo.training.objectives.terms import (
    bernoulli_log_likelihood,
    gaussian_kl,
    squared_error,
)
from neuroalign.model_zoo.vae import VAERecipe

SMALL = {"n_latents": 3, "image_size": 32, "batch_size": 4}
RECIPES = [BetaVAERecipe(**SMALL), VAERecipe(**SMALL), AutoencoderRecipe(**SMALL), ClassifierRecipe(**SMALL)]


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).random((6, 32, 32), dtype=np.float32)


def prepare(recipe, pixels):
    objective = recipe.objective(pixels)
    return objective, build(lambda: recipe.network(len(pixels)), seed=recipe.seed)


def means_at(objective, network, step):
    with torch.no_grad():
        measured = objective.measure(network, *objective.inputs(step))
    return measured, {name: values.mean(dim=0) for name, values in measured.items()}


# --- terms ---


def test_divergence_is_the_closed_form():
    # KL(N(m, s²) ‖ N(0, 1)) = ln(1/s) + (s² + m²)/2 − 1/2.
    mean, deviation = np.array([[0.0, 1.0, -2.0]]), np.array([[1.0, 2.0, 0.1]])
    expected = -np.log(deviation) + (deviation**2 + mean**2) / 2 - 0.5
    computed = gaussian_kl(torch.tensor(mean), torch.tensor(2 * np.log(deviation)))
    np.testing.assert_allclose(computed.numpy(), expected, rtol=1e-12, atol=1e-15)
    assert computed[0, 0] == 0


def test_divergence_is_the_one_of_torch():
    rng = np.random.default_rng(0)
    mean, log_variance = torch.from_numpy(rng.normal(size=(2, 5, 4)))
    expected = kl_divergence(Normal(mean, torch.exp(0.5 * log_variance)), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)


def test_divergence_is_the_integral():
    grid = np.linspace(-12, 12, 200_001)
    mean, deviation = 0.7, 0.4
    density = np.exp(-0.5 * ((grid - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
    log_ratio = -np.log(deviation) - 0.5 * ((grid - mean) / deviation) ** 2 + 0.5 * grid**2
    integral = np.trapezoid(density * log_ratio, grid)
    computed = gaussian_kl(torch.tensor([[mean]]), torch.tensor([[2 * np.log(deviation)]]))
    assert computed.item() == pytest.approx(integral, rel=1e-6)


def test_likelihood_of_black_and_white_images_is_the_one_of_torch():
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 2, (5, 1, 8, 8)).astype(np.float64))
    logits = torch.from_numpy(rng.normal(size=(5, 1, 8, 8)))
    expected = Bernoulli(logits=logits).log_prob(images).sum(dim=(1, 2, 3))
    torch.testing.assert_close(bernoulli_log_likelihood(images, logits), expected)


def test_likelihood_of_grey_is_between_black_and_white():
    logits = torch.tensor([[[[0.7, -2.0]]]], dtype=torch.float64)
    ends = [bernoulli_log_likelihood(torch.full_like(logits, grey), logits) for grey in (0.0, 1.0)]
    grey = bernoulli_log_likelihood(torch.full_like(logits, 0.25), logits)
    torch.testing.assert_close(grey, 0.75 * ends[0] + 0.25 * ends[1])


def test_squared_error_is_summed_over_pixels():
    images = torch.zeros(2, 1, 3, 4)
    reconstructions = torch.stack([torch.full((1, 3, 4), 0.5), torch.ones(1, 3, 4)])
    torch.testing.assert_close(squared_error(images, reconstructions), torch.tensor([12 * 0.25, 12.0]))


# --- objectives ---


def test_objective_is_the_hand_computation():
    pixels = torch.tensor([[[[0.0, 1.0]]], [[[0.25, 0.5]]]], dtype=torch.float64)
    logits = torch.log(torch.tensor([[[[0.2, 0.9]]], [[[0.5, 0.5]]]], dtype=torch.float64))
    logits = logits - torch.log1p(-torch.exp(logits))
    likelihood = bernoulli_log_likelihood(pixels, logits)
    # log .8 + log .9; every grey pixel that is predicted as ½ costs log 2.
    np.testing.assert_allclose(likelihood, [np.log(0.8) + np.log(0.9), -2 * np.log(2)])
    kl = torch.tensor([[0.5, 1.5], [0.0, 1.0]], dtype=torch.float64)
    expected = (np.log(0.8) + np.log(0.9) - 4 * 2.0 - 2 * np.log(2) - 4 * 1.0) / 2
    objective = BetaVAERecipe(beta=4).objective(np.zeros((1, 32, 32), np.float32))
    means = {"log_likelihood": likelihood.mean(), "kl": kl.mean(0)}
    assert objective.value(means).item() == pytest.approx(expected)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_objective_of_the_beta_vae(pixels, beta):
    recipe = BetaVAERecipe(**SMALL, beta=beta)
    objective, network = prepare(recipe, pixels)
    images, noise = objective.inputs(0)
    measured, means = means_at(objective, network, 0)
    with torch.no_grad():
        mean, log_variance = network.encode(images)
        posterior = Normal(mean, torch.exp(0.5 * log_variance))
        logits = network.decode(mean + noise * posterior.scale)
    likelihood = bernoulli_log_likelihood(images, logits)
    divergence = kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1)
    assert measured["kl"].shape == (4, 3)
    torch.testing.assert_close(objective.value(means), (likelihood - beta * divergence).mean())


def test_objective_of_the_vae_equals_the_beta_vae_with_beta_1(pixels):
    vae, network = prepare(VAERecipe(**SMALL), pixels)
    beta_vae, same_network = prepare(BetaVAERecipe(**SMALL, beta=1), pixels)
    values = [
        objective.value(means_at(objective, own_network, 2)[1])
        for objective, own_network in ((vae, network), (beta_vae, same_network))
    ]
    assert values[0] == values[1]


def test_objective_of_the_autoencoder(pixels):
    objective, network = prepare(AutoencoderRecipe(**SMALL), pixels)
    (images,) = objective.inputs(0)
    _, means = means_at(objective, network, 0)
    with torch.no_grad():
        reconstructed = torch.sigmoid(network.decode(network.encoder(images)))
    expected = -((reconstructed - images) ** 2).sum() / 4
    torch.testing.assert_close(objective.value(means), expected)
    # A network that has learnt nothing yet paints grey.
    grey = -((0.5 - images) ** 2).sum().item() / 4
    assert objective.value(means).item() == pytest.approx(grey, rel=0.05)


def test_objective_of_the_classifier(pixels):
    objective, network = prepare(ClassifierRecipe(**SMALL), pixels)
    images, faces = objective.inputs(0)
    assert images.shape == (4, 1, 32, 32)
    measured, means = means_at(objective, network, 0)
    with torch.no_grad():
        probabilities = Categorical(logits=network.logits(network.encoder(images)))
    expected = probabilities.log_prob(faces).mean()
    torch.testing.assert_close(objective.value(means), expected)
    # A network that has learnt nothing yet guesses.
    assert expected.item() == pytest.approx(-np.log(6), abs=0.3)
    right = probabilities.logits.argmax(dim=1) == faces
    torch.testing.assert_close(measured["accuracy"], right.float())


def test_classifier_is_trained_and_tested_on_different_images_of_the_same_faces(pixels):
    objective, network = prepare(ClassifierRecipe(**SMALL), pixels)
    seen = torch.cat([objective.inputs(step)[0] for step in range(30)]).flatten(1).numpy()
    assert len(np.unique(seen, axis=0)) == 20 * 6
    evaluated = objective.evaluate(network)
    assert evaluated["split"] == {"training": 120, "validation": 15, "test": 15}
    assert evaluated["translations"] == {"shifts": [-2, -1, 0, 1, 2], "edge": "repeated"}
    tested = objective.translations.take(torch.from_numpy(objective.split.test)).reshape(15, -1)
    assert len(np.unique(np.concatenate([seen, tested]), axis=0)) == 20 * 6 + 15


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.family)
def test_an_untrained_network_has_not_diverged(pixels, recipe):
    objective, network = prepare(recipe, pixels)
    value = objective.value(means_at(objective, network, 0)[1]).item()
    assert objective.worst < value < 0


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.family)
def test_measurements_of_batches_equal_measurements_of_single_images(pixels, recipe):
    objective, network = prepare(recipe, np.concatenate([pixels] * 12))
    batches = list(objective.evaluation_inputs())
    assert len(batches) > 1
    together = means_of(objective.measure_all(network, iter(batches)))
    with torch.no_grad():
        one = [objective.measure(network, *(values[:1] for values in batch)) for batch in batches[:1]]
    first = objective.measure_all(network, iter(batches[:1]))
    for name, value in one[0].items():
        np.testing.assert_allclose(first[name][:1], value.numpy(), rtol=1e-4, atol=1e-5)
    assert objective.summary(together)["objective"] == pytest.approx(
        float(objective.value(together)), rel=1e-12
    )


@pytest.mark.parametrize("recipe", RECIPES[2:], ids=lambda recipe: recipe.family)
def test_only_constant_units_are_not_informative(pixels, recipe):
    objective, network = prepare(recipe, pixels)
    assert objective.evaluate(network)["final"]["informative_units"] == 3
    with torch.no_grad():
        network.encoder.output.weight[1] = 0
    assert objective.evaluate(network)["final"]["informative_units"] == 2
