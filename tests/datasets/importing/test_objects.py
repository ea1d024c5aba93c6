"""Responses in memory: tensors, data frames, labelled arrays and lists of arrays."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, StimulusMismatchError, UsageError

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""
NEURONS, STIMULI = ["a", "b", "c"], ["z", "y", "x", "w"]


def frame():
    return pd.DataFrame(MEANS, index=NEURONS, columns=STIMULI)


def labelled():
    return xr.DataArray(
        MEANS,
        dims=("neuroid", "stimulus"),
        coords={
            "neuroid": NEURONS,
            "stimulus": STIMULI,
            "region": ("neuroid", ["V1", "V4", "IT"]),
            "size": ("stimulus", [1, 2, 3, 4]),
        },
    )


@pytest.mark.parametrize("axes", ["neuroid,stimulus", "stimulus,neuroid"])
def test_labels_of_a_data_frame_pair_by_id(axes):
    given = frame() if axes.startswith("neuroid") else frame().T
    table = pd.DataFrame({"stimulus_id": ["w", "x", "y", "z"], "size": [4, 3, 2, 1]})
    imported = import_dataset("d", responses=given, axes=axes, stimuli=table)
    assert imported.responses["stimulus"].values.tolist() == ["w", "x", "y", "z"]
    assert imported.responses["neuroid"].values.tolist() == NEURONS
    assert imported.responses.sel(stimulus="z", neuroid="b") == 3
    assert imported.stimuli.table.loc["z", "size"] == 1
    assert imported.metadata["notes"][0] == "Stimulus ids are the labels of the responses."


def test_a_data_frame_without_labels():
    imported = import_dataset("d", responses=pd.DataFrame(MEANS), axes="neuroid,stimulus")
    assert imported.responses["stimulus"].values.tolist() == ["0", "1", "2", "3"]
    assert imported.responses["neuroid"].values.tolist() == ["d-0", "d-1", "d-2"]
    first_column = frame().rename_axis("unit").reset_index()
    imported = import_dataset("e", responses=first_column, axes="neuroid,stimulus")
    assert imported.responses["neuroid"].values.tolist() == NEURONS


def test_data_frames_that_are_not_matrices():
    long = frame().reset_index(names="neuroid").melt("neuroid", var_name="stimulus")
    with pytest.raises(
        DatasetError, match=r"looks like a long table.*neuroid, stimulus are ids; .*format='tidy'"
    ):
        import_dataset("d", responses=long, axes="neuroid,stimulus")
    with pytest.raises(DatasetError, match=r"must hold numbers, got the columns kind \(.*set_index"):
        import_dataset("d", responses=frame().assign(kind="q"), axes="neuroid,stimulus")
    ids = frame().reset_index(drop=True).assign(trial=[7, 8, 9])[["trial", *STIMULI]]
    with pytest.raises(
        DatasetError, match=r"first column of the DataFrame \(trial: 7, 8, 9, …\) could be labels"
    ):
        import_dataset("d", responses=ids, axes="neuroid,stimulus")
    several = frame().set_index(pd.MultiIndex.from_arrays([NEURONS, NEURONS]))
    with pytest.raises(DatasetError, match="several levels of labels"):
        import_dataset("d", responses=several, axes="neuroid,stimulus")
    headerless = pd.DataFrame(MEANS[1:], columns=[0.5, 1.25, 3, 4])
    with pytest.raises(DatasetError, match="names of the columns of the DataFrame could be values"):
        import_dataset("d", responses=headerless, axes="neuroid,stimulus")
    with pytest.raises(StimulusMismatchError, match="1 recorded stimuli are not in the stimulus table: w"):
        import_dataset(
            "d",
            responses=frame(),
            axes="neuroid,stimulus",
            stimuli=pd.DataFrame({"stimulus_id": ["z", "y", "x"]}),
        )


@pytest.mark.parametrize("dims", [("neuroid", "stimulus"), ("stimulus", "neuroid")])
def test_a_labelled_array_names_its_axes(dims):
    imported = import_dataset("d", responses=labelled().transpose(*dims))
    assert imported.responses.sel(stimulus="z", neuroid="b") == 3
    assert imported.recording["region"].values.tolist() == ["V1", "V4", "IT"]
    assert imported.stimuli.table.loc[STIMULI, "size"].tolist() == [1, 2, 3, 4]


def test_trials_of_a_labelled_array():
    trials = xr.concat([labelled(), labelled() + 1], "repetition")
    imported = import_dataset("d", responses=trials.transpose("neuroid", "repetition", "stimulus"))
    np.testing.assert_array_equal(imported.trials[:, 1], imported.trials[:, 0] + 1)


def test_other_dimensions_need_axes():
    given = labelled().rename(neuroid="cell", stimulus="image")
    with pytest.raises(UsageError, match="the DataArray has the dimensions cell, image: name them"):
        import_dataset("d", responses=given)
    imported = import_dataset("d", responses=given, axes="neuroid,stimulus")
    assert imported.responses.sel(stimulus="z", neuroid="b") == 3
    with pytest.raises(UsageError, match="contradicts the dimensions of the DataArray, neuroid, stimulus"):
        import_dataset("e", responses=labelled(), axes="stimulus,neuroid")


def test_an_assembly_in_memory():
    array = xr.DataArray(
        MEANS.T.copy(),
        dims=("presentation", "neuroid"),
        coords={
            "stimulus_id": ("presentation", ["s", "s", "t", "t"]),
            "repetition": ("presentation", [0, 1, 0, 1]),
            "neuroid_id": ("neuroid", NEURONS),
            "region": ("neuroid", ["IT"] * 3),
        },
    )
    for given in (array, array.set_index(presentation=["stimulus_id", "repetition"])):
        imported = import_dataset("d", responses=given, force=True)
        np.testing.assert_array_equal(imported.responses.values, [[1.5, 2, 7], [6, 2.5, 4]])
    binned = array.expand_dims(time_bin=2, axis=-1)
    with pytest.raises(DatasetError, match="has 2 time bins; average some of them first"):
        import_dataset("e", responses=binned)


@pytest.mark.parametrize(
    "given",
    [
        torch.tensor(MEANS, requires_grad=True),
        MEANS.tolist(),
        list(MEANS),
        [torch.tensor(row) for row in MEANS],
    ],
    ids=["tensor", "nested lists", "list of arrays", "list of tensors"],
)
def test_arrays_of_other_kinds(given):
    imported = import_dataset("d", responses=given, axes="neuroid,stimulus")
    np.testing.assert_array_equal(imported.responses.values, MEANS.T)


def test_a_list_holds_further_neurons_or_the_first_axis():
    both = import_dataset("d", responses=[MEANS, MEANS + 1], axes="neuroid,stimulus")
    assert both.recording.sizes["neuroid"] == 6
    assert any(
        note.startswith("2 arrays were joined by position, because no array")
        for note in both.metadata["notes"]
    )
    trials = import_dataset("e", responses=[MEANS, MEANS * 2], axes="repetition,neuroid,stimulus")
    np.testing.assert_array_equal(trials.trials[:, 1], MEANS.T * 2)
    other = (frame() + 1).rename(index=lambda name: name * 2)[STIMULI[::-1]]
    frames = import_dataset("f", responses=[frame(), other], axes="neuroid,stimulus")
    assert frames.responses.sel(stimulus="z", neuroid="bb") == 4
    with pytest.raises(UsageError, match=r"the arrays have 3 axes, and axes names 2"):
        import_dataset("g", responses=[MEANS[..., None]], axes="neuroid,stimulus")
    with pytest.raises(DatasetError, match="must have one shape; write NaN"):
        import_dataset("g", responses=[[1, 2], [3]], axes="neuroid,stimulus")
    with pytest.raises(UsageError, match="got paths and other objects"):
        import_dataset("g", responses=[MEANS, "x.npy"], axes="neuroid,stimulus")


def test_numbers_that_numpy_lacks():
    with pytest.raises(DatasetError, match=r"\(Tensor\) cannot become a NumPy array: .*float32"):
        import_dataset("d", responses=torch.tensor(MEANS, dtype=torch.bfloat16), axes="neuroid,stimulus")


def test_objects_in_memory_stay_as_they_are():
    trials = np.arange(24.0).reshape(4, 2, 3)
    trials[1, 1] = np.nan
    trials[:, :, 2] = 5
    before = trials.copy()
    import_dataset("d", responses=trials, axes="stimulus,repetition,neuroid", drop=["constant-neuroids"])
    np.testing.assert_array_equal(trials, before)
