"""The layers that halve and double the size of images are torch's, faster, in any precision."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from neuroalign.model_zoo.training.networks.architectures import VariationalAutoencoder, build, convolve_in
from neuroalign.model_zoo.training.networks.resampling import Downsampling, Upsampling

PAIRS = [
    (Downsampling(1, 32), nn.Conv2d(1, 32, 4, stride=2, padding=1)),
    (Downsampling(3, 5), nn.Conv2d(3, 5, 4, stride=2, padding=1)),
    (Upsampling(32, 1), nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)),
    (Upsampling(5, 3), nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1)),
]


@pytest.fixture(params=PAIRS, ids=["1→32", "3→5", "32→1", "5→3"])
def pair(request):
    """One of our layers and torch's, with the same weights in double precision."""
    ours, theirs = (layer.double() for layer in request.param)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def images(layer, *, n=2, height=6, width=10):
    generator = torch.Generator().manual_seed(4)
    values = torch.randn(n, layer.in_channels, height, width, dtype=torch.float64, generator=generator)
    return values.to(memory_format=torch.channels_last).requires_grad_()


def values_and_gradients(layer, values):
    result = layer(values)
    weights = torch.linspace(-1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
    return [result, *torch.autograd.grad((weights * result.sin()).sum(), [values, *layer.parameters()])]


def test_values_and_gradients_equal_the_layers_of_torch(pair):
    ours, theirs = pair
    values = images(ours)
    for result, expected in zip(
        values_and_gradients(ours, values), values_and_gradients(theirs, values), strict=True
    ):
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)


def test_gradients_equal_finite_differences():
    layer = Upsampling(2, 1).double()
    assert torch.autograd.gradcheck(layer, (images(layer, n=1, height=2, width=3),))


def test_layers_with_weights_of_their_own_are_computed_at_once(pair):
    ours, _ = pair
    values = torch.stack([images(ours).detach() for _ in range(3)])
    parameters = {
        name: torch.randn(3, *parameter.shape).double() for name, parameter in ours.named_parameters()
    }
    results = vmap(lambda own, image: functional_call(ours, own, (image,)))(parameters, values)
    for index in range(3):
        own = {name: values[index] for name, values in parameters.items()}
        torch.testing.assert_close(
            results[index], functional_call(ours, own, (values[index],)), rtol=1e-12, atol=1e-12
        )


def test_layers_compute_in_the_precision_of_their_input(pair):
    ours, theirs = pair
    values = images(ours).detach()
    result = ours(values.bfloat16())
    assert result.dtype == torch.bfloat16
    # Eight bits, rounded a few times.
    error = (result.double() - theirs(values)).abs().max()
    assert 0 < error < 2**-6 * theirs(values).abs().max()


def test_only_the_convolutions_are_in_the_precision_asked_for():
    network = build(lambda: VariationalAutoencoder(4, image_size=32), seed=3)
    pixels, noise = torch.rand(5, 1, 32, 32), torch.randn(5, 4)
    full = network(pixels, noise)
    convolve_in(network, torch.bfloat16)
    half = network(pixels, noise)
    assert {result.dtype for result in half} == {torch.float32}
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    for result, expected in zip(half, full, strict=True):
        error = (result - expected).abs().max() / expected.abs().max()
        assert 1e-6 < error < 2e-2
    convolve_in(network, torch.float32)
    for result, expected in zip(network(pixels, noise), full, strict=True):
        assert torch.equal(result, expected)
