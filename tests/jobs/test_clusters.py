"""Jobs on a cluster that performs its messages in this process: the same bytes, messages, and errors."""

import os
import warnings
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuroalign as na
from neuroalign.cli import run as run_cli
from neuroalign.datasets.collection import load_collection
from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.jobs import cluster, count_workers, end_of_command, run_jobs
from neuroalign.jobs import workers as workers_module
from neuroalign.jobs.packing import SHARED_BYTES, Packer
from neuroalign.jobs.sending import unpack
from neuroalign.jobs.workers import EndOfCommand, perform
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.training.loop import on_cluster
from neuroalign.model_zoo.training.loop.course import TrainingImages
from neuroalign.model_zoo.training.loop.groups import Group
from neuroalign.model_zoo.training.loop.runner import train
from neuroalign.model_zoo.training.loop.trainer import Interrupted, train_instance
from neuroalign.model_zoo.training.recipe import sweep
from neuroalign.models.model import FixedFamily
from neuroalign.scoring import shuffles_ahead
from neuroalign.scoring.collection import score_members
from neuroalign.scoring.evaluate import score_all
from neuroalign.scoring.grouped import score_by
from neuroalign.testing import make_dataset

RIDGE = "ridge[n_permutations=0]"


def call(function, *positional, **named):
    return joblib.delayed(function)(*positional, **named)


@pytest.fixture(scope="module")
def sessions():
    made = []
    for name, seed in (("day1", 1), ("day2", 2)):
        dataset = make_dataset(name, n_stimuli=30, n_neurons=4, seed=seed, image_size=8)
        regions = {"region": ("neuroid", ["A", "A", "B", "B"]), "animal": ("neuroid", [name] * 4)}
        made.append(replace(dataset, recording=dataset.recording.assign_coords(regions)))
    return made


# --- the same bytes ---


def test_results_come_in_the_order_of_the_jobs(in_process):
    assert count_workers(1) == 3
    assert run_jobs([call(pow, base, 2) for base in range(5)], n_jobs=1, description="") == [0, 1, 4, 9, 16]


def pca(*sizes):
    return FixedFamily("pca", [na.load_model(f"pca[n={n}]") for n in sizes])


def score_instances(sessions):
    # Two instances on three threads: their shuffles are divided into two parts.
    scores, failures = score_all(pca(2, 3), sessions[0], [RIDGE, "correlation_ratio"], n_permutations=5)
    assert len(scores) == 4
    assert not failures


def score_groups(sessions):
    assert all(
        group.score for group in score_by("pca[n=2]", sessions[0], RIDGE, by="region", n_permutations=3)
    )


def score_datasets(sessions):
    members = score_members(pca(2, 3), load_collection(sessions), [RIDGE])
    assert [len(member.scores) for member in members] == [2, 2]


@pytest.mark.parametrize(
    ("work", "names"),
    [
        (
            score_instances,
            [
                ["shuffle_instance of pca[n=2]"] * 2 + ["shuffle_instance of pca[n=3]"] * 2,
                ["score_instance of pca[n=2]", "score_instance of pca[n=3]"],
            ],
        ),
        pytest.param(
            score_groups,
            [["shuffle_instance of pca[n=2]"] * 4, ["score_instance_on_parts"] * 2],
            marks=pytest.mark.slow,
        ),
        (score_datasets, [["score_instance of pca[n=2]", "score_instance of pca[n=3]"] * 2]),
    ],
)
def test_a_cluster_does_not_change_a_byte(work, names, sessions, timeless_records, on_new_cluster):
    work(sessions)
    here = timeless_records()
    cluster = on_new_cluster(lambda: work(sessions))
    assert cluster.names == names
    assert timeless_records() == here
    assert len(here) >= 4


@pytest.mark.slow
def test_stored_shuffles_are_not_computed_again(sessions, in_process, monkeypatch):
    score_instances(sessions)
    parts = []
    monkeypatch.setattr(
        shuffles_ahead, "run_jobs", lambda jobs, **_: parts.extend(jobs) or [f(*p, **n) for f, p, n in jobs]
    )
    monkeypatch.setattr("neuroalign.scoring.instance.permutation_null", None)
    score_instances(sessions)
    assert len(parts) == 4


def test_the_command_scores_on_a_cluster(sessions, in_process, tmp_path, capsys):
    write_folder(sessions[0], tmp_path / "day1")
    assert run_cli(["score", "pca[n=2]", str(tmp_path / "day1"), "-b", RIDGE]) == 0
    assert in_process.names == [["score_instance of pca[n=2]"]]
    assert "pca[n=2]" in capsys.readouterr().out


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return StimulusSet.from_arrays(rng.integers(0, 256, (10, 32, 32), dtype=np.uint8), identifier="noise")


RECIPES = sweep(
    BetaVAERecipe, {"n_latents": 3, "image_size": 32, "steps": 6, "batch_size": 4, "beta": [1, 4]}
)


def weights(outcomes):
    return [outcome.trained.path.read_bytes() for outcome in outcomes]


def test_training_on_a_cluster_gives_the_same_weights(images, tmp_path, in_process):
    trained = weights(train(RECIPES, images, tmp_path / "there"))
    assert in_process.names == [["fitting_on_worker"], ["train_group"] * 2]
    assert trained == weights([train_alone(recipe, images, tmp_path / "here") for recipe in RECIPES])


def test_a_training_that_runs_again_after_its_end_trains_nothing(images, tmp_path, monkeypatch):
    trained = weights([train_alone(RECIPES[0], images, tmp_path)])
    monkeypatch.setattr(on_cluster, "train_together", None)
    group = Group(tuple(RECIPES[:1]), tmp_path / "checkpoints" / "beta-1_seed-0.safetensors")
    assert (
        weights(on_cluster.train_group(group, TrainingImages("noise", "", None), tmp_path, "cpu")) == trained
    )


def train_alone(recipe, images, folder):
    return train_instance(
        recipe, TrainingImages("noise", images.training().content_hash, images.pixels(32)), folder
    )


def test_training_stops_when_the_command_ends_and_another_command_resumes(
    images, tmp_path, on_new_cluster, monkeypatch
):
    whole = weights(train(RECIPES[:1], images, tmp_path / "whole"))
    monkeypatch.setattr(workers_module, "SECONDS_BETWEEN_LOOKS", 0.0)
    folder, steps = tmp_path / "parts", []

    class Ending(EndOfCommand):
        def is_set(self):
            steps.append(len(steps))
            if len(steps) == 4:
                self._mark.unlink()
            return super().is_set()

    monkeypatch.setattr(workers_module, "EndOfCommand", Ending)
    with pytest.raises(Interrupted):
        on_new_cluster(lambda: train(RECIPES[:1], images, folder))
    assert len(steps) == 4
    assert len(list((folder / "checkpoints").iterdir())) == 1
    monkeypatch.setattr(workers_module, "EndOfCommand", EndOfCommand)
    on_new_cluster(lambda: train(RECIPES[:1], images, folder))
    assert [path.read_bytes() for path in folder.glob("*.safetensors")] == whole


# --- messages ---


def test_a_dataset_is_sent_once_and_stays_one_object(sessions, in_process):
    score_instances(sessions)
    assert len(in_process.shared[1]) == 2  # the dataset, and its stimuli
    packer = Packer()
    messages = [packer.pack((n, sessions[0], [sessions[0].stimuli])) for n in range(2)]
    data = {}
    for key, message in packer.shared.items():
        data[key] = unpack(message, *(data[own] for own in message.keys))
    first, second = (unpack(message, *(data[key] for key in message.keys)) for message in messages)
    assert first[1] is second[1]
    assert first[1].stimuli is second[2][0]
    assert first[1].content_hash == sessions[0].content_hash
    assert len(messages[0].content) < 1000
    assert packer.stimuli == [sessions[0].stimuli]


NUMBERS = st.integers(0, 2).map(lambda n: np.full(SHARED_BYTES // 8 + n, float(n)))
LEAVES = st.one_of(st.integers(), st.text(), NUMBERS, st.just(b"x" * SHARED_BYTES), st.just(np.arange(3)))
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@settings(max_examples=10)
@given(NESTED)
def test_messages_unpack_to_the_packed_object_and_large_arrays_once(value):
    packer = Packer()
    messages = [packer.pack([value]), packer.pack((value, value))]
    data = {key: unpack(message) for key, message in packer.shared.items()}
    first, second = (unpack(message, *(data[key] for key in message.keys)) for message in messages)
    for received in (*first, *second):
        np.testing.assert_equal(received, value)
    assert len(packer.shared) <= 4
    assert all(len(message.content) < SHARED_BYTES for message in messages)


def test_arrays_that_take_the_place_of_others_in_memory_are_not_mixed_up():
    packer = Packer()
    for n in range(20):
        message = packer.pack([np.full(SHARED_BYTES, n, dtype=np.uint8)])
        [key] = message.keys
        assert unpack(packer.shared[key])[0] == n


# --- errors ---


def warn(text):
    warnings.warn(text, NeuroalignWarning, stacklevel=1)
    return text


def test_errors_and_warnings_of_jobs_reach_the_command(in_process):
    with pytest.raises(ZeroDivisionError):
        run_jobs([call(divmod, 1, 0)], n_jobs=1, description="")
    with pytest.warns(NeuroalignWarning, match="strange"):
        assert run_jobs([call(warn, "strange")], n_jobs=1, description="") == ["strange"]


def test_errors_of_the_cluster_itself_are_named(in_process, monkeypatch):
    monkeypatch.setattr(in_process, "submit", lambda *_: (pair for pair in [(0, OSError("no\nroom"))]))
    with pytest.raises(NeuroalignError, match=r"^the test cluster cannot run divmod: OSError: no room$"):
        run_jobs([call(divmod, 1, 0)], n_jobs=1, description="")


def test_a_worker_that_joins_late_is_checked_too(session, monkeypatch, new_home):
    message = Packer().pack(tuple(call(pow, 2, 3)))
    assert perform(message, session).open() == 8
    strange = replace(session, version="0.0")
    with pytest.raises(UsageError, match=r"^a worker must have neuroalign 0\.0, got "):
        perform(message, strange).open()
    session.marks[0].unlink()
    with pytest.raises(
        UsageError, match=f"^a worker does not share the folder {session.folder}: start it with "
    ):
        perform(message, session).open()
    session.marks[0].touch()
    output = replace(session, marks=(*session.marks, Path("/weights/mark")))
    with pytest.raises(
        UsageError, match="does not share the folder /weights: name a folder on a shared disk"
    ):
        perform(message, output).open()
    monkeypatch.setenv("NEUROALIGN_HOME", str(new_home()))
    with pytest.raises(UsageError, match="does not share the folder"):
        perform(message, session).open()


def test_workers_that_cannot_read_the_images_are_refused(sessions, in_process, tmp_path):
    write_folder(sessions[0], tmp_path / "day1")
    dataset = na.load_dataset(tmp_path / "day1")
    images = tmp_path / "day1" / "images"
    changed = images.stat().st_mtime_ns
    for path in list(images.iterdir()):
        path.rename(tmp_path / path.name)
    # The command itself sees no change of the folder; on another machine the files would be missing alone.
    os.utime(images, ns=(changed, changed))
    with pytest.raises(UsageError, match=r"^the worker here cannot read the images of toy: "):
        score_all(FixedFamily("two", [na.load_model("pca[n=2]")]), dataset, [RIDGE])
    assert in_process.names == []


def test_the_end_of_the_command_is_noticed(session, monkeypatch):
    monkeypatch.setattr(workers_module, "SECONDS_BETWEEN_LOOKS", 0.0)
    end = EndOfCommand(session)
    assert not end.is_set()
    session.marks[0].unlink()
    assert end.is_set()
    assert not end_of_command().is_set()


def test_a_relative_home_is_refused(monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", "here")
    with (
        pytest.raises(
            UsageError, match="NEUROALIGN_HOME must be an absolute path for jobs on a cluster, got here"
        ),
        cluster("dask", "tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize(
    "command", [["score", "pca[n=2]", "AM-faces-sim"], ["train", "beta_vae", "AM-faces-sim"]]
)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--address", "tcp://127.0.0.1:1"], "--address needs --backend dask or --backend ray"),
        (["--backend", "dask"], "--backend dask needs --address, the address of a running cluster"),
    ],
)
def test_missing_options_are_named(command, options, message, capsys):
    assert run_cli([*command, *options]) == 2
    assert capsys.readouterr().err == f"neuroalign: {message}\n"
