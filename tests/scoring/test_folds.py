"""Choice of the folds: forms of the option, groups, tiers, labels, and the digest of the column that is read."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import LeaveOneGroupOut

from neuroalign.benchmarks.linear_recombination import LinearRecombination
from neuroalign.benchmarks.ridge import RidgeBenchmark
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.metrics.folds import predicted_rows
from neuroalign.names.syntax import format_spec
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.folds import (
    FoldChoice,
    find_groups,
    find_tiers,
    label_groups,
    label_tiers,
    parse_folds,
)
from neuroalign.scoring.provenance import key_of_score
from neuroalign.testing.units import example_model


def stimuli(**columns):
    n = len(next(iter(columns.values())))
    return StimulusSet("s", pd.DataFrame(columns, index=[f"s{i:02}" for i in range(n)]))


def test_forms_of_the_option():
    assert parse_folds("random") == FoldChoice("random")
    assert parse_folds("group:a:b") == FoldChoice("group", "a:b")
    assert parse_folds("split:tier:train:test+live") == FoldChoice("split", "tier:train:test+live")
    for text in ("", "groups:a", "group:", "split: ", "random:a"):
        with pytest.raises(UsageError, match="must be random, group:COLUMN"):
            parse_folds(text)


def test_the_option_survives_the_grammar_of_names():
    for folds in ("group:object name", "split:tier", "split:tier:train+validation:test+live"):
        benchmark = load_benchmark(f"ridge[folds={folds},random_folds=false]")
        assert benchmark.folds == folds
        assert load_benchmark(format_spec("ridge", benchmark.options())) == benchmark
        wrapped = LinearRecombination(benchmark=f"ridge[folds={folds}]")
        assert load_benchmark(format_spec("linear_recombination", wrapped.options())).wrapped.folds == folds


def test_random_folds_leave_the_options_as_they_were():
    assert list(RidgeBenchmark().options()) == [
        "n_folds",
        "in_sample",
        "self_pairs",
        "n_permutations",
        "seed",
        "alpha",
        "standardise",
    ]
    assert RidgeBenchmark(random_folds=False).options() == RidgeBenchmark().options()
    assert RidgeBenchmark(folds="group:a").options()["folds"] == "group:a"
    assert RidgeBenchmark(folds="group:a", random_folds=False).options()["random_folds"] is False


def test_a_score_has_another_key_where_its_column_changes(dataset):
    def key(benchmark, values=None):
        chosen = dataset
        if values is not None:
            table = dataset.stimuli.table.assign(kind=values)
            chosen = replace(dataset, stimuli=StimulusSet(dataset.stimuli.identifier, table))
        return key_of_score(example_model(dataset), "latents", chosen, benchmark, "exact", "family")

    n = len(dataset.stimuli)
    first, second = np.arange(n) % 3, np.arange(n) % 4
    assert key(RidgeBenchmark(), first) == key(RidgeBenchmark(), second)
    for benchmark in (
        RidgeBenchmark(folds="group:kind"),
        RidgeBenchmark(folds="split:kind:0:1"),
        LinearRecombination(benchmark="ridge[folds=group:kind]"),
    ):
        assert key(benchmark, first) == key(benchmark, first.copy())
        assert key(benchmark, first) != key(benchmark, second)


def test_each_group_is_a_fold_as_by_scikit_learn():
    values = np.random.default_rng(0).choice(list("abcd"), 40)
    table = stimuli(kind=values)
    groups = find_groups(table, table.ids, "kind")
    labels = label_groups(groups, 10, is_default=True, column="kind", seed=0)
    ours = {tuple(np.flatnonzero(labels == label)) for label in np.unique(labels)}
    theirs = {tuple(test) for _, test in LeaveOneGroupOut().split(values, groups=values)}
    assert ours == theirs
    # More groups than folds: whole groups share a fold.
    two = label_groups(groups, 2, is_default=False, column="kind", seed=0)
    assert np.unique(two).size == 2
    assert all(np.unique(two[values == value]).size == 1 for value in "abcd")
    with pytest.raises(UsageError, match="n_folds must be at most 4, the number of groups of kind, got 5"):
        label_groups(groups, 5, is_default=False, column="kind", seed=0)


def test_groups_do_not_depend_on_the_order_of_the_stimuli():
    table = stimuli(kind=list("aabbcc"))
    labels = find_groups(table, table.ids, "kind").labels
    order = np.array([5, 0, 3, 1, 4, 2])
    np.testing.assert_array_equal(find_groups(table, table.ids[order], "kind").labels, labels[order])


def test_groups_with_variants_of_one_original_are_one_group():
    table = stimuli(kind=list("aabbcc"), original=["", "x", "x", "", "", ""])
    groups = find_groups(table, table.ids, "kind")
    assert groups.labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert (groups.n, groups.n_values) == (2, 3)
    assert find_groups(table, table.ids, "original").labels.tolist() == [0, 1, 1, 2, 3, 4]


def test_faults_of_groups():
    table = stimuli(kind=["a", "b", None, ""], one=["a"] * 4)
    with pytest.raises(UsageError, match=r"needs a kind of each stimulus, got none for 2 of 4: s02, s03"):
        find_groups(table, table.ids, "kind")
    with pytest.raises(
        UnknownNameError, match="no column of the stimulus table is called 'kinds'; did you mean kind"
    ):
        find_groups(table, table.ids, "kinds")
    with pytest.raises(UsageError, match="needs two groups at least, got 1"):
        label_groups(find_groups(table, table.ids, "one"), 10, is_default=True, column="one", seed=0)


@pytest.mark.parametrize(
    ("training", "test"),
    [
        ("train", "test"),
        ("Training", "held-out"),
        ("train_set", "held_out"),
        ("TRAIN", "live_test_main"),
        ("training", "Held Out"),
        ("train", "heldout"),
    ],
)
def test_names_of_tiers_are_recognised(training, test):
    table = stimuli(tier=[training] * 5 + ["validation"] * 2 + [test] * 4 + [None])
    tiers = find_tiers(table, table.ids, "tier")
    assert (tiers.training, tiers.test) == ((training,), (test,))
    assert tiers.fitted.tolist() == [True] * 5 + [False] * 7
    assert tiers.predicted.tolist() == [False] * 7 + [True] * 4 + [False]
    assert tiers.notes == [
        f"split by tier: 5 stimuli of {training} are fitted, 4 of {test} are predicted",
        "1 without a tier, 2 of validation are left out",
    ]


def test_flags_are_tiers_where_the_column_names_one():
    flags = [True] * 4 + [False] * 3
    for column, marked in (("training", True), ("is_test", False)):
        table = stimuli(**{column: flags})
        assert find_tiers(table, table.ids, column).fitted.tolist() == [marked == flag for flag in flags]
    table = stimuli(shown=flags)
    with pytest.raises(
        UsageError, match=r"must find a training and a test tier, got False \(3\), True \(4\); name"
    ):
        find_tiers(table, table.ids, "shown")


def test_named_tiers():
    table = stimuli(**{"a:b": list("11112222333")})
    tiers = find_tiers(table, table.ids, "a:b:1:2+3")
    assert (tiers.column, tiers.training, tiers.test) == ("a:b", ("1",), ("2", "3"))
    with pytest.raises(UnknownNameError, match="no tier of a:b is called '4'; there are: 1, 2, 3"):
        find_tiers(table, table.ids, "a:b:1:4")
    with pytest.raises(UsageError, match="must name a tier once, got 1 as training and test"):
        find_tiers(table, table.ids, "a:b:1:1+2")
    short = stimuli(tier=["train"] * 5 + ["test"] * 2)
    with pytest.raises(
        UsageError, match="needs 3 fitted and 3 predicted stimuli at least, got 5 of train and 2 of"
    ):
        find_tiers(short, short.ids, "tier")


def test_variants_of_fitted_stimuli_are_not_predicted():
    table = stimuli(tier=["train"] * 4 + ["test"] * 5, original=["", "", "", "x", "x", "", "", "", ""])
    tiers = find_tiers(table, table.ids, "tier")
    assert tiers.predicted.tolist() == [False] * 5 + [True] * 4
    assert tiers.notes[-1] == "1 stimulus of test left out: variants of fitted stimuli"


def test_hyper_parameters_are_chosen_within_the_training_tier():
    table = stimuli(tier=["train", "test", "train", "train"] * 5)
    tiers = find_tiers(table, table.ids, "tier")
    labels, inner = label_tiers(tiers, np.arange(20), 5, seed=0)
    np.testing.assert_array_equal(predicted_rows(labels), tiers.predicted)
    assert set(inner[tiers.predicted]) == {-1}
    assert np.bincount(inner[tiers.fitted]).tolist() == [3] * 5
