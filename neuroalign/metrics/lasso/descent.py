"""Coordinate descent for the Lasso, the fallback of the homotopy.

References
----------
Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33:1 (coordinate descent on Gram matrices).
"""

import numpy as np

from neuroalign.metrics.lasso.compiling import Floats, Mask, compiled
from neuroalign.metrics.lasso.homotopy import is_optimal, write_residual

#: Coordinate descent stops when no weight moves by more than this, or after this many sweeps at one λ.
_SMALLEST_MOVE = 1e-11
_MOST_SWEEPS = 2000


@compiled
def _sweep(
    G: Floats,
    among: Mask,
    positive: bool,
    lambda_: float,
    weights: Floats,
    gradient: Floats,
    active: Mask,
) -> float:
    """Minimise over each weight of a set of units in turn; return the largest change of a weight."""
    farthest = 0.0
    for d in range(G.shape[0]):
        if not among[d]:
            continue
        pull = gradient[d] + weights[d] * G[d, d]
        new = 0.0
        if pull > lambda_:
            new = (pull - lambda_) / G[d, d]
        elif pull < -lambda_ and not positive:
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
    positive: bool,
    lambdas: Floats,
    weights: Floats,
) -> bool:
    """Compute the path by cyclic coordinate descent; return whether it converged.

    Fills the weights as :func:`follow` does.
    """
    n_grids, n_lambdas = lambdas.shape
    position = np.empty(n_grids, dtype=np.int64)
    for grid in range(n_grids):
        position[grid] = 0
    gradient, active = np.empty(c.size), np.empty(c.size, dtype=np.bool_)
    before = weights[0, 0]
    for d in range(c.size):
        before[d], active[d] = 0.0, False
    converged = True
    for _ in range(n_grids * n_lambdas):
        # The next λ is the largest that remains in any grid. It starts from the weights of the λ before.
        grid = -1
        for other in range(n_grids):
            if position[other] < n_lambdas and (
                grid < 0 or lambdas[other, position[other]] > lambdas[grid, position[grid]]
            ):
                grid = other
        lambda_, w = lambdas[grid, position[grid]], weights[grid, position[grid]]
        position[grid] += 1
        for d in range(c.size):
            w[d] = before[d]
        before = w
        # Many updates let the gradient drift, so it is computed again for each λ.
        write_residual(G, c, w, gradient)
        # A sweep over all units finds the active units, which are then swept until no weight moves.
        sweeps = 0
        while sweeps < _MOST_SWEEPS:
            sweeps += 1
            if _sweep(G, allowed, positive, lambda_, w, gradient, active) < _SMALLEST_MOVE:
                break
            while sweeps < _MOST_SWEEPS:
                sweeps += 1
                if _sweep(G, active, positive, lambda_, w, gradient, active) < _SMALLEST_MOVE:
                    break
        write_residual(G, c, w, gradient)
        if not is_optimal(allowed, positive, lambda_, w, gradient):
            converged = False
    return converged
