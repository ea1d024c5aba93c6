"""The study of the paper on neurons whose tuning is known: it must tell single factors from mixtures of them."""

from dataclasses import replace

import pytest
from neuroalign.benchmarks.stimulus_bootstrap import StimulusBootstrap

from neuroalign.studies.running import plan_study
from neuroalign.studies.steps import run_steps
from neuroalign.studies.study import load_study


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """The verdicts of the primary analysis in the small grid, with fewer draws of stimuli."""
    study = load_study("higgins2020")
    drawn = replace(study.scorings["drawn_stimuli"], benchmark=StimulusBootstrap(n_draws=10))
    study = replace(study, scorings={**study.scorings, "drawn_stimuli": drawn})
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROALIGN_HOME", str(tmp_path_factory.mktemp("home")))
        for dataset in ("AM-faces-sim", "AM-faces-sim-mixed"):
            run = plan_study(study, dataset=dataset, folder=tmp_path_factory.mktemp("study"))
            outcomes = run_steps([each for each in run.steps() if each.name not in ("figures", "report")])
            found[dataset] = {
                tested.claim.name: tested.primary.verdict for tested in outcomes["test claims"].value
            }
    return found


@pytest.mark.slow
def test_neurons_that_follow_single_factors_agree_with_the_paper(verdicts):
    single = verdicts["AM-faces-sim"]
    assert single["alignment drops under recombination"] == "agrees"
    assert "disagrees" not in single.values()


@pytest.mark.slow
def test_neurons_that_follow_mixtures_come_out_against_it(verdicts):
    mixed = verdicts["AM-faces-sim-mixed"]
    assert mixed["alignment drops under recombination"] == "disagrees"
    assert not [name for name, verdict in mixed.items() if verdict.startswith("agrees")]
