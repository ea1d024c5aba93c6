"""Readers of netCDF-4 files, sound and damaged."""

import pickle

import h5py
import numpy as np
import pytest
import xarray as xr

from neuroalign.files.netcdf_reading import open_netcdf, read_arrays, read_netcdf


@pytest.fixture
def dataset():
    return xr.Dataset(
        {
            "values": (("stimulus", "unit"), np.arange(6.0).reshape(3, 2)),
            "counts": ("unit", np.array([4, 7])),
            "informative": ("unit", np.array([True, False])),
        },
        coords={"stimulus": ["a", "b", "é"]},
        attrs={"source": "simulated"},
    )


@pytest.fixture
def path(dataset, tmp_path):
    path = tmp_path / "arrays.nc"
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


def test_a_file_comes_back_whole(dataset, path):
    loaded = read_netcdf(path)
    xr.testing.assert_identical(loaded, dataset)
    # The file is closed and may be removed; the numbers stay.
    path.unlink()
    assert float(loaded["values"].sum()) == 15.0


def test_values_are_read_on_use(dataset, path):
    with open_netcdf(path) as opened:
        xr.testing.assert_identical(opened.load(), dataset)


def test_the_readers_agree_with_xarray(tmp_path):
    path = tmp_path / "arrays.nc"
    rng = np.random.default_rng(0)
    responses = rng.normal(size=(4, 3, 2))
    responses[1, 2, 0] = np.nan
    xr.Dataset(
        {
            "responses": (
                ("stimulus", "neuroid", "time_bin"),
                responses,
                {"units": "spikes/s", "window": [70, 170]},
            ),
            "few": (
                ("stimulus", "neuroid"),
                rng.normal(size=(4, 3)).astype(np.float32),
                {"one": np.array([3])},
            ),
            "packed": ("stimulus", np.array([0.5, np.nan, 2.0, 0.0])),
            "texts": ("repetition", np.array(["", "ü", "long text"] * 2, dtype=object)),
            "number": 7.5,
            "word": "ok",
            "empty": ("nothing", np.zeros(0)),
        },
        coords={
            "stimulus": ["a", "b", "é", "d"],
            "category": ("stimulus", ["x", "y", "x", "y"], {"note": ""}),
            "time_bin": [0, 1],
            "start": ("time_bin", [0.0, 10.0]),
            "trial": (("neuroid", "repetition"), np.arange(18).reshape(3, 6)),
            "is_good": ("neuroid", [True, False, True]),
        },
        attrs={"title": "simulated", "labels": ["a", "b"], "seed": 3, "share": 0.25},
    ).to_netcdf(
        path,
        engine="h5netcdf",
        encoding={
            "responses": {"zlib": True, "complevel": 4, "shuffle": True},
            "packed": {"dtype": "int16", "scale_factor": 0.5, "add_offset": 1.0, "_FillValue": -1},
        },
    )
    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as opened:
        expected = opened.load()
    with open_netcdf(path) as lazy:
        read = [read_netcdf(path), lazy, pickle.loads(pickle.dumps(lazy))]  # noqa: S301
        for dataset in read:
            xr.testing.assert_identical(dataset, expected)
            assert list(dataset.data_vars) == list(expected.data_vars)
            for name in expected.variables:
                assert dataset[name].dtype == expected[name].dtype
                assert repr(dataset[name].attrs) == repr(expected[name].attrs)
            assert repr(dataset.attrs) == repr(expected.attrs)
            xr.testing.assert_identical(
                dataset["responses"][[2, 0], :, 1].load(), expected["responses"][[2, 0], :, 1]
            )


def test_variables_without_names_of_their_dimensions_are_refused(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.zeros((2, 3))
    for read in (read_netcdf, read_arrays, open_netcdf):
        with pytest.raises(ValueError, match=r"^the variable 'values' has no names for its 2 dimensions$"):
            read(path)


def test_fast_reading_gives_the_numbers_and_texts(dataset, path):
    fast = read_arrays(path)
    for name in ("values", "counts", "stimulus"):
        assert fast[name].dims == dataset[name].dims
        np.testing.assert_array_equal(fast[name].values, dataset[name].values)
    np.testing.assert_array_equal(fast["informative"].values, [1, 0])
    assert set(fast.variables) == {"values", "counts", "informative", "stimulus"}
    assert fast.attrs == {}


@pytest.mark.parametrize("read", [read_netcdf, read_arrays, open_netcdf])
def test_missing_and_damaged_files(read, path, tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.nc")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"\w"):
        read(path)
