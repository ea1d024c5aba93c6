"""The networks: shapes, number of parameters, initial weights, layout of the layers."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d, linear, relu

from neuroalign.model_zoo.training.networks.architectures import (
    Decoder,
    Encoder,
    VariationalAutoencoder,
    build,
)


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("image_size", [32, 64, 128])
@pytest.mark.parametrize("n_latents", [1, 50])
def test_shapes(image_size, n_latents):
    network = build(lambda: VariationalAutoencoder(n_latents, image_size=image_size))
    images = torch.rand(3, 1, image_size, image_size)
    logits, mean, log_variance = network(images, torch.zeros(3, n_latents))
    assert logits.shape == images.shape
    assert mean.shape == log_variance.shape == (3, n_latents)


@pytest.mark.parametrize("image_size", [32, 64, 128])
@pytest.mark.parametrize("n", [1, 50, 100])
def test_number_of_parameters(image_size, n):
    # Weights and biases of convolutions with 32, 32, 64, 64 filters of 4×4, then 256 hidden units.
    flat = 64 * (image_size // 16) ** 2
    convolutions = 16 * (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64)
    encoder = convolutions + (32 + 32 + 64 + 64) + 256 * (flat + 1) + n * 257
    decoder = convolutions + (64 + 32 + 32 + 1) + 256 * (n + 1) + flat * 257
    assert n_parameters(Encoder(n, image_size=image_size)) == encoder
    assert n_parameters(Decoder(n, image_size=image_size)) == decoder


def test_encoder_and_decoder_have_the_published_layers():
    network = build(lambda: VariationalAutoencoder(5), seed=3)
    weights = network.state_dict()
    images, latents = torch.rand(2, 1, 64, 64), torch.randn(2, 5)
    values = images
    for layer in range(4):
        prefix = f"encoder.convolutions.{layer}"
        values = relu(conv2d(values, weights[f"{prefix}.weight"], weights[f"{prefix}.bias"], 2, 1))
    values = values.reshape(2, 1024)
    for layer in ("hidden", "output"):
        values = linear(values, weights[f"encoder.{layer}.weight"], weights[f"encoder.{layer}.bias"])
        values = relu(values) if layer == "hidden" else values
    mean, log_variance = network.encode(images)
    torch.testing.assert_close(torch.cat([mean, log_variance], 1), values)
    values = latents
    for layer in ("hidden", "spread"):
        values = relu(linear(values, weights[f"decoder.{layer}.weight"], weights[f"decoder.{layer}.bias"]))
    values = values.reshape(2, 64, 4, 4)
    for layer in range(4):
        prefix = f"decoder.convolutions.{layer}"
        values = conv_transpose2d(values, weights[f"{prefix}.weight"], weights[f"{prefix}.bias"], 2, 1)
        values = relu(values) if layer < 3 else values
    torch.testing.assert_close(network.decode(latents), values)


def test_sample_is_mean_plus_noise_times_standard_deviation():
    network = build(lambda: VariationalAutoencoder(4, image_size=32))
    images, noise = torch.rand(3, 1, 32, 32), torch.randn(3, 4)
    logits, mean, log_variance = network(images, noise)
    sample = mean + noise * torch.sqrt(torch.exp(log_variance))
    torch.testing.assert_close(logits, network.decode(sample))


def test_weights_depend_on_the_seed_alone():
    state = torch.get_rng_state()
    first, other, again = (build(lambda: VariationalAutoencoder(5), seed=seed) for seed in (1, 2, 1))
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
        assert not torch.equal(value, other.state_dict()[name])


def test_initial_weights_are_uniform_within_one_over_the_root_of_the_inputs():
    weights = build(lambda: VariationalAutoencoder(50)).state_dict()
    for name, n_inputs in (("encoder.hidden", 1024), ("encoder.convolutions.2", 32 * 16)):
        for kind in ("weight", "bias"):
            values = weights[f"{name}.{kind}"].numpy()
            assert np.abs(values).max() <= n_inputs**-0.5
            if kind == "weight":
                assert values.std() == pytest.approx((3 * n_inputs) ** -0.5, rel=0.01)
