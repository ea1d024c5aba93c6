"""HDF5 files that lead outside themselves, claim more than they store, or are damaged, in all readers alike."""

import fcntl
import os
import shutil
import time

import h5py
import numpy as np
import pytest
import xarray as xr

import neuroalign
from neuroalign.datasets.folder import write_folder
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import NeuroalignError
from neuroalign.files import judging
from neuroalign.files.hdf5 import open_hdf5, read_values
from neuroalign.files.judging import expect_sound
from neuroalign.files.netcdf_reading import open_netcdf, read_netcdf
from neuroalign.files.sums import SUMS, append_sum
from neuroalign.models.latents_file import read_latents
from neuroalign.testing import make_dataset

from .sound_files import write_sound_files

SECRET = 96


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    return folder, write_sound_files(folder, with_tables=False)


@pytest.fixture
def files(sound, tmp_path):
    folder, files = sound
    shutil.copytree(folder, tmp_path / "sound")
    (tmp_path / "secret").write_bytes(np.arange(SECRET / 8).tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.arange(12.0)
    return {
        kind: (action, tmp_path / "sound" / path.relative_to(folder))
        for kind, (action, path) in files.items()
    }


def external_storage(file, tmp_path):
    file.create_dataset("out", (12,), "f8", external=[(str(tmp_path / "secret"), 0, SECRET)])


def external_link(file, tmp_path):
    file["out"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")


def deep_external_link(file, tmp_path):
    file["deep/down/out"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")


def virtual_dataset(file, tmp_path):
    layout = h5py.VirtualLayout((12,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (12,))
    file.create_virtual_dataset("out", layout)


def soft_loop(file, tmp_path):
    file["out"] = h5py.SoftLink("/back")
    file["back"] = h5py.SoftLink("/out")


def huge(file, tmp_path):
    file.create_dataset("out", (1 << 40,), "f8", chunks=(1 << 16,))


HOSTILE = {
    external_storage: "is in another file, which is never opened",
    external_link: "is in another file, which is never opened",
    deep_external_link: "/deep/down/out is in another file, which is never opened",
    virtual_dataset: "is in another file, which is never opened",
    soft_loop: "is a link that leads to itself",
    huge: "claims 8,796,093,022,208 bytes, and stores 0",
}


def read_by_importing(path):
    import_dataset("d", responses=path, window="50,150" if path.suffix == ".nwb" else None)


@pytest.mark.parametrize("spoil", HOSTILE, ids=lambda spoil: spoil.__name__)
def test_the_check_refuses_a_file_that_leads_outside(files, tmp_path, spoil):
    path = files["plain.h5"][1]
    expect_sound(path)
    with h5py.File(path, "r+") as file:
        spoil(file, tmp_path)
    with pytest.raises(ValueError, match=HOSTILE[spoil]):
        open_hdf5(path)


@pytest.mark.parametrize(
    ("kind", "read", "refusal"),
    [
        ("seven.mat", read_by_importing, NeuroalignError),
        ("brainio.nc", read_by_importing, NeuroalignError),
        ("session.nwb", read_by_importing, NeuroalignError),
        ("latents", read_latents, ValueError),
        ("arrays of a record", read_netcdf, ValueError),
    ],
)
def test_all_readers_refuse_alike(files, tmp_path, kind, read, refusal):
    path = files[kind][1]
    with h5py.File(path, "r+") as file:
        external_storage(file, tmp_path)
    if kind == "latents":
        append_sum(path)
    with pytest.raises(refusal, match="/out is in another file, which is never opened") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_values_of_another_file_are_never_a_recording(tmp_path):
    (tmp_path / "secret").write_bytes(b"root:x:0:0:root:" * 100)
    write_folder(make_dataset(n_stimuli=12, n_neurons=5, n_factors=2, images=False), tmp_path / "d")
    path = tmp_path / "d" / "recording.nc"
    (tmp_path / "d" / SUMS).unlink()
    with h5py.File(path, "r+") as file:
        shape, attributes = file["recording"].shape, dict(file["recording"].attrs)
        del file["recording"]
        node = file.create_dataset(
            "recording", shape, "f8", external=[(str(tmp_path / "secret"), 0, 8 * int(np.prod(shape)))]
        )
        for name in ("DIMENSION_LIST", "_Netcdf4Coordinates"):
            node.attrs.create(name, attributes[name], dtype=getattr(attributes[name], "dtype", None))
    with pytest.raises(NeuroalignError, match="/recording is in another file, which is never opened"):
        neuroalign.load_dataset(tmp_path / "d")


def test_soft_links_inside_a_file_stay_usable(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["near"], file["nowhere"] = (
            np.arange(3.0),
            h5py.SoftLink("/a"),
            h5py.SoftLink("/missing"),
        )
    with open_hdf5(tmp_path / "x.h5") as file:
        assert read_values(file["near"]).tolist() == [0, 1, 2]


def test_a_file_that_hdf5_reads_without_end(tmp_path, monkeypatch):
    """The first object of the heap of texts has the size 0, so that HDF5 looks for the second in the same place."""
    path = tmp_path / "x.nc"
    xr.Dataset({"x": ("n", np.arange(4.0))}, coords={"n": list("abcd")}).to_netcdf(path, engine="h5netcdf")
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    endless = None
    for position in range(heap + 16, heap + 400):
        content_now = bytearray(content)
        content_now[position : position + 16] = b"\xff" * 16
        path.write_bytes(content_now)
        monkeypatch.setattr(judging, "PATIENCE", 0.5)
        try:
            expect_sound(path)
        except ValueError as error:
            endless = str(error)
            break
    assert endless == "reading it does not end, so that it is damaged"
    started = time.monotonic()
    with pytest.raises(ValueError, match="does not end"):
        read_netcdf(path)
    assert time.monotonic() - started < 1, "the judgement is kept"


def test_objects_behind_a_damaged_one_are_judged(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["a"] = np.arange(3.0)
        place = h5py.h5o.get_info(file["a"].id).addr
        file.create_group("g")["out"] = h5py.ExternalLink("/etc/passwd", "/")
    content = bytearray(path.read_bytes())
    content[place + 10] ^= 255
    path.write_bytes(content)
    with h5py.File(path) as file, pytest.raises(Exception, match="checksum"):
        file["a"]
    with pytest.raises(ValueError, match="/g/out is in another file"):
        expect_sound(path)


def test_a_file_is_judged_again_after_a_change(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(3.0)
    expect_sound(path)
    with h5py.File(path, "r+") as file:
        file["out"] = h5py.ExternalLink("/etc/passwd", "/")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match="/out is in another file"):
        expect_sound(path)


def test_values_larger_than_the_memory(tmp_path, monkeypatch):
    import psutil

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", data=np.zeros((10_000, 1000)), compression="gzip")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 10**7})())
    with (
        open_hdf5(tmp_path / "x.h5") as file,
        pytest.raises(NeuroalignError, match=r"/a of x\.h5 takes 0\.1 GB, and 0\.0 GB of memory are free"),
    ):
        read_values(file["a"])


def test_files_are_opened_without_locks(tmp_path):
    path = tmp_path / "x.nc"
    xr.Dataset({"x": ("n", np.arange(4.0))}).to_netcdf(path, engine="h5netcdf")
    with path.open("rb") as file:
        # Another holds the lock, as on a disk with locks that hang.
        fcntl.flock(file, fcntl.LOCK_EX)
        with open_netcdf(path) as opened:
            assert opened["x"].values.tolist() == [0, 1, 2, 3]


def test_a_file_that_the_user_has_open_with_locks(tmp_path):
    path = tmp_path / "x.nc"
    xr.Dataset({"x": ("n", np.arange(4.0))}).to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf") as theirs:
        assert read_netcdf(path)["x"].values.tolist() == theirs["x"].values.tolist()


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(ValueError, match="it is not a regular file"):
        open_hdf5(tmp_path / "pipe.h5")
