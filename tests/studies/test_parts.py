"""Parts of a run: supported scorings, training, selection, and the list of missing parts."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.models.model import FixedFamily
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.evaluate import Failure
from neuroalign.studies.gaps import LeftOut, list_left_out
from neuroalign.studies.planning import SECONDS_OF_A_FIGURE, estimate_steps
from neuroalign.studies.run import find_other_images
from neuroalign.studies.scored import Scored, explain_unsupported, score_family, supported_scorings
from neuroalign.studies.selected import select
from neuroalign.studies.steps import Outcome
from neuroalign.studies.study import load_study
from neuroalign.studies.training import load_trainable

STUDY = """
name = "mine"
title = "A study of mine"
dataset = "AM-faces-sim"
grids = ["small"]
variance_explained = "ratio"
[families.pca.grids.small]
options = { n = [2, 3] }
[families.subsets]
model = "neuron_subset"
is_ceiling = true
[families.subsets.grids.small]
options = { n = [4], seed = [0] }
[scorings.ratio]
benchmark = "correlation_ratio"
options = { n_permutations = 0, turns = 0, predictive_power = false }
[scorings.decoding]
needs = "held-out stimuli"
families = ["pca"]
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(STUDY, encoding="utf-8")
    return load_study(path)


@pytest.fixture
def unmarked(dataset_factory):
    """A dataset with responses to the training stimuli alone."""
    dataset = dataset_factory(n_stimuli=40)
    recorded = np.isin(dataset.recording["stimulus_id"].values, dataset.stimuli.training().ids)
    return replace(dataset, recording=dataset.recording.isel(presentation=recorded))


def score_pca(study, dataset, store):
    family = study.families["pca"]
    options = family.grids["small"].options
    return score_family(study, family, options, dataset, n_jobs=1, store=store)


def test_a_dataset_without_held_out_stimuli_supports_no_decoding(study, unmarked):
    reason = f"{unmarked.identifier} marks no held-out stimuli that were recorded"
    assert explain_unsupported(study.scorings["decoding"], unmarked) == reason
    assert explain_unsupported(study.scorings["ratio"], unmarked) == ""
    names = [scoring.name for scoring in supported_scorings(study, study.families["pca"], unmarked)]
    assert names == ["ratio"]


def test_a_family_is_scored_by_the_supported_scorings(study, unmarked, tmp_path):
    scored = score_pca(study, unmarked, ResultsStore(tmp_path / "results"))
    assert [model.identifier for model in scored.models] == ["pca[n=2]", "pca[n=3]"]
    assert {name: [score.model for score in scores] for name, scores in scored.scores.items()} == {
        "ratio": ["pca[n=2]", "pca[n=3]"]
    }
    # Scores that are read from the store belong to the same scoring.
    again = score_pca(study, unmarked, ResultsStore(tmp_path / "results"))
    assert [score.value for score in again.scores["ratio"]] == [
        score.value for score in scored.scores["ratio"]
    ]


def test_a_family_without_a_supported_scoring_cannot_be_scored(unmarked, tmp_path):
    path = tmp_path / "mine.toml"
    start, end = STUDY.split("[scorings.ratio]")
    needs = 'needs = "held-out stimuli"\n'
    path.write_text(f"{start}[scorings.ratio]\n{needs}{end}", encoding="utf-8")
    with pytest.raises(NeuroalignError, match="the dataset supports no scoring of pca"):
        score_pca(load_study(path), unmarked, ResultsStore(tmp_path))


def test_instances_that_explain_little_are_dropped_and_ceilings_are_kept(study, unmarked):
    def member(name, value, family):
        score = SimpleNamespace(model=name, value=value, family=family)
        return SimpleNamespace(identifier=name), score

    values = {"pca[n=2]": 0.1, "pca[n=3]": 0.5, "pca[n=4]": 0.5, "pca[n=5]": 0.5, "pca[n=6]": 0.5}
    members = [member(name, value, "pca") for name, value in values.items()]
    subset = member("neuron_subset[n=4,seed=0]", 0.0, "subsets")
    scored = {
        "pca": Scored([model for model, _ in members], {"ratio": [score for _, score in members]}, []),
        "subsets": Scored([subset[0]], {"ratio": [subset[1]]}, []),
    }
    selected = select(study, "small", unmarked, scored)
    # Mean .42 minus a standard deviation of .16 or .18.
    assert selected.kept == {*values, "neuron_subset[n=4,seed=0]"} - {"pca[n=2]"}
    assert selected.dropped["instance"].tolist() == ["pca[n=2]"]
    assert selected.table["n_units"].tolist() == [2, 3, 4, 5, 6, 4]
    assert selected.without_udr == {}


def test_a_family_without_a_training_is_refused(study):
    with pytest.raises(UsageError, match="pca must be a family with a training, got pca; leave out train"):
        load_trainable(study.families["pca"])


def test_the_plan_has_a_duration_or_a_reason_for_each_family(study, unmarked, tmp_path):
    durations = estimate_steps(study, "small", unmarked, ResultsStore(tmp_path))
    assert list(durations) == ["score pca", "score subsets", "figures"]
    half = estimate_steps(study, "small", unmarked, ResultsStore(tmp_path), n_jobs=2)
    assert half["score pca"] == pytest.approx(durations["score pca"] / 2)
    assert durations["figures"] == pytest.approx(SECONDS_OF_A_FIGURE * 2 * 2)


def test_missing_parts_are_listed_with_counts_of_failed_instances():
    reason = NeuroalignError("too few\nneurons")
    models = FixedFamily("pca", [SimpleNamespace(identifier=f"pca[n={n}]") for n in (2, 3)]).instances()
    scored = {
        "pca": Scored(
            models,
            {},
            [
                Failure("pca[n=2]", "correlation_ratio", reason),
                Failure("pca[n=3]", "correlation_ratio", reason),
            ],
            {"n=9": "it needs nine neurons"},
        )
    }
    outcomes = [Outcome("select", "done"), Outcome("score aam", "left out", reason="no landmarks")]
    assert list_left_out({"few_faces": "no faces"}, {"vae": "one seed"}, outcomes, scored) == [
        LeftOut("few faces", "no faces"),
        LeftOut("UDR of vae", "one seed"),
        LeftOut("score aam", "no landmarks"),
        LeftOut("instance n=9 of pca", "it needs nine neurons"),
        LeftOut("correlation ratio of pca (2 of 2 instances)", "too few neurons"),
    ]


def test_families_that_were_trained_on_other_images_are_found(dataset):
    own = dataset.stimuli.training().content_hash

    def trained_on(name, content):
        record = {"stimulus_set": {"name": name, "content_hash": content}}
        return SimpleNamespace(identifier=name, latents=lambda stimuli: None, record=record)

    scored = {
        "here": Scored([trained_on("faces", own)], {}, []),
        "elsewhere": Scored([trained_on("faces", own), trained_on("cars", "another")], {}, []),
        "untrained": Scored([SimpleNamespace()], {}, []),
    }
    assert dataset.stimuli.has_images
    assert find_other_images(scored, dataset) == {"elsewhere": "cars"}
