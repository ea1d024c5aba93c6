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
from neuroalign.datasets.formats.binning import Bins, describe_kept, group_bins
from neuroalign.datasets.formats.trial_table import describe_each_stimulus
from neuroalign.datasets.time_bins import BIN_EDGES, COUNTS, RATES, average_bins, take_bins
from neuroalign.datasets.time_windows import Window, bins_of_window
from neuroalign.errors import DatasetError, UsageError, brief, name_some
from neuroalign.files.netcdf import write_netcdf
from neuroalign.files.netcdf_reading import read_netcdf
from neuroalign.masked import as_labels

_STIMULUS = ("stimulus_id", "image_id", "presentation_", "presentation")
_NEUROID = ("neuroid_id", "neuroid_", "neuroid")
_MILLISECONDS = ("ms", "msec", "millisecond", "milliseconds")


def read_brainio(path: Path) -> tuple[xr.DataArray, pd.DataFrame]:
    """Read a BrainIO data assembly.

    Parameters
    ----------
    path : Path

    Returns
    -------
    recording : xarray.DataArray
        Its attrs have ``identifier`` and ``stimulus_set`` where the file gives them, and ``averaged``: whether each
        stimulus was presented once and the file does not number repetitions. ``response`` is "counts" or "rates" where
        neuroalign wrote the time bins.
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
        if name in BIN_EDGES and units.lower() not in _MILLISECONDS:
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
    if "time_bin" in result.dims and attrs.get("response") in (COUNTS, RATES):
        result.attrs["response"] = str(attrs["response"])
    return result, table


def choose_bins(
    array: xr.DataArray,
    window: Window | None,
    path: Path,
    *,
    bins: Bins | None = None,
    values: str | None = None,
) -> tuple[xr.DataArray, Window | None, list[str]]:
    """Average the time bins that cover a window, weighted by their length, or keep time bins.

    Parameters
    ----------
    array : recording
        Recording as :func:`read_brainio` returns it.
    window : (float, float), optional
        Start and end in milliseconds; needed if the recording has several time bins and `bins` is None.
    path : Path
        File of the recording, for messages.
    bins : float or "file", optional
        Width in milliseconds of the time bins to keep, or "file" for the bins of the file. By default the bins are
        averaged.
    values : {"counts", "rates"}, optional
        Kind of the values: counts of several bins are summed, rates are averaged. By default the kind that the file
        states, else rates.

    Returns
    -------
    recording : xarray.DataArray
        Recording without time bins, or with the bins to keep.
    window : (float, float) or None
        Window of the values; None if the file does not give times.
    notes : list of str
        Sentences for the user.

    Raises
    ------
    DatasetError
        If the window does not start and end at edges of time bins; the recording has several bins, and neither
        `window` nor `bins` is given; or bins of different length are kept and the kind of their values is unknown.
    UsageError
        If an option has no effect, because the file does not have several time bins or does not give their times.
    """
    try:
        start, end = (np.asarray(array.coords.get(name, []), dtype=np.float64) for name in BIN_EDGES)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"the time bins of {path} must be numbers in milliseconds: {error}") from error
    stated = values or array.attrs.pop("response", None)
    if "time_bin" not in array.dims or len(start) == 0 or len(end) == 0:
        if array.sizes.get("time_bin", 1) > 1:
            raise DatasetError(f"{path} has several time bins and does not give their start and end")
        for option, given in (("--window", window), ("--bins", bins), ("--bin-values", values)):
            if given is not None:
                raise UsageError(
                    f"{path} does not give the times of its responses, so {option} has no effect; leave it out"
                )
        return (array.isel(time_bin=0, drop=True) if "time_bin" in array.dims else array), None, []
    if len(start) == 1 and (bins or values):
        raise UsageError(
            f"{path} has one time bin from {start[0]:g} to {end[0]:g} ms, so "
            f"{'--bins' if bins else '--bin-values'} has no effect; leave it out"
        )
    if bins is not None:
        return _keep_bins(array, np.stack([start, end], axis=1), window, bins, stated, path)
    if window is None:
        if len(start) > 1:
            raise DatasetError(
                f"{path} has {len(start)} time bins from {start.min():g} to {end.max():g} ms; "
                "average some of them with --window START,END, or keep them with --bins file"
            )
        window = float(start[0]), float(end[0])
    chosen = bins_of_window(start, end, window, str(path))
    if len(chosen) == 1:
        return array.isel(time_bin=chosen[0], drop=True), window, []
    if stated == COUNTS:
        summed = array.isel(time_bin=chosen).sum("time_bin", skipna=False, keep_attrs=True, dtype=np.float64)
        notes = [
            f"{len(chosen)} time bins from {window[0]:g} to {window[1]:g} ms were summed: their values are counts."
        ]
        return summed, window, notes
    mean = average_bins(take_bins(array, chosen).drop_vars(BIN_EDGES), end[chosen] - start[chosen])
    notes = [
        f"{len(chosen)} time bins from {window[0]:g} to {window[1]:g} ms were averaged, weighted by their "
        f"length: their values are {'' if stated else 'taken as '}rates."
    ]
    return mean, window, notes


def _keep_bins(
    array: xr.DataArray,
    edges: NDArray[np.float64],
    window: Window | None,
    bins: Bins,
    stated: str | None,
    path: Path,
) -> tuple[xr.DataArray, Window | None, list[str]]:
    """Return the recording with the bins to keep, each of which is made of one or several bins of the file."""
    groups, kept = group_bins(edges[:, 0], edges[:, 1], window, bins, str(path))
    lengths = edges[:, 1] - edges[:, 0]
    involved = lengths[np.concatenate(groups)]
    is_even = np.allclose(involved, involved[0])
    if stated is None and not is_even:
        raise DatasetError(
            f"the time bins of {path} last {involved.min():g} to {involved.max():g} ms: say whether windows sum or "
            "average them with --bin-values counts or --bin-values rates"
        )
    on_bins = [name for name, coordinate in array.coords.items() if "time_bin" in coordinate.dims]
    bare = array.drop_vars(on_bins)
    if all(len(group) == 1 for group in groups):
        result = bare.isel(time_bin=np.concatenate(groups))
    else:
        parts = [bare.isel(time_bin=group) for group in groups]
        merged = [
            part.sum("time_bin", skipna=False, dtype=np.float64)
            if stated == COUNTS
            else average_bins(part, lengths[group])
            for part, group in zip(parts, groups, strict=True)
        ]
        result = xr.concat(merged, dim="time_bin").transpose("presentation", "neuroid", "time_bin")
    result = result.assign_coords({name: ("time_bin", kept[:, i]) for i, name in enumerate(BIN_EDGES)})
    result.attrs = {**array.attrs, **({} if stated is None else {"response": stated})}
    result = result.rename(array.name)
    window, notes = describe_kept(result, window)
    of_kind = (
        f"{path.name} does not say whether the values in its time bins are counts or rates: taken as rates."
    )
    return result, window, [*notes, *([] if stated else [of_kind])]


def write_brainio(dataset: Dataset, path: Path) -> None:
    """Write the recording of a dataset, with its time bins, as a BrainIO data assembly.

    The stimulus set is not written: the dataset's own ``stimuli.csv`` and ``images`` have the columns that brainio's
    ``StimulusSet`` loader reads.

    Parameters
    ----------
    dataset : Dataset
    path : Path
        File to write; an existing file is replaced.

    Raises
    ------
    MissingResponsesError
        If the dataset has stimuli alone.
    """
    dataset.expect_responses()
    array = dataset.recording
    window = dataset.metadata.get("window_ms")
    if "time_bin" not in array.dims and window is not None:
        array = array.expand_dims("time_bin", axis=-1).assign_coords(
            {name: ("time_bin", [edge]) for name, edge in zip(BIN_EDGES, window, strict=True)}
        )
    coords = {str(name): coordinate for name, coordinate in array.coords.items()}
    for name in ("region", "animal"):
        coords.setdefault(name, xr.DataArray(np.full(array.sizes["neuroid"], "unknown"), dims="neuroid"))
    if "time_bin" in array.dims:
        given = [name for name, coordinate in coords.items() if coordinate.dims == ("time_bin",)]
        # Two coordinates at least: a lone one becomes the dimension itself when it is loaded.
        missing = [name for name in BIN_EDGES if name not in given][: max(0, 2 - len(given))]
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
    if "time_bin" in array.dims and "response" in array.attrs:
        attrs["response"] = str(array.attrs["response"])
    encoding = {"data": {"zlib": True, "complevel": 4, "shuffle": True}}
    write_netcdf(flat.assign_attrs(attrs).to_dataset().assign_attrs(attrs), path, encoding)


def _open(path: Path) -> xr.Dataset:
    with path.open("rb") as file:
        classic = file.read(3) == b"CDF"
    try:
        if not classic:
            return read_netcdf(path)
        with xr.open_dataset(path, engine="scipy", decode_timedelta=False) as opened:
            return opened.load()
    except Exception as error:  # the parsers raise nearly anything on a damaged file
        raise DatasetError(f"cannot read the netCDF file {path}: {brief(error)}") from error


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
