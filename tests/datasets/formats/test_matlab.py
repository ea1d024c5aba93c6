import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from neuroalign.datasets.formats.matlab import read_matlab
from neuroalign.errors import DatasetError, UnknownNameError

CUBE = np.arange(24.0).reshape(2, 3, 4)


def save_hdf5(path, **variables):
    """Write as MATLAB's save -v7.3 does: 512 bytes in front, the last axis first, the class named."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in variables.items():
            values = np.asarray(values)
            node = file.create_dataset(name, data=values.T)
            node.attrs["MATLAB_class"] = np.bytes_("double" if values.dtype.kind == "f" else "uint8")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM")
    return path


def save_v5(path, **variables):
    scipy.io.savemat(path, variables)
    return path


@pytest.fixture(params=[save_v5, save_hdf5], ids=["v5", "v7.3"])
def save(request):
    return request.param


def test_axes_are_in_the_order_of_matlab(save, tmp_path):
    found = read_matlab(save(tmp_path / "x.mat", response=CUBE))
    assert found.values.shape == (2, 3, 4)
    np.testing.assert_array_equal(found.values, CUBE)
    assert found.drops_trailing_ones


def test_variables_are_chosen_by_name(save, tmp_path):
    path = save(tmp_path / "x.mat", a=CUBE, b=CUBE[0] + 100)
    np.testing.assert_array_equal(read_matlab(path, "b").values, CUBE[0] + 100)
    with pytest.raises(DatasetError, match=r"a \(2 × 3 × 4\), b \(3 × 4\); choose one with --variable"):
        read_matlab(path)
    with pytest.raises(UnknownNameError, match=r"no array in x\.mat is called 'aa'; did you mean a"):
        read_matlab(path, "aa")


def test_scalars_and_vectors_do_not_hide_the_one_matrix(save, tmp_path):
    path = save(tmp_path / "x.mat", rate=np.array([[30.0]]), times=np.arange(5.0)[None], response=CUBE[0])
    np.testing.assert_array_equal(read_matlab(path).values, CUBE[0])


def test_fields_of_structures(tmp_path):
    scipy.io.savemat(tmp_path / "s.mat", {"data": {"resp": CUBE, "name": "am"}})
    np.testing.assert_array_equal(read_matlab(tmp_path / "s.mat", "data.resp").values, CUBE)
    with h5py.File(tmp_path / "h.mat", "w") as file:
        group = file.create_group("data")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        group["resp"] = CUBE.T
        group["resp"].attrs["MATLAB_class"] = np.bytes_("double")
    np.testing.assert_array_equal(read_matlab(tmp_path / "h.mat", "data.resp").values, CUBE)


def test_sparse_matrices(tmp_path):
    scipy.io.savemat(tmp_path / "s.mat", {"x": scipy.sparse.csc_array(CUBE[0])})
    np.testing.assert_array_equal(read_matlab(tmp_path / "s.mat").values, CUBE[0])


def test_text_is_no_array(tmp_path):
    scipy.io.savemat(tmp_path / "t.mat", {"names": np.array(["ab", "cd"])})
    with pytest.raises(DatasetError, match="holds no array of numbers"):
        read_matlab(tmp_path / "t.mat")


def test_empty_arrays_keep_their_shape(tmp_path):
    with h5py.File(tmp_path / "e.mat", "w") as file:
        node = file.create_dataset("x", data=np.array([0, 5], dtype=np.uint64))
        node.attrs["MATLAB_empty"] = np.uint8(1)
        node.attrs["MATLAB_class"] = np.bytes_("double")
    assert read_matlab(tmp_path / "e.mat").values.shape == (0, 5)


@pytest.mark.parametrize(
    "content", [b"", b"MATLAB 5.0 MAT-file".ljust(200, b"\x01"), b"\x89HDF\r\n\x1a\n rubbish"]
)
def test_damaged_files(tmp_path, content):
    (tmp_path / "bad.mat").write_bytes(content)
    with pytest.raises(DatasetError, match="cannot read the (MATLAB|HDF5) file"):
        read_matlab(tmp_path / "bad.mat")


def test_truncated_files(save, tmp_path):
    path = save(tmp_path / "x.mat", response=np.random.default_rng(0).random((50, 60)))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(DatasetError, match="cannot read the MATLAB file"):
        read_matlab(path)


def test_files_that_matlab_itself_wrote():
    folder = pytest.importorskip("scipy.io.matlab").__path__[0] + "/tests/data"
    files = {
        "test3dmatrix_7.4_GLNX86.mat": np.arange(1, 25).reshape(4, 3, 2).T,
        "testmatrix_4.2c_SOL2.mat": np.arange(1.0, 6) * np.eye(3, 5, 0, dtype=float)[:, :5],
        "testhdf5_7.4_GLNX86.mat": np.arange(0, np.pi / 4 * 9, np.pi / 4)[None, :9],
    }
    from pathlib import Path

    if not Path(folder, "testhdf5_7.4_GLNX86.mat").is_file():
        pytest.skip("SciPy is installed without its test data")
    cube = read_matlab(Path(folder, "test3dmatrix_7.4_GLNX86.mat")).values
    np.testing.assert_array_equal(cube, files["test3dmatrix_7.4_GLNX86.mat"])
    row = read_matlab(Path(folder, "testhdf5_7.4_GLNX86.mat")).values
    np.testing.assert_allclose(row, np.arange(9)[None] * np.pi / 4)
