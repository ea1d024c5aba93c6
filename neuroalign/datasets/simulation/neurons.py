"""Simulated neurons that follow the generative factors of faces.

Neuron j has for image i the expected spike count

    μ_ij = b_j + g_j · ln(1 + exp(s_ij)),   s_ij = Σ_k w_jk · f_ik,

with the factors f standardised (a uniform variable on [-1, 1] times √3): a ramp along one direction
of the factors that flattens where the rate approaches the baseline. Counts of single presentations are
Poisson. Baselines b and gains g are log-normal.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign import arrays
from neuroalign.datasets.simulation.factors import FACTORS, SEED

N_NEURONS = 159
#: Numbers of neurons that follow one factor, and two or three factors; the others follow no factor.
N_SINGLE = 95
N_FEW = 40
#: Possible numbers of repeats of an image.
REPEATS = (3, 4, 5)

_BASELINE = (1.6, 0.5)  # median of the log-normal in spikes, and standard deviation of its logarithm
_GAIN = (3.6, 0.5)


@dataclass(frozen=True)
class Population:
    """Simulated neurons.

    Parameters
    ----------
    weights : array of shape (n_neurons, n_factors), float64
        Weights of the factors, of unit length; zeros for neurons that follow no factor.
    baselines, gains : arrays of shape (n_neurons,), float64
        Baselines and gains in spikes in the counting window.
    """

    weights: NDArray[np.float64]
    baselines: NDArray[np.float64]
    gains: NDArray[np.float64]

    @property
    def neuroids(self) -> NDArray[np.str_]:
        """Neuron ids, shape (n_neurons,)."""
        return np.array([f"neuron_{number:03d}" for number in range(1, len(self.weights) + 1)])

    def expected(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expected spike counts for faces.

        Parameters
        ----------
        factors : array of shape (n_faces, n_factors)
            Factors in [-1, 1].

        Returns
        -------
        array of shape (n_faces, n_neurons), float64
        """
        drive = np.sqrt(3) * factors @ self.weights.T
        return self.baselines + self.gains * np.logaddexp(0, drive)


def population(*, mixed: bool = False, seed: int = SEED) -> Population:
    """Draw the neurons.

    Parameters
    ----------
    mixed : bool
        Whether every tuned neuron follows a random direction through all factors, in place of one to three factors.
        Baselines and gains are the same in both cases.
    seed : int

    Returns
    -------
    Population
    """
    rng = np.random.default_rng([seed, 2])
    baselines = _BASELINE[0] * np.exp(_BASELINE[1] * rng.standard_normal(N_NEURONS))
    gains = _GAIN[0] * np.exp(_GAIN[1] * rng.standard_normal(N_NEURONS))
    order = rng.permutation(N_NEURONS)
    rng = np.random.default_rng([seed, 3, int(mixed)])
    weights = np.zeros((N_NEURONS, len(FACTORS)))
    tuned = order[: N_SINGLE + N_FEW]
    if mixed:
        weights[tuned] = rng.standard_normal((len(tuned), len(FACTORS)))
    else:
        # Each round goes through all factors in random order, so that all factors have as many neurons.
        turns = [rng.permutation(len(FACTORS)) for _ in range(N_NEURONS)]
        queue = np.concatenate(turns)
        for neuron, factor in zip(order[:N_SINGLE], queue, strict=False):
            weights[neuron, factor] = rng.choice((-1.0, 1.0))
        for neuron in order[N_SINGLE : N_SINGLE + N_FEW]:
            chosen = rng.choice(len(FACTORS), size=rng.integers(2, 4), replace=False)
            weights[neuron, chosen] = rng.choice((-1.0, 1.0), len(chosen)) * rng.uniform(0.5, 1, len(chosen))
    length = np.linalg.norm(weights, axis=1, keepdims=True)
    weights = np.divide(weights, length, out=weights, where=length > 0).round(4)
    return Population(weights, baselines, gains)


def record(
    neurons: Population,
    factors: NDArray[np.float64],
    stimulus_id: NDArray[np.str_],
    *,
    mixed: bool = False,
    seed: int = SEED,
) -> xr.DataArray:
    """Present faces three to five times each and count spikes.

    Parameters
    ----------
    neurons : Population
    factors : array of shape (n_faces, n_factors)
        Factors of the presented faces.
    stimulus_id : array of str, shape (n_faces,)
    mixed : bool
        Whether the neurons are mixed, which changes the draw of the noise but not the repeats.
    seed : int

    Returns
    -------
    recording
        Spike counts as uint8; all neurons are recorded at the same time.
    """
    repeats = np.random.default_rng([seed, 4]).choice(REPEATS, len(factors))
    face = np.repeat(np.arange(len(factors)), repeats)
    expected = neurons.expected(factors)
    counts = np.random.default_rng([seed, 5, int(mixed)]).poisson(expected[face])
    n_first = (N_NEURONS + 1) // 2
    return arrays.recording(
        counts.clip(0, 255).astype(np.uint8),
        stimulus_id=np.asarray(stimulus_id)[face],
        neuroid_id=neurons.neuroids,
        region="AM",
        animal=np.repeat(["simulated-1", "simulated-2"], [n_first, N_NEURONS - n_first]),
        attrs={"unit": "spikes in 50-350 ms", "simulated": "yes", "licence": "MIT"},
    )
