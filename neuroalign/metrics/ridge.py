"""Ridge regression of many neurons, with held-out predictions in closed form, and its reduced-rank form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide

FloatArray = NDArray[np.float64]

#: Penalties, as shares of the number of stimuli; units have unit variance.
PENALTIES: FloatArray = np.logspace(-4, 3, 15)


class Ridge:
    """Spectral form of ridge regression on one set of units: a new penalty costs one product instead of a fit.

    Parameters
    ----------
    units : array of float64, shape (N, D)
        Centred columns.

    Attributes
    ----------
    basis : array of float64, shape (N, K)
        Left singular vectors of the units, K = rank.
    energy : array of float64, shape (K,)
        Squared singular values, descending.
    to_units : array of float64, shape (D, K)
        Maps units to coordinates: ``units @ to_units = basis``.
    """

    def __init__(self, units: FloatArray) -> None:
        n_stimuli, n_units = units.shape
        # The smaller of the two Gram matrices: weights of D × J are never formed for wide layers.
        if n_units <= n_stimuli:
            energy, directions = np.linalg.eigh(units.T @ units)
        else:
            energy, basis = np.linalg.eigh(units @ units.T)
        keep = energy > max(units.shape) * np.finfo(np.float64).eps * max(float(energy[-1]), 0.0)
        self.energy = energy[keep][::-1]
        if n_units <= n_stimuli:
            self.to_units = directions[:, keep][:, ::-1] / np.sqrt(self.energy)
            self.basis = units @ self.to_units
        else:
            self.basis = basis[:, keep][:, ::-1]
            self.to_units = units.T @ (self.basis / self.energy)

    def shrinkage(self, penalty: float) -> FloatArray:
        """Return the factors by which a penalty shrinks the coordinates, shape (K,)."""
        return self.energy / (self.energy + penalty)


def held_out_r2(ridge: Ridge, neurons: FloatArray, *, groups: ArrayLike | None = None) -> FloatArray:
    """Return the leave-one-out R² of the best penalty of each neuron.

    Parameters
    ----------
    ridge : Ridge
    neurons : array of float64, shape (N, J)
        Centred columns.
    groups : array of int, shape (N,), optional
        Labels 0 to n - 1; the stimuli of a group are left out together.

    Returns
    -------
    array of float64, shape (J,)
        ``1 − Σ(held-out error)² / Σ y²``; at most 0 where no penalty predicts the neuron. NaN without variance.
    """
    n_stimuli = len(neurons)
    coordinates = ridge.basis.T @ neurons
    total = (neurons**2).sum(axis=0)
    best = np.full(neurons.shape[1], -np.inf)
    for penalty in PENALTIES * n_stimuli:
        shrink = ridge.shrinkage(penalty)
        errors = neurons - ridge.basis @ (shrink[:, None] * coordinates)
        if groups is None or np.unique(groups).size == n_stimuli:
            leverage = (ridge.basis**2) @ shrink + 1.0 / n_stimuli
            held_out = errors / np.maximum(1.0 - leverage, 1e-12)[:, None]
        else:
            held_out = _without_groups(ridge.basis, shrink, errors, np.asarray(groups))
        best = np.maximum(best, -(held_out**2).sum(axis=0))
    return 1.0 + divide(best, total, otherwise=np.nan)


def _without_groups(
    basis: FloatArray, shrink: FloatArray, errors: FloatArray, groups: NDArray[np.int64]
) -> FloatArray:
    """Solve (I − H_gg) e = errors_g for each group, where H is the hat matrix with an intercept."""
    held_out = np.empty_like(errors)
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        hat = (basis[rows] * shrink) @ basis[rows].T + 1.0 / len(errors)
        held_out[rows] = np.linalg.lstsq(np.eye(rows.size) - hat, errors[rows], rcond=None)[0]
    return held_out


@dataclass(frozen=True, eq=False)
class ReducedRankRidge:
    """Result of :func:`reduced_rank_ridge`.

    Parameters
    ----------
    prediction : array of float64, shape (N, J)
        Fitted signal.
    rank : int
    penalty : float
        As a share of the number of stimuli.
    """

    prediction: FloatArray
    rank: int
    penalty: float


def reduced_rank_ridge(units: FloatArray, neurons: FloatArray, folds: NDArray[np.int64]) -> ReducedRankRidge:
    """Fit a ridge regression of reduced rank; rank and penalty by cross-validation of the total squared error.

    Parameters
    ----------
    units : array of float64, shape (N, D)
    neurons : array of float64, shape (N, J)
        Standardised columns, so that all neurons count alike.
    folds : array of int, shape (N,)

    Returns
    -------
    ReducedRankRidge
        Rank 0 with a prediction of zeros if no rank and penalty predict better than the mean.

    References
    ----------
    Mukherjee & Zhu (2011), Stat. Anal. Data Min. 4:612.
    """
    errors: FloatArray | None = None
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        unit_mean, neuron_mean = units[train].mean(axis=0), neurons[train].mean(axis=0)
        ridge = Ridge(units[train] - unit_mean)
        coordinates = ridge.basis.T @ (neurons[train] - neuron_mean)
        new = (units[test] - unit_mean) @ ridge.to_units
        real = neurons[test] - neuron_mean
        of_fold = np.stack(
            [
                _errors_by_rank(new, coordinates, ridge.shrinkage(penalty * train.sum()), real)
                for penalty in PENALTIES
            ]
        )
        if errors is None:
            errors = of_fold
        else:
            n_ranks = min(errors.shape[1], of_fold.shape[1])
            errors = errors[:, :n_ranks] + of_fold[:, :n_ranks]
    assert errors is not None
    index, rank = np.unravel_index(int(errors.argmin()), errors.shape)
    ridge = Ridge(units - units.mean(axis=0))
    coordinates = ridge.basis.T @ neurons
    shrink = ridge.shrinkage(PENALTIES[index] * len(units))
    axes = _axes(coordinates, shrink)[:, : int(rank)]
    prediction = ridge.basis @ ((shrink[:, None] * coordinates) @ axes @ axes.T)
    return ReducedRankRidge(prediction, int(rank), float(PENALTIES[index]))


def _axes(coordinates: FloatArray, shrink: FloatArray) -> FloatArray:
    """Return the neurons' principal axes of the penalised fit, strongest first, shape (J, n_ranks)."""
    _, _, axes = np.linalg.svd(np.sqrt(shrink)[:, None] * coordinates, full_matrices=False)
    return axes.T


def _errors_by_rank(
    new: FloatArray, coordinates: FloatArray, shrink: FloatArray, real: FloatArray
) -> FloatArray:
    """Return the squared error of held-out stimuli for the ranks 0, 1, 2 …"""
    axes = _axes(coordinates, shrink)
    predicted = new @ ((shrink[:, None] * coordinates) @ axes)
    gain = (2 * predicted * (real @ axes) - predicted**2).sum(axis=0)
    return float((real**2).sum()) - np.concatenate([[0.0], np.cumsum(gain)])
