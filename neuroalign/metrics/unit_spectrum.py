"""Spectral form of the units of training stimuli, from the smaller of their two Gram matrices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics.inputs import constant_columns

FloatArray = NDArray[np.float64]

#: Columns of wide layers that are scaled at a time.
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class UnitSpectrum:
    """Singular vectors of the centred units of training stimuli, and the coordinates of test stimuli.

    Parameters
    ----------
    basis : array of float64, shape (n_training, K)
        Left singular vectors, K = rank.
    energy : array of float64, shape (K,)
        Squared singular values, descending.
    new : array of float64, shape (n_test, K)
        Test stimuli in the coordinates of `basis`.
    removed : array of float64, shape (K, n_removed)
        Coordinates of the units that some neuron must not use: ``basis @ (energy · removed)`` is the unit.
    removed_test : array of float64, shape (n_test, n_removed)
        These units for the test stimuli, centred and scaled as in training.
    weights : array of float64, shape (n_training,), optional
        Weights of the training stimuli, with a mean of 1. `basis` is then the basis of units with rows that are
        multiplied by the roots of the weights.
    """

    basis: FloatArray
    energy: FloatArray
    new: FloatArray
    removed: FloatArray
    removed_test: FloatArray
    weights: FloatArray | None = None


def unit_spectrum(
    units: FloatArray,
    training: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    standardise: bool,
    removed: NDArray[np.int64],
    weights: FloatArray | None = None,
) -> UnitSpectrum:
    """Decompose the units of training stimuli, centred and scaled by training statistics.

    Parameters
    ----------
    units : array of float64, shape (N, D)
    training, test : arrays of int
        Rows.
    standardise : bool
        Whether units have unit variance in training; units without variance in training become zero.
    removed : array of int, shape (n_removed,)
        Columns with coordinates in :attr:`UnitSpectrum.removed`.
    weights : array of float64, shape (n_training,), optional
        Weights of the training stimuli, with a mean of 1; by default all are equal.

    Notes
    -----
    With more units than training stimuli only matrices of stimuli × stimuli are formed, from blocks of columns.
    """
    n_units = units.shape[1]
    if n_units <= training.size:
        seen, new = scaled_units(units, training, test, slice(None), standardise, weights)
        energy, directions = np.linalg.eigh(seen.T @ seen)
        keep = _positive(energy, units.shape)
        energy, directions = energy[keep][::-1], directions[:, keep][:, ::-1]
        to_basis = directions / np.sqrt(energy)
        return UnitSpectrum(
            seen @ to_basis, energy, new @ to_basis, to_basis[removed].T, new[:, removed], weights
        )
    gram = np.zeros((training.size, training.size))
    cross = np.zeros((test.size, training.size))
    for start in range(0, n_units, _CHUNK):
        seen, new = scaled_units(units, training, test, slice(start, start + _CHUNK), standardise, weights)
        gram += seen @ seen.T
        cross += new @ seen.T
    energy, basis = np.linalg.eigh(gram)
    keep = _positive(energy, units.shape)
    energy, basis = energy[keep][::-1], basis[:, keep][:, ::-1]
    per_energy = basis / energy
    seen, new = scaled_units(units, training, test, removed, standardise, weights)
    return UnitSpectrum(basis, energy, cross @ per_energy, per_energy.T @ seen, new, weights)


def _positive(energy: FloatArray, shape: tuple[int, int]) -> NDArray[np.bool_]:
    return energy > max(shape) * np.finfo(np.float64).eps * max(float(energy[-1]), 0.0)


def scaled_units(
    units: FloatArray,
    training: NDArray[np.int64],
    test: NDArray[np.int64],
    columns: slice | NDArray[np.int64],
    standardise: bool,
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return columns of the training and of the test stimuli, with training statistics.

    With weights, the statistics are weighted, and the training stimuli are multiplied by the roots of their weights.
    """
    chosen = units[:, columns]
    seen, new = chosen[training], chosen[test]
    constant = constant_columns(seen)
    mean = seen.mean(axis=0) if weights is None else weights @ seen / weights.size
    seen, new = seen - mean, new - mean
    if weights is not None:
        seen = seen * np.sqrt(weights)[:, None]
    scale = np.ones(seen.shape[1])
    if standardise:
        scale = np.where(constant, 1.0, np.sqrt((seen**2).mean(axis=0)))
    scale = np.where(constant, np.inf, scale)
    return seen / scale, new / scale
