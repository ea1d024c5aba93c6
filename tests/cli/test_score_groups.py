"""``neuroalign score`` with ``--by`` and ``--windows``: a row for each group or window."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder
from neuroalign.datasets.folder import write_folder
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_time_course


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


@pytest.mark.slow
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


@pytest.fixture
def course(tmp_path):
    """A recording of a signal from 100 ms on, and the path of a model of its factors."""
    dataset = make_time_course(signal=[0, 0, 1, 1], n_neurons=6, seed=2)
    write_folder(dataset, datasets_folder() / "course")
    np.savez(tmp_path / "factors.npz", values=dataset.factors.to_numpy(), ids=dataset.stimuli.ids)
    file = tmp_path / "truth.py"
    file.write_text(
        "import numpy as np, xarray as xr\n"
        f"with np.load({str(tmp_path / 'factors.npz')!r}) as stored:\n"
        "    factors = xr.DataArray(stored['values'], dims=('stimulus', 'unit'), coords={'stimulus': stored['ids']})\n"
        "noise = xr.DataArray(np.random.default_rng(0).standard_normal(factors.shape), factors.coords)\n"
    )
    return file


@pytest.mark.slow
def test_windows_have_p_values_and_a_latency(course, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    options = ["-b", "linear[n_permutations=39]", "--windows", "0:200:50", "--also", f"{course}:noise"]
    figure = tmp_path / "course.png"
    assert run(["score", f"{course}:factors", "course", *options, "--figure", str(figure)]) == 0
    shown = capsys.readouterr()
    assert f"written to {figure}" in shown.err
    assert figure.stat().st_size > 1000
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shown.out.startswith("factors, noise on course in 4 windows (simulated neurons)\n")
    out = " ".join(shown.out.split())
    assert "latency of factors: 100 ms (window 100 to 150 ms, midpoint 125 ms); 95 % interval" in out
    assert "latency of noise: none, no window has p ≤ 0.05" in out
    assert (
        "largest of 4 windows in each of 39 shuffles; the smallest possible p is 0.025, and "
        "linear[n_permutations=999] gives finer values" in out
    )
    assert run(["score", f"{course}:factors", "course", *options[:4], "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["window_ms"] for row in document["rows"]] == [[0, 50], [50, 100], [100, 150], [150, 200]]
    [test] = document["time_courses"]
    assert test["p"] == [row["p_over_windows"] for row in document["rows"]]
    assert test["p"][2] == 0.025
    assert test["latency_ms"]["start"] == 100


@pytest.mark.slow
def test_across_windows_prints_csv_and_draws_a_map(course, capsys, tmp_path):
    figure = tmp_path / "map.svg"
    call = ["score", f"{course}:factors", "course", "-b", "linear", "--windows", "bins", "--across-windows"]
    assert run([*call, "--figure", str(figure)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 16
    assert [rows[1][name] for name in ("fitted_start", "fitted_end", "tested_start")] == [
        "0.0",
        "50.0",
        "50.0",
    ]
    assert figure.read_text("utf-8").startswith("<?xml")
    assert run([*call, "--json"]) == 0
    [matrix] = json.loads(capsys.readouterr().out)["across_windows"]
    assert [score for row in matrix["scores"] for score in row] == [float(row["score"]) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--figure", "x.png"], "--figure must go with --windows; add --windows bins"),
        (["--across-windows"], "--across-windows must go with --windows"),
        (["--also", "pca"], "--also must go with --by or --windows"),
        (["--by", "animal", "--figure", "x.png"], "--figure must go with --windows"),
        (["--windows", "bins"], "windows need a recording with time bins, and toy has one response"),
        (["--windows", "bins", "--figure", "x.gif"], "the name of a figure must end in .svg, .pdf, .png"),
    ],
)
def test_options_that_do_not_fit(options, message, capsys):
    assert run(["score", "pca[n=2]", "toy", "-b", "linear", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_collection_has_no_groups(capsys):
    assert run(["score", "pca[n=2]", "toy[animal=*]", "-b", "linear", "--by", "region"]) == 2
    assert "--by and --windows must go with one dataset, got the collection" in capsys.readouterr().err
