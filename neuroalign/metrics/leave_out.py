"""Errors of ridge regression without one stimulus or one group of stimuli, in closed form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics.unit_spectrum import UnitSpectrum

FloatArray = NDArray[np.float64]

#: Added to the diagonal of I − H, which is zero for a stimulus that a fit must meet exactly.
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Removal:
    """Change of ridge fits when each neuron loses one unit.

    Ridge without unit u is ridge with an infinite penalty on u. With ``M = (ZᵀZ + αI)⁻¹`` the hat matrix becomes
    ``H − v vᵀ / m``, where ``v = Z M[:, u]`` and ``m = M[u, u]``.

    Parameters
    ----------
    training : array of float64, shape (n_training, n_removed)
        v for the training stimuli.
    coordinates : array of float64, shape (K, n_removed)
        v in the coordinates of the basis.
    power : array of float64, shape (n_removed,)
        m.
    """

    training: FloatArray
    coordinates: FloatArray
    power: FloatArray

    @classmethod
    def of(cls, spectrum: UnitSpectrum, penalty: float) -> "Removal":
        """Return the change for one penalty."""
        shrink = spectrum.energy / (spectrum.energy + penalty)
        coordinates = shrink[:, None] * spectrum.removed
        inside = (spectrum.removed * coordinates).sum(axis=0)
        # The part of the unit's axis that the training stimuli do not span.
        outside = np.maximum(1.0 - (spectrum.energy[:, None] * spectrum.removed**2).sum(axis=0), 0.0)
        return cls(spectrum.basis @ coordinates, coordinates, inside + outside / penalty)


def rows_by_size(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of the groups of each size, arrays of shape (n_groups, size).

    Parameters
    ----------
    groups : array of int, shape (N,)
        Labels.
    """
    _, labels, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(labels, kind="stable")
    starts = np.cumsum(counts) - counts
    return [order[starts[counts == size][:, None] + np.arange(size)] for size in np.unique(counts)]


def squared_errors(
    spectrum: UnitSpectrum,
    neurons: FloatArray,
    coordinates: FloatArray,
    penalty: float,
    rows: list[NDArray[np.int64]],
    removal: tuple[Removal, NDArray[np.int64]] | None = None,
) -> FloatArray:
    """Return Σ(y − ŷ)² of each neuron, where ŷ is from a fit without the stimulus and its group.

    Parameters
    ----------
    spectrum : UnitSpectrum
    neurons : array of float64, shape (n_training, J)
        Centred columns.
    coordinates : array of float64, shape (K, J)
        ``spectrum.basis.T @ neurons``.
    penalty : float
        Positive.
    rows : list of arrays
        Groups of training stimuli, from :func:`rows_by_size`.
    removal : tuple of Removal and array of int, shape (J,), optional
        Change without one unit for each neuron, and the column of the removal that belongs to each neuron.

    Returns
    -------
    array of float64, shape (J,)

    Notes
    -----
    For group g the errors are ``(I − H_gg)⁻¹ (y − ŷ)_g``, with H the hat matrix of the fit with an intercept. With
    weights of the stimuli, neurons and errors are multiplied by their roots, so that the squares are weighted.
    """
    # The intercept adds this vector's product with itself to H.
    level = np.ones(len(neurons)) if spectrum.weights is None else np.sqrt(spectrum.weights)
    shrink = spectrum.energy / (spectrum.energy + penalty)
    errors: FloatArray = spectrum.basis @ (shrink[:, None] * coordinates)
    np.subtract(neurons, errors, out=errors)
    change: FloatArray | None = None
    power = np.ones(neurons.shape[1])
    if removal is not None:
        without, column = removal
        change, power = without.training[:, column], without.power[column]
        errors += change * ((without.coordinates[:, column] * coordinates).sum(axis=0) / power)
    total = np.zeros(neurons.shape[1])
    for group in rows:
        if group.shape[1] > 1:
            held_out = _without_groups(
                spectrum.basis[group], shrink, errors[group], level[group], len(neurons)
            )
            if change is not None:
                lost = change[group]
                solved = _without_groups(spectrum.basis[group], shrink, lost, level[group], len(neurons))
                share = (lost * held_out).sum(axis=1) / (power + (lost * solved).sum(axis=1))
                held_out -= solved * share[:, None]
            total += (held_out**2).sum(axis=(0, 1))
            continue
        single = slice(None) if len(group) == len(neurons) else group[:, 0]
        constant_part = level[single] ** 2 / len(neurons)
        free = np.maximum(1.0 - constant_part - (spectrum.basis[single] ** 2) @ shrink, _TINY)
        if change is not None:
            total += ((errors[single] / (free[:, None] + change[single] ** 2 / power)) ** 2).sum(axis=0)
        else:
            squares: FloatArray = errors[single]
            total += (1.0 / free**2) @ np.multiply(squares, squares, out=squares)
    return total


def _without_groups(
    basis: FloatArray, shrink: FloatArray, values: FloatArray, level: FloatArray, n: int
) -> FloatArray:
    """Solve (I − H_gg) x = values for groups of one size, (n_groups, size, J)."""
    size = basis.shape[1]
    hat = (basis * shrink) @ basis.transpose(0, 2, 1) + level[:, :, None] * level[:, None, :] / n
    return np.asarray(np.linalg.solve((1.0 + _TINY) * np.eye(size) - hat, values), dtype=np.float64)
