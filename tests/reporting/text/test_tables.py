"""Tables of scores: order, width and cautions."""

import math
from dataclasses import replace

import pytest

from neuroalign.reporting.text.scores import describe_axes, score_table
from neuroalign.testing import make_score

BESIDE = {
    "D": 50.0,
    "unweighted_mean": 0.6,
    "effective_units": 4.9,
    "neurons_without_weight": 24.0,
    "axis_index": 0.61,
    "axis_index_error": 0.03,
    "axis_index_p": 1 / 21,
    "axis_index_special": 1.0,
    "regenerated": 0.59,
    "turned": 0.4,
    "turned_sd": 0.003,
    "predicted_alignment": 0.59,
    "variance_explained": 0.5,
    "explained_share": 0.8,
    "predicted_neurons": 135.0,
    "reliability": 0.72,
}
NOT_SPECIAL = {"axis_index": 0.011, "axis_index_p": 0.19, "axis_index_special": 0.0}
WEAK = {"variance_explained": 0.03, "explained_share": 0.048, "axis_index_special": 1.0}


def make(model="pca[n=10]", value=0.6, by="alignment", beside=None, **changes):
    score = make_score(
        value,
        error=0.004,
        model=model,
        family="pca",
        dataset="AM-faces-sim",
        benchmark=by,
        options={"n_units": "all", "turns": 20},
        beside=BESIDE | (beside or {}),
        provenance={"n_neurons": 159, "n_stimuli": 2100, "simulated": True},
    )
    return replace(score, **changes)


def family():
    return [make("pca[n=10]"), make("pca[n=20]", 0.62, beside=NOT_SPECIAL), make("pca[n=30]", beside=WEAK)]


def test_one_model_has_a_line_for_each_number():
    assert score_table([make()], is_family=False) == (
        "pca[n=10] on AM-faces-sim (simulated neurons)\n"
        "159 neurons, 2,100 stimuli, reliability of the median neuron 0.720\n"
        "\n"
        "alignment (± is the standard error over neurons)\n"
        "axes are special (κ = 0.610 ± 0.030, p = 0.048)\n"
        "\n"
        "  C                                                0.600 ± 0.004\n"
        "  axis index κ                                     0.610 ± 0.030\n"
        "  p of κ against turned tuning                     0.048\n"
        "  score with turned tuning, mean over turns        0.400\n"
        "  variance explained, mean over neurons            0.500\n"
        "  share of the explainable variance                80.0 %\n"
        "  neurons without weight                           24\n"
        "  units in the base of the logarithm (D)           50\n"
        "  C without weights, mean over neurons             0.600\n"
        "  effective units of the median neuron             4.900\n"
        "  score of neurons regenerated from linear tuning  0.590\n"
        "  SD over turns                                    0.003\n"
        "  C over the predicted neurons                     0.590\n"
        "  neurons predicted above chance                   135"
    )


def test_a_family_has_a_row_for_each_instance_and_marks_instances_that_must_not_be_interpreted():
    lines = score_table(family(), is_family=True).splitlines()
    assert lines[:19] == [
        "pca, 3 instances, on AM-faces-sim (simulated neurons)",
        "159 neurons, 2,100 stimuli, reliability of the median neuron 0.720",
        "",
        "caution (!): in 1 of 3 instances the units explain 4.8 % of the explainable",
        "  variance (0.030 of 0.625): do not interpret alignment",
        "",
        "alignment (± is the standard error over neurons)",
        "axes are special for 1 of 2 instances (κ = 0.011 to 0.610, p = 0.048 to 0.190);",
        "  1 more must not be interpreted",
        "",
        "                                                                       VE of",
        "                            C              κ  p of κ  turned     VE  ceiling",
        "--------------  -------------  -------------  ------  ------  -----  -------",
        "n=10            0.600 ± 0.004  0.610 ± 0.030   0.048   0.400  0.500   80.0 %",
        "n=20            0.620 ± 0.004  0.011 ± 0.030   0.190   0.400  0.500   80.0 %",
        "n=30 !          0.600 ± 0.004  0.610 ± 0.030   0.048   0.400  0.030    4.8 %",
        "",
        "mean of 3               0.607          0.410           0.400  0.343   54.9 %",
        "SE of the mean          0.007          0.200",
    ]
    legend = " ".join(" ".join(lines).split())
    assert "VE of ceiling: share of the explainable variance; no weight: neurons without weight" in legend


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width):
    scores = [
        make(f"beta_vae[beta={beta},seed={seed}]", by=by)
        for by in ("alignment", "correlation_ratio", "decoding")
        for beta, seed in ((4, 0), (6, 0), (6, 2), (8, 0), (8, 1))
    ]
    lines = score_table(scores, is_family=True, width=width).splitlines()
    assert max(map(len, lines)) <= width
    # Numbers are not broken: each instance has its value in one piece for each of the benchmarks.
    assert sum("0.600 ± 0.004" in line for line in lines) == 15


def test_long_names_are_broken_and_kept():
    long = "timm:resnet18@layer3[weights=random,seed=1,pool=mean]+pca[n=50]"
    table = score_table([make(long), make()], is_family=True)
    lines = table.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("timm"))
    assert "".join(line.split()[0] for line in lines[start : start + 3]) == long
    assert max(map(len, lines)) <= 80


def test_of_many_instances_the_numbers_that_do_not_fit_are_means():
    scores = [make(f"pca[n={n}]") for n in range(10, 31)]
    table = score_table(scores, is_family=True)
    assert table.count("\nn=10 ") == 1
    assert table.count("\nmean of 21") == 2


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([make(beside=NOT_SPECIAL)], "no axis is special (κ = 0.011 ± 0.030, p = 0.190)"),
        (
            [make(beside=NOT_SPECIAL | {"axis_index": 0.14, "axis_index_p": 1 / 21})],
            "no axis is special (κ = 0.140 ± 0.030, p = 0.048; special axes need κ minus 1.645 standard errors above "
            "0.10, beside p ≤ 0.05)",
        ),
        ([make(beside=WEAK)], "do not interpret the axes (κ = 0.610 ± 0.030, p = 0.048)"),
        (
            [make("pca[n=10]"), make("pca[n=20]")],
            "axes are special for all 2 instances (κ = 0.610, p = 0.048)",
        ),
        (
            [make("pca[n=10]", beside=NOT_SPECIAL), make("pca[n=20]", beside=NOT_SPECIAL)],
            "no axis is special for any of 2 instances (κ = 0.011, p = 0.190)",
        ),
        (
            [make("pca[n=10]", beside=WEAK), make("pca[n=20]", beside=WEAK)],
            "do not interpret the axes of any of 2 instances (κ = 0.610, p = 0.048)",
        ),
        ([make(beside={"axis_index": math.nan})], ""),
        ([make(options={"turns": 0})], "no axis index κ: turns = 0"),
    ],
)
def test_the_line_of_the_axes(scores, expected):
    assert describe_axes(scores) == expected


def test_a_note_that_is_a_caution_is_not_said_twice():
    why = "no axis index: a linear model predicts fewer than three neurons, so no tuning can be turned"
    undefined = dict.fromkeys(
        (name for name in BESIDE if name.startswith(("axis", "turned", "reg"))), math.nan
    )
    table = score_table(
        [make(beside=undefined, notes=[why, "folds keep the 40 originals together"])], is_family=False
    )
    text = " ".join(table.split())
    assert text.count(why) == 1
    assert f"caution: {why}" in text
    assert "alignment: folds keep the 40 originals together" in text


def test_p_values_of_shuffles_say_what_they_test():
    shuffled = make(null=0.2, provenance={"permutation_p": 0.005})
    table = score_table([shuffled], is_family=False)
    assert "\n  chance                                           0.200\n" in table
    assert "\n  p against shuffled stimuli                       0.005\n" in table
    assert "p against shuffled stimuli: it tests whether units and neurons have" in " ".join(table.split())
