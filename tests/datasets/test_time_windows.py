"""Windows of time: only whole bins, each weighted by its length."""

import numpy as np
import pytest
import xarray as xr

from neuroalign.datasets.formats.assembly import read_brainio
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.datasets.time_windows import bins_of_window, expect_window
from neuroalign.errors import DatasetError, NeuroalignError, UsageError

STARTS, ENDS = [0, 70, 170], [70, 170, 270]


def write(path, *, starts=STARTS, ends=ENDS, region=("V4", "IT", "IT"), animal=("a", "a", "b"), **attrs):
    """Write responses that are 1, 10 and 100 in the first three bins, times the number of the stimulus."""
    stimuli = np.arange(1.0, 7)
    values = stimuli[:, None, None] * np.ones((6, 3, 1)) * 10.0 ** np.arange(len(starts))
    array = xr.DataArray(
        values,
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", list("abcdef")),
            "repetition": ("presentation", [0] * 6),
            "neuroid_id": ("neuroid", ["x", "y", "z"]),
            "region": ("neuroid", list(region)),
            "animal": ("neuroid", list(animal)),
            "time_bin_start": ("time_bin", starts, attrs),
            "time_bin_end": ("time_bin", ends, attrs),
        },
        name="data",
    )
    array.to_dataset().to_netcdf(path, engine="h5netcdf")
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "x.nc")


@pytest.mark.parametrize(
    ("window", "value"),
    [
        ((70, 170), 10.0),
        ((0, 170), (70 * 1 + 100 * 10) / 170),
        ((70, 270), 55.0),
        ((0, 270), (70 + 1000 + 10_000) / 270),
    ],
)
def test_bins_are_weighted_by_their_length(file, window, value):
    imported = import_dataset("d", responses=file, window=window)
    np.testing.assert_allclose(imported.responses.values[:, 0], value * np.arange(1, 7), rtol=1e-14)
    assert imported.metadata["window_ms"] == list(window)
    averaged = [
        note for note in imported.metadata["notes"] if "were averaged, weighted by their length" in note
    ]
    assert bool(averaged) == (window != (70, 170))


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ((100, 400), r"no bin of .*x\.nc starts at 100 ms; bins start at 0, 70, 170 ms"),
        ((60, 180), r"no bin of .*x\.nc starts at 60 ms"),
        ((70, 250), r"no bin of .*x\.nc ends at 250 ms; bins end at 70, 170, 270 ms"),
    ],
)
def test_a_window_off_the_edges_names_them(file, window, message):
    with pytest.raises(DatasetError, match=message):
        import_dataset("d", responses=file, window=window)


def test_a_trial_without_one_bin_is_missing(tmp_path):
    path = write(tmp_path / "x.nc")
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        spoilt = opened.load()
    spoilt["data"][0, 0, 1] = np.nan
    spoilt.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(
        DatasetError, match="1 of 3 neurons have no trial of some stimuli: neurons x; stimuli a"
    ):
        import_dataset("d", responses=path, window=(0, 170))
    assert import_dataset("d", responses=path, window=(170, 270)).responses.values[0, 0] == 100


@pytest.mark.parametrize(
    ("starts", "ends", "message"),
    [
        ([0, 50, 100], [100, 150, 200], "overlap between 50 and 100 ms"),
        ([0, 120, 200], [100, 200, 300], "leave a gap between 100 and 120 ms"),
        ([0, 70, 70], [70, 170, 170], "overlap between 70 and 170 ms"),
        ([0, 170, 70], [70, 170, 170], "a time bin that does not start before it ends"),
        ([1e6, 1e6 + 5], [1e6 + 10, 1e6 + 15], r"overlap between 1e\+06 and 1.00001e\+06 ms"),
    ],
)
def test_bins_must_cover_the_window_once(starts, ends, message):
    with pytest.raises(DatasetError, match=message):
        bins_of_window(starts, ends, (min(starts), max(ends)), "x")


def test_bins_come_in_the_order_of_time():
    assert bins_of_window([100, 0, 50], [150, 50, 100], (0, 150), "x").tolist() == [1, 2, 0]
    assert bins_of_window([0.1, 0.2], [0.1 + 0.1, 0.1 + 0.2], (0.1, 0.3), "x").tolist() == [0, 1]


@pytest.mark.parametrize("window", [(1,), (1, 2, 3), (2, 1), (1, 1), (0, np.inf), (np.nan, 1), "ab", 5])
def test_windows_are_two_numbers(window):
    with pytest.raises(UsageError, match="the window"):
        expect_window(window)


def test_a_window_that_cannot_be_followed_is_refused(tmp_path, dataset):
    from neuroalign.datasets.formats.assembly import write_brainio

    write_brainio(dataset, tmp_path / "x.nc")
    with pytest.raises(UsageError, match="does not give the times of its responses"):
        import_dataset("d", responses=tmp_path / "x.nc", window=(0, 100))


def test_units_of_time_are_milliseconds(tmp_path):
    array, _ = read_brainio(write(tmp_path / "x.nc", units="ms"))
    assert array["time_bin_start"].values.tolist() == STARTS
    with pytest.raises(DatasetError, match=r"time_bin_start of .* must be in milliseconds, got s$"):
        read_brainio(write(tmp_path / "y.nc", units="s"))


def test_packed_values_are_unpacked(file, tmp_path):
    with xr.open_dataset(file, engine="h5netcdf") as opened:
        spoilt = opened.load()
    spoilt["data"][0, 0, 1] = np.nan
    packed = {"data": {"dtype": "int16", "scale_factor": 0.25, "_FillValue": -99}}
    for engine, name in (("h5netcdf", "four.nc"), ("scipy", "three.nc")):
        spoilt.to_netcdf(tmp_path / name, engine=engine, encoding=packed)
        array, _ = read_brainio(tmp_path / name)
        assert np.isnan(array.values[0, 0, 1])
        assert array.values[1, 1].tolist() == [2, 20, 200]


# --- labels of neurons in the file


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            {"region": "IT"},
            "--region IT contradicts the responses: 1 of 3 neurons have the region V4 in the file",
        ),
        (
            {"animal": "c"},
            "--animal c contradicts the responses: 3 of 3 neurons have the animal a, b in the file",
        ),
    ],
)
def test_labels_in_the_file_are_not_overwritten(file, option, message):
    with pytest.raises(UsageError, match=message):
        import_dataset("d", responses=file, window=(0, 70), **option)


def test_labels_that_say_nothing_give_way(tmp_path):
    path = write(tmp_path / "x.nc", region=("unknown", "", "V4"), animal=("a", "a", "a"))
    imported = import_dataset("d", responses=path, window=(0, 70), region="V4", animal="A")
    assert imported.recording["region"].values.tolist() == ["V4"] * 3
    assert imported.recording["animal"].values.tolist() == ["A"] * 3


def test_a_table_that_contradicts_the_file_is_refused(tmp_path):
    import pandas as pd

    from neuroalign.errors import StimulusMismatchError

    path = write(tmp_path / "x.nc")
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        labelled = opened.load().assign_coords(size=("presentation", np.arange(6)))
    labelled.to_netcdf(path, engine="h5netcdf")
    table = pd.DataFrame({"stimulus_id": list("abcdef"), "size": [0, 1, 2, 3, 5, 4]})
    with pytest.raises(
        StimulusMismatchError,
        match=r"column size .* contradicts .* for 2 stimuli \(e: 5, in the file 4\)",
    ):
        import_dataset("d", responses=path, window=(0, 70), stimuli=table)
    table["size"] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert import_dataset("d", responses=path, window=(0, 70), stimuli=table).stimuli.table["size"]["e"] == 4


def test_stimuli_without_an_id_are_refused(file):
    with xr.open_dataset(file, engine="h5netcdf") as opened:
        spoilt = opened.load()
    ids = spoilt["stimulus_id"].values.astype(object)
    ids[2] = ""
    spoilt = spoilt.assign_coords(stimulus_id=("presentation", ids.astype(str)))
    spoilt.to_netcdf(file, engine="h5netcdf")
    with pytest.raises(NeuroalignError, match="stimulus_id must not be empty; entry 2 is") as caught:
        import_dataset("d", responses=file, window=(0, 70))
    assert "\n" not in str(caught.value)
