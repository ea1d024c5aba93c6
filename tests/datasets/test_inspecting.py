import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neuroalign import arrays
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.inspecting import describe, validate
from neuroalign.metrics import reliability


def with_values(dataset, change):
    array = dataset.recording.copy(deep=True)
    change(array.values)
    return replace(dataset, recording=array)


def test_description(dataset):
    described = describe(dataset)
    assert described["neurons"] == 12
    assert described["regions"] == {"AM": 12}
    assert described["stimuli"] == described["stimuli_in_set"] == 120
    assert described["presentations"] == 360
    assert described["presentations_per_stimulus"] == {"min": 3, "median": 3.0, "max": 3}
    assert described["images"]
    assert json.loads(json.dumps(described)) == described


def test_a_good_dataset_has_no_problems(dataset):
    report = validate(dataset)
    assert report["problems"] == []
    assert report["missing_trials"] == 0
    assert report["trials_per_neuron_and_stimulus"] == {"min": 3, "median": 3.0, "max": 3}
    quartiles = np.quantile(reliability(dataset.trials).per_neuron, [0.25, 0.5, 0.75])
    names = ("lower_quartile", "median", "upper_quartile")
    expected = {name: round(value, 4) for name, value in zip(names, quartiles.tolist(), strict=True)}
    assert report["reliability"] == expected | {"neurons": 12}
    # Signal 1 and noise 0.5 in three trials: 1 / (1 + 0.25 / 3)
    assert report["reliability"]["median"] == pytest.approx(0.923, abs=0.02)
    assert report["images_readable"] == 120
    json.dumps(report, allow_nan=False)


def test_missing_trials_are_counted(dataset):
    def forget(values):
        values[0, :3] = np.nan

    report = validate(with_values(dataset, forget))
    assert report["missing_trials"] == 3
    assert report["missing_trials_percent"] == round(100 * 3 / (360 * 12), 2)
    assert report["trials_per_neuron_and_stimulus"]["min"] == 2
    assert report["problems"] == []


def test_neurons_that_cannot_be_used_are_problems(dataset):
    def spoil(values):
        values[:3, 4] = np.nan  # all trials of s000
        values[:, 5] = 7.0

    report = validate(with_values(dataset, spoil))
    assert report["problems"] == [
        "1 neurons lack every trial of some stimuli: neurons n04; stimuli s000.",
        "1 neurons respond to all stimuli alike: n05.",
    ]
    assert report["constant_neurons"] == ["n05"]
    assert report["reliability"] is None


def test_a_neuron_that_is_there_twice_is_named(dataset):
    def double(values):
        values[:, 7] = 2.0 * values[:, 2]

    report = validate(with_values(dataset, double))
    assert report["duplicate_neurons"] == ["n02 = n07"]
    assert report["problems"] == []
    assert validate(dataset)["duplicate_neurons"] == []


def test_images_that_do_not_open_are_problems(dataset, tmp_path):
    write_folder(dataset, tmp_path / "d")
    (tmp_path / "d" / "images" / "s007.png").write_text("no image")
    Image.fromarray(np.zeros((4, 4), dtype=np.uint16)).save(tmp_path / "d" / "images" / "s009.png")
    report = validate(read_folder(tmp_path / "d"))
    assert report["images_readable"] == 118
    assert "s007.png differs from its SHA-256 of the import" in report["problems"][0]
    (tmp_path / "d" / "SHA256SUMS").unlink()
    report = validate(read_folder(tmp_path / "d"))
    assert report["images_readable"] == 118
    assert len(report["problems"]) == 1
    assert report["problems"][0].startswith("2 images cannot be used: s007, s009; s007: it is not an image")


def test_time_bins_without_edges_are_a_problem(dataset):
    array = arrays.recording(
        np.random.default_rng(0).random((3, 2, 4)),
        stimulus_id=["s000", "s001", "s002"],
        neuroid_id=["a", "b"],
        time_bin={"time_bin_start": range(4)},
    )
    report = validate(replace(dataset, recording=array))
    assert report["time_bins"] == 4
    assert report["problems"] == [
        "Single has 4 time bins and does not give their start and end: it needs the coordinates time_bin_start and "
        "time_bin_end, in milliseconds."
    ]


def test_averages_have_no_reliability(dataset):
    report = validate(dataset.with_responses(dataset.responses))
    assert report["averaged"]
    assert report["reliability"] is None
    assert report["problems"] == []
