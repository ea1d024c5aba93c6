"""Lists of image names beside the responses in one file: they name the stimuli."""

import numpy as np
import pandas as pd
import pytest
import scipy.io

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, StimulusMismatchError

from ..formats.mat_files import cell_array, save_v5, save_v7_3

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli, which are the faces c, a, d and b."""
SHOWN = ["face_c.png", "face_a.png", "face_d.png", "face_b.png"]
BY_NAME = {"face_a": 2.0, "face_b": 8.0, "face_c": 1.0, "face_d": 4.0}
"""Response of the first neuron to each face."""


def first_neuron(dataset):
    return dataset.responses[:, 0].to_series().to_dict()


def cells_of(texts, shape=None):
    return cell_array(shape or (len(texts), 1), texts)


@pytest.fixture(params=[save_v5, save_v7_3], ids=["v5", "v7.3"])
def save(request):
    return request.param


@pytest.mark.parametrize("shown", [SHOWN, [r"D:\stim\Face_C.BMP", "face_a", "stim/face_d.png", "face_b.jpg"]])
def test_a_list_of_image_names_names_the_stimuli(save, tmp_path, faces, shown):
    path = save(
        tmp_path / "x.mat", resp=MEANS, imnames=cells_of(shown), area=cells_of(["V4", "V4", "IT", "IT"])
    )
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", images=faces)
    assert first_neuron(dataset) == BY_NAME
    assert dataset.metadata["notes"][0] == (
        "Stimulus ids are the names of images in imnames of x.mat: the first is face_c."
    )


def test_a_list_beside_cells_of_trials_and_in_a_structure(save, tmp_path, faces):
    trials = cell_array((3, 4), [np.array([[value, value]]) for value in MEANS.reshape(-1)])
    path = save(tmp_path / "x.mat", resp=trials, imnames=cells_of(SHOWN, (1, 4)))
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", cells="trials", images=faces)
    assert first_neuron(dataset) == BY_NAME


def test_a_list_with_one_name_for_each_trial(tmp_path, faces):
    path = save_v5(
        tmp_path / "x.mat", resp=np.hstack([MEANS, MEANS[:, ::-1] + 2]), shown=cells_of(SHOWN + SHOWN[::-1])
    )
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", images=faces)
    assert first_neuron(dataset) == {name: value + 1 for name, value in BY_NAME.items()}
    assert dataset.recording.sizes["presentation"] == 8


def test_more_images_than_stimuli(tmp_path, faces):
    path = save_v5(tmp_path / "x.mat", resp=MEANS[:, :3], shown=cells_of(SHOWN[:3]))
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", images=faces)
    assert first_neuron(dataset) == {"face_c": 1.0, "face_a": 2.0, "face_d": 4.0}


def test_an_archive_of_numpy_arrays(tmp_path, faces):
    np.savez(tmp_path / "x.npz", resp=MEANS, shown=np.array(SHOWN))
    dataset = import_dataset(
        "d", responses=tmp_path / "x.npz", variable="resp", axes="neuroid,stimulus", images=faces
    )
    assert first_neuron(dataset) == BY_NAME


def test_without_images_names_of_files_are_ids_and_other_texts_are_not(tmp_path):
    path = save_v5(tmp_path / "x.mat", resp=MEANS, shown=cells_of(SHOWN))
    assert first_neuron(import_dataset("d", responses=path, axes="neuroid,stimulus")) == BY_NAME
    path = save_v5(tmp_path / "y.mat", resp=MEANS, kind=cells_of(["face", "body", "face", "house"]))
    assert list(first_neuron(import_dataset("e", responses=path, axes="neuroid,stimulus"))) == list("0123")


def test_a_table_is_joined_by_the_names(tmp_path, faces):
    path = save_v5(tmp_path / "x.mat", resp=MEANS, shown=cells_of(SHOWN))
    given = {"responses": path, "axes": "neuroid,stimulus", "images": faces}
    table = pd.DataFrame({"filename": sorted(SHOWN), "view": ["left", "up", "down", "right"]})
    dataset = import_dataset("d", **given, stimuli=table)
    assert first_neuron(dataset) == BY_NAME
    assert dataset.stimuli.table["view"].to_dict()["face_b"] == "up"
    numbered = table.assign(stimulus_id=["1", "2", "3", "4"])
    assert first_neuron(import_dataset("e", **given, stimuli=numbered)) == {
        "1": 2.0,
        "2": 8.0,
        "3": 1.0,
        "4": 4.0,
    }
    rows = pd.DataFrame({"view": ["left", "up", "down", "right"]})
    dataset = import_dataset("f", **given, stimuli=rows)
    assert dataset.stimuli.table["view"].to_dict()["face_c"] == "left"


def test_files_with_lists_in_different_orders_join_by_the_names(tmp_path, faces):
    one = save_v5(tmp_path / "a.mat", resp=MEANS, shown=cells_of(SHOWN))
    two = save_v5(tmp_path / "b.mat", resp=MEANS[:, ::-1] * 10, shown=cells_of(SHOWN[::-1]))
    dataset = import_dataset("d", responses=[one, two], axes="neuroid,stimulus", images=faces)
    np.testing.assert_array_equal(dataset.responses[:, 3:], dataset.responses[:, :3].values * 10)


def test_standard_errors_in_another_file_follow_the_list(tmp_path, faces):
    path = save_v5(tmp_path / "x.mat", resp=MEANS, shown=cells_of(SHOWN))
    np.save(tmp_path / "sem.npy", MEANS / 10)
    dataset = import_dataset(
        "d", responses=path, axes="neuroid,stimulus", images=faces, sem=tmp_path / "sem.npy"
    )
    np.testing.assert_allclose(dataset.recording["sem"], dataset.recording.values / 10)


def test_a_contradiction_stops_the_import(tmp_path, faces):
    path = save_v5(tmp_path / "x.mat", resp=MEANS, shown=cells_of(SHOWN), order=cells_of(sorted(SHOWN)))
    given = {"responses": path, "axes": "neuroid,stimulus", "images": faces}
    message = (
        "shown of x.mat names face_c as the image of stimulus 1, and order names face_a; list the images in the order "
        "of the stimulus axis with --presented FILE"
    )
    with pytest.raises(StimulusMismatchError) as caught:
        import_dataset("d", **given)
    assert str(caught.value) == message
    assert first_neuron(import_dataset("d", **given, presented=SHOWN)) == BY_NAME
    path = save_v5(tmp_path / "x.mat", resp=MEANS, shown=cells_of(SHOWN))
    with pytest.raises(
        StimulusMismatchError, match="--image-order name means face_a; leave --image-order out"
    ):
        import_dataset("e", **given, image_order="name")


def test_a_stimulus_without_image_is_named_by_the_list(tmp_path, faces):
    shown = [*SHOWN * 3, "blank"]
    path = save_v5(tmp_path / "x.mat", resp=np.arange(39.0).reshape(3, 13), shown=cells_of(shown))
    given = {"responses": path, "axes": "neuroid,stimulus", "images": faces}
    with pytest.raises(DatasetError, match="blank"):
        import_dataset("d", **given)
    assert "blank" not in first_neuron(import_dataset("d", **given, drop_stimuli=["blank"]))


def test_numbers_in_text_are_categories_unless_they_name_images(tmp_path, faces):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"resp": MEANS, "block": cells_of(["1", "2", "1", "2"])})
    dataset = import_dataset("d", responses=path, axes="neuroid,stimulus", images=faces)
    assert list(first_neuron(dataset)) == ["face_a", "face_b", "face_c", "face_d"]
