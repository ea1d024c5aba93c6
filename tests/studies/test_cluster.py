"""Studies on a cluster: two workers of Dask, with one worker killed, and a stand-in for Ray."""

import os
import signal
import socket
import sys
import threading
import time
from types import ModuleType, SimpleNamespace

import joblib
import pytest

from neuroalign.cli import run as run_cli
from neuroalign.errors import UsageError
from neuroalign.jobs import cluster, run_jobs
from neuroalign.results.store import ResultsStore
from neuroalign.studies.run import plan_study, run_study

STUDY = """
name = "mine"
title = "A study of mine"
dataset = "AM-faces-sim"
grids = ["small"]
variance_explained = "alignment"
[families.pca.grids.small]
options = { n = [10, 12, 14, 16, 18, 20] }
[scorings.alignment]
options = { n_folds = 3, turns = 0, predictive_power = false }
[scorings.rotation]
benchmark = "linear_recombination"
options = { kind = "orthogonal", n_draws = 3 }
[[claims]]
name = "alignment drops"
kind = "drops"
statement = "Rotated neurons align worse."
test = { scoring = "rotation", families = ["pca"] }
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.fixture
def two_workers(neuroalign_home):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as local:
        yield local


def kill_when_scored(local, killed):
    """Kill a worker as soon as the first score is stored."""
    store = ResultsStore()
    while next(iter(store.scores()), None) is None:
        time.sleep(0.05)
    victim = next(iter(local.workers.values())).process.pid
    os.kill(victim, signal.SIGKILL)
    killed.append(victim)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_ends_with_the_same_report(
    study, tmp_path, two_workers, monkeypatch, capsys
):
    killed = []
    killer = threading.Thread(target=kill_when_scored, args=(two_workers, killed), daemon=True)
    killer.start()
    address = two_workers.scheduler_address
    arguments = [
        "reproduce", str(study), "--backend", "dask", "--address", address, "--output", str(tmp_path / "there"),
    ]  # fmt: skip
    assert run_cli(arguments) == 0
    killer.join(timeout=10)
    assert len(killed) == 1
    assert "score pca: done" in capsys.readouterr().err

    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "home"))
    assert run_cli(["reproduce", str(study), "--output", str(tmp_path / "here")]) == 0
    there, here = (tmp_path / folder / "report.html" for folder in ("there", "here"))
    assert there.read_bytes() == here.read_bytes()
    assert "6" in there.read_text(encoding="utf-8")


@pytest.mark.slow
def test_workers_that_see_another_folder_are_refused(two_workers, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "other"))
    with (
        pytest.raises(
            UsageError, match=r"does not share the folder .*/other: start it with NEUROALIGN_HOME="
        ),
        cluster("dask", two_workers.scheduler_address),
    ):
        pass
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--address", "tcp://127.0.0.1:1"], "--address needs --backend dask or --backend ray"),
        (["--backend", "dask"], "--backend dask needs --address"),
        (["--backend", "spark", "--address", "a:1"], "'spark' is not one of 'dask', 'ray'"),
    ],
)
def test_missing_options_are_named(study, arguments, message, capsys):
    assert run_cli(["reproduce", str(study), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_an_extra_that_is_missing_is_named(study, backend, package, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert run_cli(["reproduce", str(study), "--backend", backend, "--address", "127.0.0.1:1"]) == 2
    stderr = capsys.readouterr().err
    assert f"needs the package {package}: pip install 'neuroalign[{backend}]'" in stderr
    assert stderr.count("\n") == 1


def test_an_address_that_does_not_answer_is_named(study, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr("neuroalign.jobs.on_dask.SECONDS_TO_WAIT", 1)
    assert run_cli(["reproduce", str(study), "--backend", "dask", "--address", "tcp://127.0.0.1:1"]) == 2
    stderr = capsys.readouterr().err
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in stderr
    assert stderr.count("\n") == 1


class Reference:
    """Reference to the result of a task."""

    def __init__(self, value):
        self.value = value


class DeadNode(Exception):
    """Error of a cluster that died."""


class FakeRay(ModuleType):
    """Stand-in for Ray that runs tasks in this process, when they are submitted."""

    exceptions = SimpleNamespace(RayError=DeadNode)

    def __init__(self):
        super().__init__("ray")
        self.done, self.is_dead = [], False

    def init(self, *, address, runtime_env, **options):
        self.done.append(("init", runtime_env["env_vars"]))

    def shutdown(self):
        self.done.append("shutdown")

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, function):
        def run(*arguments):
            return Reference(function(*(getattr(argument, "value", argument) for argument in arguments)))

        return SimpleNamespace(remote=run, options=lambda **options: SimpleNamespace(remote=run))

    def wait(self, references, *, num_returns):
        print("(raylet) A worker died")
        return references[-num_returns:], references[:-num_returns]

    def get(self, reference):
        if self.is_dead:
            raise DeadNode("The local raylet died.")
        return reference.value


@pytest.fixture
def fake_ray(monkeypatch):
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    return ray


@pytest.mark.slow
def test_ray_gets_the_folder_and_the_jobs(study, tmp_path, dataset, fake_ray, neuroalign_home):
    text = study.read_text(encoding="utf-8").replace("[10, 12, 14, 16, 18, 20]", "[10, 12]")
    study.write_text(text.replace("n_draws = 3", "n_draws = 2"), encoding="utf-8")
    run = plan_study(study, dataset=dataset, folder=tmp_path / "there")
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        with cluster("ray", address):
            outcomes = run_study(run)
    assert outcomes["report"].state == "done"
    assert fake_ray.done == [("init", {"NEUROALIGN_HOME": str(neuroalign_home)}), "shutdown"]
    run_study(plan_study(study, dataset=dataset, folder=tmp_path / "here"))
    there, here = (tmp_path / folder / "report.html" for folder in ("there", "here"))
    assert there.read_bytes() == here.read_bytes()


def test_a_ray_cluster_that_does_not_answer_is_named(fake_ray):
    with (
        pytest.raises(UsageError, match=r"no Ray cluster answers at 127\.0\.0\.1:1: ConnectionRefused"),
        cluster("ray", "127.0.0.1:1"),
    ):
        pass


def test_lines_of_ray_stay_out_of_the_results_and_a_dead_node_is_named(fake_ray, capsys):
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        with cluster("ray", address):
            jobs = [joblib.delayed(pow)(2, 3), joblib.delayed(pow)(3, 2)]
            assert run_jobs(jobs, n_jobs=1, description="powers") == [8, 9]
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("(raylet) A worker died") == 2
        fake_ray.is_dead = True
        message = "a Ray worker cannot run jobs: DeadNode: The local raylet died."
        with pytest.raises(UsageError, match=message), cluster("ray", address):
            pass


TRAINING = """
[beta_vae.tiny]
beta = [1, 4]
seed = [0]
steps = 2
batch_size = 4
"""


@pytest.mark.slow
def test_a_study_trains_and_scores_its_instances(tmp_path, dataset):
    grid = tmp_path / "grid.toml"
    grid.write_text(TRAINING, encoding="utf-8")
    text = STUDY.replace("pca", "beta_vae").replace(
        "options = { n = [10, 12, 14, 16, 18, 20] }", f"train = '{grid}'"
    )
    path = tmp_path / "training.toml"
    path.write_text(text, encoding="utf-8")
    outcomes = run_study(plan_study(path, dataset=dataset, folder=tmp_path / "out"))
    assert [options["beta"] for options in outcomes["train beta_vae"].value] == [1.0, 4.0]
    assert outcomes["score beta_vae"].state == "done"
