"""The Lasso paths of neurons on Gram matrices: the compiled kernel of :mod:`.lasso`.

Minimise ``½ wᵀGw − cᵀw + λ‖w‖₁`` for all λ, where G = ZᵀZ/n and c = Zᵀy/n are of standardised units. The path is
followed from λ = max|c| down, exactly (:mod:`.homotopy`, with many units :mod:`.screening`). Where that cannot be
trusted it is computed by cyclic coordinate descent on the same Gram matrix, which needs no inverse.

References
----------
Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33:1 (coordinate descent on Gram matrices).
"""

import numpy as np

from neuroalign.metrics.homotopy import Floats, Ints, Mask, compiled, follow, is_optimal, write_residual
from neuroalign.metrics.screening import follow_screened

#: How a path was computed.
HOMOTOPY, DESCENT, UNCONVERGED = 0, 1, 2

# More units than this are screened, unless λ falls below that share of its first: then most of them become active.
_FEW, _DEEP = 640, 1e-3
#: Coordinate descent rests when no weight moves by more than this, or after so many sweeps at one λ.
_AT_REST = 1e-11
_MOST_SWEEPS = 2000


@compiled
def _sweep(
    G: Floats,
    allowed: Mask,
    lambda_: float,
    weights: Floats,
    gradient: Floats,
    active: Mask,
    only_active: bool,
) -> float:
    """Minimise over each weight in turn; return how far the farthest moved."""
    farthest = 0.0
    for d in range(G.shape[0]):
        if not allowed[d] or (only_active and not active[d]):
            continue
        pull = gradient[d] + weights[d] * G[d, d]
        new = 0.0
        if pull > lambda_:
            new = (pull - lambda_) / G[d, d]
        elif pull < -lambda_:
            new = (pull + lambda_) / G[d, d]
        active[d] = new != 0.0 or weights[d] != 0.0
        change = new - weights[d]
        if change != 0.0:
            weights[d] = new
            row = G[d]
            for k in range(row.shape[0]):
                gradient[k] -= change * row[k]
            farthest = max(farthest, abs(change))
    return farthest


@compiled
def descend(
    G: Floats,
    c: Floats,
    allowed: Mask,
    lambdas: Floats,
    weights: Floats,
) -> bool:
    """Compute the path by cyclic coordinate descent; return whether it converged.

    Fills the weights as :func:`follow` does.
    """
    n_grids, n_lambdas = lambdas.shape
    position = np.zeros(n_grids, dtype=np.int64)
    gradient, active = np.empty_like(c), np.zeros_like(allowed)
    before = weights[0, 0]
    before[:] = 0.0
    converged = True
    for _ in range(n_grids * n_lambdas):
        # The next λ is the largest that any grid has left. It starts from the weights of the one before.
        grid = -1
        for each in range(n_grids):
            if position[each] < n_lambdas and (
                grid < 0 or lambdas[each, position[each]] > lambdas[grid, position[grid]]
            ):
                grid = each
        lambda_, w = lambdas[grid, position[grid]], weights[grid, position[grid]]
        position[grid] += 1
        w[:] = before
        before = w
        # Updated many times, the gradient drifts: each λ starts from a fresh one.
        write_residual(G, c, w, gradient)
        # A sweep over all units finds the active ones; then those are swept until they rest.
        sweeps = 0
        while sweeps < _MOST_SWEEPS:
            sweeps += 1
            if _sweep(G, allowed, lambda_, w, gradient, active, False) < _AT_REST:
                break
            while sweeps < _MOST_SWEEPS:
                sweeps += 1
                if _sweep(G, allowed, lambda_, w, gradient, active, True) < _AT_REST:
                    break
        write_residual(G, c, w, gradient)
        if not is_optimal(allowed, lambda_, w, gradient):
            converged = False
    return converged


@compiled
def compute_paths(
    G: Floats,
    C: Floats,
    allowed: Mask,
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
        Covariances of each neuron with them.
    allowed : array of bool, shape (D,)
        Units that vary among those stimuli.
    lambdas : array of float64, shape (J, n_grids, L)
        Grids of λ, each descending.
    excluded : array of int64, shape (J,)
        The unit that a neuron may not use; -1 for none.
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
        may[:] = allowed
        if excluded[j] >= 0:
            may[excluded[j]] = False
        if n_units > _FEW and lambdas[j].min() > _DEEP * np.abs(C[j]).max():
            is_sound = follow_screened(G, C[j], may, lambdas[j], weights[j])
        else:
            is_sound = follow(G, C[j], may, lambdas[j], M, P, Q, sign, row, position, weights[j])
        status = HOMOTOPY
        if not is_sound:
            status = DESCENT if descend(G, C[j], may, lambdas[j], weights[j]) else UNCONVERGED
        how[j] = max(how[j], status)
