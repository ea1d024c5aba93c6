"""The command ``neuroalign units``."""

import json

import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder


@pytest.fixture
def added(dataset):
    write_folder(dataset, datasets_folder() / "toy")
    return "toy"


def test_table_figure_and_order(added, tmp_path, capsys):
    figure = tmp_path / "new" / "units.png"
    assert run(["units", "pca[n=4]", added, "--figure", str(figure), "--sort", "best_r", "--top", "2"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(
        "pca[n=4], units on single (simulated neurons)\n4 units, 12 neurons, 120 stimuli"
    )
    assert "2 more units: --top 4 shows all" in captured.out
    assert figure.is_file()
    assert str(figure) in captured.err


def test_formats_for_programs(added, capsys):
    assert run(["units", "pca[n=3]", added, "--column", "factor_1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [unit["unit"] for unit in record["units"]] == ["0", "1", "2"]
    assert "r_factor_1" in record["units"][0]
    assert "r_factor_0" not in record["units"][0]
    assert run(["units", "pca[n=3]", added, "--format", "csv", "--embedding", "pca[n=2]"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert "monosemanticity" in header.split(",")
    assert len(rows) == 3


def test_neurons_on_their_own_stimuli(added, capsys):
    assert run(["units", "neurons:toy", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["dataset"] == "toy"
    assert len(record["units"]) == 12
    assert record["units"][0]["noise_ceiling"] > 0.5
    assert "best_r" not in record["units"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pca", "toy"], "pca is a family, and units belong to one instance; name one, such as pca["),
        (["pca[n=3]", "toy", "--sort", "best"], "best_r"),
        (["pca[n=3]", "toy", "--column", "factr_1"], "factor_1"),
        (["pca[n=3]", "toy", "--top", "0"], "--top must be at least 1"),
        (["pca[n=3]", "toy", "--figure", "units.jpg"], ".svg, .pdf, .png"),
    ],
)
def test_wrong_calls(arguments, message, added, capsys):
    assert run(["units", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
