"""Memory that an import needs beyond the array of responses and beyond one image."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuroalign.arrays import blocks
from neuroalign.arrays.blocks import convert, forget_pages, select
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.files import digests, netcdf

BENCH = Path(__file__).parents[2] / "performance"


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 128 kB, so that an array of 5 MB has many."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 17)
    monkeypatch.setattr(netcdf, "_BLOCK_BYTES", 1 << 17)
    monkeypatch.setattr(netcdf, "_MOST_COPIED", 0)
    monkeypatch.setattr(digests, "_BLOCK_BYTES", 1 << 17)


def peak_beside(n_bytes, call):
    """Return the largest memory during a call, as a multiple of the size of the array."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / n_bytes
    finally:
        tracemalloc.stop()


def counts(shape, dtype="float32"):
    return np.resize(np.random.default_rng(0).poisson(4, 99_991).astype(dtype), shape)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npy", "neurons first", "int16", "trials", "hdf5", "drop"])
def test_an_import_needs_its_array_once(tmp_path, small_blocks, kind):
    path, options = tmp_path / "x.npy", {"axes": "stimulus,neuroid"}
    values = counts((800, 1500))
    n_bytes = values.nbytes
    # Files that are mapped count for nothing here: the array in memory is the one that is loaded at the end.
    if kind == "neurons first":
        values, options = values.T.copy(), {"axes": "neuroid,stimulus"}
    elif kind == "int16":
        values, n_bytes = values.astype(np.int16), values.size * 8
    elif kind == "trials":
        values, options = values.reshape(200, 1500, 4), {"axes": "stimulus,neuroid,repetition"}
        values[::5, :, 1:] = np.nan
    elif kind == "drop":
        values[:, 7] = 3
        options["drop"] = ["constant-neuroids"]
    if kind == "hdf5":
        path, options = tmp_path / "x.h5", {"axes": "neuroid,stimulus,repetition", "format": "hdf5"}
        values = values.reshape(1500, 200, 4)
        values[:, ::5, 1:] = np.nan
        with h5py.File(path, "w") as file:
            file["r"] = values
    else:
        np.save(path, values)
    np.save(tmp_path / "small.npy", counts((3, 4)))
    import_dataset("first", responses=tmp_path / "small.npy", axes="neuroid,stimulus")  # imports modules
    assert peak_beside(n_bytes, lambda: import_dataset("d", responses=path, **options)) < 1.5


def test_the_values_do_not_depend_on_the_blocks(tmp_path, monkeypatch):
    values = counts((40, 60, 3))
    values[::7, :, 1:] = np.nan
    values[:, 5] = 3
    np.save(tmp_path / "x.npy", values)
    given = {
        "responses": tmp_path / "x.npy",
        "axes": "stimulus,neuroid,repetition",
        "drop": ["constant-neuroids"],
    }
    whole = import_dataset("d", **given)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
    monkeypatch.setattr(netcdf, "_BLOCK_BYTES", 100)
    monkeypatch.setattr(netcdf, "_MOST_COPIED", 0)
    monkeypatch.setattr(digests, "_BLOCK_BYTES", 100)
    blockwise = import_dataset("d", force=True, **given)
    assert blockwise.content_hash == whole.content_hash
    np.testing.assert_array_equal(blockwise.responses.values, whole.responses.values)
    assert blockwise.metadata["notes"] == whole.metadata["notes"]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("writeable", [True, False])
def test_selections_in_place(monkeypatch, axis, order, writeable):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    values = np.asarray(np.random.default_rng(0).random((17, 13, 2)), order=order)
    keep = np.random.default_rng(1).random(values.shape[axis]) < 0.6
    expected = np.compress(keep, values, axis=axis)
    given = values.copy(order="K")
    given.flags.writeable = writeable
    kept = select(given, keep, axis)
    np.testing.assert_array_equal(kept, expected)
    assert np.shares_memory(kept, given) is writeable
    if not writeable:
        np.testing.assert_array_equal(given, values)
    np.testing.assert_array_equal(convert(given, np.float32), given.astype(np.float32))


def test_pages_of_a_mapped_file_are_read_again(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(100_000))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    before = mapped[::7].sum()
    forget_pages(mapped.reshape(100, 1000).T)
    assert mapped[::7].sum() == before


def peak_megabytes(megabytes, case):
    """Return the peak memory of an import in a process of its own."""
    done = subprocess.run(
        [sys.executable, BENCH / "bench_import_memory.py", str(megabytes), case],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-2])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["npy-neurons-first", "hdf5-trials"])
def test_400_megabytes_need_less_than_1400(case):
    assert peak_megabytes(400, case) < 1400


@pytest.mark.slow
@pytest.mark.parametrize("case", ["images", "zipped-images"])
def test_7_000_more_images_need_less_than_100_megabytes_more(case):
    # The comparison of coarse pictures needs 60 MB, and the images in memory would take 56 MB more.
    assert peak_megabytes(64, case) - peak_megabytes(8, case) < 100
