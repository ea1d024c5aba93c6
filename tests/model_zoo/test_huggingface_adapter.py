"""Tests of networks of transformers on tiny networks with random weights, against transformers alone."""

import json
import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision import transforms

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UnknownNameError, UsageError
from neuroalign.model_zoo.adapters.huggingface import HuggingFaceModel
from neuroalign.models.loading import as_model, load_model

transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}


@pytest.fixture(scope="module")
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((4, 40, 30)))


@pytest.fixture(scope="module")
def processor():
    return transformers.CLIPImageProcessor(
        size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}, image_std=[0.3, 0.2, 0.1]
    )


def make(kind):
    torch.manual_seed(0)
    if kind == "vit":
        return transformers.ViTModel(transformers.ViTConfig(**SMALL))
    if kind == "dinov2":
        settings = {key: value for key, value in SMALL.items() if key != "intermediate_size"}
        config = transformers.Dinov2WithRegistersConfig(**settings, num_register_tokens=3)
        return transformers.Dinov2WithRegistersModel(config)
    if kind == "resnet":
        return transformers.ResNetModel(
            transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
        )
    if kind == "clip_vision":
        return transformers.CLIPVisionModelWithProjection(
            transformers.CLIPVisionConfig(**SMALL, projection_dim=16)
        )
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 16}
    tokens = {"vocab_size": 9, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = transformers.CLIPConfig(vision_config=SMALL, text_config=text | tokens, projection_dim=16)
    return transformers.CLIPModel(config)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, processor):
    """Folders as save_pretrained writes them, by the kind of the network."""
    folder = tmp_path_factory.mktemp("networks")
    for kind in ("vit", "dinov2", "resnet", "clip_vision", "clip"):
        make(kind).save_pretrained(folder / kind)
        processor.save_pretrained(folder / kind)
    return folder


def by_hand(kind, stimuli, processor):
    """Return the outputs of a network that transformers alone computes."""
    images = [stimuli.open(name).convert("RGB") for name in stimuli.ids]
    pixels = torch.as_tensor(processor(images=images, return_tensors="pt")["pixel_values"])
    network = make(kind).eval()
    network = network.vision_model if kind == "clip" else network
    with torch.no_grad():
        return network(pixel_values=pixels, output_hidden_states=True)


@pytest.mark.parametrize("kind", ["vit", "dinov2", "resnet", "clip_vision", "clip"])
def test_hidden_states_are_those_that_transformers_computes(kind, folders, stimuli, processor):
    expected = by_hand(kind, stimuli, processor)
    for index in range(3):
        model = load_model(f"hf:{folders / kind}@hidden.{index}")
        values = model.latents(stimuli).values
        np.testing.assert_allclose(values, expected.hidden_states[index].flatten(1).numpy(), atol=1e-5)
    whole = load_model(f"hf:{folders / kind}@last_hidden_state").latents(stimuli)
    np.testing.assert_allclose(whole.values, expected.last_hidden_state.flatten(1).numpy(), atol=1e-5)
    shapes = model.layer_shapes(stimuli)
    assert shapes["hidden.1"] == tuple(expected.hidden_states[1].shape[1:])
    assert model.fingerprint is not None


@pytest.mark.parametrize(("kind", "n_prefix"), [("vit", 1), ("dinov2", 4), ("clip", 1), ("clip_vision", 1)])
def test_pooling_leaves_prefix_tokens_out(kind, n_prefix, folders, stimuli, processor):
    tokens = by_hand(kind, stimuli, processor).hidden_states[1].numpy()
    assert tokens.shape == (4, 16 + n_prefix, 32)
    for pool, expected in {"mean": tokens[:, n_prefix:].mean(axis=1), "token": tokens[:, 0]}.items():
        model = load_model(f"hf:{folders / kind}@hidden.1[pool={pool}]")
        np.testing.assert_allclose(model.latents(stimuli).values, expected, atol=1e-5)


def attend(x, weights, names):
    """Self-attention with two heads of tokens, shape (n, tokens, channels), from its definition."""
    q, k, v = (
        (x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]).unflatten(2, (2, 16)).transpose(1, 2)
        for name in names[:3]
    )
    mixed = ((q @ k.transpose(2, 3)) / 4).softmax(dim=3) @ v
    return mixed.transpose(1, 2).flatten(2) @ weights[f"{names[3]}.weight"].T + weights[f"{names[3]}.bias"]


def first_block(kind, network, pixels):
    """Tokens after the first block, from the weights alone."""
    weights = {name.removeprefix("vision_model."): value for name, value in network.state_dict().items()}

    def norm(x, name):
        return F.layer_norm(x, (32,), weights[f"{name}.weight"], weights[f"{name}.bias"], eps)

    def linear(x, name):
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    if kind == "clip_vision":
        eps = 1e-5
        patches = F.conv2d(pixels, weights["embeddings.patch_embedding.weight"], stride=8)
        first = weights["embeddings.class_embedding"].expand(len(pixels), 1, 32)
        x = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        x = norm(x + weights["embeddings.position_embedding.weight"], "pre_layrnorm")
        names = [f"encoder.layers.0.self_attn.{part}_proj" for part in ("q", "k", "v", "out")]
        x = x + attend(norm(x, "encoder.layers.0.layer_norm1"), weights, names)
        hidden = linear(norm(x, "encoder.layers.0.layer_norm2"), "encoder.layers.0.mlp.fc1")
        return x + linear(hidden * (1.702 * hidden).sigmoid(), "encoder.layers.0.mlp.fc2")
    eps = 1e-6
    patches = F.conv2d(
        pixels,
        weights["embeddings.patch_embeddings.projection.weight"],
        weights["embeddings.patch_embeddings.projection.bias"],
        stride=8,
    )
    first = weights["embeddings.cls_token"].expand(len(pixels), 1, 32)
    x = (
        torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        + weights["embeddings.position_embeddings"]
    )
    registers = weights["embeddings.register_tokens"].expand(len(pixels), -1, -1)
    x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)
    block = "encoder.layer.0"
    names = [f"{block}.attention.{part}_proj" for part in ("q", "k", "v", "o")]
    x = x + weights[f"{block}.layer_scale1.lambda1"] * attend(norm(x, f"{block}.norm1"), weights, names)
    hidden = F.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
    return x + weights[f"{block}.layer_scale2.lambda1"] * linear(hidden, f"{block}.mlp.fc2")


@pytest.mark.parametrize(
    ("kind", "block", "patches", "n_prefix"),
    [
        ("clip_vision", "vision_model.encoder.layers.0", "vision_model.embeddings.patch_embedding", 1),
        ("dinov2", "encoder.layer.0", "embeddings.patch_embeddings", 4),
    ],
)
def test_units_of_a_block_from_the_weights_alone(kind, block, patches, n_prefix, folders, stimuli, processor):
    images = [stimuli.open(name).convert("RGB") for name in stimuli.ids]
    pixels = torch.as_tensor(processor(images=images, return_tensors="pt")["pixel_values"])
    network = make(kind).eval()
    with torch.no_grad():
        tokens = first_block(kind, network, pixels)
    assert tokens.shape == (4, n_prefix + 16, 32)
    expected = {
        "none": tokens.flatten(1),
        "mean": tokens[:, n_prefix:].mean(dim=1),
        "token": tokens[:, 0],
        "grid:4": tokens[:, n_prefix:].transpose(1, 2).flatten(1),
    }
    for pool, units in expected.items():
        layer = "hidden.1" if pool in ("none", "token") else block
        model = load_model(f"hf:{folders / kind}@{layer}[pool={pool}]")
        np.testing.assert_allclose(model.latents(stimuli).values, units, atol=1e-4, err_msg=pool)
    # The same module without its folder, and a layer without the other tokens.
    processed = as_model(network, layer=block, preprocess=_processed(processor), pool="mean")
    np.testing.assert_allclose(processed.latents(stimuli).values, expected["mean"], atol=1e-4)
    alone = load_model(f"hf:{folders / kind}@{patches}[pool=mean]").latents(stimuli)
    everything = load_model(f"hf:{folders / kind}@{patches}").latents(stimuli).values.reshape(4, -1, 32)
    if kind == "clip_vision":
        everything = everything.reshape(4, 32, -1).transpose(0, 2, 1)
    np.testing.assert_allclose(alone.values, everything.mean(axis=1), atol=1e-5)


def _processed(processor):
    return lambda image: torch.as_tensor(processor(images=[image], return_tensors="pt")["pixel_values"])[0]


def test_a_network_without_the_usual_outputs_takes_its_first_one():
    class Segmenter(torch.nn.Module):
        config = transformers.PretrainedConfig()
        main_input_name = "pixel_values"

        def forward(self, pixel_values, output_hidden_states, return_dict):
            return {"names": ["sky"], "masks": pixel_values[:, :2], "classes": pixel_values.mean((2, 3))}

    model = HuggingFaceModel(Segmenter(), transforms.ToTensor(), "segmenter")
    assert model.layers == ["masks"]
    assert HuggingFaceModel(Segmenter(), transforms.ToTensor(), "segmenter", layer=["classes"]).layers == [
        "classes"
    ]


def test_convolutional_networks_are_averaged_over_positions(folders, stimuli, processor):
    maps = by_hand("resnet", stimuli, processor).hidden_states[2].numpy()
    model = load_model(f"hf:{folders}/resnet@hidden.2[pool=mean]")
    np.testing.assert_allclose(model.latents(stimuli).values, maps.mean(axis=(2, 3)), atol=1e-5)
    with pytest.raises(UsageError, match="has no class token; use pool=mean"):
        load_model(f"hf:{folders}/resnet@hidden.2[pool=token]")


def test_default_layers_and_modules(folders, stimuli, processor):
    for kind, output in {
        "vit": "pooler_output",
        "resnet": "pooler_output",
        "clip_vision": "image_embeds",
        "clip": "image_embeds",
    }.items():
        model = load_model(f"hf:{folders / kind}")
        assert model.layers == [output]
    network = make("clip").eval()
    pooled = by_hand("clip", stimuli, processor).pooler_output
    with torch.no_grad():
        expected = network.visual_projection(pooled).numpy()
    np.testing.assert_allclose(model.latents(stimuli).values, expected, atol=1e-5)
    both = load_model(f"hf:{folders}/clip@vision_model.encoder.layers.0:hidden.1")
    values = both.latents(stimuli).values
    np.testing.assert_array_equal(values[:, : values.shape[1] // 2], values[:, values.shape[1] // 2 :])


def test_names_of_folders_have_a_digest_of_the_files(folders, tmp_path, stimuli, processor):
    model = load_model(f"hf:{folders}/vit@hidden.1[pool=token]")
    assert model.identifier.startswith(f"hf:{folders}/vit#")
    assert model.identifier.endswith("@hidden.1[pool=token]")
    assert load_model(model.identifier).identifier == model.identifier
    torch.manual_seed(1)
    transformers.ViTModel(transformers.ViTConfig(**SMALL)).save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    first = load_model(f"hf:{tmp_path}")
    transformers.ResNetModel(transformers.ResNetConfig(hidden_sizes=[8], depths=[1])).save_pretrained(
        tmp_path
    )
    second = load_model(f"hf:{tmp_path}")
    assert first.identifier != second.identifier
    assert first.fingerprint != second.fingerprint
    with pytest.raises(ModelError, match=r"have the digest [0-9a-f]{8}, not .*; give the folder that it was"):
        load_model(first.identifier)


def test_random_weights_follow_the_seed(folders):
    first, again, other = (
        load_model(f"hf:{folders}/vit@hidden.1[weights=random,seed={seed}]") for seed in (1, 1, 2)
    )
    assert first.identifier == f"hf:{folders}/vit@hidden.1[weights=random,seed=1]"
    assert first.fingerprint == again.fingerprint
    assert (
        len({first.fingerprint, other.fingerprint, load_model(f"hf:{folders}/vit@hidden.1").fingerprint}) == 3
    )


def test_no_network_and_downloads_of_before(folders, tmp_path, stimuli, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    start = time.perf_counter()
    with pytest.raises(ModelError, match=r"not on this machine, and http://127\.0\.0\.1:9 cannot be reached"):
        load_model("hf:org/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ModelError, match=r"HF_HUB_OFFLINE is set; download the repository and use hf:\./FOLDER"
    ):
        load_model("hf:org/tiny")
    assert time.perf_counter() - start < 2
    snapshot = tmp_path / "hub" / "models--org--tiny" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    for file in (folders / "vit").iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("a" * 40)
    model = load_model("hf:org/tiny@hidden.1")
    assert model.identifier == "hf:org/tiny@hidden.1"
    assert model.fingerprint == load_model(f"hf:{folders}/vit@hidden.1").fingerprint


def test_mistakes_are_explained(folders, tmp_path, processor, monkeypatch):
    def refused(name, message, error=ModelError):
        with pytest.raises(error, match=message) as caught:
            load_model(name)
        assert "\n" not in str(caught.value)

    vit = folders / "vit"
    refused(f"hf:{vit}@hidden.9", r"'hidden\.9'; did you mean hidden\.2 or", UnknownNameError)
    refused(f"hf:{vit}@encodr", "no layer of ViTModel is called 'encodr'", UnknownNameError)
    refused(f"hf:{vit}[pool=max]", "pool must be none, mean, token or grid:N, got 'max'", UsageError)
    refused(f"hf:{vit}[seed=1]", "seed= is for weights=random only", UsageError)
    refused("hf:./nowhere", "the folder nowhere does not exist", UsageError)
    refused("hf:a/b/c", "must be hf:ORG/NAME, or hf:./FOLDER", UsageError)
    for file in vit.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    for architecture in ("ViTOfTomorrow", "pipeline", "logging"):
        (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": [architecture]}))
        refused(f"hf:{tmp_path}", f"has no {architecture}, and neuroalign runs no code of a repository")
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "preprocessor_config.json").unlink()
    refused(f"hf:{tmp_path}", "has no image processor")
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    refused(f"hf:{tmp_path}", "has no safetensors, and neuroalign reads no pickled weights")
    transformers.BertModel(
        transformers.BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=1, vocab_size=9)
    ).save_pretrained(tmp_path / "bert")
    processor.save_pretrained(tmp_path / "bert")
    refused(f"hf:{tmp_path}/bert", "BertModel does not take images alone")


def test_folders_without_some_weights_are_refused(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in (folders / "vit").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = load_file(tmp_path / "model.safetensors")
    name = next(iter(state))
    rest = {key: value for key, value in state.items() if key != name}
    save_file({**rest, "more": torch.zeros(2)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="its safetensors lack"):
        load_model(f"hf:{tmp_path}")
    save_file({**state, "more": torch.zeros(2)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert load_model(f"hf:{tmp_path}").notes == [f"weights of hf:{tmp_path}: 1 are not used: more"]
