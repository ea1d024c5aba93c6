"""Landmarks of datasets that users add: imported from a file, or detected."""

import importlib.util
import json
import tomllib

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from neuroalign.cli.data import data
from neuroalign.datasets.am_faces import am_faces_sim
from neuroalign.datasets.catalogue import added_names, datasets_folder, load_dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.landmarks.arrays import expect_near_images, mirror_partners
from neuroalign.errors import DatasetError, NeuroalignError, UnknownNameError, UsageError
from neuroalign.models.loading import load_model

MEANS = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 1.0, 4.0, 1.0]])
ROWS = ["d,4,4,14,4,9,9", "b,3,4,15,4,9,8", "c,4,3,14,5,9,9", "a,4,4,14,4,8,9"]
HEADER = "stimulus_id,left_x,left_y,right_x,right_y,chin_x,chin_y"


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for i, name in enumerate("abcd"):
        Image.fromarray(np.full((10, 18), 10 * i, dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def file(tmp_path):
    def write(*rows):
        (tmp_path / "marks.csv").write_text("\n".join([HEADER, *rows]) + "\n")
        return tmp_path / "marks.csv"

    return write


@pytest.fixture
def run():
    def call(*args):
        result = CliRunner().invoke(data, [str(arg) for arg in args])
        if result.exception is not None and not isinstance(result.exception, SystemExit | NeuroalignError):
            raise result.exception
        return result

    return call


@pytest.fixture
def added(faces):
    return import_dataset("cells", responses=MEANS, axes="neuroid,stimulus", images=faces)


def test_import_with_landmarks(faces, file):
    imported = import_dataset(
        "cells", responses=MEANS, axes="neuroid,stimulus", images=faces, landmarks=file(*ROWS)
    )
    assert imported.stimuli.landmarks.sel(stimulus="b", landmark="left").values.tolist() == [3, 4]
    assert {file["role"] for file in imported.metadata["files"]} == {"images", "landmarks"}
    assert load_dataset("cells").stimuli.landmarks_hash == imported.stimuli.landmarks_hash


def test_faces_without_landmarks_and_landmarks_without_face_are_told(faces, file):
    imported = import_dataset(
        "cells",
        responses=MEANS,
        axes="neuroid,stimulus",
        images=faces,
        landmarks=file(ROWS[1], ROWS[3], "z,1,2,3,4,5,6"),
    )
    assert imported.stimuli.landmarks["stimulus"].values.tolist() == ["a", "b"]
    assert "2 of 4 stimuli have no landmarks: c, d." in imported.metadata["notes"]
    assert "The landmarks of 1 images belong to no stimulus and were left out." in imported.metadata["notes"]


def test_an_import_with_bad_landmarks_leaves_nothing(faces, file):
    options = {"responses": MEANS, "axes": "neuroid,stimulus"}
    with pytest.raises(
        DatasetError, match=r"no stimulus in .*marks\.csv is in the set 'cells': the file has z"
    ):
        import_dataset("cells", images=faces, landmarks=file("z,1,2,3,4,5,6"), **options)
    with pytest.raises(DatasetError, match=r"landmark chin of stimulus 'a' lies at \(9, 90\), far outside"):
        import_dataset("cells", images=faces, landmarks=file("a,4,4,14,4,9,90"), **options)
    with pytest.raises(UsageError, match="give the images, too, with --images"):
        import_dataset("cells", landmarks=file(*ROWS), **options)
    assert added_names() == []


def test_landmarks_are_added_later_and_replaced_only_if_asked(run, added, file):
    before = added.content_hash
    result = run("landmarks", "cells", "--file", file(*ROWS[:3]))
    assert result.stdout == "cells: 3 landmarks on 3 images\n"
    assert result.stderr == "neuroalign: note: 1 of 4 stimuli have no landmarks: a.\n"
    imported = load_dataset("cells")
    assert imported.content_hash == before
    assert imported.metadata["landmarks_from"].startswith("marks.csv, SHA-256 ")
    result = run("landmarks", "cells", "--file", file(*ROWS))
    assert isinstance(result.exception, DatasetError)
    assert str(result.exception) == "cells has landmarks already; replace them with --force"
    assert run("landmarks", datasets_folder() / "cells", "--file", file(*ROWS), "--force").stdout.endswith(
        "3 landmarks on 4 images\n"
    )
    described = json.loads(run("info", "cells", "--json").stdout)
    assert (described["landmarks"], described["stimuli_with_landmarks"]) == (3, 4)


def test_bad_landmarks_leave_the_dataset_as_it_was(run, added, file):
    metadata = (datasets_folder() / "cells" / "dataset.toml").read_bytes()
    assert isinstance(run("landmarks", "cells", "--file", file("a,1,2,3,4,5,99")).exception, DatasetError)
    assert not (datasets_folder() / "cells" / "landmarks.csv").exists()
    assert (datasets_folder() / "cells" / "dataset.toml").read_bytes() == metadata
    assert isinstance(run("landmarks", "AM-faces-sim", "--file", file(*ROWS)).exception, UnknownNameError)


def test_folders_keep_landmarks(added, file, tmp_path):
    marked = import_dataset(
        "marked",
        responses=MEANS,
        axes="neuroid,stimulus",
        images=datasets_folder() / "cells" / "images",
        landmarks=file(*ROWS),
    )
    write_folder(marked, tmp_path / "copy")
    copy = read_folder(tmp_path / "copy")
    assert copy.stimuli.landmarks_hash == marked.stimuli.landmarks_hash
    (tmp_path / "copy" / "landmarks.csv").write_text("rubbish\n")
    (tmp_path / "copy" / "SHA256SUMS").unlink()
    with pytest.raises(DatasetError, match=r"copy/landmarks\.csv needs the column stimulus_id"):
        read_folder(tmp_path / "copy")


def test_validate_looks_at_landmarks(run, added, file):
    run("landmarks", "cells", "--file", file(*ROWS))
    assert json.loads(run("validate", "cells", "--json").stdout)["problems"] == []
    folder = datasets_folder() / "cells"
    (folder / "SHA256SUMS").unlink()
    (folder / "landmarks.csv").write_text(f"{HEADER}\na,1,2,3,4,5,77\n")
    assert "Landmark chin of stimulus 'a' lies at (5, 77)" in run("validate", "cells").stdout
    (folder / "landmarks.csv").write_text(f"{HEADER}\na,1,2,9,4,2,9\nb,1,2,9,3,2,9\n")
    settings = (folder / "dataset.toml").read_text()
    (folder / "dataset.toml").write_text(
        settings.replace("mirror_training = false", "mirror_training = true")
    )
    assert tomllib.loads((folder / "dataset.toml").read_text())["mirror_training"]
    assert "have no partner on the other side of the face" in " ".join(
        run("validate", "cells").stdout.split()
    )


def test_the_stand_ins_landmarks_are_on_its_faces():
    stimuli = am_faces_sim().stimuli
    landmarks = stimuli.landmarks
    assert landmarks.sizes["stimulus"] == len(stimuli)
    expect_near_images(landmarks, {name: stimuli.image_size(name) for name in stimuli.ids})
    # Sides are named in the stand-in, so that partners found by position can be checked.
    names = landmarks["landmark"].values
    partners = names[mirror_partners(landmarks)]
    sided = [index for index, name in enumerate(names) if name.startswith("left_")]
    assert sided
    assert [partners[index] for index in sided] == [names[index].replace("left", "right") for index in sided]


def test_detection_needs_its_extra(run, added, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "dlib" else find_spec(name))
    result = run("landmarks", "cells")
    assert isinstance(result.exception, DatasetError)
    assert str(result.exception) == (
        "finding landmarks needs the extra landmarks: pip install 'neuroalign[landmarks]'; "
        "or import landmarks with --file FILE.csv"
    )


def test_images_without_a_face(run, added):
    pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    result = run("landmarks", "cells")
    assert isinstance(result.exception, DatasetError)
    assert str(result.exception) == "no face was found in the 4 images of 'cells'"


@pytest.mark.slow
def test_detection_on_real_faces(run, recordings, tmp_path):
    pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    faces = recordings / "att_faces.zip"
    values = np.random.default_rng(0).standard_normal((3, 400))
    dataset = import_dataset(
        "att", responses=values, axes="neuroid,stimulus", images=faces, image_order="name"
    )
    result = run("landmarks", "att")
    stimuli = load_dataset("att").stimuli
    stored = stimuli.landmarks
    assert stored.sizes["landmark"] == 68
    assert stored.sizes["stimulus"] >= 385
    assert f"no face was found in {400 - stored.sizes['stimulus']} of 400 images: " in result.stderr
    # Eyes left and right of the nose, mouth below it, in each face.
    x, y = (stored.sel(axis=axis).to_pandas() for axis in "xy")
    assert (x["left_eye_01"] < x["nose_ridge_04"]).mean() > 0.98
    assert (x["right_eye_04"] > x["nose_ridge_04"]).mean() > 0.98
    assert (y["outer_lips_04"] > y["nose_ridge_04"]).all()
    # A detector does not know sides: in a mirrored image it finds the mirrored landmarks, with the names swapped.
    from neuroalign.datasets.landmarks.detection import detect_landmarks
    from neuroalign.datasets.stimuli import StimulusSet

    some = stored["stimulus"].values[:20]
    flipped = {name: np.asarray(stimuli.open(name))[:, ::-1] for name in some}
    detected = detect_landmarks(StimulusSet("flipped", stimuli.select(some).table, flipped))
    mirrored = StimulusSet(
        "mirrored",
        stimuli.select(some).table,
        {name: np.asarray(stimuli.open(name)) for name in some},
        landmarks=stored,
        mirrored=True,
    ).points(100)
    both = np.intersect1d(detected["stimulus"], some)
    difference = (
        detected.sel(stimulus=both).values * [100 / 92, 100 / 112] - mirrored.sel(stimulus=both).values
    )
    assert np.median(np.abs(difference)) < 1.5
    model = load_model("aam[n=40]", dataset=load_dataset("att"))
    latents = model.latents(stimuli)
    assert latents.sizes["stimulus"] == stored.sizes["stimulus"]
    truth = stimuli.select(latents["stimulus"].values).pixels(64)
    decoded = model.decode(latents)
    r = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(decoded, truth, strict=True)]
    assert np.median(r) > 0.7
    assert dataset.stimuli.landmarks is None
