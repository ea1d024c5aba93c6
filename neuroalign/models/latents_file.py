"""Files of latents, for the cache and for latents larger than memory."""

import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.errors import ModelError, UsageError, name_some
from neuroalign.files.home import atomic_path, home, naming_full_disk, optional_writing, private_name
from neuroalign.files.netcdf import reserve, write_netcdf
from neuroalign.files.netcdf_reading import open_netcdf
from neuroalign.files.sums import append_sum, expect_sum_at_end
from neuroalign.models.model import REMARK
from neuroalign.models.reductions import ATTRIBUTE

#: Environment variable with the largest size in memory of the latents of one model, in megabytes.
MEMORY_VARIABLE = "NEUROALIGN_LATENTS_MEMORY"

# Benchmarks recognise by the first attribute that a unit is one of the scored neurons; scores carry the others.
_KEPT = ("neuroids_of", ATTRIBUTE, REMARK)

_BYTES = np.dtype(np.float64).itemsize
#: Bytes that are read at once from latents that stay in their file.
BLOCK = 64_000_000


def latents_folder() -> Path:
    """Return the folder of cached latents."""
    return home() / "latents"


def memory_budget() -> int:
    """Return the largest number of bytes that the latents of one model may take in memory.

    Returns
    -------
    int
        A quarter of the available memory, or the value of the environment variable NEUROALIGN_LATENTS_MEMORY,
        which is in megabytes.

    Raises
    ------
    UsageError
        If the variable is not a number above 0.
    """
    named = os.environ.get(MEMORY_VARIABLE)
    if named:
        try:
            megabytes = float(named)
        except ValueError:
            megabytes = 0.0
        if not 0 < megabytes < float("inf"):
            raise UsageError(f"{MEMORY_VARIABLE} must be a number of megabytes above 0, got {named!r}")
        return int(megabytes * 1e6)
    import psutil

    return int(psutil.virtual_memory().available) // 4


def gather_latents(
    batches: Iterable[xr.DataArray], stimulus: NDArray[np.str_], *, path: Path | None = None
) -> xr.DataArray:
    """Join batches of latents: in memory if they fit, otherwise in a file.

    Parameters
    ----------
    batches : iterable of latents
        Batches with the same units, and with the stimuli in any order. One batch is in memory at a time. The records
        of reductions are the records of the first batch.
    stimulus : array of str, shape (n_stimuli,)
        Ids of all stimuli, in the order of the rows of the result.
    path : Path, optional
        File for the latents. It appears when it is complete. Without a path, and where its folder cannot be written or
        has no space, latents that do not fit into memory are in a temporary file, which is deleted together with the
        returned array.

    Returns
    -------
    latents
        In memory if they take at most :func:`memory_budget`. Otherwise every access reads the file, so take parts of
        the array, never ``.values`` of the whole.

    Raises
    ------
    ModelError
        If no batch is given, or two batches have different units.
    """
    batches = map(_expect_batch, batches)
    first = next(batches, None)
    if first is None:
        raise ModelError("latents need at least one stimulus, got an empty stimulus set")
    batches = chain([first], batches)
    units = first["unit"].values
    shape = (len(stimulus), len(units))
    if shape[0] * shape[1] * _BYTES <= memory_budget():
        values = np.full(shape, np.nan)
        varies = _fill(values, batches, stimulus, units)
        gathered = arrays.latents(
            values, stimulus=stimulus, unit=units, informative=varies, attrs=_kept_attributes(first)
        )
        if path is not None:
            with optional_writing():
                save_latents(path, gathered)
        return gathered
    import h5netcdf

    n_bytes = shape[0] * shape[1] * _BYTES
    file_path = _place_with_space(path, n_bytes)
    with atomic_path(file_path) as temporary:
        # HDF5 crashes on a full disk.
        reserve(temporary, n_bytes)
        with h5netcdf.File(temporary, "w") as file:
            file.dimensions = {"stimulus": shape[0], "unit": shape[1]}
            variable = file.create_variable("latents", ("stimulus", "unit"), np.float64, fillvalue=np.nan)
            variable.attrs.update(_kept_attributes(first))
            varies = _fill(variable, batches, stimulus, units)
        labels = {"stimulus": stimulus, "unit": units, "informative": ("unit", varies)}
        xr.Dataset(coords=labels).to_netcdf(temporary, mode="a", engine="h5netcdf")
        if file_path == path:
            append_sum(temporary)
    opened = _open(file_path)
    if file_path != path:
        weakref.finalize(opened, file_path.unlink, missing_ok=True)
    return opened


def place_for_files() -> Path:
    """Return a folder for files that last as long as an object.

    Returns
    -------
    Path
        Folder of cached latents, or the folder of temporary files of the system, with a warning, where it cannot be
        written.
    """
    folder = latents_folder()
    with optional_writing():
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / private_name()
        probe.touch()
        probe.unlink()
        return folder
    return Path(tempfile.gettempdir())


def _place_with_space(path: Path | None, n_bytes: int) -> Path:
    """Return a file for latents: `path`, or a temporary file where there is none or its folder has no space for it."""
    wanted = path or latents_folder() / private_name(".nc")
    with optional_writing(), naming_full_disk(wanted.parent):
        wanted.parent.mkdir(parents=True, exist_ok=True)
        reserve(wanted.with_name(private_name()), n_bytes)
        return wanted
    return Path(tempfile.gettempdir(), private_name(".nc"))


def _expect_batch(batch: xr.DataArray) -> xr.DataArray:
    """Refuse a batch that is not a labelled array, or has its dimensions in another order."""
    kind = type(batch).__name__
    if isinstance(batch, xr.DataArray):
        if batch.dims == ("stimulus", "unit") and {"stimulus", "unit"} <= set(batch.coords):
            return batch
        dims, ids = (", ".join(map(str, names)) for names in (batch.dims, batch.coords))
        kind = f"one with the dimensions {dims} and ids of {ids}"
    raise ModelError(
        "each batch of latents must be an xarray.DataArray with the dimensions stimulus and unit and their ids, got "
        f"{kind}; make it with neuroalign.arrays.latents"
    )


def save_latents(path: Path, latents: xr.DataArray) -> None:
    """Write latents from memory to a file, which appears when it is complete and ends with its SHA-256."""
    saved = latents.drop_attrs()
    saved.attrs = _kept_attributes(latents)
    write_netcdf(saved.to_dataset(name="latents"), path, {}, with_sum=True)


def read_latents(path: Path) -> xr.DataArray:
    """Read latents from a file.

    Returns
    -------
    latents
        In memory or in the file, as :func:`gather_latents` returns them.

    Raises
    ------
    OSError, ValueError, KeyError, ArrayError
        If the file does not exist, or is damaged: its content is compared with the SHA-256 at its end before HDF5 opens
        it.
    """
    expect_sum_at_end(path)
    opened = _open(path)
    if opened.size * _BYTES <= memory_budget():
        with opened:
            return arrays.validate_latents(opened.load())
    for block in row_blocks(opened):
        arrays.validate_latents(block)
    return opened


def row_blocks(latents: xr.DataArray) -> Iterator[xr.DataArray]:
    """Yield blocks of rows in memory, for latents of any size."""
    n_rows = max(1, BLOCK // (_BYTES * max(1, latents.sizes["unit"])))
    for start in range(0, latents.sizes["stimulus"], n_rows):
        yield latents.isel(stimulus=slice(start, start + n_rows)).load()


def _kept_attributes(latents: xr.DataArray) -> dict[str, Any]:
    return {str(name): value for name, value in latents.attrs.items() if name in _KEPT}


def _open(path: Path) -> xr.DataArray:
    array = open_netcdf(path)["latents"]
    for name in ("stimulus", "unit", "neuroid"):
        if name in array.coords:
            array[name] = array[name].astype(str)
    array["informative"] = array["informative"].astype(bool)
    return array


def _fill(
    target: Any, batches: Iterable[xr.DataArray], stimulus: NDArray[np.str_], units: NDArray[np.str_]
) -> NDArray[np.bool_]:
    """Write each row of the batches to the row of its stimulus, and return a mask of the units that vary.

    Parameters
    ----------
    target : array or variable of a file, shape (n_stimuli, n_units)
    batches : iterable of latents
    stimulus : array of str, shape (n_stimuli,)
    units : array of str, shape (n_units,)

    Raises
    ------
    ModelError
        If a stimulus is missing or occurs twice, or batches differ in their units.
    """
    rows = {name: row for row, name in enumerate(np.asarray(stimulus).astype(str).tolist())}
    is_filled = np.zeros(len(rows), dtype=bool)
    lowest, highest = np.full(len(units), np.inf), np.full(len(units), -np.inf)
    for batch in batches:
        if not np.array_equal(batch["unit"].values, units):
            raise ModelError(
                f"the model has {len(units)} units for some stimuli and {batch.sizes['unit']} for others, "
                "or other names for them"
            )
        if batch.sizes["stimulus"] == 0:
            continue
        names = batch["stimulus"].values.astype(str)
        unknown = [name for name in names.tolist() if name not in rows]
        if unknown:
            raise ModelError(f"the model has latents of stimuli that it was not given: {name_some(unknown)}")
        at = np.array([rows[name] for name in names.tolist()], dtype=np.int64)
        twice = [*names[is_filled[at]], *(name for name, n in Counter(names.tolist()).items() if n > 1)]
        if twice:
            raise ModelError(f"the model has latents of a stimulus more than once: {name_some(twice)}")
        is_filled[at] = True
        order = np.argsort(at)
        values, at = np.asarray(batch.values)[order], at[order]
        # Consecutive rows are written in one operation, which is faster in a file.
        for run in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) != 1) + 1):
            target[at[run[0]] : at[run[-1]] + 1] = values[run]
        lowest = np.minimum(lowest, values.min(axis=0))
        highest = np.maximum(highest, values.max(axis=0))
    if not is_filled.all():
        missing = np.asarray(stimulus).astype(str)[~is_filled]
        raise ModelError(
            f"the model has no latents of {missing.size} of {len(rows)} stimuli: {name_some(missing)}; it must yield "
            "each stimulus once"
        )
    return highest > lowest
