"""Time bins that an import keeps: the option ``--bins``, and the bins of a file that make up each kept bin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from neuroalign.datasets.time_bins import BIN_EDGES, COUNTS, RATES, bin_edges, describe_bins
from neuroalign.datasets.time_windows import Window, bins_inside, bins_of_window
from neuroalign.errors import DatasetError, UsageError, name_some

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

#: Width of the bins in milliseconds, or "file" for the bins of the file.
Bins = float | Literal["file"]


def expect_bins(value: Any) -> Bins:
    """Return the value of ``--bins`` as a width in milliseconds, or as "file".

    Raises
    ------
    UsageError
        If `value` is neither.
    """
    if value == "file":
        return "file"
    try:
        width = float(value)
    except (TypeError, ValueError):
        width = math.nan
    if not (math.isfinite(width) and width > 0):
        raise UsageError(
            f"--bins must be a width in milliseconds, such as 10, or file for the bins of the file, got {value!r}"
        )
    return width


def divide_window(window: Window, bins: Bins, source: str) -> NDArray[np.float64]:
    """Divide a window into bins of one width, for files with spike times.

    Parameters
    ----------
    window : (float, float)
        Start and end in milliseconds.
    bins : float or "file"
        Width of the bins.
    source : str
        Name of the recording in messages.

    Returns
    -------
    array of shape (n_bins + 1,), float64
        Edges of adjoining bins.

    Raises
    ------
    UsageError
        If the width does not divide the window, or `bins` is "file".

    Examples
    --------
    >>> divide_window((-50, 100), 50, "my-cells.nwb")
    array([-50.,   0.,  50., 100.])
    """
    import numpy as np

    if bins == "file":
        raise UsageError(
            f"--bins file has no effect on {source}, which holds spike times and no bins; give a width in "
            "milliseconds, such as --bins 10"
        )
    length = window[1] - window[0]
    n_bins = round(length / bins)
    if n_bins < 1 or not math.isclose(n_bins * bins, length, rel_tol=1e-9):
        near = [length / n for n in (math.ceil(length / bins), math.floor(length / bins)) if n >= 1]
        listed = " or ".join(f"{width:g}" for width in dict.fromkeys(near))
        raise UsageError(
            f"--bins {bins:g} must divide the window {window[0]:g},{window[1]:g}, which lasts {length:g} ms; choose "
            f"another width, such as {listed}, or another window"
        )
    edges = np.round(window[0] + bins * np.arange(n_bins + 1.0), 9)
    edges[-1] = window[1]
    return edges


def group_bins(
    starts: ArrayLike, ends: ArrayLike, window: Window | None, bins: Bins, source: str
) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """Find the bins of a file that make up each bin to keep.

    Parameters
    ----------
    starts, ends : array of float, shape (n_file_bins,)
        Edges of the bins of the file in milliseconds.
    window : (float, float), optional
        Start and end in milliseconds; by default the time from the first to the last edge.
    bins : float or "file"
        Width of the bins to keep, or "file" for the bins of the file.
    source : str
        Name of the recording in messages.

    Returns
    -------
    groups : list of array of int
        Indices of the bins of the file in each bin to keep, in the order of time.
    edges : array of shape (n_bins, 2), float64
        Start and end of each bin to keep.

    Raises
    ------
    DatasetError
        If the window does not start and end at edges, or bins of the file overlap or leave gaps within a kept bin.
    UsageError
        If the width does not divide the window into whole bins of the file; the message lists the possible widths.

    Examples
    --------
    >>> groups, edges = group_bins([0, 10, 20, 30], [10, 20, 30, 40], None, 20, "rasters.csv")
    >>> [group.tolist() for group in groups], edges.tolist()
    ([[0, 1], [2, 3]], [[0.0, 20.0], [20.0, 40.0]])
    """
    import numpy as np

    starts, ends = np.asarray(starts, dtype=np.float64), np.asarray(ends, dtype=np.float64)
    window = (float(starts.min()), float(ends.max())) if window is None else window
    inside = bins_inside(starts, ends, window, source)
    if bins == "file":
        return [np.array([index]) for index in inside], np.stack([starts[inside], ends[inside]], axis=1)
    # The window as a whole must be covered once, also where single bins are.
    covering = bins_of_window(starts, ends, window, source)
    edges = np.append(starts[covering], ends[covering[-1]])
    length = window[1] - window[0]
    n_bins = round(length / bins)
    wanted = _cuts(window, n_bins) if n_bins else edges[:0]
    if not n_bins or not math.isclose(n_bins * bins, length, rel_tol=1e-9) or not _among(wanted, edges):
        possible = [length / n for n in range(len(covering), 0, -1) if _among(_cuts(window, n), edges)]
        raise UsageError(
            f"--bins {bins:g} must divide the window {window[0]:g},{window[1]:g} into whole bins of {source}; choose "
            f"{name_some([f'{width:g}' for width in possible], most=12)} ms, or file for the bins of the file"
        )
    place = np.abs(edges[:, np.newaxis] - wanted).argmin(axis=0)
    groups = [covering[start:stop] for start, stop in pairwise(place)]
    return groups, np.stack([edges[place[:-1]], edges[place[1:]]], axis=1)


def sum_groups(values: NDArray[np.float64], groups: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Sum the counts of the bins in each group.

    Parameters
    ----------
    values : array of shape (..., n_file_bins)
    groups : sequence of array of int
        Indices of the bins in each group.

    Returns
    -------
    array of shape (..., n_groups)
        NaN where a bin is NaN.
    """
    import numpy as np

    return np.stack([values[..., group].sum(axis=-1) for group in groups], axis=-1)


def compact(values: NDArray[Any]) -> NDArray[Any]:
    """Return values as float32 where this changes no value, else unchanged; NaN stays NaN.

    Counts of spikes are exact in float32 up to 16,777,216.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    return small if np.array_equal(small, values, equal_nan=True) else values


def binned(edges: NDArray[np.float64] | None, response: str | None) -> dict[str, Any]:
    """Return the arguments of :func:`neuroalign.arrays.recording` for time bins; none without edges.

    Parameters
    ----------
    edges : array of shape (n_bins, 2), optional
    response : {"counts", "rates"}, optional
        Kind of the values; None where it is unknown.
    """
    if edges is None:
        return {}
    attrs = {} if response is None else {"response": response}
    return {"time_bin": dict(zip(BIN_EDGES, edges.T, strict=True)), "attrs": attrs}


def describe_kept(array: xr.DataArray, window: Window | None) -> tuple[Window | None, tuple[str, ...]]:
    """Return the window of a recording, and a note where the import keeps time bins.

    Parameters
    ----------
    array : recording
    window : (float, float), optional
        Window that the user gave.

    Returns
    -------
    window : (float, float) or None
        Time from the first to the last edge of the bins; `window` for a recording without bins.
    notes : tuple of str
    """
    edges = bin_edges(array)
    if edges is None:
        return window, ()
    kinds = {COUNTS: "spike counts", RATES: "mean rates"}
    kind = kinds.get(array.attrs.get("response", ""), "responses")
    note = (
        f"The recording keeps the {kind} in {describe_bins(array)}; scores need a window of whole bins, such as "
        f"[window={edges[0, 0]:g}:{edges[0, 1]:g}] after the name of the dataset."
    )
    return (float(edges.min()), float(edges.max())), (note,)


def expect_same_bins(
    edges: NDArray[np.float64], first: NDArray[np.float64], source: str, source_of_first: str
) -> None:
    """Refuse files of one recording with different time bins.

    Raises
    ------
    DatasetError
        If the edges differ.
    """
    import numpy as np

    if edges.shape != first.shape or not np.allclose(edges, first):
        raise DatasetError(
            f"all files must have the same time bins: {source} has {len(edges)} from {edges.min():g} to "
            f"{edges.max():g} ms, {source_of_first} has {len(first)} from {first.min():g} to {first.max():g} ms; give "
            "a --window that both have"
        )


def _cuts(window: Window, n: int) -> NDArray[np.float64]:
    import numpy as np

    return np.linspace(window[0], window[1], n + 1)


def _among(wanted: NDArray[np.float64], edges: NDArray[np.float64]) -> bool:
    """Return whether each wanted edge is an edge; both are sorted."""
    import numpy as np

    place = np.clip(np.searchsorted(edges, wanted), 1, len(edges) - 1)
    distance = np.minimum(np.abs(edges[place] - wanted), np.abs(edges[place - 1] - wanted))
    # Not of the largest edge: a clock may have started long before the window.
    return bool((distance <= 1e-6 * (edges[-1] - edges[0])).all())
