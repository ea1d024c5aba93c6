"""Time windows: their text, and the time bins that cover a window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DatasetError, UsageError, name_some
from neuroalign.names.syntax import format_value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Window = tuple[float, float]

#: Option of a name that selects a window: ``DATASET[window=70:170]``.
WINDOW = "window"


def expect_window(window: Window | str) -> Window:
    """Return a window as two finite numbers, the first below the second.

    Parameters
    ----------
    window : (float, float) or str
        Start and end in milliseconds; text has a comma in between.

    Raises
    ------
    UsageError
        If `window` is not a window.
    """
    try:
        start, end = (float(edge) for edge in (window.split(",") if isinstance(window, str) else window))
    except (TypeError, ValueError):
        raise UsageError(
            f"the window must be two numbers START,END in milliseconds, such as 100,400, got {window!r}"
        ) from None
    if not (math.isfinite(start) and math.isfinite(end) and start < end):
        raise UsageError(f"the window {start:g},{end:g} must start before it ends, both in milliseconds")
    return start, end


def bins_of_window(starts: ArrayLike, ends: ArrayLike, window: Window, source: str) -> NDArray[np.int64]:
    """Find the time bins that cover a window exactly, in the order of time.

    Parameters
    ----------
    starts, ends : array of float, shape (n_bins,)
        Edges of each bin in milliseconds.
    window : (float, float)
        Start and end in milliseconds.
    source : str
        Name of the recording in messages.

    Returns
    -------
    array of int, shape (n_chosen,)
        Indices of the bins.

    Raises
    ------
    DatasetError
        If no bin starts where the window starts or ends where it ends, or if bins within the window overlap or
        leave gaps. The message names the edges.
    """
    import numpy as np

    starts, ends = np.asarray(starts, dtype=np.float64), np.asarray(ends, dtype=np.float64)
    inside = bins_inside(starts, ends, window, source)
    reached, slack = window[0], _slack(window)
    for index in inside:
        if abs(starts[index] - reached) > slack:
            fault = "overlap" if starts[index] < reached else "leave a gap"
            raise DatasetError(
                f"the time bins of {source} {fault} between {min(starts[index], reached):g} and "
                f"{max(starts[index], reached):g} ms, so they do not add up to the window "
                f"{window[0]:g},{window[1]:g}; choose a window that bins cover once"
            )
        reached = ends[index]
    if abs(reached - window[1]) > slack:
        raise DatasetError(
            f"the time bins of {source} leave a gap between {reached:g} and {window[1]:g} ms; "
            "choose a window that bins cover once"
        )
    return inside


def bins_inside(starts: ArrayLike, ends: ArrayLike, window: Window, source: str) -> NDArray[np.int64]:
    """Find the time bins within a window that starts and ends at edges of bins, in the order of time.

    The bins may overlap and leave gaps; parameters are as for :func:`bins_of_window`.

    Raises
    ------
    DatasetError
        If no bin starts where the window starts or ends where it ends. The message names the edges.
    """
    import numpy as np

    starts, ends = np.asarray(starts, dtype=np.float64), np.asarray(ends, dtype=np.float64)
    if not (starts < ends).all():
        raise DatasetError(f"{source} has a time bin that does not start before it ends")
    slack = _slack(window)
    for edge, edges, verb in ((window[0], starts, "starts"), (window[1], ends, "ends")):
        if not (np.abs(edges - edge) <= slack).any():
            choices = np.unique(edges)
            listed = ", ".join(f"{value:g}" for value in choices)
            if len(choices) > 12:
                listed = f"{name_some([f'{value:g}' for value in choices], most=4)}, the last {choices[-1]:g}"
            raise DatasetError(
                f"the window {window[0]:g},{window[1]:g} must start and end at edges of time bins: no bin of "
                f"{source} {verb} at {edge:g} ms; bins {verb[:-1]} at {listed} ms"
            )
    inside = np.flatnonzero((starts >= window[0] - slack) & (ends <= window[1] + slack))
    return inside[np.argsort(starts[inside], kind="stable")]


def _slack(window: Window) -> float:
    """Return the largest distance of equal edges: of the window's length, for clocks that started long before it."""
    return 1e-6 * (window[1] - window[0])


def parse_window(value: Any) -> Window:
    """Return the window that the option ``window`` of a name selects.

    Parameters
    ----------
    value : str or sequence of two floats
        Text such as ``70:170``, in milliseconds.

    Raises
    ------
    UsageError
        If `value` is not a window.

    Examples
    --------
    >>> parse_window("-50:0")
    (-50.0, 0.0)
    """
    try:
        start, end = (float(edge) for edge in (value.split(":") if isinstance(value, str) else value))
    except (TypeError, ValueError):
        raise UsageError(
            f"the window must be START:END in milliseconds, as in window=70:170, got {format_value(value)}"
        ) from None
    # Adding zero turns -0.0 into 0.0.
    return expect_window((start + 0.0, end + 0.0))


def format_window(window: Window) -> str:
    """Write a window as the option ``window`` of a name, as :func:`parse_window` reads it.

    Examples
    --------
    >>> format_window((-50.0, 12.5))
    '-50:12.5'
    """
    return ":".join(format_value(float(edge)) for edge in window)
