"""Ridge regression of neurons on all units, with held-out predictions and a penalty for each neuron."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.masked import as_numbers
from neuroalign.metrics.inputs import as_excluded, as_pair, constant_columns
from neuroalign.metrics.lasso.threads import one_blas_thread
from neuroalign.metrics.leave_out import Removal, rows_by_size, squared_errors
from neuroalign.metrics.predictivity import (
    Predictivity,
    amplitude_of,
    as_groups,
    blocks_of_columns,
    empty_predictions,
    fit_folds,
    training_and_test,
)
from neuroalign.metrics.ridge import PENALTIES
from neuroalign.metrics.trial_weights import TrialPattern, as_counts, trial_patterns
from neuroalign.metrics.unit_spectrum import UnitSpectrum, unit_spectrum
from neuroalign.metrics.wide_ridge import wide_ridge

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RidgePredictivity(Predictivity):
    """Result of :func:`ridge_predictivity`.

    Parameters
    ----------
    neurons, predicted, baseline, amplitude, folds
        See :class:`neuroalign.metrics.Predictivity`.
    alpha : array of float64, shape (n_folds, J)
        Penalty of each neuron in the fit that predicts each fold, in the order of the sorted labels; NaN where the
        neuron has no variance in training.
    alphas : array of float64, shape (n_folds, L)
        Penalties that each fit chose from, ascending. With numbers of trials they are penalties for one trial of
        each stimulus, and `alpha` is larger by `mean_counts`.
    mean_counts : array of float64, shape (n_folds, J), optional
        Mean number of trials of a training stimulus, for fits to single trials.
    """

    alpha: FloatArray
    alphas: FloatArray
    mean_counts: FloatArray | None = None

    @property
    def n_smallest(self) -> int:
        """Number of fits, over folds and neurons, that chose the smallest of several penalties."""
        return self._n_at(0)

    @property
    def n_largest(self) -> int:
        """Number of fits, over folds and neurons, that chose the largest of several penalties."""
        return self._n_at(-1)

    def _n_at(self, place: int) -> int:
        if self.alphas.shape[1] == 1:
            return 0
        end = self.alphas[:, [place]]
        return int((self.alpha == (end if self.mean_counts is None else end * self.mean_counts)).sum())


@one_blas_thread()
def ridge_predictivity(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike | None,
    alphas: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    standardise: bool = False,
    exclude: ArrayLike | None = None,
    counts: ArrayLike | None = None,
    n_threads: int | None = None,
) -> RidgePredictivity:
    """Predict each fold by ridge regression on the other folds.

    A fit minimises ``Σ (y − w₀ − zᵀw)² + α‖w‖²`` for each neuron. Its α is the one with the smallest squared error
    when each training stimulus is left out of the fit, in closed form, so that the predicted fold takes no part in
    the choice.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus. With more units than stimuli no matrix of units × neurons or units ×
        units is formed.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    folds : array of shape (N,), or None
        Fold of each stimulus, any labels; see :func:`neuroalign.metrics.fold_labels`. Stimuli with the label -1 are
        fitted and never predicted. None fits and predicts all stimuli, for a score in-sample.
    alphas : array of shape (L,), optional
        Penalties to choose from, positive. A single penalty is taken as it is. By default 15 penalties, 10⁻⁴ to 10³
        times the larger of the number of training stimuli and the number of units, times the mean variance of the
        units (1 if they are standardised).
    groups : array of shape (N,), optional
        Training stimuli of one group, such as variants of one image, are left out together. By default each stimulus
        is a group.
    standardise : bool
        Whether units are scaled to unit variance over the training stimuli. By default units keep their scales, so
        that the predictions do not depend on a rotation of the units, and units with a large variance count most.
        Units are always centred by their training mean, and neurons too.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not predicted from, such as the neuron itself; -1 for no unit.
    counts : array of shape (N, J), optional
        Number of trials behind each response. The fit is then the fit to single trials: ``Σ`` is over trials, and the
        default penalties are larger by the mean number of trials of a training stimulus. Predictions are still
        compared with the responses in `Y`, each once. By default each response counts once.
    n_threads : int, optional
        Folds that are fitted at the same time; by default all processors. The result does not depend on it.

    Returns
    -------
    RidgePredictivity

    Raises
    ------
    ArrayError
        If shapes do not fit, or a value is NaN or infinite.
    UsageError
        If there are fewer than two folds, an α is not positive, or a training set is a single group.

    Notes
    -----
    Of equal errors the largest α wins. Ridge without an excluded unit is a change of rank one of the fit with all
    units, so that excluded units need no fit of their own.

    References
    ----------
    Hoerl & Kennard (1970), Technometrics 12:55; Cook & Weisberg (1982), Residuals and Influence in Regression, for
    the errors without a stimulus.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import fold_labels, ridge_predictivity
    >>> rng = np.random.default_rng(0)
    >>> units = rng.standard_normal((100, 5))
    >>> neurons = units[:, :2] + 0.5 * rng.standard_normal((100, 2))
    >>> result = ridge_predictivity(units, neurons, folds=fold_labels(100, 10))
    >>> result.r.round(2)
    array([0.86, 0.9 ])
    """
    units, neurons = as_pair(Z, Y)
    excluded = as_excluded(exclude, units.shape[1], neurons.shape[1])
    labels, splits = training_and_test(folds, len(units))
    members = as_groups(groups, len(units))
    numbers = as_counts(counts, neurons.shape)
    grid = None if alphas is None else as_alphas(alphas)
    predicted, baseline, amplitude = empty_predictions(neurons)
    # A fit that never predicts its own stimuli does not use the predicted ones to scale the penalties either.
    seen = units[splits[0][0]] if len(splits) == 1 else units
    scale = 1.0 if standardise else _mean_variance(seen)
    grids = [
        scale * PENALTIES * max(training.size, units.shape[1]) if grid is None else grid
        for training, _ in splits
    ]
    alpha = np.empty((len(splits), neurons.shape[1]))
    n_largest = max(training.size for training, _ in splits)
    alone = np.unique(members).size == len(units) and (excluded < 0).all()
    if numbers is None and folds is not None and not standardise and alone and units.shape[1] >= n_largest:
        wide = wide_ridge(units, neurons, splits, grids[0], n_threads=n_threads)
        for fold, (training, test) in enumerate(splits):
            baseline[test] = neurons[training].mean(axis=0)
            constant = constant_columns(neurons[training])
            predicted[test] = np.where(constant, baseline[test], wide.predicted[test])
            alpha[fold] = np.where(constant, np.nan, wide.alpha[fold])
            amplitude[test] = wide.amplitude[test]
        return RidgePredictivity(neurons, predicted, baseline, amplitude, labels, alpha, np.stack(grids))

    if numbers is not None and not standardise and (excluded < 0).all():
        units = _without_width(units)
    mean_counts = np.ones_like(alpha)

    def fit(fold: int) -> None:
        training, test = splits[fold]
        for pattern in trial_patterns(numbers, training, neurons.shape[1]):
            of_pattern = np.ix_(test, pattern.neurons)
            # A penalty on single trials is one on means, times the mean number of trials.
            penalties = grids[fold] if grid is None else grid / pattern.mean
            chosen, predicted[of_pattern], baseline[of_pattern], amplitude[of_pattern] = _predict(
                units,
                neurons if numbers is None else np.ascontiguousarray(neurons[:, pattern.neurons]),
                training,
                test,
                penalties,
                members[training],
                standardise,
                excluded[pattern.neurons],
                pattern,
            )
            if grid is None:
                mean_counts[fold, pattern.neurons] = pattern.mean
                alpha[fold, pattern.neurons] = chosen * pattern.mean
            else:
                place = np.searchsorted(penalties, chosen)
                alpha[fold, pattern.neurons] = np.where(
                    np.isnan(chosen), np.nan, np.append(grid, np.nan)[place]
                )

    fit_folds(fit, len(splits), n_numbers=units.size + neurons.size, n_threads=n_threads)
    of_trials = None if numbers is None else mean_counts
    return RidgePredictivity(
        neurons, predicted, baseline, amplitude, labels, alpha, np.stack(grids), of_trials
    )


def _without_width(units: FloatArray) -> FloatArray:
    """Return at most N units with the products of the stimuli of wide layers, so that no fit meets all units."""
    if units.shape[1] <= len(units):
        return units
    energy, basis = np.linalg.eigh((centred := units - units.mean(axis=0)) @ centred.T)
    return basis * np.sqrt(np.maximum(energy, 0.0))


def _mean_variance(units: FloatArray) -> float:
    """Return the mean variance of the units over stimuli; 1 where no unit varies."""
    variance = float(units.var(axis=0).mean())
    return variance if variance > 0 else 1.0


def as_alphas(alphas: ArrayLike) -> FloatArray:
    """Return positive penalties in ascending order.

    Raises
    ------
    UsageError
        If there is no penalty, or a penalty is not positive and finite.
    """
    grid = np.unique(as_numbers(alphas, np.float64))
    if not grid.size or not np.isfinite(grid).all() or grid[0] <= 0:
        raise UsageError(
            f"alphas must be positive and finite, got {alphas!r}; least squares is linear_predictivity"
        )
    return grid


def _predict(
    units: FloatArray,
    neurons: FloatArray,
    training: NDArray[np.int64],
    test: NDArray[np.int64],
    alphas: FloatArray,
    groups: NDArray[np.int64],
    standardise: bool,
    excluded: NDArray[np.int64],
    pattern: TrialPattern,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the penalties, the predictions of the test stimuli, the training means and the amplitude of the fit."""
    if alphas.size > 1 and np.unique(groups).size < 2:
        raise UsageError(
            "a choice among alphas needs two groups of training stimuli at least; use more folds or one alpha"
        )
    removed, column = np.unique(excluded, return_inverse=True)
    first = int(removed[0] < 0)
    spectrum = unit_spectrum(
        units, training, test, standardise=standardise, removed=removed[first:], weights=pattern.weights
    )
    rows = rows_by_size(groups)
    seen = neurons[training]
    mean = pattern.average(seen)
    constant = constant_columns(seen)
    seen = pattern.scaled(np.where(constant, 0.0, seen - mean))
    predicted = np.empty((test.size, neurons.shape[1]))
    chosen, fitted_deviation = np.empty(neurons.shape[1]), np.empty(neurons.shape[1])
    for columns in (excluded < 0, excluded >= 0):
        for block in blocks_of_columns(int(columns.sum())):
            of_block = np.flatnonzero(columns)[block]
            own = column[of_block] - first if excluded[of_block[0]] >= 0 else None
            coordinates = spectrum.basis.T @ seen[:, of_block]
            alpha = _choose(spectrum, seen[:, of_block], coordinates, alphas, rows, own)
            added, fitted = _fit(spectrum, coordinates, alpha, own)
            predicted[:, of_block] = mean[of_block] + added
            fitted_deviation[of_block] = np.sqrt((fitted**2).sum(axis=0) / training.size)
            chosen[of_block] = alpha
    return (
        np.where(constant, np.nan, chosen),
        predicted,
        mean,
        amplitude_of(fitted_deviation, neurons[training], pattern.weights),
    )


def _choose(
    spectrum: UnitSpectrum,
    neurons: FloatArray,
    coordinates: FloatArray,
    alphas: FloatArray,
    rows: list[NDArray[np.int64]],
    own: NDArray[np.int64] | None,
) -> FloatArray:
    """Return the penalty of each neuron with the smallest error without a stimulus."""
    if alphas.size == 1:
        return np.full(neurons.shape[1], alphas[0])
    descending = alphas[::-1]
    errors = np.stack(
        [
            squared_errors(
                spectrum,
                neurons,
                coordinates,
                alpha,
                rows,
                None if own is None else (Removal.of(spectrum, alpha), own),
            )
            for alpha in descending
        ]
    )
    return descending[errors.argmin(axis=0)]


def _fit(
    spectrum: UnitSpectrum, coordinates: FloatArray, alpha: FloatArray, own: NDArray[np.int64] | None
) -> tuple[FloatArray, FloatArray]:
    """Return the predictions of the test stimuli less the training mean, and the fit in coordinates of the basis."""
    fitted = coordinates * (spectrum.energy[:, None] / (spectrum.energy[:, None] + alpha))
    added = spectrum.new @ fitted
    if own is None:
        return added, fitted
    # The part of each removed unit that the training stimuli do not span.
    apart = spectrum.removed_test - spectrum.new @ (spectrum.energy[:, None] * spectrum.removed)
    for penalty in np.unique(alpha):
        same = np.flatnonzero(alpha == penalty)
        removal = Removal.of(spectrum, penalty)
        lost = spectrum.new @ removal.coordinates + apart / penalty
        axis = removal.coordinates[:, own[same]]
        share = (axis * coordinates[:, same]).sum(axis=0) / removal.power[own[same]]
        added[:, same] -= lost[:, own[same]] * share
        fitted[:, same] -= axis * share
    return added, fitted
