import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import MissingImagesError, ModelError, NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.model_zoo.adapters.extraction import extract, list_layers
from neuroalign.model_zoo.adapters.pooling import mean_over_space
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import as_model


class Small(nn.Module):
    """A convolution with an output that an in-place ReLU overwrites, and every kind of output."""

    def __init__(self, channels=1):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.recurrent = nn.LSTM(4, 3, batch_first=True)
        self.head = nn.Linear(4, 2)
        self.unused = nn.Linear(4, 2)

    def forward(self, x):
        maps = self.drop(self.relu(self.norm(self.conv(x))))
        self.recurrent(maps.flatten(2).transpose(1, 2))
        return self.head(maps.mean((2, 3)))


class Returns(nn.Module):
    """Applies a function to the images."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.inner = nn.Identity()

    def forward(self, x):
        return self.function(self.inner(x))


@pytest.fixture
def batch():
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((23, 8, 8)))


def capture(module, batch, layers, **options):
    (captured,) = extract(module, [batch], layers, **options)
    return captured


def test_in_place_operations_do_not_change_captured_outputs(batch):
    module = Small()
    captured = capture(module, batch, ["conv", "norm", "relu"])
    module.eval()
    with torch.no_grad():
        conv = module.conv(batch)
        norm = module.norm(conv)
    assert (norm < 0).any()
    torch.testing.assert_close(captured["conv"], conv)
    torch.testing.assert_close(captured["norm"], norm)
    torch.testing.assert_close(captured["relu"], norm.clamp(min=0))


def test_the_output_of_an_in_place_module_is_copied_too(batch):
    module = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    captured = capture(module, batch - 0.5, ["0", ""])
    torch.testing.assert_close(captured["0"], batch - 0.5)
    torch.testing.assert_close(captured[""], (batch - 0.5).clamp(min=0))


def test_several_layers_take_one_pass(batch):
    passes = []
    module = Small()
    module.conv.register_forward_hook(lambda *given: passes.append(1))
    captured = list(extract(module, [batch, batch[:2]], ["conv", "head", "", "norm"]))
    # Three passes over one or two images find the axis that holds the images.
    assert len(passes) == 3 + 2
    assert [len(outputs["norm"]) for outputs in captured] == [5, 2]
    torch.testing.assert_close(captured[0]["head"], captured[0][""])


def n_hooks(module):
    return sum(len(submodule._forward_hooks) for submodule in module.modules())


def test_modes_and_hooks_are_as_before(batch):
    module = Small().train()
    module.norm.eval()
    before = [submodule.training for submodule in module.modules()]
    running = module.norm.running_mean.clone()
    outputs = extract(module, [batch, batch], ["conv", "drop"])
    next(outputs)
    # Also while a caller holds an unfinished extraction.
    assert [submodule.training for submodule in module.modules()] == before
    assert n_hooks(module) == 0
    list(outputs)
    assert [submodule.training for submodule in module.modules()] == before
    assert torch.equal(module.norm.running_mean, running)


def test_modes_and_hooks_are_as_before_after_an_error(batch):
    module = Small().train()
    module.norm.eval()
    before = [submodule.training for submodule in module.modules()]
    with pytest.raises(ModelError, match=r"fails on a batch of shape \(5, 3, 8, 8\): RuntimeError"):
        capture(module, batch.repeat(1, 3, 1, 1), ["conv", "head"])
    assert [submodule.training for submodule in module.modules()] == before
    assert n_hooks(module) == 0
    with pytest.raises(UnknownNameError):
        capture(module, batch, ["conv", "absent"])
    assert n_hooks(module) == 0


def test_no_gradients_and_no_trace(batch):
    module = Small()
    captured = capture(module, batch, ["conv"])["conv"]
    assert not captured.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())
    module(batch).sum().backward()
    assert module.conv.weight.grad is not None


def test_two_runs_give_identical_bytes_even_with_random_numbers(stimuli):
    noisy = Returns(lambda x: x + torch.randn_like(x))
    state = torch.get_rng_state()
    model = as_model(noisy, channels=1, batch_size=10)
    with pytest.warns(
        NeuroalignWarning, match="the network draws random numbers; each stimulus gets its own"
    ):
        first, second = model.latents(stimuli), model.latents(stimuli)
    assert first.values.tobytes() == second.values.tobytes()
    assert torch.equal(torch.get_rng_state(), state)
    # The noise of two batches differs.
    difference = first.values - stimuli.pixels().reshape(23, -1)
    assert np.abs(difference[0] - difference[10]).max() > 0.1


def test_half_precision_and_integers(stimuli):
    model = as_model(Small().half(), channels=1)
    exact = as_model(Small(), channels=1)
    np.testing.assert_allclose(model.latents(stimuli).values, exact.latents(stimuli).values, atol=5e-3)
    counts = as_model(Returns(lambda x: (x > 0.5).flatten(1)), channels=1).latents(stimuli)
    np.testing.assert_array_equal(counts.values, stimuli.pixels().reshape(23, -1) > 0.5)


def test_layers_with_several_outputs(batch):
    module = Small()
    captured = capture(module, batch, ["recurrent", "recurrent#0"])
    assert captured["recurrent"].shape == (5, 64, 3)
    assert torch.equal(captured["recurrent"], captured["recurrent#0"])
    pair = nn.Sequential(nn.Conv2d(1, 2, 3), Returns(lambda x: (x, x + 1)))
    assert torch.equal(capture(pair, batch, ["1#1"])["1#1"], capture(pair, batch, ["0"])["0"] + 1)
    with pytest.raises(ModelError, match="'1' is not a single tensor but list; choose one of 1#0, 1#1"):
        capture(pair, batch, ["1"])
    with pytest.raises(ModelError, match="has no tensor '7'"):
        capture(module, batch, ["recurrent#7"])
    with pytest.raises(ModelError, match="'unused' does not run"):
        capture(module, batch, ["unused"])
    named = Returns(lambda x: {"logits": x.mean((2, 3)), "maps": x, "note": "text"})
    torch.testing.assert_close(capture(named, batch, ["#maps"])["#maps"], batch)
    with pytest.raises(ModelError, match=r"the module's output is not a single tensor .* #logits, #maps"):
        capture(named, batch, [""])
    one = Returns(lambda x: (x, None))
    torch.testing.assert_close(capture(one, batch, [""])[""], batch)
    with pytest.raises(ModelError, match="a single number for the whole batch"):
        capture(Returns(torch.mean), batch, [""])
    with pytest.raises(ModelError, match="is not a single tensor but str"):
        capture(Returns(str), batch, [""])


def test_a_module_that_runs_twice_gives_its_last_output(batch):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.twofold = Returns(lambda x: 2 * x)

        def forward(self, x):
            return self.twofold(self.twofold(x)) - 1

    torch.testing.assert_close(capture(Twice(), batch, ["twofold"])["twofold"], 4 * batch)


def test_another_forward(batch):
    module = Small()
    captured = capture(module, batch, ["", "conv"], forward=lambda given: module.conv(given) * 2)
    torch.testing.assert_close(captured[""], 2 * captured["conv"])


def test_list_layers(batch):
    shapes = list_layers(Small(), batch)
    assert shapes == {
        "": (2,),
        "conv": (4, 8, 8),
        "norm": (4, 8, 8),
        "relu": (4, 8, 8),
        "drop": (4, 8, 8),
        "recurrent#0": (64, 3),
        "head": (2,),
    }
    module = Small()
    for name in shapes:
        assert capture(module, batch, [name])[name].shape[1:] == shapes[name]


def test_latents_of_a_layer(stimuli):
    module = Small()
    model = as_model(module, layer="conv", channels=1, batch_size=7)
    latents = model.latents(stimuli)
    with torch.no_grad():
        expected = module.conv(torch.from_numpy(stimuli.pixels())[:, None]).flatten(1)
    assert re.fullmatch("Small-[0-9a-f]{8}@conv", model.identifier)
    np.testing.assert_allclose(latents.values, expected, atol=1e-6)
    np.testing.assert_array_equal(latents["stimulus"], stimuli.ids)


def test_pooling_and_several_layers(stimuli):
    module = Small()
    maps = as_model(module, layer="conv", channels=1).latents(stimuli).values.reshape(23, 4, 64)
    pooled = as_model(module, layer="conv", channels=1, pool="mean")
    assert re.fullmatch(r"Small-[0-9a-f]{8}@conv\[pool=mean\]", pooled.identifier)
    np.testing.assert_allclose(pooled.latents(stimuli).values, maps.mean(axis=2), atol=1e-6)
    both = as_model(module, layer=["conv", "head"], channels=1, pool="mean")
    latents = both.latents(stimuli)
    assert both.identifier.endswith("@conv:head[pool=mean]")
    assert latents["unit"].values.tolist() == ["conv.0", "conv.1", "conv.2", "conv.3", "head.0", "head.1"]
    np.testing.assert_allclose(
        latents.values[:, 4:], as_model(module, channels=1).latents(stimuli).values, atol=1e-6
    )


def test_mean_over_space_of_each_layout():
    maps = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(mean_over_space(maps), maps.mean((2, 3)))
    torch.testing.assert_close(mean_over_space(maps[..., None]), maps.mean((2, 3)))
    tokens = torch.rand(2, 7, 3)
    torch.testing.assert_close(mean_over_space(tokens), tokens.mean(1))
    assert mean_over_space(torch.rand(2, 3)).shape == (2, 3)
    assert mean_over_space(torch.rand(2)).shape == (2, 1)


def test_default_preprocessing(stimuli):
    identity = Returns(lambda x: x)
    grey = as_model(identity, channels=1, mean=0.5, std=0.25).latents(stimuli).values
    np.testing.assert_allclose(grey, (stimuli.pixels().reshape(23, -1) - 0.5) / 0.25, atol=1e-6)
    colour = as_model(identity, image_size=4, mean=[0, 0.5, 1]).latents(stimuli).values.reshape(23, 3, 4, 4)
    expected = stimuli.pixels(4, channels=3).transpose(0, 3, 1, 2) - np.array([0, 0.5, 1]).reshape(3, 1, 1)
    np.testing.assert_allclose(colour, expected, atol=1e-6)


def test_preprocess_function_of_the_user(stimuli):
    compose = transforms.Compose([transforms.CenterCrop(4), transforms.ToTensor()])
    latents = as_model(Returns(lambda x: x), preprocess=compose, channels=1, batch_size=5).latents(stimuli)
    np.testing.assert_allclose(latents.values, stimuli.pixels()[:, 2:6, 2:6].reshape(23, -1), atol=1e-6)

    def modes(image):
        return torch.full((1, 2, 2), float(image.mode == "RGB"))

    assert (as_model(Returns(lambda x: x), preprocess=modes).latents(stimuli).values == 1).all()


def test_images_of_different_sizes():
    rng = np.random.default_rng(0)
    images = {str(size): rng.integers(0, 256, (size, size), dtype=np.uint8) for size in (6, 8)}
    stimuli = StimulusSet("sizes", pd.DataFrame(index=list(images)), images)
    to_tensor = transforms.ToTensor()
    with pytest.raises(ModelError, match=r"different shapes: \(1, 6, 6\), \(1, 8, 8\)"):
        as_model(Small(), preprocess=to_tensor, channels=1).latents(stimuli)
    with pytest.raises(ModelError, match="'conv' has 144 units for some images and 256 for others"):
        as_model(Small(), layer="conv", preprocess=to_tensor, channels=1, batch_size=1).latents(stimuli)


def test_fingerprint(stimuli):
    def make(**options):
        return as_model(Small(), channels=1, **options)

    different = [
        make(),
        make(layer="conv"),
        make(layer="conv", pool="mean"),
        make(layer=["conv", "head"]),
        make(mean=0.5),
        make(image_size=6),
        make(preprocess=transforms.ToTensor()),
        make(preprocess=transforms.Compose([transforms.Resize(6), transforms.ToTensor()])),
        make(preprocess=transforms.Compose([transforms.Resize(7), transforms.ToTensor()])),
    ]
    fingerprints = [model.fingerprint for model in different]
    assert None not in fingerprints
    assert len(set(fingerprints)) == len(different)
    assert make().fingerprint == fingerprints[0]
    assert make(batch_size=3).fingerprint == fingerprints[0]
    # Weights count as they are when they are asked for.
    with torch.no_grad():
        different[0].module.head.bias += 1e-3
    assert different[0].fingerprint not in fingerprints
    generator = torch.Generator()
    drawn = make(preprocess=lambda image: torch.rand(1, 8, 8, generator=generator), identifier="drawn")
    assert drawn.fingerprint is None
    assert make(preprocess=Image.Image.copy, fingerprint="mine").fingerprint == "mine"


def test_the_cache_notices_changed_weights(stimuli):
    model = as_model(Small(), channels=1)
    before = compute_latents(model, stimuli)
    with torch.no_grad():
        model.module.head.weight *= 2
        model.module.head.bias *= 2
    np.testing.assert_allclose(compute_latents(model, stimuli).values, 2 * before.values, rtol=1e-5)


def test_layer_shapes_of_a_model(stimuli):
    shapes = as_model(Small(3), image_size=6).layer_shapes(stimuli)
    assert shapes["conv"] == (4, 6, 6)


def test_golden_numbers(stimuli):
    class Fixed(nn.Module):
        def forward(self, x):
            weights = torch.linspace(-1, 1, 64, dtype=x.dtype)
            return torch.stack([(x.flatten(1) * weights).sum(1), torch.tanh(x).amax((1, 2, 3))], dim=1)

    latents = as_model(Fixed(), channels=1).latents(stimuli)
    np.testing.assert_allclose(latents.values[:2], GOLDEN, atol=1e-5)


GOLDEN = [[-1.6008093, 0.7599423], [-1.6245252, 0.7599423]]


def test_mistakes_are_explained(stimuli):
    with pytest.raises(UnknownNameError, match="no layer of Small is called 'con'; did you mean conv"):
        as_model(Small(), layer="con")
    with pytest.raises(UnknownNameError, match="there are conv, norm, relu, drop, recurrent, head, unused"):
        as_model(Small(), layer="zzzzzz")
    with pytest.raises(UnknownNameError, match=r"no option of the torch module Small .* image_size"):
        as_model(Small(), image_sze=3)
    with pytest.raises(ModelError, match="Small is a class; give an instance"):
        as_model(Small)
    with pytest.raises(UsageError, match="leave out image_size="):
        as_model(Small(), preprocess=transforms.ToTensor(), image_size=8)
    with pytest.raises(UsageError, match="layer= is empty"):
        as_model(Small(), layer=[])
    with pytest.raises(UsageError, match="pool must be none, mean, token or grid:N, got 'max'"):
        as_model(Small(), pool="max")
    with pytest.raises(UsageError, match="mean must be one number, or one for each of the 3 channels"):
        as_model(Small(3), mean=[0.5, 0.5])
    with pytest.raises(UsageError, match="std must be one number above 0"):
        as_model(Small(3), std=0)
    with pytest.raises(ModelError, match=r"Small-\w+: the network fails on a batch of shape \(23, 3, 8, 8\)"):
        as_model(Small()).latents(stimuli)
    with pytest.raises(ModelError, match="preprocess fails on the image of stimulus '0': KeyError"):
        as_model(Small(), preprocess=lambda image: {}["x"]).latents(stimuli)
    with pytest.raises(ModelError, match=r"of shape \(channels, height, width\), got \(8, 8\)"):
        as_model(Small(), preprocess=lambda image: np.asarray(image), channels=1).latents(stimuli)
    with pytest.raises(MissingImagesError):
        as_model(Small()).latents(StimulusSet("bare", stimuli.table))
    with pytest.raises(MissingImagesError):
        as_model(Small(), preprocess=transforms.ToTensor()).latents(StimulusSet("bare", stimuli.table))


def test_seeds_of_random_preprocessing_are_in_default_names():
    def name(size, **options):
        crop = transforms.Compose([transforms.RandomCrop(size), transforms.ToTensor()])
        return as_model(nn.Flatten(), preprocess=crop, **options).identifier

    assert len({name(16), name(18), name(16, seed=3), name(16, seed=4)}) == 4
    assert name(16, seed=3) == f"{name(16)}[seed=3]"
    assert name(16, seed=0) == name(16)
    # Without random numbers, the seed changes nothing.
    plain = transforms.ToTensor()
    names = {as_model(nn.Flatten(), preprocess=plain, seed=seed).identifier for seed in (0, 3)}
    assert len(names) == 1


def test_a_network_with_convolutions_needs_a_preprocessing():
    with pytest.warns(
        NeuroalignWarning, match="^Small has convolutions or patches and no preprocess, "
    ) as caught:
        as_model(Small(), layer="conv", channels=1)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_model(Small(), layer="conv", channels=1, mean=0.0, std=1.0)
        as_model(Small(), layer="conv", preprocess=transforms.ToTensor())
        as_model(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), layer="1")
