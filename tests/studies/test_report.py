"""What of a finding is drawn where, and how parts of the report are put in words."""

import re

import numpy as np
import pandas as pd
import pytest

from neuroalign.results.score import Score
from neuroalign.studies.differences import Difference
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.figures import Picture, in_sections
from neuroalign.studies.findings import Compared, Finding
from neuroalign.studies.forest_plot import forest
from neuroalign.studies.report import (
    Claimed,
    LeftOut,
    _cautions,
    _grouped,
    _plain,
    _sentence,
    _standing,
    _summary,
    _unreadable,
    write_report,
)
from neuroalign.studies.study import load_study

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
    assert [each.at for each in drawn.rows] == pytest.approx([100 * 0.84 / 1.08, 100 * 0.34 / 1.08], abs=0.01)
    first = drawn.rows[0]
    assert (first.start, first.length) == pytest.approx((100 * 0.64 / 1.08, 100 * 0.4 / 1.08), abs=0.02)
    assert drawn.band_start == pytest.approx(100 * 0.44 / 1.08, abs=0.01)
    assert drawn.band_length == pytest.approx(100 * 0.2 / 1.08, abs=0.02)
    assert [each.shown for each in drawn.rows] == ["above", "open"]


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


def claim(name, ours, primary):
    made = [finding(verdict=verdict) for verdict in (ours, primary)]
    return Claimed(name, "", "", "", "", made[0], made[0], made[1])


def test_verdicts_are_counted_and_sorted():
    claims = [
        claim("one", "agrees", "agrees"),
        claim("two", "agrees", "disagrees"),
        claim("three", "agrees among those tested", "agrees among those tested"),
        claim("four", "cannot tell", "cannot tell"),
    ]
    assert dict(_summary(claims)) == {
        "By the primary analysis": (
            "of 4 claims 1 agrees, 1 agrees among the families tested, 1 disagrees, 1 cannot be told"
        ),
        "By the tests of the paper": "of 4 claims 2 agree, 1 agrees among the families tested, 1 cannot be told",
        "By our tests of the paper's numbers": (
            "of 4 claims 2 agree, 1 agrees among the families tested, 1 cannot be told"
        ),
    }
    assert _standing(claims) == {
        "stand": ["one"],
        "stand among the families that could be tested": ["three"],
        "fall": ["two"],
        "stay open": ["four"],
    }


def test_parts_that_lack_for_one_reason_are_named_together():
    parts = [LeftOut("a", "no images"), LeftOut("b", "no weights"), LeftOut("c", "no images")]
    assert _grouped(parts) == [
        {"parts": ["a", "c"], "reason": "no images"},
        {"parts": ["b"], "reason": "no weights"},
    ]


@pytest.mark.parametrize(
    ("name", "section", "caption"),
    [
        ("scores_variance_explained", "Scores", "Every instance: variance explained"),
        ("neurons_alignment", "Scores", "Every neuron: alignment"),
        ("native_and_recombined_linear_recombination", "Scores", "Neurons and mixtures of them"),
        (
            "units_by_neurons_beta_vae",
            "Units and neurons",
            "What each unit explains of each neuron: beta vae",
        ),
        ("decoded_faces", "Faces", "Held-out faces, decoded from single neurons"),
        ("scores_alignment[self_pairs=include]", "Scores", "Every instance: alignment (self pairs=include)"),
        ("of_somebody", "Others", "of somebody"),
    ],
)
def test_figures_have_captions(name, section, caption):
    picture = Picture(name)
    assert (picture.section, picture.caption) == (section, caption)


def test_figures_stand_in_sections_wide_ones_first(tmp_path):
    names = [
        "traversals_vae",
        "decoded_faces",
        "units_by_neurons_vae",
        "scores_alignment",
        "neurons_alignment",
    ]
    found = in_sections([*(Picture(name, tmp_path) for name in names), Picture("udr_vae", reason="no seeds")])
    assert {section: [each.name for each in of] for section, of in found.items()} == {
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
    assert _sentence(text) == expected


def test_a_minus_is_one_and_a_hyphen_stays():
    assert _plain("from -0.1 to -0.2 (-3) in 2-4 of a_b") == "from −0.1 to −0.2 (−3) in 2-4 of a b"


def test_cautions_name_other_images_and_weak_fits():
    weak = [{"explained": 0.014}, {"explained": 0.008}, {"explained": float("nan")}]
    (one,) = _cautions(weak, {})
    assert one.startswith("No family explains more than 0.014 of the variance")
    assert _cautions([*weak, {"explained": 0.5}], {}) == []
    (other,) = _cautions([{"explained": 0.5}], {"β-VAE": "faces", "VAE": "faces"})
    assert other.startswith("Trained on faces, not on the images of this dataset: β-VAE, VAE.")


def test_families_that_must_not_be_interpreted_are_named_at_the_top():
    tables = [
        {"name": "alignment", "unreadable": ["pca", "ae"]},
        {"name": "decoding", "unreadable": []},
    ]
    assert _unreadable(tables) == [
        "Not to be interpreted: alignment of pca and ae. The table of scores says why."
    ]


def test_a_report_marks_families_that_must_not_be_interpreted(dataset, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(STUDY, encoding="utf-8")

    def make(family, seed, explained):
        return Score(
            value=0.5 + 0.1 * seed,
            error=0.02,
            error_over="neurons",
            model=f"{family}[seed={seed}]",
            family=family,
            dataset=dataset.identifier,
            benchmark="alignment",
            benchmark_version=2,
            beside={"variance_explained": explained, "explained_share": explained / 0.8},
            provenance={"n_neurons": 12},
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
        "Not to be interpreted: alignment of weak. The table of scores says why.",
        "! weak: in all 2 instances the units explain 2.0 % of the explainable variance (0.016 of 0.800): do not "
        "interpret alignment.",
    ]
    names = re.findall(r'<tr><th scope="row">([^<]*)</th><td class="n">2</td>', page)
    assert sorted(names) == ["sound", "weak !"]
