"""Small rasters with known spikes."""

import zipfile
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.formats.rasters import read_rasters
from neuroalign.errors import ArchiveError, DatasetError, UnknownNameError

LABELS = ["labels.stimID", "labels.person", "labels.view"]


def raster(trials, *, monkey="lupo", n_bins=10, first=1, extra=()):
    """A file's text; a trial is (stimulus, person, view, times of spikes in ms)."""
    times = [f"time.{start}_{start + 1}" for start in range(first, first + n_bins)]
    rows = [
        ["am", monkey, *extra, stimulus, person, view]
        + [int(float(time.split("_")[0].removeprefix("time.")) in spikes) for time in times]
        for stimulus, person, view, spikes in trials
    ]
    columns = [
        "site_info.region",
        "site_info.monkey",
        *(["site_info.depth"] if extra else []),
        *LABELS,
        *times,
    ]
    return pd.DataFrame(rows, columns=columns).to_csv(index=False, quoting=2)


SITE_A = raster(
    [
        ("1", "1", "front", {2, 5, 6}),
        ("2", "2", "front", {1}),
        ("1", "1", "front", {5}),
        ("3", "1", "left", {5, 6, 7, 8, 9, 10}),
    ]
)
SITE_B = raster([("3", "1", "left", {1, 2, 3, 4}), ("1", "1", "front", {4, 10})], monkey="bert")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "rasters"
    made.mkdir()
    (made / "raster_data_lupo_site01.csv").write_text(SITE_A)
    (made / "raster_data_bert_site02.csv").write_text(SITE_B)
    return made


def parts_of(sources, **options):
    """Read rasters; return the recording and the stimuli."""
    parts = read_rasters(sources, **options)
    return parts.recording, parts.stimuli


def check(array, table):
    assert array["neuroid_id"].values.tolist() == ["bert_site02", "lupo_site01"]
    assert array["animal"].values.tolist() == ["bert", "lupo"]
    assert array["region"].values.tolist() == ["am", "am"]
    result = {
        (stimulus, repetition): values.tolist()
        for stimulus, repetition, values in zip(
            array["stimulus_id"].values, array["repetition"].values, array.values, strict=True
        )
    }
    nan = pytest.approx(np.nan, nan_ok=True)
    # spikes from 4 to before 7 ms: the bins 4_5, 5_6 and 6_7
    assert result == {("1", 0): [1, 2], ("1", 1): [nan, 1], ("2", 0): [nan, 0], ("3", 0): [1, 2]}
    assert table.loc["3"].to_dict() == {"stimID": 3, "person": 1, "view": "left"}
    assert table.index.tolist() == ["1", "2", "3"]


def test_folder(folder):
    check(*parts_of([folder], window=(4, 7)))


def test_list_of_files(folder):
    check(*parts_of(sorted(folder.glob("*.csv")), window=(4, 7)))


def test_archive(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "r.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/", "")
        for path in sorted(folder.glob("*.csv")):
            archive.write(path, f"top/{path.name}")
        archive.writestr("__MACOSX/top/._raster_data_bert_site02.csv", b"\x00rubbish")
        archive.writestr("top/readme.txt", "hello")
    check(*parts_of([tmp_path / "r.zip"], window=(4, 7)))


def test_hostile_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("../evil.csv", SITE_A)
    with pytest.raises(ArchiveError, match=r"'\.\./evil\.csv' leaves the folder"):
        read_rasters([tmp_path / "r.zip"], window=(4, 7))


def test_chosen_labels_make_the_stimulus(folder):
    array, table = parts_of([folder], window=(1, 11), stimulus_labels=["person"])
    assert sorted(set(array["stimulus_id"].values.tolist())) == ["1", "2"]
    # lupo saw person 1 three times: two fronts and a left
    of_lupo = array.values[:, 1][array["stimulus_id"].values == "1"]
    assert of_lupo.tolist() == [3, 1, 6]
    # a label that differs within a stimulus does not describe it
    assert table.columns.tolist() == ["person"]
    array, table = parts_of([folder], window=(1, 11), stimulus_labels=["view", "person"])
    assert table.index.tolist() == ["front_1", "front_2", "left_1"]
    assert table.columns.tolist() == ["stimID", "person", "view"]


def test_labels_together_where_none_tells_all_stimuli_apart(tmp_path):
    text = raster([("1", "1", "front", {1}), ("1", "2", "front", {2}), ("1", "1", "left", {3})])
    (tmp_path / "x.csv").write_text(text)
    array, _ = parts_of([tmp_path / "x.csv"], window=(1, 11))
    assert array["stimulus_id"].values.tolist() == ["1_1_front", "1_1_left", "1_2_front"]


def test_other_site_info_is_kept(tmp_path):
    (tmp_path / "x.csv").write_text(raster([("1", "1", "front", {1})], extra=["1.5"]))
    array, _ = parts_of([tmp_path / "x.csv"], window=(1, 11))
    assert array["depth"].values.tolist() == ["1.5"]


def test_negative_times(tmp_path):
    (tmp_path / "x.csv").write_text(raster([("1", "1", "front", {-3, 0, 1})], first=-5))
    array, _ = parts_of([tmp_path / "x.csv"], window=(-3, 1))
    assert array.values.tolist() == [[2]]


def test_faults(folder, tmp_path):
    with pytest.raises(DatasetError, match=r"need the window .*--window START,END \(.*covers 1 to 11 ms\)"):
        read_rasters([folder], window=None)
    with pytest.raises(DatasetError, match="covers 1 to 11 ms, and the edge nearest to 400 is 11"):
        read_rasters([folder], window=(4, 400))
    with pytest.raises(UnknownNameError, match="no label is called 'persn'; did you mean person"):
        read_rasters([folder], window=(4, 7), stimulus_labels=["persn"])
    bad = tmp_path / "bad.csv"
    for text, message in [
        (SITE_A.replace('"lupo"', '"bert"', 1), "site_info.monkey of bad.csv must be the same in all rows"),
        ("a,b\n1,2\n", "bad.csv is not a raster"),
        (SITE_A.splitlines()[0], "bad.csv has no trials"),
        (SITE_A.replace("labels.", "shown."), "no column labels"),
        (SITE_A.replace(",1,", ",x,", 1), "cannot read the raster bad.csv"),
        (SITE_A.replace(",1,", ",,", 1), "empty or infinite cell in row 2"),
    ]:
        bad.write_text(text)
        with pytest.raises(DatasetError, match=message):
            read_rasters([bad], window=(1, 11))
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match="no raster CSV"):
        read_rasters([tmp_path / "none"], window=(4, 7))


@pytest.mark.parametrize(
    ("left_out", "added", "message"),
    [
        ("time.4_5", None, "leave a gap between 4 and 5 ms"),
        (None, "time.3_6", "overlap between 3 and 4 ms"),
    ],
)
def test_spikes_are_never_counted_twice_or_left_out(tmp_path, left_out, added, message):
    table = pd.read_csv(StringIO(SITE_A))
    table = table if left_out is None else table.drop(columns=left_out)
    table = table if added is None else table.assign(**{added: 1})
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DatasetError, match=f"the time bins of x.csv {message}"):
        read_rasters([tmp_path / "x.csv"], window=(1, 11))
