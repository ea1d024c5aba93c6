"""Units of networks with tokens and of recurrent networks, against units computed by hand in plain torch."""

import numpy as np
import pytest
import timm
import torch
from torch import nn

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning
from neuroalign.model_zoo.adapters.grids import mean_of_patches
from neuroalign.model_zoo.adapters.timm import TimmModel
from neuroalign.models.loading import as_model
from neuroalign.models.sweeps import LayerSweep

N_STIMULI, SIDE = 5, 28


@pytest.fixture(scope="module")
def stimuli():
    pixels = np.random.default_rng(0).integers(0, 256, (N_STIMULI, SIDE, SIDE, 3), dtype=np.uint8)
    return StimulusSet.from_arrays(pixels)


@pytest.fixture(scope="module")
def images(stimuli):
    return torch.from_numpy(stimuli.pixels(channels=3)).permute(0, 3, 1, 2)


class Encoder(nn.Module):
    """A transformer over the rows of an image; its layers put out (tokens, images, channels)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Linear(3 * SIDE, 8)
        layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.encoder(self.embed(x.permute(2, 0, 1, 3).flatten(2)))


def attend(attention, x):
    """Self-attention of tokens of one image, shape (tokens, channels), from its definition."""
    n_heads, width = attention.num_heads, attention.embed_dim // attention.num_heads
    parts = (x @ attention.in_proj_weight.T + attention.in_proj_bias).split(attention.embed_dim, dim=1)
    q, k, v = (part.reshape(len(x), n_heads, width).transpose(0, 1) for part in parts)
    mixed = ((q @ k.transpose(1, 2)) / width**0.5).softmax(dim=2) @ v
    return attention.out_proj(mixed.transpose(0, 1).flatten(1))


def test_a_transformer_encoder_with_the_images_on_the_second_axis(stimuli, images):
    network = Encoder()
    expected = {"encoder.layers.0": [], "encoder.layers.1.linear1": []}
    network.eval()
    with torch.no_grad():
        for image in images:
            x = network.embed(image.permute(1, 0, 2).flatten(1))  # rows × (colours × columns)
            first, second = network.encoder.layers
            x = first.norm1(x + attend(first.self_attn, x))
            x = first.norm2(x + first.linear2(first.linear1(x).relu()))
            expected["encoder.layers.0"].append(x)
            x = second.norm1(x + attend(second.self_attn, x))
            expected["encoder.layers.1.linear1"].append(second.linear1(x))
    for layer, values in expected.items():
        units = torch.stack(values)
        with pytest.warns(NeuroalignWarning, match="axis 1 of the layer .* holds the images"):
            latents = as_model(network, layer=layer, batch_size=2).latents(stimuli)
        np.testing.assert_allclose(latents.values, units.flatten(1), atol=1e-5)
        pooled = as_model(network, layer=layer, batch_axis=1, pool="mean").latents(stimuli)
        np.testing.assert_allclose(pooled.values, units.mean(dim=1), atol=1e-5)
    with LayerSweep(as_model(network, layer="encoder.layers.?", pool="mean"), stimuli) as sweep:
        layers = {layer.name: layer.model.latents(stimuli).values for layer in sweep.layers}
    assert list(layers) == ["encoder.layers.0", "encoder.layers.1"]
    np.testing.assert_allclose(
        layers["encoder.layers.0"], torch.stack(expected["encoder.layers.0"]).mean(dim=1), atol=1e-5
    )


class Recurrent(nn.Module):
    """A recurrent network over the rows of an image."""

    def __init__(self, kind, **options):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = kind(3 * SIDE, 6, **options)

    def forward(self, x):
        rows = x.permute(0, 2, 1, 3).flatten(2)
        return self.rnn(rows if self.rnn.batch_first else rows.transpose(0, 1))[0]


def step_by_step(rnn, rows):
    """Outputs of an LSTM of one layer for the rows of one image, from its definition; and its last states."""
    hidden = cell = torch.zeros(rnn.hidden_size)
    outputs = []
    for row in rows:
        gates = rnn.weight_ih_l0 @ row + rnn.bias_ih_l0 + rnn.weight_hh_l0 @ hidden + rnn.bias_hh_l0
        write, forget, new, read = gates.chunk(4)
        cell = forget.sigmoid() * cell + write.sigmoid() * new.tanh()
        hidden = read.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs), hidden, cell


@pytest.mark.parametrize("batch_first", [True, False])
def test_an_lstm(stimuli, images, batch_first):
    network = Recurrent(nn.LSTM, batch_first=batch_first)
    with torch.no_grad():
        computed = [step_by_step(network.rnn, image.permute(1, 0, 2).flatten(1)) for image in images]
    outputs, hidden, cell = map(torch.stack, zip(*computed, strict=True))

    def units(layer, axis, pool=None):
        return as_model(network, layer=layer, batch_axis=axis, pool=pool).latents(stimuli).values

    axis = 0 if batch_first else 1
    np.testing.assert_allclose(units("rnn", axis), outputs.flatten(1), atol=1e-5)
    np.testing.assert_allclose(units("rnn", axis, "mean"), outputs.mean(dim=1), atol=1e-5)
    # The last states always have the images on the second axis, behind the layers of the LSTM.
    np.testing.assert_allclose(units("rnn#1.0", 1), hidden, atol=1e-5)
    np.testing.assert_allclose(units("rnn#1.1", 1), cell, atol=1e-5)
    with pytest.raises(
        ModelError,
        match=r"the layer 'rnn#1' is not a single tensor but list; choose one of rnn#1\.0, rnn#1\.1$",
    ):
        units("rnn#1", 1)


def test_a_pattern_scores_each_tensor_of_a_recurrent_network(stimuli):
    model = as_model(Recurrent(nn.GRU, batch_first=True), layer="*")
    with LayerSweep(model, stimuli) as sweep:
        assert [(layer.name, layer.n_units) for layer in sweep.layers] == [("rnn#0", SIDE * 6), ("rnn#1", 6)]
        assert sweep.selection.left_out == {
            "rnn": "returns several tensors; there are rnn#0, rnn#1",
            "": "has the same values as rnn#0",
        }


@pytest.fixture(scope="module")
def dinov2():
    """A small DINOv2: a class token, four register tokens, and 16 patches."""
    torch.manual_seed(0)
    options = {"img_size": SIDE, "patch_size": 7, "embed_dim": 24, "depth": 2, "num_heads": 2}
    return timm.create_model("vit_small_patch14_reg4_dinov2", pretrained=False, **options).eval()


def tokens_by_hand(network, x):
    """The class token, the registers and the patches after the first block."""
    patches = network.patch_embed.proj(x).flatten(2).transpose(1, 2) + network.pos_embed
    before = torch.cat([network.cls_token, network.reg_token], dim=1).expand(len(x), -1, -1)
    x = torch.cat([before, patches], dim=1)
    block = network.blocks[0]
    x = x + block.ls1(block.attn(block.norm1(x)))
    return x + block.ls2(block.mlp(block.norm2(x)))


@pytest.mark.parametrize("by_name", [True, False])
def test_dinov2_pools_patches_without_class_and_register_tokens(dinov2, stimuli, images, by_name):
    def model(layer, pool):
        if not by_name:
            return as_model(dinov2, layer=layer, pool=pool)
        made = TimmModel(dinov2, "small", "small", layer=[layer], pool=pool)
        made.images.preprocess = as_model(dinov2).images.preprocess  # the images as they are
        return made

    with torch.no_grad():
        tokens = tokens_by_hand(dinov2, images)
        alone = dinov2.patch_embed(images)
    assert tokens.shape == (N_STIMULI, 1 + 4 + 16, 24)
    expected = {
        "mean": tokens[:, 5:].mean(dim=1),
        "token": tokens[:, 0],
        "grid:4": tokens[:, 5:].transpose(1, 2).flatten(1),
        None: tokens.flatten(1),
    }
    for pool, units in expected.items():
        np.testing.assert_allclose(model("blocks.0", pool).latents(stimuli).values, units, atol=1e-5)
    # The patches before the other tokens join them.
    np.testing.assert_allclose(
        model("patch_embed", "mean").latents(stimuli).values, alone.mean(dim=1), atol=1e-5
    )
    with pytest.raises(ModelError, match=r"pool=token needs a layer .*with the class token among"):
        model("patch_embed", "token").latents(stimuli)


@pytest.mark.parametrize(
    ("n_tokens", "message"),
    [
        (
            33,
            r"^pool=mean needs a square of patches, and the layer has 33 tokens, 5 of them before the patches$",
        ),
        (9, r"its 9 tokens are 9 patches, or 4 patches after 5 other tokens; give images of another size"),
    ],
)
def test_tokens_that_do_not_show_their_patches(n_tokens, message):
    with pytest.raises(ModelError, match=message):
        mean_of_patches(torch.zeros(2, n_tokens, 3), n_prefix=5)
