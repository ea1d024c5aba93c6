"""Tests of disks that are full or cannot be written: one line, no crash, nothing lost, and scores are printed."""

import contextlib
import gc
import os
import resource
import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr

from neuroalign import arrays, score
from neuroalign.cli import run
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.errors import FullDiskError
from neuroalign.files import netcdf
from neuroalign.files.home import write_file
from neuroalign.files.netcdf import write_netcdf
from neuroalign.files.netcdf_reading import read_netcdf
from neuroalign.models.latents_file import MEMORY_VARIABLE
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset, make_score

from .commands import start
from .losses import Battery, cases


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


class Batches:
    """The first pixels of each image, in batches."""

    identifier = "batches"
    fingerprint = "f" * 64

    def latents(self, stimuli):
        pixels = stimuli.pixels().reshape(len(stimuli), -1)[:, :3]
        return arrays.latents(pixels, stimulus=stimuli.ids, unit=["a", "b", "c"])

    def latent_batches(self, stimuli):
        whole = self.latents(stimuli)
        for first in range(0, len(stimuli), 5):
            yield whole[first : first + 5]


def test_latents_larger_than_memory_where_the_home_cannot_be_written(tmp_path, monkeypatch):
    dataset = make_dataset(n_stimuli=24, n_neurons=4, n_factors=2, image_size=16)
    expected = score(Batches(), dataset, "correlation_ratio", use_cache=False)
    (tmp_path / "file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv(MEMORY_VARIABLE, "0.0001")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scored = score(Batches(), dataset, "correlation_ratio")
    assert scored.value == expected.value
    [message] = {str(warning.message) for warning in caught}
    assert message.startswith(f"{tmp_path / 'file' / 'home'} cannot be written (not a directory)")
    gc.collect()
    assert list((tmp_path / "elsewhere").iterdir()) == []


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


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 16 MiB, which has room for a trained network."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
        subprocess.run(mount, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk of memory can be mounted here: {getattr(error, 'stderr', None) or error}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk, left):
    """Fill a disk except for some bytes."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(disk / "filler", max(0, (disk / "filler").stat().st_size - left))


def lines_of(text):
    beside = ("neuroalign: note:", "neuroalign: conflict:")
    return [line for line in text.splitlines() if not line.startswith(beside)]


def run_on_full_disk(battery, name, left):
    """Run a command on a full disk; return its exit code, after a search for losses."""
    case = cases(battery.folder)[name]
    battery.renew(case)
    fill(battery.home.parent, left)
    code, text = start(case.words, battery.folder).finish()
    lines = lines_of(text)
    assert code in (0, 1), text
    assert len(lines) == code, text
    for line in lines:
        assert "must have space for another file, got: no space left on device" in line
    (battery.home.parent / "filler").unlink()
    assert battery.losses(case, again=True) == [], (name, left)
    return code


@pytest.fixture
def battery(small_disk, tmp_path, monkeypatch, request):
    monkeypatch.setattr("neuroalign.files.judging.expect_sound", lambda path: None)
    made = Battery(tmp_path, small_disk / "home", trains=request.param)
    monkeypatch.setenv("NEUROALIGN_HOME", str(made.home))
    return made


@pytest.mark.parametrize("battery", [False], indirect=True)
def test_a_small_disk_that_is_full(battery):
    assert run_on_full_disk(battery, "force", 8192) == 1


@pytest.mark.slow
@pytest.mark.parametrize("battery", [True], indirect=True)
def test_every_command_on_a_small_disk_that_is_full(battery):
    codes = {
        (name, left): run_on_full_disk(battery, name, left)
        for name in cases(battery.folder)
        for left in (0, 4096, 16384, 65536, 262144)
    }
    assert {codes["score", left] for left in (0, 4096, 65536)} == {0}
    assert {codes["remove", left] for left in (0, 4096, 65536)} == {0}
    assert {codes["add", left] for left in (0, 4096)} == {1}
    assert codes["add", 262144] == 0
