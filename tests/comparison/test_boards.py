"""Boards of several datasets: means, ranks, hierarchical intervals, missing scores, ceilings, and refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest

import neuroalign as na
from neuroalign.comparison.board import board, boards
from neuroalign.comparison.board_findings import describe_board, describe_board_cautions
from neuroalign.errors import DatasetError, UnknownNameError, UsageError
from neuroalign.reporting.text.board import format_boards
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset, make_score

BENCHMARK = "variance_explained"
#: Animal and number of neurons of each dataset.
DATASETS = {"day1": ("A", 6), "day2": ("A", 10), "day3": ("B", 8)}


def simulate(name, animal, n_neurons, seed, **fields):
    dataset = make_dataset(name, n_stimuli=20, n_neurons=n_neurons, images=False, seed=seed)
    recording = dataset.recording.assign_coords(animal=("neuroid", [animal] * n_neurons))
    return replace(dataset, recording=recording, **fields)


@pytest.fixture(scope="module")
def datasets():
    return [
        simulate(name, animal, n, seed) for seed, (name, (animal, n)) in enumerate(DATASETS.items(), start=1)
    ]


@pytest.fixture(scope="module")
def truth(datasets):
    """Return the variance explained of each neuron: of two close families and of one that is far behind."""
    rng = np.random.default_rng(0)
    values = {}
    for dataset in datasets:
        shared = (
            0.5 + 0.1 * rng.standard_normal() + 0.15 * rng.standard_normal(dataset.recording.sizes["neuroid"])
        )
        values["best", dataset.identifier] = shared + 0.02
        values["close", dataset.identifier] = shared + 0.05 * rng.standard_normal(shared.size)
        values["far", dataset.identifier] = shared - 0.4
    return values


@pytest.fixture
def save(datasets):
    """Save a score of one dataset in a store."""
    store = ResultsStore()
    by_name = {dataset.identifier: dataset for dataset in datasets}

    def save(family, dataset, values, *, benchmark=BENCHMARK, **fields):
        dataset = by_name.get(dataset, dataset)
        neurons = dataset.recording["neuroid_id"].values
        score = make_score(
            model=f"{family}[n=1]",
            family=family,
            dataset=dataset,
            benchmark=load_benchmark(benchmark),
            per_neuron=dict(zip(neurons, values, strict=True)),
            **fields,
        )
        store.save(f"{len(list(store.scores())):04x}", score)

    return save


@pytest.fixture
def saved(save, truth):
    for (family, dataset), values in truth.items():
        save(family, dataset, values)


def loop(values, n, over="animals", seed=3):
    """Draw animals, sessions and neurons one after the other; the same draws serve all families."""
    rng = np.random.default_rng(seed)
    animals = {"A": ["day1", "day2"], "B": ["day3"]}
    families = sorted({family for family, _ in values})
    means = np.empty((len(families), n))
    for draw in range(n):
        sums = []
        names = rng.choice(list(animals), size=2) if over == "animals" else list(animals)
        for animal in names:
            days = animals[animal]
            for day in rng.choice(days, size=len(days)) if over != "neurons" else days:
                neurons = rng.integers(DATASETS[day][1], size=DATASETS[day][1])
                sums.append([values[family, day][neurons].mean() for family in families])
        means[:, draw] = np.mean(sums, axis=0)
    return families, means


def test_scores_means_and_ranks(saved, datasets, truth):
    table = board(datasets, BENCHMARK)
    assert list(table["family"]) == ["best", "close", "far"]
    for row, family in enumerate(table["family"]):
        own = [truth[family, name].mean() for name in DATASETS]
        np.testing.assert_allclose([table[f"score: {name}"][row] for name in DATASETS], own)
        # Datasets count equally, though they have 6, 10 and 8 neurons.
        assert table["mean"][row] == pytest.approx(np.mean(own))
    assert list(table["rank"]) == [1, 2, 3]
    assert table.attrs["levels"] == {"animals": 2, "sessions": 3, "neurons": 24}
    assert table.attrs["drawn"] == ["animals", "sessions", "neurons"]


@pytest.mark.slow
@pytest.mark.parametrize("over", ["animals", "sessions", "neurons"])
def test_intervals_and_ranks_agree_with_a_loop(saved, datasets, truth, over):
    table = board(datasets, BENCHMARK, over=over).set_index("family")
    families, means = loop(truth, 4_000, over)
    better = (means[None] > means[:, None]).sum(axis=1) + 1
    for row, family in enumerate(families):
        spread = means[row].std(ddof=1)
        assert table.loc[family, "standard_error"] == pytest.approx(spread, rel=0.06)
        expected = np.quantile(means[row], [0.025, 0.975])
        np.testing.assert_allclose(
            table.loc[family, ["ci_low", "ci_high"]].astype(float), expected, atol=0.25 * spread
        )
        ranks = np.quantile(better[row], [0.025, 0.975], method="inverted_cdf")
        np.testing.assert_array_equal(table.loc[family, ["rank_low", "rank_high"]].astype(float), ranks)
    # The far family is last in every draw, because the draws are shared; its interval overlaps the others.
    assert table.loc["far", "rank_low"] == 3
    if over == "animals":
        assert table.attrs["few_animals"]
        assert any(
            "2 animals are too few" in sentence for sentence in describe_board(board(datasets, BENCHMARK))
        )


def test_the_error_over_neurons_has_a_closed_form(saved, datasets, truth):
    table = board(datasets, BENCHMARK, over="neurons").set_index("family")
    for family in ("best", "close", "far"):
        variance = sum(truth[family, name].var() / truth[family, name].size for name in DATASETS) / 9
        assert table.loc[family, "standard_error"] == pytest.approx(np.sqrt(variance), rel=0.03)


def test_a_collection_is_one_column_with_the_mean_over_its_neurons(saved, datasets, truth):
    days = na.load_collection(datasets[:2], identifier="days")
    table = board([days, datasets[2]], BENCHMARK).set_index("family")
    pooled = np.concatenate([truth["best", "day1"], truth["best", "day2"]]).mean()
    assert table.loc["best", "score: days"] == pytest.approx(pooled)
    assert table.loc["best", "mean"] == pytest.approx((pooled + truth["best", "day3"].mean()) / 2)
    assert "days has 2 datasets; its score is the mean over its neurons." in describe_board(
        table.reset_index()
    )
    alone = board([days], BENCHMARK, members=True)
    assert [name for name in alone if name.startswith("score: ")] == ["score: day1", "score: day2"]
    # One collection with all sessions and its draws: the weighted mean of the drawn neurons.
    everything = board([na.load_collection(datasets)], BENCHMARK, over="neurons").set_index("family")
    variance = sum(truth["best", name].var() * truth["best", name].size for name in DATASETS) / 24**2
    assert everything.loc["best", "standard_error"] == pytest.approx(np.sqrt(variance), rel=0.03)


def test_numbers_do_not_depend_on_the_order_of_datasets(saved, datasets):
    first, second = board(datasets, BENCHMARK), board(datasets[::-1], BENCHMARK)
    for column in ("mean", "ci_low", "ci_high", "rank_low", "rank_high"):
        np.testing.assert_allclose(first[column], second[column], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("style", ["table", "json", "csv", "markdown", "latex"])
def test_outputs_are_byte_stable(saved, datasets, style):
    texts = {format_boards(boards(datasets, [BENCHMARK]), style) for _ in range(2)}
    assert len(texts) == 1


def test_missing_scores_have_no_mean_unless_asked(save, truth, datasets):
    for (family, dataset), values in truth.items():
        if (family, dataset) != ("best", "day2"):
            save(family, dataset, values)
    table = board(datasets, BENCHMARK)
    assert list(table["family"]) == ["close", "far", "best"]
    last = table.iloc[2]
    assert np.isnan(last[["rank", "rank_low", "mean", "ci_low", "score: day2"]].astype(float)).all()
    assert last["score: day1"] == pytest.approx(truth["best", "day1"].mean())
    assert table.attrs["missing"] == [["best", "day2"]]
    sentences = describe_board(table)
    assert "No mean, because scores are missing: best; --mean available averages the others." in sentences
    assert (
        "Missing: best on day2; compute with: neuroalign score best day2 -b variance_explained" in sentences
    )
    row = next(line for line in format_boards([table], "table").splitlines() if line.startswith("best"))
    assert row.split()[1:5] == ["—", "—", "—", "—"]

    available = board(datasets, BENCHMARK, mean="available").set_index("family")
    expected = np.mean([truth["best", name].mean() for name in ("day1", "day3")])
    assert available.loc["best", "mean"] == pytest.approx(expected)
    assert np.isfinite(available.loc["best", ["ci_low", "rank_low"]].astype(float)).all()
    text = format_boards([available.reset_index()], "table")
    assert "2 of 3" in text
    assert "not comparable with the others: best." in " ".join(text.split())


def test_a_collection_with_a_missing_member_is_missing(save, truth, datasets):
    save("best", "day1", truth["best", "day1"])
    days = na.load_collection(datasets[:2], identifier="days")
    assert np.isnan(board([days], BENCHMARK)["score: days"][0])
    shown = board([days], BENCHMARK, mean="available")
    assert shown["score: days"][0] == pytest.approx(truth["best", "day1"].mean())
    assert shown.attrs["cells"][0]["n_datasets"] == 1


def test_versions_and_options_never_mix(saved, save, truth, datasets):
    save("best", "day1", truth["best", "day1"] + 9, benchmark=f"{BENCHMARK}[n_folds=5]")
    save("best", "day1", truth["best", "day1"] + 9, benchmark_version=0)
    save("best", "day1", truth["best", "day1"] + 9, provenance={"dataset_hash": "another"})
    table = board(datasets, BENCHMARK)
    assert table.set_index("family").loc["best", "score: day1"] == pytest.approx(truth["best", "day1"].mean())
    assert table.attrs["left_out"] == {
        "day1": {
            "of another version of the dataset": 1,
            "of another version of the benchmark": 1,
            "with other options": 1,
        }
    }
    tables = {table.attrs["name"]: table for table in boards(datasets)}
    assert set(tables) == {BENCHMARK, f"{BENCHMARK}[n_folds=5]"}
    other = tables[f"{BENCHMARK}[n_folds=5]"]
    assert list(other["family"]) == ["best"]
    assert np.isnan(other["mean"][0])


def test_scores_over_ceiling(save, truth, datasets):
    for (family, dataset), values in truth.items():
        save(family, dataset, values, ceiling={"day1": 0.8, "day2": 0.5, "day3": float("nan")}[dataset])
    table = board(datasets, BENCHMARK, over_ceiling=True)
    # A score without a ceiling stays as it is; the family has no mean.
    assert table["mean"].isna().all()
    best = table.set_index("family").loc["best"]
    assert best["score: day1"] == pytest.approx(truth["best", "day1"].mean() / 0.8)
    assert best["score: day3"] == pytest.approx(truth["best", "day3"].mean())
    text = format_boards([table], "table")
    assert f"{truth['best', 'day3'].mean():.3f}*" in text
    assert "divided by" in text
    assert "Without a ceiling, so neither divided (*) nor in the mean: scores on day3." in " ".join(
        text.split()
    )
    available = board(datasets, BENCHMARK, over_ceiling=True, mean="available", over="neurons")
    expected = [truth["best", "day1"].mean() / 0.8, truth["best", "day2"].mean() / 0.5]
    assert available.set_index("family").loc["best", "mean"] == pytest.approx(np.mean(expected))
    variance = (truth["best", "day1"].var() / 6 / 0.8**2 + truth["best", "day2"].var() / 10 / 0.5**2) / 4
    assert available.set_index("family").loc["best", "standard_error"] == pytest.approx(
        np.sqrt(variance), rel=0.03
    )


def test_simulated_and_recorded_neurons_are_refused(datasets):
    recorded = simulate("recorded", "C", 4, 9, simulated=False)
    with pytest.raises(DatasetError) as caught:
        board([datasets[0], recorded], BENCHMARK)
    assert str(caught.value) == (
        "simulated and recorded neurons never share a table, got day1 (simulated) and recorded (recorded); leave out "
        "one kind"
    )


def test_wrong_calls(saved, datasets):
    with pytest.raises(DatasetError, match="the board has the dataset day1 twice"):
        board([datasets[0], datasets[0]], BENCHMARK)
    with pytest.raises(UnknownNameError, match="no scored family is called 'beast'; did you mean best"):
        board(datasets, BENCHMARK, models=["beast"])
    with pytest.raises(UsageError, match="at least one dataset, got none"):
        board([], BENCHMARK)
    assert list(board(datasets, BENCHMARK, models=["far", "best"])["family"]) == ["best", "far"]


def test_lower_is_better(save, truth, datasets):
    for (family, dataset), values in truth.items():
        save(family, dataset, values, benchmark="decoding[turns=0]")
    table = board(datasets, "decoding[turns=0]")
    assert not table.attrs["higher_is_better"]
    assert list(table["mean"]) == sorted(table["mean"])
    assert table["family"][0] == "far"
    assert table["rank"][0] == 1
    # Decoding has no terms of neurons, so only animals and sessions are drawn, and it is said so.
    assert table.attrs["drawn"] == ["animals", "sessions"]
    assert any(sentence.startswith("Neurons are not drawn: ") for sentence in describe_board(table))


def test_a_control_is_not_ranked(save, truth, datasets):
    for (family, dataset), values in truth.items():
        save(family, dataset, values, benchmark="linear_recombination")
    table = board(datasets, "linear_recombination")
    assert table["rank"].isna().all()
    assert list(table["family"]) == ["best", "close", "far"]
    assert "linear_recombination is a control: its families are not ranked." in describe_board(table)
    heading = format_boards([table], "table").split("\n\n")[1]
    assert "mean" in heading
    assert "rank" not in heading


def test_families_are_ranked_by_the_first_statistic(save, truth, datasets):
    for (family, dataset), values in truth.items():
        kappa = {"best": 0.1, "close": 0.2, "far": 0.3}[family]
        save(family, dataset, values, benchmark="alignment", beside={"axis_index": kappa, "D": 10.0})
    table = board(datasets, "alignment")
    assert list(table["family"]) == ["far", "close", "best"]
    assert "axis index κ" in format_boards([table], "table").splitlines()[0]
    # An axis index has no ceiling.
    over = board(datasets, "alignment", over_ceiling=True)
    assert over["mean"].isna().all()


def test_alignment_is_at_a_common_number_of_units(save, truth, datasets):
    """Models with other numbers of units on another dataset put all scores on common terms."""
    for (family, dataset), values in truth.items():
        units = 50.0 if dataset == "day3" else 10.0
        save(family, dataset, np.clip(values, 0, 1), benchmark="alignment[turns=0]", beside={"D": units})
    table = board(datasets, "alignment[turns=0]")
    assert table.attrs["statistic"]["identifier"] == "at_common_d"


def test_cautions_are_marked(save, truth, datasets):
    for (family, dataset), values in truth.items():
        low = 0.01 if (family, dataset) == ("far", "day2") else 0.4
        save(
            family,
            dataset,
            np.clip(values, 0, 1),
            benchmark="alignment[turns=0]",
            beside={"variance_explained": low, "D": 10.0},
        )
    table = board(datasets, "alignment[turns=0]")
    cell = next(c for c in table.attrs["cells"] if (c["family"], c["dataset"]) == ("far", "day2"))
    assert not cell["readable"]
    assert sum(not c["readable"] for c in table.attrs["cells"]) == 1
    assert describe_board_cautions(table)[0].startswith("! far on day2: ")
    assert f"{cell['value']:.3f} !" in format_boards([table], "table")


@pytest.mark.parametrize("mean", ["all", "available"])
def test_a_family_that_must_not_be_interpreted_has_no_rank(save, truth, datasets, mean):
    """The best mean has one score that must not be interpreted: the others take its ranks, in every draw, too."""
    for (family, dataset), values in truth.items():
        low = 0.01 if (family, dataset) == ("best", "day2") else 0.4
        beside = {"variance_explained": low, "D": 10.0}
        values = np.clip(values + (0.2 if family == "best" else 0.0), 0, 1)
        save(family, dataset, values, benchmark="alignment[turns=0]", beside=beside)
    table = board(datasets, "alignment[turns=0]", mean=mean, n_resamples=200)
    assert list(table["family"]) == ["close", "far", "best"]
    assert table.attrs["unreadable"] == ["best"]
    assert table["mean"].idxmax() == 2
    ranks = table[["rank", "rank_low", "rank_high"]].to_numpy()
    np.testing.assert_array_equal(ranks[:2], [[1, 1, 1], [2, 2, 2]])
    assert np.isnan(ranks[2]).all()
    sentence = "Not ranked, because a score in the mean must not be interpreted: best."
    assert sentence in describe_board(table)
    line = next(line for line in format_boards([table], "table").splitlines() if line.startswith("best !"))
    assert line.split()[2] == "—"
    csv = format_boards([table], "csv").splitlines()
    assert [row.endswith("no rank: must not be interpreted") for row in csv] == [False, False, False, True]
    # Without the caution, the same scores have a rank.
    others = board([datasets[0], datasets[2]], "alignment[turns=0]", n_resamples=200)
    assert list(others["family"]) == ["best", "close", "far"]


def test_a_sentence_of_several_benchmarks_stands_once(save, truth, datasets):
    for (family, dataset), values in truth.items():
        for benchmark in ("variance_explained", "ridge"):
            save(family, dataset, values, benchmark=benchmark)
    text = format_boards(boards(datasets, ["variance_explained", "ridge"], n_resamples=50), "table")
    assert text.split("\n\n")[-1].startswith(
        "Mean over the datasets, which count equally.\n2 animals are too few "
    )
    assert text.count("Mean over the datasets") == text.count("2 animals are too few") == 1
    # The levels that are drawn differ between the benchmarks.
    assert text.count("Intervals: hierarchical bootstrap over 2 animals") == 2


def test_json_has_every_number(saved, datasets):
    table = board(datasets, BENCHMARK)
    (record,) = json.loads(format_boards([table], "json"), parse_constant=pytest.fail)["boards"]
    assert [row["mean"] for row in record["rows"]] == list(table["mean"])
    assert len(record["cells"]) == 9
    assert {"value", "ci_low", "ci_high", "n_instances", "ceiling"} <= set(record["cells"][0])
    assert record["datasets"][0]["hashes"] == [datasets[0].content_hash]


def test_many_datasets_stay_within_80_columns(save):
    sessions = [simulate(f"laboratory2023-{number}", "A", 3, number) for number in range(210301, 210313)]
    rng = np.random.default_rng(1)
    for session in sessions:
        for family in ("pca", "a_family_with_a_long_name_and_more+pca[n=50]"):
            save(family, session, rng.random(3))
    tables = boards(sessions, [BENCHMARK])
    text = format_boards(tables, "table")
    assert max(map(len, text.splitlines())) <= 80
    values = [cell["value"] for cell in tables[0].attrs["cells"]]
    assert all(f"{value:.3f}" in text for value in values)
    tables_of_scores, _, _ = text.partition("Mean over")
    assert tables_of_scores.count("laboratory2023-") == 12
    # Markdown has one table.
    assert format_boards(tables, "markdown").count("|---") >= 1
    assert sum(line.startswith("| family") for line in format_boards(tables, "markdown").splitlines()) == 1
