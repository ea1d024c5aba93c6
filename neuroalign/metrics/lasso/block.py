"""Fits of a block of neurons to the training sets of a cross-validated Lasso."""

import numpy as np
from numpy.typing import NDArray

from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.lasso.fold_sums import NeuronSums, TrainingSets, covariances, held_out, neuron_sums
from neuroalign.metrics.lasso.problem import Problem, held_out_errors, strongest


class Block:
    """Neurons that are fitted together.

    Parameters
    ----------
    problem : Problem
    sets : TrainingSets
    neurons : array of int64, shape (J,)
        Indices of the neurons.
    sums : NeuronSums, optional
        Sums of all neurons with the units; by default computed from the units.
    """

    def __init__(
        self,
        problem: Problem,
        sets: TrainingSets,
        neurons: NDArray[np.int64],
        sums: NeuronSums | None = None,
    ) -> None:
        self._units, self._sets = problem.sums, sets
        self._excluded, self._positive = problem.excluded[neurons], problem.positive
        if sums is None:
            self._neurons = neuron_sums(problem.sums, standardise(problem.neurons[:, neurons]))
        else:
            self._neurons = NeuronSums(
                sums.mean[:, neurons], sums.squares[:, neurons], sums.products[:, neurons]
            )
        self._covariance, self._mean = covariances(problem.sums, self._neurons, sets)
        self._how = np.zeros(neurons.size, dtype=np.int64)

    def strongest(self, index: int) -> NDArray[np.float64]:
        """Return the λ of each neuron at which its first unit enters, in one training set, (J,)."""
        return strongest(self._covariance[index], self._excluded, positive=self._positive)

    def fit(self, index: int, lambdas: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Compute the paths on a training set.

        Parameters
        ----------
        index : int
            Index of the training set.
        lambdas : array of float64, shape (J, n_grids, L)
            Grids of λ, each descending.
        weights : array of float64, shape (J, n_grids, L, D), out
        """
        # Its module compiles, which takes time.
        from neuroalign.metrics.lasso.path import compute_paths

        compute_paths(
            self._sets.gram(index),
            self._covariance[index],
            self._sets.varies[index],
            self._positive,
            lambdas,
            self._excluded,
            weights,
            self._how,
        )

    def errors(self, index: int, fold: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the summed squared errors in a held-out fold of weights from a training set, (J, L)."""
        sums = held_out(self._units, self._neurons, self._sets, self._mean, index=index, fold=fold)
        return held_out_errors(weights, sums)

    def count_unconverged(self) -> int:
        """Return the number of neurons with a path that did not converge."""
        from neuroalign.metrics.lasso.path import UNCONVERGED

        return int((self._how == UNCONVERGED).sum())
