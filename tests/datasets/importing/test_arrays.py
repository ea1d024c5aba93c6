"""Imports of arrays: axes, trials, labels and files with further neurons."""

import numpy as np
import pandas as pd
import pytest
import scipy.io

from neuroalign.datasets.catalogue import added_names
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import (
    DatasetError,
    MissingImagesError,
    UsageError,
)

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""


def test_averages_from_an_array():
    imported = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", region="AM", animal="x")
    assert imported.averaged
    assert imported.trials is None
    assert imported.responses.values.tolist() == MEANS.T.tolist()
    assert imported.responses["stimulus"].values.tolist() == ["0", "1", "2", "3"]
    assert imported.responses["neuroid"].values.tolist() == ["d-0", "d-1", "d-2"]
    assert set(imported.responses["region"].values) == {"AM"}
    assert set(imported.responses["animal"].values) == {"x"}
    assert not imported.simulated
    assert added_names() == ["d"]
    with pytest.raises(MissingImagesError, match="has no images, and this model needs them"):
        imported.stimuli.pixels()


@pytest.mark.parametrize("axes", ["stimulus,neuroid", "neuroid,stimulus"])
def test_axes_may_come_in_any_order(axes):
    values = MEANS.T if axes.startswith("stimulus") else MEANS
    assert import_dataset("d", responses=values, axes=axes).responses.values.tolist() == MEANS.T.tolist()


def test_trials_and_missing_trials():
    trials = np.arange(24.0).reshape(3, 4, 2) ** 2
    trials[:, 1, 1] = np.nan  # nobody saw stimulus 1 twice
    trials[2, 3, 0] = np.nan  # one neuron missed one trial
    imported = import_dataset("d", responses=trials, axes=["neuroid", "stimulus", "repetition"])
    assert not imported.averaged
    assert imported.recording.sizes["presentation"] == 7
    np.testing.assert_array_equal(imported.trials, trials.transpose(1, 2, 0))
    np.testing.assert_array_equal(imported.responses.values, np.nanmean(trials, axis=2).T)


@pytest.mark.parametrize("averaged", [True, False])
def test_the_user_says_whether_a_matrix_is_an_average(averaged):
    assert (
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", averaged=averaged).averaged is averaged
    )


def test_averaged_contradicts_repetitions(nothing_is_left):
    with pytest.raises(UsageError, match="up to 2 trials of a stimulus"):
        import_dataset(
            "d", responses=np.stack([MEANS, MEANS], axis=2), axes="neuroid,stimulus,repetition", averaged=True
        )
    assert nothing_is_left()


def test_matlab_leaves_out_a_last_axis_of_one(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"r": MEANS[..., None]})
    imported = import_dataset("d", responses=tmp_path / "x.mat", axes="neuroid,stimulus,repetition")
    assert imported.responses.values.tolist() == MEANS.T.tolist()
    assert not imported.averaged


def test_variable(tmp_path):
    np.savez(tmp_path / "x.npz", r=MEANS, other=MEANS + 1)
    imported = import_dataset("d", responses=tmp_path / "x.npz", axes="neuroid,stimulus", variable="r")
    assert imported.responses.values.tolist() == MEANS.T.tolist()


def test_labels_of_a_csv(tmp_path):
    table = pd.DataFrame(MEANS, index=["n2", "n0", "n1"], columns=["d", "c", "b", "a"])
    table.to_csv(tmp_path / "x.csv")
    imported = import_dataset("d", responses=tmp_path / "x.csv", axes="neuroid,stimulus")
    assert imported.responses["stimulus"].values.tolist() == ["a", "b", "c", "d"]
    assert imported.responses.sel(stimulus="d", neuroid="n1").item() == 5.0
    assert imported.responses.sel(stimulus="a", neuroid="n2").item() == 8.0


def test_files_side_by_side_are_further_neurons(tmp_path):
    np.save(tmp_path / "a.npy", MEANS[:2])
    np.save(tmp_path / "b.npy", MEANS[2:])
    imported = import_dataset(
        "d", responses=[tmp_path / "a.npy", tmp_path / "b.npy"], axes="neuroid,stimulus"
    )
    assert imported.responses.values.tolist() == MEANS.T.tolist()
    assert [file["name"] for file in imported.metadata["files"]] == ["a.npy", "b.npy"]
    np.save(tmp_path / "b.npy", MEANS[2:, :3])
    with pytest.raises(
        DatasetError, match=r"must have the same stimuli in the same order; .*a\.npy has 4 and .*b\.npy has 3"
    ):
        import_dataset("e", responses=[tmp_path / "a.npy", tmp_path / "b.npy"], axes="neuroid,stimulus")
    np.savez(tmp_path / "b.npz", MEANS[2:])
    with pytest.raises(DatasetError, match=r"in one format: .*a\.npy is npy, .*b\.npz is npz"):
        import_dataset("e", responses=[tmp_path / "a.npy", tmp_path / "b.npz"], axes="neuroid,stimulus")


def test_files_with_fewer_repetitions_end_in_missing_trials(tmp_path):
    np.save(tmp_path / "a.npy", np.stack([MEANS[:2], MEANS[:2] + 1], axis=2))
    np.save(tmp_path / "b.npy", MEANS[2:, :, None])
    imported = import_dataset(
        "d", responses=[tmp_path / "a.npy", tmp_path / "b.npy"], axes="neuroid,stimulus,repetition"
    )
    assert imported.trials.shape == (4, 2, 3)
    assert np.isnan(imported.trials[:, 1, 2]).all()
    assert imported.responses.values[:, 2].tolist() == MEANS[2].tolist()
