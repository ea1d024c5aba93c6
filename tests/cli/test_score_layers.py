import csv
import io
import json
import re
import shlex

import pytest

from neuroalign.cli import run
from neuroalign.datasets.folder import write_folder


@pytest.fixture
def toy(dataset, tmp_path):
    folder = tmp_path / "toy"
    write_folder(dataset, folder)
    return str(folder)


@pytest.fixture
def network_file(tmp_path):
    file = tmp_path / "networks.py"
    file.write_text(
        "import torch\n"
        "import neuroalign as na\n"
        "torch.manual_seed(0)\n"
        "layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3)]\n"
        "net = na.as_model(torch.nn.Sequential(*layers), pool='mean', identifier='net')\n"
        "def plain(pixels):\n"
        "    return pixels.mean((1, 2))\n"
    )
    return str(file)


def score(*arguments):
    return run(["score", *arguments, "-b", "ridge[n_permutations=0]"])


def test_a_pattern_prints_a_row_for_each_layer(toy, network_file, capsys, tmp_path):
    figure = tmp_path / "depth.svg"
    assert score(f"{network_file}:net@*", toy, "--json", "--figure", str(figure)) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(row["layer"], row["depth"], row["n_units"], row["model"]) for row in document["rows"]] == [
        ("0", 1, 4, "net@0"),
        ("1", 2, 4, "net@1"),
        ("2", 3, 2, "net@2"),
    ]
    assert document["left_out"] == {"": "has the same values as 2"}
    assert figure.read_bytes().startswith(b"<?xml")
    values = [row["score"]["value"] for row in document["rows"]]

    assert score(f"{network_file}:net@2,0", toy, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["layer"] for row in rows] == ["0", "2"]
    assert [float(row["score"]) for row in rows] == [values[0], values[2]]

    assert score(f"{network_file}:net@*", toy, "--common-units", "min", "--seed", "3") == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "every layer with 2 units, drawn at random (seed 3)" in output

    # One layer of a network in a file is an ordinary model.
    assert score(f"{network_file}:net@2", toy, "--json") == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["value"] == values[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net@lay*"], "no layer matches 'lay*'; there are 0, 1, 2"),
        (
            ["net@*", "--windows", "bins"],
            "for one layer in all windows write neuroalign score FILE:net@LAYER TOY --windows bins, and for all layers "
            "in one window neuroalign score 'FILE:net@*' 'TOY[window=START:END]'",
        ),
        (
            ["net@*", "--by", "region", "--also", "pca"],
            "write one command for each model: neuroalign score 'FILE:net@*' TOY --by region and neuroalign score pca "
            "TOY --by region",
        ),
        (["net@*", "--json", "--csv"], "--json and --csv must not both be given"),
        (["net@*", "--common-units", "few"], "--common-units must be a positive number or min, got 'few'"),
        (
            ["net@*", "--figure", "depth.gif"],
            "the name of a figure must end in .svg, .pdf, .png, got 'depth.gif'",
        ),
        (["net", "--csv"], "--csv must go with several layers of a network"),
        (["plain@*"], "has no layers to choose from"),
    ],
)
def test_wrong_calls_are_one_line(toy, network_file, capsys, arguments, message):
    name, *options = arguments
    assert score(f"{network_file}:{name}", toy, *options) in (1, 2)
    error = capsys.readouterr().err
    assert message in error.replace(network_file, "FILE").replace(toy, "TOY")
    assert len(error.strip().splitlines()) == 1


def test_the_layers_of_a_network_need_one_of_several_datasets(toy, network_file, capsys):
    collection = f"{toy}[region=*]"
    assert score(f"{network_file}:net@*[pool=none]", collection) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    one, all_layers = re.findall(r"write (.*), and for all layers in one of its datasets (.*)$", line)[0]
    assert one == f"neuroalign score '{network_file}:net@LAYER[pool=none]' '{collection}'"
    words = shlex.split(all_layers)
    assert words[:3] == ["neuroalign", "score", f"{network_file}:net@*[pool=none]"]
    # The named command works.
    assert run([*words[1:], "-b", "ridge[n_permutations=0]", "--csv"]) == 0
    assert score("pca[n=2]", collection, "--by", "animal") == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(f"write {shlex.join(words[:2])} 'pca[n=2]' '{words[3]}' --by animal")
    )
