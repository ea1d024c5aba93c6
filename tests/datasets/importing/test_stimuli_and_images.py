"""Stimuli and images of an import: ids, tables and files."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.cli import run
from neuroalign.datasets.catalogue import datasets_folder, load_dataset
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import (
    DatasetError,
    StimulusMismatchError,
)

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0]])
"""3 neurons × 4 stimuli."""


@pytest.mark.parametrize("archive", [False, True])
def test_images_in_sorted_order_name_the_stimuli(zipped, faces, archive):
    imported = import_dataset(
        "d", responses=MEANS, axes="neuroid,stimulus", images=zipped(faces) if archive else faces
    )
    assert imported.responses["stimulus"].values.tolist() == ["face_a", "face_b", "face_c", "face_d"]
    assert imported.responses.values.tolist() == MEANS.T.tolist()
    assert (imported.stimuli.pixels() * 255).max(axis=(1, 2)).tolist() == [0, 10, 20, 30]
    assert imported.metadata["notes"] == [
        "Stimulus ids are the images' file names, sorted by name: the first is face_a."
    ]


def test_the_table_names_stimuli_and_images(faces):
    table = pd.DataFrame(
        {
            "stimulus_id": ["s3", "s1", "s2", "s0"],
            "filename": ["face_c.png", "face_a.png", "face_b.png", "face_d.png"],
            "age": [30, 10, 20, 0],
        }
    )
    imported = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table, images=faces)
    assert imported.responses.sel(stimulus="s3").values.tolist() == MEANS[:, 0].tolist()
    assert imported.stimuli.table["age"].to_dict() == {"s3": 30, "s1": 10, "s2": 20, "s0": 0}
    assert round(imported.stimuli.select(["s3"]).pixels().max() * 255) == 20


def test_the_table_may_name_files_only(faces, tmp_path):
    (tmp_path / "s.csv").write_text(
        "filename,view\nface_d.png,left\nface_c.png,up\nface_b.png,up\nface_a.png,left\n"
    )
    imported = import_dataset(
        "d", responses=MEANS, axes="neuroid,stimulus", stimuli=tmp_path / "s.csv", images=faces
    )
    assert imported.responses.sel(stimulus="face_d").values.tolist() == MEANS[:, 0].tolist()
    assert imported.stimuli.table["view"].to_dict()["face_a"] == "left"


def test_the_table_may_name_nothing(faces, tmp_path):
    (tmp_path / "s.csv").write_text("view\nleft\nup\nup\ndown\n")
    options = {"responses": MEANS, "axes": "neuroid,stimulus", "stimuli": tmp_path / "s.csv"}
    assert import_dataset("d", **options).stimuli.table["view"].to_dict()["3"] == "down"
    imported = import_dataset("e", **options, images=faces)
    assert imported.stimuli.table["view"].to_dict()["face_d"] == "down"


def test_brainio_column_names(tmp_path):
    (tmp_path / "s.csv").write_text("image_id,object\nx,car\ny,cat\nz,cow\nw,dog\n")
    imported = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=tmp_path / "s.csv")
    assert imported.stimuli.table["object"].to_dict() == {"x": "car", "y": "cat", "z": "cow", "w": "dog"}


def test_ids_that_repeat_are_repetitions():
    table = pd.DataFrame({"stimulus_id": ["a", "b", "a", "b"], "view": [1, 2, 1, 2], "block": [1, 1, 2, 2]})
    imported = import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table)
    assert not imported.averaged
    assert imported.responses.values.tolist() == [[2.5, 3.5, 3.5], [5.0, 1.0, 7.5]]
    assert imported.trials[0, :, 0].tolist() == [1, 4]
    assert imported.stimuli.table.columns.tolist() == ["view"]
    assert "Column block of the stimulus table was left out" in imported.metadata["notes"][-1]


def test_a_table_may_know_more_stimuli_than_labelled_responses_have(tmp_path):
    pd.DataFrame(MEANS, index=list("uvw"), columns=list("dcba")).to_csv(tmp_path / "x.csv")
    table = pd.DataFrame({"stimulus_id": list("abcde"), "training": [True, False, True, True, False]})
    imported = import_dataset("d", responses=tmp_path / "x.csv", axes="neuroid,stimulus", stimuli=table)
    assert imported.stimuli.ids.tolist() == list("abcde")
    assert imported.stimuli.training().ids.tolist() == ["a", "c", "d"]
    with pytest.raises(StimulusMismatchError, match="1 recorded stimuli are not in the stimulus table: d"):
        import_dataset("e", responses=tmp_path / "x.csv", axes="neuroid,stimulus", stimuli=table[:3])


def test_two_recordings_of_the_same_stimuli_have_the_same_ids(faces):
    one = import_dataset("one", responses=MEANS, axes="neuroid,stimulus")
    two = import_dataset("two", responses=MEANS[:2] + 1, axes="neuroid,stimulus")
    assert one.responses["stimulus"].values.tolist() == two.responses["stimulus"].values.tolist()
    assert not set(one.responses["neuroid"].values) & set(two.responses["neuroid"].values)


def test_numbered_ids_sort_in_their_order():
    imported = import_dataset(
        "d", responses=np.random.default_rng(0).random((2, 101)), axes="neuroid,stimulus"
    )
    ids = imported.recording["stimulus_id"].values.tolist()
    assert ids == sorted(ids)
    assert (ids[0], ids[-1]) == ("000", "100")


def test_numbers_that_do_not_fit_are_told(nothing_is_left, faces):
    with pytest.raises(
        StimulusMismatchError,
        match=r"there are 4 images, but the responses have 3 stimuli "
        r"\(3 × 4 read as stimulus,neuroid\); is --axes right",
    ):
        import_dataset("d", responses=MEANS, axes="stimulus,neuroid", images=faces)
    with pytest.raises(
        StimulusMismatchError, match="the stimulus table has 2 rows, but the responses have 4"
    ):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=pd.DataFrame({"x": [1, 2]}))
    table = pd.DataFrame(
        {"stimulus_id": list("abcd"), "filename": ["face_a.png", "f.png", "g.png", "face_b.png"]}
    )
    with pytest.raises(DatasetError, match=r"2 of 4 images are missing: f\.png, g\.png"):
        import_dataset("d", responses=MEANS, axes="neuroid,stimulus", stimuli=table, images=faces)
    assert nothing_is_left()


def test_stimuli_without_a_picture_are_dropped_by_name(nothing_is_left, faces, tmp_path, capsys):
    ids = ["-1", "face_b", "face_c", "face_d"]
    pd.DataFrame({"stimulus_id": ids}).to_csv(tmp_path / "ids.csv", index=False)
    np.save(tmp_path / "means.npy", MEANS)
    command = ["data", "add", "d", "--responses", str(tmp_path / "means.npy"), "--axes", "neuroid,stimulus"]
    command += ["--stimuli", str(tmp_path / "ids.csv"), "--images", str(faces)]
    assert run(command) == 2
    assert capsys.readouterr().err.endswith(
        "1 of 4 images are missing: -1; the images are face_a.png, face_b.png, face_c.png and 1 more; give the others "
        "too, or leave these stimuli out with --drop-stimulus ID\n"
    )
    assert run([*command, "--drop-stimulus", "face_x"]) == 2
    assert "no recorded stimulus is called 'face_x'; did you mean face_" in capsys.readouterr().err
    assert nothing_is_left()
    assert run([*command, "--drop-stimulus", "-1"]) == 0
    assert "neuroalign: note: 1 stimuli left out: -1.\n" in capsys.readouterr().err
    dataset = load_dataset("d")
    assert dataset.metadata["dropped_stimuli"] == ["-1"]
    assert dataset.stimuli.ids.tolist() == ["face_b", "face_c", "face_d"]
    np.testing.assert_array_equal(dataset.responses.values, MEANS[:, 1:].T)


def test_images_of_no_stimulus_are_left_out_and_told(faces):
    table = pd.DataFrame({"stimulus_id": ["face_a", "face_b"]})
    imported = import_dataset(
        "d", responses=MEANS[:, :2], axes="neuroid,stimulus", stimuli=table, images=faces
    )
    assert "2 images belong to no stimulus and were left out." in imported.metadata["notes"]
    assert len(list((datasets_folder() / "d" / "images").iterdir())) == 2
