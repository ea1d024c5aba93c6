"""Ordinary least squares from all units to neurons, with held-out predictions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.inputs import as_excluded, as_pair
from neuroalign.metrics.lasso.threads import one_blas_thread
from neuroalign.metrics.predictivity import (
    Predictivity,
    amplitude_of,
    empty_predictions,
    fit_folds,
    training_and_test,
)
from neuroalign.metrics.trial_weights import as_counts, trial_patterns
from neuroalign.metrics.unit_spectrum import scaled_units

FloatArray = NDArray[np.float64]


@one_blas_thread()
def linear_predictivity(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike | None,
    exclude: ArrayLike | None = None,
    counts: ArrayLike | None = None,
    n_threads: int | None = None,
) -> Predictivity:
    """Predict each fold by ordinary least squares on the other folds.

    A fit minimises ``Σ (y − w₀ − zᵀw)²`` for each neuron. It has no penalty, so that its predictions get worse as the
    number of units approaches the number of stimuli; :func:`ridge_predictivity` has a penalty.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus. Units that depend linearly on others have the weights with the smallest
        sum of squares.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    folds : array of shape (N,), or None
        Fold of each stimulus, any labels; see :func:`neuroalign.metrics.fold_labels`. Stimuli with the label -1 are
        fitted and never predicted. None fits and predicts all stimuli, for a score in-sample.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not predicted from, such as the neuron itself; -1 for no unit.
    counts : array of shape (N, J), optional
        Number of trials behind each response. The fit is then the fit to single trials; see
        :func:`neuroalign.metrics.ridge_predictivity`.
    n_threads : int, optional
        Folds that are fitted at the same time; by default all processors. The result does not depend on it.

    Returns
    -------
    Predictivity

    Raises
    ------
    ArrayError
        If shapes do not fit, or a value is NaN or infinite.
    UsageError
        If there are fewer than two folds, or some training set has no more than D + 1 stimuli.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import fold_labels, linear_predictivity
    >>> rng = np.random.default_rng(0)
    >>> units = rng.standard_normal((100, 5))
    >>> neurons = units[:, :2] + 0.5 * rng.standard_normal((100, 2))
    >>> linear_predictivity(units, neurons, folds=fold_labels(100, 10)).r2.round(2)
    array([0.72, 0.81])
    """
    units, neurons = as_pair(Z, Y)
    n_units = units.shape[1]
    excluded = as_excluded(exclude, n_units, neurons.shape[1])
    numbers = as_counts(counts, neurons.shape)
    labels, splits = training_and_test(folds, len(units))
    smallest = min(training.size for training, _ in splits)
    if smallest <= n_units + 1:
        raise UsageError(
            f"least squares of {n_units} units needs more than {n_units + 1} training stimuli, got {smallest}; "
            "use ridge, or reduce the model with +pca[n=...]"
        )
    predicted, baseline, amplitude = empty_predictions(neurons)

    def fit(fold: int) -> None:
        training, test = splits[fold]
        for pattern in trial_patterns(numbers, training, neurons.shape[1]):
            seen, new = scaled_units(units, training, test, slice(None), True, pattern.weights)
            mean = pattern.average(neurons[np.ix_(training, pattern.neurons)])
            baseline[np.ix_(test, pattern.neurons)] = mean
            for unit in np.unique(excluded[pattern.neurons]):
                of_unit = np.flatnonzero(excluded[pattern.neurons] == unit)
                own = pattern.neurons[of_unit]
                kept = np.arange(n_units) != unit
                centred = pattern.scaled(neurons[np.ix_(training, own)] - mean[of_unit])
                weights = np.linalg.lstsq(seen[:, kept], centred, rcond=None)[0]
                predicted[np.ix_(test, own)] = mean[of_unit] + new[:, kept] @ weights
                # The weighted mean of the fitted values is 0.
                fitted = seen[:, kept] @ weights
                spread = fitted.std(axis=0) if pattern.weights is None else np.sqrt((fitted**2).mean(axis=0))
                amplitude[np.ix_(test, own)] = amplitude_of(
                    spread, neurons[np.ix_(training, own)], pattern.weights
                )

    fit_folds(fit, len(splits), n_numbers=units.size + neurons.size, n_threads=n_threads)
    return Predictivity(neurons, predicted, baseline, amplitude, labels)
