import numpy as np
import pytest
import torch
from torch import nn

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UnknownNameError, UsageError
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.latents_file import MEMORY_VARIABLE, latents_folder
from neuroalign.models.layered import split_layers
from neuroalign.models.loading import as_model
from neuroalign.models.sweeps import load_layers
from neuroalign.testing import make_dataset


class Block(nn.Module):
    """A residual block with a dropout and an activation at its end."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.drop(self.conv(x)) + x)


class Net(nn.Module):
    """Two blocks behind an activation in place."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.blocks = nn.Sequential(Block(), Block())
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.blocks(self.act(self.stem(x))).mean((2, 3)))


LAYERS = ["stem", "act", "blocks.0.conv", "blocks.0", "blocks.1.conv", "blocks", "head"]


@pytest.fixture(scope="module")
def small():
    return make_dataset(n_stimuli=23, n_neurons=4, image_size=8)


@pytest.fixture
def net():
    return Net()


@pytest.fixture
def seen():
    """Numbers of images in the runs of all networks; a hook of one network would change its fingerprint."""
    numbers = []

    def count(module, inputs):
        if isinstance(module, Net):
            numbers.append(len(inputs[0]))

    hook = nn.modules.module.register_module_forward_pre_hook(count)
    yield numbers
    hook.remove()


def pixels(stimuli):
    images = np.stack(
        [np.asarray(stimuli.open(name).convert("RGB"), dtype=np.float32) for name in stimuli.ids]
    )
    return torch.from_numpy(images / 255).movedim(3, 1)


def test_a_star_stands_for_every_tensor_once_in_the_order_of_the_run(net, small):
    with load_layers(as_model(net, layer="*", pool="mean"), small) as sweep:
        assert [layer.name for layer in sweep.layers] == LAYERS
        assert [layer.depth for layer in sweep.layers] == [1, 2, 3, 4, 5, 6, 7]
        assert [layer.n_units for layer in sweep.layers] == [4, 4, 4, 4, 4, 4, 3]
        left_out = dict(sweep.selection.left_out)
    assert left_out == {
        "unused": "does not run, or returns no tensor",
        "blocks.0.drop": "is an identity or a dropout, which returns its input",
        "blocks.1.drop": "is an identity or a dropout, which returns its input",
        "blocks.0.act": "has the same values as blocks.0",
        "blocks.1.act": "has the same values as blocks",
        "blocks.1": "has the same values as blocks",
        "": "has the same values as head",
    }


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("blocks.?", ["blocks.0", "blocks.1"]),
        ("*conv", ["blocks.0.conv", "blocks.1.conv"]),
        ("head,stem", ["stem", "head"]),
        ("stem:head,act", ["act", "stem:head"]),
        ("blocks.1.act,blocks*", ["blocks.0.conv", "blocks.0", "blocks.1.conv", "blocks.1.act"]),
        ("blocks.1.drop,stem", ["stem", "blocks.1.drop"]),
    ],
)
def test_patterns_and_lists_in_the_order_of_the_run(net, small, layer, expected):
    with load_layers(as_model(net, layer=layer, pool="mean"), small) as sweep:
        assert [layer.name for layer in sweep.layers] == expected


def test_one_pass_gives_the_latents_of_each_layer_alone_and_of_torch(net, small, seen, monkeypatch):
    # Two rows of the narrowest layer, one row of all others, are read at a time.
    monkeypatch.setattr("neuroalign.models.sweeps.BLOCK", 48)
    stimuli = small.stimuli
    with torch.no_grad():
        net.eval()
        stem = net.stem(pixels(stimuli))
        act = stem.clamp(min=0)
        first = net.blocks[0](act)
        blocks = net.blocks[1](first)
        by_hand = {
            "stem": stem,
            "act": act,
            "blocks.0": first,
            "blocks": blocks,
            "head": net.head(blocks.mean((2, 3))),
        }
    seen.clear()
    with load_layers(as_model(net, layer="*"), small) as sweep:
        chosen = sum(seen)
        swept = {layer.name: compute_latents(layer.model, stimuli, use_cache=False) for layer in sweep.layers}
    # The choice runs 1 and 2 images; the check before the pass runs three times 1 and once 2.
    assert chosen == 3
    assert sum(seen) - chosen <= len(stimuli) + 5
    for name, tensor in by_hand.items():
        expected = tensor.flatten(1).double().numpy()
        np.testing.assert_allclose(swept[name].sel(stimulus=stimuli.ids).values, expected, atol=1e-6)
    for name in ("stem", "blocks.0.conv", "head"):
        alone = as_model(net, layer=name)
        np.testing.assert_array_equal(alone.latents(stimuli).values, swept[name].values)
        assert alone.latents(stimuli)["unit"].values.tolist() == swept[name]["unit"].values.tolist()


def test_layers_have_the_names_and_the_cache_of_the_layer_alone(net, small, seen):
    with load_layers(as_model(net, layer="*", pool="mean"), small) as sweep:
        for layer in sweep.layers:
            alone = as_model(net, layer=layer.name, pool="mean")
            assert layer.model.identifier == alone.identifier
            assert layer.model.fingerprint == alone.fingerprint
            compute_latents(layer.model, small.stimuli)
    seen.clear()
    compute_latents(as_model(net, layer="blocks.0", pool="mean"), small.stimuli)
    assert seen == []
    # A second sweep runs the network for the choice of the layers only.
    with load_layers(as_model(net, layer="*", pool="mean"), small) as sweep:
        sweep.extract(small.stimuli)
        compute_latents(sweep.layers[0].model, small.stimuli)
    assert sum(seen) == 3
    assert [path.suffix for path in latents_folder().iterdir()] == [".nc"] * len(LAYERS)


def test_concatenations_and_reducers(net, small, tmp_path):
    with load_layers(as_model(net, layer="stem:head,act", pool="mean"), small) as sweep:
        act, both = (compute_latents(layer.model, small.stimuli) for layer in sweep.layers)
        assert both["unit"].values.tolist() == [
            *(f"stem.{i}" for i in range(4)),
            *(f"head.{i}" for i in range(3)),
        ]
    expected = as_model(net, layer=["stem", "head"], pool="mean").latents(small.stimuli)
    np.testing.assert_array_equal(both.values, expected.values)
    assert act.sizes["unit"] == 4
    file = tmp_path / "mine.py"
    file.write_text("import torch\nnet = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())\n")
    with load_layers(f"{file}:net@*+subsample[n=3,seed=1]", small) as sweep:
        assert sweep.identifier == "net@*+subsample[n=3,seed=1]"
        names = [f"net@{layer}+subsample[n=3,seed=1]" for layer in (0, 1)]
        assert [layer.model.identifier for layer in sweep.layers] == names
        assert compute_latents(sweep.layers[1].model, small.stimuli).shape == (23, 3)


@pytest.mark.slow
def test_networks_by_name_sweep_with_their_options(small):
    name = "timm:test_resnet@layer?,pre_logits[weights=random,pool=mean]"
    with load_layers(name, small) as sweep:
        assert sweep.identifier == "timm:test_resnet@layer?,pre_logits[weights=random,seed=0,pool=mean]"
        names = [layer.model.identifier for layer in sweep.layers]
        assert names[0] == "timm:test_resnet@layer1[weights=random,seed=0,pool=mean]"
        assert [layer.name for layer in sweep.layers] == [
            "layer1",
            "layer2",
            "layer3",
            "layer4",
            "pre_logits",
        ]
        latents = compute_latents(sweep.layers[1].model, small.stimuli, use_cache=False)
    alone = as_model("timm:test_resnet@layer2[weights=random,pool=mean]")
    np.testing.assert_array_equal(latents.values, alone.latents(small.stimuli).values)


def test_errors_are_one_line_with_layers_or_advice(net, small, monkeypatch):
    with pytest.raises(
        UnknownNameError, match=r"no layer matches 'layer\*'; there are stem, act, blocks\.0\.conv"
    ):
        load_layers(as_model(net, layer="layer*"), small)
    with pytest.raises(UnknownNameError, match="no layer of Net is called 'heed'; did you mean head"):
        load_layers(as_model(net, layer="heed,stem"), small)
    with pytest.raises(ModelError, match=r"all layers that '\*drop' matches are left out"):
        load_layers(as_model(net, layer="*drop"), small)
    with pytest.raises(
        ModelError, match="stands for several layers with a score of their own; name one layer"
    ):
        as_model(net, layer="*").latents(small.stimuli)
    with pytest.raises(UsageError, match=r"'stem:\*' concatenates a pattern"):
        split_layers("head,stem:*")
    with pytest.raises(UsageError, match="must have a name between commas"):
        split_layers("head,,stem")
    with pytest.raises(UsageError, match="names no layers with a score of their own; write a pattern"):
        load_layers(as_model(net, layer="stem"), small)
    with pytest.raises(UsageError, match="has no layers to choose from"):
        load_layers(as_model(lambda images: images.reshape(len(images), -1)), small, layers="*")
    # 23 stimuli × 256 units × 8 bytes are 47 kB.
    monkeypatch.setenv(MEMORY_VARIABLE, "0.04")
    with (
        load_layers(as_model(net, layer="*"), small) as sweep,
        pytest.raises(
            UsageError, match=r"6 of 7 layers are too large: .*'stem' has 256 units, .*; give pool=mean"
        ),
    ):
        sweep.extract(small.stimuli)
    with load_layers(as_model(net, layer="*", pool="mean"), small) as sweep:
        sweep.extract(small.stimuli)


def test_the_files_of_a_pass_are_deleted(net, small):
    with load_layers(as_model(net, layer="*", pool="mean"), small) as sweep:
        sweep.extract(small.stimuli)
        (folder,) = latents_folder().iterdir()
        assert len(list(folder.iterdir())) == len(LAYERS)
        # 23 stimuli × 4 units of float32.
        assert sorted(file.stat().st_size for file in folder.iterdir()) == [23 * 3 * 4] + [23 * 4 * 4] * 6
    assert list(latents_folder().iterdir()) == []


class Noisy(nn.Module):
    """Adds random numbers to its images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        return self.conv(x + torch.randn_like(x))


def test_a_random_network_has_the_latents_of_the_layer_alone_and_is_not_cached(small):
    torch.manual_seed(0)
    noisy = Noisy()
    with pytest.warns(match="draws random numbers"):
        alone = as_model(noisy, layer="conv", seed=3).latents(small.stimuli)
    with load_layers(as_model(noisy, layer="*", seed=3), small) as sweep:
        with pytest.warns(match="draws random numbers"):
            swept = compute_latents(sweep.layers[0].model, small.stimuli)
        assert sweep.layers[0].model.fingerprint is None
    np.testing.assert_array_equal(alone.values, swept.values)
    assert list(latents_folder().iterdir()) == []


def test_tokens_pass_a_layer_with_the_images_on_another_axis():
    class SequenceFirst(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.embed = nn.Conv2d(3, 6, 4, stride=4)
            self.mix = nn.Linear(6, 6)

        def forward(self, x):
            tokens = self.embed(x).flatten(2).permute(2, 0, 1)  # (tokens, images, channels)
            return self.mix(tokens).mean(0)

    stimuli = StimulusSet.from_arrays(np.random.default_rng(0).random((9, 8, 8)))
    model = as_model(SequenceFirst(), layer="*", pool="mean", identifier="sequence")
    selection = model.select_layers(stimuli)
    assert selection.layers == ("embed", "mix", "")
    (values,) = [values for _, values in model.layer_batches(stimuli, selection.layers)]
    # The module's output is the mean over the tokens of the linear layer.
    np.testing.assert_allclose(values[1], values[2], atol=1e-6)
    assert [value.shape for value in values] == [(9, 6), (9, 6), (9, 6)]


def test_stages_stand_where_the_network_computes_them():
    # The class token after the normalisation is the output of an identity, before the classifier.
    dataset = make_dataset(n_stimuli=3, n_neurons=2, image_size=8)
    with load_layers(
        "timm:test_vit@norm,head,pre_logits,logits[weights=random,pool=token]", dataset
    ) as sweep:
        assert [layer.name for layer in sweep.layers] == ["norm", "pre_logits", "head", "logits"]
