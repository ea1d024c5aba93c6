"""Tests of checkpoint files as programs write them: entries, prefixes, missing classifiers, other files."""

import argparse
import pickle
from pathlib import PurePosixPath

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignError, UnknownNameError, UsageError
from neuroalign.models.loading import load_model


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((2, 40, 30)))


def behind(prefix, state):
    return {f"{prefix}{name}": value for name, value in state.items()}


def headless(state):
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def load(content, tmp_path, layer="logits", **options):
    file = tmp_path / "run.pth"
    torch.save(content, file)
    return load_model(f"timm:test_resnet@{layer}", weights=str(file), **options)


def same_weights(model, state):
    return all(torch.equal(value, state[name]) for name, value in model.module.state_dict().items())


@pytest.mark.parametrize(
    ("wrap", "note"),
    [
        (lambda state: state, None),
        (lambda state: behind("module.", state), "the prefix 'module.' is removed from their names"),
        (lambda state: behind("backbone.", state), "the prefix 'backbone.' is removed from their names"),
        (
            lambda state: behind("_orig_mod.module.model.", state),
            "the prefix '_orig_mod.module.model.' is removed from their names",
        ),
        (lambda state: {"net": state, "epoch": 3}, "the weights are those in the entry 'net'"),
        (
            lambda state: {"ema": {"module": behind("module.", state)}},
            "the weights are those in the entry 'ema.module'; the prefix 'module.' is removed from their names",
        ),
        (
            lambda state: {"state_dict": {**behind("model.", state), "loss.weight": torch.zeros(3)}},
            "the weights are those in the entry 'state_dict'; the prefix 'model.' is removed from their names; "
            "1 other weights are left out: loss.weight",
        ),
        (
            lambda state: {"state_dict": state, "state_dict_ema": dict(state)},
            "the weights are those in the entry 'state_dict'; the same weights are in state_dict_ema",
        ),
        (
            lambda state: {"model": state, "net": {"weight": torch.zeros(2)}},
            "the weights are those in the entry 'model'",
        ),
        (
            lambda state: {
                "state_dict": state,
                "args": argparse.Namespace(lr=0.1),
                "best": np.float64(71.2),
                "folder": PurePosixPath("runs"),
            },
            "the weights are those in the entry 'state_dict'",
        ),
    ],
)
def test_files_of_training_programs(wrap, note, state, tmp_path):
    model = load(wrap(state), tmp_path)
    assert same_weights(model, state)
    assert list(model.notes) == ([] if note is None else [f"weights in run.pth: {note}"])


def test_several_entries_that_differ_need_a_choice(state, tmp_path):
    average = {name: value / 2 if value.is_floating_point() else value for name, value in state.items()}
    content = {"state_dict": behind("module.", state), "state_dict_ema": average}
    expected = (
        r"^timm's test_resnet: .*run\.pth has weights in state_dict and state_dict_ema, which differ; say which with "
        r"weights_key=state_dict or weights_key=state_dict_ema$"
    )
    with pytest.raises(UsageError, match=expected):
        load(content, tmp_path)
    first = load(content, tmp_path, weights_key="state_dict")
    second = load(content, tmp_path, weights_key="state_dict_ema")
    assert same_weights(first, state)
    assert same_weights(second, average)
    assert first.identifier.endswith(",weights_key=state_dict]")
    assert first.fingerprint != second.fingerprint
    with pytest.raises(UsageError, match=r"no weights called 'emma'; it has weights in state_dict, state_"):
        load(content, tmp_path, weights_key="emma")
    with pytest.raises(UsageError, match="weights_key= is for weights from a file only"):
        load_model("timm:test_resnet[weights=random,weights_key=ema]")


def test_several_prefixes_need_a_choice(state, tmp_path):
    content = {"state_dict": {**behind("encoder_q.", state), **behind("encoder_k.", headless(state))}}
    with pytest.raises(ModelError, match=r"weights_key=encoder_q takes the weights behind the prefix"):
        load(content, tmp_path)
    assert same_weights(load(content, tmp_path, weights_key="encoder_q"), state)
    assert same_weights(load(content, tmp_path, weights_key="state_dict.encoder_q"), state)
    both = {**behind("student.", state), **behind("teacher.", state)}
    with pytest.raises(UsageError, match=r"say which with weights_key=student or weights_key=teacher$"):
        load(both, tmp_path)


def test_files_without_a_classifier_serve_for_layers_before_it(state, stimuli, tmp_path):
    whole, without = (load(content, tmp_path, "pre_logits") for content in (state, headless(state)))
    assert without.latents(stimuli).values.tobytes() == whole.latents(stimuli).values.tobytes()
    assert without.notes == [
        "weights in run.pth: the file has no fc.weight, fc.bias, which the units do not depend on"
    ]
    assert without.fingerprint == load(headless(state), tmp_path, "pre_logits").fingerprint
    for layer in ("logits", "fc", "layer1:logits"):
        with pytest.raises(ModelError, match=r"it lacks fc\.weight, fc\.bias, which the asked layers need"):
            load(headless(state), tmp_path, layer)
    for absent in ("fc.bias", "conv1.0.weight"):
        with pytest.raises(ModelError, match=rf"it lacks {absent}"):
            load({name: value for name, value in state.items() if name != absent}, tmp_path, "pre_logits")


def test_notes_reach_reduced_models(state, tmp_path):
    file = tmp_path / "run.pth"
    torch.save({"model": state}, file)
    model = load_model(f"timm:test_resnet[weights={file}]+pca[n=2]")
    assert list(model.notes) == ["weights in run.pth: the weights are those in the entry 'model'"]


class Runs:
    def __reduce__(self):
        return exec, ("raise SystemExit('code in a checkpoint ran')",)


def test_no_code_in_a_file_runs(state, tmp_path):
    assert same_weights(load({"state_dict": state, "more": Runs()}, tmp_path), state)
    with pytest.raises(SystemExit):
        pickle.loads(pickle.dumps(Runs()))  # noqa: S301


def test_files_that_hold_something_else_are_named(state, tmp_path):
    for text, reason in {
        "<html>404</html>": "it is a web page: download the file itself",
        "version https://git-lfs.github.com/spec/v1\noid": "it is a pointer of Git LFS, not the file itself",
    }.items():
        (tmp_path / "text.pth").write_text(text)
        with pytest.raises(ModelError, match=reason) as caught:
            load_model("timm:test_resnet", weights=str(tmp_path / "text.pth"))
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"holds a whole network \(torch.nn.modules.linear.Linear\)"):
        load(torch.nn.Linear(2, 2), tmp_path)
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), tmp_path / "traced.pt")
    with pytest.raises(
        ModelError, match=r"\(it is a TorchScript archive: save the state_dict\(\) of its module\)"
    ):
        load_model("timm:test_resnet", weights=str(tmp_path / "traced.pt"))
    with pytest.raises(ModelError, match="holds list, not weights by their names"):
        load([1, 2], tmp_path)
    with pytest.raises(
        ModelError, match="running statistics of normalisation are missing, so save state_dict"
    ):
        load({name: value for name, value in state.items() if "running" not in name}, tmp_path)


def reason_for(file):
    with pytest.raises(NeuroalignError) as caught:
        load_model("timm:test_resnet@layer2", weights=str(file))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_damaged_files_say_what_to_do(state, tmp_path):
    torch.save(state, tmp_path / "whole.pth")
    save_file(state, tmp_path / "whole.safetensors")
    for suffix in (".pth", ".safetensors"):
        (tmp_path / f"empty{suffix}").touch()
        assert "(it is empty: copy or download it again)" in reason_for(tmp_path / f"empty{suffix}")
        content = (tmp_path / f"whole{suffix}").read_bytes()
        (tmp_path / f"half{suffix}").write_bytes(content[: len(content) // 2])
        reason = reason_for(tmp_path / f"half{suffix}")
        assert "(it is cut short" in reason
        assert ": copy or download it again" in reason
    np.savez(tmp_path / "arrays.npz", a=np.ones(2))
    assert "(it is a ZIP archive of a.npy, not a file of torch)" in reason_for(tmp_path / "arrays.npz")
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"a": Runs()}))
    reason = reason_for(tmp_path / "x.pkl")
    assert "weights_only" not in reason
    assert "save the state_dict() with torch.save" in reason
    assert reason_for(tmp_path).endswith(f"got a folder: {tmp_path}")


def test_contents_without_usable_weights_are_named(state, tmp_path):
    def reason(content):
        torch.save(content, tmp_path / "x.pth")
        return reason_for(tmp_path / "x.pth").replace(str(tmp_path / "x.pth"), "x.pth")

    assert reason({}).startswith("x.pth holds no tensors, nothing at all; expected safetensors")
    assert reason({"epoch": 3}).startswith("x.pth holds no tensors, only epoch; expected safetensors")
    arrays = {name: value.numpy() for name, value in state.items()}
    assert "save a state_dict() of tensors" in reason({**state, "w": arrays["fc.bias"]})
    diverged = {**state, "fc.bias": state["fc.bias"] * float("nan")}
    expected = "must be finite, got NaN or infinity in fc.bias; take an earlier checkpoint"
    assert reason(diverged).endswith(expected)
    surplus = reason({**state, "projector.weight": torch.ones(2)})
    assert surplus.endswith(
        "it has too many projector.weight; if the network does not need them, as for a projector, delete them from the "
        "file"
    )


@pytest.fixture(scope="module")
def mobilenet():
    torch.manual_seed(1)
    return torchvision.models.mobilenet_v2(weights=None).state_dict()


def resize(model):
    return model.images.preprocess.resize_size


def test_random_weights_take_the_preprocessing_of_a_version():
    name = "torchvision:mobilenet_v2[weights=random{}]"
    model = load_model(name.format(",weights_version=IMAGENET1K_V1"))
    assert resize(model) == [256]
    assert resize(load_model(name.format(""))) == [232]
    again = load_model(model.identifier)
    assert (again.identifier, again.fingerprint) == (model.identifier, model.fingerprint)
    with pytest.raises(UnknownNameError, match="no version of the weights of mobilenet_v2 is called 'V1'"):
        load_model(name.format(",weights_version=V1"))


@pytest.mark.slow
def test_preprocessing_follows_the_version_of_the_file(mobilenet, tmp_path, monkeypatch):
    for name, size in {"mobilenet_v2-b0353104.pth": [256], "mobilenet_v2-7ebf99e0.pth": [232]}.items():
        torch.save(mobilenet, tmp_path / name)
        model = load_model("torchvision:mobilenet_v2", weights=str(tmp_path / name))
        assert resize(model) == size
        version = "IMAGENET1K_V1" if size == [256] else "IMAGENET1K_V2"
        assert model.notes == [f"preprocessing of {version}, which has the digest in the name {name}"]
    mine = tmp_path / "mine.pth"
    torch.save(mobilenet, mine)
    expected = (
        r"nothing in mine\.pth shows the preprocessing that its weights need; give weights_version= with one of "
        r"IMAGENET1K_V1 \(resize 256, crop 224, bilinear\), IMAGENET1K_V2 \(resize 232, crop 224, bilinear\)$"
    )
    with pytest.raises(UsageError, match=expected):
        load_model("torchvision:mobilenet_v2", weights=str(mine))
    model = load_model("torchvision:mobilenet_v2", weights=str(mine), weights_version="IMAGENET1K_V1")
    assert resize(model) == [256]
    assert model.identifier.endswith(",weights_version=IMAGENET1K_V1]")
    assert load_model(model.identifier).fingerprint == model.fingerprint
    with pytest.raises(UnknownNameError, match="no version of the weights of mobilenet_v2 is called 'V1'"):
        load_model("torchvision:mobilenet_v2", weights=str(mine), weights_version="V1")
    with pytest.raises(UsageError, match="weights_version= is for weights from a file only"):
        load_model("torchvision:mobilenet_v2", weights="IMAGENET1K_V2", weights_version="IMAGENET1K_V1")
    monkeypatch.setattr(
        "neuroalign.model_zoo.adapters.torchvision.hash_file", lambda file, stamp: "b0353104" + 56 * "0"
    )
    model = load_model("torchvision:mobilenet_v2", weights=str(mine))
    assert resize(model) == [256]
    assert model.notes == ["preprocessing of IMAGENET1K_V1, which has the digest of the file mine.pth"]


def test_torchvision_accepts_files_without_a_classifier(mobilenet, tmp_path):
    file = tmp_path / "mobilenet_v2-b0353104.pth"
    torch.save({name: value for name, value in mobilenet.items() if "classifier" not in name}, file)
    model = load_model("torchvision:mobilenet_v2@features.3", weights=str(file))
    assert "the file has no classifier.1.weight, classifier.1.bias" in model.notes[0]
    with pytest.raises(ModelError, match="which the asked layers need"):
        load_model("torchvision:mobilenet_v2", weights=str(file))
