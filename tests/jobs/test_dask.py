"""Jobs on two workers of Dask, with workers that die, and commands that are interrupted."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import pytest

from neuroalign.cli import run as run_cli
from neuroalign.datasets.folder import write_folder
from neuroalign.errors import NeuroalignError
from neuroalign.jobs import cluster, run_jobs
from neuroalign.testing import make_dataset

pytestmark = pytest.mark.slow

TRAIN = ["--set", "beta=1,4", "--set", "image_size=32", "--set", "n_latents=3", "--batch-size", "4"]


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """Two workers of one thread each, and the folder that they share."""
    distributed = pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROALIGN_HOME", str(folder))
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as local:
            yield local, folder


@pytest.fixture
def local(started, monkeypatch):
    cluster_here, folder = started
    monkeypatch.setenv("NEUROALIGN_HOME", str(folder))
    return cluster_here


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording") / "toy"
    write_folder(make_dataset("toy", n_stimuli=60, n_neurons=8, image_size=32), folder)
    return str(folder)


def kill_one_when(local, ready, killed):
    """Kill a worker as soon as `ready` returns a true value; Dask starts another one in its place."""

    def wait_and_kill():
        while not ready():
            time.sleep(0.01)
        victim = next(iter(local.workers.values())).process.pid
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


def scores(printed):
    """Output of ``neuroalign score --json`` without times."""
    document = json.loads(printed)
    for score in document["scores"]:
        for name in ("seconds", "latents_seconds", "created"):
            score["provenance"].pop(name)
    return document


def test_scores_are_the_same_when_a_worker_dies(local, recording, monkeypatch, tmp_path, capsys):
    killed, results = [], Path(os.environ["NEUROALIGN_HOME"], "results")
    command = [
        "score",
        "neuron_subset",
        recording,
        "-b",
        "correlation_ratio[turns=0,n_permutations=0]",
        "--json",
    ]
    thread = kill_one_when(local, lambda: any(results.glob("*/*.json")), killed)
    assert run_cli([*command, "--backend", "dask", "--address", local.scheduler_address]) == 0
    there = scores(capsys.readouterr().out)
    thread.join(timeout=60)
    assert len(killed) == 1
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "here"))
    assert run_cli(command) == 0
    assert there == scores(capsys.readouterr().out)
    assert len(there["scores"]) > 10


def test_an_interrupted_training_goes_on_although_a_worker_dies(local, recording, tmp_path):
    command = ["train", "beta_vae", recording, *TRAIN, "--steps", "1500"]
    on_dask = ["--output", str(tmp_path / "there"), "--backend", "dask", "--address", local.scheduler_address]
    checkpoints = tmp_path / "there" / "checkpoints"
    # A shell that starts pytest in the background lets its processes ignore the interruption.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "neuroalign", *command, *on_dask], stderr=subprocess.PIPE, text=True
    )
    try:
        # A training that waits for its modules would be cancelled before it has anything to write.
        wait_for(lambda: n_executing(local) == 2)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    # The tasks are cancelled; those that ran write their checkpoints and stop.
    wait_for(lambda: not local.scheduler.tasks)
    wait_for(lambda: len(list(checkpoints.glob("beta*.safetensors"))) == 2)

    killed = []
    thread = kill_one_when(local, lambda: n_running(local) == 2, killed)
    assert run_cli([*command, *on_dask]) == 0
    thread.join(timeout=60)
    assert len(killed) == 1
    assert run_cli([*command, "--output", str(tmp_path / "here")]) == 0
    there, here = (sorted((tmp_path / name).glob("*.safetensors")) for name in ("there", "here"))
    assert [path.name for path in there] == [path.name for path in here]
    assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here]
    assert len(there) == 2
    assert not any(checkpoints.iterdir())


def n_running(local):
    """Number of trainings that workers perform."""
    tasks = local.scheduler.tasks.values()
    return sum(task.state == "processing" and str(task.key).startswith("train_group") for task in tasks)


def n_executing(local):
    """Number of trainings that workers have begun."""
    with distributed_client(local) as client:
        begun = client.run(lambda dask_worker: [str(task.key) for task in dask_worker.state.executing])
    return sum(key.startswith("train_group") for keys in begun.values() for key in keys)


def distributed_client(local):
    return pytest.importorskip("distributed").Client(local.scheduler_address, set_as_default=False)


def test_a_job_that_kills_its_workers_is_given_up(local):
    local.scheduler.allowed_failures = 1
    with (
        cluster("dask", local.scheduler_address),
        pytest.raises(
            NeuroalignError,
            match=r"^the Dask cluster cannot run _exit: 2 workers died with it, .* more memory",
        ),
    ):
        run_jobs([joblib.delayed(os._exit)(1)], n_jobs=1, description="")
    local.scheduler.allowed_failures = 3


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
