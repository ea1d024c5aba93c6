"""Sums of squares and products by fold: all that squared error needs to know of the data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Variance within a training set, as a share of the variance over all stimuli, below which the difference of two sums
# has lost too many digits, and the moments are computed from the data.
_DIFFERENCE_IS_POOR = 1e-4


@dataclass(frozen=True)
class UnitMoments:
    """Second moments of the units in each training set and each held-out set.

    Units are standardised with the statistics of the training set (ddof 0). The last training set is
    all stimuli.
    """

    #: Standardised over all stimuli, rows sorted by fold, (N, D).
    units: NDArray[np.float64]
    #: Row of the caller's data for each row, (N,).
    order: NDArray[np.int64]
    #: First row of each fold, and N, (n_folds + 1,).
    edges: NDArray[np.int64]
    #: Mean and standard deviation in each training set, (n_folds + 1, D); 1 where a unit does not vary.
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    #: Units that vary in each training set, (n_folds + 1, D).
    varies: NDArray[np.bool_]
    #: Correlation matrices in each training set, (n_folds + 1, D, D).
    gram: NDArray[np.float64]
    #: Sums of products over the held-out stimuli, (n_folds, D, D).
    held_out: NDArray[np.float64]

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Number of held-out stimuli of each fold, (n_folds,)."""
        return np.diff(self.edges).astype(np.float64)


@dataclass(frozen=True)
class NeuronMoments:
    """Products of a block of neurons with the units, in the same scaling as :class:`UnitMoments`."""

    #: Covariances in each training set, (n_folds + 1, J, D).
    covariance: NDArray[np.float64]
    #: Sums of products over the held-out stimuli, around the training means, (n_folds, J, D).
    held_out: NDArray[np.float64]
    #: Sums of squares of the held-out responses around the training means, (n_folds, J).
    held_out_squares: NDArray[np.float64]


def unit_moments(units: NDArray[np.float64], folds: NDArray[np.int64]) -> UnitMoments:
    """Sum the units' squares and products by fold.

    Parameters
    ----------
    units : array of float64, shape (N, D)
        Standardised over all stimuli.
    folds : array of int64, shape (N,)
        Labels 0 to n_folds - 1, each present.

    Returns
    -------
    UnitMoments
    """
    n_stimuli, n_units = units.shape
    order = np.argsort(folds, kind="stable")
    edges = np.searchsorted(folds[order], np.arange(folds.max() + 2))
    n_folds = len(edges) - 1
    units = np.ascontiguousarray(units[order])
    slices = [slice(edges[fold], edges[fold + 1]) for fold in range(n_folds)]
    sums = np.array([units[rows].sum(axis=0) for rows in slices])
    products = np.array([units[rows].T @ units[rows] for rows in slices])
    mean = np.zeros((n_folds + 1, n_units))
    deviation = np.ones((n_folds + 1, n_units))
    varies = np.ones((n_folds + 1, n_units), dtype=bool)
    gram = np.empty((n_folds + 1, n_units, n_units))
    held_out = np.empty((n_folds, n_units, n_units))
    for fold, rows in enumerate(slices):
        n_training = n_stimuli - (rows.stop - rows.start)
        mean[fold] = (sums.sum(axis=0) - sums[fold]) / n_training
        gram[fold] = (products.sum(axis=0) - products[fold]) / n_training - np.outer(mean[fold], mean[fold])
        poor = np.flatnonzero(np.diag(gram[fold]) < _DIFFERENCE_IS_POOR)
        if poor.size:
            training = np.delete(units, rows, axis=0)
            training -= training.mean(axis=0)
            gram[fold][poor] = training[:, poor].T @ training / n_training
            gram[fold][:, poor] = gram[fold][poor].T
            # What is left of a constant after its mean is taken off is rounding.
            varies[fold, poor] = np.ptp(training[:, poor], axis=0) > 1e-13
        deviation[fold] = np.sqrt(np.where(varies[fold], np.diag(gram[fold]), 1.0))
        scale = np.outer(deviation[fold], deviation[fold])
        gram[fold] /= scale
        gram[fold][~varies[fold]] = 0.0
        gram[fold][:, ~varies[fold]] = 0.0
        shifted = products[fold] - np.outer(sums[fold], mean[fold]) - np.outer(mean[fold], sums[fold])
        held_out[fold] = (shifted + (rows.stop - rows.start) * np.outer(mean[fold], mean[fold])) / scale
    gram[-1] = products.sum(axis=0) / n_stimuli
    varies[-1] = np.diag(gram[-1]) > 0.5
    return UnitMoments(units, order, edges, mean, deviation, varies, gram, held_out)


def neuron_moments(moments: UnitMoments, neurons: NDArray[np.float64]) -> NeuronMoments:
    """Sum the products of neurons with units by fold.

    Parameters
    ----------
    moments : UnitMoments
    neurons : array of float64, shape (N, J)
        Standardised over all stimuli, rows in the order of ``moments.units``. Within a fold they are
        only centred, so that a λ means the same in every fold.

    Returns
    -------
    NeuronMoments
    """
    n_folds, n_stimuli = len(moments.edges) - 1, len(neurons)
    slices = [slice(moments.edges[fold], moments.edges[fold + 1]) for fold in range(n_folds)]
    sums = np.array([neurons[rows].sum(axis=0) for rows in slices])
    squares = np.array([np.einsum("ij,ij->j", neurons[rows], neurons[rows]) for rows in slices])
    products = np.array([neurons[rows].T @ moments.units[rows] for rows in slices])
    covariance = np.empty((n_folds + 1, *products.shape[1:]))
    held_out = np.empty_like(products)
    held_out_squares = np.empty_like(squares)
    for fold, rows in enumerate(slices):
        size = rows.stop - rows.start
        unit_mean, deviation, varies = moments.mean[fold], moments.deviation[fold], moments.varies[fold]
        unit_sum = moments.units[rows].sum(axis=0)
        mean = (sums.sum(axis=0) - sums[fold]) / (n_stimuli - size)
        covariance[fold] = (products.sum(axis=0) - products[fold]) / (n_stimuli - size) - np.outer(
            mean, unit_mean
        )
        poor = np.flatnonzero(varies & (deviation**2 < _DIFFERENCE_IS_POOR))
        if poor.size:
            training = np.delete(moments.units[:, poor], rows, axis=0)
            training -= training.mean(axis=0)
            covariance[fold][:, poor] = np.delete(neurons, rows, axis=0).T @ training / (n_stimuli - size)
        covariance[fold] = np.where(varies, covariance[fold] / deviation, 0.0)
        shifted = products[fold] - np.outer(mean, unit_sum) - np.outer(sums[fold], unit_mean)
        held_out[fold] = (shifted + size * np.outer(mean, unit_mean)) / deviation
        held_out_squares[fold] = squares[fold] - 2 * mean * sums[fold] + size * mean**2
    covariance[-1] = products.sum(axis=0) / n_stimuli
    return NeuronMoments(covariance, held_out, held_out_squares)
