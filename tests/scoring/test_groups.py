"""Groups of benchmarks."""

import pytest

from neuroalign.errors import UnknownNameError
from neuroalign.names.registry import benchmarks
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.groups import GROUPS, load_benchmarks


def test_groups_partition_the_benchmarks_that_are_not_about_other_scores():
    single, populations, both = (load_benchmarks([group]) for group in GROUPS)
    assert {benchmark.level() for benchmark in single} == {"single units"}
    assert {benchmark.level() for benchmark in populations} == {"populations"}
    names = {benchmark.identifier for benchmark in both}
    assert names == {benchmark.identifier for benchmark in (*single, *populations)}
    others = {"linear_recombination", "stimulus_bootstrap"}
    assert names == set(benchmarks.names()) - others


def test_without_names_the_benchmarks_of_the_paper_are_loaded():
    names = [benchmark.identifier for benchmark in load_benchmarks()]
    assert names == [
        "alignment",
        "correlation_ratio",
        "decoding",
        "linear_recombination",
        "variance_explained",
    ]


def test_a_benchmark_that_occurs_twice_is_kept_once():
    loaded = load_benchmarks(["variance_explained", "populations", load_benchmark("variance_explained")])
    assert [benchmark.identifier for benchmark in loaded].count("variance_explained") == 1
    assert loaded[0].identifier == "variance_explained"
    # Other options make another benchmark.
    assert len(load_benchmarks(["alignment", "alignment[turns=0]"])) == 2


def test_unknown_group_names_the_nearest_benchmark():
    with pytest.raises(UnknownNameError, match="alignment"):
        load_benchmarks(["alignmen"])
