import hashlib
import os
import time

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UnknownNameError, UsageError
from neuroalign.models.loading import load_model

TRANSFORMS = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1.transforms()


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((3, 40, 30)))


def random_network(seed):
    torch.manual_seed(seed)
    return torchvision.models.squeezenet1_1(weights=None)


def by_hand(forward, stimuli):
    images = torch.stack([TRANSFORMS(stimuli.open(name).convert("RGB")) for name in stimuli.ids])
    with torch.no_grad():
        return forward(images).flatten(1).numpy()


def test_output_and_layers_are_torchvisions_own(stimuli):
    network = random_network(3).eval()
    output = load_model("torchvision:squeezenet1_1[weights=random,seed=3]")
    assert output.identifier == "torchvision:squeezenet1_1[weights=random,seed=3]"
    np.testing.assert_allclose(output.latents(stimuli).values, by_hand(network, stimuli), atol=1e-5)
    layer = load_model("torchvision:squeezenet1_1@features.3[weights=random,seed=3]")
    assert layer.identifier == "torchvision:squeezenet1_1@features.3[weights=random,seed=3]"
    np.testing.assert_allclose(
        layer.latents(stimuli).values, by_hand(network.features[:4], stimuli), atol=1e-5
    )
    assert layer.layer_shapes(stimuli)["features.3"] == (128, 55, 55)


def test_random_weights_follow_the_seed_and_leave_the_generator(stimuli):
    state = torch.get_rng_state()
    first, again, other = (
        load_model(f"torchvision:squeezenet1_1[weights=random,seed={seed}]") for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, None}) == 3
    assert first.latents(stimuli).values.tobytes() == again.latents(stimuli).values.tobytes()


def test_no_part_of_a_network_is_downloaded_for_random_weights():
    model = load_model("torchvision:lraspp_mobilenet_v3_large@backbone[weights=random,pool=mean]")
    assert (
        model.identifier == "torchvision:lraspp_mobilenet_v3_large@backbone[weights=random,seed=0,pool=mean]"
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_checkpoint_files(tmp_path, stimuli, suffix):
    network = random_network(5)
    file = tmp_path / f"mine{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(network.state_dict(), file)
    model = load_model(f"torchvision:squeezenet1_1[weights={file}]")
    named = f"{file}#{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}"
    assert model.identifier == f"torchvision:squeezenet1_1[weights={named}]"
    assert load_model(model.identifier).identifier == model.identifier
    with pytest.raises(ModelError, match=r"has the digest [0-9a-f]{8}, not 00000000; give the file"):
        load_model(f"torchvision:squeezenet1_1[weights={file}#00000000]")
    np.testing.assert_allclose(model.latents(stimuli).values, by_hand(network.eval(), stimuli), atol=1e-5)


def test_weights_that_were_downloaded_before_need_no_network(tmp_path, stimuli, monkeypatch):
    network = random_network(6)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    name = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    torch.save(network.state_dict(), folder / name)
    expected = by_hand(network.eval(), stimuli)
    for spec in ("torchvision:squeezenet1_1", "torchvision:squeezenet1_1[weights=IMAGENET1K_V1]"):
        model = load_model(spec)
        assert model.identifier == spec
        np.testing.assert_allclose(model.latents(stimuli).values, expected, atol=1e-5)
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    torch.save({"code": torch.nn.Linear(1, 1)}, folder / name)
    with pytest.raises(ModelError, match=r"cannot load the pretrained weights of squeezenet1_1 \(Unpickl"):
        load_model("torchvision:squeezenet1_1")


def test_without_a_network_it_fails_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "neuroalign.model_zoo.adapters.torchvision.expect_reachable",
        lambda name, address, advice: expect_reachable(name, "http://127.0.0.1:9", advice),
    )
    from neuroalign.model_zoo.adapters.weights import expect_reachable

    start = time.perf_counter()
    with pytest.raises(ModelError, match=r"not on this machine, and http://127\.0\.0\.1:9 cannot") as caught:
        load_model("torchvision:squeezenet1_1")
    assert "use torchvision:squeezenet1_1[weights=random], or [weights=FILE]" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - start < 2


def test_mistakes_are_explained(tmp_path):
    with pytest.raises(UnknownNameError, match="no torchvision network is called 'resnet81'; did you mean"):
        load_model("torchvision:resnet81[weights=random]")
    with pytest.raises(UnknownNameError, match=r"no layer of SqueezeNet is called 'features\.33'; did you"):
        load_model("torchvision:squeezenet1_1@features.33[weights=random]")
    with pytest.raises(UsageError, match="the file IMAGENET1K does not exist"):
        load_model("torchvision:squeezenet1_1[weights=IMAGENET1K]")
    with pytest.raises(UsageError, match="seed= is for weights=random only"):
        load_model("torchvision:squeezenet1_1[seed=1]")
    with pytest.raises(UsageError, match="it takes weights, weights_key"):
        load_model("torchvision:squeezenet1_1[weight=random]")
    file = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(2)}, file)
    with pytest.raises(ModelError, match=r"do not fit torchvision's squeezenet1_1: it lacks features\.0"):
        load_model(f"torchvision:squeezenet1_1[weights={file}]")
    torch.save({"state_dict": {"fc.weight": torch.zeros(2), "epoch": 3}}, file)
    with pytest.raises(ModelError, match="holds more than weights: epoch"):
        load_model(f"torchvision:squeezenet1_1[weights={file}]")
