"""Assignments and optimal transport between units and neurons, which maximise the sum of their similarities."""

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.metrics.matching_folds import Pairs

FloatArray = NDArray[np.float64]

#: Masses below this number are rounding errors of the solver.
LEAST_MASS = 1e-12
#: Remedy where only excluded pairs are left.
ONLY_EXCLUDED = (
    "units and neurons cannot be matched without excluded pairs: there are too few of them; add units or neurons, or "
    "include self-pairs"
)


def assign(similarity: FloatArray, forbidden: NDArray[np.bool_]) -> Pairs:
    """Match min(D, J) units and neurons one to one so that the sum of the similarities is largest.

    Parameters
    ----------
    similarity : array of float64, shape (D, J)
        Similarities in [-1, 1].
    forbidden : array of bool, shape (D, J)
        Pairs that are not allowed.

    Returns
    -------
    Pairs
        Each with mass 1.

    Raises
    ------
    UsageError
        If a pair that is not allowed cannot be avoided.

    References
    ----------
    Crouse (2016), IEEE Trans. Aerosp. Electron. Syst. 52:1679 (SciPy's algorithm).
    """
    from scipy.optimize import linear_sum_assignment

    # One forbidden pair costs more than all others can gain.
    gain = np.where(forbidden, -2.0 * min(similarity.shape) - 1.0, similarity)
    unit, neuron = linear_sum_assignment(gain, maximize=True)
    if forbidden[unit, neuron].any():
        raise UsageError(ONLY_EXCLUDED)
    return Pairs(unit.astype(np.int64), neuron.astype(np.int64), np.ones(unit.size))


def transport(similarity: FloatArray, forbidden: NDArray[np.bool_], *, mass: float = 1.0) -> Pairs:
    """Move mass from units to neurons so that the sum of mass times similarity is largest.

    Parameters
    ----------
    similarity : array of float64, shape (D, J)
        Similarities in [-1, 1].
    forbidden : array of bool, shape (D, J)
        Pairs that are not allowed.
    mass : float
        Total mass in (0, 1]. A unit gives 1/D at most and a neuron takes 1/J at most; with mass 1, exactly.

    Returns
    -------
    Pairs
        At most D + J + 1 pairs, with masses that sum to `mass`.

    Raises
    ------
    UsageError
        If `mass` is not in (0, 1], or a pair that is not allowed cannot be avoided.
    NeuroalignError
        If the solver does not converge.

    Notes
    -----
    Part of the mass moves as in an ordinary transport with one more unit and one more neuron: they take the mass
    ``1 − mass`` of the other side at no cost, and nothing moves between them.

    References
    ----------
    Bonneel et al. (2011), ACM Trans. Graph. 30:158 (the network simplex of POT); Chapel et al. (2020), NeurIPS
    (partial transport with additional points).
    """
    if not 0 < mass <= 1:
        raise UsageError(f"mass must be above 0 and at most 1, got {mass:g}")
    n_units, n_neurons = similarity.shape
    if mass == 1 and n_units == n_neurons:
        # The best transport of equal numbers is an assignment.
        pairs = assign(similarity, forbidden)
        return Pairs(pairs.unit, pairs.neuron, pairs.mass / n_units)
    cost = 1.0 - similarity
    # The smallest mass that can move is about 1/(D·J); on a forbidden pair it costs more than all others can gain.
    cost[forbidden] = 4.0 * n_units * n_neurons + 4.0
    of_units, of_neurons = np.full(n_units, 1.0 / n_units), np.full(n_neurons, 1.0 / n_neurons)
    if mass < 1:
        cost = np.pad(cost, ((0, 1), (0, 1)))
        cost[-1, -1] = 4.0
        of_units, of_neurons = np.append(of_units, 1.0 - mass), np.append(of_neurons, 1.0 - mass)
    plan = _solve(of_units, of_neurons, cost)[:n_units, :n_neurons]
    unit, neuron = np.nonzero(plan > LEAST_MASS)
    if forbidden[unit, neuron].any():
        raise UsageError(ONLY_EXCLUDED)
    return Pairs(unit, neuron, plan[unit, neuron])


def _solve(of_units: FloatArray, of_neurons: FloatArray, cost: FloatArray) -> FloatArray:
    # The import loads torch, which takes seconds: only a score by transport pays for it.
    import ot

    plan, log = ot.emd(of_units, of_neurons, cost, numItermax=max(10**6, 100 * cost.size), log=True)
    if log["warning"]:
        raise NeuroalignError(f"optimal transport must converge, got {log['warning']!r} from POT")
    return np.asarray(plan, dtype=np.float64)
