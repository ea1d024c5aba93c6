"""Tests of the tables that notebooks show, and of the short texts of the same objects."""

import math
import re
from dataclasses import replace

import pytest

import neuroalign as na
from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.comparison.table import Leaderboard
from neuroalign.reporting.figures.style import contrast
from neuroalign.results.score import summarise
from neuroalign.results.several import Scores
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

BENCHMARK = "correlation_ratio[turns=0]"


def make(dataset, family, value, seed=0, **fields):
    return make_score(
        value,
        model=f"{family}[seed={seed}]",
        family=family,
        dataset=dataset,
        benchmark=load_benchmark(BENCHMARK),
        **fields,
    )


def test_a_score_is_a_table_with_its_cautions(dataset):
    assert na.Score is not None  # the public name brings the writers
    weak = {"variance_explained": -0.1}
    page = make(
        dataset, "a<b", 0.5, ceiling=0.8, null=0.1, beside=weak, notes=["a note & more"]
    )._repr_html_()
    assert "a&lt;b[seed=0], on single (simulated neurons)" in page
    assert (
        "<strong>caution:</strong> explains no variance (-0.100): do not interpret correlation ratio</p>"
        in page
    )
    colour = re.search(r'color:(#\w+);margin:0.2em 0"><strong>caution', page)[1]
    assert min(contrast(colour, page_colour) for page_colour in ("#ffffff", "#111111")) > 4
    assert '<td style="text-align:left">correlation ratio</td><td>0.500 →1</td><td>[0.30, 0.70]</td>' in page
    assert "<td>0.100</td><td>0.800</td>" in page
    assert "a note &amp; more" in page
    family = summarise([make(dataset, "a", value, seed) for seed, value in enumerate((0.4, 0.6))], family="a")
    assert "a, 2 instances, on single" in family._repr_html_()


def test_several_scores_are_one_table_and_a_line_each(dataset):
    first = make(dataset, "a", 0.5, notes=["a note"])
    second = make_score(0.2, model="a[seed=0]", dataset=dataset, benchmark=load_benchmark("ridge"))
    scores = Scores([first, second])
    assert str(scores).splitlines() == [str(first), str(second)]
    page = scores._repr_html_()
    assert page.count("<table>") == 1
    assert page.count("on single (simulated neurons)") == 1
    assert ">correlation ratio</td><td>0.500 →1</td>" in page
    assert ">ridge</td><td>0.200 →1</td>" in page
    assert "<small>correlation ratio: a note</small>" in page
    assert "<p>no scores</p>" in Scores()._repr_html_()


def test_a_leaderboard_is_a_table_and_a_short_text(dataset):
    for seed in range(3):
        ResultsStore().save(f"a{seed}", make(dataset, "a", 0.5 + 0.01 * seed, seed))
        ResultsStore().save(f"b{seed}", make(dataset, "b", 0.3 + 0.01 * seed, seed))
    assert na.leaderboard is not None
    table = leaderboard(dataset, BENCHMARK)
    lines = str(table).splitlines()
    assert lines[0] == f"single (simulated neurons): {BENCHMARK}, {table.attrs['statistic']['label']}"
    assert lines[1].startswith("  a  0.510 [0.4")
    assert len(lines) == 3
    page = table._repr_html_()
    assert page.count("<table>") >= 2
    assert "<details><summary>all numbers and tests</summary>" in page
    # A selection is a data frame like others.
    part = table[["family", "mean"]]
    assert isinstance(part, Leaderboard)
    assert "0.51" in str(part)
    assert "<table" in part._repr_html_()
    assert math.isnan(table["welch_p"].iloc[0])


@pytest.mark.slow
def test_a_comparison_prints_its_sentence(dataset):
    result = na.compare(
        "neuron_subset[n=3]", "neuron_subset[n=4]", dataset, BENCHMARK, ceiling=None, n_resamples=100
    )
    result = replace(result, cautions={"a": ["explains no variance"], "b": []})
    assert str(result) == f"caution: {result.a.model}: explains no variance.\n{result.sentence}"
    assert repr(result).startswith("<Comparison of neuron_subset[n=3,seed=0]")
    page = result._repr_html_()
    assert "explains no variance" in page
    assert page.count("<table>") == 2
