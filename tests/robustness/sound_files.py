"""Sound files of many formats, which the batteries damage."""

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.io
import xarray as xr
from PIL import Image

from neuroalign.datasets.folder import write_folder
from neuroalign.models.latents_file import save_latents
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_dataset, make_score

N_STIMULI, N_NEURONS = 12, 5


def write_sound_files(folder: Path, *, with_tables: bool = True) -> dict[str, tuple[str, Path]]:
    """Write one sound file of each kind, and return how it is read and its path, by kind.

    Without tables, which need slow imports, there is no Parquet and no Excel.
    """
    rng = np.random.default_rng(0)
    values = rng.normal(size=(N_STIMULI, N_NEURONS))
    dataset = make_dataset(
        n_stimuli=N_STIMULI, n_neurons=N_NEURONS, n_factors=2, n_repetitions=2, image_size=8
    )
    write_folder(dataset, folder / "dataset")
    files = {
        "recording": ("recording", folder / "dataset" / "recording.nc"),
        "dataset.toml": ("folder", folder / "dataset" / "dataset.toml"),
        "stimuli.csv": ("folder", folder / "dataset" / "stimuli.csv"),
    }
    latents = xr.DataArray(
        values,
        dims=("stimulus", "unit"),
        coords={
            "stimulus": [f"s{row:03d}" for row in range(N_STIMULI)],
            "unit": [f"u{column}" for column in range(N_NEURONS)],
            "informative": ("unit", np.ones(N_NEURONS, dtype=bool)),
        },
    )
    save_latents(folder / "latents.nc", latents)
    files["latents"] = ("latents", folder / "latents.nc")
    store = ResultsStore(folder / "results")
    store.save("ab" * 32, make_score(per_neuron={f"n{n}": n / 10 for n in range(N_NEURONS)}))
    files["record"] = ("record", store.folder / "ab" / f"{'ab' * 32}.json")
    files["arrays of a record"] = ("arrays", store.folder / "ab" / f"{'ab' * 32}.nc")

    scipy.io.savemat(folder / "five.mat", {"resp": values})
    scipy.io.savemat(folder / "packed.mat", {"resp": values, "s": {"a": "text"}}, do_compression=True)
    np.save(folder / "resp.npy", values)
    np.savez_compressed(folder / "resp.npz", resp=values)
    np.savetxt(folder / "resp.csv", values, delimiter=",")
    table = pd.DataFrame(values, columns=[f"n{n}" for n in range(N_NEURONS)])
    table.insert(0, "stimulus_id", [f"s{row:03d}" for row in range(N_STIMULI)])
    table.to_csv(folder / "table.csv", index=False)
    if with_tables:
        table.to_parquet(folder / "table.parquet")
        table.to_excel(folder / "table.xlsx", index=False)
    table.melt("stimulus_id", var_name="neuroid_id", value_name="response").to_csv(
        folder / "tidy.csv", index=False
    )
    _write_mat73(folder / "seven.mat", values)
    with h5py.File(folder / "plain.h5", "w") as file:
        file.create_dataset("a/resp", data=values, chunks=(4, 2), compression="gzip", fletcher32=True)
        file["names"] = [f"n{n}" for n in range(N_NEURONS)]
    _write_nwb(folder / "session.nwb", rng)
    array = dataset.recording
    array.to_dataset(name="data").assign_attrs(identifier="x").to_netcdf(
        folder / "brainio.nc", engine="h5netcdf"
    )
    array.to_dataset(name="data").astype("f8").to_netcdf(folder / "classic.nc", engine="scipy")
    for name in (
        "five.mat",
        "packed.mat",
        "seven.mat",
        "resp.npy",
        "resp.npz",
        "resp.csv",
        "table.csv",
        "table.parquet",
        "table.xlsx",
        "tidy.csv",
        "plain.h5",
        "session.nwb",
        "brainio.nc",
        "classic.nc",
    ):
        if (folder / name).exists():
            files[name] = ("import", folder / name)

    pixels = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    for kind in ("png", "jpeg", "bmp", "tiff", "gif", "webp", "ppm"):
        pixels.save(folder / f"image.{kind}")
        files[f"image.{kind}"] = ("image", folder / f"image.{kind}")
    return files


def _write_mat73(path: Path, values: np.ndarray) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file["resp"] = values.T
        file["resp"].attrs["MATLAB_class"] = np.bytes_("double")
        held = file.create_group("#refs#")
        cells = file.create_dataset("names", (1, 4), dtype=h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for number in range(4):
            text = held.create_dataset(f"a{number}", data=np.full((3, 1), 97 + number, dtype="u2"))
            text.attrs["MATLAB_class"] = np.bytes_("char")
            cells[0, number] = text.ref
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def _write_nwb(path: Path, rng: np.random.Generator) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"], file.attrs["neurodata_type"] = "2.7.0", "NWBFile"
        units = file.create_group("units")
        units.attrs["neurodata_type"], units.attrs["colnames"] = "Units", ["spike_times"]
        units["id"] = np.arange(3)
        units["spike_times"] = np.sort(rng.uniform(0, 4, size=30))
        units["spike_times_index"] = np.array([10, 20, 30])
        trials = file.create_group("intervals/trials")
        trials.attrs["neurodata_type"], trials.attrs["colnames"] = (
            "TimeIntervals",
            ["start_time", "stop_time", "stimulus_name"],
        )
        trials["id"], trials["start_time"] = np.arange(4), np.arange(4.0)
        trials["stop_time"], trials["stimulus_name"] = np.arange(4.0) + 0.2, ["a", "b", "a", "b"]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Return content with a few bytes changed, copied, cut or repeated."""
    damaged = bytearray(content)
    n = len(damaged)
    kind = rng.integers(6)
    if kind == 0:
        for position in rng.integers(n, size=rng.integers(1, 9)):
            damaged[position] = rng.integers(256)
    elif kind == 1:
        for position in rng.integers(min(n, 4096), size=rng.integers(1, 30)):
            damaged[position] ^= 1 << rng.integers(8)
    elif kind == 2:
        del damaged[rng.integers(n) :]
    elif kind == 3:
        start, end, length = rng.integers(n), rng.integers(n), int(rng.integers(1, 64))
        damaged[start : start + length] = damaged[end : end + length]
    elif kind == 4:
        position = rng.integers(n)
        damaged[position : position + 8] = bytes(rng.choice([0, 255, 127, 128], size=8).tolist())
    else:
        position = int(rng.integers(n))
        damaged[position:position] = damaged[position : position + 32] * int(rng.integers(1, 50))
    return bytes(damaged)


def as_json(value: object) -> str:
    """Return a value as one line of JSON, for the pipe to the reading process."""
    return json.dumps(value)


def png_of_size(width: int, height: int) -> bytes:
    """Return a PNG file that claims a size, and has the pixels of a smaller one."""
    import struct
    import zlib

    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, format="PNG")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)
