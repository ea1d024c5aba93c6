"""The commands ``neuroalign data …``, as a user types them."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import scipy.io
import xarray as xr
from click.testing import CliRunner

from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import added_names, datasets_folder
from neuroalign.errors import DatasetError, NeuroalignError, UnknownNameError, UsageError
from neuroalign.metrics import reliability

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])


@pytest.fixture
def run():
    def call(*args, **options):
        return CliRunner().invoke(data, [str(arg) for arg in args], **options)

    return call


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "x.npy", MEANS)
    return tmp_path / "x.npy"


@pytest.fixture
def added(run, file):
    assert run("add", "cells", "--responses", file, "--axes", "neuroid,stimulus").exit_code == 0


def test_add(run, file):
    result = run("add", "cells", "--responses", file, "--axes", "neuroid,stimulus", "--region", "AM")
    assert result.exit_code == 0
    assert result.stdout == "Added cells: 3 recorded neurons × 4 stimuli, averaged, no images\n"
    assert result.stderr == "neuroalign: note: Stimulus ids are their position, numbered from 0.\n"
    assert added_names() == ["cells"]


def test_add_prints_one_json_document(run, file):
    result = run("add", "cells", "--responses", file, "--axes", "neuroid,stimulus", "--json")
    assert json.loads(result.stdout)["neurons"] == 3


def test_add_takes_the_files_of_a_wildcard(run, file, tmp_path):
    np.save(tmp_path / "y.npy", MEANS + 1)
    result = run("add", "cells", "--responses", file, tmp_path / "y.npy", "--axes", "neuroid,stimulus")
    assert "6 recorded neurons × 4 stimuli" in result.stdout
    result = run(
        "add", "again", f"--responses={file}", "--responses", tmp_path / "y.npy", "--axes", "neuroid,stimulus"
    )
    assert "6 recorded neurons × 4 stimuli" in result.stdout


def test_add_says_what_was_left_out(run, tmp_path):
    values = np.vstack([MEANS, np.ones(4)])
    np.save(tmp_path / "x.npy", values)
    result = run(
        "add",
        "cells",
        "--responses",
        tmp_path / "x.npy",
        "--axes",
        "neuroid,stimulus",
        "--drop",
        "constant-neuroids",
    )
    assert "note: 1 neuroids left out: cells-3." in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--drop", "everything"], "is not one of"),
        (["--format", "excel"], "is not one of"),
    ],
)
def test_wrong_options(run, file, args, message):
    result = run("add", "cells", "--responses", file, "--axes", "neuroid,stimulus", *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert added_names() == []


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["add", "cells", "--responses", "absent.npy"], DatasetError),
        (["add", "../cells", "--responses", "absent.npy"], DatasetError),
        (["info", "absent"], UnknownNameError),
        (["validate", "absent"], UnknownNameError),
        (["remove", "absent"], UnknownNameError),
        (["export", "absent", "x.nc"], UnknownNameError),
    ],
)
def test_errors_are_ours_and_mean_a_wrong_call(run, args, error):
    result = run(*args)
    assert isinstance(result.exception, error)
    assert isinstance(result.exception, NeuroalignError)
    assert result.exception.exit_code == UsageError.exit_code == 2
    assert result.stdout == ""


def test_list(run, added):
    assert run("list").stdout == "cells: 3 recorded neurons × 4 stimuli, averaged, no images\n"
    listed = json.loads(run("list", "--json").stdout)
    assert listed["folder"] == str(datasets_folder())
    assert [row["name"] for row in listed["datasets"]] == ["cells"]


def test_list_of_none(run):
    result = run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "neuroalign data add --help" in result.stderr
    assert json.loads(run("list", "--json").stdout)["datasets"] == []


def test_list_shows_damaged_datasets(run, added):
    (datasets_folder() / "cells" / "recording.nc").write_bytes(b"x")
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout.startswith("cells: damaged: cannot read ")


def test_info(run, added):
    shown = run("info", "cells").stdout
    assert "neurons                     3\n" in shown
    assert "responses                   x.npy, SHA-256\n" in shown
    described = json.loads(run("info", "cells", "--json").stdout)
    assert described["averaged"] is True
    assert json.loads(run("info", datasets_folder() / "cells", "--json").stdout) == described


def test_validate(run, file, tmp_path):
    np.save(tmp_path / "t.npy", np.stack([MEANS, MEANS + 1], axis=2))
    run("add", "cells", "--responses", tmp_path / "t.npy", "--axes", "neuroid,stimulus,repetition")
    result = run("validate", "cells")
    assert result.exit_code == 0
    trials = np.stack([MEANS.T, MEANS.T + 1], axis=1)  # stimuli, repetitions, neurons
    median = np.median(reliability(trials).per_neuron)
    assert f"reliability                     median {median:.4g}, lower quartile " in result.stdout
    assert result.stdout.rstrip().endswith("none")
    assert json.loads(run("validate", "cells", "--json").stdout)["problems"] == []


def test_validate_reports_problems_and_exits_with_1(run, added):
    with xr.open_dataset(datasets_folder() / "cells" / "recording.nc", engine="h5netcdf") as opened:
        spoilt = opened.load()
    spoilt["recording"][:, 1] = 4.0
    spoilt.to_netcdf(datasets_folder() / "cells" / "recording.nc", engine="h5netcdf")
    result = run("validate", "cells")
    assert result.exit_code == 1
    assert "its content differs from its SHA-256 in SHA256SUMS" in " ".join(result.stdout.split())
    (datasets_folder() / "cells" / "SHA256SUMS").unlink()
    result = run("validate", "cells")
    assert result.exit_code == 1
    assert "PROBLEM" in result.stdout
    assert "respond to all stimuli alike: cells-1" in " ".join(result.stdout.split())
    result = run("validate", "cells", "--json")
    assert (result.exit_code, len(json.loads(result.stdout)["problems"])) == (1, 1)


def test_validate_of_a_damaged_dataset(run, added):
    (datasets_folder() / "cells" / "recording.nc").unlink()
    result = run("validate", "cells", "--json")
    assert result.exit_code == 1
    assert "is missing" in json.loads(result.stdout)["problems"][0]


def test_remove_asks(run, added):
    assert run("remove", "cells", input="n\n").exit_code == 1
    assert added_names() == ["cells"]
    assert run("remove", "cells", input="y\n").stdout.endswith("Removed cells\n")
    assert added_names() == []


def test_remove_without_asking(run, added):
    assert run("remove", "cells", "--yes").exit_code == 0
    assert added_names() == []


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("400,100", "the window 400,100 must start before it ends, both in milliseconds"),
        ("soon", "the window must be two numbers START,END in milliseconds, such as 100,400, got 'soon'"),
    ],
)
def test_wrong_windows(run, tmp_path, window, message):
    (tmp_path / "x.nc").write_bytes(b"CDF")
    result = run("add", "cells", "--responses", tmp_path / "x.nc", "--window", window)
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == message
    assert added_names() == []


def test_export(run, added, tmp_path):
    target = tmp_path / "out.nc"
    assert run("export", "cells", target).exit_code == 0
    result = run("export", "cells", target)
    assert isinstance(result.exception, DatasetError)
    assert "--force" in str(result.exception)
    assert run("export", "cells", target, "--force").exit_code == 0
    assert run("add", "back", "--responses", target).exit_code == 0
    assert json.loads(run("info", "back", "--json").stdout)["neurons"] == 3


def test_every_command_explains_itself(run):
    for command in ("add", "formats", "list", "info", "validate", "landmarks", "remove", "export"):
        result = run(command, "--help")
        assert result.exit_code == 0
        assert "Usage:" in result.stdout
    assert "--axes" in run("add", "--help").stdout
    assert "Examples:" in run("add", "--help").stdout


def test_help_is_quick():
    """The modules that --help imports must not load the numerics."""
    code = (
        "import sys; import neuroalign.cli.data; "
        "print([m for m in ('numpy', 'xarray', 'pandas', 'torch', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_add_says_which_variable_it_took(run, tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"resp": MEANS, "names": "abc", "rate": 30.0})
    result = run("add", "cells", "--responses", tmp_path / "x.mat", "--axes", "neuroid,stimulus")
    assert result.exit_code == 0
    note = "Responses are the variable resp (3 × 4) of x.mat; other variables: rate (1 × 1), names (text)."
    assert f"neuroalign: note: {note}\n" in result.stderr
    assert note in json.loads(run("info", "cells", "--json").stdout)["notes"]


def test_info_has_all_lines_of_a_note_in_one_column(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    scipy.io.savemat(tmp_path / "x.mat", {"resp": MEANS, "names": "abc", "rate": 30.0})
    run("add", "cells", "--responses", tmp_path / "x.mat", "--axes", "neuroid,stimulus")
    lines = run("info", "cells").stdout.splitlines()
    start = next(row for row, line in enumerate(lines) if "Responses are" in line)
    assert lines[start : start + 3] == [
        "note                        Responses are the variable resp",
        "                            (3 × 4) of x.mat; other",
        "                            variables: rate (1 × 1), names",
    ]


def test_add_takes_plain_hdf5_in_a_stated_order(run, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["r"] = MEANS
    asked = run("add", "cells", "--responses", tmp_path / "x.h5", "--axes", "neuroid,stimulus")
    assert isinstance(asked.exception, DatasetError)
    assert "--format hdf5" in str(asked.exception)
    args = ("--responses", tmp_path / "x.h5", "--axes", "neuroid,stimulus", "--format", "hdf5")
    assert "3 recorded neurons × 4 stimuli" in run("add", "cells", *args).stdout


def test_formats_are_listed_with_their_options(run):
    lines = [" ".join(line.split()) for line in run("formats").stdout.splitlines()]
    first = lines.index("brainio BrainIO netCDF, as of Brain-Score (.nc)")
    assert lines[first + 1].startswith("--window")
    first = lines.index("csv matrix as text with commas, semicolons, tabs or blanks (.csv, .tsv, .txt)")
    assert lines[first + 1].startswith("--csv-labels --decimal")
    rows = {row["format"]: row for row in json.loads(run("formats", "--json").stdout)}
    readers = {"brainio", "csv", "hdf5", "matlab", "npy", "npz", "nwb", "phy", "rasters", "sensorium"}
    assert readers <= set(rows)
    assert rows["rasters"] == {
        "format": "rasters",
        "title": "rasters of the Neural Decoding Toolbox: folder, archive or files",
        "suffixes": [".zip"],
        "options": ["window", "bins", "stimulus_onset", "stimulus_labels"],
        "gives": ["recording", "stimuli"],
    }


@pytest.mark.parametrize(
    "command", ["add", "formats", "list", "info", "validate", "landmarks", "remove", "export"]
)
def test_help_fits_into_80_columns(run, command):
    result = run(command, "--help", terminal_width=80)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
