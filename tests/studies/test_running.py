import re
from types import MappingProxyType

import pytest

from neuroalign.cli import run as run_cli
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.studies import running
from neuroalign.studies.report import what_it_means
from neuroalign.studies.running import plan_study, run_study

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
options = { n_folds = 3 }
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


def test_a_killed_study_goes_on_to_the_same_report(study, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROALIGN_HOME", str(tmp_path / "home"))
    told = []

    def kill(line):
        told.append(line)
        raise Killed

    with pytest.raises(Killed):
        run_study(plan_study(study, folder=tmp_path / "killed"), tell=kill)
    assert told == ["score pca: done"]
    assert not (tmp_path / "killed" / "report.html").exists()
    outcomes = run_study(plan_study(study, folder=tmp_path / "killed"))
    assert (outcomes["report"].state, outcomes["score ghost"].state) == ("done", "left out")
    run_study(plan_study(study, folder=tmp_path / "whole"))
    report = (tmp_path / "killed" / "report.html").read_bytes()
    assert report == (tmp_path / "whole" / "report.html").read_bytes()
    text = report.decode()
    assert "are simulated" in text
    assert "cannot tell" in text
    # Nothing is asked of any other machine.
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)


def test_steps_are_listed_without_doing_them(study, tmp_path, capsys):
    assert run_cli(["reproduce", str(study), "--dry-run", "--output", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"  +", line.strip())[-1] for line in lines] == [
        "score pca",
        "score ghost",
        "select",
        "test claims",
        "figures",
        "report",
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["higgins2021"], "did you mean higgins2020?"),
        (["higgins2020", "--grid", "smal"], "did you mean small?"),
        (["higgins2020", "--jobs", "0"], "jobs must be positive"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, message, capsys):
    assert run_cli(["reproduce", *arguments]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.strip().count("\n") == 0


def test_simulated_recordings_are_said_to_be_so():
    single, mixed = (what_it_means(load_dataset(f"AM-faces-sim{end}")) for end in ("", "-mixed"))
    assert "Most of them were built to follow one generative factor each" in single
    assert "They were built to follow mixtures of factors, 7 each at the median" in mixed


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

    assert running._describe(Classifier()) == {
        "instance": "classifier[n_latents=10,seed=0]",
        "n_units": 10,
        "objective": -0.1,
        "accuracy": 0.94,
    }
