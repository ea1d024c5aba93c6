"""Convolutions as matrix products are the convolutions of torch, for one network and for several."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from neuroalign.model_zoo.training.networks import quarters
from neuroalign.model_zoo.training.networks.architectures import (
    VariationalAutoencoder,
    build,
    convolve_by_products,
)

#: Few inputs or outputs, where blocks are gathered, and the sizes of the networks.
CHANNELS = [(1, 32), (1, 4), (3, 5), (32, 64), (64, 64)]


def gradients(result, inputs):
    weights = torch.linspace(-1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
    return torch.autograd.grad((weights * result.sin()).sum(), inputs)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("transposed", [False, True])
def test_values_and_gradients_equal_convolutions_of_torch(channels, transposed):
    torch.manual_seed(0)
    few, many = channels
    if transposed:
        layer, compute = nn.ConvTranspose2d(many, few, 4, 2, 1).double(), quarters.convolve_transposed
        values = torch.randn(2, 6, 4, many, dtype=torch.float64, requires_grad=True)
    else:
        layer, compute = nn.Conv2d(few, many, 4, 2, 1).double(), quarters.convolve
        values = torch.randn(2, 6, 4, few, dtype=torch.float64, requires_grad=True)
    result = compute(values, layer.weight, layer.bias)
    expected = layer(values.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    inputs = [values, layer.weight, layer.bias]
    for own, other in zip(gradients(result, inputs), gradients(expected, inputs), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("forward", "transpose", "shape"),
    [
        (quarters._to_blocks, quarters._to_pixels, (2, 6, 8, 3)),
        (quarters._sum, quarters._spread, (2, 4, 5, 12)),
        (quarters._gather, quarters._scatter, (2, 4, 5, 3)),
    ],
)
def test_pairs_are_transposes_of_each_other(forward, transpose, shape):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(shape, dtype=torch.float64, generator=generator)
    result = forward(values)
    other = torch.randn(result.shape, dtype=torch.float64, generator=generator)
    # ⟨A x, y⟩ = ⟨x, Aᵀ y⟩.
    assert (result * other).sum().item() == pytest.approx((values * transpose(other)).sum().item(), rel=1e-12)


def test_several_networks_by_products_are_the_networks():
    networks = [
        build(lambda: VariationalAutoencoder(4, image_size=32), seed=seed).double() for seed in (0, 1, 2)
    ]
    shared = build(lambda: VariationalAutoencoder(4, image_size=32)).double()
    convolve_by_products(shared)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, 2, 1, 32, 32, dtype=torch.float64, generator=generator)
    noise = torch.randn(3, 2, 4, dtype=torch.float64, generator=generator)
    stacked = {
        name: torch.stack([dict(network.named_parameters())[name] for network in networks]).detach()
        for name, _ in shared.named_parameters()
    }
    for value in stacked.values():
        value.requires_grad_()
    logits, mean, _ = vmap(lambda own, *inputs: functional_call(shared, own, inputs))(stacked, images, noise)
    computed = torch.autograd.grad((logits.sin().sum() + mean.cos().sum()), list(stacked.values()))
    for index, network in enumerate(networks):
        own_logits, own_mean, _ = network(images[index], noise[index])
        torch.testing.assert_close(logits[index], own_logits, rtol=1e-9, atol=1e-10)
        expected = torch.autograd.grad(
            own_logits.sin().sum() + own_mean.cos().sum(), list(network.parameters())
        )
        for gradient, own in zip(computed, expected, strict=True):
            torch.testing.assert_close(gradient[index], own, rtol=1e-9, atol=1e-10)
