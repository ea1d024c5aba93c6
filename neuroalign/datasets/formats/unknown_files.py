"""Names of files that no reader takes, with the lines of code that convert them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from neuroalign.datasets.formats.reader import names_in_zip
from neuroalign.files.hdf5 import open_hdf5

#: Number of bytes at the start of a file, or of its unpacked content, that are looked at.
_START = 512
_SAVE = "numpy.save('responses.npy', x)"
_EVENTS = (
    "save the spike times of each unit and the onsets of the stimuli in NWB (neo and pynwb, or spikeinterface), or "
    "count the spikes of each presentation yourself and give a matrix"
)
_MRI = (
    "take the voxels of a mask as a matrix: import nibabel, numpy; "
    "x = nibabel.load(FILE).get_fdata(dtype='float32')[nibabel.load(MASK).get_fdata() > 0]; "
    f"{_SAVE} (voxels × volumes, one beta for each stimulus), and give --axes neuroid,stimulus"
)
_EEG = (
    "epoch and average it: import mne, numpy; e = mne.Epochs(raw, events, tmin=0.1, tmax=0.4); "
    f"x = e.get_data().mean(axis=2); {_SAVE} (trials × channels), and give --axes stimulus,neuroid --trials"
)
_PICKLE = (
    "which is never loaded, because it can run any code; if you trust it: import {module}, numpy; "
    "x = numpy.asarray({load}); " + _SAVE
)
_TORCH = (
    "a PyTorch file",
    "which is not read here: import torch, numpy; x = torch.load(FILE, weights_only=True).numpy(); " + _SAVE,
)

#: First bytes of files, their names, and the way to a file that neuroalign reads.
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"NEURALEV", "a Blackrock file of events (.nev)", _EVENTS),
    (b"BREVENTS", "a Blackrock file of events (.nev)", _EVENTS),
    (b"NEURALSG", "a Blackrock file of signals (.nsx)", _EVENTS),
    (b"NEURALCD", "a Blackrock file of signals (.nsx)", _EVENTS),
    (b"BRSMPGRP", "a Blackrock file of signals (.nsx)", _EVENTS),
    (b"PLEX", "a Plexon file (.plx)", _EVENTS),
    (b"NEX1", "a NeuroExplorer file (.nex)", _EVENTS),
    (b"NEX5", "a NeuroExplorer file (.nex5)", _EVENTS),
    (b"######## Neuralynx", "a Neuralynx file", _EVENTS),
    (b"\x00\x00\x00\x64\x00\x00\x00\x1f", "an MNE file (.fif)", _EEG),
    (b"\xffBIOSEMI", "a recording in BDF", _EEG),
    (b"0       ", "a recording in EDF", _EEG),
    (b"Brain Vision Data Exchange", "a header of BrainVision", _EEG),
    (b"II*\x00", "a TIFF image", ""),
    (b"MM\x00*", "a TIFF image", ""),
    (b"II+\x00", "a TIFF image", ""),
    (b"\x89PNG", "an image", ""),
    (b"\xff\xd8\xff", "an image", ""),
    (b"$FL2", "an SPSS file (.sav)", "import pandas; pandas.read_spss(FILE).to_parquet('responses.parquet')"),
    (
        b"$FL3",
        "an SPSS file (.zsav)",
        "import pandas; pandas.read_spss(FILE).to_parquet('responses.parquet')",
    ),
    (b"SR\x00", "an IDL file (.sav)", f"import scipy.io, numpy; x = scipy.io.readsav(FILE)['NAME']; {_SAVE}"),
    (
        b"<stata_dta>",
        "a Stata file",
        "import pandas; pandas.read_stata(FILE).to_parquet('responses.parquet')",
    ),
    (b"RDX", "an R workspace (.RData)", ""),
    (b"SQLite format 3", "an SQLite database", "export the matrix as CSV"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"%PDF", "a PDF document", "give the file with the numbers"),
)
_R = (
    "in R: x <- readRDS(FILE) (or load(FILE)); write.csv(x, 'responses.csv'), or "
    "arrow::write_parquet(as.data.frame(x), 'responses.parquet')"
)
_IMAGES = "give images as --images, and the responses as --responses"


def explain_unknown(path: Path) -> str | None:
    """Return the rest of a sentence "FILE is …" on a file that no reader takes; None if it is of an unknown type.

    Parameters
    ----------
    path : Path
        An existing file or folder.

    Returns
    -------
    str or None
        Name of the type and the lines of code that convert it, with semicolons in between.
    """
    answer = _of_folder(path) if path.is_dir() else _of_file(path)
    if answer is None:
        return None
    name, advice = answer
    if not path.is_dir():
        advice = advice.replace("FILE", repr(str(path)))
    return f"{name}: {advice}" if not advice.startswith("which") else f"{name}, {advice}"


def _of_folder(path: Path) -> tuple[str, str] | None:
    files = {file.name for file in path.iterdir()}
    for look in (_suite2p, _zarr, _probe, _open_ephys, _calcium):
        answer = look(path, files)
        if answer is not None:
            return answer
    return None


def _suite2p(path: Path, files: set[str]) -> tuple[str, str] | None:
    inside = path / "plane0"
    if not {"F.npy", "iscell.npy"} <= files and (inside / "iscell.npy").is_file():
        path, files = inside, {file.name for file in inside.iterdir()}
    if not {"F.npy", "iscell.npy"} <= files:
        return None
    return (
        f"the output of suite2p ({path}), with traces of frames and not responses to stimuli",
        "average the frames of each stimulus, of cells only, where onsets has the frame of each presentation and n the "
        "frames of a response: import numpy; "
        f"s = numpy.load('{path / 'spks.npy'}')[numpy.load('{path / 'iscell.npy'}')[:, 0] > 0]; "
        "x = numpy.stack([s[:, f:f + n].mean(axis=1) for f in onsets]); "
        f"{_SAVE}; then run: neuroalign data add NAME --responses responses.npy --axes stimulus,neuroid --trials "
        "--stimuli stimuli.csv (its column stimulus_id has the stimulus of each presentation)",
    )


def _zarr(path: Path, files: set[str]) -> tuple[str, str] | None:
    if not {".zarray", ".zgroup", "zarr.json", ".zmetadata"} & files:
        return None
    return (
        "a Zarr store",
        f"import zarr, numpy; x = numpy.asarray(zarr.open({str(path)!r}, mode='r')) (zarr.open(…)['NAME'] for an array "
        f"in a group); {_SAVE}",
    )


def _probe(path: Path, files: set[str]) -> tuple[str, str] | None:
    if not any(name.endswith((".ap.bin", ".lf.bin", ".ap.meta", ".lf.meta", ".ap.cbin")) for name in files):
        return None
    return (
        "a recording of SpikeGLX without sorted spikes",
        "sort its spikes, for example with Kilosort, and give the folder with spike_times.npy",
    )


def _open_ephys(path: Path, files: set[str]) -> tuple[str, str] | None:
    if not {"settings.xml", "structure.oebin"} & files and not any(
        name.endswith(".continuous") for name in files
    ):
        return None
    return (
        "a recording of Open Ephys without sorted spikes",
        "sort its spikes, for example with Kilosort, and give the folder with spike_times.npy",
    )


def _calcium(path: Path, files: set[str]) -> tuple[str, str] | None:
    if not any(name.lower().endswith((".png", ".jpg", ".jpeg", ".tif", ".tiff")) for name in files):
        return None
    return "a folder of images", _IMAGES


def _of_file(path: Path) -> tuple[str, str] | None:
    with path.open("rb") as file:
        start = file.read(_START)
    packed = start.startswith(b"\x1f\x8b")
    content = _unpacked(path) if packed else start
    for look in (_nifti, _r_file, _hdf5_kind, _zip_kind, _pickle, _text):
        answer = look(path, content)
        if answer is not None:
            return answer
    if packed:
        return "a file packed with gzip", "unpack it (gunzip FILE)"
    if start.startswith(b"PAR1"):
        return None
    for magic, name, advice in _MAGIC:
        if start.startswith(magic) and not (name.endswith("EDF") and b"\n" in start[:256]):
            return name, advice or (_R if "R workspace" in name else _IMAGES)
    return None


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(_START)
    except (OSError, EOFError, zlib.error):
        return b""


def _nifti(path: Path, content: bytes) -> tuple[str, str] | None:
    if content[344:348] in (b"n+1\x00", b"ni1\x00") or content[4:8] in (b"n+2\x00", b"ni2\x00"):
        return "a NIfTI image (.nii)", _MRI
    return None


def _r_file(path: Path, content: bytes) -> tuple[str, str] | None:
    if content[:2] in (b"X\n", b"A\n") and path.suffix.lower() in (".rds", ""):
        return "an R object (.rds)", _R
    if content.startswith((b"RDX", b"RDA")):
        return "an R workspace (.RData)", _R
    return None


def _hdf5_kind(path: Path, content: bytes) -> tuple[str, str] | None:
    if not content.startswith(b"\x89HDF"):
        return None
    try:
        with open_hdf5(path) as file:
            kind = file.attrs.get("encoding-type", b"")
    except Exception:  # the library raises nearly anything on a damaged file
        return None
    if (kind.decode() if isinstance(kind, bytes) else kind) != "anndata":
        return None
    return (
        "an AnnData file (.h5ad)",
        "import anndata; a = anndata.read_h5ad(FILE); a.to_df().to_parquet('responses.parquet'); "
        "a.var.to_csv('columns.csv')",
    )


def _zip_kind(path: Path, content: bytes) -> tuple[str, str] | None:
    names = names_in_zip(path)
    if any(name.endswith("data.pkl") for name in names):
        return _TORCH
    if any(name.endswith((".zarray", "zarr.json")) for name in names):
        return _zarr(path, {".zarray"})
    return None


def _pickle(path: Path, content: bytes) -> tuple[str, str] | None:
    if not (content[:1] == b"\x80" and content[1:2] in b"\x02\x03\x04\x05"):
        return None
    if path.suffix.lower() in (".pt", ".pth"):
        return _TORCH
    if path.suffix.lower() == ".joblib":
        return "a joblib file", _PICKLE.format(module="joblib", load="joblib.load(FILE)")
    return "a Python pickle", _PICKLE.format(module="pickle", load="pickle.load(open(FILE, 'rb'))")


def _text(path: Path, content: bytes) -> tuple[str, str] | None:
    if b"<GIFTI" in content:
        return (
            "a GIfTI surface file (.gii)",
            "import nibabel, numpy; x = numpy.stack([d.data for d in nibabel.load(FILE).darrays]); "
            f"{_SAVE} (maps × vertices), and give --axes stimulus,neuroid",
        )
    if content.lstrip()[:1] in (b"{", b"[") and path.suffix.lower() == ".json":
        return "a JSON file", f"import json, numpy; x = numpy.array(json.load(open(FILE))); {_SAVE}"
    return None
