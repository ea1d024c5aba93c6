"""Neurons and stimuli without complete mean responses."""

import numpy as np
import pytest

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import (
    DatasetError,
    UnknownNameError,
    UsageError,
)

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""


def holes():
    values = MEANS.copy()
    values[0, 1] = values[0, 3] = np.nan
    return values


def test_neurons_without_a_trial_are_named_with_the_way_out(nothing_is_left):
    message = (
        r"1 of 3 neurons have no trial of some stimuli: neurons d-0; stimuli 1, 3; "
        r"leave out the neurons or the stimuli: "
        r"--drop incomplete-neuroids keeps 2 neurons × 4 stimuli, --drop incomplete-stimuli keeps 3 × 2"
    )
    with pytest.raises(DatasetError, match=message):
        import_dataset("d", responses=holes(), axes="neuroid,stimulus")
    assert nothing_is_left()


def test_drop_incomplete_neuroids():
    imported = import_dataset("d", responses=holes(), axes="neuroid,stimulus", drop=["incomplete-neuroids"])
    assert imported.responses.values.tolist() == MEANS[1:].T.tolist()
    assert imported.metadata["dropped_neuroids"] == ["d-0"]


def test_drop_incomplete_stimuli(faces):
    imported = import_dataset(
        "d", responses=holes(), axes="neuroid,stimulus", drop=["incomplete-stimuli"], images=faces
    )
    assert imported.responses.values.tolist() == MEANS[:, [0, 2]].T.tolist()
    assert imported.metadata["dropped_stimuli"] == ["face_b", "face_d"]
    assert imported.stimuli.ids.tolist() == ["face_a", "face_c"]


def test_a_stimulus_without_any_trial():
    trials = np.stack([MEANS, MEANS + 1], axis=2)
    trials[:, 2] = np.nan
    options = {"responses": trials, "axes": "neuroid,stimulus,repetition"}
    with pytest.raises(DatasetError, match=r"3 of 3 neurons have no trial of some stimuli: .* stimuli 2;"):
        import_dataset("d", **options)
    assert import_dataset("d", **options, drop=["incomplete-stimuli"]).responses.shape == (3, 3)
    with pytest.raises(DatasetError, match="nothing is left"):
        import_dataset("e", **options, drop=["incomplete-neuroids"])


def test_constant_neurons():
    values = np.vstack([MEANS, np.full(4, 7.0)])
    with pytest.raises(
        DatasetError, match=r"1 of 4 neurons respond to all stimuli alike: d-3; .* --drop constant-neuroids"
    ):
        import_dataset("d", responses=values, axes="neuroid,stimulus")
    imported = import_dataset("d", responses=values, axes="neuroid,stimulus", drop=["constant-neuroids"])
    assert imported.responses.values.tolist() == MEANS.T.tolist()


def test_drops_go_together_or_do_not():
    values = np.vstack([holes(), np.full(4, 7.0)])
    imported = import_dataset(
        "d", responses=values, axes="neuroid,stimulus", drop=["constant-neuroids", "incomplete-neuroids"]
    )
    assert imported.metadata["dropped_neuroids"] == ["d-0", "d-3"]
    with pytest.raises(UsageError, match="either is enough"):
        import_dataset(
            "e", responses=values, axes="neuroid,stimulus", drop=["incomplete-stimuli", "incomplete-neuroids"]
        )
    with pytest.raises(UnknownNameError, match="did you mean constant-neuroids"):
        import_dataset("e", responses=values, axes="neuroid,stimulus", drop=["constant-neurons"])
