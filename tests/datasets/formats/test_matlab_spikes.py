"""Spike times of a session in MATLAB files, with counts computed by hand."""

import numpy as np
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, NeuroalignError, UsageError

from .mat_files import cell_array, save_v5, save_v7_3, structure_array

#: Onsets 1, 2 and 3 s; spikes from 100 to before 200 ms after them: 1.1 to 1.2, 2.1 to 2.2, 3.1 to 3.2 s.
TRAINS = [[1.1, 1.15, 1.2, 2.5, 3.199], [0.5, 2.1, 2.11, 2.12], [1.19, 3.1]]
COUNTS = [[2, 0, 1], [0, 3, 0], [1, 0, 1]]
EVENTS = "onset,stimulus_id,block\n3,b,2\n1,a,1\n2,b,1\n"


def rows(scale=1.0):
    return [np.array([train]) * scale for train in TRAINS]


@pytest.fixture(params=[save_v5, save_v7_3], ids=["v5", "v7.3"])
def save(request):
    return request.param


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    return path


def check(dataset):
    order = np.argsort(dataset.recording["onset"].values)
    np.testing.assert_array_equal(dataset.recording.values[order].T, COUNTS)
    assert dataset.recording["stimulus_id"].values[order].tolist() == ["a", "b", "b"]
    assert not dataset.averaged


def test_cells(save, events, tmp_path):
    path = save(tmp_path / "x.mat", spikes=cell_array((3, 1), rows()))
    options = {"format": "matlab-spikes", "events": events, "window": "100,200"}
    dataset = import_dataset("d", responses=path, time_unit="s", **options)
    check(dataset)
    assert dataset.recording["neuroid_id"].values.tolist() == ["1", "2", "3"]
    assert dataset.recording["block"].values.tolist() == [1, 1, 2]
    in_milliseconds = save(tmp_path / "y.mat", spikes_ms=cell_array((1, 3), rows(1000)))
    check(import_dataset("e", responses=in_milliseconds, **options))
    assert [file["role"] for file in dataset.metadata["files"]] == ["responses", "events"]


def test_structure_array_describes_its_neurons(save, events, tmp_path, capsys):
    units = structure_array(
        unit_id=["u7", "u8", "u9"],
        area=["V4", "IT", "IT"],
        depth=[1.0, 2.0, 2.5],
        spike_times=rows(),
        waveform=[np.ones((4, 5))] * 3,
    )
    path = save(tmp_path / "x.mat", units=units)
    command = ["data", "add", "d", "--responses", str(path), "--format", "matlab-spikes"]
    command += ["--events", str(events), "--window", "100,200"]
    assert run(command) == 2
    assert capsys.readouterr().err.endswith(
        "units.spike_times of x.mat holds spike times: give their unit with --time-unit s|ms\n"
    )
    assert run([*command, "--time-unit", "s"]) == 0
    dataset = load_dataset("d")
    check(dataset)
    assert dataset.recording["neuroid_id"].values.tolist() == ["u7", "u8", "u9"]
    assert dataset.recording["region"].values.tolist() == ["V4", "IT", "IT"]
    assert dataset.recording["depth"].values.tolist() == [1.0, 2.0, 2.5]
    err = capsys.readouterr().err
    assert "note: Neuron ids are the field unit_id of units." in err
    assert "note: Variables passed over: units.waveform." in err


@pytest.mark.parametrize("shape", ["structure", "structure array"])
def test_events_in_the_same_file(save, tmp_path, shape):
    onsets, names = np.array([[3.0, 1.0, 2.0]]), cell_array((1, 3), ["b", "a", "b"])
    trials = {"onset": onsets, "stimulus_id": names, "rate": np.ones((1, 1))}
    if shape == "structure array":
        trials = structure_array(onset=[3.0, 1.0, 2.0], stimulus_id=["b", "a", "b"])
    path = save(tmp_path / "x.mat", spikes=cell_array((1, 3), rows()), trials=trials)
    options = {"format": "matlab-spikes", "window": "100,200", "time_unit": "s", "variable": "spikes"}
    check(import_dataset("d", responses=path, events_variable="trials", **options))
    with pytest.raises(
        NeuroalignError, match=r"no structure in x\.mat is called 'trails'; did you mean trials"
    ):
        import_dataset("e", responses=path, events_variable="trails", **options)


def test_faults(events, tmp_path):
    path = save_v5(tmp_path / "x.mat", spikes=cell_array((1, 3), rows()), order=np.ones((2, 3)))

    def refusal(responses=path, **options):
        options = {"events": events, "window": "100,200", "time_unit": "s", **options}
        with pytest.raises((DatasetError, UsageError)) as caught:
            import_dataset("d", responses=responses, format="matlab-spikes", **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert (
        "spikes of x.mat holds spike times of 3 neurons: give the onsets of the stimuli with --events"
        in refusal(events=None)
    )
    assert "--events and --events-variable both give the presentations" in refusal(events_variable="t")
    assert "with --window START,END" in refusal(window=None)
    # Seconds taken as milliseconds end long before the events.
    assert "3 of 3 events (1 to 3 s) are outside the time of the recording" in refusal(
        save_v5(tmp_path / "l.mat", spikes=cell_array((1, 2), [np.arange(1000.0, 60000, 10)[None]] * 2))
    )
    assert (
        "holds no cell array of spike times and no structure array with such a field; it has resp"
        in refusal(save_v5(tmp_path / "y.mat", resp=np.ones((2, 3))))
    )
    assert (
        "a cell array of 2 × 2, with a cell for each trial; give --format matlab --cells spike-times"
        in refusal(save_v5(tmp_path / "z.mat", spk=cell_array((2, 2), [np.ones((1, 2))] * 4)))
    )
    assert "several cell arrays: spikes_a, spikes_b; choose the spike times with --variable" in refusal(
        save_v5(tmp_path / "w.mat", spikes_a=cell_array((1, 3), rows()), spikes_b=cell_array((1, 3), rows()))
    )
    assert "cell 1 of spk must hold a vector of spike times, got 2 × 3 numbers" in refusal(
        save_v5(tmp_path / "v.mat", spk=cell_array((1, 1), [np.ones((2, 3))]))
    )
