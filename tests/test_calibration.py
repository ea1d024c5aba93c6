"""The stored results of docs/calibration.py, calibration_matching.py and calibration_shuffles.py."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

DOCS = Path(__file__).parents[1] / "docs"


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up by name.
    sys.modules[name] = script
    spec.loader.exec_module(script)
    return script


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(DOCS / "calibration.csv")


@pytest.mark.slow
def test_one_cell_comes_out_as_it_is_stored(stored):
    calibration = load_script("calibration")
    again = calibration.simulate(3, 30).set_index("test")
    cell = stored[(stored["n_neurons"] == 30) & (stored["n_instances"] == 3)].set_index("test")
    for column in ("false_positives", "coverage"):
        # A sum in another order may move a p-value across 5 %.
        assert (again[column] - cell[column].loc[again.index]).abs().max() <= 0.002


def test_the_tests_that_compare_decides_by_hold_their_level(stored):
    # A share of 0.05 of 1,000 has a standard error of 0.007.
    together = stored[stored["test"].isin(["instances and neurons", "all three"])]
    assert len(together) == 18
    assert together["false_positives"].between(0.03, 0.065).all()


def test_welch_is_anti_conservative_about_other_neurons(stored):
    welch = stored[stored["test"] == "welch"].pivot_table(
        "false_positives", index="n_neurons", columns="n_instances"
    )
    assert (welch[50] > 0.1).all()
    assert (welch[50] > welch[10]).all()
    # More instances make it worse, more neurons better.
    assert welch.loc[30, 50] > welch.loc[159, 50] > welch.loc[1000, 50]


def test_the_correlation_ratio_keeps_the_weights_of_neurons():
    stored = pd.read_csv(DOCS / "calibration_correlation_ratio.csv")
    assert len(stored) == 4
    # The spread of 500 scores has a standard error of 3 %.
    assert (stored["weights kept"] / stored["spread"]).between(0.9, 1.1).all()
    assert (stored["aggregated by draw"] < 0.95 * stored["weights kept"]).all()
    assert (stored["jackknife"] > stored["spread"]).all()
    page = (DOCS / "calibration.md").read_text("utf-8")
    for row in stored.itertuples():
        assert f"| {row.n_units} | {row.n_neurons} | {row.spread:.4f} |" in page


def test_the_axis_index_of_matchings_holds_its_level_with_free_signs():
    stored = pd.read_csv(DOCS / "calibration_matching.csv", dtype={"reliability": str})
    mixtures = stored[stored["kind"] == "mixtures"]
    assert mixtures["special"].max() <= 0.08
    assert (mixtures[mixtures["units"] != "correlated"]["special"] <= 0.02).all()
    assert (stored[stored["kind"] == "nothing"]["by_p"] <= 0.07).all()
    single = stored[(stored["kind"] == "single") & (stored["units"] == "factors")]
    assert (single["special"] == 1).all()
    # Weights of one sign count as special in signed matchings; the page warns of it.
    assert stored[stored["kind"] == "positive"]["special"].max() > 0.2


@pytest.fixture(scope="module")
def shuffled():
    stored = pd.read_csv(DOCS / "calibration_shuffles.csv")
    return stored[stored["part"] == "shuffles"]


def test_shuffles_hold_their_level_where_originals_are_named(shuffled):
    named = shuffled[shuffled["condition"] != "variants, not named"]
    # Exact p-values of 20 shuffles are uniform on the multiples of 1/21; four standard errors allow for 63 rows.
    level, n = 1 / 21, named["n"]
    assert (named["n_p"] == n).all()
    assert (named["by_p"] <= level + 4 * np.sqrt(level * (1 - level) / n)).all()
    assert (named["mean_p"] >= 11 / 21 - 4 * 0.29 / np.sqrt(n)).all()


def test_shuffles_of_single_variants_err(shuffled):
    assert (shuffled[shuffled["condition"] == "variants, not named"]["by_p"] > 0.3).all()


def test_the_page_has_the_tables_of_shuffles_and_errors(capsys, monkeypatch):
    # The script sets numbers of threads for its simulations.
    monkeypatch.setattr(os, "environ", {**os.environ})
    script = load_script("calibration_shuffles")
    script.show()
    page = (DOCS / "calibration.md").read_text("utf-8")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert len(lines) > 40
    assert [line for line in lines if line not in page] == []
