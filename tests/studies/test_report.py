"""Forest plots, captions, counts of verdicts, cautions and sentences of the report."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest

from neuroalign.studies.differences import Difference
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.figures import Picture, in_sections
from neuroalign.studies.findings import Compared, Finding
from neuroalign.studies.forest_plot import forest
from neuroalign.studies.gaps import LeftOut, group_by_reason
from neuroalign.studies.report import write_report
from neuroalign.studies.report_text import (
    caution_about_images,
    caution_about_prediction,
    caution_about_unreadable,
    count_verdicts,
    group_by_verdict,
    write_plain,
    write_sentence,
)
from neuroalign.studies.study import load_study
from neuroalign.testing import make_score

STUDY = """
name = "mine"
title = "A study of mine"
dataset = "AM-faces-sim"
grids = ["small"]
variance_explained = "alignment"
[families.weak]
model = "pca"
[families.sound]
model = "ica"
[scorings.alignment]
benchmark = "alignment"
options = { turns = 0 }
[[claims]]
name = "weak is best"
kind = "best"
statement = "It aligns best."
test = { scoring = "alignment", subject = "weak" }
"""


def finding(*compared, verdict="agrees", margin=0.0):
    return Finding(verdict, "why", axis="a is ahead of", compared=compared, margin=margin)


def compared(name, estimate, low, high, shown="above"):
    return Compared(name, Difference(estimate, low, high, 0.01), shown)


def test_positions_are_shares_of_one_axis():
    drawn = forest(finding(compared("b", 0.3, 0.1, 0.5), compared("c", -0.2, -0.5, 0.1, "open"), margin=0.1))
    # From -0.5 to 0.5, with 4 % of that free on either side: 1.08 in all.
    assert drawn.zero == pytest.approx(50.0)
    assert [row.at for row in drawn.rows] == pytest.approx([100 * 0.84 / 1.08, 100 * 0.34 / 1.08], abs=0.01)
    first = drawn.rows[0]
    assert (first.start, first.length) == pytest.approx((100 * 0.64 / 1.08, 100 * 0.4 / 1.08), abs=0.02)
    assert drawn.band_start == pytest.approx(100 * 0.44 / 1.08, abs=0.01)
    assert drawn.band_length == pytest.approx(100 * 0.2 / 1.08, abs=0.02)
    assert [row.shown for row in drawn.rows] == ["above", "open"]


def test_zero_is_always_on_the_axis():
    drawn = forest(finding(compared("b", 0.4, 0.3, 0.5)))
    assert 0 < drawn.zero < drawn.rows[0].start
    assert drawn.band_length == 0


def test_a_comparison_without_a_test_has_no_interval():
    untested = Compared("c", Difference(np.nan, reason="one instance"), "open")
    drawn = forest(finding(compared("b", 0.4, 0.3, 0.5), untested))
    assert np.isnan(drawn.rows[1].at)
    assert drawn.rows[1].reason == "one instance"
    assert forest(finding(untested)) is None
    assert forest(finding()) is None


def test_verdicts_are_counted_and_grouped():
    findings = {
        "one": finding(verdict="agrees"),
        "two": finding(verdict="agrees"),
        "three": finding(verdict="agrees among those tested"),
        "four": finding(verdict="disagrees"),
        "five": finding(verdict="cannot tell"),
    }
    assert count_verdicts(list(findings.values())) == (
        "2 of 5 claims are supported, 1 is supported among the tested families, 1 is contradicted, 1 is undecided"
    )
    assert count_verdicts([findings["one"]] + 6 * [findings["five"]]) == (
        "1 of 7 claims is supported, 6 are undecided"
    )
    assert count_verdicts([findings["five"]]) == "1 of 1 claim is undecided"
    assert count_verdicts([]) == ""
    assert group_by_verdict(findings) == {
        "supported": ["one", "two"],
        "supported among the tested families": ["three"],
        "contradicted": ["four"],
        "undecided": ["five"],
    }


def test_missing_parts_are_grouped_by_reason():
    parts = [LeftOut("a", "no images"), LeftOut("b", "no weights"), LeftOut("c", "no images")]
    assert group_by_reason(parts) == {"no images": ["a", "c"], "no weights": ["b"]}


@pytest.mark.parametrize(
    ("name", "section", "caption"),
    [
        ("scores_variance_explained", "Scores", "All instances: variance explained"),
        ("neurons_alignment", "Scores", "All neurons: alignment"),
        ("native_and_recombined_linear_recombination", "Scores", "Neurons and mixtures of neurons"),
        (
            "units_by_neurons_beta_vae",
            "Units and neurons",
            "Share of each neuron that each unit explains: beta vae",
        ),
        ("decoded_faces", "Faces", "Held-out faces, decoded from single neurons"),
        ("scores_alignment[self_pairs=include]", "Scores", "All instances: alignment (self pairs=include)"),
        ("of_somebody", "Others", "of somebody"),
    ],
)
def test_figures_have_captions(name, section, caption):
    picture = Picture(name)
    assert (picture.section, picture.caption) == (section, caption)


def test_sections_begin_with_wide_figures(tmp_path):
    names = [
        "traversals_vae",
        "decoded_faces",
        "units_by_neurons_vae",
        "scores_alignment",
        "neurons_alignment",
    ]
    sections = in_sections(
        [*(Picture(name, tmp_path) for name in names), Picture("udr_vae", reason="no seeds")]
    )
    assert {section: [picture.name for picture in pictures] for section, pictures in sections.items()} == {
        "Scores": ["scores_alignment", "neurons_alignment"],
        "Units and neurons": ["units_by_neurons_vae"],
        "Faces": ["decoded_faces", "traversals_vae"],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not shown to differ from VAE", "Not shown to differ from VAE."),
        ("β-VAE 0.8", "β-VAE 0.8."),
        ("vgg_face needs weights.", "vgg_face needs weights."),
        ("alone", "Alone."),
        ("", ""),
    ],
)
def test_sentences(text, expected):
    assert write_sentence(text) == expected


def test_a_minus_is_one_and_a_hyphen_stays():
    assert write_plain("from -0.1 to -0.2 (-3) in 2-4 of a_b") == "from −0.1 to −0.2 (−3) in 2-4 of a b"


def test_a_weak_prediction_is_named_with_the_scores_of_single_units():
    (caution,) = caution_about_prediction([0.014, 0.008, float("nan")], ["alignment", "decoding"])
    assert caution == (
        "No family explains more than 0.014 of the variance of the neurons on average. Scores of single units "
        "(alignment and decoding) describe how units share the prediction, not how good the prediction is: interpret "
        "them with care."
    )
    assert caution_about_prediction([0.014, 0.5], ["alignment"]) == []
    assert caution_about_prediction([float("nan")], ["alignment"]) == []


def test_training_on_other_images_is_named_for_each_stimulus_set():
    assert caution_about_images({"β-VAE": "faces", "VAE": "faces", "AE": "cars"}) == [
        "β-VAE and VAE were trained on faces, not on the images of this dataset. Instances that neuroalign train "
        "trains on its images replace them.",
        "AE was trained on cars, not on the images of this dataset. Instances that neuroalign train trains on its "
        "images replace them.",
    ]


def test_families_that_must_not_be_interpreted_are_named_at_the_top():
    assert caution_about_unreadable({"alignment": ["pca", "ae"], "decoding": []}) == [
        "Do not interpret alignment of pca and ae. The table of scores gives the reasons."
    ]


def test_a_report_marks_families_that_must_not_be_interpreted(dataset, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(STUDY, encoding="utf-8")

    def make(family, seed, explained):
        return make_score(
            0.5 + 0.1 * seed,
            error=0.02,
            model=f"{family}[seed={seed}]",
            dataset=dataset,
            provenance={"created": f"2026-11-{26 + seed}T21:00:00+00:00"},
            beside={"variance_explained": explained, "explained_share": explained / 0.8},
        )

    kept = {
        "alignment": {
            family: [make(family, seed, explained) for seed in range(2)]
            for family, explained in (("weak", 0.016), ("sound", 0.4))
        }
    }
    path = write_report(
        tmp_path / "report.html",
        study=load_study(file),
        dataset=dataset,
        grid="small",
        claims=[],
        evidence=Evidence(kept, every=kept),
        trained_elsewhere={},
        dropped=pd.DataFrame(columns=["family", "instance", "step", "reason"]),
        pictures=[],
        left_out=[],
    )
    page = path.read_text(encoding="utf-8")
    cautions = re.findall(r'<p class="banner"[^>]*><strong>Caution.</strong> (.*?)</p>', page)
    assert cautions == [
        "Do not interpret alignment of weak. The table of scores gives the reasons.",
        "! weak: in all 2 instances the units explain 2.0 % of the explainable variance (0.016 of 0.800): do not "
        "interpret alignment.",
    ]
    # The report has its own name, not the title of a paper, and says how and when it was made.
    assert re.findall(r"<(?:h1|code)>(.*?)</(?:h1|code)>", page) == [
        "The study mine on single",
        f"neuroalign reproduce {shlex.quote(str(file))} --dataset single --grid small",
    ]
    assert "Newest score of 27 November 2026." in page
    names = re.findall(r'<tr><th scope="row">([^<]*)</th><td class="n">2</td>', page)
    assert sorted(names) == ["sound", "weak !"]
