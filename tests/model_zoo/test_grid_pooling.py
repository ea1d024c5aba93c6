"""Tests of means in a grid of positions, and of class tokens."""

import numpy as np
import pytest
import torch
from torch import nn

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.grids import Prefix, find_prefix, mean_in_grid, pool_named
from neuroalign.models.loading import as_model, load_model


@pytest.fixture(scope="module")
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8))


def cells(plane, side):
    """Average a plane over the cells of a grid, by the definition of the cells."""
    n_rows, n_columns = plane.shape
    return [
        plane[
            row * n_rows // side : -(-(row + 1) * n_rows // side),
            column * n_columns // side : -(-(column + 1) * n_columns // side),
        ].mean()
        for row in range(side)
        for column in range(side)
    ]


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_means_in_a_grid(side):
    output = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 5, 7, 7)))
    expected = [[mean for plane in image for mean in cells(plane, side)] for image in output.numpy()]
    np.testing.assert_allclose(mean_in_grid(output, side=side), expected, rtol=1e-12)
    last = output.movedim(1, 3)
    np.testing.assert_allclose(mean_in_grid(last, side=side), expected, rtol=1e-12)
    tokens = torch.cat([torch.full((2, 2, 5), 9.0, dtype=torch.float64), last.reshape(2, 49, 5)], dim=1)
    np.testing.assert_allclose(mean_in_grid(tokens, side=side, n_prefix=2), expected, rtol=1e-12)
    np.testing.assert_allclose(mean_in_grid(tokens[:, 2:], side=side, n_prefix=2), expected, rtol=1e-12)


def test_the_axis_of_the_channels_where_the_shape_does_not_show_it():
    output = torch.arange(64.0).reshape(1, 4, 4, 4)
    first = mean_in_grid(output, side=1)
    assert torch.equal(first, output.mean(dim=(2, 3)))
    assert torch.equal(mean_in_grid(output, side=1, is_channels_last=True), output.mean(dim=(1, 2)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 4, 6), r"^pool=grid:5 needs at least 5 × 5 positions, .* 4 × 6; choose grid:4 or less$"),
        (
            (1, 12, 6),
            r"^pool=grid:N needs a square of patches, .* 12 tokens, 0 of them before the patches$",
        ),
        ((1, 2, 6, 6, 6), r"^pool=grid:5 needs a layer with rows and columns of positions"),
    ],
)
def test_layers_without_a_grid(shape, message):
    with pytest.raises(ModelError, match=message):
        mean_in_grid(torch.zeros(shape), side=5)


@pytest.mark.parametrize("pool", ["grid:0", "grid:x", "grid:", "grid:-1"])
def test_wrong_grids(pool):
    with pytest.raises(
        UsageError, match=r"^net: pool=grid:N must have a whole number N from 1 up, got 'grid"
    ):
        pool_named(pool, Prefix(0, False), owner="net")


def test_grids_of_a_convolution_by_name(stimuli):
    whole = load_model("timm:test_resnet@layer2[weights=random]").latents(stimuli)
    pooled = load_model("timm:test_resnet@layer2[weights=random,pool=grid:2]")
    assert pooled.identifier == "timm:test_resnet@layer2[weights=random,seed=0,pool=grid:2]"
    channels = torch.from_numpy(whole.values).reshape(3, -1, 20, 20)
    np.testing.assert_allclose(pooled.latents(stimuli), mean_in_grid(channels, side=2), atol=1e-5)
    assert (
        len(
            {load_model(f"timm:test_resnet@layer2[weights=random,pool=grid:{n}]").fingerprint for n in (1, 2)}
        )
        == 2
    )


def test_grids_and_class_tokens_of_a_transformer_of_timm(stimuli):
    name = "timm:test_vit@blocks.1[weights=random,pool={}]"
    mean, grid = (load_model(name.format(pool)).latents(stimuli).values for pool in ("mean", "grid:1"))
    np.testing.assert_allclose(mean, grid, atol=1e-5)


class Transformer(nn.Module):
    """A class token before 16 patches, as in torchvision."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 6, 10, 10)
        self.class_token = nn.Parameter(torch.ones(1, 1, 6))
        self.encoder = nn.Identity()

    def forward(self, x):
        patches = self.patches(x).flatten(2).transpose(1, 2)
        return self.encoder(torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1))


def test_class_tokens_of_any_network(stimuli):
    network = Transformer()
    assert find_prefix(network) == Prefix(1, True)
    token = as_model(network, layer="encoder", pool="token").latents(stimuli)
    np.testing.assert_array_equal(token.values, 1)
    grid = as_model(network, layer="encoder", pool="grid:4").latents(stimuli).values
    patches = as_model(network, layer="patches").latents(stimuli).values
    np.testing.assert_allclose(grid, patches, atol=1e-6)
    with pytest.raises(ModelError, match=r"pool=token needs a layer of tokens, got \(6, 4, 4\)$"):
        as_model(network, layer="patches", pool="token").latents(stimuli)
    with pytest.raises(UsageError, match=r"the network has no class token; use pool=mean or pool=grid:N$"):
        as_model(nn.Conv2d(3, 2, 3), pool="token")
