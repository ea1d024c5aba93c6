"""Peak memory of an import: ``python tests/performance/bench_import_memory.py [MEGABYTES] [CASE...]``.

Each import runs in a process of its own, which reports the largest part of physical memory that it had, with the pages
of mapped files (``VmHWM`` of Linux, elsewhere ``ru_maxrss``). Files lie in a temporary folder (``TMPDIR``).
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from PIL import Image

Case = Callable[[Path, int], dict[str, object]]


def responses(shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """Return counts with a mean of 4 in the shape of a recording; a prime number of counts repeats, to save time."""
    return np.resize(_pool(dtype), shape)


@cache
def _pool(dtype: str) -> np.ndarray:
    return np.random.default_rng(0).poisson(4, 999_983).astype(dtype)


def shape_of(n_bytes: int, itemsize: int, *, repetitions: int = 1) -> tuple[int, ...]:
    """Return the numbers of stimuli and neurons, and of repetitions where there are several, of some bytes."""
    n_stimuli = int((n_bytes / itemsize / repetitions / 4) ** 0.5 * 4)
    n_neuroids = n_bytes // itemsize // repetitions // n_stimuli
    return (n_stimuli, n_neuroids) if repetitions == 1 else (n_stimuli, n_neuroids, repetitions)


def npy(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in float32, stimuli first."""
    np.save(folder / "x.npy", responses(shape_of(n_bytes, 4)))
    return {"responses": folder / "x.npy", "axes": "stimulus,neuroid"}


def npy_neurons_first(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in float32, neurons first."""
    np.save(folder / "x.npy", responses(shape_of(n_bytes, 4)).T.copy())
    return {"responses": folder / "x.npy", "axes": "neuroid,stimulus"}


def npy_float64(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in float64, stimuli first."""
    np.save(folder / "x.npy", responses(shape_of(n_bytes, 8), "float64"))
    return {"responses": folder / "x.npy", "axes": "stimulus,neuroid"}


def npy_int16(folder: Path, n_bytes: int) -> dict[str, object]:
    """Counts in int16, which become an array of `n_bytes` in float64."""
    np.save(folder / "x.npy", responses(shape_of(n_bytes, 8), "int16"))
    return {"responses": folder / "x.npy", "axes": "stimulus,neuroid"}


def npy_trials(folder: Path, n_bytes: int) -> dict[str, object]:
    """Single trials in float32, repetitions last, a fifth of them missing."""
    values = responses(shape_of(n_bytes, 4, repetitions=10))
    values[: len(values) // 2 : 5, :, 1:] = np.nan
    np.save(folder / "x.npy", values)
    return {"responses": folder / "x.npy", "axes": "stimulus,neuroid,repetition"}


def npz(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in float32 in a compressed archive."""
    np.savez_compressed(folder / "x.npz", r=responses(shape_of(n_bytes, 4)))
    return {"responses": folder / "x.npz", "axes": "stimulus,neuroid"}


def hdf5(folder: Path, n_bytes: int) -> dict[str, object]:
    """Single trials in float32 in compressed HDF5, neurons first, a fifth of them missing."""
    values = responses(shape_of(n_bytes, 4, repetitions=10)).transpose(1, 0, 2).copy()
    values[:, : values.shape[1] // 2 : 5, 1:] = np.nan
    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("r", data=values, compression="gzip", compression_opts=1)
    return {"responses": folder / "x.h5", "format": "hdf5", "axes": "neuroid,stimulus,repetition"}


def matlab(folder: Path, n_bytes: int) -> dict[str, object]:
    """Single trials in double in MATLAB 7.3: neurons × stimuli × repetitions in MATLAB."""
    with h5py.File(folder / "x.mat", "w", userblock_size=512) as file:
        stored = responses(shape_of(n_bytes, 8, repetitions=10), "float64").transpose(2, 0, 1)
        node = file.create_dataset("r", data=stored, compression="gzip", compression_opts=1)
        node.attrs["MATLAB_class"] = np.bytes_("double")
    with (folder / "x.mat").open("r+b") as opened:
        opened.write(b"MATLAB 7.3 MAT-file".ljust(512))
    return {"responses": folder / "x.mat", "axes": "neuroid,stimulus,repetition"}


def matlab_5(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in single in MATLAB 5."""
    from scipy.io import savemat

    savemat(folder / "x.mat", {"r": responses(shape_of(n_bytes, 4)).T}, do_compression=True)
    return {"responses": folder / "x.mat", "axes": "neuroid,stimulus"}


def brainio(folder: Path, n_bytes: int) -> dict[str, object]:
    """Single trials in float32 in a BrainIO file with two time bins."""
    n_presentations, n_neuroids = shape_of(n_bytes // 2, 4)
    array = xr.DataArray(
        responses((n_presentations, n_neuroids, 2)),
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", [f"s{row // 10}" for row in range(n_presentations)]),
            "repetition": ("presentation", np.arange(n_presentations) % 10),
            "neuroid_id": ("neuroid", [f"n{column}" for column in range(n_neuroids)]),
            "region": ("neuroid", ["IT"] * n_neuroids),
            "time_bin_start": ("time_bin", [70, 120]),
            "time_bin_end": ("time_bin", [120, 170]),
        },
        name="data",
    )
    array.to_netcdf(folder / "x.nc", engine="h5netcdf", encoding={"data": {"zlib": True, "complevel": 1}})
    return {"responses": folder / "x.nc", "window": (70, 170)}


def csv(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in a CSV with labels, which become an array of `n_bytes` in float64."""
    import pandas as pd

    values = responses(shape_of(n_bytes, 8), "float64") + 0.25
    frame = pd.DataFrame(values).rename(index=lambda row: f"s{row}", columns=lambda column: f"n{column}")
    frame.to_csv(folder / "x.csv")
    return {"responses": folder / "x.csv", "axes": "stimulus,neuroid"}


def images(folder: Path, n_bytes: int) -> dict[str, object]:
    """A folder of PNG files of 64 × 36 pixels, one for each 8 kB, and means of ten neurons."""
    _write_images(folder, n_bytes // 8000)
    np.save(folder / "x.npy", responses((n_bytes // 8000, 10)))
    return {"responses": folder / "x.npy", "axes": "stimulus,neuroid", "images": folder / "images"}


def zipped_images(folder: Path, n_bytes: int) -> dict[str, object]:
    """The files of `images` in a ZIP archive."""
    given = images(folder, n_bytes)
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for path in sorted((folder / "images").iterdir()):
            archive.write(path, path.name)
    return {**given, "images": folder / "images.zip"}


def npy_stack(folder: Path, n_bytes: int) -> dict[str, object]:
    """The pictures of `images` in one array of uint8."""
    np.save(folder / "stack.npy", _pictures(n_bytes // 8000))
    return _with_stack(folder, n_bytes, "stack.npy")


def npz_stack(folder: Path, n_bytes: int) -> dict[str, object]:
    """The pictures of `images` in one array of uint8 in a compressed archive."""
    np.savez_compressed(folder / "stack.npz", images=_pictures(n_bytes // 8000))
    return _with_stack(folder, n_bytes, "stack.npz")


def hdf5_stack(folder: Path, n_bytes: int) -> dict[str, object]:
    """The pictures of `images` in one array of uint8 in compressed HDF5."""
    with h5py.File(folder / "stack.h5", "w") as file:
        file.create_dataset("images", data=_pictures(n_bytes // 8000), compression="gzip", compression_opts=1)
    return {**_with_stack(folder, n_bytes, "stack.h5"), "image_axes": "image,height,width"}


def matlab_5_stack(folder: Path, n_bytes: int) -> dict[str, object]:
    """The pictures of `images` in one array of uint8 in MATLAB 5, height × width × images."""
    from scipy.io import savemat

    savemat(
        folder / "stack.mat", {"images": _pictures(n_bytes // 8000).transpose(1, 2, 0)}, do_compression=True
    )
    return _with_stack(folder, n_bytes, "stack.mat")


def nwb_series(folder: Path, n_bytes: int) -> dict[str, object]:
    """Spike counts of ten neurons in NWB, and the pictures of `images` as frames of an OpticalSeries."""
    n = n_bytes // 8000
    with h5py.File(folder / "x.nwb", "w") as file:
        given = _write_nwb(file, n)
        series = _nwb_object(file, "stimulus/presentation/pictures", "OpticalSeries")
        series.create_dataset("data", data=_pictures(n), chunks=(1, 36, 64), compression="gzip")
        series["timestamps"] = np.arange(n) + 0.25
    return given | {"responses": folder / "x.nwb"}


def nwb_images(folder: Path, n_bytes: int) -> dict[str, object]:
    """Spike counts of ten neurons in NWB, and the pictures of `images` as single GrayscaleImages."""
    n = n_bytes // 8000
    with h5py.File(folder / "x.nwb", "w") as file:
        given = _write_nwb(file, n)
        images = _nwb_object(file, "stimulus/templates/pictures", "Images")
        for number, pixels in enumerate(_pictures(n)):
            node = images.create_dataset(f"s{number:06d}", data=pixels)
            node.attrs["neurodata_type"], node.attrs["namespace"] = "GrayscaleImage", "core"
    return given | {"responses": folder / "x.nwb"}


def parquet(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in float64 in Parquet, with a column for each neuron."""
    import pandas as pd

    values = responses(shape_of(n_bytes, 8), "float64") + 0.25
    pd.DataFrame(values).rename(columns=lambda column: f"n{column}").to_parquet(folder / "x.parquet")
    return {"responses": folder / "x.parquet", "format": "table", "axes": "stimulus,neuroid"}


def tidy_csv(folder: Path, n_bytes: int) -> dict[str, object]:
    """Means in a CSV with a row for each neuron and stimulus, which become an array of `n_bytes` in float64."""
    n_stimuli, n_neuroids = shape_of(n_bytes, 8)
    values = responses((n_stimuli, n_neuroids), "float64") + 0.25
    with (folder / "x.csv").open("w") as file:
        file.write("neuron,stimulus,response\n")
        for stimulus, row in enumerate(values.tolist()):
            file.writelines(f"n{neuron},s{stimulus},{value}\n" for neuron, value in enumerate(row))
    return {"responses": folder / "x.csv", "format": "tidy"}


def sensorium(folder: Path, n_bytes: int) -> dict[str, object]:
    """A scan of Sensorium with one trial for each 8 kB, images of 64 × 36 pixels."""
    n_trials = n_bytes // 8000
    for name in ("data/images", "data/responses", "meta/trials", "meta/neurons"):
        (folder / "static" / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    for trial in range(n_trials):
        pixels = random.integers(0, 256, (1, 36, 64)).astype(np.float32)
        np.save(folder / f"static/data/images/{trial}.npy", pixels)
        np.save(folder / f"static/data/responses/{trial}.npy", responses((10,)) + random.random(10))
    np.save(folder / "static/meta/trials/tiers.npy", np.full(n_trials, "train"))
    np.save(folder / "static/meta/trials/frame_image_id.npy", np.arange(n_trials))
    return {"responses": folder / "static"}


CASES: dict[str, Case] = {
    "npy": npy,
    "npy-neurons-first": npy_neurons_first,
    "npy-float64": npy_float64,
    "npy-int16": npy_int16,
    "npy-trials": npy_trials,
    "npz": npz,
    "hdf5-trials": hdf5,
    "matlab-7.3-trials": matlab,
    "matlab-5": matlab_5,
    "brainio-trials": brainio,
    "csv": csv,
    "tidy-csv": tidy_csv,
    "parquet": parquet,
    "images": images,
    "zipped-images": zipped_images,
    "npy-stack": npy_stack,
    "npz-stack": npz_stack,
    "hdf5-stack": hdf5_stack,
    "matlab-5-stack": matlab_5_stack,
    "sensorium": sensorium,
    "nwb-series": nwb_series,
    "nwb-images": nwb_images,
}


def peak_bytes() -> int:
    """Return the most physical memory that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def import_case(given: dict[str, object]) -> tuple[int, float]:
    """Import in a process of its own; return the peak of its memory in bytes, and its seconds."""
    arguments = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from bench_import_memory import peak_bytes\n"
        "import neuroalign\n"
        f"neuroalign.import_dataset('bench', force=True, **{arguments!r})\n"
        "print(peak_bytes())\n"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return int(done.stdout), time.perf_counter() - start


def main() -> None:
    """Print a table of peaks."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    names = sys.argv[2:] or list(CASES)
    print(f"{'case':<20} {'array MB':>9} {'peak MB':>9} {'seconds':>8}", flush=True)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["NEUROALIGN_HOME"] = f"{folder}/home"
            peak, seconds = import_case(CASES[name](Path(folder), megabytes * 10**6))
            print(f"{name:<20} {megabytes:>9} {peak / 1e6:>9.0f} {seconds:>8.1f}", flush=True)


def _pictures(n: int) -> np.ndarray:
    """Return `n` different pictures of 64 × 36 pixels with grey levels."""
    return np.random.default_rng(0).integers(0, 256, (n, 36, 64), dtype=np.uint8)


def _write_images(folder: Path, n: int) -> None:
    (folder / "images").mkdir()
    for number, pixels in enumerate(_pictures(n)):
        Image.fromarray(pixels).save(folder / f"images/{number:06d}.png", compress_level=1)


def _nwb_object(file: h5py.File, path: str, kind: str) -> h5py.Group:
    group = file.create_group(path)
    group.attrs["neurodata_type"], group.attrs["namespace"] = kind, "core"
    return group


def _write_nwb(file: h5py.File, n: int) -> dict[str, object]:
    """Write `n` presentations, one each second, and the spikes of ten neurons; return options of the import."""
    file.attrs["neurodata_type"], file.attrs["nwb_version"] = "NWBFile", "2.6.0"
    units, trials = (
        _nwb_object(file, "units", "Units"),
        _nwb_object(file, "intervals/trials", "TimeIntervals"),
    )
    spikes = np.sort(np.random.default_rng(0).random((10, 20 * n)) * n, axis=1)
    units["id"], units["spike_times"] = np.arange(10), spikes.ravel()
    units["spike_times_index"] = np.arange(1, 11) * spikes.shape[1]
    trials.attrs["colnames"] = ["start_time", "picture"]
    trials["id"], trials["start_time"] = np.arange(n), np.arange(n) + 0.25
    trials["picture"] = [f"s{row:06d}" for row in range(n)]
    return {"intervals": "trials", "label": "picture", "window": (0, 500)}


def _with_stack(folder: Path, n_bytes: int, name: str) -> dict[str, object]:
    np.save(folder / "x.npy", responses((n_bytes // 8000, 10)))
    return {"responses": folder / "x.npy", "axes": "stimulus,neuroid", "images": folder / name}


if __name__ == "__main__":
    main()
