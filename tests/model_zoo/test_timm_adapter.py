import hashlib
import json
import time

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UnknownNameError, UsageError
from neuroalign.models.loading import load_model


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((6, 40, 30)))


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No network, and nothing downloaded before."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def by_hand(network, stimuli, forward):
    """Compute latents with timm alone: a network, and a function of the network and the images."""
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    images = torch.stack([transform(stimuli.open(name).convert("RGB")) for name in stimuli.ids])
    network.eval()
    with torch.no_grad():
        return forward(network, images).numpy()


def random_network(name, seed):
    torch.manual_seed(seed)
    return timm.create_model(name, pretrained=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_stages_are_timms_own(name, stimuli):
    stages = {
        "forward_features": lambda network, x: network.forward_features(x).flatten(1),
        "pre_logits": lambda network, x: network.forward_head(network.forward_features(x), pre_logits=True),
        "logits": lambda network, x: network(x),
    }
    for stage, forward in stages.items():
        latents = load_model(f"timm:{name}@{stage}[weights=random,seed=3]").latents(stimuli)
        np.testing.assert_allclose(
            latents.values, by_hand(random_network(name, 3), stimuli, forward), atol=1e-5, rtol=1e-4
        )
        np.testing.assert_array_equal(latents["stimulus"], stimuli.ids)


def test_identifiers_name_layer_and_weights():
    for spec, expected in {
        "timm:test_resnet[weights=random]": "timm:test_resnet@pre_logits[weights=random,seed=0]",
        "timm:test_resnet@layer3[weights=random,seed=2]": "timm:test_resnet@layer3[weights=random,seed=2]",
        "timm:test_vit@blocks.0:blocks.1[weights=random,pool=mean]": (
            "timm:test_vit@blocks.0:blocks.1[weights=random,seed=0,pool=mean]"
        ),
    }.items():
        assert load_model(spec).identifier == expected
        assert load_model(expected).identifier == expected


def test_any_module_and_several_in_one_pass(stimuli):
    latents = load_model("timm:test_resnet@layer3:pre_logits[weights=random,pool=mean]").latents(stimuli)
    network = random_network("test_resnet", 0)
    layer = by_hand(
        network,
        stimuli,
        lambda net, x: net.layer3(net.layer2(net.layer1(net.maxpool(net.act1(net.bn1(net.conv1(x))))))),
    )
    values = latents.values[:, : layer.shape[1]]
    np.testing.assert_allclose(values, layer.mean((2, 3)), atol=1e-5)
    assert latents["unit"].values[[0, -1]].tolist() == ["layer3.0", "pre_logits.95"]


def test_prefix_tokens(stimuli):
    tokens = by_hand(random_network("test_vit", 0), stimuli, lambda net, x: net.forward_features(x))
    assert tokens.shape == (6, 101, 64)
    mean = load_model("timm:test_vit@forward_features[weights=random,pool=mean]").latents(stimuli)
    token = load_model("timm:test_vit@forward_features[weights=random,pool=token]").latents(stimuli)
    everything = load_model("timm:test_vit@forward_features[weights=random]").latents(stimuli)
    np.testing.assert_allclose(mean.values, tokens[:, 1:].mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(token.values, tokens[:, 0], atol=1e-5)
    assert everything.sizes["unit"] == 101 * 64
    with pytest.raises(UsageError, match="test_resnet has no class token; use pool=mean"):
        load_model("timm:test_resnet[weights=random,pool=token]")
    with pytest.raises(ModelError, match="class token among them, got"):
        load_model("timm:test_vit@patch_embed[weights=random,pool=token]").latents(stimuli)


def test_mean_of_patches_wherever_the_channels_are(stimuli):
    # Patches before the class token joins them, channels last; then a network with channels last.
    patches = by_hand(random_network("test_vit", 0), stimuli, lambda net, x: net.patch_embed(x))
    latents = load_model("timm:test_vit@patch_embed[weights=random,pool=mean]").latents(stimuli)
    np.testing.assert_allclose(latents.values, patches.reshape(6, -1, 64).mean(axis=1), atol=1e-5)
    maps = by_hand(random_network("test_mambaout", 0), stimuli, lambda net, x: net.forward_features(x))
    latents = load_model("timm:test_mambaout@forward_features[weights=random,pool=mean]").latents(stimuli)
    np.testing.assert_allclose(latents.values, maps.mean(axis=(1, 2)), atol=1e-5)
    first = torch.rand(2, 3, 5, 5)
    for layout, name in ((first, "test_mambaout"), (first.permute(0, 2, 3, 1), "test_resnet")):
        pool = load_model(f"timm:{name}[weights=random,pool=mean]").pool
        torch.testing.assert_close(pool(layout), first.mean((2, 3)))


def test_random_weights_follow_the_seed_and_leave_the_generator(stimuli):
    state = torch.get_rng_state()
    first, again, other = (load_model(f"timm:test_resnet[weights=random,seed={seed}]") for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.latents(stimuli).values.tobytes() == again.latents(stimuli).values.tobytes()
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, None}) == 3
    layer = load_model("timm:test_resnet@layer1[weights=random,seed=1]")
    pooled = load_model("timm:test_resnet@layer1[weights=random,seed=1,pool=mean]")
    assert len({first.fingerprint, layer.fingerprint, pooled.fingerprint}) == 3


def test_golden_numbers(stimuli):
    latents = load_model("timm:test_resnet[weights=random]").latents(stimuli)
    np.testing.assert_allclose(latents.values[0, :4], GOLDEN, atol=1e-4)


GOLDEN = [0.0, 0.0, 0.0801191, 0.1685500]


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_checkpoint_files(tmp_path, stimuli, suffix):
    torch.manual_seed(5)
    network = timm.create_model("test_vit", num_classes=7)
    file = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": network.state_dict(), "epoch": 3}, file)
    else:
        save_file(network.state_dict(), file)
    model = load_model(f"timm:test_vit@logits[weights={file}]")
    named = f"{file}#{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}"
    assert model.identifier == f"timm:test_vit@logits[weights={named}]"
    assert load_model(model.identifier).identifier == model.identifier
    with pytest.raises(ModelError, match=r"has the digest [0-9a-f]{8}, not 00000000; give the file"):
        load_model(f"timm:test_vit@logits[weights={file}#00000000]")
    np.testing.assert_allclose(
        model.latents(stimuli).values, by_hand(network, stimuli, lambda net, x: net(x)), atol=1e-5
    )


def test_checkpoint_files_that_do_not_serve(tmp_path):
    with pytest.raises(
        UsageError,
        match="weights must be random, a checkpoint file, or for some networks pretrained; the file",
    ):
        load_model("timm:test_vit[weights=randon]")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"cannot read weights from .*damaged"):
        load_model(f"timm:test_vit[weights={damaged}]")
    code = tmp_path / "code.pth"
    torch.save({"state_dict": {}, "model": torch.nn.Linear(2, 2)}, code)
    with pytest.raises(ModelError, match="holds nothing but weights"):
        load_model(f"timm:test_vit[weights={code}]")
    state = timm.create_model("test_vit").state_dict()
    del state["cls_token"]
    state["more"] = torch.zeros(2)
    state["norm.weight"] = torch.zeros(3)
    other = tmp_path / "other.safetensors"
    save_file(state, other)
    expected = "it lacks cls_token; it has too many more; of another shape are norm.weight"
    with pytest.raises(ModelError, match=expected.replace(".", r"\.")):
        load_model(f"timm:test_vit[weights={other}]")


def test_local_folder(tmp_path, stimuli):
    torch.manual_seed(6)
    network = timm.create_model("test_resnet", num_classes=3)
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    config = {"architecture": "test_resnet", "num_classes": 3, "pretrained_cfg": {"input_size": [3, 64, 64]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = load_model(f"timm:local-dir:{tmp_path}@logits")
    assert model.identifier == f"timm:local-dir:{tmp_path}@logits"
    assert model.fingerprint is not None
    assert model.layer_shapes(stimuli)["layer1"][1:] == (16, 16)
    assert model.latents(stimuli).sizes["unit"] == 3


def test_without_a_network_it_fails_at_once(nowhere, monkeypatch):
    from huggingface_hub import constants

    start = time.perf_counter()
    for spec in ("timm:test_resnet.r160_in1k", "timm:hf-hub:timm/test_resnet.r160_in1k"):
        with pytest.raises(
            ModelError, match=r"not on this machine, and http://127\.0\.0\.1:9 cannot be reached"
        ):
            load_model(spec)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set; use timm:test_resnet") as caught:
        load_model("timm:test_resnet")
    assert "weights=random" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - start < 2


def test_weights_that_were_downloaded_before_need_no_network(nowhere, tmp_path, stimuli):
    torch.manual_seed(7)
    network = timm.create_model("test_resnet")
    snapshot = tmp_path / "hub" / "models--timm--test_resnet.r160_in1k" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    save_file(network.state_dict(), snapshot / "model.safetensors")
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    model = load_model("timm:test_resnet.r160_in1k@logits")
    assert model.identifier == "timm:test_resnet.r160_in1k@logits"
    np.testing.assert_allclose(
        model.latents(stimuli).values, by_hand(network, stimuli, lambda net, x: net(x)), atol=1e-5
    )


def test_other_mistakes_are_explained():
    with pytest.raises(UnknownNameError, match="no timm network is called 'resnet81'; did you mean"):
        load_model("timm:resnet81[weights=random]")
    with pytest.raises(
        UnknownNameError, match=r"'test_resnet\.r160'; did you mean test_resnet\.r160_in1k or"
    ):
        load_model("timm:test_resnet.r160[weights=random]")
    with pytest.raises(UnknownNameError, match="no layer of ResNet is called 'layer31'; did you mean layer3"):
        load_model("timm:test_resnet@layer31[weights=random]")
    with pytest.raises(UsageError, match="it takes weights, weights_key"):
        load_model("timm:test_resnet[weight=random]")
    with pytest.raises(
        ModelError, match="timm has no pretrained weights of test_maxvit; use timm:test_maxvit"
    ):
        load_model("timm:test_maxvit")
    with pytest.raises(UsageError, match="pool must be none, mean, token or grid:N, got 'max'"):
        load_model("timm:test_resnet[weights=random,pool=max]")
    with pytest.raises(UsageError, match="seed= is for weights=random only"):
        load_model("timm:test_resnet[seed=1]")


def test_reducers_on_top(stimuli):
    model = load_model("timm:test_resnet@layer3[weights=random,seed=0]+pca[n=3]")
    assert model.identifier == "timm:test_resnet@layer3[weights=random,seed=0]+pca[n=3]"
    assert model.latents(stimuli).shape == (6, 3)
    assert model.fingerprint is not None


def test_layer_shapes(stimuli):
    shapes = load_model("timm:test_resnet[weights=random]").layer_shapes(stimuli)
    assert shapes["forward_features"] == (96, 5, 5)
    assert shapes["pre_logits"] == (96,)
    assert shapes["logits"] == shapes["fc"] == (1000,)
    assert "layer3.0.conv1" in shapes
