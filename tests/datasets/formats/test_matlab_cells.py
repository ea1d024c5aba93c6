"""Cells and structure arrays of MATLAB files, with responses and counts computed by hand."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuroalign.datasets.formats.matlab import read_matlab
from neuroalign.datasets.formats.matlab_cells import CellOptions
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UnknownNameError, UsageError

from .mat_files import cell_array, save_v5, save_v7_3, structure_array

NAN = np.nan


@pytest.fixture(params=[save_v5, save_v7_3], ids=["v5", "v7.3"])
def save(request):
    return request.param


def row(*values):
    return np.array([values], dtype=float)


def refusal(path, variable=None, **options):
    with pytest.raises((DatasetError, UsageError)) as caught:
        read_matlab(path, variable, CellOptions(**options))
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), path.name)


# --- responses of trials


def ragged():
    """2 neurons × 3 stimuli with 1 to 3 trials; columns and rows are vectors."""
    contents = [row(1, 2, 3), row(4, 5).T, row(6), row(7), row(8, 9, 10), row(11, 12)]
    return cell_array((2, 3), contents)


def test_cells_with_unequal_numbers_of_trials(save, tmp_path):
    path = save(tmp_path / "x.mat", resp=ragged(), rate=30.0)
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", cells="trials")
    np.testing.assert_array_equal(
        dataset.trials.transpose(2, 0, 1),
        [[[1, 2, 3], [4, 5, NAN], [6, NAN, NAN]], [[7, NAN, NAN], [8, 9, 10], [11, 12, NAN]]],
    )
    assert not dataset.averaged
    note = next(note for note in dataset.metadata["notes"] if note.startswith("Responses are"))
    assert note == (
        "Responses are resp of x.mat, a cell array of 2 × 3; other variables: rate. The values in a cell are its "
        "repetitions: 1 to 3 in each cell. Cells with fewer values lack the last repetitions, so that equal "
        "repetitions of two neurons need not be one presentation."
    )
    named = import_dataset("e", responses=path, axes="neuroid,stimulus,repetition", cells="trials")
    np.testing.assert_array_equal(named.recording.values, dataset.recording.values)


def test_one_neuron_and_cells_of_one_trial(save, tmp_path):
    path = save(tmp_path / "x.mat", resp=cell_array((1, 3), [row(1), row(2), row(3)]))
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", cells="trials")
    assert dataset.recording.values.tolist() == [[1], [2], [3]]
    assert not dataset.averaged


def nested(n_neurons=2):
    """A cell of each neuron that holds the cells of its stimuli: rows and columns of cells."""
    cells = ragged()
    return cell_array(
        (n_neurons, 1), [cell_array((1, 3), cells[0]), cell_array((3, 1), cells[1])][:n_neurons]
    )


def test_cells_within_cells_are_one_cell_array(save, tmp_path):
    given = {"axes": "neuroid,stimulus", "cells": "trials"}
    flat = import_dataset("d", responses=save(tmp_path / "x.mat", resp=ragged()), **given)
    within = import_dataset("e", responses=save(tmp_path / "y.mat", resp=nested()), **given)
    np.testing.assert_array_equal(within.recording.values, flat.recording.values)
    assert "a cell array of 2 × 3" in " ".join(within.metadata["notes"])
    field = save(tmp_path / "z.mat", units=structure_array(resp=list(nested().reshape(-1))))
    of_field = import_dataset("f", responses=field, **given)
    np.testing.assert_array_equal(of_field.recording.values, flat.recording.values)
    one = import_dataset("g", responses=save(tmp_path / "o.mat", resp=nested(1)), **given)
    np.testing.assert_array_equal(one.trials[..., 0], flat.trials[..., 0])


def test_cells_within_a_cell_of_each_trial(save, tmp_path):
    trials = [cell_array((1, 2), [row(10 * cell), row(10 * cell + 1)]) for cell in range(6)]
    path = save(tmp_path / "x.mat", resp=cell_array((2, 3), trials))
    array = read_matlab(path, options=CellOptions("trials")).values
    np.testing.assert_array_equal(array, 10 * np.arange(6).reshape(2, 3, 1) + [0, 1])


def test_cells_within_cells_of_unequal_numbers_are_refused(save, tmp_path):
    unequal = cell_array((1, 2), [cell_array((1, 2), [row(1), row(2)]), cell_array((1, 1), [row(1)])])
    message = refusal(save(tmp_path / "x.mat", resp=unequal), kind="trials")
    assert message == (
        "cell 1 of resp holds cells, and each cell must hold one array of numbers; cells within cells are read if all "
        "hold equal numbers of cells; in MATLAB, add empty cells to the shorter"
    )


def test_an_empty_cell_is_a_stimulus_without_trials(save, tmp_path):
    path = save(tmp_path / "x.mat", resp=cell_array((1, 3), [row(1, 2), np.zeros((0, 0)), row(3, 4)]))
    with pytest.raises(DatasetError, match="incomplete-stimuli"):
        import_dataset("d", responses=path, axes="neuroid,stimulus", cells="trials")
    dataset = import_dataset(
        "d", responses=path, axes="neuroid,stimulus", cells="trials", drop=["incomplete-stimuli"]
    )
    assert dataset.recording.values.ravel().tolist() == [1, 2, 3, 4]


# --- arrays in cells


def test_an_array_for_each_neuron(save, tmp_path):
    """Trials × stimuli in each cell, with more trials of some neurons."""
    contents = [np.arange(trials * 4.0).reshape(trials, 4) + 100 * trials for trials in (3, 2, 1)]
    path = save(tmp_path / "x.mat", resp=cell_array((1, 3), contents))
    dataset = import_dataset("d", responses=path, axes="neuroid,repetition,stimulus", cells="arrays")
    trials = dataset.trials.transpose(2, 1, 0)
    for neuron, content in enumerate(contents):
        np.testing.assert_array_equal(trials[neuron, : len(content)], content)
        assert np.isnan(trials[neuron, len(content) :]).all()
    with pytest.raises(
        DatasetError, match=r"differ in length along the axis stimulus \(1 to 3\); only the rep"
    ):
        import_dataset("e", responses=path, axes="neuroid,stimulus,repetition", cells="arrays")


def test_a_vector_for_each_neuron_in_a_structure_array(save, tmp_path):
    units = structure_array(id=["a", "b"], resp=[row(1, 2, 3), row(4, 5, 6).T])
    path = save(tmp_path / "x.mat", units=units)
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", cells="arrays")
    assert dataset.responses.transpose("neuroid", "stimulus").values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert dataset.averaged
    assert read_matlab(path, None, CellOptions("arrays")).note.startswith(
        "Responses are units.resp of x.mat, a field of a structure array of 1 × 2; other variables: units.id."
    )


# --- spike times of trials

SPIKES = {"kind": "spike-times", "window": (0.0, 100.0), "time_unit": "ms", "stimulus_onset": 0.0}


def test_spikes_are_counted_from_the_start_to_before_the_end(save, tmp_path):
    """Neuron × stimulus × trial; times relative to onset."""
    trains = [
        row(-5, 0, 99.9, 100),
        row(50),
        row(10, 20, 30, 40),
        row(100),
        row(0.0, 1),
        row(250),
        row(5, 6, 7, 8),
        row(60, 70),
    ]
    path = save(tmp_path / "x.mat", spk=cell_array((2, 2, 2), trains))
    expected = np.array([2, 1, 4, 0, 2, 0, 4, 2]).reshape(2, 2, 2)
    np.testing.assert_array_equal(read_matlab(path, None, CellOptions(**SPIKES)).values, expected)
    in_seconds = save(tmp_path / "s.mat", spk=cell_array((2, 2, 2), [train / 1000 for train in trains]))
    options = CellOptions(**{**SPIKES, "time_unit": "s"})
    np.testing.assert_array_equal(read_matlab(in_seconds, None, options).values, expected)
    dataset = import_dataset(
        "d",
        responses=path,
        axes="neuroid,stimulus,repetition",
        cells="spike-times",
        window="0,100",
        time_unit="ms",
        stimulus_onset="0",
    )
    np.testing.assert_array_equal(dataset.trials.transpose(2, 0, 1), expected)
    assert dataset.metadata["window_ms"] == [0, 100]
    assert "(15 of 19 spikes, -5 to 250 ms)" in " ".join(dataset.metadata["notes"])


def test_onset_within_the_trial(save, tmp_path):
    path = save(tmp_path / "x.mat", spk_ms=cell_array((1, 2), [row(499, 500, 599, 600), row(550)]))
    options = CellOptions(**{**SPIKES, "time_unit": None, "stimulus_onset": 500.0})
    result = read_matlab(path, None, options)
    assert result.values.tolist() == [[2, 1]]
    assert "Spike times spk_ms are in milliseconds (the end of the name)." in result.note


def test_rows_of_the_stimulus_table_make_trials(tmp_path):
    """Neuron × trial with a table of trials."""
    path = save_v5(tmp_path / "x.mat", spk=cell_array((1, 4), [row(1, 2), row(3), row(4, 5, 6), row(120)]))
    (tmp_path / "trials.csv").write_text("stimulus_id\na\nb\na\nb\n")
    dataset = import_dataset(
        "d",
        responses=path,
        axes="neuroid,stimulus",
        stimuli=tmp_path / "trials.csv",
        cells="spike-times",
        window="0,100",
        time_unit="ms",
        stimulus_onset=0,
    )
    assert dataset.stimuli.ids.tolist() == ["a", "b"]
    assert dataset.trials.tolist() == [[[2], [3]], [[1], [0]]]
    assert not dataset.averaged


def test_empty_cells_need_a_meaning(save, tmp_path):
    path = save(tmp_path / "x.mat", spk=cell_array((1, 3), [row(1, 2), np.zeros((0, 0)), row(3)]))
    assert refusal(path, **SPIKES) == (
        "1 of 3 cells of spk of x.mat are empty: say with --empty-cells zero that they are trials without spikes, or "
        "with --empty-cells missing that they are trials that were not recorded"
    )
    zero = read_matlab(path, None, CellOptions(**SPIKES, empty="zero"))
    assert zero.values.tolist() == [[2, 0, 1]]
    assert zero.note.endswith("1 empty cell taken as trials without spikes (--empty-cells).")
    missing = read_matlab(path, None, CellOptions(**SPIKES, empty="missing")).values
    np.testing.assert_array_equal(missing, [[2, NAN, 1]])


def test_options_that_decide_counts_are_asked_for_together(tmp_path):
    path = save_v5(tmp_path / "x.mat", spk=cell_array((1, 2), [row(1, 2), row(3)]))
    assert refusal(path, kind="spike-times") == (
        "spk of x.mat holds spike times: give --window START,END (milliseconds after onset), --time-unit s|ms (unit of "
        "the spike times), --stimulus-onset MS (onset on the clock of each cell, 0 if spike times are relative to "
        "onset)"
    )
    assert "no spike of spk of x.mat is in the window: spikes are from 1000 to 3000 ms" in refusal(
        path, **{**SPIKES, "time_unit": "s"}
    )


# --- faults


@pytest.mark.parametrize(
    ("contents", "kind", "message"),
    [
        ([row(1), "text"], "trials", "cell 2 of resp of x.mat must hold numbers, got the text 'text'"),
        (
            [row(1), cell_array((1, 1), [row(1)])],
            "trials",
            "cell 2 of resp holds cells, and each cell must hold",
        ),
        ([row(1), {"a": row(1)}], "trials", "cell 2 of resp holds a structure"),
        ([row(1), row(1) * 1j], "trials", "cell 2 of resp holds "),
        (
            [row(1), np.ones((2, 3))],
            "trials",
            "must hold a vector, got 2 × 3 numbers; for arrays in cells give --cells",
        ),
        ([np.zeros((0, 0))] * 2, "trials", "all cells of resp of x.mat are empty"),
    ],
)
def test_wrong_content(tmp_path, contents, kind, message):
    path = save_v5(tmp_path / "x.mat", resp=cell_array((1, 2), contents))
    assert message in refusal(path, kind=kind)


def test_wrong_content_of_version_7_3(tmp_path):
    path = save_v7_3(tmp_path / "x.mat", resp=cell_array((1, 2), [row(1), cell_array((1, 1), [row(1)])]))
    assert "cell 2 of resp holds cells" in refusal(path, kind="trials")
    path = save_v7_3(tmp_path / "x.mat", resp=cell_array((1, 2), [row(1), {"a": row(1)}]))
    assert "cell 2 of resp holds a structure" in refusal(path, kind="trials")
    path = save_v7_3(tmp_path / "x.mat", resp=cell_array((1, 2), [row(1), "text"]))
    assert "cell 2 of resp of x.mat must hold numbers, got the text 'text'" in refusal(path, kind="trials")


def test_reference_to_nothing(tmp_path):
    path = save_v7_3(tmp_path / "x.mat", resp=cell_array((1, 2), [row(1), row(2)]))
    with h5py.File(path, "r+") as file:
        file["resp"][1, 0] = h5py.Reference()
    assert "cell 2 of resp points to nothing" in refusal(path, kind="trials")


def test_reference_to_data_in_another_file(tmp_path):
    (tmp_path / "secret").write_bytes(np.arange(3.0).tobytes())
    path = save_v7_3(tmp_path / "x.mat", resp=cell_array((1, 2), [row(1), row(2)]))
    with h5py.File(path, "r+") as file:
        node = file.create_dataset("#refs#/far", (3, 1), "f8", external=[(str(tmp_path / "secret"), 0, 24)])
        node.attrs["MATLAB_class"] = np.bytes_("double")
        file["resp"][1, 0] = node.ref
    assert "an object that /resp refers to is in another file, which is never opened" in refusal(
        path, kind="trials"
    )
    with h5py.File(path, "r+") as file:
        del file["#refs#/far"]
        layout = h5py.VirtualLayout((3, 1), "f8")
        layout[...] = h5py.VirtualSource(str(tmp_path / "y.mat"), "resp", (3, 1))
        node = file.create_virtual_dataset("#refs#/virtual", layout)
        node.attrs["MATLAB_class"] = np.bytes_("double")
        file["resp"][1, 0] = node.ref
    assert "an object that /resp refers to is in another file, which is never opened" in refusal(
        path, kind="trials"
    )


def test_links_are_not_followed(tmp_path):
    other = save_v7_3(tmp_path / "other.mat", secret=np.ones((2, 3)))
    path = save_v7_3(tmp_path / "x.mat", resp=cell_array((1, 2), [row(1, 2), row(3, 4)]))
    with h5py.File(path, "r+") as file:
        file["near"] = h5py.SoftLink("/#refs#/resp0")
    assert "near" not in read_matlab(path, None, CellOptions("trials")).note
    with pytest.raises(UnknownNameError, match=r"no array in x\.mat is called 'near'"):
        read_matlab(path, "near")
    with h5py.File(path, "r+") as file:
        file["far"] = h5py.ExternalLink(str(other), "secret")
    assert "/far is in another file, which is never opened" in refusal(path, kind="trials")


def test_sparse_matrix_with_a_part_in_another_file(tmp_path):
    other = save_v7_3(tmp_path / "other.mat", secret=np.ones((1, 3)))
    path = save_v7_3(tmp_path / "x.mat")
    with h5py.File(path, "r+") as file:
        group = file.create_group("resp")
        group.attrs["MATLAB_class"], group.attrs["MATLAB_sparse"] = np.bytes_("double"), np.uint64(3)
        group["data"] = h5py.ExternalLink(str(other), "secret")
        group["ir"], group["jc"] = np.arange(3), np.array([0, 3])
    assert "/resp/data is in another file, which is never opened" in refusal(path)


def test_options_without_effect(tmp_path):
    path = save_v5(tmp_path / "x.mat", resp=np.ones((2, 3)))
    assert (
        refusal(path, kind="trials")
        == "--cells has no effect: x.mat has no cell array of numbers; leave it out"
    )
    assert refusal(path, window=(0, 1)).startswith(
        "--window has no effect: the responses in x.mat are an array"
    )
    path = save_v5(tmp_path / "x.mat", resp=np.ones((2, 3)), c=cell_array((1, 1), [row(1)]))
    assert "--cells has no effect: resp of x.mat is an array" in refusal(path, "resp", kind="trials")
    assert refusal(path, kind="trials", time_unit="s") == (
        "--time-unit has no effect with --cells trials; leave it out"
    )
    path = save_v5(tmp_path / "x.mat", a=ragged(), b=ragged())
    assert refusal(path, kind="trials") == (
        "x.mat holds several cell arrays: a (a cell array of 2 × 3), b (a cell array of 2 × 3); choose one with "
        "--variable NAME"
    )


def test_deeply_nested_cells(tmp_path):
    """Twenty thousand cells within each other: one line, no crash."""
    attack = Path(__file__).parents[4] / "shared" / "cases" / "attack" / "nested_cells_20k.mat"
    if not attack.is_file():
        pytest.skip("the file with nested cells is not here")
    path = Path(shutil.copy(attack, tmp_path / "x.mat"))
    assert refusal(path, kind="trials")


def test_several_cell_arrays_need_a_choice(tmp_path):
    depths, responses = [1.0, 2.0], [np.ones((3, 4)), np.ones((3, 4))]
    units = structure_array(depth=depths, resp=responses)
    assert "the first cell with 1 × 1 numbers; give --variable NAME, and say with --cells how" in refusal(
        save_v5(tmp_path / "x.mat", units=units)
    )
    units = structure_array(resp=responses, depth=depths)
    assert "the first cell with 3 × 4 numbers; give --variable NAME, --cells arrays, and name in" in refusal(
        save_v5(tmp_path / "y.mat", units=units)
    )
