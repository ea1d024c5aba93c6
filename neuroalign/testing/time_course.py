"""Simulated recordings with time bins and a known latency."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neuroalign.arrays import recording
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.time_bins import BIN_EDGES, RATES
from neuroalign.testing.datasets import make_dataset


def make_time_course(
    identifier: str = "course",
    *,
    signal: Sequence[float] = (0.0, 0.0, 1.0, 1.0, 0.5),
    bin_width: float = 50.0,
    n_stimuli: int = 60,
    n_neurons: int = 8,
    n_factors: int = 4,
    n_repetitions: int = 3,
    noise: float = 1.0,
    seed: int = 0,
) -> Dataset:
    """Simulate a recording with time bins, with a chosen size of the signal in each bin.

    Parameters
    ----------
    identifier : str
        Name of the dataset.
    signal : sequence of float
        Standard deviation of the tuning in each bin, approximately; the latency is the start of the first bin with a
        signal. Zeros everywhere give noise.
    bin_width : float
        Length of a bin in milliseconds; the first bin starts at 0.
    n_stimuli, n_neurons, n_factors, n_repetitions
        See :func:`neuroalign.testing.make_dataset`. Neurons are tuned to one factor each.
    noise : float
        Standard deviation of the noise of a trial in a bin; bins and trials have noise of their own.
    seed : int
        Seed of all random numbers.

    Returns
    -------
    Dataset
        Rates in bins; the factors are columns of the stimulus table.

    Examples
    --------
    >>> from neuroalign.testing import make_time_course
    >>> make_time_course(n_stimuli=40, n_neurons=5).recording.sizes["time_bin"]
    5
    """
    still = make_dataset(
        identifier,
        n_stimuli=n_stimuli,
        n_neurons=n_neurons,
        n_factors=n_factors,
        n_repetitions=n_repetitions,
        noise=0.0,
        images=False,
        seed=seed,
    )
    sizes = np.asarray(signal, dtype=np.float64)
    rng = np.random.default_rng([seed, sizes.size])
    values = still.recording.values[:, :, None] * sizes
    values = values + noise * rng.standard_normal(values.shape)
    edges = bin_width * np.arange(sizes.size + 1)
    array = still.recording
    binned = recording(
        values,
        stimulus_id=array["stimulus_id"].values,
        repetition=array["repetition"].values,
        neuroid_id=array["neuroid_id"].values,
        region=array["region"].values,
        time_bin=dict(zip(BIN_EDGES, (edges[:-1], edges[1:]), strict=True)),
        attrs={"response": RATES},
    )
    return replace(still, recording=binned)
