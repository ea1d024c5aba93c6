import tracemalloc
import zipfile

import numpy as np
import pytest

from neuroalign.datasets.formats.numpy_files import read_npy, read_npz
from neuroalign.errors import ArchiveError, DatasetError, UnknownNameError

MATRIX = np.arange(12.0).reshape(3, 4)


def test_npy(tmp_path):
    np.save(tmp_path / "x.npy", MATRIX)
    np.testing.assert_array_equal(read_npy(tmp_path / "x.npy").values, MATRIX)


def test_npz_by_name_or_alone(tmp_path):
    np.savez(tmp_path / "one.npz", r=MATRIX)
    np.testing.assert_array_equal(read_npz(tmp_path / "one.npz").values, MATRIX)
    np.savez_compressed(tmp_path / "two.npz", r=MATRIX, s=MATRIX.T)
    np.testing.assert_array_equal(read_npz(tmp_path / "two.npz", "s").values, MATRIX.T)
    with pytest.raises(DatasetError, match=r"r \(3 × 4\), s \(4 × 3\); choose one with --variable"):
        read_npz(tmp_path / "two.npz")
    with pytest.raises(UnknownNameError, match="there are: r, s"):
        read_npz(tmp_path / "two.npz", "zzz")


class Bomb:
    def __reduce__(self):
        return (print, ("a pickle was loaded",))


def test_pickles_are_never_loaded(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="cannot read the NumPy file"):
        read_npy(tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", bad=np.array([Bomb()], dtype=object))
    with pytest.raises(DatasetError, match="holds no array of numbers"):
        read_npz(tmp_path / "x.npz")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("values", [MATRIX.astype(complex), MATRIX.astype(str)])
def test_only_real_numbers(tmp_path, values):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DatasetError, match=f"must hold real numbers, got {values.dtype}"):
        read_npy(tmp_path / "x.npy")


def test_damaged_files(tmp_path):
    np.save(tmp_path / "x.npy", MATRIX)
    content = (tmp_path / "x.npy").read_bytes()
    for damaged in (content[:40], content[:-8], b"\x93NUMPY\x09\x00rubbish", content[:16] + b"\xff" * 64):
        (tmp_path / "bad.npy").write_bytes(damaged)
        with pytest.raises(DatasetError, match="cannot read the NumPy file"):
            read_npy(tmp_path / "bad.npy")
    (tmp_path / "bad.npz").write_bytes(b"PK\x05\x06")
    with pytest.raises(ArchiveError, match="cannot read the archive"):
        read_npz(tmp_path / "bad.npz")


def test_other_arrays_of_an_archive_stay_on_disk(tmp_path):
    values = np.arange(600.0).reshape(20, 30)
    images = np.random.default_rng(0).integers(0, 256, (500, 100, 100), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", responses=values, images=images, names=np.array(["a", "b"]))
    tracemalloc.start()
    array = read_npz(tmp_path / "x.npz", "responses")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(array.values, values)
    assert peak < images.nbytes / 2
    with pytest.raises(DatasetError, match=r"responses \(20 × 30\), images \(500 × 100 × 100\); choose"):
        read_npz(tmp_path / "x.npz")


def test_headers_of_all_versions_are_read(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    for version in ((1, 0), (2, 0), (3, 0)):
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive, archive.open("r.npy", "w") as file:
            np.lib.format.write_array(file, values, version=version)
        np.testing.assert_array_equal(read_npz(tmp_path / "x.npz").values, values)
