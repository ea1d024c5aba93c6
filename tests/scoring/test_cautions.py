"""Tests of the words about numbers that must not be read, and of the values at which they appear."""

import math
from dataclasses import replace

import pytest

from neuroalign.results.score import Score, summarise
from neuroalign.scoring.cautions import (
    cautions,
    cautions_of_instances,
    is_readable,
    merge_cautions,
)
from neuroalign.testing import make_score

SOUND = {
    "variance_explained": 0.5,
    "explained_share": 0.8,
    "predicted_neurons": 30.0,
    "neurons_without_weight": 3.0,
    "axis_index": 0.2,
    "regenerated": 0.5,
    "turned": 0.4,
}


def make(model="pca", value=0.5, benchmark="alignment", n_neurons=33, **beside):
    provenance = {} if n_neurons is None else {"n_neurons": n_neurons}
    names = {"without": "neurons_without_weight"}
    numbers = {names.get(name, name): number for name, number in beside.items()}
    return make_score(value, model=model, benchmark=benchmark, beside=SOUND | numbers, provenance=provenance)


def test_a_weak_fit_is_one_line():
    score = make(
        variance_explained=0.0253, explained_share=0.034, without=15, predicted_neurons=2, regenerated=0.5
    )
    assert cautions(score) == [
        "explains 3.4 % of the explainable variance (0.025 of 0.744); predicts 2 of 33 neurons above chance; "
        "15 of 33 neurons have no weight: do not interpret alignment"
    ]
    assert not is_readable(score)


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        ({}, None),
        ({"explained_share": 0.15}, None),
        (
            {"explained_share": 0.1499, "variance_explained": 0.1499, "without": 0},
            "explains 14.9 % of the explainable variance (0.150 of 1.000)",
        ),
        (
            {"explained_share": 0.12, "variance_explained": 0.09, "without": 15, "n_neurons": 40},
            "explains 12.0 % of the explainable variance (0.090 of 0.750); 15 of 40 neurons have no weight",
        ),
        ({"explained_share": math.nan, "variance_explained": 0.05}, None),
        (
            {"explained_share": math.nan, "variance_explained": 0.0499, "without": 0},
            "explains 4.9 % of the variance, and how much is explainable is not known",
        ),
        (
            {"explained_share": 0.0, "variance_explained": 0.0, "without": 1},
            "explains no variance (0.000); 1 of 33 neurons has no weight",
        ),
        (
            {"explained_share": -0.01, "variance_explained": -0.004, "without": 0},
            "explains no variance (-0.004)",
        ),
        ({"predicted_neurons": 3.0, "n_neurons": 30, "without": 0}, None),
        (
            {"predicted_neurons": 3.0, "n_neurons": 31, "without": 0},
            "predicts 3 of 31 neurons above chance",
        ),
        ({"predicted_neurons": 2.0, "n_neurons": 20, "without": 0}, "predicts 2 of 20 neurons above chance"),
        ({"predicted_neurons": 2.0, "n_neurons": None, "without": 0}, "predicts 2 neurons above chance"),
        ({"without": 18, "n_neurons": 30}, None),
        ({"without": 19, "n_neurons": 30}, "19 of 30 neurons have no weight"),
    ],
)
def test_reasons_not_to_interpret(beside, expected):
    score = make(**beside)
    assert cautions(score) == ([] if expected is None else [f"{expected}: do not interpret alignment"])
    assert is_readable(score) == (expected is None)


@pytest.mark.parametrize(
    ("value", "regenerated", "by", "expected"),
    [
        (0.3, 0.4, "alignment", []),
        (0.4, 0.3, "alignment", []),
        (
            0.27,
            0.4,
            "alignment",
            [
                "the linear model does not describe the data: C is 0.270, regenerated neurons give 0.400; κ describes "
                "the linear part only"
            ],
        ),
        (
            0.27,
            0.169,
            "correlation_ratio",
            [
                "the linear model does not describe the data: the correlation ratio is 0.270, regenerated neurons give "
                "0.169; κ describes the linear part only"
            ],
        ),
    ],
)
def test_data_that_a_linear_model_does_not_describe(value, regenerated, by, expected):
    score = make(value=value, regenerated=regenerated, benchmark=by)
    assert cautions(score) == expected
    assert is_readable(score)


def test_an_axis_index_that_is_not_defined_says_why():
    assert cautions(make(axis_index=math.nan, turned=math.nan, regenerated=math.nan)) == [
        "no axis index: a linear model predicts fewer than three neurons, so no tuning can be turned"
    ]
    assert cautions(make(axis_index=math.nan, turned=1.0)) == [
        "no axis index: with turned tuning C is 1.000, which leaves no room above it"
    ]


def test_missing_numbers_give_no_caution():
    score = replace(make(value=0.9), beside={}, provenance={})
    assert cautions(score) == []
    assert is_readable(score)
    assert cautions(Score.from_record(make(without=32).to_record())) == [
        "32 of 33 neurons have no weight: do not interpret alignment"
    ]


def test_a_family_has_a_line_for_each_reason():
    weak = {"explained_share": 0.01, "variance_explained": 0.007}
    weaker = {"explained_share": 0.004, "variance_explained": 0.0028, "without": 25}
    instances = [
        make("pca[n=10]", **weak),
        make("pca[n=20]", value=0.3, regenerated=0.45, **weaker),
        make("pca[n=30]"),
    ]
    expected = [
        "in 2 of 3 instances the units explain 0.4 to 1.0 % of the explainable variance (0.003 to 0.007 of 0.700): do "
        "not interpret alignment",
        "in 1 of 3 instances 25 of 33 neurons have no weight: do not interpret alignment",
        "in 1 of 3 instances the linear model does not describe the data: C is 0.300, regenerated neurons give 0.450; "
        "κ describes the linear part only",
    ]
    family = summarise(instances, family="pca")
    assert cautions(family) == expected
    assert cautions_of_instances(instances) == expected
    assert not is_readable(family)
    assert cautions(summarise(instances[:2], family="pca"))[0].startswith(
        "in all 2 instances the units explain 0.4 to"
    )
    # A family of one reads as its instance.
    assert cautions(summarise(instances[:1], family="pca")) == cautions(instances[0])


@pytest.mark.parametrize(("n_weak", "readable"), [(1, True), (2, False), (3, False)])
def test_a_family_is_not_read_where_half_of_its_instances_are_not(n_weak, readable):
    scores = [make(f"m{i}", variance_explained=-0.1 if i < n_weak else 0.5) for i in range(4)]
    assert is_readable(*scores) == readable
    assert is_readable(summarise(scores, family="m")) == readable


def test_benchmarks_that_share_a_reason_are_named_together():
    scores = [
        make(benchmark=name, variance_explained=-0.01, without=0)
        for name in ("alignment", "correlation_ratio", "decoding")
    ]
    assert merge_cautions(scores) == [
        "explains no variance (-0.010): do not interpret alignment, correlation ratio and decoding"
    ]


def test_neurons_without_weight_do_not_part_benchmarks_with_one_reason():
    weak = {"variance_explained": -0.01, "without": 15}
    ratio = make(benchmark="correlation_ratio", **weak)
    ratio = replace(
        ratio, beside={name: value for name, value in ratio.beside.items() if "weight" not in name}
    )
    assert merge_cautions([make(**weak), ratio]) == [
        "explains no variance (-0.010); 15 of 33 neurons have no weight: do not interpret alignment and correlation "
        "ratio"
    ]
