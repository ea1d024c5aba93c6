"""Scores of populations as functions of the neurons that a bootstrap draws, from sums over neurons and their pairs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic

FloatArray = NDArray[np.float64]

#: Arrays of a score's data: product of the units with each neuron, and of each pair of neurons.
ARRAYS = ("with_units", "among_neurons")


def population_statistic(neuroids: ArrayLike, with_units: FloatArray, among: FloatArray) -> NeuronStatistic:
    """Return ``⟨U, Σ y_j⟩ / ‖Σ y_j‖`` as a function of the drawn neurons.

    Parameters
    ----------
    neuroids : array of str, shape (J,)
    with_units : array of float64, shape (J,)
        Product of the units' geometry, of length 1, with each neuron.
    among : array of float64, shape (J, J)
        Products of the neurons.

    Returns
    -------
    NeuronStatistic
        Where a neuron is drawn twice, the product of the neuron with its copy is left out, and the products of
        different neurons count more in turn: a copy has the same noise, so that it would raise ‖Σ y‖.
    """
    n = with_units.size
    own = np.diagonal(among)
    others = among - np.diag(own)
    # Columns: sums with the units, of the own products, counts of the neurons, and sums of the products with others.
    terms = np.concatenate([with_units[:, None], own[:, None], np.eye(n), others], axis=1)
    compared = own != 0

    def combine(sums: FloatArray) -> FloatArray:
        size = (sums.shape[1] - 2) // 2
        counts, products = sums[:, 2 : 2 + size], sums[:, 2 + size :]
        pairs = (counts * products).sum(axis=1)
        # Neurons that are units themselves have no products and do not count.
        total = counts @ compared
        square = counts**2 @ compared
        share = divide(total * (total - 1), total**2 - square, otherwise=0.0)
        return divide(sums[:, 0], np.sqrt(np.maximum(share * pairs + sums[:, 1], 0.0)), otherwise=0.0)

    return NeuronStatistic(tuple(map(str, np.asarray(neuroids))), terms, combine)


def statistic_of_score(score: Score) -> NeuronStatistic:
    """Return the score as a function of the neurons, from its stored arrays.

    Raises
    ------
    ArrayError
        If the score does not have the arrays.
    """
    missing = [name for name in ARRAYS if name not in score.data]
    if missing:
        raise ArrayError(f"the score of {score.model} has no array {missing[0]!r}; score the model again")
    with_units, among = (score.data[name].values for name in ARRAYS)
    return population_statistic(score.data["neuroid"].values, with_units, among)
