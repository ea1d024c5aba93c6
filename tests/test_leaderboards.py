from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from neuroalign.benchmark import load_benchmark
from neuroalign.leaderboards import leaderboard
from neuroalign.results import ResultsStore
from neuroalign.scores import Score

VALUES = {"good": [0.9, 0.8, 0.85], "middle": [0.6, 0.5, 0.55, 0.45], "single": [0.7], "bad": [0.1, 0.3, 0.2]}


@pytest.fixture
def store(dataset):
    store = ResultsStore()
    benchmark = load_benchmark("alignment")

    def save(family, index, value, **fields):
        described = {
            "dataset": dataset.identifier,
            "benchmark": "alignment",
            "benchmark_version": benchmark.version,
            "options": benchmark.options(),
            "provenance": {"dataset_hash": dataset.content_hash},
            **fields,
        }
        score = Score(
            value=value,
            error=0.1,
            error_over="neurons",
            model=f"{family}[seed={index}]",
            family=family,
            **described,
        )
        store.save(f"{len(list(store.scores())):04x}", score)

    for family, values in VALUES.items():
        for index, value in enumerate(values):
            save(family, index, value)
    save("good", 9, 0.0, benchmark_version=0)
    save("good", 9, 0.0, options={**benchmark.options(), "n_folds": 3})
    save("good", 9, 0.0, provenance={"dataset_hash": "another"})
    save("good", 9, 0.0, provenance={"dataset_hash": dataset.content_hash, "n_stimuli": 20})
    return store


def test_order_means_and_tests(store, dataset):
    table = leaderboard(dataset, "alignment")
    assert list(table["family"]) == ["good", "single", "middle", "bad"]
    assert list(table["n"]) == [3, 1, 4, 3]
    np.testing.assert_allclose(table["mean"], [0.85, 0.7, 0.525, 0.2])
    expected = [
        stats.ttest_ind(VALUES["good"], VALUES[name], equal_var=False).pvalue for name in ("middle", "bad")
    ]
    np.testing.assert_allclose(table["p_raw"][[2, 3]], expected)
    # Holm over the two tests that there are: the single instance has none, and says why.
    np.testing.assert_allclose(sorted(table["p"][[2, 3]]), [2 * min(expected), max(expected)])
    assert np.isnan(table["p"][1])
    assert table["note"][1]
    assert table["note"][0] == "best"


def test_what_is_left_out_is_said(store, dataset):
    assert leaderboard(dataset, "alignment").attrs["left_out"] == {
        "of another version of the benchmark": 1,
        "with other options": 1,
        "of another version of the dataset": 1,
        "on a part of the stimuli": 1,
    }
    assert list(leaderboard(dataset, "alignment[n_folds=3]")["family"]) == ["good"]


def test_an_instance_scored_by_itself_stays_in_its_family(store, dataset):
    newest = next(each for each in store.scores() if each.model == "bad[seed=0]")
    store.save("ffff", replace(newest, family="bad[seed=0]"))
    table = leaderboard(dataset, "alignment")
    assert dict(zip(table["family"], table["n"], strict=True)) == {
        "good": 3,
        "single": 1,
        "middle": 4,
        "bad": 3,
        "bad[seed=0]": 1,
    }
    store.save("fffe", replace(newest, value=0.4))
    table = leaderboard(dataset, "alignment")
    assert table.attrs["left_out"]["of an earlier state of the same model"] == 1
    assert table.set_index("family")["mean"]["bad"] == pytest.approx((0.4 + 0.3 + 0.2) / 3)


def test_empty(dataset):
    table = leaderboard(dataset, "alignment")
    assert len(table) == 0
    assert "p" in table
