"""Pixel energy of each generative factor, and its separability from the other factors.

A β-VAE sums a Bernoulli log-likelihood over pixels and pays β nats for each nat of KL, so it learns a factor only if
the factor changes enough pixels. It turns its latents towards the principal axes of the local derivative of the
decoder. It therefore separates factors if these axes are the factors: if factors change different pixels, or have
different strength where they change the same pixels.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from neuroalign.datasets.simulation.factors import FACTORS, draw_factors
from neuroalign.datasets.simulation.renderer import render

SIZE = 64
_LEVELS = 5
_SEED = 64
# Half of the step of the local derivative: about the standard deviation of a posterior.
_STEP = 0.35


def pixel_energy(*, n_faces: int = 40, seed: int = _SEED) -> pd.DataFrame:
    """Measure the pixel energy of every factor, its overlap with other factors, and its share of an axis.

    Parameters
    ----------
    n_faces : int
        Number of random faces over which the values are averaged.
    seed : int
        Seed of the random faces.

    Returns
    -------
    pandas.DataFrame
        One row for each factor. Columns: ``nats`` (sum over 64 × 64 pixels of the variance over the range of the
        factor divided by 2p(1 − p), where p is the mean pixel within [.02, .98]); ``largest_cosine`` (cosine between
        the mean difference images of this and another factor, the largest in absolute value); ``with_factor`` (the
        other factor); and ``axis_share`` (squared component along the factor of the principal axis of the local
        derivative that is assigned to it, in units of nats; 1 if the axis is the factor).

    References
    ----------
    Rolinek, Zietlow & Martius (2019), "Variational autoencoders pursue PCA directions (by accident)".
    """
    nats = np.zeros(len(FACTORS))
    shares = np.zeros(len(FACTORS))
    differences = np.zeros((len(FACTORS), SIZE * SIZE))
    for face in draw_factors(n_faces, seed=seed):
        for number in range(len(FACTORS)):
            images = sweep(face, number)
            mean = np.clip(images.mean(axis=0), 0.02, 0.98)
            nats[number] += np.sum(images.var(axis=0) / (2 * mean * (1 - mean))) / n_faces
            levels = _levels() - _levels().mean()
            differences[number] += levels @ images / (levels @ levels) / n_faces
        shares += axis_shares(face) / n_faces
    unit = differences / np.linalg.norm(differences, axis=1, keepdims=True)
    cosines = unit @ unit.T - np.eye(len(FACTORS))
    other = np.abs(cosines).argmax(axis=1)
    return pd.DataFrame(
        {
            "nats": nats.round(1),
            "largest_cosine": cosines[np.arange(len(FACTORS)), other].round(2),
            "with_factor": np.array(FACTORS)[other],
            "axis_share": shares.round(2),
        },
        index=pd.Index(FACTORS, name="factor"),
    )


def sweep(face: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Draw a face with one factor at equally likely levels, shape (n_levels, n_pixels)."""
    faces = np.repeat(face[None], _LEVELS, axis=0)
    faces[:, number] = _levels()
    return _draw(faces)


def axis_shares(face: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each factor its share of a local principal axis around a face, shape (n_factors,)."""
    steps = _STEP * np.eye(len(FACTORS))
    # Steps from this centre stay within the range of all factors for every face.
    centre = face * (1 - _STEP)
    mean = np.clip(_draw(centre[None])[0], 0.02, 0.98)
    derivative = (_draw(centre + steps) - _draw(centre - steps)) / np.sqrt(2 * mean * (1 - mean))
    _, axes = np.linalg.eigh(derivative @ derivative.T)
    squared = axes**2
    factors, assigned = linear_sum_assignment(squared, maximize=True)
    return squared[factors, assigned]


def _draw(faces: NDArray[np.float64]) -> NDArray[np.float64]:
    images = [render(face, size=SIZE, supersampling=3).ravel() for face in faces]
    return np.stack(images).astype(np.float64)


def _levels() -> NDArray[np.float64]:
    # Midpoints of equal parts, stretched to the variance of the uniform distribution.
    middle = (np.arange(_LEVELS) + 0.5) / _LEVELS * 2 - 1
    return middle / np.sqrt(3 * np.mean(middle**2))
