"""Tests of one model over neurons against chance and ceiling, and of one row of a leaderboard against all others."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from statsmodels.stats.multitest import multipletests

from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.comparison.levels import compare_with_levels
from neuroalign.comparison.own_row import expect_row
from neuroalign.errors import UnknownNameError
from neuroalign.reporting.text.leaderboard import format_leaderboards
from neuroalign.reporting.text.levels import level_lines
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

NAMES = np.array([f"n{index}" for index in range(30)])


def make(dataset, model, values, **fields):
    data = xr.Dataset({"variance_explained": ("neuroid", values)}, coords={"neuroid": NAMES})
    benchmark = load_benchmark("variance_explained")
    return make_score(
        float(values.mean()), model=model, dataset=dataset, benchmark=benchmark, data=data, **fields
    )


@pytest.fixture(scope="module")
def values():
    return 0.3 + 0.1 * np.random.default_rng(0).standard_normal(30)


def test_a_model_is_tested_against_chance_and_its_ceiling(dataset, values):
    chance, ceiling = compare_with_levels([make(dataset, "m", values, ceiling=values.mean() + 0.01)])
    assert (chance.level, chance.at, chance.n_neurons) == ("chance", 0.0, 30)
    # The bootstrap over neurons has the variance with ddof 0.
    error = values.std() / np.sqrt(30)
    assert chance.standard_error == pytest.approx(error, rel=0.03)
    assert ceiling.p_raw == pytest.approx(2 * stats.t.sf(0.01 / ceiling.standard_error, 29))
    assert [chance.p, ceiling.p] == pytest.approx(
        multipletests([chance.p_raw, ceiling.p_raw], method="holm")[1]
    )
    assert (chance.outcome, ceiling.outcome) == (
        "better than chance",
        "not shown to differ from its ceiling",
    )
    (below, short) = compare_with_levels([make(dataset, "m", -values, ceiling=0.5)])
    assert (below.outcome, short.outcome) == ("worse than chance", "short of its ceiling")


def test_scores_without_a_test(dataset, values):
    unreadable = {"variance_explained": -0.1}
    assert compare_with_levels([make(dataset, "m", values, beside=unreadable)]) == []
    assert compare_with_levels([make_score(0.5, benchmark="decoding")]) == []
    assert level_lines([make_score(0.5, benchmark="decoding")], 80) == []


def test_lines_name_level_and_p(dataset, values):
    lines = level_lines([make(dataset, "m", values, ceiling=0.9)], 80)
    assert lines[0] == "tests over 30 neurons (t, 2 p-values by Holm)"
    assert lines[1].startswith("variance explained: better than chance of 0.000 (p = ")
    assert "short of its ceiling of 0.900 (p = " in " ".join(" ".join(lines[1:]).split())


def save(dataset, values):
    store = ResultsStore()
    levels = {"best": 0.02, "mine": 0.0, "low": -0.1, "lower": -0.2}
    for place, (family, shift) in enumerate(levels.items()):
        noise = 0.02 * np.random.default_rng(place + 1).standard_normal(30)
        store.save(f"{place:02}", make(dataset, family, values + shift + noise))


def test_one_row_is_tested_against_all_others(dataset, values):
    save(dataset, values)
    table = leaderboard(dataset, "variance_explained", mine="mine")
    tests = table.attrs["mine"]["tests"]
    assert [test["family"] for test in tests] == ["best", "low", "lower"]
    pairs = {(pair["a"], pair["b"]): pair for pair in table.attrs["pairs"]}
    raw = [pairs["best", "mine"], pairs["mine", "low"], pairs["mine", "lower"]]
    assert [test["p_raw"] for test in tests] == pytest.approx([pair["crossed_p_raw"] for pair in raw])
    assert [test["p"] for test in tests] == pytest.approx(
        multipletests([test["p_raw"] for test in tests], method="holm")[1]
    )
    assert tests[0]["difference"] == pytest.approx(-pairs["best", "mine"]["difference"])
    text = format_leaderboards([table], "table")
    assert "\n▸ mine " in text
    assert "\n▸ mine less " in text
    assert "tested against every other family" in text
    assert leaderboard(dataset, "variance_explained").attrs["mine"]["tests"] == []
    with pytest.raises(
        UnknownNameError, match=r"^no row is called 'min'; did you mean mine\?; add one with: "
    ):
        leaderboard(dataset, "variance_explained", mine="min")
    with pytest.raises(UnknownNameError, match=r"^mine\[seed=0\] counts in its family.*give --mine mine$"):
        leaderboard(dataset, "variance_explained", mine="mine[seed=0]")


def test_a_row_that_must_not_be_interpreted_is_last_and_has_no_test(dataset, values):
    save(dataset, values)
    weak = {"variance_explained": -0.1}
    ResultsStore().save("09", make(dataset, "weak", values + 0.3, beside=weak))
    table = leaderboard(dataset, "variance_explained", mine="weak")
    assert list(table["family"])[-1] == "weak"
    assert table["mean"].iloc[-1] > table["mean"].iloc[0]
    assert table.attrs["mine"]["tests"] == []
    assert table["note"].iloc[-1] == "no test: must not be interpreted"
    assert (table["letters"].iloc[-1], table["letters"].iloc[0]) == ("", "a")
    assert {pair["a"] for pair in table.attrs["pairs"]} == {"best", "mine", "low"}
    assert str(table).splitlines()[-1].startswith("caution: weak: explains no variance")


def test_the_row_of_a_folder_needs_no_digest():
    rows = ["pca", "hf:./vit#1f0c3a9b@hidden.2"]
    assert expect_row("hf:./vit@hidden.2", rows, "faces") == rows[1]
    with pytest.raises(UnknownNameError, match=r"^no row is called 'hf:\./vit'; .*add one with: "):
        expect_row("hf:./vit", rows, "faces")
    with pytest.raises(
        UnknownNameError, match=r"the name that this command prints: neuroalign score a\.py:net faces$"
    ):
        expect_row("a.py:net", rows, "faces")
