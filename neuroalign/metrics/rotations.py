"""Random rotations of the units of a model, by their principal coordinates."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Rotations:
    """Haar rotations of units, drawn without a matrix of units × units.

    Units Z, centred, have the principal coordinates A with Z = A·V'. For a Haar matrix Q the product V'·Q has the
    distribution of the first rows of a Haar matrix, so that A times such rows has the distribution of Z·Q. The
    coordinates do not depend on the order of the units, and neither do the draws.

    Parameters
    ----------
    units : array of float64, shape (N, D)
        Units of the model, stimuli in rows.
    seed : int
        Seed of the draws.

    Attributes
    ----------
    coordinates : array of float64, shape (N, K)
        A, in descending order of variance; K is the rank of the units.

    Examples
    --------
    A rotation keeps the distances of the stimuli:

    >>> units = np.random.default_rng(0).standard_normal((6, 3))
    >>> rotated = Rotations(units, seed=0).rotated(0)
    >>> centred = units - units.mean(axis=0)
    >>> np.allclose(rotated @ rotated.T, centred @ centred.T)
    True
    """

    def __init__(self, units: FloatArray, *, seed: int = 0) -> None:
        centred = units - units.mean(axis=0)
        self.n_units = units.shape[1]
        self.seed = seed
        self.coordinates = _principal_coordinates(centred)

    def rows(self, rotation: int) -> FloatArray:
        """Return the first K rows of a random rotation, shape (K, D).

        Parameters
        ----------
        rotation : int
            Number of the draw; a draw does not depend on the other draws.
        """
        rng = np.random.default_rng([self.seed, rotation])
        gaussian = rng.standard_normal((self.n_units, self.coordinates.shape[1]))
        q, r = np.linalg.qr(gaussian)
        # The signs of R's diagonal make the distribution uniform (Mezzadri 2007).
        rows: FloatArray = (q * np.where(np.diag(r) < 0, -1.0, 1.0)).T
        return rows

    def rotated(self, rotation: int) -> FloatArray:
        """Return the rotated units, centred, shape (N, D)."""
        rotated: FloatArray = self.coordinates @ self.rows(rotation)
        return rotated


class RectifiedRotations:
    """Rotations of the inputs of rectified units, followed by the rectification.

    A rotated input keeps the threshold of its unit in standard deviations: it is centred, rotated, and shifted by
    the mean of a unit's input, measured in the standard deviation of that input. Rotated units are therefore active
    about as often as the units of the model. The shifts go to the rotated units in ascending order, so that the draws
    do not depend on the order of the units.

    Parameters
    ----------
    before : array of float64, shape (N, D)
        Inputs of the rectification; each varies.
    seed : int
        Seed of the draws.
    """

    def __init__(self, before: FloatArray, *, seed: int = 0) -> None:
        self.inputs = Rotations(before, seed=seed)
        self.shifts = np.sort(before.mean(axis=0) / before.std(axis=0))

    def rotated(self, rotation: int) -> FloatArray:
        """Return the rotated and rectified units, shape (N, D)."""
        rotated = self.inputs.rotated(rotation)
        rectified: FloatArray = np.maximum(rotated + self.shifts * rotated.std(axis=0), 0.0)
        return rectified


def _principal_coordinates(centred: FloatArray) -> FloatArray:
    """Return the principal coordinates, strongest first; the largest entry of a column is positive."""
    n_stimuli, n_units = centred.shape
    # The smaller of the two Gram matrices.
    if n_units <= n_stimuli:
        energy, directions = np.linalg.eigh(centred.T @ centred)
    else:
        energy, basis = np.linalg.eigh(centred @ centred.T)
    keep = energy > max(centred.shape) * np.finfo(np.float64).eps * max(float(energy[-1]), 0.0)
    if n_units <= n_stimuli:
        coordinates = centred @ directions[:, keep][:, ::-1]
    else:
        coordinates = basis[:, keep][:, ::-1] * np.sqrt(energy[keep][::-1])
    largest = np.abs(coordinates).argmax(axis=0)
    signs = np.sign(coordinates[largest, np.arange(coordinates.shape[1])])
    oriented: FloatArray = coordinates * signs
    return oriented
