from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

from neuroalign.datasets.formats.matlab import read_matlab
from neuroalign.datasets.importing.importer import import_dataset
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
    result = read_matlab(save(tmp_path / "x.mat", response=CUBE))
    assert result.values.shape == (2, 3, 4)
    np.testing.assert_array_equal(result.values, CUBE)
    assert result.drops_trailing_ones


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
    with pytest.raises(DatasetError, match=r"cannot read the (MATLAB|HDF5) file"):
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
    if not Path(folder, "testhdf5_7.4_GLNX86.mat").is_file():
        pytest.skip("SciPy is installed without its test data")
    cube = read_matlab(Path(folder, "test3dmatrix_7.4_GLNX86.mat")).values
    np.testing.assert_array_equal(cube, files["test3dmatrix_7.4_GLNX86.mat"])
    row = read_matlab(Path(folder, "testhdf5_7.4_GLNX86.mat")).values
    np.testing.assert_allclose(row, np.arange(9)[None] * np.pi / 4)


# --- variables of other classes


def cells(*contents):
    made = np.empty((1, len(contents)), dtype=object)
    for index, content in enumerate(contents):
        made[0, index] = content
    return made


def opaque(file, name, matlab_class):
    """Write as MATLAB writes an object: numbers that point into a part of the file that only MATLAB understands."""
    node = file.create_dataset(name, data=np.array([[3707764736], [2], [1], [1], [1], [1]], dtype="u4"))
    node.attrs["MATLAB_class"] = np.bytes_(matlab_class)
    node.attrs["MATLAB_object_decode"] = np.int32(3)


def cell_array(file, name, *contents):
    references = file.require_group("#refs#")
    node = file.create_dataset(name, (len(contents), 1), dtype=h5py.ref_dtype)
    for index, content in enumerate(contents):
        held = references.create_dataset(f"{name}{index}", data=content)
        held.attrs["MATLAB_class"] = np.bytes_("double")
        node[index, 0] = held.ref
    node.attrs["MATLAB_class"] = np.bytes_("cell")


def refusal(path, variable=None):
    with pytest.raises(DatasetError) as caught:
        read_matlab(path, variable)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), path.name)


ADVICE = "responses must be a numeric or logical array (stimuli, neurons and repetitions along its axes)"


def asks(name, content, noun="a cell array of 1 × 6"):
    """The question of a reader that finds cells and no array."""
    holds = f"x.mat holds cells: {name} ({noun}), the first cell with {content} numbers; "
    if "1" not in content.split(" × "):
        return (
            f"{holds}give --cells arrays, and name in --axes the axis of the cells, then the axes of the array in each "
            "cell"
        )
    return (
        f"{holds}say with --cells how to read each cell: trials (one response for each repetition), spike-times (of "
        "one trial) or arrays, or give --format matlab-spikes for spike times of a whole session"
    )


def test_cells_need_an_option(tmp_path):
    path = save_v5(tmp_path / "x.mat", resp=cells(*[np.ones((3 + index % 3, 12)) for index in range(6)]))
    assert refusal(path) == refusal(path, "resp") == asks("resp", "3 × 12")
    path = save_v5(tmp_path / "y.mat", resp=cells(np.ones((3, 4))), order=CUBE[0])
    message = "y.mat holds several arrays: order (3 × 4), resp (a cell array of 1 × 1); choose one with --variable NAME"
    assert refusal(path) == message
    np.testing.assert_array_equal(read_matlab(path, "order").values, CUBE[0])


def test_text_beside_an_array_is_ignored_and_named(tmp_path):
    path = save_v5(tmp_path / "x.mat", resp=CUBE[0], names=cells("a", "b"), title="am", rate=30.0)
    result = read_matlab(path)
    np.testing.assert_array_equal(result.values, CUBE[0])
    assert result.note == (
        "Responses are the variable resp (3 × 4) of x.mat; other variables: rate (1 × 1), "
        "names (a cell array of 1 × 2, text), title (text)."
    )
    assert read_matlab(path, "resp").note == "Responses are the variable resp (3 × 4) of x.mat."


def test_structure_arrays_need_an_option_and_complex_numbers_are_never_read(tmp_path):
    units = np.zeros((1, 2), dtype=[("id", "O"), ("resp", "O")])
    units[0, :] = [("u0", CUBE[0]), ("u1", CUBE[1])]
    path = save_v5(tmp_path / "x.mat", units=units)
    assert refusal(path) == asks("units.resp", "3 × 4", "a field of a structure array of 1 × 2")
    path = save_v5(tmp_path / "y.mat", spectrum=CUBE[0] * 1j, resp=CUBE[0])
    assert "resp (3 × 4), spectrum (complex numbers of 3 × 4); choose one with --variable" in refusal(path)


def test_objects_and_functions_that_matlab_itself_wrote():
    folder = Path(pytest.importorskip("scipy.io.matlab").__path__[0]) / "tests" / "data"
    if not (folder / "testobject_7.4_GLNX86.mat").is_file():
        pytest.skip("SciPy is installed without its test data")
    path = folder / "testobject_7.4_GLNX86.mat"
    assert (
        refusal(path)
        == f"{path.name} holds no array of numbers: testobject (an object of class inline); {ADVICE}"
    )
    path = folder / "testfunc_7.4_GLNX86.mat"
    assert refusal(path) == f"{path.name} holds no array of numbers: testfunc (a function handle)"
    path = folder / "testcomplex_7.4_GLNX86.mat"
    assert "testcomplex (complex numbers of 1 × 9)" in refusal(path)
    sparse = read_matlab(folder / "testsparse_7.4_GLNX86.mat").values
    np.testing.assert_array_equal(sparse, [[1, 2, 3, 4, 5], [2, 0, 0, 0, 0], [3, 0, 0, 0, 0]])


def test_objects_of_version_7_3_are_never_read(tmp_path):
    path = save_hdf5(tmp_path / "table.mat")
    with h5py.File(path, "r+") as file:
        opaque(file, "T", "table")
    assert refusal(path) == f"table.mat holds no array of numbers: T (an object of class table); {ADVICE}"
    path = save_hdf5(tmp_path / "both.mat", resp=CUBE[0])
    with h5py.File(path, "r+") as file:
        opaque(file, "names", "string")
    assert read_matlab(path).note == (
        "Responses are the variable resp (3 × 4) of both.mat; other variables: names (an object of class string)."
    )
    with h5py.File(path, "r+") as file:
        opaque(file, "T", "table")
    assert "resp (3 × 4), T (an object of class table); choose one with --variable" in refusal(path)


def test_cells_of_version_7_3_need_an_option(tmp_path):
    path = save_hdf5(tmp_path / "x.mat")
    with h5py.File(path, "r+") as file:
        cell_array(file, "resp", CUBE[0], CUBE[1])
        opaque(file, "names", "string")
    assert refusal(path) == asks("resp", "4 × 3", "a cell array of 1 × 2")


def test_structure_arrays_and_complex_numbers_of_version_7_3_need_a_choice(tmp_path):
    path = save_hdf5(tmp_path / "x.mat", resp=CUBE[0])
    with h5py.File(path, "r+") as file:
        units = file.create_group("units")
        units.attrs["MATLAB_class"] = np.bytes_("struct")
        cell_array(file, "held", CUBE[0], CUBE[1])
        file.move("held", "units/resp")
        del file["units/resp"].attrs["MATLAB_class"]
        spectrum = file.create_dataset("spectrum", (4, 3), dtype=[("real", "f8"), ("imag", "f8")])
        spectrum.attrs["MATLAB_class"] = np.bytes_("double")
        handle = file.create_group("f")
        handle.attrs["MATLAB_class"] = np.bytes_("function_handle")
        handle["inside"] = CUBE
    message = refusal(path)
    assert "spectrum (complex numbers of 3 × 4)" in message
    assert "units.resp (a field of a structure array of 1 × 2)" in message
    assert "inside" not in message
    np.testing.assert_array_equal(read_matlab(path, "resp").values, CUBE[0])
    assert refusal(path, "f") == f"f of x.mat is a function handle; {ADVICE}"


def test_sparse_matrices_of_version_7_3(tmp_path):
    full = np.where(CUBE[1] % 3 == 0, CUBE[1], 0)
    matrix = scipy.sparse.csc_array(full)
    path = save_hdf5(tmp_path / "x.mat")
    with h5py.File(path, "r+") as file:
        group = file.create_group("resp")
        group.attrs["MATLAB_class"] = np.bytes_("double")
        group.attrs["MATLAB_sparse"] = np.uint64(full.shape[0])
        group["data"], group["ir"], group["jc"] = (
            matrix.data,
            matrix.indices.astype("u8"),
            matrix.indptr.astype("u8"),
        )
    np.testing.assert_array_equal(read_matlab(path).values, full)
    with h5py.File(path, "r+") as file:
        file["resp"].attrs["MATLAB_sparse"] = np.uint64(1 << 40)
    assert "which is too large as a full matrix" in refusal(path)
    with h5py.File(path, "r+") as file:
        file["resp"].attrs["MATLAB_sparse"] = np.uint64(1)
    assert refusal(path).startswith("cannot read the MATLAB file x.mat")


def test_values_in_other_files_are_never_read(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(96))
    path = save_hdf5(tmp_path / "x.mat")
    with h5py.File(path, "r+") as file:
        node = file.create_dataset("resp", (4, 3), "f8", external=[(str(tmp_path / "secret"), 0, 96)])
        node.attrs["MATLAB_class"] = np.bytes_("double")
    assert "/resp is in another file, which is never opened" in refusal(path)


def test_hdf5_that_matlab_did_not_write_has_no_order_of_axes(tmp_path):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["resp"] = np.arange(16.0).reshape(4, 4)
    assert refusal(tmp_path / "x.mat") == (
        "MATLAB did not write x.mat, so it does not say in which order its axes are; give --format hdf5, and --axes "
        "in the order in which h5py shows the array (h5read of MATLAB and Julia shows the reverse)"
    )


def test_a_last_axis_of_one_is_named(tmp_path):
    path = save_v5(tmp_path / "x.mat", r=CUBE[0])
    result = import_dataset("d", responses=path, axes="neuroid,stimulus,repetition")
    assert result.responses.values.tolist() == CUBE[0].T.tolist()
    assert result.metadata["notes"] == [
        "Stimulus ids are their position, numbered from 0.",
        "Responses are the variable r (3 × 4) of x.mat.",
        f"{path} holds 3 × 4; MATLAB leaves out last axes of length one, so the length of repetition is taken as one.",
    ]
