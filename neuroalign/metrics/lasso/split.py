"""Predictions of a fixed test set by the Lasso of a training set."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_labels
from neuroalign.metrics.inputs import as_pair, constant_columns
from neuroalign.metrics.lasso.cv import lasso_cv
from neuroalign.metrics.lasso.held_out import LassoVarianceExplained
from neuroalign.metrics.lasso.problem import Rule
from neuroalign.metrics.variance_explained import variance_explained


def lasso_test_set(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike,
    new_Z: ArrayLike,
    new_Y: ArrayLike,
    n_lambdas: int = 100,
    rule: Rule = "1se",
    positive: bool = False,
    exclude: ArrayLike | None = None,
    n_threads: int | None = None,
) -> LassoVarianceExplained:
    """Predict the stimuli of a test set by :func:`lasso_cv` on a training set.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for the training stimuli.
    Y : array of shape (N, J)
        Responses to the training stimuli.
    folds : array of int, shape (N,)
        Folds of the training stimuli that choose λ. The test set takes no part in the choice.
    new_Z : array of shape (M, D)
        Units for the test stimuli.
    new_Y : array of shape (M, J)
        Responses to the test stimuli.
    n_lambdas, rule, positive, exclude, n_threads
        See :func:`lasso_cv`.

    Returns
    -------
    LassoVarianceExplained
        Predictions of the M test stimuli, all in one fold. The variance explained of a neuron is
        ``1 − Σ(y − ŷ)² / Σ(y − ȳ)²`` over the test stimuli, with ȳ their mean; NaN where the test responses have no
        variance.

    Raises
    ------
    ArrayError, UsageError
        As :func:`lasso_cv`, and if the two sets have different units or neurons.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import lasso_test_set
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((200, 5))
    >>> Y = Z[:, [1]] + 0.5 * rng.standard_normal((200, 1))
    >>> folds = np.arange(150) % 10
    >>> lasso_test_set(Z[:150], Y[:150], folds=folds, new_Z=Z[150:], new_Y=Y[150:]).per_neuron.round(2)
    array([0.72])
    """
    units, neurons = as_pair(Z, Y)
    new_units, new_neurons = as_pair(new_Z, new_Y)
    if new_units.shape[1] != units.shape[1] or new_neurons.shape[1] != neurons.shape[1]:
        raise ArrayError(
            f"the test set must have {units.shape[1]} units and {neurons.shape[1]} neurons, got "
            f"{new_units.shape[1]} and {new_neurons.shape[1]}"
        )
    if not len(new_units):
        raise UsageError("the test set must have a stimulus, got none; choose another test set")
    fit = lasso_cv(
        units,
        neurons,
        folds=as_labels(folds, "folds"),
        n_lambdas=n_lambdas,
        rule=rule,
        positive=positive,
        exclude=exclude,
        n_threads=n_threads,
    )
    mean, constant = units.mean(axis=0), constant_columns(units)
    deviation = np.where(constant, 1.0, units.std(axis=0))
    shown: NDArray[np.float64] = np.where(constant, 0.0, (new_units - mean) / deviation)
    baseline = np.tile(neurons.mean(axis=0), (len(new_units), 1))
    predicted = baseline + shown @ fit.weights * neurons.std(axis=0)
    return LassoVarianceExplained(
        variance_explained(new_neurons, predicted),
        predicted,
        baseline,
        np.zeros(len(new_units), dtype=np.int64),
    )
