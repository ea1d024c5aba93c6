"""Tests of processes that are killed at every step of the file system: nothing is lost, mixed or stuck."""

import json
import os
import shutil
import sys

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets import folder as folder_module
from neuroalign.datasets.catalogue import added_names, remove_dataset
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import DatasetError, NeuroalignWarning
from neuroalign.files.folders import put_folder
from neuroalign.files.home import TEMPORARY_PREFIX, private_name
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.training.weights_file import find_trained, write_trained
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset, make_score

from .kills import kill_at_every_step

KEY = "ab12"

#: Steps in which a dataset of two images is copied.
N_COPIED = 7


@pytest.fixture(autouse=True)
def _no_judge(monkeypatch):
    """Open files without the process that judges them, which takes longer than the tests."""
    monkeypatch.setattr("neuroalign.files.judging.expect_sound", lambda path: None)


def state_of(folder):
    """Return value and arrays of the only score of a store, by its own record, the index and the arrays alone."""
    store = ResultsStore(folder)
    score = store.load(KEY)
    if score is None:
        assert list(store.scores()) == []
        return None
    [listed] = store.scores()
    alone = store.load_arrays(KEY)["alignment"].values.tolist()
    assert listed.value == score.value
    assert score.data["alignment"].values.tolist() == alone
    return score.value, tuple(alone)


def test_a_killed_save_leaves_the_old_score_or_the_new_one():
    old = make_score(0.25, per_neuron={"a": 0.5, "b": 0.0})
    new = make_score(0.75, per_neuron={"a": 1.0, "b": 0.5, "c": 0.75})
    states = []
    for step, folder in kill_at_every_step(
        lambda folder: ResultsStore(folder).save(KEY, old), lambda folder: ResultsStore(folder).save(KEY, new)
    ):
        states.append(state_of(folder))
        ResultsStore(folder).save(KEY, old)
        assert ResultsStore(folder).load(KEY).value == 0.25, f"the score is stuck after a kill at step {step}"
    before, after = (0.25, (0.5, 0.0)), (0.75, (1.0, 0.5, 0.75))
    assert set(states) == {before, after}
    assert states == sorted(states), "the old score must be there until the new one is"
    assert len(states) >= 6


def test_a_killed_first_save_leaves_a_whole_score_or_none():
    new = make_score(0.75, per_neuron={"a": 1.0, "b": 0.5})
    states = [
        state_of(folder)
        for _, folder in kill_at_every_step(
            lambda folder: None, lambda folder: ResultsStore(folder).save(KEY, new)
        )
    ]
    assert states[0] is None
    assert set(states[states.index((0.75, (1.0, 0.5))) :]) == {(0.75, (1.0, 0.5))}


def test_arrays_of_another_score_under_the_key_are_a_miss(tmp_path):
    store = ResultsStore(tmp_path)
    store.save(KEY, make_score(0.25, per_neuron={"a": 0.5, "b": 0.0}))
    arrays = (tmp_path / "ab" / "ab12.nc").read_bytes()
    store.save(KEY, make_score(0.75, per_neuron={"a": 1.0, "b": 0.5}))
    for file in (tmp_path / "ab").glob("*.nc"):
        file.write_bytes(arrays)
    with pytest.warns(NeuroalignWarning, match="must be the arrays of this record, got other content"):
        assert store.load(KEY) is None


RECIPE = BetaVAERecipe(beta=4, seed=0)


def write_instance(folder, value):
    record = {
        "family": RECIPE.family,
        "architecture": "tiny",
        "stimulus_set": {"name": "toy", "content_hash": "0" * 64, "n_images": 3},
    }
    write_trained(folder, RECIPE, {"weight": np.full(3, value, np.float32)}, record | {"value": value})


def test_killed_training_leaves_the_old_weights_or_the_new_ones():
    states = []
    for _, folder in kill_at_every_step(
        lambda folder: write_instance(folder, 1.0), lambda folder: write_instance(folder, 2.0)
    ):
        [trained] = find_trained(folder, BetaVAERecipe)
        [value] = set(trained.weights({"weight": (3,)})["weight"].tolist())
        assert value == trained.record["value"]
        states.append(value)
    assert states == sorted(states)
    assert set(states) == {1.0, 2.0}


def weights_in(folder):
    return sorted(path.name for path in folder.rglob("*.safetensors"))


def test_weights_that_killed_training_left_are_shown_and_cleared(home_in, monkeypatch, capsys):
    n_left = []
    for step, home in kill_at_every_step(
        lambda home: write_instance(home / "models" / "beta_vae" / "toy", 1.0),
        lambda home: write_instance(home / "models" / "beta_vae" / "toy", 2.0),
    ):
        home_in(home)
        folder = home / "models" / "beta_vae" / "toy"
        [trained] = find_trained(folder, BetaVAERecipe)
        present, names = trained.weights({"weight": (3,)})["weight"][0], weights_in(folder)

        def shown():
            capsys.readouterr()
            assert run(["cache", "info", "--json"]) == 0
            return json.loads(capsys.readouterr().out)["unfinished"]["files"]

        temporary = [name for name in names if name.startswith(TEMPORARY_PREFIX)]
        n_temporary = shown()  # a process may be about to write the record of complete weights
        with monkeypatch.context() as patch:
            patch.setattr("neuroalign.files.home._SETTLED", -1.0)
            n_left.append(shown() - n_temporary)
            assert run(["cache", "clear", "unfinished", "--yes"]) == 0
            assert shown() == 0
        assert len(weights_in(folder)) == len(names) - len(temporary) - n_left[-1]
        assert find_trained(folder, BetaVAERecipe)[0].weights({"weight": (3,)})["weight"][0] == present, step
    assert set(n_left) == {0, 1}


def test_the_next_training_deletes_weights_that_killed_training_left(tmp_path, monkeypatch):
    write_instance(tmp_path, 1.0)
    beside = ["beta-40_seed-0.0123456789abcdef.safetensors", "other.safetensors"]
    for name in ("beta-4_seed-0.0123456789abcdef.safetensors", *beside):
        (tmp_path / name).write_bytes(b"weights")
    write_instance(tmp_path, 2.0)
    assert len(weights_in(tmp_path)) == 4  # another process may be about to write its record
    monkeypatch.setattr("neuroalign.files.home._SETTLED", -1.0)
    write_instance(tmp_path, 3.0)
    assert weights_in(tmp_path) == sorted(["beta-4_seed-0.safetensors", *beside])
    [trained] = find_trained(tmp_path, BetaVAERecipe)
    assert trained.weights({"weight": (3,)})["weight"].tolist() == [3.0] * 3


def make_small(n_stimuli):
    return make_dataset("toy", n_stimuli=n_stimuli, n_neurons=4, n_factors=2, image_size=8)


def files_of(folder):
    """Return the content of all files below a folder; None without the folder."""
    if not folder.exists():
        return None
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def home_in(monkeypatch):
    return lambda folder: monkeypatch.setenv("NEUROALIGN_HOME", str(folder))


@pytest.fixture
def old(tmp_path):
    write_folder(make_small(3), tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path):
    write_folder(make_small(2), tmp_path / "new")
    return tmp_path / "new"


def kill_data_command(home_in, old, action, *, write_again=False, **steps):
    """Kill a command that changes a dataset; return its files after each kill, which the next commands can use."""
    states = []

    def start(folder):
        home_in(folder)
        shutil.copytree(old, folder / "datasets" / "toy")

    for step, home in kill_at_every_step(start, action, **steps):
        names = added_names()
        state = files_of(home / "datasets" / "toy")
        assert (state is not None) == bool(names)
        assert run(["cache", "clear", "unfinished", "--yes"]) == 0
        assert added_names() == names
        names, entries = added_names(), {path.name for path in (home / "datasets").iterdir()}
        assert entries == set(names), f"something is left after a kill at step {step}"
        assert files_of(home / "datasets" / "toy") == state
        states.append(state)
        if write_again:
            write_folder(make_small(3), home / "datasets" / "toy", replace=bool(names))
            names = added_names()
        for name in names:
            remove_dataset(name)
        assert not list((home / "datasets").iterdir())
    return states


def replace_toy(home):
    write_folder(make_small(2), home / "datasets" / "toy", replace=True)


def expect_old_then_new(states, old, new):
    n_old = states.count(old)
    assert states == [old] * n_old + [new] * (len(states) - n_old)
    assert 0 < n_old < len(states)


def test_a_killed_removal_frees_the_name_or_keeps_the_dataset(home_in, old, capsys):
    states = kill_data_command(home_in, old, lambda home: remove_dataset("toy"))
    expect_old_then_new(states, files_of(old), None)


def test_a_killed_replacement_leaves_the_old_dataset_or_the_new_one(home_in, old, new, capsys):
    def put_new(home):
        shutil.copytree(new, home / "datasets" / private_name())
        put_folder(
            next((home / "datasets").glob(f"{TEMPORARY_PREFIX}*")), home / "datasets" / "toy", replace=True
        )

    # The copy takes the first steps.
    states = kill_data_command(home_in, old, put_new, first=N_COPIED)
    expect_old_then_new(states, files_of(old), files_of(new))


@pytest.mark.slow
def test_a_replacement_that_is_killed_at_any_step(home_in, old, new, capsys):
    states = kill_data_command(home_in, old, replace_toy, write_again=True)
    expect_old_then_new(states, files_of(old), files_of(new))
    assert len(states) > 20


def test_a_dataset_that_appears_while_another_is_written_is_kept(old, tmp_path, monkeypatch):
    write = folder_module._write_files

    def write_late(dataset, path):
        write(dataset, path)
        shutil.copytree(old, tmp_path / "toy", dirs_exist_ok=True)

    monkeypatch.setattr(folder_module, "_write_files", write_late)
    with pytest.raises(
        DatasetError, match="was written by another command at the same time; choose another name"
    ):
        write_folder(make_small(2), tmp_path / "toy")
    assert files_of(tmp_path / "toy") == files_of(old)
    write_folder(make_small(2), tmp_path / "toy", replace=True)
    assert files_of(tmp_path / "toy") != files_of(old)


def test_what_a_killed_command_left_is_shown_and_cleared(home_in, tmp_path, capsys):
    home_in(tmp_path)
    (tmp_path / "datasets").mkdir()
    for _, folder in kill_at_every_step(
        lambda folder: None, lambda folder: replace_toy(folder), first=9, every=1000
    ):
        [left] = (folder / "datasets").iterdir()
        left.rename(tmp_path / "datasets" / left.name)
        break
    ours = tmp_path / "results" / private_name(".json")
    ours.parent.mkdir()
    ours.write_text("{")
    capsys.readouterr()
    assert run(["cache", "info", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["unfinished"]
    n_files = sum(path.is_file() for path in (tmp_path / "datasets" / left.name).rglob("*"))
    assert shown["files"] == n_files + 1
    assert n_files > 0
    assert run(["cache", "clear", "unfinished", "--yes"]) == 0
    # This process runs, and may still write its file.
    assert not (tmp_path / "datasets" / left.name).exists()
    assert ours.exists()


def test_arrays_that_a_killed_save_left_are_shown_and_cleared(home_in, tmp_path, monkeypatch, capsys):
    home_in(tmp_path)
    old, new = make_score(0.25, per_neuron={"a": 0.5}), make_score(0.75, per_neuron={"a": 1.0})
    ResultsStore().save(KEY, old)
    ResultsStore().save("cd34", old)
    ResultsStore().save("cd34", new)
    used = {path.name for path in (tmp_path / "results").rglob("*.nc")}
    content = (tmp_path / "results" / "ab" / "ab12.nc").read_bytes()
    for name in ("ab/ab12.0123456789abcdef", "cd/cd34", "cd/cd99", "cd/cd34.0123456789abcdef"):
        (tmp_path / "results" / f"{name}.nc").write_bytes(content)
    capsys.readouterr()

    def shown():
        assert run(["cache", "info", "--json"]) == 0
        return json.loads(capsys.readouterr().out)["unfinished"]["files"]

    # A process may be about to write their records.
    assert shown() == 0
    monkeypatch.setattr("neuroalign.files.home._SETTLED", -1.0)
    assert shown() == 4
    assert run(["cache", "clear", "unfinished", "--yes"]) == 0
    assert {path.name for path in (tmp_path / "results").rglob("*.nc")} == used
    assert [ResultsStore().load(key).value for key in (KEY, "cd34")] == [0.25, 0.75]


@pytest.mark.slow
def test_of_eight_commands_that_add_one_name_one_wins(home_in, tmp_path):
    home_in(tmp_path)
    np.save(tmp_path / "cells.npy", np.random.default_rng(0).normal(size=(6, 4)))
    ready, go = os.pipe(), os.pipe()
    children = []
    for _ in range(8):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(writing, 2)
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - the process ends below
            os.write(ready[1], b"x")
            os.read(go[0], 1)
            code = run(
                [
                    "data",
                    "add",
                    "toy",
                    "--responses",
                    str(tmp_path / "cells.npy"),
                    "--axes",
                    "stimulus,neuroid",
                ]
            )
            sys.stderr.flush()
            os._exit(code)
        os.close(writing)
        children.append((pid, reading))
    for _ in children:
        os.read(ready[0], 1)
    os.write(go[1], b"x" * 8)
    codes, messages = [], []
    for pid, reading in children:
        with open(reading, encoding="utf-8") as pipe:
            messages.append(pipe.read())
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    assert sorted(codes) == [0] + [2] * 7, messages
    for code, message in zip(codes, messages, strict=True):
        complaints = [line for line in message.splitlines() if not line.startswith("neuroalign: note:")]
        assert code == 0 or "choose another" in complaints[-1]
        assert "Traceback" not in message
    assert added_names() == ["toy"]
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == ["toy"]
