"""Options that the readers of several formats take."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from neuroalign.datasets.formats.binning import expect_bins
from neuroalign.datasets.formats.reader import ReaderOption
from neuroalign.datasets.time_windows import expect_window
from neuroalign.errors import UsageError

VARIABLE = ReaderOption(
    "variable",
    "Name of the array that holds the responses, in a file with several arrays.",
    metavar="NAME",
)

WINDOW = ReaderOption(
    "window",
    "Time window of the responses in milliseconds: from START to before END, which must be edges of time bins. "
    "Spikes are counted; rates in several time bins are averaged, weighted by the length of the bins.",
    metavar="START,END",
    convert=expect_window,
)

PART = ReaderOption(
    "part",
    "Images to take from a publication with several parts: train, test (single trials) or all (means) of TVSD; nsd, "
    "localiser or all of Triple-N.",
    metavar="PART",
)

BINS = ReaderOption(
    "bins",
    "Keep time bins of WIDTH milliseconds within the window, or the bins of the file. Names such as "
    "NAME[window=70:170] then select a window of whole bins.",
    metavar="WIDTH|file",
    convert=expect_bins,
)


def _as_milliseconds(value: Any) -> float:
    try:
        milliseconds = float(value)
    except (TypeError, ValueError):
        raise UsageError(f"--stimulus-onset must be a number of milliseconds, got {value!r}") from None
    if not math.isfinite(milliseconds):
        raise UsageError(f"--stimulus-onset must be finite, got {value!r}")
    return milliseconds


def _as_events(value: Any) -> Path:
    if not isinstance(value, str | Path):
        raise UsageError(f"--events must be a file, got {type(value).__name__}")
    return Path(value).expanduser()


STIMULUS_ONSET = ReaderOption(
    "stimulus_onset",
    "Time of the stimulus onset on the clock of each trial in milliseconds: 0 if times are relative to onset, 500 if "
    "the stimulus came on 500 ms after the start of the raster.",
    metavar="MS",
    convert=_as_milliseconds,
)

TIME_UNIT = ReaderOption(
    "time_unit",
    "Unit of spike times: seconds (s) or milliseconds (ms). By default the end of their name, such as spikes_ms.",
    choices=("s", "ms"),
)

EVENTS = ReaderOption(
    "events",
    "Table of the presentations as CSV: onset (seconds, on the clock of the spikes), stimulus_id and further columns.",
    metavar="CSV",
    convert=_as_events,
)

#: Ends of the names of spike times that state their unit.
_MILLISECONDS = re.compile(r"(?:_|\b|(?<=[a-z]))(?:ms|msec|msecs|milliseconds)\)?$", re.IGNORECASE)
_SECONDS = re.compile(r"(?:[_ (])(?:s|sec|secs|seconds)\)?$", re.IGNORECASE)


def seconds_in(unit: str | None, name: str) -> tuple[float | None, list[str]]:
    """Return the seconds in the unit of spike times.

    Parameters
    ----------
    unit : {"s", "ms"}, optional
        Unit that the user gave.
    name : str
        Name of the variable or column with the spike times.

    Returns
    -------
    seconds : float or None
        1 or 0.001; None if neither the user nor the end of the name states the unit.
    notes : list of str
        Sentence for the user that names the unit and its origin.

    Examples
    --------
    >>> seconds_in(None, "spikes_ms")[0], seconds_in("s", "spikes")[0], seconds_in(None, "spikes")[0]
    (0.001, 1.0, None)
    """
    origin = "--time-unit"
    if unit is None:
        origin = "the end of the name"
        unit = "ms" if _MILLISECONDS.search(name) else "s" if _SECONDS.search(name) else None
    if unit is None:
        return None, []
    seconds = {"s": 1.0, "ms": 0.001}[unit]
    return seconds, [f"Spike times {name} are in {'seconds' if unit == 's' else 'milliseconds'} ({origin})."]
