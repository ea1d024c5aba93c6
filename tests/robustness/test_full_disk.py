"""Tests of disks that are full or cannot be written: one line, no crash, nothing lost, and scores are printed."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from neuroalign.cli import run
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.errors import FullDiskError
from neuroalign.files import netcdf
from neuroalign.files.home import write_file
from neuroalign.files.netcdf import write_netcdf
from neuroalign.files.netcdf_reading import read_netcdf
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset, make_score


def run_with_limit(n_bytes, action):
    """Run an action in a fork of this process that can write no file beyond some bytes; return error and exit code."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        try:
            action()
            message = "no error"
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        os.write(writing, message.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        message = pipe.read()
    return message, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def expect_full(outcome, folder):
    message, code = outcome
    assert code == 0, f"the process ended with {code}"
    assert message.startswith(
        f"FullDiskError: {folder} must have space for another file, got: file too large"
    )
    assert "neuroalign cache info" in message
    assert "\n" not in message


@pytest.mark.parametrize("n_bytes", [100, 4000])
def test_a_full_disk_leaves_the_earlier_score(tmp_path, n_bytes):
    store = ResultsStore(tmp_path)
    new = make_score(0.75, per_neuron={f"n{index}": 0.5 + index % 2 / 2 for index in range(1000)})
    store.save("ab12", make_score(0.25))
    expect_full(run_with_limit(n_bytes, lambda: store.save("ab12", new)), tmp_path / "ab")
    assert store.load("ab12").value == 0.25
    assert len(list((tmp_path / "ab").iterdir())) == 2


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("n_bytes", [1000, 790_000])
def test_a_full_disk_leaves_the_earlier_arrays(tmp_path, monkeypatch, in_memory, n_bytes):
    path = tmp_path / "arrays.nc"
    small, large = (xr.Dataset({"x": ("i", np.random.default_rng(0).normal(size=n))}) for n in (10, 100_000))
    write_netcdf(small, path, {})
    monkeypatch.setattr(netcdf, "_MOST_COPIED", (1 << 28) if in_memory else 0)
    expect_full(run_with_limit(n_bytes, lambda: write_netcdf(large, path, {})), tmp_path)
    xr.testing.assert_identical(read_netcdf(path), small)
    assert list(tmp_path.iterdir()) == [path]
    write_netcdf(large, path, {})
    xr.testing.assert_identical(read_netcdf(path), large)


def test_a_full_disk_leaves_the_earlier_dataset(tmp_path):
    old, new = (make_dataset(n_stimuli=n, n_neurons=5, n_factors=2, image_size=8) for n in (12, 40))
    write_folder(old, tmp_path / "d")
    before = read_folder(tmp_path / "d").content_hash
    for n_bytes in (50, 2000):
        message, code = run_with_limit(n_bytes, lambda: write_folder(new, tmp_path / "d", replace=True))
        assert code == 0
        assert message.startswith("FullDiskError: ")
        assert "neuroalign cache info" in message
    assert read_folder(tmp_path / "d").content_hash == before


def test_other_errors_of_the_disk_stay_what_they_are(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "file" / "inside", "text")
    assert not issubclass(FileExistsError, FullDiskError)


def arguments(folder):
    write_folder(make_dataset(n_stimuli=24, n_neurons=4, n_factors=2, image_size=16), folder)
    return ["score", "pca[n=3]", str(folder), "--benchmark", "correlation_ratio", "--permutations", "0"]


def test_a_score_is_printed_where_the_home_cannot_be_written(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "file" / "home"))
    assert run(arguments(tmp_path / "toy")) == 0
    output = capsys.readouterr()
    assert "correlation ratio" in output.out
    assert output.err.count("cannot be written (not a directory)") == 1
    assert output.err.count("note:") == output.err.count("\n")


@pytest.mark.slow
def test_a_score_is_printed_where_the_disk_is_full(tmp_path):
    code = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
from neuroalign.cli import main
main({arguments(tmp_path / "toy")!r})
"""
    environment = {**os.environ, "NEUROALIGN_HOME": str(tmp_path / "home")}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert "correlation ratio" in ran.stdout
    assert ran.stderr.count("cannot be written (no space left on device)") == 1
