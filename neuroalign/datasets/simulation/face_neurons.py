"""Tuning, rates and noise of simulated neurons over measured faces.

Neuron j follows one direction of a space of faces. With s_ij the position of face i along this direction, standardised
over the faces, its expected spike count is

    μ_ij = g_j · ln(1 + exp(2 (s_ij − θ_j))),

a ramp above the threshold θ: nearly linear for a low threshold, and sparse for a high one. Counts of single
presentations are Poisson. The mean count and the variation of the mean responses are drawn for each neuron, and g and θ
follow from them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Populations and the meaning of their directions.
POPULATIONS = {
    "single": "one measured factor each",
    "appearance": "random directions in the space of shape and appearance",
    "mixed": "random mixtures of the measured factors",
}
#: Possible numbers of presentations of a face.
REPEATS = (3, 4, 5)

# Numbers of the draws beside the seed of the user.
_RATES, _PRESENTATIONS, _DIRECTIONS, _COUNTS = range(4)

# Fitted to the 90 different AM neurons of Chang & Tsao (2017): logarithm of the mean count in 250 ms, and the logarithm
# of the coefficient of variation over faces, which falls with the mean count.
_LOG_MEAN = (0.058, 1.13)
_LOG_VARIATION = (-0.114, -0.409, 0.246)  # at a mean count of 1, slope, standard deviation of the residual
# Least and largest share of the signal in the variance of the mean responses.
_RELIABILITY = (0.1, 0.95)
_THRESHOLDS = (-20.0, 4.0)
_HALVINGS = 30


@dataclass(frozen=True, eq=False)
class Rates:
    """Mean count and variation of neurons.

    Parameters
    ----------
    mean : array of shape (n_neurons,), float64
        Mean spike count over faces.
    variation : array of shape (n_neurons,), float64
        Standard deviation of the expected counts over faces, divided by the mean count.
    """

    mean: FloatArray
    variation: FloatArray


def draw_rates(n_neurons: int, *, seed: int) -> Rates:
    """Draw the mean count and the variation of neurons.

    Parameters
    ----------
    n_neurons : int
    seed : int

    Returns
    -------
    Rates

    Notes
    -----
    The coefficient of variation is drawn for recorded mean responses, which have Poisson noise of
    variance mean / n for n presentations. The noise is subtracted.
    """
    rng = np.random.default_rng([seed, _RATES])
    log_mean = _LOG_MEAN[0] + _LOG_MEAN[1] * rng.standard_normal(n_neurons)
    at_one, slope, residual = _LOG_VARIATION
    measured = np.exp(at_one + slope * log_mean + residual * rng.standard_normal(n_neurons))
    mean = np.exp(log_mean)
    noise = np.mean(1 / np.array(REPEATS)) / mean
    reliability = np.clip(1 - noise / measured**2, *_RELIABILITY)
    return Rates(mean, np.sqrt(reliability) * measured)


def single_directions(n_neurons: int, n_factors: int, *, seed: int) -> FloatArray:
    """Draw directions along single factors, each factor with as many neurons as the others, and random signs.

    Parameters
    ----------
    n_neurons, n_factors : int
    seed : int

    Returns
    -------
    array of shape (n_neurons, n_factors), float64
        One entry of each row is 1 or -1.
    """
    rng = np.random.default_rng([seed, _DIRECTIONS, 0])
    rounds = -(-n_neurons // n_factors)
    factors = np.concatenate([rng.permutation(n_factors) for _ in range(rounds)])[:n_neurons]
    directions = np.zeros((n_neurons, n_factors))
    directions[np.arange(n_neurons), factors] = rng.choice((-1.0, 1.0), n_neurons)
    return directions


def random_directions(n_neurons: int, n_axes: int, *, seed: int, stream: int) -> FloatArray:
    """Draw directions of unit length that are uniform on the sphere.

    Parameters
    ----------
    n_neurons, n_axes : int
    seed : int
    stream : int
        Number of the draw, so that one seed gives independent directions.

    Returns
    -------
    array of shape (n_neurons, n_axes), float64
        Directions, rounded to the six decimals of their file.
    """
    rng = np.random.default_rng([seed, _DIRECTIONS, stream])
    directions = rng.standard_normal((n_neurons, n_axes))
    return (directions / np.linalg.norm(directions, axis=1, keepdims=True)).round(6)


def standardise_columns(values: FloatArray) -> FloatArray:
    """Return columns of mean 0 and standard deviation 1 (ddof 0); a constant column becomes 0."""
    centred = values - values.mean(axis=0)
    sd = centred.std(axis=0)
    scaled: FloatArray = np.divide(centred, sd, out=np.zeros_like(centred), where=sd > 0)
    return scaled


def expected_counts(positions: FloatArray, rates: Rates) -> FloatArray:
    """Return the expected spike counts of neurons with given means and variation.

    Parameters
    ----------
    positions : array of shape (n_faces, n_neurons), float64
        Standardised position of each face along the direction of each neuron.
    rates : Rates

    Returns
    -------
    array of shape (n_faces, n_neurons), float64
        μ. The threshold is found by bisection, since the variation of a ramp rises with its threshold.
    """
    low, high = (np.full(positions.shape[1], edge) for edge in _THRESHOLDS)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        ramp = _ramp(positions, middle)
        is_low = ramp.std(axis=0) < rates.variation * ramp.mean(axis=0)
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    ramp = _ramp(positions, low)
    return ramp * (rates.mean / ramp.mean(axis=0))


def _ramp(positions: FloatArray, thresholds: FloatArray) -> FloatArray:
    ramp: FloatArray = np.logaddexp(0, 2 * (positions - thresholds))
    return ramp


def draw_presentations(n_faces: int, *, seed: int) -> NDArray[np.int64]:
    """Draw the number of presentations of each face, 3 to 5, shape (n_faces,)."""
    return np.random.default_rng([seed, _PRESENTATIONS]).choice(np.array(REPEATS, dtype=np.int64), n_faces)


def draw_counts(
    expected: FloatArray, presentations: NDArray[np.int64], *, seed: int, population: str
) -> NDArray[np.uint16]:
    """Draw spike counts of single presentations.

    Parameters
    ----------
    expected : array of shape (n_faces, n_neurons), float64
    presentations : array of shape (n_faces,), int64
    seed : int
    population : str
        Key of :data:`POPULATIONS`; each has a draw of its own.

    Returns
    -------
    array of shape (n_presentations, n_neurons), uint16
        Rows in the order of the faces, all presentations of a face together.
    """
    rng = np.random.default_rng([seed, _COUNTS, list(POPULATIONS).index(population)])
    counts = rng.poisson(np.repeat(expected, presentations, axis=0))
    return counts.clip(0, np.iinfo(np.uint16).max).astype(np.uint16)
