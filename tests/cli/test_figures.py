import json

import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder
from neuroalign.reporting.figures.files import file_name

NO_DECODED_FACES = (
    "no stored score has predicted latents; neuroalign score MODEL DATASET -b decoding computes them"
)


@pytest.fixture
def added(dataset, tmp_path):
    """The toy dataset, in the user's folder, with some neurons scored as a model of the other neurons."""
    write_folder(dataset, datasets_folder() / "toy")
    for benchmark in ("correlation_ratio", "linear_recombination[benchmark=correlation_ratio,n_draws=2]"):
        assert run(["score", "neuron_subset[n=4]", "toy", "-b", benchmark]) == 0
    return "toy"


@pytest.mark.slow
def test_figures_are_made_and_named(added, tmp_path, capsys):
    capsys.readouterr()
    folder = tmp_path / "new" / "figures"
    assert run(["figures", added, "--output", str(folder), "--format", "png"]) == 0
    captured = capsys.readouterr()
    paths = captured.out.splitlines()
    assert sorted(paths) == sorted(str(path) for path in folder.iterdir())
    assert {path.name for path in folder.iterdir()} == {
        "scores_correlation_ratio.png",
        "scores_correlation_ratio_axis_index.png",
        "neurons_correlation_ratio.png",
        "unit_proportion_correlation_ratio.png",
    }
    assert captured.err.splitlines() == [f"neuroalign: no decoded_faces: {NO_DECODED_FACES}"]


def test_json_is_one_document_and_nothing_else(added, tmp_path, capsys):
    capsys.readouterr()
    asked = ["-b", "linear_recombination[benchmark=correlation_ratio,n_draws=2]"]
    assert run(["figures", added, "-o", str(tmp_path / "f"), *asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["simulated"] is True
    (figure,) = document["figures"]
    assert figure["name"].startswith("native_and_recombined_linear_recombination")
    assert figure["path"].endswith(".svg")
    assert document["left_out"] == [{"name": "decoded_faces", "reason": NO_DECODED_FACES}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toy", "-m", "pca"], "no scored model is called 'pca'; there are: neuron_subset[n=4,seed=0]"),
        (["toy", "-b", "alignment"], "nothing has been scored on single by alignment yet"),
        (["toy", "-b", "alignmnt"], "did you mean alignment"),
        (["nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(added, tmp_path, capsys, arguments, message):
    capsys.readouterr()
    assert run(["figures", *arguments, "--output", str(tmp_path / "f")]) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_output_that_is_a_file(added, tmp_path, capsys):
    (tmp_path / "f").write_text("")
    assert run(["figures", added, "--output", str(tmp_path / "f")]) == 2
    assert "--output must be a folder, got the file " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("units_../../etc/passwd", [], "units_..-..-etc-passwd"),
        ("udr_timm:resnet18@fc+pca[n=5]", [], "udr_timm-resnet18-fc-pca-n=5"),
        ("..", [], "figure"),
        ("a/b", ["a-b.svg", "A-B-2.svg"], "a-b-3"),
        ("x" * 500, [], "x" * 120),
    ],
)
def test_names_of_files_are_plain_and_their_own(tmp_path, name, taken, expected):
    assert file_name(name, [tmp_path / item for item in taken]) == expected
