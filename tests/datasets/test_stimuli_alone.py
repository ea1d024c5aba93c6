"""Datasets of stimuli without responses: on disk, in reports, and in commands that need responses."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import neuroalign as na
from neuroalign.cli.data import data
from neuroalign.cli.leaderboard import leaderboard
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.inspecting import describe, validate
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError, MissingResponsesError, UsageError


@pytest.fixture
def faces():
    rng = np.random.default_rng(0)
    stimuli = StimulusSet.from_arrays(rng.integers(0, 256, (5, 8, 8), dtype=np.uint8), identifier="photos")
    stimuli.table["training"] = [True, True, True, False, False]
    return Dataset.of_stimuli(stimuli, identifier="faces", metadata={"licence": "CC BY 4.0"})


def test_the_folder_has_no_recording(faces, tmp_path):
    write_folder(faces, tmp_path / "f")
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == [
        "SHA256SUMS",
        "dataset.toml",
        "images",
        "stimuli.csv",
    ]
    read = read_folder(tmp_path / "f")
    assert not read.has_responses
    assert repr(read) == "<Dataset faces: 5 stimuli without responses>"
    assert read.content_hash == read_folder(tmp_path / "f").content_hash != ""
    np.testing.assert_array_equal(read.stimuli.pixels(), faces.stimuli.pixels())
    assert (read.stimuli.identifier, read.metadata["licence"]) == ("photos", "CC BY 4.0")


def test_a_lost_recording_is_not_a_set_of_stimuli(dataset, tmp_path):
    write_folder(dataset, tmp_path / "d")
    (tmp_path / "d" / "recording.nc").unlink()
    with pytest.raises(
        DatasetError, match=r"is missing; a dataset of stimuli alone says responses = false in"
    ):
        read_folder(tmp_path / "d")


def test_a_recording_contradicts_metadata_that_deny_it(dataset, tmp_path):
    write_folder(dataset, tmp_path / "d")
    (tmp_path / "d" / "SHA256SUMS").unlink()
    toml = tmp_path / "d" / "dataset.toml"
    toml.write_text(f"responses = false\n{toml.read_text()}")
    with pytest.raises(DatasetError, match=r"says responses = false, and recording\.nc is there"):
        read_folder(tmp_path / "d")
    toml.write_text(toml.read_text().replace("= false", "= 0", 1))
    with pytest.raises(DatasetError, match=r"responses in .* must be true or false, got 0"):
        read_folder(tmp_path / "d")


def test_reports_describe_stimuli_and_images(faces):
    described = describe(faces)
    assert described["responses"] is False
    assert (described["stimuli_in_set"], described["training_stimuli"]) == (5, 3)
    assert "neurons" not in described
    report = validate(faces)
    assert (report["problems"], report["images_readable"]) == ([], 5)
    bare = Dataset.of_stimuli(StimulusSet("bare", faces.stimuli.table))
    assert validate(bare)["problems"] == ["The dataset has neither responses nor images."]


MESSAGE = (
    "the dataset 'faces' has stimuli without responses, and this needs responses of neurons; give another dataset, or "
    "import the responses with neuroalign data add NAME --responses FILE"
)


@pytest.mark.parametrize(
    "use",
    [
        lambda faces: faces.responses,
        lambda faces: faces.trials,
        lambda faces: na.score("pca[n=2]", faces, "ridge"),
        lambda faces: na.leaderboard(faces, "ridge"),
        lambda faces: na.compare("pca[n=2]", "pca[n=3]", faces, "ridge"),
    ],
)
def test_scores_say_that_they_need_responses(faces, use):
    with pytest.raises(MissingResponsesError) as caught:
        use(faces)
    assert str(caught.value) == MESSAGE


def test_commands_say_it_in_one_line(faces, tmp_path):
    write_folder(faces, tmp_path / "f")
    for command, arguments in (
        (data, ["export", str(tmp_path / "f"), str(tmp_path / "x.nc")]),
        (leaderboard, [str(tmp_path / "f")]),
    ):
        error = CliRunner().invoke(command, arguments).exception
        assert isinstance(error, MissingResponsesError)
        assert str(error) == MESSAGE
    assert not (tmp_path / "x.nc").exists()


def test_import_of_images_with_table_and_numbered_landmarks(faces, tmp_path):
    write_folder(faces, tmp_path / "f")
    names = [f"s{number}" for number in range(5)]
    table = "".join(
        f"s{number},{number}.png,{'no' if number == 2 else 'yes'},{20 + number}\n" for number in range(5)
    )
    (tmp_path / "table.csv").write_text(f"stimulus_id,filename,training,age\n{table}")
    points = np.random.default_rng(1).uniform(0, 8, (5, 68, 2)).round(3)
    header = ",".join(f"x{number},y{number}" for number in range(68))
    rows = [",".join([name, *map(str, row.ravel())]) for name, row in zip(names, points, strict=True)]
    (tmp_path / "points.csv").write_text("\n".join([f"stimulus_id,{header}", *rows]))
    options = ["--stimuli", tmp_path / "table.csv", "--landmarks", tmp_path / "points.csv"]
    options += ["--images", tmp_path / "f" / "images", "--licence", "CC BY 4.0"]
    result = CliRunner().invoke(data, ["add", "imported", *map(str, options)])
    assert (
        result.stdout == "Added imported: 5 stimuli without responses, 4 of them for training, with images\n"
    )
    assert result.stderr == (
        "neuroalign: note: The numbered landmarks are taken as the 68 points of iBUG 300-W.\n"
    )
    stimuli = na.load_dataset("imported").stimuli
    assert stimuli.held_out().ids.tolist() == ["s2"]
    assert stimuli.table["age"].tolist() == [20, 21, 22, 23, 24]
    assert stimuli.landmarks["landmark"].values[[0, 17, 36, 67]].tolist() == [
        "jaw_01",
        "left_brow_01",
        "left_eye_01",
        "inner_lips_08",
    ]
    np.testing.assert_array_equal(stimuli.landmarks.sel(stimulus="s3").values, points[3])
    np.testing.assert_array_equal(stimuli.pixels(), faces.stimuli.pixels())
    listed = json.loads(CliRunner().invoke(data, ["list", "--json"]).stdout)["datasets"]
    assert [(row["name"], row["responses"]) for row in listed] == [("imported", False)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "a dataset needs responses or images: give --responses, --images or both"),
        (
            {"images": np.zeros((2, 4, 4)), "region": "AM", "n_trials": 3},
            "--region and --n-trials must come with --responses; give these, or leave the options out",
        ),
        (
            {"images": np.zeros((2, 4, 4))},
            "the images in the array of images must have names: give --stimuli TABLE with the column stimulus_id, or "
            "save an array stimulus_id beside them",
        ),
    ],
)
def test_imports_that_cannot_be(options, message):
    with pytest.raises(UsageError) as caught:
        na.import_dataset("x", **options)
    assert str(caught.value) == message


def test_images_alone_have_the_names_of_their_files(faces, tmp_path):
    write_folder(faces, tmp_path / "f")
    imported = na.import_dataset("alone", images=tmp_path / "f" / "images", held_out=["4", "1.png"])
    assert imported.stimuli.ids.tolist() == ["0", "1", "2", "3", "4"]
    assert imported.stimuli.held_out().ids.tolist() == ["1", "4"]
    assert imported.metadata["notes"] == [
        "3 of 5 stimuli are for training; 2 stimuli are held out (--held-out)."
    ]
