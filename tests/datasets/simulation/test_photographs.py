"""Simulated neurons over photographs: populations, tuning, rates, noise, the same bytes, and the command."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from neuroalign import arrays
from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.datasets.simulation.face_neurons import (
    draw_counts,
    draw_presentations,
    draw_rates,
    expected_counts,
    single_directions,
    standardise_columns,
)
from neuroalign.datasets.simulation.photographs import directions_text, simulate_faces
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, UsageError
from neuroalign.metrics import sparseness
from neuroalign.studies.report_text import explain_simulation

FACTORS = ["width", "light", "mouth"]
N_FACES = 240


@pytest.fixture(scope="module")
def faces():
    rng = np.random.default_rng(0)
    ids = [f"face{number:03d}" for number in range(N_FACES)]
    table = pd.DataFrame(rng.standard_normal((N_FACES, 3)), columns=FACTORS, index=pd.Index(ids))
    table["mouth"] += table["width"]
    table["training"] = np.arange(N_FACES) % 4 > 0
    table.loc["face000", "light"] = np.nan
    pixels = rng.integers(0, 256, (N_FACES, 8, 8), dtype=np.uint8)
    return Dataset.of_stimuli(
        StimulusSet("faces", table, dict(zip(ids, pixels, strict=True))), metadata={"licence": "CC BY 4.0"}
    )


@pytest.fixture(scope="module")
def space(faces):
    values = np.random.default_rng(1).standard_normal((N_FACES, 6)) * np.arange(1, 7)
    return arrays.latents(values, stimulus=faces.stimuli.ids[::-1])


@pytest.fixture(scope="module")
def simulated(faces, space):
    return simulate_faces(faces, space, space_name="toy[n=6]", factors=FACTORS, n_neurons=60, seed=3)


def signal_correlations(dataset, population, values):
    """Return the correlations of the mean responses of a population with positions along its directions."""
    responses = dataset.responses
    chosen = dataset.recording["population"].values == population
    positions = values.loc[responses["stimulus"].values].to_numpy()
    return np.array(
        [np.corrcoef(a, b)[0, 1] for a, b in zip(responses.values[:, chosen].T, positions.T, strict=True)]
    )


def standardise(table):
    return (table - table.mean()) / table.std(ddof=0)


def test_three_populations_of_simulated_neurons(simulated, faces):
    dataset, directions = simulated
    recording = dataset.recording
    assert dataset.identifier == "AM-faces-photos-sim"
    assert dataset.simulated
    assert dataset.metadata["description"].startswith("SIMULATED. ")
    assert dataset.metadata["licence"] == "CC BY 4.0"
    assert dataset.metadata["notes"] == ["1 of 240 photographs lack a factor and were not presented."]
    assert dataset.metadata["simulation"] == {
        "faces": "faces",
        "faces_hash": faces.stimuli.content_hash,
        "factors": FACTORS,
        "space": "toy[n=6]",
        "neurons": 60,
        "seed": 3,
    }
    names, counts = np.unique(recording["population"].values, return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {"appearance": 60, "mixed": 60, "single": 60}
    assert recording["neuroid_id"].values[[0, 59, 60, 120]].tolist() == [
        "single_001",
        "single_060",
        "appearance_001",
        "mixed_001",
    ]
    assert directions.index.tolist() == recording["neuroid_id"].values[60:120].tolist()
    stimuli, repeats = np.unique(recording["stimulus_id"].values, return_counts=True)
    assert len(stimuli) == 239
    assert set(repeats) == {3, 4, 5}
    # Networks that were trained on the face set count as trained on the images of the recording.
    assert dataset.stimuli.training().content_hash == faces.stimuli.training().content_hash
    assert len(dataset.stimuli.held_out()) == 59
    assert "presented" not in faces.stimuli.table


def test_truth_has_one_factor_for_single_and_all_for_mixed_neurons(simulated):
    truth = simulated[0].truth
    assert list(truth.columns) == FACTORS
    single, appearance, mixed = truth.to_numpy().reshape(3, 60, 3)
    assert (np.sort(np.abs(single), axis=1) == [0, 0, 1]).all()
    assert np.abs(single).sum(axis=0).tolist() == [20, 20, 20]
    assert 15 < (single.sum(axis=1) < 0).sum() < 45
    assert not appearance.any()
    np.testing.assert_allclose(np.linalg.norm(mixed, axis=1), 1, atol=1e-5)
    # A uniform direction in three dimensions has squares of mean 1/3 and standard deviation .3.
    assert np.square(mixed).mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.1)
    np.testing.assert_array_equal(np.abs(single_directions(4, 3, seed=0)[:3]).sum(axis=0), [1, 1, 1])


def test_neurons_follow_their_directions(simulated, faces, space):
    dataset, directions = simulated
    shown = dataset.responses["stimulus"].values
    factors = standardise(faces.stimuli.table.loc[shown, FACTORS])
    coordinates = standardise(
        pd.DataFrame(space.values, index=space["stimulus"].values, columns=directions.columns).loc[shown]
    )
    reliability = neuron_reliability(dataset)
    for population, values, weights in (
        ("single", factors, dataset.truth.iloc[:60]),
        ("mixed", factors, dataset.truth.iloc[120:]),
        ("appearance", coordinates, directions),
    ):
        r = signal_correlations(dataset, population, values @ weights.T)
        own = np.sqrt(np.clip(reliability[dataset.recording["population"].values == population], 0, 1))
        # A ramp of a normal variable correlates with it by .96; the rest is noise.
        assert np.median(r / np.maximum(own, 0.3)) == pytest.approx(0.96, abs=0.06)


def test_populations_differ_in_their_directions_only(simulated):
    values = simulated[0].responses.values.reshape(239, 3, 60)
    means, sd = values.mean(axis=0), values.std(axis=0)
    for population in (1, 2):
        np.testing.assert_allclose(means[population], means[0], rtol=0.25, atol=0.1)
        assert np.corrcoef(np.log(sd[population]), np.log(sd[0]))[0, 1] > 0.95


def test_rates_sparseness_and_reliability_agree_with_recorded_neurons():
    # Medians of the AM neurons of Chang & Tsao (2017), in docs/face_sets.md.
    n_faces, n_neurons = 300, 1000
    rates = draw_rates(n_neurons, seed=0)
    positions = standardise_columns(np.random.default_rng(0).standard_normal((n_faces, n_neurons)))
    expected = expected_counts(positions, rates)
    np.testing.assert_allclose(expected.mean(axis=0), rates.mean)
    # A few neurons vary more than a ramp of so few faces can; these have the highest threshold.
    is_reached = np.isclose(expected.std(axis=0), rates.variation * rates.mean, rtol=1e-4)
    assert is_reached.mean() > 0.98
    assert (expected.std(axis=0) <= rates.variation * rates.mean * (1 + 1e-4)).all()
    presentations = draw_presentations(n_faces, seed=0)
    counts = draw_counts(expected, presentations, seed=0, population="mixed")
    starts = np.concatenate([[0], np.cumsum(presentations)[:-1]])
    means = np.add.reduceat(counts.astype(float), starts, axis=0) / presentations[:, None]
    assert np.median(means.mean(axis=0)) == pytest.approx(1.06, rel=0.08)
    assert np.median(means.std(axis=0) / means.mean(axis=0)) == pytest.approx(0.88, abs=0.04)
    assert np.median(sparseness(means).vinje_gallant) == pytest.approx(0.43, abs=0.04)
    assert np.median((means == 0).mean(axis=0)) == pytest.approx(0.13, abs=0.03)
    assert np.median(expected.var(axis=0) / means.var(axis=0)) == pytest.approx(0.67, abs=0.05)


def test_noise_is_poisson(faces, space):
    dataset, _ = simulate_faces(faces, space, factors=FACTORS, n_neurons=30)
    trials = dataset.trials
    fano = np.nanmean(np.nanvar(trials, axis=1, ddof=1), axis=0) / np.nanmean(
        np.nanmean(trials, axis=1), axis=0
    )
    assert fano.mean() == pytest.approx(1, abs=0.03)


def test_the_same_seed_gives_the_same_bytes(faces, space, tmp_path):
    few = faces.stimuli.select(faces.stimuli.ids[:60])
    written = []
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        dataset, directions = simulate_faces(
            Dataset.of_stimuli(few), space, factors=FACTORS, n_neurons=5, seed=seed
        )
        write_folder(dataset, tmp_path / name)
        files = {
            file: (tmp_path / name / file).read_bytes()
            for file in ("recording.nc", "truth.csv", "stimuli.csv")
        }
        written.append({**files, "directions": directions_text(directions)})
    first, again, other = written
    assert first == again
    assert {file for file in first if first[file] != other[file]} == {
        "recording.nc",
        "truth.csv",
        "directions",
    }


def test_the_report_explains_each_kind_of_neurons(simulated):
    from neuroalign.datasets.selection import select_part

    dataset, _ = simulated
    parts = {
        population: explain_simulation(select_part(dataset, {"population": population}))
        for population in ("single", "appearance", "mixed")
    }
    assert "Most neurons were built to follow one generative factor each" in parts["single"]
    assert "built to follow other directions than the factors of the stimuli" in parts["appearance"]
    assert "mixtures of factors, 3 each at the median" in parts["mixed"]
    assert "60 of 180 neurons were built to follow one factor each" in explain_simulation(dataset)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"n_neurons": 0},
            UsageError,
            "the number of neurons must be positive and the seed not negative, got 0 and 0",
        ),
        ({"factors": ["width", "width"]}, UsageError, "each factor must be given once, got width twice"),
        (
            {"factors": ["width", "depth"]},
            DatasetError,
            "the stimulus table of 'faces' has no depth; measure the faces with neuroalign data measure-faces DATASET",
        ),
        (
            {"factors": ["kind"]},
            DatasetError,
            "factors must be columns of numbers, got kind; leave them out",
        ),
        (
            {"factors": ["flat"]},
            DatasetError,
            "each factor must vary over the faces, and flat has one value; leave it out",
        ),
        (
            {"factors": ["rare"]},
            DatasetError,
            "50 faces or more must have all measured factors, got 20 of 240; align and measure more photographs",
        ),
    ],
)
def test_faults_name_their_remedy(faces, space, options, error, message):
    stimuli = faces.stimuli.select(faces.stimuli.ids)
    stimuli.table = stimuli.table.assign(kind="round", flat=1.0, rare=[1.0] * 20 + [np.nan] * (N_FACES - 20))
    with pytest.raises(error) as raised:
        simulate_faces(Dataset.of_stimuli(stimuli), space, **{"factors": FACTORS, **options})
    assert str(raised.value) == message


def test_the_command_adds_a_dataset_with_parts(faces, tmp_path):
    write_folder(faces, tmp_path / "faces")
    arguments = ["simulate-faces", str(tmp_path / "faces"), "--neurons", "6", "--space", "pca[n=4]"]
    arguments += ["--factors", "width,light"]
    result = CliRunner().invoke(data, arguments)
    assert result.exception is None
    assert result.stdout == (
        "Added AM-faces-photos-sim: 18 simulated neurons × 239 stimuli, "
        "3 to 5 (median 4) presentations each, with images\n"
    )
    assert result.stderr == ("neuroalign: note: 1 of 240 photographs lack a factor and were not presented.\n")
    part = load_dataset("AM-faces-photos-sim[population=appearance]")
    assert part.recording.sizes["neuroid"] == 6
    assert part.simulated
    assert part.metadata["photographs"] is True
    folder = tmp_path / "sim"
    described = json.loads(CliRunner().invoke(data, [*arguments, "--output", f"{folder}", "--json"]).stdout)
    assert described["simulated"]
    directions = pd.read_csv(folder / "directions.csv", index_col="neuroid_id")
    assert directions.shape == (6, 4)
    again = CliRunner().invoke(data, arguments)
    assert str(again.exception) == (
        "the dataset 'AM-faces-photos-sim' exists already; replace it with --force, or choose another name"
    )
    family = CliRunner().invoke(data, [*arguments[:4], "--space", "pca", "--output", "other"])
    assert str(family.exception) == (
        "--space must be one model, got the family pca; name an instance, such as pca[n=50]"
    )
