"""Held-out predictions of neurons from all units together, with their correlation and explained variance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_labels
from neuroalign.metrics.folds import predicted_rows
from neuroalign.metrics.inputs import constant_columns
from neuroalign.metrics.lasso.threads import in_threads
from neuroalign.metrics.variance_explained import variance_explained

FloatArray = NDArray[np.float64]

# Folds with fewer numbers are fitted one after another: threads would take longer to start.
_SMALL = 2**16


@dataclass(frozen=True, eq=False)
class Predictivity:
    """Predictions of responses by fits to other stimuli.

    Parameters
    ----------
    neurons : array of float64, shape (N, J)
        Recorded responses.
    predicted : array of float64, shape (N, J)
        Prediction of each response.
    baseline : array of float64, shape (N, J)
        Mean response to the training stimuli of each prediction. The units add ``predicted - baseline`` to it.
    amplitude : array of float64, shape (N, J)
        Standard deviation of the fitted values over the training stimuli of each prediction, as a share of the
        standard deviation of the responses.
    folds : array, shape (N,)
        Fold of each stimulus. Stimuli with the label -1 are fitted and never predicted: their rows of the other arrays
        are NaN, and :attr:`r` and :attr:`r2` leave them out.
    """

    neurons: FloatArray
    predicted: FloatArray
    baseline: FloatArray
    amplitude: FloatArray
    folds: NDArray[np.generic]

    @cached_property
    def r(self) -> FloatArray:
        """Correlation of each neuron with its predictions, shape (J,); NaN for neurons without variance.

        It is Pearson's r, over the stimuli of all folds together, of ``neurons - baseline`` and
        ``(predicted - baseline) / amplitude``, so that the predictions of all folds have the amplitude of the
        responses. Exact predictions have an r of 1, a constant prediction has an r of 0, and units that predict
        nothing have an expected r of 0 up to a term of the order of 1/N. A correlation with the predictions as they
        stand is negative for such units: the training mean is low where the held-out responses are high, and the
        fits with large predictions owe their size to the stimuli that they do not predict.
        """
        return self.r_on(self)

    def r_on(self, tested: "Predictivity") -> FloatArray:
        """Correlate these predictions with other responses of the same neurons to the same stimuli.

        Parameters
        ----------
        tested : Predictivity
            Predictions of the other responses, in the same folds; of these only the responses and their baseline count.

        Returns
        -------
        array of float64, shape (J,)
            :attr:`r` with the responses and the baseline of `tested`: the responses less their own mean over training
            stimuli, and the predictions less the mean that belongs to them.

        Raises
        ------
        ArrayError
            If the shapes or the folds differ.
        """
        if self.neurons.shape != tested.neurons.shape or not np.array_equal(self.folds, tested.folds):
            raise ArrayError(
                "predictions must be tested on the same neurons, stimuli and folds, got shapes "
                f"{self.neurons.shape} and {tested.neurons.shape}"
            )
        neurons, _, mean, _ = tested.held_out
        _, predicted, baseline, amplitude = self.held_out
        responses = neurons - mean
        added = divide(predicted - baseline, amplitude, otherwise=0.0)
        flat = constant_columns(added)
        first, second = responses - responses.mean(axis=0), added - added.mean(axis=0)
        norm = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
        r = divide((first * second).sum(axis=0), np.where(flat, 0.0, norm), otherwise=0.0)
        return np.where(constant_columns(neurons), np.nan, np.clip(r, -1.0, 1.0))

    def of_neurons(self, columns: NDArray[np.int64]) -> "Predictivity":
        """Return the predictions of some neurons only.

        Parameters
        ----------
        columns : array of int, shape (n_chosen,)
            Indices of the neurons.
        """
        return Predictivity(
            self.neurons[:, columns],
            self.predicted[:, columns],
            self.baseline[:, columns],
            self.amplitude[:, columns],
            self.folds,
        )

    @cached_property
    def r2(self) -> FloatArray:
        """Explained share of the variance of each neuron, ``1 − Σ(y − ŷ)² / Σ(y − ȳ)²``, shape (J,).

        It is pooled over folds, at most 1 and below 0 for predictions that are worse than the mean; NaN for neurons
        without variance.
        """
        neurons, predicted, _, _ = self.held_out
        return variance_explained(neurons, predicted)

    @cached_property
    def held_out(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Rows of `neurons`, `predicted`, `baseline` and `amplitude` that are predicted."""
        arrays = (self.neurons, self.predicted, self.baseline, self.amplitude)
        rows = predicted_rows(self.folds)
        if rows.all():
            return arrays
        neurons, predicted, baseline, amplitude = (values[rows] for values in arrays)
        return neurons, predicted, baseline, amplitude


def splice_rows(
    values: Sequence[FloatArray], rows: NDArray[np.int64], chosen: NDArray[np.int64]
) -> FloatArray:
    """Take each row of a fold, and each neuron, from one of several arrays.

    Parameters
    ----------
    values : sequence of arrays of float64, each of shape (N, J)
        Values of the same stimuli and neurons by several models.
    rows : array of int, shape (N,)
        Fold of each stimulus, 0 to n_folds - 1; -1 for stimuli that no fold predicts, which are NaN in the result.
    chosen : array of int, shape (n_folds, J)
        Index of the array for each fold and neuron.

    Returns
    -------
    array of float64, shape (N, J)

    Raises
    ------
    ArrayError
        If the shapes do not fit.

    Examples
    --------
    >>> first, second = np.zeros((3, 2)), np.ones((3, 2))
    >>> splice_rows([first, second], np.array([0, 1, 1]), np.array([[0, 1], [1, 1]])).tolist()
    [[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    shape = (rows.size, chosen.shape[1])
    if any(array.shape != shape for array in values) or rows.max(initial=-1) >= len(chosen):
        raise ArrayError(
            f"values must have the shape {shape} and rows must name {len(chosen)} folds, got "
            f"{[array.shape for array in values]} and folds up to {rows.max(initial=-1)}"
        )
    spliced = np.full(shape, np.nan)
    for index in np.unique(chosen):
        taken = (chosen == index)[rows] & (rows >= 0)[:, None]
        spliced[taken] = values[index][taken]
    return spliced


def splice_predictions(fits: Sequence[Predictivity], chosen: NDArray[np.int64]) -> Predictivity:
    """Join the predictions of several models, with one model for each fold and neuron.

    Parameters
    ----------
    fits : sequence of Predictivity
        Predictions of the same neurons and stimuli in the same folds.
    chosen : array of int, shape (n_folds, J)
        Index of the model for each fold, in the order of the sorted labels, and for each neuron.

    Returns
    -------
    Predictivity
        Each prediction with the baseline and the amplitude of its own fit.

    Raises
    ------
    ArrayError
        If the folds differ, or the shapes do not fit.
    """
    first = fits[0]
    if any(not np.array_equal(fit.folds, first.folds) for fit in fits):
        raise ArrayError("predictions must be of the same folds, got different ones; fit them to one dataset")
    predicted = predicted_rows(first.folds)
    rows = np.full(first.folds.size, -1, dtype=np.int64)
    rows[predicted] = np.unique(first.folds[predicted], return_inverse=True)[1]
    return Predictivity(
        first.neurons,
        splice_rows([fit.predicted for fit in fits], rows, chosen),
        splice_rows([fit.baseline for fit in fits], rows, chosen),
        splice_rows([fit.amplitude for fit in fits], rows, chosen),
        first.folds,
    )


def empty_predictions(neurons: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return arrays for the predictions, the baseline and the amplitude, NaN where no fold fills them."""
    predicted, baseline, amplitude = (np.full_like(neurons, np.nan) for _ in range(3))
    return predicted, baseline, amplitude


def training_and_test(
    folds: ArrayLike | None, n_stimuli: int
) -> tuple[NDArray[np.generic], list[tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """Return the labels of the folds, and the rows of the training and the test stimuli of each fold.

    Parameters
    ----------
    folds : array of shape (n_stimuli,), or None
        Any labels; stimuli with the label -1 are fitted by all folds and never predicted. None puts all stimuli in one
        fold that is fitted and predicted, for a score in-sample.
    n_stimuli : int

    Raises
    ------
    ArrayError
        If the shape does not fit.
    UsageError
        If there is one fold only.
    """
    every = np.arange(n_stimuli)
    if folds is None:
        return np.zeros(n_stimuli, dtype=np.int64), [(every, every)]
    labels = as_labels(folds, "folds")
    if labels.shape != (n_stimuli,):
        raise ArrayError(f"folds must have shape ({n_stimuli},), got {labels.shape}")
    distinct = np.unique(labels)
    if distinct.size < 2:
        raise UsageError("folds must have two labels at least, got one; folds=None scores in-sample")
    distinct = np.unique(labels[predicted_rows(labels)])
    return labels, [(np.flatnonzero(labels != label), np.flatnonzero(labels == label)) for label in distinct]


def as_groups(groups: ArrayLike | None, n_stimuli: int) -> NDArray[np.int64]:
    """Return groups of stimuli as integers; by default each stimulus is a group.

    Raises
    ------
    ArrayError
        If the shape does not fit.
    """
    if groups is None:
        return np.arange(n_stimuli)
    labels = as_labels(groups, "groups")
    if labels.shape != (n_stimuli,):
        raise ArrayError(f"groups must have shape ({n_stimuli},), got {labels.shape}")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def fit_folds(fit: Callable[[int], None], n_folds: int, *, n_numbers: int, n_threads: int | None) -> None:
    """Call a function for each fold, in threads where the arrays are large.

    Parameters
    ----------
    fit : callable
        Writes the results of a fold into arrays.
    n_folds : int
    n_numbers : int
        Number of responses and of values of units.
    n_threads : int or None
        By default all processors.
    """

    def fit_one(fold: int) -> int:
        fit(fold)
        return fold

    for _ in in_threads(fit_one, list(range(n_folds)), 1 if n_numbers < _SMALL else n_threads):
        pass


def blocks_of_columns(n_columns: int, size: int = 128) -> Iterator[slice]:
    """Yield slices of neighbouring columns, so that temporary arrays stay small."""
    for start in range(0, n_columns, size):
        yield slice(start, min(start + size, n_columns))


def amplitude_of(fitted: FloatArray, responses: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the ratio of the standard deviations of fitted values and responses, (J,); 0 without variance.

    Parameters
    ----------
    fitted : array of float64, shape (J,)
        Standard deviation of the fitted values over training stimuli.
    responses : array of float64, shape (n_training, J)
    weights : array of float64, shape (n_training,), optional
        Weights of the stimuli, with a mean of 1.
    """
    if weights is None:
        deviation = responses.std(axis=0)
    else:
        mean = weights @ responses / weights.size
        deviation = np.sqrt(weights @ (responses - mean) ** 2 / weights.size)
    deviation = np.where(constant_columns(responses), 0.0, deviation)
    ratio: FloatArray = divide(fitted, deviation, otherwise=0.0)
    return ratio
