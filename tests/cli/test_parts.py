"""Commands on a part of a dataset, which has brackets in its name."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder
from neuroalign.results.store import ResultsStore

PART = "toy[animal=[A,B],region=IT]"
NUMBERS = "6 of 12 neurons of toy (animal=[A,B], region=IT)"
BY = "decoding[turns=0]"


@pytest.fixture(autouse=True)
def toy(dataset):
    recording = dataset.recording.assign_coords(
        animal=("neuroid", ["A", "B", "C"] * 4), region=("neuroid", ["IT"] * 9 + ["V4"] * 3)
    )
    write_folder(replace(dataset, identifier="toy", recording=recording), datasets_folder() / "toy")


@pytest.mark.slow
def test_scores_leaderboards_and_site(tmp_path, capsys):
    for model in ("neurons:toy[animal=C]", "pca[n=2]", "neuron_subset[n=3,seed=0]"):
        # The conditions stand in another order than in the name.
        assert run(["score", model, "toy[region=IT,animal=[B,A]]", "-b", BY]) == 0
        assert PART in capsys.readouterr().out
    assert run(["score", "pca[n=3]", "toy", "-b", BY]) == 0
    check_scores(capsys)
    check_leaderboards(capsys)
    check_site(tmp_path / "site")


def check_scores(capsys):
    assert {score.dataset for score in ResultsStore().scores()} == {PART, "toy"}
    stored = list(ResultsStore().scores(dataset=PART))
    assert {score.model for score in stored} == {
        "neurons:toy[animal=C]",
        "pca[n=2]",
        "neuron_subset[n=3,seed=0]",
    }
    for score in stored:
        assert score.provenance["part"] == NUMBERS
        assert score.notes.count(NUMBERS) == 1
    capsys.readouterr()
    # The score comes from the store, and has the note once.
    assert run(["score", "pca[n=2]", PART, "-b", BY, "--json"]) == 0
    [record] = json.loads(capsys.readouterr().out)["scores"]
    assert record["dataset"] == PART
    assert record["notes"].count(NUMBERS) == 1


def check_leaderboards(capsys):
    for style in ("table", "markdown", "latex"):
        assert run(["leaderboard", PART, "--format", style]) == 0
        shown = capsys.readouterr().out
        assert "toy[animal=[A,B],region=IT]" in shown.replace("{}", "").replace("\\allowbreak", ""), style
        assert "pca[n=3]" not in shown
    assert run(["leaderboard", PART, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["family"] for row in rows} == {
        "neurons:toy[animal=C]",
        "pca[n=2]",
        "neuron_subset[n=3,seed=0]",
    }
    assert run(["leaderboard", PART, "--json"]) == 0
    [board] = json.loads(capsys.readouterr().out)["leaderboards"]
    assert board["dataset"] == PART


def check_site(site):
    assert run(["leaderboard", PART, "--html", str(site)]) == 0
    [page] = (site / "datasets").iterdir()
    assert page.name.startswith("toy-animal-a-b-region-it-")
    first, text = (site / "index.html").read_text("utf-8"), page.read_text("utf-8")
    assert f"datasets/{page.name}" in first
    assert PART in first
    assert NUMBERS in text
    for path in site.rglob("*.html"):
        assert not set(path.name) & set("[]=,:"), path
        anchors = set(re.findall(r'(?:id|href)="#?([^"]*)"', path.read_text("utf-8"))) - {"data:,"}
        assert not [anchor for anchor in anchors if set(anchor) & set("[]=,: ")], path


def test_compare(capsys):
    assert (
        run(["compare", "neurons:toy[animal=C]", "pca[n=2]", PART, "-b", BY, "--no-ceiling", "--json"]) == 0
    )
    record = json.loads(capsys.readouterr().out)
    assert record["dataset"] == PART
    assert "neurons:toy[animal=C]" in json.dumps(record)


def test_descriptions(capsys):
    for command in (["data", "info"], ["info"], ["data", "validate"]):
        assert run([*command, "toy[region=V4,training=true]"]) == 0
        # Lines are wrapped at the width of the terminal.
        shown = " ".join(capsys.readouterr().out.split())
        assert "toy[region=V4,training=True]" in shown
        assert "3 of 12 neurons and 100 of 120 recorded stimuli of toy (region=V4, training=True)" in shown
    assert run(["info", "neurons:toy[region=V4]"]) == 0
    assert "neurons:toy[region=V4]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("toy[regio=IT]", "no column of toy is called 'regio'; did you mean region?"),
        (
            "toy[region=LIT]",
            "the column region of the neurons has no value LIT; did you mean IT? it has IT, V4",
        ),
        ("tooy[region=IT]", "dataset or benchmark is called 'tooy'; did you mean toy?"),
        ("toy[region=IT", "cannot read 'toy[region=IT': expected ',' or ']' at the end"),
    ],
)
def test_errors_are_one_line(name, message, capsys):
    for command in (
        ["score", "pca[n=2]", name],
        ["data", "info", name],
        ["leaderboard", name],
        ["info", name],
    ):
        assert run(command) == 2
        shown = capsys.readouterr().err.strip().replace("no dataset is", "no model, dataset or benchmark is")
        assert message in shown
        assert "\n" not in shown


def test_a_model_of_neurons_explains_its_part_alike(capsys):
    assert run(["score", "neurons:toy[animal=D]", "toy", "-b", BY]) == 2
    assert "the column animal of the neurons has no value D" in capsys.readouterr().err


def test_exported_parts_are_datasets(tmp_path, capsys):
    assert run(["data", "export", PART, str(tmp_path / "part.nc")]) == 0
    assert run(["data", "add", "again", "--responses", str(tmp_path / "part.nc")]) == 0
    capsys.readouterr()
    assert run(["data", "info", "again[animal=B]", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["neurons"] == 3
