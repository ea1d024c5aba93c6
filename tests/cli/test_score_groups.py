"""``neuroalign score --by``: a row for each group."""

import json
from dataclasses import replace

import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder
from neuroalign.results.store import ResultsStore


@pytest.fixture(autouse=True)
def toy(dataset):
    recording = dataset.recording.assign_coords(
        animal=("neuroid", ["Tito"] * 6 + ["Chabo"] * 6), region=("neuroid", ["IT"] * 10 + ["V4"] * 2)
    )
    write_folder(replace(dataset, identifier="toy", recording=recording), datasets_folder() / "toy")


def test_table_has_a_row_for_each_group(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["score", "neurons:toy[region=V4]", "toy", "-b", "ridge", "--by", "region,animal"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("neurons:toy[region=V4] on toy by region, animal (simulated neurons)\n")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    start = next(number for number, line in enumerate(lines) if line.startswith("region  animal  neurons"))
    assert lines[start].split()[3:7] == ["score", "chance", "ceiling", "shuffles"]
    rows = [line.split() for line in lines[start + 2 : start + 5]]
    assert [row[:3] for row in rows] == [["IT", "Chabo", "4"], ["IT", "Tito", "6"], ["V4", "Chabo", "2"]]
    stored = {score.dataset: score for score in ResultsStore().scores()}
    score = stored["toy[animal=Tito,region=IT]"]
    assert rows[1][3:6] == [f"{score.value:.3f}", "±", f"{score.error:.3f}"]
    assert "(6 more numbers of each row with --json)" in lines


def test_json_has_the_rows_with_their_groups(capsys):
    assert run(["score", "pca[n=2]", "toy", "-b", "linear", "--by", "animal", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["dataset"], document["by"], document["simulated"]) == ("toy", ["animal"], True)
    assert [row["conditions"] for row in document["rows"]] == [{"animal": "Chabo"}, {"animal": "Tito"}]
    assert [row["n_neurons"] for row in document["rows"]] == [6, 6]
    assert document["rows"][0]["score"]["dataset"] == "toy[animal=Chabo]"


def test_groups_without_a_score_are_listed(capsys):
    assert run(["score", "neuron_subset", "toy", "-b", "linear", "--by", "region,animal"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert (
        "no linear for [region=V4, animal=Chabo] (2 neurons): neuron_subset draws from at least 3 neurons"
        in out
    )


def test_a_column_that_does_not_exist(capsys):
    assert run(["score", "pca[n=2]", "toy", "-b", "linear", "--by", "regio"]) == 2
    assert "no column of toy is called 'regio'; did you mean region?" in capsys.readouterr().err
