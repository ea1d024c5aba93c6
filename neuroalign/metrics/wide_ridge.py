"""Ridge predictions of all folds from one decomposition, for more units than stimuli."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics.predictivity import amplitude_of, fit_folds

FloatArray = NDArray[np.float64]
Splits = list[tuple[NDArray[np.int64], NDArray[np.int64]]]

# Columns of units that are centred at a time.
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class WideRidge:
    """Result of :func:`wide_ridge`.

    Parameters
    ----------
    predicted, amplitude : arrays of float64, shape (N, J)
        See :class:`neuroalign.metrics.Predictivity`.
    alpha : array of float64, shape (n_folds, J)
    """

    predicted: FloatArray
    amplitude: FloatArray
    alpha: FloatArray


def wide_ridge(
    units: FloatArray, neurons: FloatArray, splits: Splits, alphas: FloatArray, *, n_threads: int | None
) -> WideRidge:
    """Predict each fold by ridge regression on units as they are, each stimulus a group of its own.

    Parameters
    ----------
    units : array of float64, shape (N, D)
    neurons : array of float64, shape (N, J)
    splits : list of pairs of arrays of int
        Rows of the training and the test stimuli of each fold; the two together are all stimuli.
    alphas : array of float64, shape (L,)
        Penalties, ascending.
    n_threads : int or None

    Notes
    -----
    With H the hat matrix of a fit to all stimuli, with an intercept, and M = I − H, the errors of fold f without its
    stimuli are ``F = M_ff⁻¹ (M y)_f``. Without fold f, the other stimuli t have the errors ``(M y)_t − M_tf F`` in
    place of ``(M y)_t`` and the matrix ``M_tt − M_tf M_ff⁻¹ M_ft`` in place of ``M_tt``; the ratio of the errors to
    its diagonal is the error without a single stimulus in addition.
    """
    n_stimuli, n_neurons = neurons.shape
    centred = neurons - neurons.mean(axis=0)
    gram = np.zeros((n_stimuli, n_stimuli))
    for start in range(0, units.shape[1], _CHUNK):
        columns = units[:, start : start + _CHUNK]
        columns = columns - columns.mean(axis=0)
        gram += columns @ columns.T
    energy, basis = np.linalg.eigh(gram)
    keep = energy > max(units.shape) * np.finfo(np.float64).eps * max(float(energy[-1]), 0.0)
    energy, basis = energy[keep], np.ascontiguousarray(basis[:, keep])
    coordinates = basis.T @ centred
    # The directions of stimuli that no unit spans; with all directions spanned there are none.
    outside: FloatArray | None = None
    beyond = np.zeros_like(centred)
    if energy.size < n_stimuli - 1:
        outside = np.eye(n_stimuli) - 1.0 / n_stimuli - basis @ basis.T
        beyond = centred - basis @ coordinates
    smallest = np.full((len(splits), n_neurons), np.inf)
    alpha = np.empty((len(splits), n_neurons))
    predicted, amplitude = np.empty_like(neurons), np.empty_like(neurons)
    for penalty in alphas[::-1]:
        # 1 − H directly: a difference would lose digits where the fit is close.
        rest = penalty / (energy + penalty)
        errors = basis @ (rest[:, None] * coordinates) + beyond
        root = basis * np.sqrt(rest)
        free = root @ root.T
        if outside is not None:
            free += outside
        diagonal = free.diagonal().copy()

        def fit(
            fold: int,
            penalty: float = penalty,
            errors: FloatArray = errors,
            free: FloatArray = free,
            diagonal: FloatArray = diagonal,
        ) -> None:
            from scipy.linalg import cholesky, solve_triangular

            training, test = splits[fold]
            factor = cholesky(free[np.ix_(test, test)], lower=True)
            half = solve_triangular(factor, free[np.ix_(test, training)], lower=True)
            solved = solve_triangular(factor, errors[test], lower=True)
            without = errors[training] - half.T @ solved
            ratio = without / (diagonal[training] - (half**2).sum(axis=0))[:, None]
            total = np.einsum("ij,ij->j", ratio, ratio)
            better = np.flatnonzero(total < smallest[fold])
            smallest[fold, better], alpha[fold, better] = total[better], penalty
            held_out = solve_triangular(factor, solved[:, better], lower=True, trans="T")
            predicted[np.ix_(test, better)] = neurons[np.ix_(test, better)] - held_out
            seen = neurons[np.ix_(training, better)]
            fitted = (seen - without[:, better]).std(axis=0)
            amplitude[np.ix_(test, better)] = amplitude_of(fitted, seen)

        fit_folds(fit, len(splits), n_numbers=units.size + neurons.size, n_threads=n_threads)
    return WideRidge(predicted, amplitude, alpha)
