import os
import re
import signal
import subprocess
import sys
import time
from types import MappingProxyType

import pytest

from neuroalign.cli import run as run_cli
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.errors import UsageError
from neuroalign.model_zoo.beta_vae import BetaVAE
from neuroalign.model_zoo.neuron_subset import NeuronSubset
from neuroalign.results.store import ResultsStore
from neuroalign.studies.members import load_members
from neuroalign.studies.report_text import explain_simulation
from neuroalign.studies.run import plan_study, run_study
from neuroalign.studies.selected import describe_instance

STUDY = """
name = "mine"
title = "A study of mine"
dataset = "AM-faces-sim"
grids = ["small"]
variance_explained = "alignment"
[families.pca.grids.small]
options = { n = [10, 12, 14] }
[families.ghost]
model = "vgg_face"
[scorings.alignment]
options = { n_folds = 3, turns = 0, predictive_power = false }
[[claims]]
name = "pca is best"
kind = "best"
statement = "PCA aligns best."
test = { scoring = "alignment", subject = "pca" }
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "mine.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


class Killed(BaseException):
    pass


@pytest.mark.slow
def test_a_killed_study_goes_on_to_the_same_report(study, tmp_path, dataset, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "home"))
    finished = []

    def kill(line):
        finished.append(line)
        raise Killed

    with pytest.raises(Killed):
        run_study(plan_study(study, dataset=dataset, folder=tmp_path / "killed"), tell=kill)
    assert finished == ["score pca: done"]
    assert not (tmp_path / "killed" / "report.html").exists()
    outcomes = run_study(plan_study(study, dataset=dataset, folder=tmp_path / "killed"))
    assert (outcomes["report"].state, outcomes["score ghost"].state) == ("done", "left out")
    run_study(plan_study(study, dataset=dataset, folder=tmp_path / "whole"))
    report = (tmp_path / "killed" / "report.html").read_bytes()
    assert report == (tmp_path / "whole" / "report.html").read_bytes()
    text = report.decode()
    assert "are simulated" in text
    assert ">undecided</span>" in text
    # The report loads nothing from other machines.
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)


@pytest.mark.slow
def test_a_study_that_is_killed_from_outside_goes_on_to_the_same_report(study, tmp_path):
    def start(home, folder):
        return subprocess.Popen(
            [sys.executable, "-m", "neuroalign", "reproduce", str(study), "--output", str(folder)],
            env={**os.environ, "NEUROALIGN_HOME": str(tmp_path / home)},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    killed = start("home", tmp_path / "killed")
    store = ResultsStore(tmp_path / "home" / "results")
    while not (stored := list(store.items())):
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert len(stored) < 3
    assert not (tmp_path / "killed" / "report.html").exists()
    first = stored[0][1].provenance["created"]
    assert start("home", tmp_path / "killed").wait() == 0
    # Scores from before the kill were not computed again.
    assert first in {score.provenance["created"] for score in store.scores()}
    assert start("other", tmp_path / "whole").wait() == 0
    killed_report, whole_report = (tmp_path / folder / "report.html" for folder in ("killed", "whole"))
    assert killed_report.read_bytes() == whole_report.read_bytes()


def test_steps_are_listed_without_doing_them(study, tmp_path, capsys):
    assert run_cli(["reproduce", str(study), "--dry-run", "--output", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    # Rows after the first row of a step are indented further.
    lines = re.sub(r"\n {13}", " ", out).splitlines()
    names = [re.split(r"  +", line.strip())[-1] for line in lines]
    assert [name.partition(":")[0] for name in names] == [
        "score pca",
        "score ghost",
        "select",
        "test claims",
        "figures",
        "report",
        "in total",
    ]
    assert "left out (vgg_face needs weights" in names[1]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_papers_instances_are_counted(capsys):
    assert run_cli(["reproduce", "higgins2020", "--grid", "paper", "--dry-run"]) == 0
    rows = re.sub(r"\n {13}", " ", capsys.readouterr().out).splitlines()
    lines = [re.split(r"  +", row.strip()) for row in rows]
    times = {name: seconds for seconds, name in lines}
    # 400 β-VAEs of a million steps with sixteen images, at the median rate of the bundled instances.
    rates = sorted(weights.record["images_per_second"] for _, weights in BetaVAE().bundled())
    days = 400 * 16_000_000 / rates[len(rates) // 2] / 86_400
    assert times["train β-VAE"] == f"{days:.0f} days"
    assert times["in total"].endswith(" days")
    assert int(times["in total"].split()[0]) > days


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["higgins2021"], "did you mean higgins2020?"),
        (["higgins2020", "--grid", "smal"], "did you mean small?"),
        (["higgins2020", "--jobs", "0"], "jobs must be positive"),
    ],
)
def test_mistakes_are_reported_in_one_line(arguments, message, capsys):
    assert run_cli(["reproduce", *arguments]) == 2
    stderr = capsys.readouterr().err
    assert message in stderr
    assert stderr.strip().count("\n") == 0


def test_simulated_recordings_are_said_to_be_so():
    single, mixed = (explain_simulation(load_dataset(f"AM-faces-sim{end}")) for end in ("", "-mixed"))
    assert "Most neurons were built to follow one generative factor each" in single
    assert "The neurons were built to follow mixtures of factors, 7 each at the median" in mixed


def test_classifiers_are_selected_by_their_accuracy_on_the_test_set():
    class Classifier:
        identifier = "classifier[n_latents=10,seed=0]"
        record = MappingProxyType(
            {
                "recipe": {"n_latents": 10},
                "final": {
                    "objective": -0.1,
                    "training_accuracy": 0.99,
                    "validation_accuracy": 0.97,
                    "accuracy": 0.94,
                },
            }
        )

        def latents(self, stimuli):
            raise NotImplementedError

    assert describe_instance(Classifier()) == {
        "instance": "classifier[n_latents=10,seed=0]",
        "n_units": 10,
        "objective": -0.1,
        "accuracy": 0.94,
    }


def test_subsets_of_more_neurons_than_there_are_are_replaced_with_a_note(
    dataset_factory, tmp_path, monkeypatch
):
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "home"))
    text = """
name = "mine"
title = "A study of mine"
dataset = "AM-faces-sim"
grids = ["small"]
variance_explained = "ratio"
[families.subsets]
model = "neuron_subset"
is_ceiling = true
[families.subsets.grids.small]
options = { n = [4, 8, 30], seed = [0, 1] }
[scorings.ratio]
benchmark = "correlation_ratio"
options = { n_permutations = 0, turns = 0, predictive_power = false }
"""
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    run = plan_study(path, dataset=dataset_factory(n_neurons=12), folder=tmp_path / "out")
    steps = {step.name: step for step in run.steps()}
    note = "12 neurons, too few for subsets of 30: subsets of 11 stand in for these"
    with pytest.warns(UserWarning, match=note):
        scored = steps["score subsets"].run({})
    assert [model.identifier for model in scored.models] == [
        f"neuron_subset[n={n},seed={seed}]" for n in (4, 8, 11) for seed in (0, 1)
    ]
    # The report lists the replaced instances.
    assert list(scored.impossible) == ["n=30, seed=0", "n=30, seed=1"]
    assert all(reason.endswith(note) for reason in scored.impossible.values())


def test_a_family_without_a_possible_instance_says_why(dataset_factory):
    with pytest.raises(UsageError, match=r"ica\[n=0\]: n must be a whole number of at least 1"):
        load_members("ica", {"n": [0, -1]}, dataset_factory())
    family, impossible = load_members("ica", {"n": [0, 2]}, dataset_factory())
    assert [model.identifier for model in family.instances()] == ["ica[n=2]"]
    assert list(impossible) == ["n=0"]
    assert impossible["n=0"].startswith("ica[n=0]: n must be a whole number of at least 1")


def test_the_declaration_of_a_sample_is_kept(dataset_factory, monkeypatch):
    dataset = dataset_factory(n_neurons=12)
    monkeypatch.setattr(NeuronSubset, "is_sample", False)
    for options in ({}, {"n": [4, 5]}):
        family, impossible = load_members("neuron_subset", options, dataset)
        assert (family.identifier, family.is_sample, impossible) == ("neuron_subset", False, {})
    assert [model.identifier for model in family.instances()] == [
        f"neuron_subset[n={n},seed=0]" for n in (4, 5)
    ]
