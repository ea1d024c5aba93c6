"""Files that no reader takes are named, with the lines of code that convert them."""

import gzip
import pickle
import zipfile

import h5py
import joblib
import numpy as np
import pandas as pd
import pytest
import torch

from neuroalign.cli import main
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.formats.unknown_files import explain_unknown
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import DatasetError

NIFTI = bytes(344) + b"n+1\x00" + bytes(100)
CONTENTS = {
    "x.pkl": (pickle.dumps({"a": 1}), "a Python pickle, which is never loaded", "pickle.load"),
    "x.nii": (NIFTI, r"a NIfTI image \(.nii\)", "nibabel.load"),
    "x.nii.gz": (gzip.compress(NIFTI), r"a NIfTI image \(.nii\)", "nibabel.load"),
    "x.gii": (b'<?xml version="1.0"?><!DOCTYPE GIFTI><GIFTI>', "a GIfTI surface file", "darrays"),
    "x.rds": (gzip.compress(b"X\n\x00\x00\x00\x03"), r"an R object \(.rds\)", "readRDS"),
    "x.RData": (gzip.compress(b"RDX3\nX\n"), r"an R workspace \(.RData\)", "load"),
    "x.nev": (b"NEURALEV" + bytes(50), "a Blackrock file of events", "spike times of each unit"),
    "x.ns5": (b"NEURALCD" + bytes(50), "a Blackrock file of signals", "spike times of each unit"),
    "x.plx": (b"PLEX" + bytes(50), "a Plexon file", "spike times of each unit"),
    "x.nex": (b"NEX1" + bytes(50), "a NeuroExplorer file", "spike times of each unit"),
    "x.fif": (b"\x00\x00\x00\x64\x00\x00\x00\x1f" + bytes(50), "an MNE file", "mne.Epochs"),
    "x.edf": (b"0       " + b"x" * 300, "a recording in EDF", "mne.Epochs"),
    "x.tif": (b"II*\x00" + bytes(50), "a TIFF image", "--images"),
    "x.sav": (b"$FL2@(#)" + bytes(50), "an SPSS file", "read_spss"),
    "y.sav": (b"SR\x00\x04" + bytes(50), "an IDL file", "readsav"),
    "x.csv.gz": (gzip.compress(b"1,2\n3,4\n"), "a file packed with gzip", "gunzip"),
    "x.json": (b"[[1, 2], [3, 4]]", "a JSON file", "json.load"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_the_message_names_the_type_and_the_code(tmp_path, nothing_is_left, name):
    content, kind, code = CONTENTS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=kind) as caught:
        import_dataset("d", responses=tmp_path / name, axes="neuroid,stimulus")
    assert code in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "FILE" not in str(caught.value)
    assert nothing_is_left()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".joblib", ".h5ad"])
def test_files_of_programs(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    if suffix == ".joblib":
        joblib.dump({"a": np.zeros(3)}, path)
    elif suffix == ".h5ad":
        with h5py.File(path, "w") as file:
            file.attrs["encoding-type"] = "anndata"
            file["X"] = np.zeros((3, 4))
    else:
        torch.save(torch.zeros(3), path)
    kind = {".joblib": "a joblib file", ".h5ad": "an AnnData file"}.get(suffix, "a PyTorch file")
    with pytest.raises(DatasetError, match=kind):
        import_dataset("d", responses=path, axes="neuroid,stimulus")


def test_the_code_for_a_torch_file_works(tmp_path, monkeypatch):
    torch.save(torch.arange(6.0).reshape(2, 3), tmp_path / "x.pt")
    text = explain_unknown(tmp_path / "x.pt")
    monkeypatch.chdir(tmp_path)
    exec(text.split("not read here: ")[1])
    assert np.load(tmp_path / "responses.npy").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_the_code_for_suite2p_takes_cells_only(tmp_path, monkeypatch):
    folder = tmp_path / "suite2p" / "plane0"
    folder.mkdir(parents=True)
    spikes = np.arange(40.0).reshape(4, 10)
    for name in ("F", "spks"):
        np.save(folder / f"{name}.npy", spikes)
    np.save(folder / "iscell.npy", np.array([[1, 0.9], [0, 0.1], [1, 0.8], [1, 0.7]]))
    (folder / "stat.npy").write_bytes(b"never loaded")
    for given in (folder, folder.parent):
        with pytest.raises(DatasetError, match="the output of suite2p") as caught:
            import_dataset("d", responses=given, axes="neuroid,stimulus")
    text = str(caught.value)
    code = text[text.index("import numpy") : text.index("; then run: ")]
    monkeypatch.chdir(tmp_path)
    exec(code, {"onsets": [0, 5], "n": 3})
    np.testing.assert_array_equal(np.load("responses.npy"), [[1, 21, 31], [6, 26, 36]])
    pd.DataFrame({"stimulus_id": ["a", "b"]}).to_csv("stimuli.csv", index=False)
    command = text[text.index("neuroalign data add") : text.index(" (its column")].split()
    with pytest.raises(SystemExit) as stopped:
        main(command[1:])
    assert not stopped.value.code
    dataset = load_dataset("NAME")
    assert not dataset.averaged
    np.testing.assert_array_equal(dataset.recording.values, [[1, 21, 31], [6, 26, 36]])


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ([".zgroup"], "a Zarr store"),
        (["run_g0_t0.imec0.ap.bin"], "SpikeGLX"),
        (["settings.xml"], "Open Ephys"),
        (["a.png"], "a folder of images"),
    ],
)
def test_folders(tmp_path, files, kind):
    (tmp_path / "x").mkdir()
    for name in files:
        (tmp_path / "x" / name).touch()
    with pytest.raises(DatasetError, match=kind):
        import_dataset("d", responses=tmp_path / "x")


def test_other_files_stay_unknown(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    (tmp_path / "x.bin").write_bytes(b"rubbish")
    assert explain_unknown(tmp_path / "x.zip") is None
    assert explain_unknown(tmp_path / "x.bin") is None


def test_a_table_of_spikes_is_not_a_matrix(tmp_path):
    (tmp_path / "x.csv").write_text("Channel,Unit,Timestamp\n1,1,0.5\n1,2,0.7\n")
    with pytest.raises(DatasetError, match="looks like a table of spikes, as Plexon exports it"):
        import_dataset("d", responses=tmp_path / "x.csv", axes="stimulus,neuroid", format="csv")
