"""Arrays that do not hold responses to stimuli: time stamps, traces, rasters with time bins as stimuli, trials."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from neuroalign.arrays import recording
from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.inspecting import validate
from neuroalign.datasets.plausibility import implausible
from neuroalign.datasets.stimuli import StimulusSet


def spike_times(rng):
    """Times of spikes in samples, as Kilosort writes them."""
    return np.sort(rng.integers(0, 30_000 * 60, (4564, 1)), axis=0), "stimulus,neuroid"


def fluorescence(rng):
    """Traces of 16 regions of interest, as suite2p writes them; some are not cells."""
    spikes = (rng.random((16, 1207)) < 0.02) * rng.exponential(100, (16, 1207))
    trace = np.zeros_like(spikes)
    for frame in range(1, trace.shape[1]):
        trace[:, frame] = 0.95 * trace[:, frame - 1] + spikes[:, frame]
    return (500 + trace + rng.normal(0, 5, trace.shape)).astype(np.float32), "neuroid,stimulus"


def plexon_table(rng):
    """Spikes of three channels with channel, unit, time stamp and two features, as Plexon exports them."""
    parts = [
        np.column_stack(
            [
                np.full(400, channel),
                rng.integers(1, 3, 400),
                np.sort(rng.random(400) * 600),
                rng.random((400, 2)),
            ]
        )
        for channel in range(3)
    ]
    return np.concatenate(parts), "stimulus,neuroid"


def raster(rng):
    """Trials × milliseconds of one site: a response begins after 100 ms."""
    rate = np.full(700, 0.01)
    rate[100:300] = 0.08
    return (rng.random((800, 700)) < rate).astype(float), "neuroid,stimulus"


def counts_in_bins(rng):
    """Trials × bins of 10 ms."""
    rate = 0.2 + 0.8 * np.exp(-(((np.arange(70) - 20) / 8) ** 2))
    return rng.poisson(rate, (200, 70)).astype(float), "neuroid,stimulus"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (spike_times, ["1 of 1 neurons rise", "1 neuron and 4,564 stimuli without images"]),
        (fluorescence, ["neighbouring stimuli resemble each other"]),
        (plexon_table, ["1 of 5 neurons rise from stimulus to stimulus (d-2)"]),
        (raster, ["All responses are 0 or 1"]),
        (counts_in_bins, ["in the mean of all neurons"]),
    ],
)
def test_add_and_validate_warn(tmp_path, make, words):
    values, axes = make(np.random.default_rng(0))
    np.save(tmp_path / "x.npy", values)
    dataset = import_dataset("d", responses=tmp_path / "x.npy", axes=axes, drop=["constant-neuroids"])
    warnings = dataset.metadata["warnings"]
    for part in words:
        assert any(part in warning for warning in warnings), warnings
    report = validate(load_dataset("d"))
    assert report["warnings"] == warnings
    assert report["problems"] == []


@pytest.mark.parametrize("name", ["spks.npy", "F.npy"])
def test_files_of_other_programs_are_named(tmp_path, name):
    np.save(tmp_path / name, np.random.default_rng(0).normal(size=(30, 4)))
    dataset = import_dataset("d", responses=tmp_path / name, axes="stimulus,neuroid")
    assert any(note.startswith(f"{name} may not hold responses") for note in dataset.metadata["notes"])


@pytest.mark.parametrize("n_repetitions", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_responses_are_plausible(seed, n_repetitions):
    rng = np.random.default_rng(seed)
    rates = rng.gamma(1.0, 5.0, (300, 1, 40)) * np.ones((1, n_repetitions, 1))
    values = rng.poisson(rates).reshape(-1, 40).astype(float)
    ids = np.repeat([f"s{i:03d}" for i in range(300)], n_repetitions)
    array = recording(values, stimulus_id=ids, neuroid_id=[f"n{i}" for i in range(40)])
    assert implausible(array, StimulusSet("s", pd.DataFrame(index=np.unique(ids)))) == []


def test_stimuli_that_are_sorted_by_category_are_plausible():
    rng = np.random.default_rng(1)
    tuning = rng.normal(size=(10, 50))[np.repeat(np.arange(10), 16)]
    values = tuning + 1.2 * rng.normal(size=tuning.shape)
    ids = [f"s{i:03d}" for i in range(160)]
    array = recording(values, stimulus_id=ids, neuroid_id=[f"n{i}" for i in range(50)])
    assert implausible(array, StimulusSet("s", pd.DataFrame(index=ids))) == []


def test_the_order_in_the_file_counts_and_not_the_order_of_the_ids():
    ids = np.random.default_rng(0).permutation([f"s{i:03d}" for i in range(100)])
    array = recording(np.arange(100.0)[:, np.newaxis], stimulus_id=ids, neuroid_id=["a"])
    stimuli = StimulusSet("s", pd.DataFrame(index=np.sort(ids)))
    assert "rise" in implausible(array, stimuli)[0]
    assert implausible(array.isel(presentation=np.argsort(ids)), stimuli) == []


@pytest.mark.parametrize(("n_images", "warns"), [(40, True), (12, False)])
def test_trials_that_are_taken_as_stimuli(tmp_path, n_images, warns):
    n_trials = 4 if warns else 1
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n_images):
        Image.fromarray(rng.integers(0, 255, (4, 4), dtype=np.uint8)).save(folder / f"im{i:02d}.png")
    names = [f"im{i:02d}.png" for i in range(n_images)] * n_trials
    table = pd.DataFrame({"stimulus_id": [f"trial{i}" for i in range(len(names))], "filename": names})
    dataset = import_dataset(
        "d",
        responses=rng.normal(size=(len(names), 3)),
        axes="stimulus,neuroid",
        stimuli=table,
        images=folder,
    )
    warnings = dataset.metadata.get("warnings", [])
    assert (
        any(f"160 stimuli and only {n_images} different images" in warning for warning in warnings) == warns
    )


def test_real_recordings_are_plausible(recordings, tmp_path):
    dataset = import_dataset(
        "chang", responses=recordings / "chang2017" / "response_am.mat", axes="neuroid,stimulus"
    )
    assert "warnings" not in dataset.metadata
    trials = recordings / "cowley2023" / "responses_trials_210325.npy"
    dataset = import_dataset("cowley", responses=trials, axes="neuroid,stimulus,repetition")
    assert "warnings" not in dataset.metadata


def test_commands_print_warnings(tmp_path):
    values, axes = spike_times(np.random.default_rng(0))
    np.save(tmp_path / "times.npy", values)
    run = CliRunner().invoke
    result = run(data, ["add", "d", "--responses", str(tmp_path / "times.npy"), "--axes", axes])
    assert result.exit_code == 0
    assert "neuroalign: warning: The values of 1 of 1 neurons rise" in result.stderr
    result = run(data, ["validate", "d"])
    assert result.exit_code == 0
    assert "WARNING" in result.stdout
    assert json.loads(run(data, ["validate", "d", "--json"]).stdout)["warnings"]
