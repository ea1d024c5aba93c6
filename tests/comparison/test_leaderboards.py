"""Leaderboards of stored scores: order, tests over instances, and scores that are left out."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from neuroalign.comparison.leaderboard import leaderboard, leaderboards
from neuroalign.comparison.leaderboard_findings import describe_findings, describe_missing
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

#: Scores without an axis index are ranked by C.
BY_C = "alignment[turns=0]"


VALUES = {"good": [0.9, 0.8, 0.85], "middle": [0.6, 0.5, 0.55, 0.45], "single": [0.7], "bad": [0.1, 0.3, 0.2]}


@pytest.fixture
def store(dataset):
    store = ResultsStore()
    benchmark = load_benchmark(BY_C)

    def save(family, index, value, **fields):
        score = make_score(
            value, model=f"{family}[seed={index}]", dataset=dataset, benchmark=benchmark, **fields
        )
        store.save(f"{len(list(store.scores())):04x}", score)

    for family, values in VALUES.items():
        for index, value in enumerate(values):
            save(family, index, value)
    save("good", 9, 0.0, benchmark_version=0)
    save("good", 9, 0.0, options={**benchmark.options(), "n_folds": 3})
    save("good", 9, 0.0, provenance={"dataset_hash": "another"})
    save("good", 9, 0.0, provenance={"n_stimuli": 20})
    return store


def test_order_means_and_tests(store, dataset):
    table = leaderboard(dataset, BY_C)
    assert list(table["family"]) == ["good", "single", "middle", "bad"]
    assert list(table["n"]) == [3, 1, 4, 3]
    np.testing.assert_allclose(table["mean"], [0.85, 0.7, 0.525, 0.2])
    tested = ["good", "middle", "bad"]
    expected = {
        frozenset(pair): stats.ttest_ind(VALUES[pair[0]], VALUES[pair[1]], equal_var=False).pvalue
        for pair in combinations(tested, 2)
    }
    against_best = [expected[frozenset(("good", name))] for name in ("middle", "bad")]
    np.testing.assert_allclose(table["welch_p_raw"][[2, 3]], against_best)
    # Holm over the three pairs that have a test: the single instance has no test, and a note with the reason.
    holm = dict(zip(expected, multipletests(list(expected.values()), method="holm")[1], strict=True))
    np.testing.assert_allclose(
        table["welch_p"][[2, 3]], [holm[frozenset(("good", n))] for n in ("middle", "bad")]
    )
    assert np.isnan(table["welch_p"][1])
    assert table["note"][1] == "no test: one instance"
    assert "fewer than two" in table.attrs["pairs"][0]["welch_reason"]
    assert table["note"][0] == "best"
    # Letters say the same as the corrected p of each pair.
    letters = dict(zip(table["family"], map(set, table["welch_letters"]), strict=True))
    for pair, p in holm.items():
        first, second = pair
        assert bool(letters[first] & letters[second]) == (p >= 0.05)
    assert letters["single"] == set()
    # These scores have no arrays: nothing is tested over neurons, so there are no letters, and it is said why.
    assert set(table["letters"]) == {""}
    assert "are not arrays of alignment" in table.attrs["no_neurons"]
    of_pairs = {frozenset((pair["a"], pair["b"])): pair["welch_p"] for pair in table.attrs["pairs"]}
    np.testing.assert_allclose([of_pairs[pair] for pair in holm], list(holm.values()))


def test_interval_is_students_over_instances_and_error_the_instances_own(store, dataset):
    table = leaderboard(dataset, BY_C).set_index("family")
    values = VALUES["middle"]
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    np.testing.assert_allclose(table.loc["middle", ["ci_low", "ci_high"]].astype(float), [low, high])
    assert table["ci_low"].isna()["single"]
    assert table["error"]["middle"] == pytest.approx(0.1)
    assert table.attrs["error_over"] == "neurons"


def test_correction_is_chosen(store, dataset):
    holm, bh = (leaderboard(dataset, BY_C, correction=item) for item in ("holm", "bh"))
    np.testing.assert_array_equal(holm["welch_p_raw"], bh["welch_p_raw"])
    raw = [pair["welch_p_raw"] for pair in bh.attrs["pairs"] if not pair["welch_reason"]]
    corrected = [pair["welch_p"] for pair in bh.attrs["pairs"] if not pair["welch_reason"]]
    np.testing.assert_allclose(corrected, multipletests(raw, method="fdr_bh")[1])


def test_lower_is_better_puts_the_lowest_first(store, dataset):
    benchmark = load_benchmark("decoding[turns=0]")
    for index, (family, value) in enumerate([("far", 0.8), ("near", 0.1), ("far", 0.7), ("near", 0.2)]):
        score = make_score(
            value,
            model=f"{family}[seed={index}]",
            dataset=dataset,
            benchmark=benchmark,
            error=np.nan,
            error_over="stimuli",
        )
        store.save(f"dd{index:02}", score)
    table = leaderboard(dataset, "decoding[turns=0]")
    assert list(table["family"]) == ["near", "far"]
    assert table["note"][1] == ""
    assert list(table["welch_letters"]) == ["a", "a"] or list(table["welch_letters"]) == ["a", "b"]
    assert table.attrs["higher_is_better"] is False


def test_what_is_left_out_is_said(store, dataset):
    assert leaderboard(dataset, BY_C).attrs["left_out"] == {
        "of another version of the benchmark": 1,
        "with other options": 1,
        "of another version of the dataset": 1,
        "on a part of the stimuli": 1,
    }
    assert list(leaderboard(dataset, "alignment[n_folds=3,turns=0]")["family"]) == ["good"]


@pytest.mark.slow
def test_each_set_of_options_has_a_table_of_its_own(store, dataset):
    tables = {table.attrs["name"]: table for table in leaderboards(dataset) if len(table)}
    assert sorted(tables) == ["alignment[n_folds=3,turns=0]", BY_C]
    assert list(tables["alignment[n_folds=3,turns=0]"]["family"]) == ["good"]
    assert tables["alignment[n_folds=3,turns=0]"]["mean"][0] == 0
    assert "with other options" not in tables[BY_C].attrs["left_out"]
    assert sum(tables[BY_C].attrs["left_out"].values()) == 3


def test_a_benchmark_that_is_not_installed_is_ranked_by_its_newest_version(store, dataset):
    for version, value in ((2, 0.4), (3, 0.6)):
        score = make_score(
            value,
            dataset=dataset,
            benchmark="elsewhere",
            benchmark_version=version,
            options={"k": 1},
            error=np.nan,
            error_over="draws",
        )
        store.save(f"ee{version:02}", score)
    table = next(table for table in leaderboards(dataset) if table.attrs["benchmark"] == "elsewhere")
    assert table["mean"][0] == 0.6
    assert table.attrs["name"] == "elsewhere[k=1]"
    assert table.attrs["left_out"] == {"of another version of the benchmark": 1}


def test_an_instance_scored_by_itself_counts_in_its_family_alone(store, dataset):
    newest = next(instance for instance in store.scores() if instance.model == "bad[seed=0]")
    store.save("ffff", replace(newest, family="bad[seed=0]"))
    table = leaderboard(dataset, BY_C)
    assert dict(zip(table["family"], table["n"], strict=True)) == {
        "good": 3,
        "single": 1,
        "middle": 4,
        "bad": 3,
    }
    assert table.attrs["left_out"]["of a model by itself, which counts in its family"] == 1
    store.save("fffe", replace(newest, value=0.4))
    table = leaderboard(dataset, BY_C)
    assert table.attrs["left_out"]["of an earlier state of the same model"] == 1
    assert table.set_index("family")["mean"]["bad"] == pytest.approx((0.4 + 0.3 + 0.2) / 3)


def test_numbers_beside_the_scores_are_means_over_instances(store, dataset):
    scores = {score.model: (key, score) for key, score in store.items() if score.value > 0}
    for model, n in (("good[seed=0]", 10), ("good[seed=1]", 30), ("bad[seed=0]", 7)):
        key, score = scores[model]
        store.save(key, replace(score, beside={"D": n}))
    table = leaderboard(dataset, BY_C).set_index("family")
    assert table["beside: D"][["good", "bad"]].tolist() == [20, 7]
    assert table["beside: D"].isna()["middle"]
    # C = 1 - H/ln D at another D, of each instance: log 10 / log 30 and so on.
    # Families are ranked at a common D where models differ in D; the paper's C has a column of its own.
    assert table.attrs["statistic"]["label"] == "alignment C at D = 30"
    assert table["mean"]["bad"] == pytest.approx(1 - (1 - 0.1) * np.log(7) / np.log(30))
    expected = [1 - (1 - 0.9) * np.log(10) / np.log(30), 0.8]
    assert table["mean"]["good"] == pytest.approx(np.mean(expected))
    assert table["value"]["good"] == pytest.approx(np.mean(VALUES["good"]))
    assert (table["n"]["good"], table["n"]["middle"]) == (2, 0)
    assert table["mean"].isna()["middle"]
    assert table["note"]["middle"] == "no test: no alignment C at D = 30"
    assert describe_findings(leaderboard(dataset, BY_C))[0] == (
        "No alignment C at D = 30 in the stored scores of middle, single; neuroalign score … --no-cache computes it."
    )


def test_a_best_family_of_one_instance_says_why_nothing_is_tested(store, dataset):
    single = next(instance for instance in store.scores() if instance.family == "single")
    store.save("abcd", replace(single, value=0.95, provenance={**single.provenance, "created": "2030-01-01"}))
    table = leaderboard(dataset, BY_C)
    assert list(table["family"])[:2] == ["single", "good"]
    assert list(table["note"]) == ["best", *["no test: the best has one instance"] * 3]


def test_empty(dataset):
    table = leaderboard(dataset, BY_C)
    assert len(table) == 0
    assert "crossed_p" in table


def test_a_score_that_is_no_mean_over_neurons_says_so(store, dataset):
    score = next(instance for instance in store.scores() if instance.model == "bad[seed=0]")
    loaded = load_benchmark("decoding[turns=0]")
    for index, family in enumerate("aabb"):
        changed = replace(
            score, benchmark="decoding", benchmark_version=loaded.version, options=loaded.options()
        )
        store.save(
            f"de{index:02}", replace(changed, family=family, model=f"{family}{index}", value=0.1 * index)
        )
    table = leaderboard(dataset, "decoding[turns=0]")
    assert table.attrs["no_neurons"] == (
        "decoding matches each unit with one neuron, so drawn neurons need a new matching"
    )
    assert table["welch_p"].notna().sum() == 1


def test_notes_name_the_benchmarks_without_a_test_or_a_level_of_chance(store, dataset):
    table = leaderboard(dataset, BY_C)
    untested = f"{BY_C} cannot test families of one instance; score several instances of each family"
    assert untested in describe_missing([table])
    tested = table.copy()
    tested["letters"] = "a"
    control = table.copy()
    control.attrs["is_control"] = True
    assert not any("one instance" in note for note in describe_missing([tested, control]))
    table.attrs["benchmark"] = table.attrs["name"] = "alignment"
    assert any(note.startswith("no chance level for alignment;") for note in describe_missing([table]))
    # Variance explained declares 0 as the score by chance.
    table.attrs["benchmark"] = table.attrs["name"] = "variance_explained"
    assert not any(note.startswith("no chance level") for note in describe_missing([table]))
