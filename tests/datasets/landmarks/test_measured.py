"""Factors of faces that are measured on landmarks and pixels."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from neuroalign.cli.data import data
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.folder import read_folder, write_folder
from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.datasets.landmarks.measured import FACTORS, measure_face
from neuroalign.datasets.landmarks.parts import names_of_68, part_slice
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import DatasetError


def symmetric_face():
    """Return the landmarks of a face of 128 pixels that is symmetric about x = 64."""
    points = np.zeros((68, 2))
    points[part_slice("jaw")] = [(64 + x, 112 - x * x / 40) for x in np.linspace(-48, 48, 17)]
    points[part_slice("left_brow")] = [(x, 28) for x in (28, 33, 38, 43, 48)]
    points[part_slice("right_brow")] = [(x, 28) for x in (80, 85, 90, 95, 100)]
    points[part_slice("nose_ridge")] = [(64, y) for y in (44, 52, 60, 68)]
    points[part_slice("nostrils")] = [(x, 74) for x in (56, 60, 64, 68, 72)]
    eye = np.array([(-6, 0), (-2, -2), (2, -2), (6, 0), (2, 2), (-2, 2)])
    points[part_slice("left_eye")], points[part_slice("right_eye")] = (
        eye + np.array([38, 44]),
        eye + np.array([90, 44]),
    )
    lips = np.array([(-16, 0), (-10, -5), (-4, -6), (0, -5), (4, -6), (10, -5), (16, 0)])
    points[part_slice("outer_lips")] = np.concatenate([lips, -lips[1:6]]) + np.array([64, 92])
    inner = [(-12, 0), (-4, -3), (0, -3), (4, -3), (12, 0), (4, 3), (0, 3), (-4, 3)]
    points[part_slice("inner_lips")] = np.array(inner) + np.array([64, 92])
    return points


def test_lengths_and_light_of_a_known_face():
    pixels = np.full((128, 128), 0.25, dtype=np.float32)
    pixels[:, 64:] = 0.75
    measured = measure_face(symmetric_face(), pixels)
    assert list(measured) == list(FACTORS)
    expected = {
        "face_yaw": 0,
        "face_width": 96 / 128,
        "face_height": (112 - 28) / 128,
        "mouth_width": 32 / 128,
        "mouth_opening": 6 / 128,
        "eye_opening": 4 / 128,
        "brow_height": (44 - 28) / 128,
        "luminance": 0.5,
        "lighting": 0.5,
        "contrast": 0.25,
        "skin_luminance": 0.5,
    }
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_each_factor_follows_its_own_change():
    pixels = np.random.default_rng(0).random((128, 128), dtype=np.float32)
    plain = measure_face(symmetric_face(), pixels)
    opened, raised = symmetric_face(), symmetric_face()
    opened[[65, 66, 67]] += (0, 4)
    raised[part_slice("left_brow")] -= (0, 6)
    changed = {name for name, value in measure_face(opened, pixels).items() if value != plain[name]}
    assert changed == {"mouth_opening"}
    assert measure_face(opened, pixels)["mouth_opening"] - plain["mouth_opening"] == pytest.approx(4 / 128)
    assert measure_face(raised, pixels)["brow_height"] - plain["brow_height"] == pytest.approx(3 / 128)
    dark = pixels.copy()
    dark[:20] = 0
    assert measure_face(symmetric_face(), dark)["skin_luminance"] == plain["skin_luminance"]
    assert measure_face(symmetric_face(), dark)["luminance"] < plain["luminance"] - 0.05


def test_a_mirrored_face_has_mirrored_pose_and_light():
    rng = np.random.default_rng(1)
    points, pixels = symmetric_face() + rng.normal(0, 1, (68, 2)), rng.random((128, 128), dtype=np.float32)
    from neuroalign.datasets.landmarks.arrays import mirror_partners

    partners = mirror_partners(landmarks([symmetric_face()], stimulus=["a"], landmark=names_of_68()))
    mirrored = points[partners] * (-1, 1) + (128, 0)
    here, there = measure_face(points, pixels), measure_face(mirrored, pixels[:, ::-1])
    assert there["face_yaw"] == pytest.approx(-here["face_yaw"], abs=1e-3)
    assert there["lighting"] == pytest.approx(-here["lighting"], abs=0.01)
    for name in ("face_pitch", "face_width", "mouth_opening", "eye_opening", "brow_height", "luminance"):
        assert there[name] == pytest.approx(here[name], abs=1e-3)


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    marks = landmarks([symmetric_face() / 2] * 2, stimulus=["0", "2"], landmark=names_of_68())
    table = pd.DataFrame({"age": [20, 30, 40]}, index=pd.Index(["0", "1", "2"]))
    stimuli = StimulusSet("faces", table, dict(zip("012", pixels, strict=True)), landmarks=marks)
    write_folder(Dataset.of_stimuli(stimuli), tmp_path / "faces")
    return tmp_path / "faces"


def test_the_command_writes_columns_of_the_stimulus_table(folder):
    before = read_folder(folder)
    result = CliRunner().invoke(data, ["measure-faces", str(folder)])
    assert result.stdout == f"{folder}: 12 measured factors of 2 faces in stimuli.csv\n"
    assert result.stderr == (
        "neuroalign: note: 1 of 3 stimuli have no landmarks, and so no measured factors.\n"
    )
    after = read_folder(folder)
    assert after.content_hash == before.content_hash
    table = after.stimuli.table
    assert table["age"].tolist() == [20, 30, 40]
    assert list(FACTORS) == table.columns[-12:].tolist()
    np.testing.assert_allclose(table["face_width"], [0.75, np.nan, 0.75])
    pixels = before.stimuli.pixels(128)[2]
    np.testing.assert_allclose(table.loc["2", "contrast"], pixels.std(), atol=1e-5)
    again = CliRunner().invoke(data, ["measure-faces", str(folder), "--json"])
    assert json.loads(again.stdout)["factors"] == dict(FACTORS)
    assert "12 columns were there before and were replaced." in again.stderr


def test_other_landmarks_are_refused(folder):
    (folder / "landmarks.csv").unlink()
    (folder / "SHA256SUMS").unlink()
    error = CliRunner().invoke(data, ["measure-faces", str(folder)]).exception
    assert isinstance(error, DatasetError)
    assert str(error) == (
        "the stimulus set 'faces' must have the 68 landmarks of iBUG 300-W; detect them with neuroalign data landmarks "
        "DATASET --force"
    )
