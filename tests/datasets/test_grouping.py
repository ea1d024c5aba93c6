import numpy as np
import pytest

from neuroalign.datasets.grouping import group_conditions
from neuroalign.errors import UnknownNameError, UsageError


@pytest.fixture
def labelled(dataset_factory):
    dataset = dataset_factory(n_stimuli=6, n_neurons=4, n_repetitions=1, images=False)
    dataset.stimuli.table["category"] = ["face", "house", "face", "house", "face", "face"]
    return dataset.__class__(
        **{
            **vars(dataset),
            "recording": dataset.recording.assign_coords(
                region=("neuroid", ["V4", "IT", "IT", "V4"]),
                depth=("neuroid", [10.0, 2.0, np.nan, 10.0]),
                session=("presentation", ["b", "a", "a", "b", "a", "a"]),
            ),
        }
    )


def test_combinations_that_neurons_have(labelled):
    assert group_conditions(labelled, ["region", "depth"]) == [
        {"region": "IT", "depth": None},
        {"region": "IT", "depth": 2.0},
        {"region": "V4", "depth": 10.0},
    ]
    # The order of the columns is the order of the sorting.
    assert [list(group.values()) for group in group_conditions(labelled, ["depth", "region"])] == [
        [None, "IT"],
        [2.0, "IT"],
        [10.0, "V4"],
    ]


def test_combinations_of_several_tables(labelled):
    groups = group_conditions(labelled, ["session", "region", "category"])
    assert len(groups) == 8
    assert groups[:3] == [
        {"session": "a", "region": "IT", "category": "face"},
        {"session": "a", "region": "IT", "category": "house"},
        {"session": "a", "region": "V4", "category": "face"},
    ]


def test_stimuli_that_were_not_recorded_make_no_group(labelled):
    kept = labelled.recording.isel(presentation=[0, 2])
    part = labelled.__class__(**{**vars(labelled), "recording": kept})
    assert group_conditions(part, ["category"]) == [{"category": "face"}]


def test_columns_that_cannot_be(labelled):
    with pytest.raises(UnknownNameError, match="'regio'; did you mean region"):
        group_conditions(labelled, ["regio"])
    with pytest.raises(UsageError, match="the column region is given twice"):
        group_conditions(labelled, ["region", "neuron.region"])
    with pytest.raises(UsageError, match="at least one column"):
        group_conditions(labelled, [])
