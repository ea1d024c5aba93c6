"""Banded ridge regression: bands of units with scales of their own, and the explained variance of each band."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_labels, as_numbers
from neuroalign.metrics.folds import predicted_rows
from neuroalign.metrics.inputs import as_excluded, as_pair, constant_columns
from neuroalign.metrics.lasso.threads import one_blas_thread
from neuroalign.metrics.leave_out import rows_by_size, squared_errors
from neuroalign.metrics.predictivity import (
    Predictivity,
    amplitude_of,
    as_groups,
    empty_predictions,
    fit_folds,
    training_and_test,
)
from neuroalign.metrics.ridge import PENALTIES
from neuroalign.metrics.ridge_predictivity import as_alphas
from neuroalign.metrics.unit_spectrum import UnitSpectrum, scaled_units

FloatArray = NDArray[np.float64]

#: Concentrations of the Dirichlet distributions of random weights: sparse ones, and uniform ones.
CONCENTRATIONS = (0.1, 1.0)


@dataclass(frozen=True, eq=False)
class BandedRidge(Predictivity):
    """Result of :func:`banded_ridge`.

    Parameters
    ----------
    neurons, predicted, baseline, amplitude, folds
        See :class:`neuroalign.metrics.Predictivity`.
    bands : array of str, shape (B,)
        Names of the bands, sorted.
    added : array of float64, shape (B, N, J)
        Part of each prediction that each band adds to the baseline; their sum is ``predicted - baseline``.
    weights : array of float64, shape (n_folds, B, J)
        Weight of each band in the fits; each neuron has weights that sum to 1.
    alpha : array of float64, shape (n_folds, J)
        Penalties. NaN where a neuron has no variance in training, as are the weights.
    """

    bands: NDArray[np.str_]
    added: FloatArray
    weights: FloatArray
    alpha: FloatArray

    @cached_property
    def r2_of_bands(self) -> FloatArray:
        """Share of the variance of each neuron that each band explains, shape (B, J); the product measure.

        With deviations d of the responses and a of the predictions from the baseline, band b has
        ``Σ a_b (2d − a) / Σ (y − ȳ)²``. The bands sum to R² less the R² of the baseline, which is 0 or slightly
        negative. A share can be negative where a band makes the predictions worse.
        """
        neurons, _, baseline, _ = self.held_out
        added = self.added[:, predicted_rows(self.folds)]
        deviation = neurons - baseline
        other = 2.0 * deviation - added.sum(axis=0)
        total = ((neurons - neurons.mean(axis=0)) ** 2).sum(axis=0)
        total = np.where(constant_columns(neurons), 0.0, total)
        share: FloatArray = divide((added * other).sum(axis=1), total, otherwise=np.nan)
        return share


@one_blas_thread()
def banded_ridge(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    bands: ArrayLike,
    folds: ArrayLike | None,
    weights: ArrayLike | None = None,
    n_draws: int = 30,
    alphas: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    standardise: bool = True,
    exclude: ArrayLike | None = None,
    seed: int = 0,
    n_threads: int | None = None,
) -> BandedRidge:
    """Predict each fold by ridge regression on bands of units, such as layers, with a scale for each band.

    A fit is ridge regression with penalty α on units that are scaled by √γ of their band. The weights γ of the bands
    and the penalty of each neuron are the pair, of a random search, with the smallest squared error when each
    training stimulus is left out of the fit.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of all bands for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    bands : array of str, shape (D,)
        Band of each unit.
    folds : array of shape (N,), or None
        Fold of each stimulus, any labels; see :func:`neuroalign.metrics.fold_labels`. Stimuli with the label -1 are
        fitted and never predicted. None fits and predicts all stimuli, for a score in-sample.
    weights : array of shape (n_weights, B), optional
        Weights γ of the sorted bands to choose from, not negative. By default equal weights, each band alone, and
        `n_draws` random draws.
    n_draws : int
        Number of draws from Dirichlet distributions, with concentrations 0.1 and 1 in turn.
    alphas, groups, standardise, exclude
        See :func:`neuroalign.metrics.ridge_predictivity`. Each excluded unit costs a fit of its own.
    seed : int
        Seed of the draws.
    n_threads : int, optional
        Folds that are fitted at the same time; by default all processors. The result does not depend on it.

    Returns
    -------
    BandedRidge

    Raises
    ------
    ArrayError
        If shapes do not fit, or a value is NaN or infinite.
    UsageError
        If there are fewer than two folds, an α is not positive, or weights are negative.

    Notes
    -----
    A fit for each set of weights decomposes the smaller of the Gram matrices of units and of stimuli.

    References
    ----------
    Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant (2022), NeuroImage 264:119728; Nunez-Elizalde, Huth & Gallant
    (2019), NeuroImage 197:482.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import banded_ridge, fold_labels
    >>> rng = np.random.default_rng(0)
    >>> units = rng.standard_normal((100, 5))
    >>> neurons = units[:, :1] + 0.5 * rng.standard_normal((100, 1))
    >>> bands = ["early", "early", "late", "late", "late"]
    >>> result = banded_ridge(units, neurons, bands=bands, folds=fold_labels(100, 10))
    >>> result.r2_of_bands.round(1)
    array([[0.8],
           [0. ]])
    """
    units, neurons = as_pair(Z, Y)
    names, band = np.unique(as_labels(bands, "bands").astype(str), return_inverse=True)
    if band.shape != (units.shape[1],):
        raise ArrayError(f"bands must have shape ({units.shape[1]},), got {band.shape}")
    excluded = as_excluded(exclude, units.shape[1], neurons.shape[1])
    labels, splits = training_and_test(folds, len(units))
    members = as_groups(groups, len(units))
    choices = draw_weights(names.size, n_draws, seed) if weights is None else _as_weights(weights, names.size)
    grid = None if alphas is None else as_alphas(alphas)
    predicted, baseline, amplitude = empty_predictions(neurons)
    added = np.zeros((names.size, *neurons.shape))
    chosen_weights = np.empty((len(splits), names.size, neurons.shape[1]))
    alpha = np.empty((len(splits), neurons.shape[1]))

    def fit(fold: int) -> None:
        training, test = splits[fold]
        if len(choices) * (15 if grid is None else grid.size) > 1 and np.unique(members[training]).size < 2:
            raise UsageError(
                "a choice among alphas needs two groups of training stimuli at least; use more folds or one alpha"
            )
        seen = neurons[training]
        mean, constant = seen.mean(axis=0), constant_columns(seen)
        penalties = PENALTIES * max(training.size, units.shape[1]) if grid is None else grid
        rows = rows_by_size(members[training])
        for unit in np.unique(excluded):
            own = np.flatnonzero(excluded == unit)
            kept = np.arange(units.shape[1]) != unit
            search = _Search(units[:, kept], band[kept], training, test, standardise, names.size)
            target = np.where(constant[own], 0.0, seen[:, own] - mean[own])
            search.run(target, choices, penalties[::-1], rows)
            added[:, test[:, None], own] = search.added
            predicted[np.ix_(test, own)] = mean[own] + search.added.sum(axis=0)
            amplitude[np.ix_(test, own)] = amplitude_of(search.deviation, seen[:, own])
            chosen_weights[fold][:, own] = np.where(constant[own], np.nan, search.weights)
            alpha[fold, own] = np.where(constant[own], np.nan, search.alpha)
        baseline[test] = mean

    fit_folds(fit, len(splits), n_numbers=units.size + neurons.size, n_threads=n_threads)
    return BandedRidge(neurons, predicted, baseline, amplitude, labels, names, added, chosen_weights, alpha)


def draw_weights(n_bands: int, n_draws: int, seed: int) -> FloatArray:
    """Return equal weights, the weights of each band alone, and random weights, shape (n_weights, n_bands).

    Parameters
    ----------
    n_bands : int
    n_draws : int
        Number of random weights; none for a single band.
    seed : int
    """
    if n_bands == 1:
        return np.ones((1, 1))
    rng = np.random.default_rng(seed)
    drawn = [
        rng.dirichlet(np.full(n_bands, CONCENTRATIONS[draw % len(CONCENTRATIONS)])) for draw in range(n_draws)
    ]
    return np.array([np.full(n_bands, 1.0 / n_bands), *np.eye(n_bands), *drawn])


def _as_weights(weights: ArrayLike, n_bands: int) -> FloatArray:
    choices = as_numbers(weights, np.float64)
    if choices.ndim != 2 or choices.shape[1] != n_bands or not len(choices):
        raise ArrayError(f"weights must have shape (n_weights, {n_bands}), got {choices.shape}")
    if not np.isfinite(choices).all() or (choices < 0).any() or not choices.sum(axis=1).all():
        raise UsageError("weights must be finite, not negative, and positive for one band at least")
    return choices


class _Search:
    """Search of the weights and the penalty of each neuron in one training set."""

    added: FloatArray
    deviation: FloatArray
    weights: FloatArray
    alpha: FloatArray

    def __init__(
        self,
        units: FloatArray,
        band: NDArray[np.int64],
        training: NDArray[np.int64],
        test: NDArray[np.int64],
        standardise: bool,
        n_bands: int,
    ) -> None:
        seen, new = scaled_units(units, training, test, slice(None), standardise)
        self._wide = units.shape[1] > training.size
        self._band, self._n_bands = band, n_bands
        if self._wide:
            columns = [band == index for index in range(n_bands)]
            self._grams = [seen[:, column] @ seen[:, column].T for column in columns]
            self._cross = [new[:, column] @ seen[:, column].T for column in columns]
        else:
            self._seen, self._new = seen, new
            self._gram = seen.T @ seen
        self._n_test = test.size

    def run(
        self, neurons: FloatArray, choices: FloatArray, alphas: FloatArray, rows: list[NDArray[np.int64]]
    ) -> None:
        """Keep, for each neuron, the weights and the penalty with the smallest error without a stimulus."""
        n_training, n_neurons = neurons.shape
        smallest = np.full(n_neurons, np.inf)
        self.added = np.zeros((self._n_bands, self._n_test, n_neurons))
        self.deviation, self.alpha = np.zeros(n_neurons), np.full(n_neurons, alphas[0])
        self.weights = np.tile(choices[0][:, None], n_neurons)
        only = len(choices) * alphas.size == 1
        for gamma in choices:
            spectrum = self._spectrum(gamma)
            coordinates = spectrum.basis.T @ neurons
            errors = (
                np.zeros((1, n_neurons))
                if only
                else np.stack(
                    [squared_errors(spectrum, neurons, coordinates, alpha, rows) for alpha in alphas]
                )
            )
            best = errors.argmin(axis=0)
            least = errors.min(axis=0)
            better = np.flatnonzero(least < smallest)
            smallest[better] = least[better]
            alpha = alphas[best[better]]
            dual = coordinates[:, better] / (spectrum.energy[:, None] + alpha)
            self.deviation[better] = np.sqrt(
                ((spectrum.energy[:, None] * dual) ** 2).sum(axis=0) / n_training
            )
            self.alpha[better], self.weights[:, better] = alpha, gamma[:, None]
            self.added[:, :, better] = self._added(gamma, spectrum.basis @ dual)

    def _spectrum(self, gamma: FloatArray) -> UnitSpectrum:
        if self._wide:
            gram = sum(weight * band for weight, band in zip(gamma, self._grams, strict=True))
            energy, vectors = np.linalg.eigh(np.asarray(gram))
        else:
            scale = np.sqrt(gamma[self._band])
            energy, vectors = np.linalg.eigh(self._gram * scale * scale[:, None])
        keep = energy > len(energy) * np.finfo(np.float64).eps * max(float(energy[-1]), 0.0)
        energy, vectors = energy[keep][::-1], vectors[:, keep][:, ::-1]
        if not self._wide:
            vectors = self._seen @ (scale[:, None] * vectors / np.sqrt(energy))
        empty = np.empty((0, 0))
        return UnitSpectrum(vectors, energy, empty, empty, empty)

    def _added(self, gamma: FloatArray, dual: FloatArray) -> FloatArray:
        """Return the part of each band in the predictions of the test stimuli, (B, n_test, n_neurons)."""
        if self._wide:
            return np.stack(
                [weight * (cross @ dual) for weight, cross in zip(gamma, self._cross, strict=True)]
            )
        weights = gamma[self._band][:, None] * (self._seen.T @ dual)
        return np.stack(
            [
                self._new[:, self._band == index] @ weights[self._band == index]
                for index in range(self._n_bands)
            ]
        )
