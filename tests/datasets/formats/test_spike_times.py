"""Spike counts of trials: brute force over integer samples, order, omissions and labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroalign.datasets.formats.spike_times import SpikeSpan, count_spikes, trials_from_spikes
from neuroalign.errors import DatasetError

RATE = 10_000
"""Samples in a second: a millisecond is ten samples, so that integers give the exact counts."""


def by_force(trains, onsets, window):
    """Counts of integer samples, one spike at a time."""
    counts = np.zeros((len(onsets), len(trains)))
    for row, onset in enumerate(onsets):
        for column, train in enumerate(trains):
            for spike in train:
                counts[row, column] += onset + 10 * window[0] <= spike < onset + 10 * window[1]
    return counts


samples = st.lists(st.integers(0, 20_000), max_size=25)


@given(
    trains=st.lists(samples, min_size=1, max_size=4),
    onsets=st.lists(st.integers(0, 20_000), min_size=1, max_size=12),
    start=st.integers(-100, 300),
    length=st.integers(1, 500),
)
@settings(max_examples=60, deadline=None)
def test_counts_equal_a_loop_over_all_spikes(trains, onsets, start, length):
    window = (start, start + length)
    seconds = [np.array(train, dtype=float) / RATE for train in trains]
    result = count_spikes(seconds, np.array(onsets) / RATE, window)
    np.testing.assert_array_equal(result.counts, by_force(trains, onsets, window))
    spikes = np.concatenate(seconds)
    if len(spikes):
        assert result.span == SpikeSpan(spikes.min(), spikes.max(), len(spikes))
    else:
        assert result.span is None


def test_adjacent_windows_count_each_spike_once():
    # 0.1 + 0.2 and 0.3 differ in binary: the spike lies on the edge for both windows.
    for onset, spike in ((0.1, 0.3), (0.0, 0.1 + 0.2)):
        edge = 1000 * round(spike - onset, 3)
        before = count_spikes([[spike]], [onset], (edge - 100, edge)).counts
        after = count_spikes([[spike]], [onset], (edge, edge + 100)).counts
        assert (before.item(), after.item()) == (0, 1)


def test_spike_times_must_be_finite():
    with pytest.raises(DatasetError, match="the spike times of neuron 1 must be finite"):
        count_spikes([[0.1], [0.2, np.nan]], [0.0], (0, 100))


def events(**columns):
    return pd.DataFrame({"onset": [3.0, 1.0, 2.0, 4.0], "stimulus_id": ["a", "a", "b", "a"], **columns})


TRAINS = [np.array([1.05, 2.06, 3.07, 3.08, 4.1]), np.array([2.09, 4.05])]


def test_trials_are_in_the_order_of_time():
    table = events(kind=["x", "x", "y", "x"], block=[2, 1, 1, 2])
    parts = trials_from_spikes(
        TRAINS,
        table,
        (0, 100),
        neuroid_id=["n0", "n1"],
        region=["V4", "IT"],
        neuron_columns={"depth": [10, 20]},
    )
    array = parts.recording
    assert array["stimulus_id"].values.tolist() == ["a", "b", "a", "a"]
    assert array["repetition"].values.tolist() == [0, 0, 1, 2]
    assert array["onset"].values.tolist() == [1, 2, 3, 4]
    assert array["block"].values.tolist() == [1, 1, 2, 2]
    assert array.values.tolist() == [[1, 0], [1, 1], [2, 0], [0, 1]]
    assert array["region"].values.tolist() == ["V4", "IT"]
    assert array["depth"].values.tolist() == [10, 20]
    assert parts.stimuli["kind"].to_dict() == {"a": "x", "b": "y"}
    assert not parts.averaged
    assert parts.window == (0, 100)
    assert parts.notes == (
        "Spikes of 2 neurons were counted from 0 to before 100 ms after 4 onsets of 2 stimuli (the events).",
    )
    shuffled = trials_from_spikes(
        TRAINS,
        table.iloc[::-1],
        (0, 100),
        neuroid_id=["n0", "n1"],
        region=["V4", "IT"],
        neuron_columns={"depth": [10, 20]},
    )
    assert shuffled.recording.identical(array)


def test_events_outside_the_recording_are_left_out_or_refused():
    late = pd.concat([events(), pd.DataFrame({"onset": [90.0, -80.0], "stimulus_id": ["c", "c"]})])
    parts = trials_from_spikes(TRAINS, late, (0, 100), neuroid_id=["n0", "n1"])
    assert parts.recording.sizes["presentation"] == 4
    assert parts.stimuli.index.tolist() == ["a", "b"]
    assert parts.notes[1] == (
        "2 of 6 events (-80 to 90 s) are outside the time of the recording (first spike at 1.05 s, last spike at "
        "4.1 s), and were left out."
    )
    milliseconds = events().assign(onset=[3000.0, 1000.0, 2000.0, 4000.0])
    with pytest.raises(
        DatasetError, match=r"4 of 4 events \(1000 to 4000 s\) are outside .* must be in seconds"
    ):
        trials_from_spikes(TRAINS, milliseconds, (0, 100), neuroid_id=["n0", "n1"])


def test_a_silent_trial_after_the_last_spike_stays():
    # Seven spikes in 3.05 s: fifty mean intervals are 21.8 s.
    near = pd.concat([events(), pd.DataFrame({"onset": [25.0], "stimulus_id": ["c"]})])
    parts = trials_from_spikes(TRAINS, near, (0, 100), neuroid_id=["n0", "n1"])
    assert parts.recording.values[-1].tolist() == [0, 0]
    far = pd.concat([events(), pd.DataFrame({"onset": [26.0], "stimulus_id": ["c"]})])
    assert trials_from_spikes(TRAINS, far, (0, 100), neuroid_id=["n0", "n1"]).recording.shape == (4, 2)
    # All neurons that were recorded give the time, and not only the neurons that the user chose.
    span = SpikeSpan(0.0, 30.0, 30_000)
    assert span.silence == 1
    parts = trials_from_spikes(TRAINS, far, (0, 100), neuroid_id=["n0", "n1"], span=span)
    assert parts.recording.shape == (5, 2)


def test_events_that_cannot_be_used():
    parts = trials_from_spikes(
        TRAINS, events().assign(onset=[3.0, np.nan, 2.0, 4.0]), (0, 100), neuroid_id=["n0", "n1"]
    )
    assert parts.recording.sizes["presentation"] == 3
    assert parts.notes[1] == "1 of 4 events have no onset and were left out."
    with pytest.raises(DatasetError, match=r"2 events of the events share their onset .*stimuli a, b"):
        trials_from_spikes(TRAINS, events().assign(onset=[3, 2, 2, 4]), (0, 100), neuroid_id=["n0", "n1"])
    with pytest.raises(DatasetError, match="got 4 rows without an onset"):
        trials_from_spikes(TRAINS, events().assign(onset=np.nan), (0, 100), neuroid_id=["n0", "n1"])
    with pytest.raises(DatasetError, match="have no spikes"):
        trials_from_spikes([[], []], events(), (0, 100), neuroid_id=["n0", "n1"])


def test_labels_of_the_recording_are_not_replaced():
    parts = trials_from_spikes(
        TRAINS,
        events(repetition=[7, 8, 9, 7]),
        (0, 100),
        neuroid_id=["n0", "n1"],
        neuron_columns={"region": ["x", "y"], "label": ["p", None]},
    )
    assert parts.recording["repetition"].values.tolist() == [0, 0, 1, 2]
    assert parts.recording["region"].values.tolist() == ["unknown", "unknown"]
    assert parts.recording["label"].values.tolist() == ["p", ""]
    assert [note for note in parts.notes if "same name" in note] == [
        "Columns of the events were left out because the recording has labels of the same name: repetition.",
        "Columns of the neurons were left out because the recording has labels of the same name: region.",
    ]


# --- time bins


@given(
    trains=st.lists(samples, min_size=1, max_size=3),
    onsets=st.lists(st.integers(0, 20_000), min_size=1, max_size=8),
    start=st.integers(-100, 300),
    width=st.integers(1, 50),
    n_bins=st.integers(1, 10),
)
@settings(max_examples=40, deadline=None)
def test_each_spike_is_in_one_bin(trains, onsets, start, width, n_bins):
    edges = start + width * np.arange(n_bins + 1)
    seconds = [np.array(train, dtype=float) / RATE for train in trains]
    result = count_spikes(seconds, np.array(onsets) / RATE, (edges[0], edges[-1]), edges=edges)
    assert result.counts.dtype == np.float32
    assert result.counts.shape == (len(onsets), len(trains), n_bins)
    for index in range(n_bins):
        window = (edges[index], edges[index + 1])
        np.testing.assert_array_equal(result.counts[:, :, index], by_force(trains, onsets, window))
    np.testing.assert_array_equal(result.counts.sum(axis=2), by_force(trains, onsets, (edges[0], edges[-1])))


def test_trials_keep_bins():
    edges = np.array([0.0, 60, 80, 100])
    parts = trials_from_spikes(TRAINS, events(), (0, 100), neuroid_id=["n0", "n1"], edges=edges)
    array = parts.recording
    assert array["time_bin_start"].values.tolist() == [0, 60, 80]
    assert array["time_bin_end"].values.tolist() == [60, 80, 100]
    assert array.attrs["response"] == "counts"
    # n0 fires 50 ms after the first onset, 60 ms after the second, and 70 and 80 ms after the third.
    assert array.values[:, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert parts.notes[-1] == (
        "The recording keeps the spike counts in 3 time bins from 0 to 100 ms, of 20 to 60 ms; scores need a window of "
        "whole bins, such as [window=0:60] after the name of the dataset."
    )
    assert parts.window == (0, 100)
