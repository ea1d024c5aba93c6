"""Several files of further neurons join by the labels of their stimuli."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.importing.joining import Session, join_sessions
from neuroalign.errors import DatasetError, UsageError

VALUES = np.random.default_rng(0).poisson(5, (8, 4)).astype(float)
IDS = np.array([f"x{index}" for index in range(8)])
PERMUTED = [3, 1, 0, 2, 7, 5, 6, 4]


def save(path, values, ids, neurons):
    pd.DataFrame(values, index=ids, columns=list(neurons)).to_csv(path)
    return path


def bring(*files, **options):
    return import_dataset("d", responses=list(files), axes="stimulus,neuroid", **options)


def test_rows_in_another_order_join_by_label(tmp_path):
    one = save(tmp_path / "one.csv", VALUES[:, :2], IDS, "ab")
    two = save(tmp_path / "two.csv", VALUES[PERMUTED, 2:], IDS[PERMUTED], "cd")
    imported = bring(one, two)
    assert imported.responses["neuroid"].values.tolist() == list("abcd")
    np.testing.assert_array_equal(imported.responses.sel(stimulus=IDS).values, VALUES)
    assert "2 files were joined by the labels of their stimuli." in imported.metadata["notes"]


def test_sessions_with_other_stimuli_lack_each_others(tmp_path):
    one = save(tmp_path / "one.csv", VALUES[:6, :2], IDS[:6], "ab")
    two = save(tmp_path / "two.csv", VALUES[2:, 2:], IDS[2:], "cd")
    with pytest.raises(
        DatasetError,
        match=r"4 of 4 neurons have no trial .* stimuli x0, x1, x6, x7; leave out the neurons or",
    ):
        bring(one, two)
    imported = bring(one, two, drop=["incomplete-stimuli"])
    assert imported.responses["stimulus"].values.tolist() == ["x2", "x3", "x4", "x5"]
    np.testing.assert_array_equal(imported.responses.values, VALUES[2:6])
    assert any("not in all files: x0, x1, x6, x7." in note for note in imported.metadata["notes"])


def test_repetitions_join_in_the_order_of_their_rows(tmp_path):
    one = save(tmp_path / "one.csv", [[1.0], [2.0], [3.0]], list("xxy"), "a")
    two = save(tmp_path / "two.csv", [[6.0], [5.0], [4.0]], list("yxx"), "b")
    trials = bring(one, two).trials
    np.testing.assert_array_equal(trials[0], [[1, 5], [2, 4]])
    np.testing.assert_array_equal(trials[1], [[3, 6], [np.nan, np.nan]])


def test_files_with_and_without_labels_do_not_join(tmp_path):
    one = save(tmp_path / "one.csv", VALUES[:, :2], IDS, "ab")
    (tmp_path / "two.csv").write_text("\n".join(",".join(map(str, row)) for row in VALUES[:, 2:] + 0.5))
    with pytest.raises(DatasetError, match=r"two\.csv does not label its stimuli and .*one\.csv does"):
        bring(one, tmp_path / "two.csv")


def test_neurons_of_one_name_are_named(tmp_path):
    one = save(tmp_path / "one.csv", VALUES[:, :2], IDS, "ab")
    two = save(tmp_path / "two.csv", VALUES[:, 2:], IDS, "ab")
    with pytest.raises(DatasetError, match=r"one\.csv and .*two\.csv both have neurons called a, b"):
        bring(one, two)
    with pytest.raises(UsageError, match=r"one\.csv is given twice"):
        bring(one, one)


def test_labels_of_neurons_stay_where_only_some_files_have_them():
    sessions = {
        "one": Session(np.ones((2, 1, 2)), neuroid=np.array(["a", "b"])),
        "two": Session(np.ones((2, 1, 1))),
    }
    assert join_sessions(sessions, "d")[0].neuroid.tolist() == ["a", "b", "d-2"]


def test_files_without_labels_say_that_position_joins_them(tmp_path):
    np.save(tmp_path / "a.npy", VALUES[:, :2])
    np.save(tmp_path / "b.npy", VALUES[:, 2:])
    imported = bring(tmp_path / "a.npy", tmp_path / "b.npy")
    np.testing.assert_array_equal(imported.responses.values, VALUES)
    assert any(note.startswith("2 files were joined by position") for note in imported.metadata["notes"])


# --- numbers that often stand for missing trials


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (
            lambda values: values.__setitem__((slice(0, 3), 0, 0), -999),
            "-999 occurs 3 times as the only negative",
        ),
        (lambda values: values.__setitem__((slice(None), 3), 0), "In 12 trials all 6 neurons are 0"),
        (lambda values: None, None),
        (lambda values: values.__setitem__((slice(0, 3), 0, 0), [-1.5, -2, -1]), None),
    ],
)
def test_values_that_may_mean_missing_are_named(spoil, note):
    values = np.random.default_rng(1).poisson(5, (12, 4, 6)).astype(float) + 1
    spoil(values)
    imported = import_dataset("d", responses=values, axes="stimulus,repetition,neuroid")
    assert sum("write NaN where a trial is missing" in text for text in imported.metadata["notes"]) == (
        note is not None
    )
    assert note is None or any(text.startswith(note) for text in imported.metadata["notes"])
