"""Files of spike sorting that hold spikes, and are not responses."""

from __future__ import annotations

from pathlib import Path

from neuroalign.errors import DatasetError

#: Spike times in samples, and in seconds.
TIMES, SECONDS = "spike_times.npy", "spikes.times.npy"

#: Neuron of each spike, in the order in which the files count.
CLUSTERS = ("spike_clusters.npy", "spike_templates.npy", "spikes.clusters.npy", "spikes.templates.npy")

#: Other values of each spike.
_OTHERS = (
    "amplitudes.npy",
    "spikes.amps.npy",
    "spikes.depths.npy",
    "spike_positions.npy",
    "spike_seconds_adj.npy",
)


def refuse_spikes(path: Path) -> None:
    """Refuse one file of a folder of spike sorting that the user gives as responses.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DatasetError
        If the name of the file is the name of a file of spikes; the message names the command that helps.
    """
    if path.name not in (TIMES, SECONDS, *CLUSTERS, *_OTHERS):
        return
    kind = "the times of spikes" if path.name in (TIMES, SECONDS) else "one value for each spike"
    raise DatasetError(
        f"{path} holds {kind}, not responses to stimuli; give its folder and the onsets of the stimuli: "
        f"--responses {path.parent} --events events.csv --window START,END [--bins WIDTH]"
    )
