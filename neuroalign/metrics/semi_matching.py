"""Cross-validated semi-matching: the best unit of each neuron, and the best neuron of each unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.metrics.matching_folds import Matching, Pairs, match_folds

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SemiMatching:
    """Result of :func:`semi_matching`.

    Parameters
    ----------
    neurons : Matching
        Best unit of each neuron; its score is the mean over neurons.
    units : Matching
        Best neuron of each unit; its score is the mean over units.
    """

    neurons: Matching
    units: Matching

    @property
    def score(self) -> float:
        """Mean over neurons of the similarity with the best unit."""
        return self.neurons.score


def semi_matching(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike | None = None,
    ranks: bool = False,
    absolute: bool = False,
    exclude: ArrayLike | None = None,
) -> SemiMatching:
    r"""Find the best unit of each neuron and the best neuron of each unit, and average the held-out correlations.

    .. math:: \text{score} = \frac{1}{J} \sum_j s'_{i(j)\,j}, \quad i(j) = \arg\max_i s_{ij}

    with the correlation s over the training stimuli and the similarity s′ of the held-out stimuli. Several neurons
    may have the same best unit.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus, in any unit of measurement. Units without variance are left out.
    Y : array of shape (N, J)
        Responses to the same stimuli. Neurons without variance are left out.
    folds, ranks, absolute, exclude
        See :func:`neuroalign.metrics.one_to_one`. A neuron or unit with excluded pairs only is left out.

    Returns
    -------
    SemiMatching

    Raises
    ------
    UsageError
        If no unit or neuron varies, only excluded pairs are left, or there is only one fold.
    ArrayError
        If shapes do not fit or a value is NaN or infinite.

    References
    ----------
    Li et al. (2016), ICLR, arXiv 1511.07543, "Convergent learning".

    Examples
    --------
    >>> from neuroalign.metrics import semi_matching
    >>> import numpy as np
    >>> from neuroalign.metrics import fold_labels
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((500, 3))
    >>> Y = Z[:, [2, 2, 0]] + 0.5 * rng.standard_normal((500, 3))
    >>> result = semi_matching(Z, Y, folds=fold_labels(500, 5))
    >>> result.neurons.best_unit, round(result.score, 2), round(result.units.score, 2)
    (array([2, 2, 0]), 0.9, 0.61)
    """
    options = {"folds": folds, "ranks": ranks, "absolute": absolute, "exclude": exclude, "full": (1.0, 1.0)}
    return SemiMatching(
        match_folds(Z, Y, best_units, **options),  # type: ignore[arg-type]
        match_folds(Z, Y, best_neurons, **options),  # type: ignore[arg-type]
    )


def best_units(similarity: FloatArray, forbidden: NDArray[np.bool_]) -> Pairs:
    """Pair each neuron with its most similar unit; a neuron without an allowed unit is left out.

    Parameters
    ----------
    similarity : array of float64, shape (D, J)
    forbidden : array of bool, shape (D, J)
        Pairs that are not allowed.

    Returns
    -------
    Pairs
        Each with mass 1.
    """
    allowed = np.where(forbidden, -np.inf, similarity)
    unit = allowed.argmax(axis=0)
    neuron = np.flatnonzero(~forbidden.all(axis=0))
    return Pairs(unit[neuron], neuron, np.ones(neuron.size))


def best_neurons(similarity: FloatArray, forbidden: NDArray[np.bool_]) -> Pairs:
    """Pair each unit with its most similar neuron; see :func:`best_units`."""
    pairs = best_units(similarity.T, forbidden.T)
    return Pairs(pairs.neuron, pairs.unit, pairs.mass)
