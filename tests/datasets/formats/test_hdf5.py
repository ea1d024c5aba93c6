"""Plain HDF5 does not name the order of its axes, so the user states one."""

import h5py
import numpy as np
import pytest

from neuroalign.datasets.formats.hdf5 import read_hdf5, writer_of
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError, UsageError

SQUARE = np.random.default_rng(1).random((4, 4))


@pytest.fixture(params=["x.h5", "x.hdf5", "x.mat"])
def file(request, tmp_path):
    with h5py.File(tmp_path / request.param, "w") as opened:
        opened["responses"] = SQUARE
    return tmp_path / request.param


def test_an_order_is_never_assumed(file):
    message = r"is plain HDF5, which does not say in which order its axes are; give --format hdf5, and --axes in the o"
    with pytest.raises(DatasetError, match=message):
        import_dataset("d", responses=file, axes="stimulus,neuroid")
    with pytest.raises(DatasetError, match="MATLAB did not write"):
        import_dataset("d", responses=file, axes="stimulus,neuroid", format="matlab")
    with pytest.raises(UsageError, match=r"is 4 × 4: name its axes, for example --axes"):
        import_dataset("d", responses=file, format="hdf5")


@pytest.mark.parametrize(("axes", "expected"), [("stimulus,neuroid", SQUARE), ("neuroid,stimulus", SQUARE.T)])
def test_a_stated_order_is_that_of_h5py(file, axes, expected):
    imported = import_dataset("d", responses=file, axes=axes, format="hdf5")
    np.testing.assert_array_equal(imported.responses.values, expected)
    assert imported.metadata["notes"][1] == (
        f"Responses are the variable responses (4 × 4) of {file.name}, with its axes in the order in which h5py "
        "shows them."
    )


def test_groups_text_and_other_arrays(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["session/spikes"] = SQUARE
        file["session/names"] = ["a", "b"]
    assert "other variables: session.names (text)" in read_hdf5(tmp_path / "x.h5").note
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["lfp"] = SQUARE.astype(complex)
    with pytest.raises(
        DatasetError, match=r"session\.spikes \(4 × 4\), lfp \(complex128\); choose one with --variable"
    ):
        read_hdf5(tmp_path / "x.h5")
    np.testing.assert_array_equal(read_hdf5(tmp_path / "x.h5", "session.spikes").values, SQUARE)


def test_the_writer_is_told_from_its_marks(tmp_path, dataset):
    from neuroalign.datasets.formats.assembly import write_brainio

    write_brainio(dataset, tmp_path / "x.nc")
    assert writer_of(tmp_path / "x.nc") == "netcdf"
    with h5py.File(tmp_path / "m.mat", "w") as file:
        file["r"] = SQUARE
        file["r"].attrs["MATLAB_class"] = np.bytes_("double")
    assert writer_of(tmp_path / "m.mat") == "matlab"


def test_damaged_files(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    for read in (writer_of, read_hdf5):
        with pytest.raises(DatasetError, match="cannot read the HDF5 file"):
            read(tmp_path / "x.h5")
