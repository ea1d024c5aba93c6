import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from timm.models.vgg import VGG
from torch.nn import functional as F

from neuroalign.cli import run
from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.model_zoo.adapters.weights import hash_file
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.model_zoo.vgg import weights as vgg_weights
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.models.model import ModelFamily

# A VGG-16 with all its layers, but few channels and classes.
CHANNELS = (4, 4, "M", 5, 5, "M", 6, 6, 6, "M", 7, 7, 7, "M", 8, 8, 8, "M")
N_CLASSES = 3
CONVOLUTIONS = vgg_weights.CONVOLUTIONS


@pytest.fixture
def small(monkeypatch):
    """Let the network be small; return its weights by their original names, without dots."""
    monkeypatch.setattr(vgg_weights, "N_CLASSES", N_CLASSES)
    monkeypatch.setattr(
        vgg_weights, "empty_network", lambda: VGG(CHANNELS, num_classes=N_CLASSES, mlp_ratio=0.005)
    )
    for kept in (vgg_weights.random_network, vgg_weights.read_network, hash_file):
        kept.cache_clear()
    yield original_weights(seed=1)
    for kept in (vgg_weights.random_network, vgg_weights.read_network):
        kept.cache_clear()


def original_weights(seed):
    rng = torch.Generator().manual_seed(seed)
    weights, before = {}, 3
    for name, channels in zip(CONVOLUTIONS, [channel for channel in CHANNELS if channel != "M"], strict=True):
        shape = (channels, before, 3, 3)
        weights[f"conv{name}.weight"] = torch.randn(shape, generator=rng) * np.sqrt(2 / (9 * before))
        weights[f"conv{name}.bias"] = torch.randn(channels, generator=rng) * 0.1
        before = channels
    for name, shape in (("fc6", (20, 8 * 49)), ("fc7", (4096, 20)), ("fc8", (N_CLASSES, 4096))):
        weights[f"{name}.weight"] = torch.randn(shape, generator=rng) * np.sqrt(2 / shape[1])
        weights[f"{name}.bias"] = torch.randn(shape[0], generator=rng) * 0.1
    return weights


def renamed(weights, style):
    """Return the weights with the names and shapes of another program."""
    if style == "original":
        return weights
    if style == "underscores":
        return {name.replace("conv", "conv_"): value for name, value in weights.items()}
    indices = dict(zip(CONVOLUTIONS, [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28], strict=True))
    heads = {
        "torchvision": {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"},
        "timm": {"fc6": "pre_logits.fc1", "fc7": "pre_logits.fc2", "fc8": "head.fc"},
    }[style]
    state = {}
    for name, value in weights.items():
        layer, kind = name.split(".")
        if style == "timm" and name == "fc6.weight":
            value = value.reshape(-1, 8, 7, 7)
        if style == "timm" and name == "fc7.weight":
            value = value[:, :, None, None]
        layer = heads.get(layer) or f"features.{indices[layer.removeprefix('conv')]}"
        state[f"{layer}.{kind}"] = value.contiguous()
    return state


def by_hand(weights, stimuli, *, order="bgr"):
    """Compute the latents step by step: preprocessing, convolutions, two hidden layers."""
    images = []
    for name in stimuli.ids:
        image = stimuli.open(name).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
        pixels = np.asarray(image, dtype=np.float64) - [129.1863, 104.7624, 93.5940]
        images.append(pixels[:, :, ::-1] if order == "bgr" else pixels)
    x = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32))
    for name in CONVOLUTIONS:
        x = F.relu(F.conv2d(x, weights[f"conv{name}.weight"], weights[f"conv{name}.bias"], padding=1))
        if name in ("1_2", "2_2", "3_3", "4_3", "5_3"):
            x = F.max_pool2d(x, 2)
    x = x.flatten(1)
    for name in ("fc6", "fc7"):
        x = F.relu(F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"]))
    return x.numpy()


def expect_close(latents, expected):
    np.testing.assert_allclose(latents.values, expected, atol=1e-4 * expected.max())


@pytest.fixture
def stimuli():
    """Two grey images and one in colour."""
    rng = np.random.default_rng(0)
    images = {str(index): rng.integers(0, 256, (30, 40), dtype=np.uint8) for index in range(2)}
    images["2"] = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8) // np.array([1, 2, 6], dtype=np.uint8)
    return StimulusSet("noise", pd.DataFrame(index=list(images)), images)


def save(weights, file):
    (save_file if file.suffix == ".safetensors" else torch.save)(weights, file)
    return file


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("style", ["timm", "torchvision", "underscores"])
def test_files_of_any_naming(small, stimuli, tmp_path, style, suffix):
    file = save(renamed(small, style), tmp_path / f"faces{suffix}")
    model = load_model("vgg_face", weights=str(file))
    assert model.identifier == f"vgg_face[weights=faces{suffix}#{sha256(file)[:8]}]"
    latents = model.latents(stimuli)
    assert latents.shape == (3, 4096)
    assert 0.2 < latents["informative"].values.mean() < 1
    expect_close(latents, by_hand(small, stimuli))
    np.testing.assert_array_equal(load_model(f"vgg_face[weights={file}]").latents(stimuli), latents)


def test_order_of_the_colours(small, stimuli, tmp_path):
    assert np.abs(by_hand(small, stimuli) - by_hand(small, stimuli, order="rgb")).max() > 1
    named = save(renamed(small, "original"), tmp_path / "vgg_face_dag.pth")
    with pytest.warns(NeuroalignWarning, match=r"vgg_face_dag\.pth is taken to expect red, green, blue"):
        model = load_model("vgg_face", weights=str(named))
    expect_close(model.latents(stimuli), by_hand(small, stimuli, order="rgb"))
    for order in ("rgb", "bgr"):
        model = load_model("vgg_face", weights=str(named), order=order)
        assert model.identifier == f"vgg_face[weights=vgg_face_dag.pth#{sha256(named)[:8]},order={order}]"
        expect_close(model.latents(stimuli), by_hand(small, stimuli, order=order))
    other = save(renamed(small, "timm"), tmp_path / "other.pth")
    model = load_model("vgg_face", weights=str(other), order="rgb")
    expect_close(model.latents(stimuli), by_hand(small, stimuli, order="rgb"))


def test_weights_in_half_precision_under_a_key(small, stimuli, tmp_path):
    halves = {name: value.half() for name, value in renamed(small, "torchvision").items()}
    file = save({"state_dict": halves, "epoch": 3}, tmp_path / "halves.pth")
    rounded = {name: value.half().float() for name, value in small.items()}
    expect_close(load_model("vgg_face", weights=str(file)).latents(stimuli), by_hand(rounded, stimuli))


def test_names_and_shapes_of_the_network_of_full_size():
    with torch.device("meta"):
        ours = timm.create_model("vgg16", num_classes=2622).state_dict()
        theirs = torchvision.models.vgg16(num_classes=2622).state_dict()
    shapes = {name: tuple(value.shape) for name, value in ours.items()}
    state = vgg_weights.name_as_timm(theirs, shapes)
    assert {name: tuple(value.shape) for name, value in state.items()} == shapes
    assert sum(value.numel() for value in ours.values()) == 145_002_878
    for convolution in ("conv", "conv_"):
        layers = [*(f"{convolution}{name}" for name in CONVOLUTIONS), "fc6", "fc7", "fc8"]
        original = {f"{layer}.{kind}": torch.zeros(1) for layer in layers for kind in ("weight", "bias")}
        assert set(vgg_weights.name_as_timm(original, {})) == set(ours)


def test_random_weights_are_named_and_follow_their_seed(small, stimuli):
    first, again, other = (load_model(f"vgg_face[weights=random,seed={seed}]") for seed in (0, 0, 1))
    assert load_model("vgg_face[weights=random]").identifier == "vgg_face[weights=random,seed=0]"
    assert other.identifier == "vgg_face[weights=random,seed=1]"
    assert first.latents(stimuli).values.tobytes() == again.latents(stimuli).values.tobytes()
    assert not np.allclose(first.latents(stimuli), other.latents(stimuli))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_fingerprints_follow_the_content_of_the_file(small, tmp_path):
    one = save(renamed(small, "timm"), tmp_path / "one.pth")
    copy = tmp_path / "copy.pth"
    copy.write_bytes(one.read_bytes())
    prints = [load_model("vgg_face", weights=str(file)).fingerprint for file in (one, copy)]
    assert prints[0] == prints[1]
    save(renamed(original_weights(seed=2), "timm"), one)
    prints += [
        load_model("vgg_face", weights=str(one)).fingerprint,
        load_model("vgg_face", weights=str(copy), order="rgb").fingerprint,
        load_model("vgg_face", weights=str(copy), layer="features.28").fingerprint,
        load_model("vgg_face", weights=str(copy), layer="features.28", pool="mean").fingerprint,
        load_model("vgg_face", weights="random").fingerprint,
    ]
    assert len(set(prints[1:])) == 6


def test_other_layers(small, stimuli):
    model = load_model("vgg_face[weights=random,layer=features.28,pool=mean]")
    assert model.identifier == "vgg_face[weights=random,seed=0,layer=features.28,pool=mean]"
    assert model.latents(stimuli).sizes["unit"] == 8
    shapes = model.layer_shapes(stimuli)
    assert shapes["features.0"] == (4, 224, 224)
    assert shapes[""] == (4096,)
    with pytest.raises(UnknownNameError, match=r"no layer of VGG is called 'features\.99'; did you mean"):
        load_model("vgg_face[weights=random,layer=features.99]")


def test_families_have_the_instances_of_the_paper(small):
    pca, raw = load_model("vgg_face_pca[weights=random]"), load_model("vgg_face_raw[weights=random]")
    assert pca.identifier == "vgg_face_pca[weights=random,weights_seed=0]"
    assert [options["n"] for options in pca.grid()] == list(range(10, 51))
    assert pca.instances()[3].identifier == "vgg_face_pca[n=13,weights=random,weights_seed=0]"
    sizes = sorted({options["n"] for options in raw.grid()})
    assert len(sizes) == 5
    assert 10 <= sizes[0] <= sizes[-1] <= 50
    assert raw.grid() == [{"n": n, "seed": seed} for n in sizes for seed in range(10)]
    first = raw.instances()[0].identifier
    assert first == f"vgg_face_raw[n={sizes[0]},seed=0,weights=random,weights_seed=0]"
    for family in (pca, raw):
        names = [instance.identifier for instance in family.instances()]
        assert len(set(names)) == len(names)
        assert [load_model(name).identifier for name in (names[0], names[-1])] == [names[0], names[-1]]
        assert len({instance.fingerprint for instance in family.instances()}) == len(names)


def test_reductions_are_of_the_last_hidden_layer(small, dataset):
    stimuli = dataset.stimuli.select(dataset.stimuli.ids[:30])
    hidden = load_model("vgg_face[weights=random,seed=4]").latents(stimuli)
    components = load_model("vgg_face_pca[n=5,weights=random,weights_seed=4]").latents(stimuli)
    # Fitted to training stimuli, as they were shown, although the set asks for mirrored ones.
    assert stimuli.mirror_training
    training = hidden.sel(stimulus=stimuli.training().ids).values
    centred = training - training.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:5]
    expected = (hidden.values - training.mean(axis=0)) @ axes.T
    signs = np.sign((expected * components.values).sum(axis=0))
    np.testing.assert_allclose(components.values, expected * signs, atol=1e-6 * np.abs(expected).max())
    units = load_model("vgg_face_raw[n=7,seed=2,weights=random,weights_seed=4]").latents(stimuli)
    assert units.sizes["unit"] == 7
    np.testing.assert_array_equal(units, hidden.sel(unit=units["unit"]))
    other = load_model("vgg_face_raw[n=7,seed=3,weights=random,weights_seed=4]").latents(stimuli)
    assert units["unit"].values.tolist() != other["unit"].values.tolist()


def test_the_network_runs_once_for_a_family(small, dataset, monkeypatch):
    runs = []
    forward = VGG.forward_features
    monkeypatch.setattr(VGG, "forward_features", lambda self, x: runs.append(len(x)) or forward(self, x))
    stimuli = dataset.stimuli.select(dataset.stimuli.ids[:20])
    for name in ("vgg_face_pca[weights=random]", "vgg_face_raw[weights=random]"):
        family = load_model(name)
        for options in family.grid()[:2]:
            latents = compute_latents(family.instance(**{**options, "n": 3}), stimuli)
            assert latents.sizes["unit"] == 3
    compute_latents(load_model("vgg_face[weights=random]"), stimuli)
    # One image twice, and two images, are there to examine the network with.
    assert sum(runs) == 20 + 1 + 1 + 2


@pytest.mark.slow
def test_command_line(small, dataset, tmp_path, capsys):
    folder = tmp_path / "toy"
    write_folder(dataset, folder)
    file = save(renamed(small, "torchvision"), tmp_path / "with, comma [1].pth")
    command = ["score", "vgg_face_raw[n=4]", str(folder), "-b", "alignment", "--json"]
    assert run([*command, "--weights", str(file)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == f"vgg_face_raw[n=4,seed=0,weights='with, comma [1].pth#{sha256(file)[:8]}']"
    assert run([*command, "--weights", "random"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == "vgg_face_raw[n=4,seed=0,weights=random,weights_seed=0]"
    assert run(command) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "neuroalign: vgg_face_raw needs weights, which are published at "
        "https://www.robots.ox.ac.uk/~vgg/software/vgg_face and not ours to ship: give a file of them as "
        "--weights FILE or vgg_face_raw[weights=FILE], or --weights random for an untrained network\n"
    )
    assert run(["score", "pca[n=3]", str(folder), "--weights", "random"]) == 2
    assert "no option of pca is called 'weights'" in capsys.readouterr().err
    assert run(["score", "vgg_face[weights=random]", str(folder), "--weights", "random"]) == 2
    assert "the option 'weights' of vgg_face is given twice" in capsys.readouterr().err
    assert run(["info", "vgg_face"]) == 0
    shown = capsys.readouterr().out
    assert "the 4,096 units of its last hidden layer" in shown
    assert "needs: vgg_face needs weights" in shown
    assert run(["info", "vgg_face_pca[weights=random]", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["instances"]) == 41


def test_files_that_do_not_serve(small, tmp_path):
    def refused(weights, message, **options):
        with pytest.raises(ModelError, match=message) as caught:
            load_model("vgg_face", weights=str(save(weights, tmp_path / "wrong.pth")), **options)
        assert "\n" not in str(caught.value)

    right = renamed(small, "torchvision")
    refused({"code": torch.nn.Linear(2, 2)}, "holds nothing but weights")
    refused({**right, "epoch": 3}, "wrong.pth holds more than weights: epoch")
    lacking = {name: value for name, value in right.items() if name != "features.5.bias"}
    refused(lacking, r"do not fit VGG-Face: it lacks features\.5\.bias$")
    refused({**right, "extra": torch.zeros(2)}, "it has too many extra; if the network does not need them")
    refused({**right, "features.0.bias": torch.zeros(5)}, r"of another shape are features\.0\.bias$")
    refused(
        {**right, "classifier.0.weight": torch.zeros(20, 7)}, r"another shape are pre_logits\.fc1\.weight$"
    )
    many = {"classifier.6.weight": torch.zeros(1000, 4096), "classifier.6.bias": torch.zeros(1000)}
    refused(
        {**right, **many}, r"wrong\.pth tells 1000 classes apart, .* use timm:vgg16\[weights=.*wrong\.pth\]"
    )
    few = {"classifier.6.weight": torch.zeros(9, 4096), "classifier.6.bias": torch.zeros(9)}
    refused({**right, **few}, "tells 9 classes apart, and VGG-Face 3$")
    (tmp_path / "VGG_FACE.t7").write_bytes(b"\x04\x00\x00\x00lua")
    with pytest.raises(ModelError, match=r"cannot read weights from .*VGG_FACE\.t7 .* expected safetensors"):
        load_model("vgg_face", weights=str(tmp_path / "VGG_FACE.t7"))
    with pytest.raises(UsageError, match=r"the file .*absent\.pth does not exist"):
        load_model("vgg_face", weights=str(tmp_path / "absent.pth"))


def test_other_mistakes_are_explained(small):
    for name in ("vgg_face", "vgg_face_pca", "vgg_face_raw", "vgg_face_pca[n=3]"):
        with pytest.raises(
            UsageError, match=r"needs weights, which are published at https://www\.robots\.ox"
        ):
            load_model(name)
    with pytest.raises(UsageError, match="order must be bgr or rgb, got 'gbr'"):
        load_model("vgg_face[weights=random,order=gbr]")
    with pytest.raises(UsageError, match="seed must be a whole number of at least 0, got -1"):
        load_model("vgg_face[weights=random,seed=-1]")
    with pytest.raises(UsageError, match="vgg_face_pca: n must be a whole number of at least 1, got 0"):
        load_model("vgg_face_pca[weights=random,n=0]")
    with pytest.raises(UsageError, match="vgg_face_raw: n must be a whole number of at least 1, got None"):
        load_model("vgg_face_raw[weights=random,seed=0]")
    with pytest.raises(UsageError, match="it takes n, weights, weights_seed, order"):
        load_model("vgg_face_pca[weights=random,seed=1]")
    with pytest.raises(UsageError, match="seed= is for weights=random only"):
        load_model("vgg_face[weights=some.pth,seed=1]")
    family = load_model("vgg_face_pca[weights=random]")
    assert isinstance(family, ModelFamily)
    with pytest.raises(UnknownNameError, match="no option of vgg_face_pca is called 'm'"):
        family.instance(m=3)


def test_models_without_weights_refuse_the_option(dataset):
    with pytest.raises(UsageError, match="an object that is a model already takes no options; got weights"):
        load_model(NeuronModel(dataset, "neurons:single"), weights="random")


@pytest.mark.slow
def test_golden_numbers():
    rng = np.random.default_rng(0)
    stimuli = StimulusSet.from_arrays(rng.integers(0, 256, (2, 8, 8), dtype=np.uint8))
    latents = load_model("vgg_face[weights=random]").latents(stimuli)
    assert latents.shape == (2, 4096)
    np.testing.assert_allclose(latents.values[0, :12], GOLDEN, rtol=1e-3, atol=1e-3)


GOLDEN = [0, 3.57226, 0, 0, 2.96321, 0, 0, 0.454054, 4.56763, 0, 6.52194, 0]


def test_golden_numbers_of_a_small_network_and_its_reductions(small):
    rng = np.random.default_rng(0)
    stimuli = StimulusSet.from_arrays(rng.integers(0, 256, (12, 8, 8), dtype=np.uint8))
    for name, (units, values) in GOLDEN_SMALL.items():
        latents = load_model(name).latents(stimuli)
        shown = latents[0, latents.values[0] != 0][:4]
        assert shown["unit"].values.tolist() == units
        # Single precision, summed in another order by other kernels.
        np.testing.assert_allclose(shown.values, values, rtol=1e-4)


GOLDEN_SMALL = {
    "vgg_face[weights=random]": (["0", "3", "4", "5"], [24.5061, 15.98187, 16.31408, 29.46346]),
    "vgg_face_pca[n=3,weights=random]": (["0", "1", "2"], [154.0589, -187.6661, -55.21407]),
    "vgg_face_raw[n=20,seed=1,weights=random]": (
        ["574", "911", "914", "1335"],
        [3.505484, 23.90826, 14.09822, 12.70984],
    ),
}
