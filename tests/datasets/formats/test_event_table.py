"""Tables of events: columns, stimulus ids, blanks and faults."""

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.formats.event_table import choose_events, read_event_table
from neuroalign.errors import DatasetError, UnknownNameError


def choose(table, label=None, onset=None, blank=None):
    return choose_events(
        table,
        label=label,
        onset=onset,
        blank=blank,
        source="e.csv",
        usual_labels=("stimulus_id",),
        usual_onsets=("onset",),
    )


def test_usual_columns():
    events, notes = choose(pd.DataFrame({"block": [1, 2], "stimulus_id": ["a", "b"], "onset": [1, 2]}))
    assert events.to_dict("list") == {"onset": [1, 2], "stimulus_id": ["a", "b"], "block": [1, 2]}
    assert notes == ["Stimuli are the column stimulus_id of e.csv, onsets the column onset."]


def test_open_choices_list_the_candidates():
    table = pd.DataFrame({"t": [1.0, 2.0], "name": ["a", "b"], "picture": ["c", "d"]})
    with pytest.raises(
        DatasetError, match=r"choose the column of e.csv that holds the onsets .* there are: t$"
    ):
        choose(table)
    with pytest.raises(
        DatasetError, match=r"--label COLUMN; there are: name \(2 values\), picture \(2 values\)$"
    ):
        choose(table, onset="t")
    with pytest.raises(UnknownNameError, match=r"no column of e.csv is called 'nam'; did you mean name"):
        choose(table, onset="t", label="nam")
    assert choose(table, onset="t", label="picture")[0].columns.tolist() == ["onset", "stimulus_id", "name"]


def test_a_column_with_the_name_of_a_chosen_column_is_passed_over():
    table = pd.DataFrame({"onset": [1.0, 2.0], "stimulus_id": ["a", "b"], "category": ["x", "y"]})
    events, notes = choose(table, label="category")
    assert events.to_dict("list") == {"onset": [1, 2], "stimulus_id": ["x", "y"]}
    assert notes[1:] == ["Columns of e.csv were passed over: stimulus_id."]


def test_whole_numbers_as_float_have_no_decimals_and_minus_one_is_a_blank():
    table = pd.DataFrame({"onset": np.arange(5.0), "stimulus_id": [0.0, -1.0, 12.0, np.nan, -1.0]})
    events, notes = choose(table)
    assert events["stimulus_id"].tolist() == ["0", "12"]
    assert events["onset"].tolist() == [0, 2]
    assert notes[1:] == [
        "1 event without a stimulus_id left out.",
        "2 presentations with the stimulus_id -1 left out (a blank in files of the Allen Institute; --blank none keeps "
        "them).",
    ]
    assert choose(table, blank="none")[0]["stimulus_id"].tolist() == ["0", "-1", "12", "-1"]
    assert choose(table, blank="12")[0]["stimulus_id"].tolist() == ["0", "-1", "-1"]
    with pytest.raises(UnknownNameError, match="no label in the column stimulus_id is called '7'"):
        choose(table, blank="7")


def test_minus_one_among_other_labels_is_a_stimulus():
    table = pd.DataFrame({"onset": [1.0, 2.0, 3.0], "stimulus_id": [-1.0, -2.0, 0.0]})
    assert choose(table)[0]["stimulus_id"].tolist() == ["-1", "-2", "0"]


def test_fractions_stay():
    table = pd.DataFrame({"onset": [1.0, 2.0], "stimulus_id": [0.5, 1.0]})
    assert choose(table)[0]["stimulus_id"].tolist() == ["0.5", "1.0"]


def test_image_files_of_windows_are_named_by_their_stems():
    files = ["new\\houses\\im1.jpg", "new\\houses\\im2.jpg", "new\\houses\\im1.jpg"]
    events, notes = choose(pd.DataFrame({"onset": [1.0, 2.0, 3.0], "stimulus_id": files}))
    assert events["stimulus_id"].tolist() == ["im1", "im2", "im1"]
    assert "(new/houses/im1.jpg is im1)" in notes[1]
    events, _ = choose(pd.DataFrame({"onset": [1.0, 2.0], "stimulus_id": ["a\\im1.jpg", "b\\im1.jpg"]}))
    assert events["stimulus_id"].tolist() == ["a/im1", "b/im1"]


def test_onsets_must_be_numbers():
    table = pd.DataFrame({"onset": ["1.0", "late"], "stimulus_id": ["a", "b"]})
    with pytest.raises(DatasetError, match=r"onset of e.csv must be onsets in seconds, got 'late' in row 2"):
        choose(table)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files(tmp_path, delimiter):
    path = tmp_path / "e.csv"
    path.write_text(f"onset{delimiter}stimulus_id\n1.5{delimiter}a\n2{delimiter}b\n", encoding="utf-8-sig")
    assert read_event_table(path).to_dict("list") == {"onset": [1.5, 2], "stimulus_id": ["a", "b"]}
    path.write_text("onset,stimulus_id\n")
    with pytest.raises(DatasetError, match=r"e.csv have no rows"):
        read_event_table(path)
    path.write_bytes(b"\xff\xfe\x00rubbish")
    with pytest.raises(DatasetError, match="cannot read"):
        read_event_table(path)
    with pytest.raises(DatasetError, match="cannot read"):
        read_event_table(tmp_path / "absent.csv")
