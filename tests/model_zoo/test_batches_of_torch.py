"""Tests of batches of images in torch modules: axis of the images, random numbers, independence of images."""

import random
import re

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import transforms

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning, UsageError
from neuroalign.model_zoo.adapters.extraction import extract, list_layers
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.latents_file import latents_folder
from neuroalign.models.loading import as_model, load_model


@pytest.fixture
def stimuli():
    pixels = np.random.default_rng(0).integers(0, 256, (37, 32, 32, 3), dtype=np.uint8)
    return StimulusSet.from_arrays(pixels)


class Tokens(nn.Module):
    """Transformer, attention, recurrent layers and position embeddings over 16 patches, tokens first."""

    def __init__(self, batch_first=False):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 6, 8, 8)
        self.positions = nn.Embedding(16, 6)
        self.block = nn.TransformerEncoderLayer(6, 2, 12, batch_first=batch_first)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=batch_first)
        self.recurrent = nn.LSTM(6, 3, batch_first=batch_first)
        self.gates = nn.GRU(6, 3, batch_first=batch_first)
        self.windows = nn.Identity()
        self.similarity = nn.Identity()
        self.batch_first = batch_first

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.positions(torch.arange(16))
        self.windows(tokens.reshape(-1, 4, 6))
        self.similarity(tokens.flatten(1) @ tokens.flatten(1).T)
        if not self.batch_first:
            tokens = tokens.transpose(0, 1)
        tokens = self.block(tokens)
        self.attention(tokens, tokens, tokens)
        self.recurrent(tokens)
        self.gates(tokens)
        return tokens.mean(1 if self.batch_first else 0)


@pytest.mark.parametrize("batch_size", [64, 16, 5])
@pytest.mark.parametrize(
    ("layer", "axis"), [("block", 1), ("attention#0", 1), ("recurrent#0", 1), ("gates#1", 1)]
)
def test_the_axis_of_the_images_is_found(stimuli, layer, axis, batch_size):
    # With a batch size of 16 there are as many images as tokens.
    options = {"image_size": 32, "identifier": "x", "batch_size": batch_size}
    with pytest.warns(NeuroalignWarning, match=f"axis {axis} of the layer '{layer}', which has shape"):
        latents = as_model(Tokens(), layer=layer, **options).latents(stimuli)
    asked = as_model(Tokens(), layer=layer, batch_axis=axis, **options).latents(stimuli)
    np.testing.assert_array_equal(latents.values, asked.values)
    if layer == "gates#1":
        first_axis = as_model(Tokens(batch_first=True), layer=layer, batch_axis=1, **options)
    else:
        first_axis = as_model(Tokens(batch_first=True), layer=layer, **options)
    np.testing.assert_allclose(latents.values, first_axis.latents(stimuli).values, atol=1e-5)
    assert len(np.unique(latents.values, axis=0)) == len(stimuli)


def test_each_row_is_its_own_image(stimuli):
    with pytest.warns(NeuroalignWarning, match="holds the images"):
        latents = compute_latents(
            as_model(Tokens(), layer="block", pool="mean", image_size=32, batch_size=16), stimuli
        )
    module = Tokens().eval()
    images = torch.from_numpy(stimuli.pixels(32, channels=3)).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = torch.stack([module(image[None])[0] for image in images])
    np.testing.assert_allclose(latents.values, expected, atol=1e-5)


def test_layers_without_one_axis_of_images_are_refused(stimuli):
    def latents(layer, **options):
        as_model(Tokens(), layer=layer, image_size=32, identifier="x", **options).latents(stimuli)

    with pytest.raises(
        ModelError,
        match=r"^x: the layer 'positions' puts out shape \(16, 6\) for 1 image and \(16, 6\) for 2 images: no axis "
        "has one entry for each image",
    ):
        latents("positions")
    with pytest.raises(ModelError, match=r"'windows' puts out shape \(4, 4, 6\) for 1 image and \(8, 4, 6\)"):
        latents("windows")
    with pytest.raises(
        ModelError,
        match=r"'similarity' .*: axes 0 and 1 have one entry for each image; say .* batch_axis=0 or batch_axis=1$",
    ):
        latents("similarity")
    with pytest.raises(ModelError, match=r"'block' .* so batch_axis=0 has not one entry for each image"):
        latents("block", batch_axis=0)
    with pytest.raises(UsageError, match="batch_axis must be the number of an axis from 0 up, got -1"):
        latents("block", batch_axis=-1)
    with pytest.raises(UsageError, match=r"batch_axis= names 'head', which is not among the layers"):
        latents("block", batch_axis={"head": 1})


def test_an_axis_for_each_of_several_layers(stimuli):
    both = as_model(
        Tokens(), layer=["block", "patches"], batch_axis={"block": 1}, image_size=32, pool="mean"
    ).latents(stimuli)
    alone = as_model(Tokens(), layer="patches", image_size=32, pool="mean").latents(stimuli)
    np.testing.assert_allclose(both.values[:, 6:], alone.values, atol=1e-6)


def test_extract_and_list_layers_put_images_first():
    batch = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with pytest.warns(NeuroalignWarning, match="axis 1"):
        (outputs,) = extract(Tokens(), [batch], ["block"])
    assert outputs["block"].shape == (5, 16, 6)
    shapes = list_layers(Tokens(), batch)
    assert shapes["block"] == (16, 6)
    assert shapes["gates#1"] == (1, 3)
    assert not {"positions", "windows", "similarity"} & shapes.keys()


class Fixed(nn.Module):
    """Takes batches of 37 images only."""

    def forward(self, x):
        return x.reshape(37, -1)[:, :4]


def test_a_network_for_one_number_of_images(stimuli):
    with pytest.raises(
        ModelError, match=r"runs on a batch of 37 images, but not on one of 1, 2 or 3, .* batch_axis="
    ):
        as_model(Fixed(), image_size=8).latents(stimuli)
    with pytest.warns(NeuroalignWarning, match="nothing could check that each image is treated alone"):
        latents = as_model(Fixed(), image_size=8, batch_axis=0).latents(stimuli)
    assert latents.shape == (37, 4)


def test_batch_axis_is_an_option_of_names(stimuli):
    spec = "timm:test_vit@blocks.0[weights=random,batch_axis={}]"
    assert load_model(spec.format(0)).latents(stimuli.select(stimuli.ids[:3])).sizes["stimulus"] == 3
    with pytest.raises(ModelError, match="so batch_axis=1 has not one entry for each image"):
        load_model(spec.format(1)).latents(stimuli)


def normalising(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4, **options), nn.ReLU(), nn.Flatten())


def test_batch_normalisation_without_running_statistics_is_refused(stimuli):
    module = normalising(track_running_stats=False)
    with pytest.raises(
        ModelError,
        match=re.escape(
            "x: the values of the module's output for an image depend on the other images of its batch; the layer '1' "
            "(BatchNorm2d) has no running statistics and normalises by the batch: train it with "
            "track_running_stats=True, or give batch_size=1, which runs each image alone"
        ),
    ):
        as_model(module, image_size=16, identifier="x").latents(stimuli)
    # The layer before it is fine, and so is each image alone.
    as_model(module, layer="0", image_size=16).latents(stimuli)
    alone = as_model(module, image_size=16, batch_size=1).latents(stimuli)
    last = stimuli.select(stimuli.ids[-1:])
    np.testing.assert_allclose(
        as_model(module, image_size=16, batch_size=1).latents(last).values[0], alone.values[-1], atol=1e-6
    )
    # Train mode is not, for the network runs in evaluation mode.
    as_model(normalising().train(), image_size=16).latents(stimuli)


class Centred(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return x - x.mean(0, keepdim=True) if len(x) >= self.n else x


@pytest.mark.parametrize("n", [2, 30])
def test_any_layer_that_depends_on_the_batch_is_refused(stimuli, n):
    module = nn.Sequential(nn.Flatten(), Centred(n))
    with pytest.raises(
        ModelError, match=r"the layer '1' \(Centred\) is the first to depend on them: change it"
    ):
        as_model(module, image_size=8).latents(stimuli)


def test_functions_and_transformers_that_depend_on_the_batch_are_refused(stimuli):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def centred(pixels):
        return pixels.reshape(len(pixels), -1) - pixels.mean()

    message = r"centred\S* gives an image other latents in a batch of 37 than alone, .* or give batch_size=1"
    with pytest.raises(ModelError, match=message):
        as_model(centred, image_size=8).latents(stimuli)
    pipeline = make_pipeline(FunctionTransformer(centred)).fit(stimuli.pixels(8).reshape(37, -1))
    with pytest.raises(ModelError, match=message):
        as_model(pipeline, identifier="centred", image_size=8).latents(stimuli)
    as_model(centred, image_size=8, batch_size=1).latents(stimuli)


def files():
    return list(latents_folder().glob("*")) if latents_folder().is_dir() else []


def flat():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 2))


@pytest.mark.parametrize(
    "transform",
    [
        transforms.RandomResizedCrop(24),
        transforms.Compose([transforms.Resize(24), transforms.RandomGrayscale(0.02)]),
        lambda image: image.resize((24, 24)).rotate(random.random() * 90),
        lambda image: image.resize((24, 24)).rotate(np.random.rand() * 90),  # noqa: NPY002
    ],
)
def test_random_preprocessing_is_seeded_by_stimulus_and_not_cached(stimuli, transform):
    model = as_model(
        flat(), preprocess=transforms.Compose([transform, transforms.ToTensor()]), identifier="x"
    )
    assert model.fingerprint is None
    message = (
        "x: the preprocessing draws random numbers; each stimulus gets its own, from seed=0, and latents are"
    )
    with pytest.warns(NeuroalignWarning, match=message):
        first = compute_latents(model, stimuli)
    assert files() == []
    model.batch_size = 5
    shuffled = stimuli.select(np.random.default_rng(0).permutation(stimuli.ids))
    with pytest.warns(NeuroalignWarning, match=message):
        again = compute_latents(model, shuffled)
    np.testing.assert_allclose(again.sel(stimulus=first["stimulus"]).values, first.values, atol=1e-5)


def test_the_seed_of_random_preprocessing(stimuli):
    crop = transforms.Compose([transforms.RandomCrop(24), transforms.ToTensor()])
    latents = []
    for seed in (0, 1):
        with pytest.warns(NeuroalignWarning, match=f"from seed={seed}"):
            latents.append(as_model(flat(), preprocess=crop, seed=seed).latents(stimuli))
    one, other = latents
    assert np.abs(one.values - other.values).max() > 0.01


def test_preprocessing_with_a_generator_of_its_own(stimuli):
    generator = np.random.default_rng(0)
    model = as_model(
        flat(),
        preprocess=lambda image: torch.from_numpy(generator.random((3, 24, 24), dtype=np.float32)),
        identifier="x",
        fingerprint="mine",
    )
    with pytest.warns(NeuroalignWarning, match="no seed reaches them, so latents differ from run to run"):
        compute_latents(model, stimuli)
    assert model.fingerprint is None
    assert files() == []


class Noisy(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x.flatten(1), 0.5, training=True)


def test_noise_in_a_network_is_seeded_by_stimulus_and_not_cached(stimuli):
    model = as_model(Noisy(), image_size=8, identifier="x", fingerprint="noisy")
    with pytest.warns(
        NeuroalignWarning, match="x: the network draws random numbers; each stimulus gets its own"
    ):
        first = compute_latents(model, stimuli)
    assert model.fingerprint is None
    assert files() == []
    with pytest.warns(NeuroalignWarning, match="the network draws"):
        last = compute_latents(model, stimuli.select(stimuli.ids[-1:]))
    np.testing.assert_array_equal(last.values[0], first.values[-1])


def test_noise_in_functions_and_transformers_is_not_cached(stimuli):
    from sklearn.preprocessing import FunctionTransformer

    def noisy(pixels):
        return pixels.reshape(len(pixels), -1) + np.random.rand(len(pixels), 1)  # noqa: NPY002

    models = [
        as_model(noisy, identifier="noisy", image_size=8, fingerprint="noisy"),
        as_model(FunctionTransformer(noisy).fit(np.zeros((2, 64))), identifier="noisy", image_size=8),
    ]
    for model in models:
        with pytest.warns(
            NeuroalignWarning, match="noisy draws random numbers: one image has other latents in"
        ):
            compute_latents(model, stimuli)
        assert model.fingerprint is None
        assert files() == []


def test_wrapped_models_of_random_models_are_not_cached(stimuli):
    from neuroalign.model_zoo.reducers import subsample

    model = subsample(3)(as_model(Noisy(), image_size=8, identifier="x"))
    with pytest.warns(NeuroalignWarning, match="the network draws"):
        compute_latents(model, stimuli)
    assert files() == []


def test_modules_that_cannot_be_examined_are_refused_in_a_line(stimuli):
    scripted = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)))
    assert as_model(scripted, image_size=8, identifier="x").latents(stimuli).shape == (37, 2)
    with pytest.raises(
        ModelError, match=r"the layer '1' cannot be captured .* give the module that was compiled"
    ):
        as_model(scripted, layer="1", image_size=8, identifier="x").latents(stimuli)
    batch_dependent = torch.jit.script(nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)))
    with pytest.raises(
        ModelError, match="depend on the other images of its batch; change the network, or give"
    ):
        as_model(batch_dependent, image_size=8, identifier="x").latents(stimuli)
    with pytest.raises(ModelError, match="the weights of Linear are on the meta device; load their values"):
        as_model(nn.Linear(2, 2, device="meta"), identifier="x").latents(stimuli)


def test_compiled_and_exported_modules_have_the_latents_of_the_module(stimuli):
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.ReLU(), nn.Linear(4, 2)).eval()

    def latents(module, **options):
        return as_model(module, image_size=8, identifier="x", **options).latents(stimuli)

    output, inside = latents(module).values, latents(module, layer="2").values
    compiled = torch.compile(module, backend="eager")
    with torch.no_grad():
        compiled(torch.rand(2, 3, 8, 8))
    for layer in ("2", "_orig_mod.2", ["_orig_mod.2"]):
        np.testing.assert_array_equal(latents(compiled, layer=layer).values, inside)
    images, any_number = torch.rand(3, 3, 8, 8), ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(module, (images,), dynamic_shapes=any_number)
    np.testing.assert_allclose(latents(exported).values, output, atol=1e-6)
    np.testing.assert_allclose(latents(exported.module()).values, output, atol=1e-6)
    alone = torch.export.export(module, (images[:1],))
    with pytest.warns(NeuroalignWarning, match="nothing could check that each image is treated alone"):
        np.testing.assert_allclose(latents(alone).values, output, atol=1e-6)
    with pytest.raises(ModelError) as caught:
        latents(torch.export.export(module, (images,)))
    assert str(caught.value) == (
        "the exported module takes batches of 3 images alone; export it with any number of images: "
        "torch.export.export(module, (images,), dynamic_shapes=({0: torch.export.Dim('batch')},))"
    )


def test_a_parallel_module_is_the_network_inside_it(stimuli):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU())
    plain = as_model(network, layer="1", image_size=8)
    for layer in ("1", "module.1"):
        parallel = as_model(nn.DataParallel(network), layer=layer, image_size=8)
        assert parallel.identifier == plain.identifier
        assert parallel.latents(stimuli).values.tobytes() == plain.latents(stimuli).values.tobytes()
