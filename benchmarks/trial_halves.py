"""Random halves of the trials of each stimulus, for ceilings of scores that compare populations."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def halve_trials(trials: FloatArray, *, n_splits: int, seed: int) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield random halves of trials.

    Parameters
    ----------
    trials : array of float64, shape (N, R, J)
        NaN for missing trials. All neurons have two trials of each stimulus at least.
    n_splits : int
        Number of halvings.
    seed : int
        Seed of the halvings.

    Yields
    ------
    first, second : arrays of float64, shape (N, R // 2, J)
        Trials of the halves, NaN for missing trials. A stimulus with an odd number of trials loses one. Where no trial
        is missing, all stimuli have the same repetitions in a half, so that noise which the stimuli of a repetition
        share does not join the halves.
    """
    rng = np.random.default_rng(seed)
    n_stimuli, n_repetitions, _ = trials.shape
    size = n_repetitions // 2
    present = ~np.isnan(trials)
    for _ in range(n_splits):
        if present.all():
            order = rng.permutation(n_repetitions)
            yield trials[:, order[:size]], trials[:, order[size : 2 * size]]
            continue
        keys = np.where(present, rng.random((n_stimuli, n_repetitions))[:, :, None], np.inf)
        rank = keys.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        halves = (present.sum(axis=1) // 2)[:, None]
        chosen = (rank < halves), (rank >= halves) & (rank < 2 * halves)
        yield tuple(_compact(np.where(mask, trials, np.nan), size) for mask in chosen)  # type: ignore[misc]


def _compact(trials: FloatArray, size: int) -> FloatArray:
    """Move missing trials of each stimulus and neuron to the end, and keep the first `size` repetitions."""
    order = np.argsort(np.isnan(trials), axis=1, kind="stable")
    return np.take_along_axis(trials, order, axis=1)[:, : max(size, 1)]


def enough_trials(trials: FloatArray, least: int = 2) -> NDArray[np.bool_]:
    """Return a mask of the stimuli with a number of trials of every neuron, (N,)."""
    return np.asarray(((~np.isnan(trials)).sum(axis=1) >= least).all(axis=1))


def gain_of_halves(trials: FloatArray) -> float:
    """Return by how much the variance of the noise of half the trials exceeds the variance of the noise of all."""
    counts = (~np.isnan(trials)).sum(axis=1)
    return float((1.0 / (counts // 2)).mean() / (1.0 / counts).mean())


def extend_correlation(r: float, gain: float) -> float:
    """Extend the correlation of two halves to all trials by the Spearman-Brown formula.

    Parameters
    ----------
    r : float
    gain : float
        See :func:`gain_of_halves`; 2 for even numbers of trials.

    References
    ----------
    Spearman (1910), Br. J. Psychol. 3:271; Brown (1910), Br. J. Psychol. 3:296.
    """
    return gain * r / (1 + (gain - 1) * abs(r))
