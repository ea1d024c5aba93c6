"""The Lasso paths of neurons on Gram matrices: the compiled kernel of :mod:`.block`.

Minimise ``½ wᵀGw − cᵀw + λ‖w‖₁`` for all λ, where G = ZᵀZ/n and c = Zᵀy/n are of standardised units, and where w ≥ 0
may be required. The path is followed from λ = max|c| (or max c) down, exactly (:mod:`.homotopy`, with many units
``screening``). A path that cannot be trusted is computed again by cyclic coordinate descent on the same Gram matrix,
which needs no inverse.
"""

import numpy as np

from neuroalign.metrics.lasso.compiling import Floats, Ints, Mask, compiled
from neuroalign.metrics.lasso.descent import descend
from neuroalign.metrics.lasso.homotopy import follow
from neuroalign.metrics.lasso.screening import follow_screened

#: Method that computed a path.
HOMOTOPY, DESCENT, UNCONVERGED = 0, 1, 2


# More units than _FEW are screened, unless λ falls below the share _DEEP of its first: then most units become active.
_FEW, _DEEP = 640, 1e-3


@compiled
def compute_paths(
    G: Floats,
    C: Floats,
    allowed: Mask,
    positive: bool,
    lambdas: Floats,
    excluded: Ints,
    weights: Floats,
    how: Ints,
) -> None:
    """Compute the paths of a block of neurons on one set of stimuli.

    Parameters
    ----------
    G : array of float64, shape (D, D)
        Gram matrix of the units.
    C : array of float64, shape (J, D)
        Covariances of each neuron with the units.
    allowed : array of bool, shape (D,)
        Mask of the units that vary among those stimuli.
    positive : bool
        Whether weights must not be negative.
    lambdas : array of float64, shape (J, n_grids, L)
        Grids of λ, each descending.
    excluded : array of int64, shape (J,)
        Unit that each neuron may not use; -1 for no unit.
    weights : array of float64, shape (J, n_grids, L, D), out
    how : array of int64, shape (J,), in and out
        Raised to HOMOTOPY, DESCENT or UNCONVERGED where it is less.
    """
    n_units, n_grids = G.shape[0], lambdas.shape[1]
    M = np.empty((n_units, n_units))
    P, Q, sign, row = np.empty(n_units), np.empty(n_units), np.empty(n_units), np.empty(n_units)
    may = np.empty(n_units, dtype=np.bool_)
    position = np.empty(n_grids, dtype=np.int64)
    for j in range(lambdas.shape[0]):
        strongest, lowest = 0.0, np.inf
        for d in range(n_units):
            may[d] = allowed[d] and d != excluded[j]
            strongest = max(strongest, abs(C[j, d]))
        for grid in range(n_grids):
            for index in range(lambdas.shape[2]):
                lowest = min(lowest, lambdas[j, grid, index])
        if n_units > _FEW and lowest > _DEEP * strongest:
            is_sound = follow_screened(G, C[j], may, positive, lambdas[j], weights[j])
        else:
            is_sound = follow(G, C[j], may, positive, lambdas[j], M, P, Q, sign, row, position, weights[j])
        status = HOMOTOPY
        if not is_sound:
            status = DESCENT if descend(G, C[j], may, positive, lambdas[j], weights[j]) else UNCONVERGED
        how[j] = max(how[j], status)
