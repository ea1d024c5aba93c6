"""Tests of study files and of the messages for their mistakes."""

import re
from importlib.resources import files

import pytest

from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.studies.study import load_study, study_names

MINIMAL = """
name = "mine"
title = "A study of mine"
dataset = "AM-faces-sim"
grids = ["small"]
variance_explained = "alignment"
[families.pca]
[families.ica.grids.small]
options = { n = [10, 20], seed = [0] }
select = { rule = "best_udr", share = 0.5 }
[scorings.alignment]
options = { n_folds = 5 }
[scorings.decoding]
needs = "held-out stimuli"
families = ["pca"]
[[claims]]
name = "pca is best"
kind = "best"
statement = "PCA aligns best."
test = { scoring = "alignment", subject = "pca" }
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_paper_has_its_instances_rules_and_claims():
    assert study_names() == ["higgins2020"]
    study = load_study("higgins2020")
    paper = {name: family.grids["paper"] for name, family in study.families.items()}
    assert len(paper["PCA"].options["n"]) == 41
    assert len(paper["AAM"].options["n"]) == 21
    assert len(paper["ICA"].options["n"]) * len(paper["ICA"].options["seed"]) == 50
    assert (paper["β-VAE"].train, paper["β-VAE"].rule) == ("paper", "best_udr")
    assert paper["β-VAE"].rule_options == {"n": 51}
    assert paper["Classifier"].rule_options == {"above": 0.95}
    assert [claim.kind for claim in study.claims] == [
        "best",
        "meets",
        "drops",
        "predicts",
        "best",
        "best",
        "best",
    ]
    assert [name for name, family in study.families.items() if family.is_ceiling] == ["Neuron subsets"]
    # The control of the paper, not the default of the benchmark.
    assert study.scorings["recombination"].benchmark.options()["kind"] == "abs_gaussian"
    primary = {claim.name: claim.primary for claim in study.claims}
    kind, settings = primary["alignment drops under recombination"]
    assert (kind, settings["margin"]) == ("special", 0.10)
    for name in ("β-VAE aligns best", "β-VAE meets the ceiling", "UDR predicts alignment"):
        assert primary[name][1]["read"] == "axis_index"
    # The test of the paper keeps the paper's number.
    assert all(claim.settings.get("read", "value") != "axis_index" for claim in study.claims)
    for name in ("the ratio is higher", "units are heterogeneous"):
        assert primary[name][1]["neurons"]
    assert primary["few neurons decode faces best"][1]["held_out"]
    assert study.scorings["alignment"].families == tuple(study.families)


def test_a_file_of_ones_own(tmp_path):
    study = load_study(written(tmp_path, MINIMAL))
    assert (study.name, study.variance_explained, study.source) == ("mine", "alignment", "")
    assert study.families["pca"].grids["small"].options == {}
    assert study.families["ica"].grids["small"].rule_options == {"share": 0.5}
    assert study.scorings["alignment"].benchmark.options()["n_folds"] == 5
    assert study.scorings["decoding"].families == ("pca",)
    assert study.claims[0].corrected == {}


def test_a_copy_of_the_paper_is_the_same_study(tmp_path):
    text = (files("neuroalign.studies") / "higgins2020.toml").read_text(encoding="utf-8")
    assert load_study(written(tmp_path, text)) == load_study("higgins2020")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[families.pca]", "[families.pac]", "no model is called 'pac'; did you mean pca?"),
        (
            'families = ["pca"]',
            'families = ["pcaa"]',
            "family of the study is called 'pcaa'; did you mean pca",
        ),
        ("grids.small", "grids.smal", "no grid of the study is called 'smal'; did you mean small?"),
        ("best_udr", "best_uder", "no rule of selection is called 'best_uder'; did you mean best_udr?"),
        ("share = 0.5", "shar = 0.5", "no option of best_udr is called 'shar'; did you mean share?"),
        ("n_folds", "n_fold", "no option of alignment is called 'n_fold'; did you mean n_folds?"),
        (
            "scorings.alignment",
            "scorings.alignmnt",
            "no benchmark is called 'alignmnt'; did you mean alignment?",
        ),
        ("held-out stimuli", "held-out stimulus", "did you mean held-out stimuli?"),
        ('kind = "best"', 'kind = "bests"', "no kind of claim is called 'bests'; did you mean best"),
        ('scoring = "alignment"', 'scoring = "align"', "no scoring of the study is called 'align'"),
        ('subject = "pca"', 'subjet = "pca"', "no setting of the claim pca is best is called 'subjet'"),
        ("title =", "titel =", "no key of the study is called 'titel'; did you mean title?"),
        ('name = "mine"', 'name = "mine"\nseed = 1', "no key of the study is called 'seed'"),
    ],
)
def test_a_misspelt_name_is_reported_with_the_nearest_ones(tmp_path, old, new, message):
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        load_study(written(tmp_path, MINIMAL.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('subject = "pca"', "subject = 3", "the claim pca is best: subject must be text, got 3"),
        (
            ', subject = "pca"',
            "",
            "the claim pca is best needs subject, as every claim of the kind best does",
        ),
        (
            'grids = ["small"]',
            'grids = "small"',
            "grids of the study must be a list of texts with at least 1 item, got 'small'",
        ),
        (
            'grids = ["small"]',
            "grids = []",
            "grids of the study must be a list of texts with at least 1 item, got []",
        ),
        ('select = { rule = "best_udr", ', "select = { ", "select of small of ica needs a rule"),
        (
            "options = { n = [10, 20], seed = [0] }",
            'options = { n = 10 }\ntrain = "paper"',
            "small of ica must have options or train, got both",
        ),
        ("[[claims]]", "[[claims]]\nname =", "cannot read the study"),
        ('title = "A study of mine"\n', "", "title of the study is missing; it must be text"),
        ("share = 0.5", 'share = "half"', "best_udr: share must be a number or none, got 'half'"),
        (
            "[families.pca]",
            "[families.pca]\nis_ceiling = 1",
            "is_ceiling of pca of families of the study must be true",
        ),
        (
            'statement = "PCA',
            'statement = 3 # "PCA',
            "statement of item 1 of claims of the study must be text, got 3",
        ),
        ("n_folds = 5", "n_folds = -5", "alignment: n_folds must be a whole number of at least 0, got -5"),
    ],
)
def test_a_mistake_is_reported_in_one_line(tmp_path, old, new, message):
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        load_study(written(tmp_path, MINIMAL.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


def test_two_claims_of_one_name(tmp_path):
    claim = MINIMAL[MINIMAL.index("[[claims]]") :]
    with pytest.raises(UsageError, match="must have a name of its own, got 2 claims named 'pca is best'"):
        load_study(written(tmp_path, MINIMAL + claim))


DRAWS = """
[scorings.drawn]
benchmark = "stimulus_bootstrap"
options = { n_draws = 3 }
"""


def test_the_primary_analysis_may_be_of_another_kind(tmp_path):
    special = "corrected = { kind = 'special', scoring = 'alignment', families = ['pca'] }\n"
    (claim,) = load_study(written(tmp_path, MINIMAL + special)).claims
    assert claim.tested == ("best", {"scoring": "alignment", "subject": "pca"})
    assert claim.primary == ("special", {"scoring": "alignment", "families": ["pca"]})
    lacking = "corrected = { kind = 'special', scoring = 'alignment' }\n"
    with pytest.raises(UsageError, match="needs families, as every claim of the kind special does"):
        load_study(written(tmp_path, MINIMAL + lacking))
    with pytest.raises(UsageError, match="no kind of claim is called 'specal'; did you mean special"):
        load_study(written(tmp_path, MINIMAL + special.replace("special", "specal")))


@pytest.mark.parametrize(
    ("n_folds", "stimuli", "message"),
    [
        ("options = { n_folds = 5 }", "drawn", "must draw stimuli for alignment["),
        ("", "alignment", "must be a scoring that draws stimuli, got alignment by alignment"),
        ("", "drown", "no scoring of the study is called 'drown'; did you mean drawn?"),
    ],
)
def test_draws_of_stimuli_must_fit_the_benchmark_of_the_claim(tmp_path, n_folds, stimuli, message):
    text = MINIMAL.replace("options = { n_folds = 5 }", n_folds).replace("[[claims]]", f"{DRAWS}[[claims]]")
    study = load_study(written(tmp_path, text + "corrected = { neurons = true }\n"))
    assert study.shown == ["alignment", "decoding", "drawn"]
    with pytest.raises(UsageError, match=re.escape(message)):
        load_study(written(tmp_path, text + f"corrected = {{ stimuli = '{stimuli}' }}\n"))


def test_draws_of_stimuli_are_not_shown_as_results(tmp_path):
    text = MINIMAL.replace("options = { n_folds = 5 }", "").replace("[[claims]]", f"{DRAWS}[[claims]]")
    study = load_study(written(tmp_path, text + "corrected = { stimuli = 'drawn' }\n"))
    assert study.shown == ["alignment", "decoding"]


def test_there_is_no_such_study(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean higgins2020"):
        load_study("higgins2021")
    with pytest.raises(UsageError, match=r"cannot read the study .*none\.toml: No such file"):
        load_study(tmp_path / "none.toml")
