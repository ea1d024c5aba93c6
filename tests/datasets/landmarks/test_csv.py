import re

import numpy as np
import pytest

from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.datasets.landmarks.csv import read_landmark_csv, write_landmark_csv
from neuroalign.errors import DatasetError

HEADER = "stimulus_id,eye_x,eye_y,nose_x,nose_y,chin_x,chin_y\n"


@pytest.fixture
def read(tmp_path):
    def call(text):
        (tmp_path / "x.csv").write_text(text, encoding="utf-8")
        return read_landmark_csv(tmp_path / "x.csv")

    return call


def test_ids_are_text_and_columns_in_any_order(read):
    result = read("nose_y,nose_x,stimulus_id,eye_x,eye_y,chin_x,chin_y\n2,1,007,3,4,5.5,6\n1,2,x,3,4,5,-1\n")
    assert result["stimulus"].values.tolist() == ["007", "x"]
    assert result["landmark"].values.tolist() == ["nose", "eye", "chin"]
    assert result.sel(stimulus="007").values.tolist() == [[1, 2], [3, 4], [5.5, 6]]


def test_other_delimiters(read):
    assert read(HEADER.replace(",", ";") + "a;1;2;3;4;5;6\n").sel(landmark="nose").values.tolist() == [[3, 4]]


def test_empty_rows_are_stimuli_without_landmarks(read):
    assert read(HEADER + "a,1,2,3,4,5,6\nb,,,,,,\n")["stimulus"].values.tolist() == ["a"]


def test_what_is_written_is_read_to_the_last_bit(tmp_path):
    points = np.random.default_rng(0).uniform(0, 200, (4, 5, 2))
    array = landmarks(points, stimulus=["1", "b,c", 'd"', "ü"], landmark=list("pqrst"))
    write_landmark_csv(array, tmp_path / "x.csv")
    result = read_landmark_csv(tmp_path / "x.csv")
    np.testing.assert_array_equal(result.values, points)
    for name in ("stimulus", "landmark"):
        np.testing.assert_array_equal(result[name], array[name])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,eye_x,eye_y\na,1,2\n", "needs the column stimulus_id, got id, eye_x, eye_y"),
        (HEADER + ",1,2,3,4,5,6\n", "row 2 of .* has no stimulus_id"),
        (
            "stimulus_id,eye_x,eye_y,nose_x\na,1,2,3\n",
            "for each landmark beside stimulus_id; columns without a partner: nose_y",
        ),
        ("stimulus_id,eye_x,eye_y,age\na,1,2,3\n", "columns without a partner: age"),
        ("stimulus_id\na\n", "columns without a partner: none"),
        (HEADER + "a,1,2,3,left,5,6\n", "must hold numbers; columns of text: nose_y"),
        (HEADER + "a,1,2,3,,5,6\n", "landmark nose of stimulus 'a' has no finite position"),
        (HEADER + "a,1,2,3,inf,5,6\n", "landmark nose of stimulus 'a' has no finite position"),
        (HEADER + "a,1,2,3,4,5,6\na,1,2,3,4,5,6\n", "landmarks repeat along stimulus: a"),
        (
            "stimulus_id,eye_x,eye_y,nose_x,nose_y\na,1,2,3,4\n",
            "must be at least three for each stimulus, got 2",
        ),
    ],
)
def test_what_is_refused(read, text, message):
    with pytest.raises(DatasetError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00rubbish")
    for name in ("x.csv", "absent.csv"):
        with pytest.raises(DatasetError, match=re.escape(name)):
            read_landmark_csv(tmp_path / name)
