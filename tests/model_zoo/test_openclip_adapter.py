"""Tests of image towers of OpenCLIP on a tiny network with random weights, against OpenCLIP alone."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UnknownNameError, UsageError
from neuroalign.models.loading import load_model

open_clip = pytest.importorskip("open_clip")

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 99, "width": 16, "heads": 1, "layers": 1},
}
TAGS = {
    "mine": {
        "hf_hub": "org/tiny/",
        "mean": (0.4, 0.5, 0.6),
        "std": (0.1, 0.2, 0.3),
        "interpolation": "bicubic",
    },
    "quick": {"hf_hub": "org/tiny/", "quick_gelu": True},
    "elsewhere": {"url": "https://example.org/tiny.pt"},
}


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    (folder / "tiny.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)
    open_clip.pretrained._PRETRAINED["tiny"] = TAGS
    yield
    del open_clip.pretrained._PRETRAINED["tiny"]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """An empty cache of downloads, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((3, 40, 30)))


def network(seed):
    torch.manual_seed(seed)
    return open_clip.create_model("tiny", pretrained=None).eval()


def by_hand(model, stimuli, **settings):
    transform = open_clip.image_transform(32, is_train=False, **settings)
    images = torch.stack([transform(stimuli.open(name).convert("RGB")) for name in stimuli.ids])
    with torch.no_grad():
        return model.encode_image(images).numpy()


def test_random_weights(stimuli):
    model = load_model("openclip:tiny[weights=random,seed=3]")
    assert model.identifier == "openclip:tiny[weights=random,seed=3]"
    np.testing.assert_allclose(model.latents(stimuli).values, by_hand(network(3), stimuli), atol=1e-5)
    assert model.layer_shapes(stimuli)["transformer.resblocks.1"] == (17, 32)
    again, other = (load_model(f"openclip:tiny[weights=random,seed={seed}]") for seed in (3, 4))
    assert model.fingerprint is not None
    assert model.fingerprint == again.fingerprint != other.fingerprint
    block = load_model("openclip:tiny@transformer.resblocks.1[weights=random,pool=mean]")
    assert block.identifier == "openclip:tiny@transformer.resblocks.1[weights=random,seed=0,pool=mean]"
    assert block.latents(stimuli).shape == (3, 32)


def test_weights_of_a_tag_have_their_own_preprocessing(hub, stimuli):
    snapshot = hub / "models--org--tiny" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("a" * 40)
    state = {name: value.clone() for name, value in network(5).state_dict().items()}
    save_file(state, snapshot / "open_clip_model.safetensors")
    model = load_model("openclip:tiny/mine")
    assert model.identifier == "openclip:tiny/mine"
    expected = by_hand(network(5), stimuli, mean=(0.4, 0.5, 0.6), std=(0.1, 0.2, 0.3))
    np.testing.assert_allclose(model.latents(stimuli).values, expected, atol=1e-5)


def test_mistakes_are_explained(hub):
    def refused(name, message, error=ModelError):
        with pytest.raises(error, match=message) as caught:
            load_model(name)
        assert "\n" not in str(caught.value)

    refused("openclip:tiny/mine", "not on this machine, and HF_HUB_OFFLINE is set")
    refused(
        "openclip:tiny/quick", "trained with another activation function .* use openclip:tiny-quickgelu/quick"
    )
    refused("openclip:tiny/elsewhere", "not on the hub as safetensors")
    refused("openclip:tiny", r"needs the tag of its weights, such as openclip:tiny/mine; or give", UsageError)
    refused(
        "openclip:tiny/mime",
        "no tag of weights of tiny is called 'mime'; did you mean mine",
        UnknownNameError,
    )
    refused("openclip:tinny/mine", "no network of OpenCLIP is called 'tinny'; did you", UnknownNameError)
    refused("openclip:tiny/mine[weights=random]", "random weights have no tag", UsageError)
    refused("openclip:tiny@transformer.resblocks.9[weights=random]", "did you mean", UnknownNameError)
