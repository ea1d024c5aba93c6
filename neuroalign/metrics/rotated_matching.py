"""Held-out matchings of many sets of units with the same neurons, which share the sums of the neurons."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuroalign.arithmetic import divide
from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.transport import assign, transport

FloatArray = NDArray[np.float64]

# A column with a smaller SD over training stimuli, in units of its SD over all stimuli, has no correlation there. Sums
# of squares leave rounding errors of about 1e-8.
_LEAST_SD = 1e-6

#: Returns units, neurons and masses of the pairs for the similarities of training stimuli, (D, J).
Matcher = Callable[[FloatArray], tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]]


@dataclass(frozen=True, eq=False)
class NeuronFolds:
    """Neurons sorted by fold, for held-out matchings with sets of units.

    Parameters
    ----------
    order : array of int, shape (N,)
        Row of the caller's stimuli for each row, sorted by fold.
    starts : array of int, shape (n_folds,)
        First row of each fold.
    sizes : array of float, shape (n_folds,)
    neurons : array of float64, shape (N, J)
        Standardised over all stimuli.
    training_mean, training_sd : arrays of float64, shape (n_folds, J)
        Moments over the stimuli outside each fold.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: FloatArray
    neurons: FloatArray
    training_mean: FloatArray
    training_sd: FloatArray

    @classmethod
    def of(cls, neurons: FloatArray, folds: NDArray[np.int64]) -> "NeuronFolds":
        """Sort neurons by fold.

        Parameters
        ----------
        neurons : array of float64, shape (N, J)
        folds : array of int64, shape (N,)
            Labels 0 to n_folds - 1, each present. With one fold, its stimuli are also the training stimuli.
        """
        order = np.argsort(folds, kind="stable")
        starts = np.searchsorted(folds[order], np.arange(folds.max() + 1)).astype(np.int64)
        sizes = np.diff([*starts, len(folds)]).astype(np.float64)
        sorted_neurons = standardise(neurons)[order]
        return cls(order, starts, sizes, sorted_neurons, *_training(sorted_neurons, starts, sizes))

    def match(
        self, units: FloatArray, matcher: Matcher, *, absolute: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Match units and neurons on the training stimuli of each fold, and average held-out similarities.

        Parameters
        ----------
        units : array of float64, shape (N, D)
            Stimuli in the caller's order.
        matcher : callable
        absolute : bool
            Whether the sign of a pair is free; the training stimuli fix it.

        Returns
        -------
        values : array of float64, shape (J,)
            Mean over folds of the similarity of each neuron with its units; 0 for a neuron that is never matched.
        weights : array of float64, shape (J,)
            Mean mass of each neuron over folds.
        """
        x, n_stimuli = standardise(units)[self.order], self.sizes.sum()
        mean, sd = _training(x, self.starts, self.sizes)
        products = [
            x[start:stop].T @ self.neurons[start:stop] for start, stop in pairwise([*self.starts, len(x)])
        ]
        total = np.sum(products, axis=0)
        weighted, weights = np.zeros(self.neurons.shape[1]), np.zeros(self.neurons.shape[1])
        for fold, product in enumerate(products):
            size = self.sizes[fold]
            inside = total if self.sizes.size == 1 else total - product
            n_inside = n_stimuli if self.sizes.size == 1 else n_stimuli - size
            covariance = inside / n_inside - np.outer(mean[fold], self.training_mean[fold])
            scale = np.outer(_inverse(sd[fold]), _inverse(self.training_sd[fold]))
            similarity = np.clip(covariance * scale, -1.0, 1.0)
            unit, neuron, mass = matcher(np.abs(similarity) if absolute else similarity)
            held_out = product[unit, neuron] / size
            if absolute:
                held_out = np.where(similarity[unit, neuron] < 0, -held_out, held_out)
            share = mass * size / n_stimuli
            weighted += np.bincount(neuron, weights=share * held_out, minlength=weighted.size)
            weights += np.bincount(neuron, weights=share, minlength=weights.size)
        return divide(weighted, weights, otherwise=0.0), weights


@dataclass(frozen=True, eq=False)
class HeldOutNeurons:
    """Neurons of fitted and of held-out stimuli, for matchings that are chosen on the former and scored on the latter.

    Parameters
    ----------
    held_out : array of bool, shape (N,)
        Stimuli of the scores; the others fix the matchings.
    fitted_neurons, held_out_neurons : arrays of float64, shape (n, J)
        Standardised over the fitted and over the held-out stimuli.
    """

    held_out: NDArray[np.bool_]
    fitted_neurons: FloatArray
    held_out_neurons: FloatArray

    @classmethod
    def of(cls, neurons: FloatArray, held_out: NDArray[np.bool_]) -> "HeldOutNeurons":
        """Standardise the neurons, (N, J)."""
        return cls(held_out, standardise(neurons[~held_out]), standardise(neurons[held_out]))

    def match(
        self, units: FloatArray, matcher: Matcher, *, absolute: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Match units and neurons; see :meth:`NeuronFolds.match`."""
        fitted, shown = standardise(units[~self.held_out]), standardise(units[self.held_out])
        similarity = np.clip(fitted.T @ self.fitted_neurons / len(fitted), -1.0, 1.0)
        unit, neuron, mass = matcher(np.abs(similarity) if absolute else similarity)
        value = (shown.T @ self.held_out_neurons / len(shown))[unit, neuron]
        if absolute:
            value = np.where(similarity[unit, neuron] < 0, -value, value)
        n_neurons = self.fitted_neurons.shape[1]
        weighted = np.bincount(neuron, weights=mass * value, minlength=n_neurons)
        weights: FloatArray = np.bincount(neuron, weights=mass, minlength=n_neurons).astype(np.float64)
        return divide(weighted, weights, otherwise=0.0), weights


def _training(
    values: FloatArray, starts: NDArray[np.int64], sizes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and SD of standardised columns outside each fold, (n_folds, n_columns)."""
    sums = np.add.reduceat(values, starts, axis=0)
    squares = np.add.reduceat(values**2, starts, axis=0)
    if sizes.size == 1:
        left, outside, outside_squares = sizes, sums, squares
    else:
        left = sizes.sum() - sizes
        outside, outside_squares = sums.sum(axis=0) - sums, squares.sum(axis=0) - squares
    mean = outside / left[:, None]
    return mean, np.sqrt(np.maximum(outside_squares / left[:, None] - mean**2, 0.0))


def _inverse(sd: FloatArray) -> FloatArray:
    return divide(1.0, np.where(sd > _LEAST_SD, sd, 0.0), otherwise=0.0)


def best_units(similarity: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Pair each neuron with its best unit, (D, J)."""
    neuron = np.arange(similarity.shape[1])
    return similarity.argmax(axis=0), neuron, np.ones(neuron.size)


def one_to_one_pairs(similarity: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Pair units and neurons one to one, (D, J)."""
    pairs = assign(similarity, np.zeros(similarity.shape, dtype=bool))
    return pairs.unit, pairs.neuron, pairs.mass


def soft_pairs(similarity: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Pair units and neurons by optimal transport of equal masses, (D, J)."""
    pairs = transport(similarity, np.zeros(similarity.shape, dtype=bool))
    # A neuron that is matched in full has the mass 1, as in the other matchings.
    return pairs.unit, pairs.neuron, pairs.mass * similarity.shape[1]


#: Matchers by name.
MATCHERS: dict[str, Matcher] = {"semi": best_units, "soft": soft_pairs, "one_to_one": one_to_one_pairs}
