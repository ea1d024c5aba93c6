"""Time bins of a recording: their edges, and the responses in a window of whole bins.

A recording may have the dimension ``time_bin``, with the edges of each bin in milliseconds as the coordinates
``time_bin_start`` and ``time_bin_end``. Its attribute ``response`` says whether the values are counts, which add up
over bins, or mean rates, which are averaged over bins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.time_windows import WINDOW, Window, bins_of_window, format_window
from neuroalign.errors import DatasetError, UsageError, count_noun
from neuroalign.names.syntax import format_spec, parse_spec

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from neuroalign.datasets.dataset import Dataset

#: Coordinates of the edges of time bins, in milliseconds.
BIN_EDGES = ("time_bin_start", "time_bin_end")
#: Coordinates that describe the noise of averages.
_NOISE = {"sem": "standard errors", "n_trials": "numbers of trials"}
#: Values of the attribute ``response`` of a recording with time bins.
COUNTS, RATES = "counts", "rates"


def has_bins(array: xr.DataArray) -> bool:
    """Return whether a recording has several time bins, so that models need a window of it."""
    return "time_bin" in array.dims and array.sizes["time_bin"] != 1


def bin_edges(array: xr.DataArray) -> NDArray[np.float64] | None:
    """Return the edges of the time bins of a recording.

    Parameters
    ----------
    array : recording

    Returns
    -------
    array of shape (n_bins, 2), float64
        Start and end of each bin in milliseconds, in the order of the recording. None if the recording has no time
        bins or does not have their edges.
    """
    import numpy as np

    if "time_bin" not in array.dims or not all(name in array.coords for name in BIN_EDGES):
        return None
    return np.stack([array[name].values.astype(np.float64) for name in BIN_EDGES], axis=1)


def windows_of(dataset: Dataset) -> list[Window]:
    """Return the window of each time bin of a dataset, in the order of time.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    list of (float, float)
        Start and end in milliseconds. Empty for a dataset without time bins. Each is a window that
        ``neuroalign.datasets.selection.select_window`` selects.

    Raises
    ------
    DatasetError
        If the recording has time bins and does not have their edges.
    """
    if "time_bin" not in dataset.recording.dims:
        return []
    edges = _expect_edges(dataset.recording, dataset.identifier)
    return sorted((_rounded(start), _rounded(end)) for start, end in edges.tolist())


def reduce_window(array: xr.DataArray, window: Window, source: str) -> tuple[xr.DataArray, Window, list[str]]:
    """Sum the counts, or average the rates, of the time bins that cover a window.

    Parameters
    ----------
    array : recording
        Recording with time bins. Its attribute ``response`` is "counts", "rates", or absent.
    window : (float, float)
        Start and end in milliseconds.
    source : str
        Name of the recording in messages.

    Returns
    -------
    recording : xarray.DataArray of float64
        Recording without time bins. A trial that lacks one bin of the window is missing.
    window : (float, float)
        Window with the edges of the bins.
    notes : list of str
        Sentences for the user.

    Notes
    -----
    The standard errors ``sem`` of averages stay only where they are of the window: for one bin, where they have the
    dimension ``time_bin``, or for the only bin of the recording. Else they are left out, with a note.

    Raises
    ------
    DatasetError
        If bins do not cover the window exactly once; or the recording says neither that its values are counts nor
        that they are rates, and the bins of the window differ in length.
    """
    import numpy as np

    edges = _expect_edges(array, source)
    chosen = bins_of_window(edges[:, 0], edges[:, 1], window, source)
    lengths = edges[chosen, 1] - edges[chosen, 0]
    kind = array.attrs.get("response")
    is_even = bool(np.allclose(lengths, lengths[0]))
    if kind not in (COUNTS, RATES) and not is_even:
        raise DatasetError(
            f"the {len(chosen)} time bins of {source} from {window[0]:g} to {window[1]:g} ms last "
            f"{lengths.min():g} to {lengths.max():g} ms, and the recording does not say whether to sum or to average "
            f"them: set its attribute response to {COUNTS!r} or {RATES!r}"
        )
    window = (_rounded(edges[chosen[0], 0]), _rounded(edges[chosen[-1], 1]))
    span = f"{len(chosen)} time bins from {window[0]:g} to {window[1]:g} ms"
    # The order of the axes in memory decides the last bits of a sum, so that sums keep the copy that they had.
    bins = array.isel(time_bin=chosen) if kind == COUNTS else take_bins(array, chosen)
    noise, of_noise = _noise_of_averages(bins, whole=array.sizes["time_bin"] == len(chosen) == 1)
    bins = bins.drop_vars(
        [name for name, coordinate in bins.coords.items() if "time_bin" in coordinate.dims or name in _NOISE]
    ).assign_coords(noise)
    if len(chosen) == 1:
        return bins.isel(time_bin=0).astype(np.float64), window, of_noise
    if kind == COUNTS:
        reduced = bins.sum("time_bin", skipna=False, keep_attrs=True, dtype=np.float64)
        return reduced, window, [f"{span} were summed: their values are counts.", *of_noise]
    taken = "" if kind == RATES else "taken as "
    note = f"{span} were averaged, weighted by their length: their values are {taken}rates."
    return average_bins(bins, lengths), window, [note, *of_noise]


def _noise_of_averages(bins: xr.DataArray, *, whole: bool) -> tuple[dict[str, Any], list[str]]:
    """Return the noise of averages that stays valid for the time bins of a window, and a note on the rest.

    Parameters
    ----------
    bins : recording
        Recording with the bins of the window.
    whole : bool
        Whether the window is the only bin of the whole recording.

    Returns
    -------
    coords : dict of str to (dims, array)
        The standard errors ``sem`` of one bin, and the numbers of trials ``n_trials`` that all bins share. The
        standard error of a sum over bins depends on the covariance of the bins over trials, which averages do not
        have; standard errors without bins are of another window.
    notes : list of str
    """
    coords: dict[str, Any] = {}
    notes = []
    for name, noun in _NOISE.items():
        if name not in bins.coords:
            continue
        noise, is_count = bins[name], name == "n_trials"
        stays, why = whole or is_count, "they are not of this window"
        if "time_bin" in noise.dims:
            first = noise.isel(time_bin=0, drop=True)
            stays = noise.sizes["time_bin"] == 1 or (is_count and bool((noise == first).all()))
            why = "its time bins have different ones" if is_count else "they do not add up over time bins"
            noise = first
        if stays:
            coords[name] = (noise.dims, noise.values)
        else:
            notes.append(f"The {noun} ({name}) of the recording were left out of the window: {why}.")
    return coords, notes


def take_bins(array: xr.DataArray, chosen: NDArray[np.int64]) -> xr.DataArray:
    """Return some time bins of a recording, without a copy of the values if the bins are neighbours.

    Parameters
    ----------
    array : recording
    chosen : array of int64
        Numbers of the bins.
    """
    neighbours = bool((chosen[1:] - chosen[:-1] == 1).all())
    return array.isel(time_bin=slice(int(chosen[0]), int(chosen[-1]) + 1) if neighbours else chosen)


def average_bins(bins: xr.DataArray, lengths: NDArray[np.float64]) -> xr.DataArray:
    """Average the time bins of a recording, weighted by their length.

    Parameters
    ----------
    bins : xarray.DataArray
        Recording with time bins and without coordinates of the bins.
    lengths : array of shape (n_bins,)
        Length of each bin.

    Returns
    -------
    xarray.DataArray of float64
        Recording without time bins. A trial that lacks a bin is missing.
    """
    import numpy as np

    from neuroalign.arrays.blocks import slices

    weights = lengths / lengths.sum()
    values = bins.values
    means = np.empty(values.shape[:2])
    for block in slices(values, itemsize=8):
        # Bin after bin, so that the bits do not depend on the order of the axes in memory.
        means[block] = values[block][..., 0] * weights[0]
        for number, weight in enumerate(weights[1:], start=1):
            means[block] += values[block][..., number] * weight
    mean = bins.isel(time_bin=0, drop=True)
    return mean.copy(data=means)


def over_all_bins(array: xr.DataArray) -> xr.DataArray:
    """Return the responses over all time bins of a recording, for checks of its trials and neurons.

    Parameters
    ----------
    array : recording
        A recording without time bins is returned unchanged.

    Returns
    -------
    xarray.DataArray
        Recording without time bins: the window from the first to the last edge, or the plain mean over bins that
        overlap, leave gaps or have no edges. A trial that lacks a bin is missing.
    """
    import numpy as np

    if "time_bin" not in array.dims:
        return array
    edges = bin_edges(array)
    if edges is not None and len(edges) > 1:
        with suppress(DatasetError):
            return reduce_window(array, (edges.min(), edges.max()), "the recording")[0]
    if array.sizes["time_bin"] == 1:
        return array.isel(time_bin=0)
    mean = array.mean("time_bin", skipna=False, keep_attrs=True, dtype=np.float64)
    return mean.drop_vars("sem", errors="ignore")


def describe_bins(array: xr.DataArray) -> str:
    """Describe the time bins of a recording: their number, their range and their length.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.arrays import recording
    >>> edges = {"time_bin_start": [0, 70], "time_bin_end": [70, 170]}
    >>> array = recording(np.ones((1, 1, 2)), stimulus_id=["a"], neuroid_id=["n"], time_bin=edges)
    >>> describe_bins(array)
    '2 time bins from 0 to 170 ms, of 70 to 100 ms'
    """
    n_bins = count_noun(array.sizes["time_bin"], "time bin")
    edges = bin_edges(array)
    if edges is None or len(edges) == 0:
        return f"{n_bins} without edges"
    lengths = sorted(_rounded(length) for length in (edges[:, 1] - edges[:, 0]).tolist())
    length = (
        f"{lengths[0]:g}" if math.isclose(lengths[0], lengths[-1]) else f"{lengths[0]:g} to {lengths[-1]:g}"
    )
    return f"{n_bins} from {edges.min():g} to {edges.max():g} ms, of {length} ms"


def expect_one_window(dataset: Dataset) -> None:
    """Refuse a dataset without responses, and one with several time bins, of which models need one window.

    Raises
    ------
    MissingResponsesError
        If the dataset has stimuli alone.
    UsageError
        If the dataset has several time bins; the message shows the name of a window.
    """
    dataset.expect_responses()
    array = dataset.recording
    if not has_bins(array):
        return
    described = f"{dataset.identifier} has {describe_bins(array)}"
    if bin_edges(array) is None:
        raise UsageError(
            f"{described}: a model is compared with one response to each stimulus; give the recording the "
            f"coordinates {' and '.join(BIN_EDGES)}, or select a bin with recording.isel(time_bin=[0])"
        )
    raise UsageError(
        f"{described}: choose a window, such as {name_window(dataset, _example(dataset))}, or score every window with "
        "neuroalign score … --windows"
    )


def name_window(dataset: Dataset, window: Window) -> str:
    """Return the name of a window of a dataset, such as ``my-cells[region=IT,window=70:170]``."""
    return name_part(dataset, {WINDOW: format_window(window)})


def name_part(dataset: Dataset, options: Mapping[str, Any]) -> str:
    """Return the name of a part; a part of a part has the options of both, in alphabetical order."""
    name, existing = dataset.identifier, dict[str, Any]()
    if dataset.part_of is not None:
        spec = parse_spec(dataset.identifier)
        name, existing = spec.name, dict(spec.options)
    return format_spec(name, dict(sorted((existing | dict(options)).items())))


def _example(dataset: Dataset) -> Window:
    """Return a window that can be selected: the whole recording, or its first bin where bins overlap."""
    edges = _expect_edges(dataset.recording, dataset.identifier)
    whole = (float(edges.min()), float(edges.max()))
    try:
        bins_of_window(edges[:, 0], edges[:, 1], whole, dataset.identifier)
    except DatasetError:
        return windows_of(dataset)[0]
    return (_rounded(whole[0]), _rounded(whole[1]))


def _expect_edges(array: xr.DataArray, source: str) -> NDArray[np.float64]:
    edges = bin_edges(array)
    if edges is None:
        raise DatasetError(
            f"{source} has {array.sizes.get('time_bin', 0)} time bins and does not give their start and end: it needs "
            f"the coordinates {' and '.join(BIN_EDGES)}, in milliseconds"
        )
    return edges


def _rounded(edge: float) -> float:
    # Sums of decimals such as 0.1 + 0.2 have digits that nobody writes.
    return float(f"{edge:.10g}") + 0.0
