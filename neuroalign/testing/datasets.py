"""Small simulated recordings for tests."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import recording
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.landmarks.arrays import landmarks as make_landmarks
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.datasets.time_bins import BIN_EDGES, RATES
from neuroalign.errors import UsageError

# Noise of single trials where neither the noise nor the reliability is given.
_NOISE = 0.5


def make_dataset(
    identifier: str | None = None,
    *,
    n_stimuli: int = 120,
    n_neurons: int = 12,
    n_factors: int = 4,
    n_repetitions: int = 3,
    tuning: Literal["single", "mixed"] = "single",
    noise: float | None = None,
    reliability: float | None = None,
    images: bool = True,
    image_size: int = 16,
    landmarks: bool = False,
    time_bins: Sequence[float] | None = None,
    seed: int = 0,
) -> Dataset:
    """Simulate a small recording of neurons that are tuned to generative factors.

    Parameters
    ----------
    identifier : str, optional
        Name of the dataset; by default the value of `tuning`.
    n_stimuli : int
        Number of stimuli, ``s000``, ``s001``, …. Every sixth, from the first, is held out from training.
    n_neurons : int
        Number of neurons, ``n00``, ``n01``, ….
    n_factors : int
        Number of generative factors, each drawn from N(0, 1) for each stimulus. They are columns of the stimulus
        table, ``factor_0``, ``factor_1``, ….
    n_repetitions : int
        Number of trials of each stimulus. A recording with one trial has no reliability.
    tuning : {"single", "mixed"}
        "single": neuron i follows factor ``i % n_factors``. "mixed": each neuron follows a random combination of all
        factors, with weights from N(0, 1 / n_factors).
    noise : float, optional
        Standard deviation of one trial around the neuron's tuning, which has a standard deviation of about 1. By
        default 0.5.
    reliability : float, optional
        Expected reliability of the mean over trials, between 0 and 1, in place of `noise`.
    images : bool
        Whether stimuli have images: random grey pixels, which do not depend on the factors.
    image_size : int
        Width and height of the images, in pixels.
    landmarks : bool
        Whether images have four landmarks (``left``, ``right``, ``top``, ``bottom``), placed by the first two factors.
    time_bins : sequence of float, optional
        Edges of adjoining time bins in milliseconds. The signal rises linearly over the bins, from 0 in the first bin
        to its whole size in the last one, and each bin has noise of its own. Values are rates.
    seed : int
        Seed of all random numbers. The same arguments give the same dataset, bit for bit.

    Returns
    -------
    Dataset
        Marked as simulated, with the tuning in ``neuroalign.Dataset.truth``.

    Raises
    ------
    UsageError
        If both `noise` and `reliability` are given, `reliability` is not between 0 and 1, `tuning` is unknown, or
        landmarks are asked for without images or with fewer than two factors.

    Examples
    --------
    >>> from neuroalign.testing import make_dataset
    >>> dataset = make_dataset(n_stimuli=40, n_neurons=5)
    >>> dataset
    <Dataset single: 5 simulated neurons × 40 stimuli>
    >>> dataset.trials.shape
    (40, 3, 5)
    """
    if tuning not in ("single", "mixed"):
        raise UsageError(f"tuning must be 'single' or 'mixed', got {tuning!r}")
    if landmarks and (not images or n_factors < 2):
        raise UsageError("landmarks must have images and at least two factors; set images=True, n_factors=2")
    deviation = _noise(noise, reliability, n_repetitions)
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n_stimuli, n_factors))
    weights = np.zeros((n_neurons, n_factors))
    weights[np.arange(n_neurons), np.arange(n_neurons) % n_factors] = 1.0
    if tuning == "mixed":
        weights = rng.standard_normal((n_neurons, n_factors)) / np.sqrt(n_factors)
    signal = factors @ weights.T

    ids = np.array([f"s{index:03d}" for index in range(n_stimuli)])
    names = [f"factor_{index}" for index in range(n_factors)]
    table = pd.DataFrame(factors, columns=names, index=ids)
    table["presented"] = True
    table["training"] = np.arange(n_stimuli) % 6 > 0
    # Drawn in any case, so that the neurons are the same with and without images.
    pixels = {
        stimulus: rng.integers(0, 256, (image_size, image_size), dtype=np.uint8) for stimulus in ids.tolist()
    }
    values = np.repeat(signal, n_repetitions, axis=0)
    bins, attrs = None, {}
    if time_bins is not None:
        bins = dict(zip(BIN_EDGES, (time_bins[:-1], time_bins[1:]), strict=True))
        values = values[:, :, np.newaxis] * np.linspace(0, 1, len(time_bins) - 1)
        attrs = {"response": RATES}
    values = values + deviation * rng.standard_normal(values.shape)
    neurons = [f"n{index:02d}" for index in range(n_neurons)]
    return Dataset(
        identifier=identifier or tuning,
        recording=recording(
            values,
            stimulus_id=np.repeat(ids, n_repetitions),
            neuroid_id=neurons,
            region="AM",
            time_bin=bins,
            attrs=attrs,
        ),
        stimuli=StimulusSet(
            "toy",
            table,
            pixels if images else None,
            mirror_training=True,
            landmarks=_landmarks(ids, factors, image_size) if landmarks else None,
        ),
        simulated=True,
        truth=pd.DataFrame(weights, index=neurons, columns=names),
    )


def _noise(noise: float | None, reliability: float | None, n_repetitions: int) -> float:
    """Return the standard deviation of single trials, for a signal with variance 1."""
    if reliability is None:
        return _NOISE if noise is None else noise
    if noise is not None:
        raise UsageError("noise and reliability must not both be given; give one of them")
    if not 0 < reliability < 1:
        raise UsageError(f"reliability must be between 0 and 1, got {reliability}")
    # Reliability of a mean over n trials: 1 / (1 + noise² / n).
    return float(np.sqrt(n_repetitions * (1 - reliability) / reliability))


def _landmarks(ids: NDArray[np.str_], factors: NDArray[np.float64], size: int) -> xr.DataArray:
    """Place four landmarks around the middle of each image; the first factor widens, the second raises them."""
    width, height = size / 4 + size / 32 * np.tanh(factors[:, :2]).T
    middle = np.full(len(ids), size / 2)
    left = np.stack([middle - width, middle], axis=1)
    right = np.stack([middle + width, middle], axis=1)
    top = np.stack([middle, middle - height], axis=1)
    bottom = np.stack([middle, middle + height], axis=1)
    points = np.stack([left, right, top, bottom], axis=1)
    return make_landmarks(points, stimulus=ids, landmark=["left", "right", "top", "bottom"])
