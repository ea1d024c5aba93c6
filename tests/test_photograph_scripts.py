"""The scripts docs/photograph_calibration.py and docs/face_networks.py, and their stored results."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.landmarks.measured import FACTORS
from neuroalign.datasets.stimuli import StimulusSet

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        # The scripts set numbers of threads.
        patch.setattr(os, "environ", {**os.environ})
        loaded = []
        for name in ("photograph_calibration", "face_networks"):
            spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
            script = importlib.util.module_from_spec(spec)
            # A dataclass looks its module up by name.
            patch.setitem(sys.modules, name, script)
            spec.loader.exec_module(script)
            loaded.append(script)
        yield loaded


has_rows = pytest.mark.skipif(
    not (DOCS / "photograph_calibration.csv").exists(),
    reason="docs/photograph_calibration.py has not been run",
)


@has_rows
def test_the_page_of_the_calibration_has_the_stored_rows(scripts):
    calibration, _ = scripts
    stored = pd.read_csv(calibration.TABLE)
    assert calibration.PAGE.read_text("utf-8") == calibration.tables(stored)


@has_rows
def test_axes_are_special_on_single_factors_only(scripts):
    stored = pd.read_csv(scripts[0].TABLE)
    control = stored[stored["family"] == "factors"].set_index("population")
    assert control.loc["single", "kappa"] > 0.5
    assert control["special"].to_dict() == {"single": 1, "appearance": 0, "mixed": 0}
    others = stored[stored["population"] != "single"]
    assert not others["special"].any()
    assert (others["kappa"].abs() < 3 * others["error"]).all()
    # κ of models that explain next to nothing has a large error.
    readable = others[others["explained_share"] > 0.05]
    assert readable["kappa"].abs().max() < 0.1


def test_rows_of_a_model_replace_its_earlier_rows(scripts, tmp_path):
    calibration, _ = scripts
    row = {"model": "pca[n=10]", "family": "pca", "population": "single", "kappa": 0.5}
    table = tmp_path / "table.csv"
    calibration.write(pd.DataFrame([row, {**row, "model": "pca[n=30]"}]), table)
    written = calibration.write(
        pd.DataFrame([{**row, "kappa": 0.25}, {**row, "model": "f", "family": "factors"}]), table
    )
    assert written[["model", "kappa"]].to_numpy().tolist() == [
        ["f", 0.5],
        ["pca[n=30]", 0.5],
        ["pca[n=10]", 0.25],
    ]


def test_units_that_are_factors_have_full_scores(scripts):
    _, networks = scripts
    factors = np.random.default_rng(0).standard_normal((300, 3))
    numbers = networks.measure_units(factors[:, [2, 0, 1]], factors, n_shuffles=2)
    assert numbers["disentanglement"] == pytest.approx(1)
    assert numbers["completeness"] == pytest.approx(1)
    assert numbers["best_r"] == pytest.approx(1)
    assert numbers["informativeness"] > 0.95
    assert np.abs(numbers["r"]).argmax(axis=0).tolist() == [1, 2, 0]
    # Shuffled faces have nothing in common with the factors.
    assert numbers["best_r_chance"] < 0.2
    assert numbers["mig_chance"] < 0.1 < numbers["mig"]


def test_age_groups_and_genders_are_numbers(scripts):
    table = pd.DataFrame({name: [1.0, 2.0, 3.0] for name in FACTORS}, index=list("abc"))
    table.loc["c", "luminance"] = np.nan
    table = table.assign(age=["20-29", "more than 70", "30-39"], gender=["Male", "Female", "Male"])
    factors = scripts[1].factor_table(StimulusSet("faces", table))
    assert factors.index.tolist() == ["a", "b"]
    assert factors["age"].tolist() == [20, 70]
    assert factors["gender"].tolist() == [0, 1]


def test_the_best_instance_has_the_highest_udr_or_objective(scripts):
    rows = pd.DataFrame(
        {
            "family": ["beta_vae", "beta_vae", "vae", "vae", "pca", "pca"],
            "instance": ["b0", "b1", "v0", "v1", "p10", "p20"],
            "udr": [0.2, 0.3, np.nan, np.nan, np.nan, np.nan],
            "held_out_objective": [-1.0, -2.0, -3.0, -4.0, np.nan, np.nan],
        }
    )
    assert scripts[1].choose_best(rows) == {"beta_vae": "b1", "vae": "v0", "pca": "p10"}


def test_entries_are_means_over_seeds_with_error_and_chance(scripts):
    rows = pd.DataFrame(
        {
            "group": ["β-VAE, β = 4"] * 2,
            "n_informative": [10, 12],
            "mig": [0.2, 0.4],
            "mig_chance": [0.01, 0.03],
        }
    )
    text = scripts[1].units_table(rows)
    assert text.splitlines()[2] == "| β-VAE, β = 4 | 2 | 11.0 ± 1.0 | – | – | – | 0.30 ± 0.10 (0.02) | – |"
    training = scripts[1].training_table(
        rows.assign(held_out_objective=[-2400.0, -2402.0], steps=[30_000] * 2)
    )
    assert training.splitlines()[2] == "| β-VAE, β = 4 | 2 | 11.0 ± 1.0 | 30,000 | −2,401.0 ± 1.0 |"


def test_the_pages_of_units_and_training_have_the_stored_rows(scripts):
    _, face_networks = scripts
    stored = pd.read_csv(DOCS / "face_networks" / "numbers.csv")
    for name, table in (("units", face_networks.units_table), ("training", face_networks.training_table)):
        assert (DOCS / "face_networks" / f"{name}.md").read_text("utf-8") == table(stored)


def test_networks_are_added_to_the_tables(scripts):
    _, face_networks = scripts
    earlier = pd.DataFrame(
        {
            "instance": ["beta_vae[beta=4]", "pca[n=10]", "ica[n=10]"],
            "family": ["beta_vae", "pca", "ica"],
            "beta": [4.0, np.nan, np.nan],
            "n_units": [50, 10, 10],
            "mig": [0.1, 0.2, 0.3],
        }
    )
    new = pd.DataFrame(
        {
            "instance": ["pca[n=10]", "classifier[n_latents=10]", "beta_vae[beta=2]"],
            "family": ["pca", "classifier", "beta_vae"],
            "beta": [np.nan, np.nan, 2.0],
            "n_units": [10, 10, 50],
            "mig": [0.5, 0.6, 0.7],
        }
    )
    rows = face_networks.add_rows(earlier, new)
    assert rows["instance"].tolist() == [
        "beta_vae[beta=2]",
        "beta_vae[beta=4]",
        "classifier[n_latents=10]",
        "pca[n=10]",
        "ica[n=10]",
    ]
    assert rows["mig"].tolist() == [0.7, 0.1, 0.6, 0.5, 0.3]
    old_table = "| factor | `a` | `b` |\n| --- | --- | --- |\n| yaw | 0.1 (unit 1) | 0.2 (unit 2) |\n"
    new_table = "| factor | `c` |\n| --- | --- |\n| yaw | 0.3 (unit 3) |\n"
    assert face_networks.add_columns(old_table, new_table, {"x": "a", "y": "c"}) == (
        "| factor | `a` | `c` |\n| --- | --- | --- |\n| yaw | 0.1 (unit 1) | 0.3 (unit 3) |\n"
    )
