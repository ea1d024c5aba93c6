"""Partial least squares from all units to neurons, with held-out predictions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.inputs import as_excluded, as_pair, constant_columns
from neuroalign.metrics.lasso.threads import one_blas_thread
from neuroalign.metrics.predictivity import (
    Predictivity,
    amplitude_of,
    empty_predictions,
    fit_folds,
    training_and_test,
)
from neuroalign.metrics.trial_weights import as_counts, trial_patterns
from neuroalign.metrics.unit_spectrum import UnitSpectrum, unit_spectrum

FloatArray = NDArray[np.float64]

#: Components end where the remaining covariance of units and neurons is below this share of the first.
_NOTHING_LEFT = 1e-10


@dataclass(frozen=True, eq=False)
class PLSPredictivity(Predictivity):
    """Result of :func:`pls_predictivity`.

    Parameters
    ----------
    neurons, predicted, baseline, amplitude, folds
        See :class:`neuroalign.metrics.Predictivity`.
    n_components : array of int, shape (n_folds,)
        Number of components of the fit with all units that predicts each fold.
    """

    n_components: NDArray[np.int64]


@one_blas_thread()
def pls_predictivity(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike | None,
    n_components: int = 25,
    standardise: bool = True,
    exclude: ArrayLike | None = None,
    counts: ArrayLike | None = None,
    n_threads: int | None = None,
) -> PLSPredictivity:
    """Predict each fold by partial least squares on the other folds.

    Each component is the mixture of units with the largest covariance with a mixture of neurons, among the mixtures
    that are uncorrelated with earlier components (PLS2). The neurons are regressed on the components.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli. The components are common to all neurons.
    folds : array of shape (N,), or None
        Fold of each stimulus, any labels; see :func:`neuroalign.metrics.fold_labels`. Stimuli with the label -1 are
        fitted and never predicted. None fits and predicts all stimuli, for a score in-sample.
    n_components : int
        Number of components, at least 1. A fit has no more components than the rank of its units, so that one unit
        has one component.
    standardise : bool
        Whether units and neurons are scaled to unit variance over the training stimuli. They are always centred.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not predicted from, such as the neuron itself; -1 for no unit. Each excluded unit
        costs a fit.
    counts : array of shape (N, J), optional
        Number of trials behind each response, the same for all neurons up to a factor for each neuron, because the
        components are common to all neurons. The fit is then the fit to single trials, with the scale of the means.
    n_threads : int, optional
        Folds that are fitted at the same time; by default all processors. The result does not depend on it.

    Returns
    -------
    PLSPredictivity

    Raises
    ------
    ArrayError
        If shapes do not fit, or a value is NaN or infinite.
    UsageError
        If there are fewer than two folds, `n_components` is less than 1, or the neurons have different `counts`.

    Notes
    -----
    The mixtures are singular vectors of the covariance of units and neurons. ``PLSRegression`` of scikit-learn finds
    them by iteration from the first neuron, and with its default tolerance stops before they are exact; the results
    agree when its tolerance is small.

    References
    ----------
    de Jong (1993), Chemom. Intell. Lab. Syst. 18:251; Dayal & MacGregor (1997), J. Chemom. 11:73; Yamins et al.
    (2014), PNAS 111:8619, for 25 components.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import fold_labels, pls_predictivity
    >>> rng = np.random.default_rng(0)
    >>> units = rng.standard_normal((100, 5))
    >>> neurons = units[:, :2] + 0.5 * rng.standard_normal((100, 2))
    >>> result = pls_predictivity(units, neurons, folds=fold_labels(100, 10), n_components=2)
    >>> result.r2.round(2)
    array([0.68, 0.8 ])
    """
    units, neurons = as_pair(Z, Y)
    excluded = as_excluded(exclude, units.shape[1], neurons.shape[1])
    numbers = _common(as_counts(counts, neurons.shape))
    labels, splits = training_and_test(folds, len(units))
    if n_components < 1:
        raise UsageError(f"n_components must be at least 1, got {n_components}")
    predicted, baseline, amplitude = empty_predictions(neurons)
    used = np.zeros(len(splits), dtype=np.int64)

    def fit(fold: int) -> None:
        training, test = splits[fold]
        seen = neurons[training]
        pattern = trial_patterns(numbers, training, neurons.shape[1])[0]
        baseline[test] = mean = pattern.average(seen)
        constant = constant_columns(seen)
        target = pattern.scaled(np.where(constant, 0.0, seen - mean))
        scale = np.ones(len(mean))
        if standardise:
            scale = seen.std(axis=0) if pattern.weights is None else np.sqrt((target**2).mean(axis=0))
        target = target / np.where(constant, 1.0, scale)
        for unit in np.unique(np.append(excluded, -1)):
            kept = units if unit < 0 else np.delete(units, unit, axis=1)
            spectrum = unit_spectrum(
                kept,
                training,
                test,
                standardise=standardise,
                removed=np.empty(0, dtype=np.int64),
                weights=pattern.weights,
            )
            weights, n_used = _weights(spectrum, target, n_components)
            if unit < 0:
                used[fold] = n_used
            own = np.flatnonzero(excluded == unit)
            weights = weights[:, own] * scale[own]
            predicted[np.ix_(test, own)] = mean[own] + spectrum.new @ weights
            fitted = np.sqrt((weights**2).sum(axis=0) / training.size)
            amplitude[np.ix_(test, own)] = amplitude_of(fitted, seen[:, own], pattern.weights)

    fit_folds(fit, len(splits), n_numbers=units.size + neurons.size, n_threads=n_threads)
    return PLSPredictivity(neurons, predicted, baseline, amplitude, labels, used)


def _common(counts: FloatArray | None) -> FloatArray | None:
    """Return the numbers of trials that all neurons share up to a factor, (N, J)."""
    if counts is None:
        return None
    shares = counts / counts.mean(axis=0)
    if np.allclose(shares, shares[:, :1], rtol=1e-12, atol=0.0):
        return np.repeat(counts[:, :1], counts.shape[1], axis=1)
    raise UsageError(
        "partial least squares of single trials needs the same trials of all neurons, because its components are "
        "common to them, and these have different numbers of trials; use ridge, or fit to means"
    )


def _weights(spectrum: UnitSpectrum, neurons: FloatArray, n_components: int) -> tuple[FloatArray, int]:
    """Return the weights of the coordinates of the basis, (K, J), and the number of components.

    In these coordinates the units are ``basis · √energy``, so that their covariance is diagonal.
    """
    energy = spectrum.energy[:, None]
    covariance = np.sqrt(energy) * (spectrum.basis.T @ neurons)
    directions, loadings = (np.empty((len(energy), 0)) for _ in range(2))
    weights = np.zeros_like(covariance)
    first = np.linalg.norm(covariance)
    for component in range(min(n_components, len(energy))):
        if np.linalg.norm(covariance) <= _NOTHING_LEFT * first:
            return np.sqrt(energy) * weights, component
        axis = _largest_axis(covariance)[:, None]
        # The mixture of the units as they are, before earlier components are taken away.
        direction = axis - directions @ (loadings.T @ axis)
        power = float((energy * direction**2).sum())
        loading = energy * direction / power
        share = direction.T @ covariance / power
        covariance = covariance - power * loading @ share
        weights += direction @ share
        directions, loadings = np.hstack([directions, direction]), np.hstack([loadings, loading])
    return np.sqrt(energy) * weights, min(n_components, len(energy))


def _largest_axis(covariance: FloatArray) -> FloatArray:
    """Return the left singular vector of the largest singular value, (K,)."""
    from scipy.linalg import eigh

    n_coordinates, n_neurons = covariance.shape
    last = min(n_coordinates, n_neurons) - 1
    if n_coordinates <= n_neurons:
        axis: FloatArray = eigh(covariance @ covariance.T, subset_by_index=[last, last])[1][:, 0]
        return axis
    neuron_axis = eigh(covariance.T @ covariance, subset_by_index=[last, last])[1][:, 0]
    axis = covariance @ neuron_axis
    return axis / np.linalg.norm(axis)
