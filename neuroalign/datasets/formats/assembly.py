"""Reading and writing of BrainIO data assemblies: netCDF files with one data variable.

The reader accepts the variants that files of several years have: any name of the data variable, any order of the
dimensions, ``image_id`` for ``stimulus_id``, and a coordinate that is alone on its dimension under the name
``presentation_`` or ``neuroid_``, which older versions of xarray gave it. The writer follows the BrainIO
specification: flat coordinates, at least two for each dimension, and the global attributes ``identifier`` and
``stimulus_set_identifier``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import recording
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.formats.time_bins import Window, bins_of_window
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.errors import DatasetError, UsageError, name_some
from neuroalign.files.home import atomic_path
from neuroalign.files.netcdf import read_netcdf
from neuroalign.masked import as_labels

_STIMULUS = ("stimulus_id", "image_id", "presentation_", "presentation")
_NEUROID = ("neuroid_id", "neuroid_", "neuroid")
_MILLISECONDS = ("ms", "msec", "millisecond", "milliseconds")
_TIME_BIN = ("time_bin_start", "time_bin_end")


def read_brainio(path: Path) -> tuple[xr.DataArray, pd.DataFrame]:
    """Read a BrainIO data assembly.

    Parameters
    ----------
    path : Path

    Returns
    -------
    recording : xarray.DataArray
        Its attrs have ``identifier`` and ``stimulus_set`` where the file gives them, and ``averaged``: whether each
        stimulus was presented once and the file does not number repetitions.
    stimuli : pandas.DataFrame
        Coordinates that describe the stimuli, indexed by stimulus id.

    Raises
    ------
    DatasetError
        If the file is damaged, or lacks a dimension or the ids of one.
    """
    opened = _open(path)
    if len(opened.data_vars) != 1:
        raise DatasetError(
            f"{path} must hold one data variable, got {', '.join(map(str, opened.data_vars)) or 'no variable'}"
        )
    array = next(iter(opened.data_vars.values()))
    return recording_of_assembly(array.assign_attrs({**opened.attrs, **array.attrs}), str(path))


def recording_of_assembly(array: xr.DataArray, path: str) -> tuple[xr.DataArray, pd.DataFrame]:
    """Make a recording of a data assembly in memory; see :func:`read_brainio`.

    Parameters
    ----------
    array : xarray.DataArray
        Dimensions presentation, neuroid and optionally time_bin, in any order.
    path : str
        Name of the assembly in messages.
    """
    optional = [dim for dim in ("time_bin",) if dim in array.dims]
    if set(array.dims) != {"presentation", "neuroid", *optional}:
        raise DatasetError(
            f"{path} must have the dimensions presentation, neuroid and optionally time_bin, "
            f"got {', '.join(map(str, array.dims))}"
        )
    array = array.transpose("presentation", "neuroid", *optional)
    coords: dict[str, dict[str, NDArray[Any]]] = {str(dim): {} for dim in array.dims}
    for name, coordinate in array.coords.items():
        if len(coordinate.dims) == 1:
            coords[str(coordinate.dims[0])][str(name)] = _decoded(coordinate.values)
        units = str(coordinate.attrs.get("units", "ms"))
        if name in _TIME_BIN and units.lower() not in _MILLISECONDS:
            raise DatasetError(f"{name} of {path} must be in milliseconds, got {units}")
    on_presentation, on_neuroid = coords["presentation"], coords["neuroid"]
    stimulus_id = _take(on_presentation, _STIMULUS, "stimulus", path)
    neuroid_id = _take(on_neuroid, _NEUROID, "neuroid", path)
    numbered = on_presentation.pop("repetition", None)
    result = recording(
        array.values,
        stimulus_id=stimulus_id,
        neuroid_id=neuroid_id,
        repetition=_repetition(stimulus_id, numbered),
        region=_words(on_neuroid.pop("region", np.array("unknown"))),
        animal=_words(on_neuroid.pop("animal", np.array("unknown"))),
        time_bin=_time_bins(coords["time_bin"], array.sizes["time_bin"]) if optional else None,
    )
    table, varying = describe_each_stimulus(pd.DataFrame(on_presentation, index=pd.Index(stimulus_id)))
    result = result.assign_coords(
        {name: ("neuroid", values) for name, values in on_neuroid.items()}
        | {name: ("presentation", on_presentation[name]) for name in varying}
    )
    attrs = array.attrs
    stimulus_set = attrs.get("stimulus_set_identifier", attrs.get("stimulus_set_name"))
    result.attrs["averaged"] = numbered is None and len(np.unique(stimulus_id)) == len(stimulus_id)
    result.attrs |= {
        key: str(value)
        for key, value in (("identifier", attrs.get("identifier")), ("stimulus_set", stimulus_set))
        if value is not None
    }
    return result, table


def average_window(
    array: xr.DataArray, window: Window | None, path: Path
) -> tuple[xr.DataArray, Window | None, list[str]]:
    """Average the time bins that cover a window, weighted by their length.

    Parameters
    ----------
    array : recording
        Recording as :func:`read_brainio` returns it.
    window : (float, float), optional
        Start and end in milliseconds; needed if the recording has several time bins.
    path : Path
        File of the recording, for messages.

    Returns
    -------
    recording : xarray.DataArray
        Recording without time bins.
    window : (float, float) or None
        Window of the values; None if the file does not give times.
    notes : list of str
        Sentences for the user.

    Raises
    ------
    DatasetError
        If the window does not start and end at edges of time bins, or the recording has several bins and `window` is
        None.
    UsageError
        If a window is given and the file does not give the times of its bins.
    """
    try:
        start, end = (np.asarray(array.coords.get(name, []), dtype=np.float64) for name in _TIME_BIN)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"the time bins of {path} must be numbers in milliseconds: {error}") from error
    if "time_bin" not in array.dims or len(start) == 0 or len(end) == 0:
        if array.sizes.get("time_bin", 1) > 1:
            raise DatasetError(f"{path} has several time bins and does not give their start and end")
        if window is not None:
            raise UsageError(
                f"{path} does not give the times of its responses, so --window has no effect; leave it out"
            )
        return (array.isel(time_bin=0, drop=True) if "time_bin" in array.dims else array), None, []
    if window is None:
        if len(start) > 1:
            raise DatasetError(
                f"{path} has {len(start)} time bins from {start.min():g} to {end.max():g} ms; "
                "average some of them with --window START,END"
            )
        window = float(start[0]), float(end[0])
    chosen = bins_of_window(start, end, window, str(path))
    length = xr.DataArray(end[chosen] - start[chosen], dims="time_bin")
    if len(chosen) == 1:
        mean, notes = array.isel(time_bin=chosen[0], drop=True), []
    else:
        bins = array.isel(time_bin=chosen).drop_vars(_TIME_BIN)
        mean = (bins * (length / length.sum())).sum("time_bin", skipna=False, keep_attrs=True)
        mean.attrs = dict(array.attrs)
        notes = [
            f"{len(chosen)} time bins from {window[0]:g} to {window[1]:g} ms were averaged, weighted by their "
            "length: their values are taken as rates."
        ]
    return mean.rename(array.name), window, notes


def write_brainio(dataset: Dataset, path: Path) -> None:
    """Write the recording of a dataset as a BrainIO data assembly.

    The stimulus set is not written: the dataset's own ``stimuli.csv`` and ``images`` have the columns that brainio's
    ``StimulusSet`` loader reads.

    Parameters
    ----------
    dataset : Dataset
    path : Path
        File to write; an existing file is replaced.
    """
    array = dataset.recording
    window = dataset.metadata.get("window_ms")
    if "time_bin" not in array.dims and window is not None:
        array = array.expand_dims("time_bin", axis=-1).assign_coords(
            {name: ("time_bin", [edge]) for name, edge in zip(_TIME_BIN, window, strict=True)}
        )
    coords = {str(name): coordinate for name, coordinate in array.coords.items()}
    for name in ("region", "animal"):
        coords.setdefault(name, xr.DataArray(np.full(array.sizes["neuroid"], "unknown"), dims="neuroid"))
    if "time_bin" in array.dims:
        given = [name for name, coordinate in coords.items() if coordinate.dims == ("time_bin",)]
        # Two coordinates at least: a lone one becomes the dimension itself when it is loaded.
        missing = [name for name in _TIME_BIN if name not in given][: max(0, 2 - len(given))]
        for name in missing:
            coords[name] = xr.DataArray(np.arange(array.sizes["time_bin"]), dims="time_bin")
    flat = xr.DataArray(
        array.values,
        dims=array.dims,
        coords={name: (coordinate.dims, coordinate.values) for name, coordinate in coords.items()},
        name="data",
    )
    # The specification puts the attributes on the file; older loaders read only those on the variable.
    attrs = {"identifier": dataset.identifier, "stimulus_set_identifier": dataset.stimuli.identifier}
    for key in ("source", "licence", "citation"):
        if dataset.metadata.get(key):
            attrs[key] = str(dataset.metadata[key])
    encoding = {"data": {"zlib": True, "complevel": 4, "shuffle": True}}
    with atomic_path(path) as temporary:
        flat.assign_attrs(attrs).to_dataset().assign_attrs(attrs).to_netcdf(
            temporary, engine="h5netcdf", encoding=encoding
        )


def _open(path: Path) -> xr.Dataset:
    with path.open("rb") as file:
        classic = file.read(3) == b"CDF"
    try:
        if not classic:
            return read_netcdf(path)
        with xr.open_dataset(path, engine="scipy", decode_timedelta=False) as opened:
            return opened.load()
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(f"cannot read the netCDF file {path}: {error}") from error


def _decoded(values: NDArray[Any]) -> NDArray[Any]:
    """Return text for the bytes that some writers store."""
    if values.dtype.kind == "S" or (
        values.dtype.kind == "O" and any(isinstance(value, bytes) for value in values)
    ):
        return np.array([value.decode() if isinstance(value, bytes) else str(value) for value in values])
    return np.where(pd.isna(values), "", values.astype(str)) if values.dtype.kind == "O" else values


def _words(labels: NDArray[Any]) -> NDArray[np.str_]:
    return np.where(pd.isna(labels) | (labels.astype(str) == ""), "unknown", labels.astype(str))


def _take(coords: dict[str, NDArray[Any]], names: Iterable[str], noun: str, path: str) -> NDArray[np.str_]:
    """Remove the ids of one dimension from its coordinates and return them."""
    for name in names:
        if name in coords:
            return as_labels(coords.pop(name), f"{name} of {path}").astype(str)
    raise DatasetError(
        f"{path} does not have {noun} ids: expected one of the coordinates {', '.join(names)}; "
        f"it has {name_some(sorted(coords)) or 'none'}"
    )


def _repetition(stimulus_id: NDArray[np.str_], numbered: NDArray[Any] | None) -> NDArray[np.int64] | None:
    """Return the repetitions of the file if they are numbers and differ between the trials of a stimulus."""
    if numbered is None or numbered.dtype.kind not in "iuf" or not np.isfinite(numbered).all():
        return None
    numbers = numbered.astype(np.int64)
    return None if pd.MultiIndex.from_arrays([stimulus_id, numbers]).has_duplicates else numbers


def _time_bins(coords: dict[str, NDArray[Any]], n: int) -> dict[str, NDArray[Any]]:
    lone = coords.pop("time_bin_", None)
    return coords or {"time_bin_start": np.arange(n) if lone is None else lone}
