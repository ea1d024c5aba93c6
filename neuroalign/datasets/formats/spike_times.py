"""Spike times of neurons and onsets of stimuli, converted to trials with spike counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.formats.binning import binned, describe_kept
from neuroalign.datasets.formats.reader import RecordingParts
from neuroalign.datasets.formats.trial_table import attach_columns, describe_each_stimulus
from neuroalign.datasets.time_bins import COUNTS
from neuroalign.datasets.time_windows import Window
from neuroalign.errors import DatasetError, count_noun, name_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

#: Seconds by which a spike may lie before an edge and still count as on it: sums of seconds are not exact.
ROUNDING = 1e-9

#: Silence before the first and after the last spike that does not end a recording: seconds, and mean intervals between
#: the spikes of all neurons. Trials without spikes are responses, and must not be left out.
_SILENT_SECONDS, _SILENT_INTERVALS = 1.0, 50


@dataclass(frozen=True)
class SpikeSpan:
    """Time from the first to the last spike of all neurons.

    Parameters
    ----------
    first, last : float
        Seconds.
    n_spikes : int
    """

    first: float
    last: float
    n_spikes: int

    @property
    def silence(self) -> float:
        """Seconds that the neurons may be silent within the recording: fifty mean intervals, at least one second."""
        return max(_SILENT_SECONDS, _SILENT_INTERVALS * (self.last - self.first) / self.n_spikes)


@dataclass(frozen=True)
class SpikeCounts:
    """Spikes of each neuron after each onset.

    Parameters
    ----------
    counts : array of float64, shape (n_onsets, n_neurons), or of float32, shape (n_onsets, n_neurons, n_bins)
    span : SpikeSpan or None
        Time of the spikes; None without spikes.
    """

    counts: NDArray[np.floating[Any]]
    span: SpikeSpan | None


def count_spikes(
    trains: Iterable[ArrayLike], onsets: ArrayLike, window: Window, *, edges: ArrayLike | None = None
) -> SpikeCounts:
    """Count the spikes of each neuron in a window, or in time bins, after each onset.

    A spike counts from the start to before the end of the window, ``onset + start <= time < onset + end``, so that
    adjacent windows count each spike once. Times are compared to a nanosecond. The time is proportional to
    ``n_spikes + n_onsets log n_spikes`` for each neuron.

    Parameters
    ----------
    trains : iterable of array of float
        Spike times of each neuron in seconds, in any order. A generator keeps one neuron in memory at a time.
    onsets : array of float, shape (n_onsets,)
        Seconds, on the clock of the spikes.
    window : (float, float)
        Start and end in milliseconds after onset.
    edges : array of float, shape (n_bins + 1,), optional
        Edges of adjoining time bins from the start to the end of the window, in milliseconds. A spike at an edge
        counts in the later bin.

    Returns
    -------
    SpikeCounts

    Raises
    ------
    DatasetError
        If a spike time is not a finite number.

    Examples
    --------
    >>> from neuroalign.datasets.formats.spike_times import count_spikes
    >>> count_spikes([[0.25, 0.1, 0.55], [0.2]], onsets=[0.0, 0.5], window=(50, 250)).counts
    array([[1., 1.],
           [1., 0.]])
    """
    import numpy as np

    limits = np.asarray(window if edges is None else edges, dtype=np.float64)
    times_of_limits = np.asarray(onsets, dtype=np.float64)[:, np.newaxis] + limits / 1000 - ROUNDING
    # Counts in float32 are exact up to 16,777,216, and bins are many.
    dtype = np.float64 if edges is None else np.float32
    columns: list[NDArray[np.floating[Any]]] = []
    first, last, n_spikes = np.inf, -np.inf, 0
    for number, train in enumerate(trains):
        times = np.sort(np.asarray(train, dtype=np.float64))
        if len(times):
            if not np.isfinite(times[[0, -1]]).all():
                raise DatasetError(f"the spike times of neuron {number} must be finite, got NaN or infinity")
            first, last = min(first, float(times[0])), max(last, float(times[-1]))
            n_spikes += len(times)
        columns.append(np.diff(np.searchsorted(times, times_of_limits), axis=1).astype(dtype))
    n_bins = len(limits) - 1
    counts = (
        np.stack(columns, axis=1) if columns else np.zeros((len(times_of_limits), 0, n_bins), dtype=dtype)
    )
    span = SpikeSpan(first, last, n_spikes) if n_spikes else None
    return SpikeCounts(counts[:, :, 0] if edges is None else counts, span)


def trials_from_spikes(
    trains: Iterable[ArrayLike],
    events: pd.DataFrame,
    window: Window,
    *,
    neuroid_id: ArrayLike,
    region: ArrayLike | str = "unknown",
    animal: ArrayLike | str = "unknown",
    neuron_columns: Mapping[str, ArrayLike] | None = None,
    span: SpikeSpan | None = None,
    source: str = "the events",
    edges: NDArray[np.float64] | None = None,
) -> RecordingParts:
    """Make a recording of spike counts from spike times and events.

    Parameters
    ----------
    trains : iterable of array of float
        Spike times of each neuron in seconds.
    events : pandas.DataFrame
        One row for each presentation, in any order, with the columns ``onset`` (seconds, on the clock of the spikes)
        and ``stimulus_id``. Other columns describe the stimuli, or the trials where they differ between the
        presentations of one stimulus.
    window : (float, float)
        Start and end in milliseconds after onset; see :func:`count_spikes`.
    neuroid_id : array of str, shape (n_neurons,)
    region, animal : str or array of str, shape (n_neurons,)
    neuron_columns : mapping of str to array of shape (n_neurons,), optional
        Further labels of the neurons.
    span : SpikeSpan, optional
        Time of the spikes of all neurons that were recorded, of which `trains` may be a choice. By default the time
        of `trains`.
    source : str
        Name of the events in messages.
    edges : array of float64, shape (n_bins + 1,), optional
        Edges of the time bins that the recording keeps; see :func:`count_spikes`. By default one count.

    Returns
    -------
    RecordingParts
        Presentations are in the order of time, and the repetitions of a stimulus are numbered in this order. Events
        without an onset, and events outside the time of the recording, are left out; notes give their numbers. The
        time of the recording reaches from the first to the last spike, with :attr:`SpikeSpan.silence` on both sides.

    Raises
    ------
    DatasetError
        If two events have one onset, or at least half of the events are outside the time of the recording.
    """
    import numpy as np

    from neuroalign.arrays import recording

    events, notes = _in_order_of_time(events, source)
    onsets = events["onset"].to_numpy(dtype=np.float64)
    spikes = count_spikes(trains, onsets, window, edges=edges)
    span = span or spikes.span
    if span is None:
        raise DatasetError("the neurons have no spikes; are all neurons left out?")
    outside = (onsets + window[1] / 1000 < span.first - span.silence) | (
        onsets + window[0] / 1000 > span.last + span.silence
    )
    if outside.any():
        clause = (
            f"{outside.sum():,} of {len(onsets):,} events ({onsets[0]:g} to {onsets[-1]:g} s) are outside the time of "
            f"the recording (first spike at {span.first:g} s, last spike at {span.last:g} s)"
        )
        if outside.sum() * 2 >= len(onsets):
            raise DatasetError(
                f"{clause}; onsets must be in seconds on the clock of the spikes: correct {source}"
            )
        notes.append(f"{clause}, and were left out.")
    events, counts = events[~outside], spikes.counts[~outside]
    array = recording(
        counts,
        stimulus_id=events["stimulus_id"].to_numpy().astype(str),
        neuroid_id=neuroid_id,
        region=region,
        animal=animal,
        **binned(None if edges is None else np.stack([edges[:-1], edges[1:]], axis=1), COUNTS),
    )
    described, varying = describe_each_stimulus(events.set_index("stimulus_id").drop(columns="onset"))
    trial_columns: dict[str, ArrayLike] = {name: events[name].to_numpy() for name in ("onset", *varying)}
    array, of_columns = attach_columns(array, trial_columns, neuron_columns or {}, trials="events")
    notes += of_columns
    notes.insert(
        0,
        f"Spikes of {count_noun(array.sizes['neuroid'], 'neuron')} were counted from {window[0]:g} to before "
        f"{window[1]:g} ms after {array.sizes['presentation']:,} onsets of "
        f"{len(described):,} stimuli ({source}).",
    )
    notes += describe_kept(array, window)[1]
    return RecordingParts(array, averaged=False, stimuli=described, window=window, notes=tuple(notes))


def stated_window(window: Window | None, source: str) -> Window:
    """Return the window in which spikes are counted, which the user must give.

    Parameters
    ----------
    window : (float, float), optional
    source : str
        Name of the recording in the message.

    Raises
    ------
    DatasetError
        If the window is None.
    """
    if window is None:
        raise DatasetError(
            f"{source} holds spike times: give the window in which spikes are counted, in milliseconds after onset, "
            "with --window START,END; --bins WIDTH keeps time bins within it"
        )
    return window


def _in_order_of_time(events: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[str]]:
    """Sort events by onset; leave out events without an onset, and refuse onsets that repeat."""
    import numpy as np

    notes: list[str] = []
    onsets = events["onset"].to_numpy(dtype=np.float64)
    timed = np.isfinite(onsets)
    if not timed.any():
        raise DatasetError(
            f"{source} must hold events with an onset, got {len(events)} rows without an onset"
        )
    if not timed.all():
        notes.append(f"{(~timed).sum():,} of {len(events):,} events have no onset and were left out.")
    events = events[timed].sort_values("onset", kind="stable", ignore_index=True)
    repeated = events["onset"].duplicated(keep=False).to_numpy()
    if repeated.any():
        named = _names(events["stimulus_id"][repeated])
        raise DatasetError(
            f"{repeated.sum():,} events of {source} share their onset with another event (stimuli {named}): one "
            "stimulus must begin at an onset; leave out the others"
        )
    return events, notes


def _names(values: Sequence[Any] | pd.Series) -> str:
    return name_some(list(dict.fromkeys(str(value) for value in values)))
