"""Sound files of many formats, which the batteries damage."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.io
import xarray as xr
from PIL import Image

import neuroalign.studies
from neuroalign.datasets.folder import write_folder
from neuroalign.files.sums import SUMS
from neuroalign.model_zoo.beta_vae import BetaVAERecipe
from neuroalign.model_zoo.fitted.topk import SparseAutoencoder
from neuroalign.model_zoo.training.weights_file import write_trained
from neuroalign.models.latents_file import save_latents
from neuroalign.results.store import ResultsStore, score_key
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
    (folder / "dataset" / SUMS).unlink()  # the readers must see the damaged files
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
    table.to_csv(folder / "table.tsv", index=False, sep="\t")
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
        "table.tsv",
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

    names = [f"s{row:03d}" for row in range(N_STIMULI)]
    (folder / "stimuli of responses.csv").write_text(
        "stimulus_id,tier\n" + "".join(f"{s},train\n" for s in names)
    )
    files["stimuli"] = ("stimuli", folder / "stimuli of responses.csv")
    (folder / "neurons.csv").write_text(
        "neuroid_id,region\n" + "".join(f"n{n},IT\n" for n in range(N_NEURONS))
    )
    files["neurons"] = ("neurons", folder / "neurons.csv")
    points = "".join(f"{name},1.5,2,6,2.5,4,7\n" for name in names)
    (folder / "landmarks.csv").write_text(
        f"stimulus_id,left_x,left_y,right_x,right_y,chin_x,chin_y\n{points}"
    )
    files["landmarks"] = ("landmarks", folder / "landmarks.csv")
    stack = rng.integers(0, 255, (N_STIMULI, 8, 9), dtype=np.uint8)
    np.save(folder / "stack.npy", stack)
    files["stack"] = ("images", folder / "stack.npy")
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for name, pixels in zip(names, stack, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, format="PNG")
            archive.writestr(f"{name}.png", buffer.getvalue())
    files["images.zip"] = ("images", folder / "images.zip")
    np.save(folder / "latents.npy", values)
    (folder / "latents.txt").write_text("".join(f"{name}\n" for name in names))
    files["latents.npy"] = ("latents of a user", folder / "latents.npy")
    files["ids of latents"] = ("latents of a user", folder / "latents.txt")
    files |= write_exchanged(folder)

    pixels = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    for kind in ("png", "jpeg", "bmp", "tiff", "gif", "webp", "ppm"):
        pixels.save(folder / f"image.{kind}")
        files[f"image.{kind}"] = ("image", folder / f"image.{kind}")
    return files


def write_exchanged(folder: Path) -> dict[str, tuple[str, Path]]:
    """Write a record of another laboratory, an archive of it, and TOML files."""
    score = make_score(
        model="m[seed=0]",
        dataset="d",
        benchmark="b",
        per_neuron={"a": 0.5, "b": 0.75},
        provenance={"dataset_hash": "d" * 64, "latents_hash": "1" * 64, "simulated": True, "join": "exact"},
    )
    key = score_key(
        model=score.model,
        family=score.family,
        identity="1" * 64,
        decoder=None,
        dataset="d",
        dataset_hash="d" * 64,
        benchmark="b",
        benchmark_version=1,
        options={},
        join="exact",
    )
    store = ResultsStore(folder / "theirs")
    store.save(key, score)
    record = store.folder / key[:2] / f"{key}.json"
    with zipfile.ZipFile(folder / "theirs.zip", "w") as archive:
        archive.write(record, record.name)
        archive.write(record.with_suffix(".nc"), f"{key}.nc")
    # Without their sums, so that changed values reach the other checks.
    content = json.loads(record.read_text())
    del content["arrays_sha256"], content["content_sha256"]
    record.write_text(json.dumps(content))
    (folder / "board.toml").write_text('datasets = ["AM-faces-sim"]\ntitle = "a board"\n')
    (folder / "grid.toml").write_text("[beta_vae.mine]\nbeta = [1, 4]\nseed = [0, 1]\nsteps = 10\n")
    study = Path(neuroalign.studies.__file__).with_name("higgins2020.toml").read_bytes()
    (folder / "study.toml").write_bytes(study)
    return {
        "their record": ("results", record),
        "their arrays": ("results", record.with_suffix(".nc")),
        "theirs.zip": ("results", folder / "theirs.zip"),
        "study.toml": ("study", folder / "study.toml"),
        "board.toml": ("board", folder / "board.toml"),
        "grid.toml": ("grid", folder / "grid.toml"),
    }


def write_weights(folder: Path) -> dict[str, tuple[str, Path]]:
    """Write files of weights, for which torch is needed."""
    import torch
    from safetensors.torch import save_file

    state = {"conv.weight": torch.arange(60.0).reshape(4, 3, 5), "conv.bias": torch.zeros(4)}
    save_file(state, folder / "net.safetensors")
    torch.save({"state_dict": state, "epoch": 3}, folder / "net.pth")
    torch.save(state, folder / "old.pt", _use_new_zipfile_serialization=False)
    recipe = BetaVAERecipe(beta=4, seed=0)
    record = {
        "family": recipe.family,
        "architecture": "tiny",
        "stimulus_set": {"name": "toy", "content_hash": "0" * 64, "n_images": 3},
    }
    trained = write_trained(folder / "trained", recipe, {"weight": np.full(3, 0.5, np.float32)}, record)
    arrays = {name: np.ones(3, np.float32) for name in ("mean", "encoder", "bias", "decoder", "offset")}
    autoencoder = SparseAutoencoder(k=2, scale=np.ones(1, np.float32), numbers={"loss": 0.5}, **arrays)
    autoencoder.save(folder / "sae.safetensors")
    return {
        "net.safetensors": ("weights", folder / "net.safetensors"),
        "net.pth": ("weights", folder / "net.pth"),
        "old.pt": ("weights", folder / "old.pt"),
        "trained weights": ("trained", trained.path),
        "record of training": ("trained", trained.path.with_suffix(".json")),
        "sae.safetensors": ("autoencoder", folder / "sae.safetensors"),
    }


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
