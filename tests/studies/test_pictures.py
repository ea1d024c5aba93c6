"""The figures of a report show the numbers that its claims test."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neuroalign.studies.claims import examine
from neuroalign.studies.evidence import Evidence
from neuroalign.studies.figures import Picture, draw_relations
from neuroalign.studies.study import load_study
from neuroalign.testing import make_score

STUDY = """
name = "mine"
title = "A study of mine"
dataset = "AM-faces-sim"
grids = ["small"]
variance_explained = "alignment"
[families.VAEs]
model = "beta_vae"
[scorings.alignment]
[[claims]]
name = "UDR predicts alignment"
kind = "predicts"
statement = "More UDR, more alignment."
test = { scoring = "alignment", subject = "VAEs" }
corrected = { read = "axis_index", within = "beta" }
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(STUDY, encoding="utf-8")
    return load_study(path)


@pytest.fixture
def evidence():
    """Sixteen instances, of which four were selected."""
    rng = np.random.default_rng(2)
    betas = np.repeat([1.0, 4.0], 8)
    names = [f"beta_vae[beta={beta:g},seed={seed}]" for seed, beta in enumerate(betas)]
    scores = [
        make_score(value, model=name, beside={"D": 10, "axis_index": index})
        for name, value, index in zip(names, betas + rng.normal(size=16), rng.normal(size=16), strict=True)
    ]
    table = pd.DataFrame({"instance": names, "udr": betas + rng.normal(size=16), "beta": betas})
    return Evidence({"alignment": {"VAEs": scores[:4]}}, every={"alignment": {"VAEs": scores}}, table=table)


def test_udr_is_drawn_as_it_is_tested(study, evidence):
    (claim,) = study.claims
    paper, primary = (
        examine(kind, evidence, settings).ours for kind, settings in (claim.tested, claim.primary)
    )
    figures = {figure.name: figure.axes for figure in draw_relations(study, evidence)}
    assert list(figures) == ["udr_beta_vae", "udr_beta_vae_axis_index"]
    texts = {name: axes.texts[0].get_text().split("\n") for name, axes in figures.items()}
    shown = f"ρ = {paper.estimate:.2f}, p = {paper.p:.3f}, n = 16"
    assert texts["udr_beta_vae"][0] == f"Spearman {shown}"
    shown = f"ρ = {primary.estimate:.2f}, p = {primary.p:.3f}, n = 16"
    assert texts["udr_beta_vae_axis_index"][1] == f"within β: {shown}"
    assert figures["udr_beta_vae_axis_index"].get_ylabel() == "axis index"
    # All instances are drawn, as all are tested.
    assert len(figures["udr_beta_vae"].collections[0].get_offsets()) == 16


def test_scores_without_an_index_leave_one_figure_out_with_the_reason(study, evidence):
    scores = [replace(score, beside={"D": 10}) for score in evidence.every["alignment"]["VAEs"]]
    without = Evidence(evidence.kept, every={"alignment": {"VAEs": scores}}, table=evidence.table)
    drawn, left_out = draw_relations(study, without)
    assert drawn.axes is not None
    assert left_out.reason == "scores have no axis index; score them again"
    assert Picture(left_out.name).caption == "UDR and score: beta vae axis index"
