"""Readers of netCDF-4 files, sound and damaged."""

import numpy as np
import pytest
import xarray as xr

from neuroalign.files.netcdf import open_netcdf, read_arrays, read_netcdf


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
