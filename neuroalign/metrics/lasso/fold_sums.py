"""Sums of squares and products of units and neurons by fold.

Squared errors depend on the data only through the size n_f, the mean m_f and the scatter S_f around that mean of each
fold f. The scatter of a training set of several folds is ::

    S = Σ_f S_f + Σ_f n_f (m_f − m)(m_f − m)ᵀ,     m = Σ_f n_f m_f / Σ_f n_f

and the scatter of a held-out fold around the mean of a training set is S_f + n_f (m_f − m)(m_f − m)ᵀ. Sums are only
added, never subtracted from a total: subtraction would lose digits where a training set varies little and a held-out
stimulus lies far out.

References
----------
Chan, Golub & LeVeque (1983), Am. Stat. 37:242.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics.inputs import no_variance, standardise

# A variance in a training set below this share of the variance over all stimuli is rounding.
_ROUNDING = 1e-26
#: Correlations of all training sets stay in memory up to this size; beyond it each is computed again for each block.
KEPT_BYTES = 1 << 28
#: With more units than this each neuron uses few of them, and products leave out the others.
DENSE_UNITS = 640


@dataclass(frozen=True)
class UnitSums:
    """Sums of the units in each fold, standardised over all stimuli (ddof 0)."""

    #: Units around their mean in the fold, rows sorted by fold, (N, D); without rows where sums are derived from other
    #: sums.
    centred: NDArray[np.float64]
    #: Row of the caller's data for each row, (N,).
    order: NDArray[np.int64]
    #: Rows of each fold.
    rows: list[slice]
    #: Number of stimuli in each fold, (n_folds,).
    sizes: NDArray[np.float64]
    #: Means, (n_folds, D).
    mean: NDArray[np.float64]
    #: Products around the mean, (n_folds, D, D).
    scatter: NDArray[np.float64]
    #: Smallest and largest value in each fold, on the caller's scale, (n_folds, D).
    smallest: NDArray[np.float64]
    largest: NDArray[np.float64]


@dataclass(frozen=True)
class NeuronSums:
    """Sums of a block of neurons in each fold, standardised over all stimuli."""

    #: Means, (n_folds, J).
    mean: NDArray[np.float64]
    #: Squares around the mean, (n_folds, J).
    squares: NDArray[np.float64]
    #: Products with the units, both around their means, (n_folds, J, D).
    products: NDArray[np.float64]
    #: Responses around the mean of the fold, rows as in the units, (N, J); None if they are not available.
    centred: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class TrainingSets:
    """Moments of the units in sets of folds; each set standardises the units with its own statistics."""

    #: 1 where a fold belongs to a set, else 0, (n_sets, n_folds).
    members: NDArray[np.float64]
    #: Number of stimuli, (n_sets,).
    sizes: NDArray[np.float64]
    #: Mean and standard deviation, (n_sets, D); the deviation is 1 where a unit does not vary.
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    #: Units that vary, (n_sets, D).
    varies: NDArray[np.bool_]
    units: UnitSums
    #: Correlations in each set, (n_sets, D, D), or None where they would exceed KEPT_BYTES.
    grams: NDArray[np.float64] | None

    def gram(self, index: int) -> NDArray[np.float64]:
        """Return the correlations in a set, zero for units that do not vary, (D, D)."""
        if self.grams is not None:
            kept: NDArray[np.float64] = self.grams[index]
            return kept
        return _gram(
            self.units, self.members[index], self.mean[index], self.deviation[index], self.varies[index]
        )


@dataclass(frozen=True)
class HeldOut:
    """Sums over a held-out fold around the means of a training set, units standardised as in that set.

    With many units the fold itself takes the place of its sums, which would be larger.
    """

    #: Products of units, (D, D); empty where the fold itself is given.
    units: NDArray[np.float64]
    #: Products of neurons and units, (J, D).
    products: NDArray[np.float64]
    #: Squares of neurons, (J,).
    squares: NDArray[np.float64]
    #: Units, (D, n), and neurons, (J, n), for each stimulus of the fold; None where the sums are given.
    stimuli: NDArray[np.float64] | None = None
    responses: NDArray[np.float64] | None = None


def unit_sums(units: NDArray[np.float64], folds: NDArray[np.int64]) -> UnitSums:
    """Sum the units by fold.

    Parameters
    ----------
    units : array of float64, shape (N, D)
        On any scale; each must vary.
    folds : array of int64, shape (N,)
        Labels 0 to n_folds - 1, each present.

    Returns
    -------
    UnitSums
    """
    order = np.argsort(folds, kind="stable")
    edges = np.searchsorted(folds[order], np.arange(folds.max() + 2))
    rows = [slice(*bounds) for bounds in pairwise(edges)]
    ordered = units[order]
    centred = standardise(units)[order]
    mean = np.array([centred[fold].mean(axis=0) for fold in rows])
    for fold, fold_mean in zip(rows, mean, strict=True):
        centred[fold] -= fold_mean
    # Filled in one by one: the matrices may fill the memory.
    scatter = np.empty((len(rows), units.shape[1], units.shape[1]))
    for fold, of_fold in zip(rows, scatter, strict=True):
        np.matmul(centred[fold].T, centred[fold], out=of_fold)
    return UnitSums(
        centred,
        order,
        rows,
        np.diff(edges).astype(np.float64),
        mean,
        scatter,
        smallest=np.array([ordered[fold].min(axis=0) for fold in rows]),
        largest=np.array([ordered[fold].max(axis=0) for fold in rows]),
    )


def neuron_sums(units: UnitSums, neurons: NDArray[np.float64]) -> NeuronSums:
    """Sum neurons, and their products with the units, by fold.

    Parameters
    ----------
    units : UnitSums
    neurons : array of float64, shape (N, J)
        Standardised over all stimuli, rows in the order of the caller's data. In a training set neurons
        are only centred, so that a λ means the same in every training set.

    Returns
    -------
    NeuronSums
    """
    centred = neurons[units.order]
    mean = np.array([centred[fold].mean(axis=0) for fold in units.rows])
    for fold, fold_mean in zip(units.rows, mean, strict=True):
        centred[fold] -= fold_mean
    return NeuronSums(
        mean,
        squares=np.array([np.einsum("ij,ij->j", centred[fold], centred[fold]) for fold in units.rows]),
        products=np.array([centred[fold].T @ units.centred[fold] for fold in units.rows]),
        centred=centred,
    )


def training_sets(units: UnitSums, without: Sequence[tuple[int, ...]]) -> TrainingSets:
    """Add up the folds of training sets.

    Parameters
    ----------
    units : UnitSums
    without : sequence of tuples of int
        The folds that each set leaves out.

    Returns
    -------
    TrainingSets
    """
    members = np.ones((len(without), len(units.rows)))
    for index, left_out in enumerate(without):
        members[index, list(left_out)] = 0.0
    sizes = members @ units.sizes
    mean = (members * units.sizes) @ units.mean / sizes[:, None]
    varies = np.empty(mean.shape, dtype=bool)
    variance = members @ np.array([np.diag(scatter) for scatter in units.scatter])
    for index, kept in enumerate(members > 0):
        shift = units.mean[kept] - mean[index]
        variance[index] = (variance[index] + units.sizes[kept] @ shift**2) / sizes[index]
        varies[index] = ~no_variance(units.smallest[kept].min(axis=0), units.largest[kept].max(axis=0))
    varies &= variance > _ROUNDING
    deviation = np.sqrt(np.where(varies, variance, 1.0))
    grams = None
    if len(without) * units.scatter[0].nbytes <= KEPT_BYTES:
        grams = np.array(
            [_gram(units, *moments) for moments in zip(members, mean, deviation, varies, strict=True)]
        )
    return TrainingSets(members, sizes, mean, deviation, varies, units, grams)


def _gram(
    units: UnitSums,
    members: NDArray[np.float64],
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    varies: NDArray[np.bool_],
) -> NDArray[np.float64]:
    kept = members > 0
    shift = (units.mean[kept] - mean) / deviation
    gram: NDArray[np.float64] = (units.sizes[kept, None] * shift).T @ shift
    if deviation.size > DENSE_UNITS:
        # Divided once: fewer passes over a large matrix.
        scatter = np.zeros_like(gram)
        for fold in np.flatnonzero(kept):
            scatter += units.scatter[fold]
        scatter /= deviation
        scatter /= deviation[:, None]
        gram += scatter
    else:
        for fold in np.flatnonzero(kept):
            gram += units.scatter[fold] / deviation / deviation[:, None]
    gram /= members @ units.sizes
    gram[~varies] = 0.0
    gram[:, ~varies] = 0.0
    return gram


def covariances(
    units: UnitSums, neurons: NeuronSums, sets: TrainingSets
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the covariances of neurons with units in each training set, (n_sets, J, D), and the neurons' means.

    The means are of shape (n_sets, J); units are standardised as in :class:`TrainingSets`.
    """
    mean = (sets.members * units.sizes) @ neurons.mean / sets.sizes[:, None]
    covariance = np.tensordot(sets.members, neurons.products, axes=1)
    for index, kept in enumerate(sets.members > 0):
        shift = (neurons.mean[kept] - mean[index]) * units.sizes[kept, None]
        covariance[index] += shift.T @ (units.mean[kept] - sets.mean[index])
        covariance[index] /= sets.sizes[index] * sets.deviation[index]
        covariance[index][:, ~sets.varies[index]] = 0.0
    return covariance, mean


def held_out(
    units: UnitSums,
    neurons: NeuronSums,
    sets: TrainingSets,
    neuron_mean: NDArray[np.float64],
    index: int,
    fold: int,
) -> HeldOut:
    """Return the sums over a held-out fold around the means of a training set.

    Parameters
    ----------
    units, neurons, sets
    neuron_mean : array of float64, shape (n_sets, J)
        Means of the neurons in the training sets; see :func:`covariances`.
    index : int
        Index of the training set.
    fold : int
        Index of the held-out fold.

    Returns
    -------
    HeldOut
    """
    size, deviation = units.sizes[fold], sets.deviation[index]
    unit_shift = units.mean[fold] - sets.mean[index]
    neuron_shift = neurons.mean[fold] - neuron_mean[index]
    rows = units.rows[fold]
    if deviation.size > DENSE_UNITS and neurons.centred is not None and size < deviation.size:
        return HeldOut(
            np.empty((0, 0)),
            np.empty((0, 0)),
            np.empty(0),
            np.ascontiguousarray(((units.centred[rows] + unit_shift) / deviation).T),
            (neurons.centred[rows] + neuron_shift).T,
        )
    return HeldOut(
        (units.scatter[fold] + size * np.outer(unit_shift, unit_shift)) / np.outer(deviation, deviation),
        (neurons.products[fold] + size * np.outer(neuron_shift, unit_shift)) / deviation,
        neurons.squares[fold] + size * neuron_shift**2,
    )
