"""Variance of the responses that a prediction explains, on stimuli that it was not fitted to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError
from neuroalign.metrics.folds import fold_labels
from neuroalign.metrics.inputs import as_matrix, as_pair, constant_columns
from neuroalign.metrics.lasso import Rule, lasso_cv


@dataclass(frozen=True)
class LassoVarianceExplained:
    """Result of :func:`lasso_variance_explained`."""

    #: Variance explained of each neuron, (J,); NaN for neurons without variance.
    per_neuron: NDArray[np.float64]
    #: Prediction of each response by a fit that has not seen its stimulus, (N, J).
    predicted: NDArray[np.float64]
    #: Mean response to the stimuli that each prediction was fitted to, (N, J). What the units add to it is
    #: ``predicted - baseline``: the mean itself is low where the held-out responses are high, so that it
    #: correlates with them although it predicts nothing.
    baseline: NDArray[np.float64]
    #: Outer fold of each stimulus, (N,).
    folds: NDArray[np.int64]


def variance_explained(Y_true: ArrayLike, Y_predicted: ArrayLike) -> NDArray[np.float64]:
    """Return 1 - Σ(y - ŷ)² / Σ(y - ȳ)² of each neuron.

    Parameters
    ----------
    Y_true, Y_predicted : arrays of shape (N, J)

    Returns
    -------
    array of float64, shape (J,)
        At most 1, without a lower bound; NaN for neurons without variance.

    Raises
    ------
    ArrayError
        If shapes differ or a value is NaN or infinite.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Variance explained".
    """
    true, predicted = as_matrix(Y_true, "Y_true"), as_matrix(Y_predicted, "Y_predicted")
    if true.shape != predicted.shape:
        raise ArrayError(
            f"Y_true and Y_predicted must have one shape, not {true.shape} and {predicted.shape}"
        )
    residual = ((true - predicted) ** 2).sum(axis=0)
    total = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    constant = constant_columns(true)
    return np.where(constant, np.nan, 1.0 - residual / np.where(constant, 1.0, total))


def lasso_variance_explained(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    n_outer_folds: int = 10,
    n_folds: int = 10,
    n_lambdas: int = 100,
    rule: Rule = "1se",
    seed: int = 0,
    exclude: ArrayLike | None = None,
    n_threads: int | None = None,
) -> LassoVarianceExplained:
    """Cross-validate the Lasso of :func:`lasso_cv`, λ included, and pool the residuals of all folds.

    Parameters
    ----------
    Z : array of shape (N, D)
    Y : array of shape (N, J)
    n_outer_folds : int
        Folds whose stimuli serve neither to fit nor to choose λ.
    n_folds, n_lambdas, rule, seed, exclude, n_threads
        Of the fits; see :func:`lasso_cv`. The seed is that of the outer folds, too.

    Returns
    -------
    LassoVarianceExplained

    Raises
    ------
    ArrayError, UsageError
        As :func:`lasso_cv`.
    """
    units, neurons = as_pair(Z, Y)
    folds = fold_labels(len(units), n_outer_folds, seed=seed)
    predicted, baseline = np.empty_like(neurons), np.empty_like(neurons)
    for fold in range(n_outer_folds):
        held_out = folds == fold
        fit = lasso_cv(
            units[~held_out],
            neurons[~held_out],
            n_lambdas=n_lambdas,
            n_folds=n_folds,
            rule=rule,
            seed=seed,
            exclude=exclude,
            n_threads=n_threads,
        )
        unit_mean, unit_scale = units[~held_out].mean(axis=0), units[~held_out].std(axis=0)
        unit_scale[constant_columns(units[~held_out])] = 1.0
        mean, scale = neurons[~held_out].mean(axis=0), neurons[~held_out].std(axis=0)
        baseline[held_out] = mean
        predicted[held_out] = mean + ((units[held_out] - unit_mean) / unit_scale) @ fit.weights * scale
    return LassoVarianceExplained(variance_explained(neurons, predicted), predicted, baseline, folds)
