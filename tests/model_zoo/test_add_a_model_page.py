"""Tests of the programs and commands on the page about adding a model."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import neuroalign as na
from neuroalign.benchmarks.turned_control import BESIDE
from neuroalign.cli import run
from neuroalign.models.loading import load_model
from neuroalign.models.model import ModelFamily
from neuroalign.names.registry import adapters
from neuroalign.scoring import evaluate as scoring

PAGE = Path(__file__).parents[2] / "docs" / "add_a_model.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
PROGRAMS = [text for language, text in BLOCKS if language == "python" and "na.score(" in text]
FILES = {
    text.split("\n")[0].removeprefix("# "): text
    for language, text in BLOCKS
    if language == "python" and text.startswith("# ")
}
COMMANDS = [
    shlex.split(line) for language, text in BLOCKS if language == "bash" for line in text.splitlines() if line
]


def slow_if_large(words):
    """Mark programs and commands that run a network of full size as slow."""
    return [pytest.mark.slow] if "resnet18" in words or "vgg_face" in words else []


def first_instance(model, dataset):
    return model.instances(dataset)[0] if isinstance(model, ModelFamily) else model


@pytest.fixture
def scored(dataset_factory, monkeypatch, request):
    """Replace the computation of scores by the computation of latents on a small dataset."""
    # VGG takes about a second for each image.
    n_stimuli = 18 if "vgg" in request.node.name else 72
    dataset = dataset_factory(n_stimuli=n_stimuli, image_size=64)
    latents = []

    def score(model, name, benchmark):
        assert (name, benchmark) == ("AM-faces", "alignment")
        latents.append(first_instance(load_model(model), dataset).latents(dataset.stimuli))
        return SimpleNamespace(beside=dict.fromkeys(BESIDE, 0.0))

    # The package's own name first: it takes its value from the module when it is first asked for.
    monkeypatch.setattr(na, "score", score)
    monkeypatch.setattr(scoring, "score", score)
    monkeypatch.setattr(na, "load_dataset", lambda name: dataset, raising=False)
    return dataset, latents


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, id=str(index), marks=slow_if_large(program))
        for index, program in enumerate(PROGRAMS)
    ],
)
@pytest.mark.filterwarnings("ignore:Maximum number of iterations")
def test_programs(scored, program):
    _, latents = scored
    assert len([line for line in program.splitlines() if line]) < 10
    exec(compile(program, str(PAGE), "exec"), {})
    assert [array.sizes["stimulus"] for array in latents] == [72]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=" ".join(command), marks=slow_if_large(" ".join(command)))
        for command in COMMANDS
    ],
)
def test_commands(scored, command, tmp_path, monkeypatch, capsys):
    dataset, _ = scored
    for name in ("my_models.py", "my_family.py"):
        (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    while "=" in command[0]:
        monkeypatch.setenv(*command[0].split("="))
        command = command[1:]
    if command[:3] == ["neuroalign", "list", "layers"]:
        assert run(command[1:]) == 0
        assert "layer1.0.conv1" in capsys.readouterr().out
        return
    assert command[:2] == ["neuroalign", "score"]
    given = {"weights": command[5]} if command[4:5] == ["--weights"] else {}
    model = first_instance(load_model(command[2], dataset=dataset, **given), dataset)
    assert model.latents(dataset.stimuli).sizes["stimulus"] == len(dataset.stimuli)


@pytest.mark.slow
def test_reading_parts(scored):
    [program] = [text for language, text in BLOCKS if language == "python" and "compute_latents" in text]
    exec(compile(program, str(PAGE), "exec"), {})


class Session:
    """Stand-in for onnxruntime.InferenceSession, with its name of the module."""

    __module__ = "onnxruntime.capi.onnxruntime_inference_collection"

    def get_inputs(self):
        return [SimpleNamespace(name="image")]

    def run(self, output_names, feed):
        assert output_names is None
        return [feed["image"].mean(axis=(2, 3))]


def test_adapter(scored):
    dataset, _ = scored
    namespace = {}
    exec(FILES["my_package/adapters.py"], namespace)
    assert namespace["adapt"](3) is None
    with adapters.registered("onnxruntime", namespace["adapt"]):
        model = na.as_model(Session(), identifier="colours", image_size=8)
    assert model.identifier == "colours"
    pixels = dataset.stimuli.pixels(8, channels=3)
    np.testing.assert_allclose(model.latents(dataset.stimuli).values, pixels.mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("n_at_once", ["n", 1])
def test_a_network_in_onnx(dataset_factory, tmp_path, monkeypatch, n_at_once):
    onnx, _ = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    weight, bias = (
        rng.standard_normal((4, 3, 5, 5)).astype(np.float32),
        rng.standard_normal(4).astype(np.float32),
    )
    float32, make = onnx.TensorProto.FLOAT, onnx.helper
    graph = make.make_graph(
        [
            make.make_node("Conv", ["image", "weight", "bias"], ["filtered"], strides=[32, 32]),
            make.make_node("Relu", ["filtered"], ["rectified"]),
        ],
        "network",
        [make.make_tensor_value_info("image", float32, [n_at_once, 3, 224, 224])],
        [make.make_tensor_value_info("rectified", float32, [n_at_once, 4, 7, 7])],
        [onnx.numpy_helper.from_array(weight, "weight"), onnx.numpy_helper.from_array(bias, "bias")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "network.onnx")
    batch_size = 16 if n_at_once == "n" else 1
    program = FILES["onnx_models.py"].replace("batch_size=16", f"batch_size={batch_size}")
    (tmp_path / "onnx_models.py").write_text(program, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    network = load_model("onnx_models.py:network")
    assert (network.identifier, network.batch_size) == ("network", batch_size)
    assert network.fingerprint.startswith("imagenet-224-")

    stimuli = dataset_factory(n_stimuli=18, image_size=64).stimuli
    pixels = torch.from_numpy(stimuli.pixels(224, channels=3)).permute(0, 3, 1, 2)
    mean, std = (
        torch.tensor(values).reshape(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    expected = torch.nn.functional.conv2d(
        (pixels - mean) / std, torch.from_numpy(weight), torch.from_numpy(bias), stride=32
    ).relu()
    latents = network.latents(stimuli)
    assert latents.shape == (18, 4 * 7 * 7)
    np.testing.assert_allclose(latents.values, expected.flatten(1), atol=1e-4)
