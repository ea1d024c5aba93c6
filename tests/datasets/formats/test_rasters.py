"""Small rasters with known spikes."""

import zipfile
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from neuroalign.datasets.formats.rasters import read_rasters
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.selection import select_window
from neuroalign.errors import ArchiveError, DatasetError, UnknownNameError, UsageError

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
    with pytest.raises(
        DatasetError,
        match=r"need the window .*--window START,END \(.*covers 1 to 11 ms\); --bins WIDTH keeps",
    ):
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


def test_spikes_on_a_clock_that_started_long_before_are_counted_once(tmp_path):
    times = {f"time.{start}_{start + 10}": 1 for start in (1_000_000, 1_000_005)}
    table = pd.read_csv(StringIO(SITE_A))[LABELS].assign(**times)
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DatasetError, match=r"^the time bins of x.csv overlap between"):
        read_rasters([tmp_path / "x.csv"], window=(1_000_000, 1_000_015))


def test_two_columns_of_one_time_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text(SITE_A.replace("time.2_3", "time.1_2"))
    with pytest.raises(DatasetError) as caught:
        read_rasters([tmp_path / "x.csv"], window=(1, 2))
    assert str(caught.value) == "x.csv has the column time.1_2 twice; leave one of them out"


# --- time bins


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window", "bins", "n_bins"), [((1, 11), 2, 5), ((1, 11), 5, 2), ((3, 7), "file", 4), (None, "file", 10)]
)
def test_bins_are_kept(folder, window, bins, n_bins):
    binned = import_dataset("binned", responses=folder, window=window, bins=bins, drop=["incomplete-stimuli"])
    assert binned.recording.sizes["time_bin"] == n_bins
    assert binned.recording.dtype == np.float32
    assert binned.recording.attrs["response"] == "counts"
    whole = window or (1, 11)
    assert binned.metadata["window_ms"] == list(whole)
    direct = import_dataset("direct", responses=folder, window=whole, drop=["incomplete-stimuli"])
    part = select_window(binned, whole)
    assert part.recording_hash == binned.recording_hash
    assert replace(part, part_of=None).recording_hash == direct.recording_hash
    assert part.content_hash == direct.content_hash
    assert "time_bin" not in direct.recording.dims
    assert "response" not in direct.recording.attrs


def test_bins_have_the_spikes_of_their_own_time(folder):
    array, _ = parts_of([folder], window=(1, 11), bins=5)
    assert array["time_bin_start"].values.tolist() == [1, 6]
    assert array["time_bin_end"].values.tolist() == [6, 11]
    # Spikes at 2, 5 and 6 ms, and at 4 and 10 ms.
    first = (array["stimulus_id"].values == "1") & (array["repetition"].values == 0)
    assert array.values[first][0].tolist() == [[1, 1], [2, 1]]


def test_bins_that_do_not_fit(folder, tmp_path):
    with pytest.raises(UsageError, match=r"--bins 3 must divide .* choose 1, 2, 5, 10 ms, or file"):
        read_rasters([folder], window=(1, 11), bins=3)
    (folder / "raster_data_tito_site03.csv").write_text(raster([("1", "1", "front", {1})], n_bins=6))
    with pytest.raises(
        DatasetError,
        match=r"must have the same time bins: raster_data_tito_site03 has 6 from 1 to 7 ms, .* has 10 from 1 to 11 ms",
    ):
        read_rasters([folder], window=None, bins="file")
    assert parts_of([folder], window=(1, 7), bins=3)[0].shape[2] == 2
    bad = tmp_path / "bad.csv"
    bad.write_text(SITE_A.replace(",1,", ",,", 1))
    with pytest.raises(DatasetError, match="empty or infinite cell in row 2"):
        read_rasters([bad], window=(1, 11), bins=5)
