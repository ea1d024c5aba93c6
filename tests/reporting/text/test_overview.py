"""Overview of scores: rows, intervals, bars and judgements."""

import math
from dataclasses import replace

import pytest
import xarray as xr

from neuroalign.reporting.text.overview import score_overview
from neuroalign.results.score import TRAINED_ON
from neuroalign.testing import make_score

BESIDE = {"variance_explained": 0.5, "explained_share": 0.8, "predicted_neurons": 150.0, "reliability": 0.72}
INDEX = {"axis_index": 0.61, "axis_index_error": 0.03, "axis_index_special": 1.0, "turned": 0.4}


def make(value, by, error=0.01, beside=None, **changes):
    score = make_score(
        value,
        error=error,
        model="pca[n=10]",
        family="pca",
        dataset="AM-faces-sim",
        benchmark=by,
        options={},
        beside=BESIDE | (beside or {}),
        provenance={"n_neurons": 159, "n_stimuli": 2100, "simulated": True},
    )
    return replace(score, data=xr.Dataset(), **changes)


def rows(scores, is_family=False, width=80):
    blocks = score_overview(scores, is_family=is_family, width=width).split("\n\n")
    block = next(block for block in blocks if "95 % interval" in block)
    return block.splitlines()[1:]


def test_one_model_has_a_row_for_each_benchmark_and_for_its_axis_index():
    scores = [
        make(0.2, "linear_recombination", beside={"native": 0.6}),
        make(0.6, "alignment", beside=INDEX, options={"turns": 20}, benchmark_version=2),
        make(0.5, "variance_explained", 0.02, ceiling=0.625, benchmark_version=3),
    ]
    assert score_overview(scores, is_family=False) == (
        "pca[n=10] on AM-faces-sim (simulated neurons)\n"
        "159 neurons, 2,100 stimuli, reliability of the median neuron 0.720\n"
        "\n"
        "                      mean       95 % interval  to ceiling\n"
        "variance explained    0.500  →1  [0.46, 0.54]   ████████░░  80 % of ceiling\n"
        "alignment             0.600  →1  [0.58, 0.62]               0.400 when turned\n"
        "  axis index κ        0.610  →1  [0.55, 0.67]   ██████░░░░  axes are special\n"
        "linear recombination  0.200  ↑   [0.18, 0.22]\n"
        "\n"
        "Intervals are over neurons. Bars run from chance to the ceiling. → points to the\n"
        "value of a perfect model.\n"
        "\n"
        "next: neuroalign leaderboard AM-faces-sim shows it beside other models; score\n"
        "  with --each shows all numbers"
    )


@pytest.mark.parametrize(
    ("value", "null", "ceiling", "expected"),
    [
        (0.40, 0.10, 0.70, "█████░░░░░  50 % of ceiling"),
        (0.70, 0.10, 0.70, "██████████  100 % of ceiling"),
        (0.90, 0.10, 0.70, "█████████▸  133 % of ceiling"),
        (0.05, 0.10, 0.70, "◂░░░░░░░░░  below chance"),
        (0.09, 0.10, 0.70, "◂░░░░░░░░░  at chance"),
        (0.40, 0.10, math.nan, "above chance"),
        (math.nan, 0.10, 0.70, "no score"),
    ],
)
def test_bar_and_judgement_between_chance_and_ceiling(value, null, ceiling, expected):
    # The ratio has one row without an axis index; the first row is the variance explained.
    (row,) = rows([make(value, "correlation_ratio", null=null, ceiling=ceiling)])[1:]
    assert row.endswith(f"  {expected}")


def test_lower_distances_are_better():
    (row,) = rows(
        [make(0.3, "decoding", null=0.9, ceiling=0.1, higher_is_better=False, benchmark_version=2)]
    )[1:]
    assert row.startswith("decoding            0.300  →0  [0.28, 0.32]   ████████░░  75 % of ceiling")
    (row,) = rows([make(0.95, "decoding", null=0.9, higher_is_better=False, benchmark_version=2)])[1:]
    assert row.endswith("below chance")


def test_interval_ends_at_the_value_of_a_perfect_model():
    (row,) = rows([make(0.99, "correlation_ratio", 0.05, benchmark_version=3)])[1:]
    assert "[0.89, 1.00]" in row
    (row,) = rows([make(0.01, "correlation_ratio", 0.05, benchmark_version=3)])[1:]
    assert "[0.00, 0.11]" in row


def test_a_score_that_must_not_be_interpreted_has_a_caution_first_and_no_judgement():
    weak = {"variance_explained": 0.03, "explained_share": 0.048, **INDEX}
    text = score_overview([make(0.6, "alignment", beside=weak, benchmark_version=2)], is_family=False)
    _, caution, table, *_ = text.split("\n\n")
    assert caution.startswith("caution (!): explains 4.8 % of the explainable variance (0.030 of 0.625)")
    lines = table.splitlines()
    assert lines[1].endswith("░░░░░░░░░░  5 % of ceiling")
    assert [line.split("  ")[-1].strip() for line in lines[2:]] == ["do not interpret !"] * 2


def test_training_on_other_images_is_a_caution():
    note = f"{TRAINED_ON} toys, not on the images of AM-faces-sim"
    text = score_overview([make(0.6, "correlation_ratio", notes=[note])], is_family=False)
    assert text.split("\n\n")[1] == f"caution: {note}"
    assert text.count(note) == 1


def test_special_axes_are_counted_over_the_instances_that_may_be_interpreted():
    scores = [
        make(0.6, "alignment", beside=INDEX, benchmark_version=2),
        make(0.6, "alignment", beside={**INDEX, "axis_index_special": 0.0}, benchmark_version=2),
        make(0.6, "alignment", beside={**INDEX, "explained_share": 0.01}, benchmark_version=2),
    ]
    scores = [replace(score, model=f"pca[n={n}]") for n, score in enumerate(scores)]
    assert rows(scores, is_family=True)[-1].endswith("special in 1 of 2")


@pytest.mark.parametrize(("p", "marked"), [(1 / 21, True), (0.19, False)])
def test_a_line_explains_axes_that_are_not_special_although_p_is_small(p, marked):
    index = INDEX | {"axis_index": 0.14, "axis_index_p": p, "axis_index_special": 0.0}
    score = make(0.6, "alignment", beside=index, options={"turns": 20}, benchmark_version=2)
    lines = score_overview([score], is_family=False).splitlines()
    row = next(line for line in lines if "axis index" in line)
    assert row.endswith("no axis is special *" if marked else "no axis is special")
    explanation = "* special axes need κ minus 1.645 standard errors above 0.10, beside p ≤ 0.05"
    assert (explanation in lines) == marked


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width):
    scores = [
        make(0.6, f"{name}[n_units=informative,turns=20]", null=0.1, ceiling=0.7, beside=INDEX)
        for name in ("alignment", "correlation_ratio", "one_to_one")
    ]
    lines = score_overview(scores, is_family=False, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert ("chance  to ceiling  ceiling" in "\n".join(lines)) == (width == 140)
    assert any("█" in line for line in lines) == (width > 60)
    assert sum(["0.600" in line for line in lines]) == 3
