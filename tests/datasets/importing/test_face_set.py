"""Sets of aligned faces from folders of photographs: the command, its log, its table and its dataset."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from neuroalign.cli.data import data
from neuroalign.datasets.catalogue import added_names, datasets_folder, load_dataset
from neuroalign.datasets.importing import face_set
from neuroalign.datasets.landmarks.alignment import Crop, Similarity, centres
from neuroalign.datasets.landmarks.csv import read_landmark_csv
from neuroalign.datasets.landmarks.finding import Face
from neuroalign.errors import DatasetError, NeuroalignError, UsageError

# Eyes 40 pixels apart and lips 38 pixels below them. The default crop is a little larger than the image of 100 pixels.
POINTS = np.full((68, 2), 50.0)
POINTS[:17] = [(20 + 60 * number / 16, 60) for number in range(17)]
POINTS[36:42], POINTS[42:48], POINTS[48:60] = (30, 30), (70, 30), (50, 68)
POINTS[[8, 36, 45, 48, 54]] = [(50, 90), (30, 30), (70, 30), (40, 68), (60, 68)]


class Finder:
    """Finds a face in each image that is not black."""

    def __call__(self, pixels):
        return [Face(1.5, POINTS)] if pixels.any() else []


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    monkeypatch.setattr(face_set, "FaceFinder", Finder)
    folder = tmp_path / "photographs" / "train"
    folder.mkdir(parents=True)
    for number in range(6):
        pixels = np.full((100, 100, 3), (40 * number, 200, 30) if number != 2 else 0, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "5.png").write_bytes(b"no image")
    return tmp_path / "photographs"


@pytest.fixture
def run():
    def call(*args):
        wide = [] if "--max-outside" in args else ["--max-outside", "0.3"]
        result = CliRunner().invoke(data, ["align-faces", *map(str, args), *wide])
        if result.exception is not None and not isinstance(result.exception, SystemExit | NeuroalignError):
            raise result.exception
        return result

    return call


def test_the_set_has_images_table_landmarks_and_log(run, photographs):
    result = run(photographs, "--output", "faces", "--training", 3, "--seed", 1, "--licence", "CC BY 4.0")
    dataset = load_dataset("faces")
    log = (datasets_folder() / "faces" / "left_out.csv").read_text()
    assert result.stdout == (
        "6 photographs, 4 kept, 2 left out\n"
        "  no face           1\n"
        "  unreadable        1\n"
        f"Log: {datasets_folder() / 'faces' / 'left_out.csv'}\n"
        "Added faces: 4 stimuli without responses, 3 of them for training, with images\n"
    )
    assert log.splitlines()[:2] == ["photograph,reason,detail", "train/2.png,no face,"]
    assert log.splitlines()[2].startswith("train/5.png,unreadable,")
    stimuli = dataset.stimuli
    assert stimuli.ids.tolist() == ["0", "1", "3", "4"]
    assert stimuli.table["photograph"].tolist() == [f"train/{number}.png" for number in (0, 1, 3, 4)]
    assert stimuli.table["eye_distance"].tolist() == [40.0] * 4
    # np.random.default_rng(1).permutation(4) is [0, 2, 3, 1].
    assert stimuli.table["training"].tolist() == [True, True, True, False]
    assert stimuli.image_size("0") == (128, 128)
    assert np.unique(np.asarray(stimuli.open("3")).reshape(-1, 3), axis=0).tolist() == [[120, 200, 30]]
    to_crop = Similarity.fit(centres(POINTS), Crop().targets)
    np.testing.assert_allclose(stimuli.landmarks.sel(stimulus="4").values, to_crop.move(POINTS), atol=0.00501)
    assert dataset.metadata["licence"] == "CC BY 4.0"
    assert dataset.metadata["alignment"]["eye_x"] == 0.29
    assert dataset.metadata["notes"] == [
        "3 faces, drawn with the seed 1, are for training; 1 are held out.",
        "4 of 6 photographs are in the set; left out: 1 no face, 1 unreadable.",
    ]


def test_faces_that_are_not_drawn_are_left_out(run, photographs):
    result = run(photographs, "--output", "faces", "--training", 2, "--held-out", 1, "--seed", 4, "--json")
    assert json.loads(result.stdout)["left_out"]["not drawn"] == 1
    stimuli = load_dataset("faces").stimuli
    first, second, third, _ = np.array(["0", "1", "3", "4"])[np.random.default_rng(4).permutation(4)]
    assert set(stimuli.training().ids) == {first, second}
    assert stimuli.held_out().ids.tolist() == [third]


def test_a_table_describes_and_chooses_photographs(run, photographs, tmp_path):
    rows = "train/0.png,20-29,1\ntrain/1.png,3-9,2\ntrain/3.png,30-39,3\ntrain/9.png,20-29,4\n"
    (tmp_path / "labels.csv").write_text(f"file,age,yaw\n{rows}")
    options = ["--table", tmp_path / "labels.csv", "--where", "age=20-29|30-39", "--grey", "--size", 64]
    result = run(photographs, "--output", tmp_path / "chosen", "--crop", "0.3,0.3,0.68", *options, "--json")
    document = json.loads(result.stdout)
    assert document["left_out"] == {"no row in the table": 3, "not chosen": 1}
    assert added_names() == []
    stimuli = load_dataset(tmp_path / "chosen").stimuli
    assert stimuli.table["age"].tolist() == ["20-29", "30-39"]
    assert (
        "Column yaw of the table of photographs was left out: the measured values have its place."
        in (document["notes"])
    )
    assert (stimuli.open("3").mode, stimuli.image_size("3")) == ("L", (64, 64))
    # The places of the crop are the places in the photographs, so the image is only resized.
    np.testing.assert_allclose(stimuli.landmarks.sel(stimulus="0").values, 0.64 * POINTS, atol=0.00501)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crop", "0.3,0.3"], "--crop must be three numbers, EYE_X,EYE_Y,MOUTH_Y, got '0.3,0.3'"),
        (["--max-yaw", "-1"], "the limit yaw must be a number of at least 0, got -1.0"),
        (
            ["--training", "3", "--held-out", "2"],
            "--training 3 and --held-out 2 must be numbers from 1 that add up to at most 4, the faces that are kept",
        ),
        (
            ["--held-out", "2"],
            "--held-out draws from the faces beside --training: give both, or neither",
        ),
        (["--where", "age=3"], "--where chooses rows of a table: give it with --table, or leave --where out"),
        (
            ["--min-score", "2"],
            "none of 6 photographs has a face within the limits: doubtful face 4, no face 1, unreadable 1",
        ),
    ],
)
def test_calls_that_cannot_be_followed_leave_nothing(run, photographs, options, message):
    result = run(photographs, "--output", "faces", *options)
    assert isinstance(result.exception, UsageError | DatasetError)
    assert str(result.exception) == message
    assert added_names() == []


def test_a_set_is_replaced_only_on_request(run, photographs, tmp_path):
    target = tmp_path / "set"
    run(photographs, "--output", target)
    first = (target / "dataset.toml").read_bytes()
    again = run(photographs, "--output", target)
    assert str(again.exception) == f"{target} exists already; replace it with --force"
    assert run(photographs, "--output", target, "--force").exit_code == 0
    assert (target / "dataset.toml").read_bytes() == first
    assert str(run(photographs, "--output", tmp_path).exception) == (
        f"{tmp_path} exists already; choose another folder"
    )


@pytest.mark.slow
def test_real_faces_come_to_their_places(run, recordings):
    pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    limits = ["--min-eye-distance", 20, "--max-outside", 0.3]
    result = run(recordings / "att_faces.zip", "--output", "att", "--size", 64, "--grey", *limits, "--json")
    document = json.loads(result.stdout)
    n_kept = document["stimuli_in_set"]
    assert n_kept + sum(document["left_out"].values()) == 400
    assert 80 <= n_kept <= 250
    assert set(document["left_out"]) <= {
        "no face",
        "doubtful face",
        "several faces",
        "small face",
        "turned to a side",
        "raised or lowered",
        "cut off",
    }
    stimuli = load_dataset("att").stimuli
    assert stimuli.pixels().shape == (n_kept, 64, 64)
    places = np.array([centres(points) for points in stimuli.landmarks.values])
    # A face fits the places of another face within a few pixels, and the mean of the three places exactly.
    np.testing.assert_allclose(places.mean(axis=1), [Crop(64).targets.mean(axis=0)] * n_kept, atol=0.02)
    assert np.abs(places - Crop(64).targets).max() < 5
    # The landmarks belong to the aligned images: a search in these finds the same points.
    from neuroalign.datasets.landmarks.detection import detect_landmarks

    some = stimuli.select(stimuli.ids[:30])
    detected = detect_landmarks(some)
    both = detected["stimulus"].values
    assert len(both) >= 25
    difference = detected.values - stimuli.landmarks.sel(stimulus=both).values
    assert np.median(np.linalg.norm(difference, axis=2)) < 1.5


@pytest.mark.slow
def test_landmarks_of_photographs_are_found_again(run, recordings, tmp_path):
    pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    from zipfile import ZipFile

    folder = recordings / "fairface_frontal"
    if not folder.is_dir():
        pytest.skip(f"no photographs in {folder}")
    table = pd.read_csv(folder / "stimuli.csv").iloc[::40]
    with ZipFile(folder / "images.zip") as archive:
        archive.extractall(tmp_path / "some", table["filename"].tolist())
    result = run(
        tmp_path / "some", "--output", "some", "--table", folder / "stimuli.csv", "--min-score", 0, "--json"
    )
    assert json.loads(result.stdout)["stimuli_in_set"] >= 0.8 * len(table)
    placed = load_dataset("some").stimuli.landmarks
    listed = read_landmark_csv(folder / "landmarks.csv").sel(stimulus=placed["stimulus"].values)
    assert np.median(np.linalg.norm(placed.values - listed.values, axis=2)) < 2
