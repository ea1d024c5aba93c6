"""Gaussian cloud with the mean and the covariance of given directions."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Draws behind the moments of the directions of a Gaussian.
N_DRAWS = 4_000
_N_STEPS = 40


def match_directions(directions: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Find a Gaussian such that its draws, scaled to length 1, have the mean and the covariance of given directions.

    Parameters
    ----------
    directions : array of float64, shape (n, K)
        Vectors of length 1.
    rng : numpy.random.Generator
        Generator of the draws.

    Returns
    -------
    mean : array of float64, shape (K,)
    root : array of float64, shape (K, K)
        ``mean + g @ root`` is a draw, for a row g of K independent standard normal numbers.

    Notes
    -----
    The covariance of tuning vectors does not give the covariance of their directions: their lengths are bounded, since
    neurons have unit variance, and depend on the noise of each neuron. A Gaussian with the covariance of vectors of
    equal length is less elongated, in its directions, than the vectors are. The moments of the scaled draws, with the
    same random numbers in each step, are therefore matched by fixed-point iteration.
    """
    n_dimensions = directions.shape[1]
    gaussian = rng.standard_normal((N_DRAWS // 2, n_dimensions))
    gaussian = np.vstack([gaussian, -gaussian])
    wanted_mean = directions.mean(axis=0)
    wanted = np.atleast_2d(np.cov(directions, rowvar=False, ddof=0)) + 1e-9 * np.eye(n_dimensions)
    mean: FloatArray = np.asarray(wanted_mean, dtype=np.float64)
    root: FloatArray = np.asarray(np.linalg.cholesky(wanted).T, dtype=np.float64)
    for _ in range(_N_STEPS):
        draws = mean + gaussian @ root
        draws /= np.linalg.norm(draws, axis=1, keepdims=True)
        reached = np.atleast_2d(np.cov(draws, rowvar=False, ddof=0)) + 1e-9 * np.eye(n_dimensions)
        scale = float(np.sqrt((root**2).sum()))
        mean = mean + scale * (wanted_mean - draws.mean(axis=0))
        root = root @ np.linalg.inv(_square_root(reached)) @ _square_root(wanted)
        mean, root = mean / scale, root / scale
    return mean, root


def _square_root(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    root: FloatArray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
