"""The homotopy of the Lasso with many units, on a tableau of the units that may be active by the next λ.

Once the path has reached λ, a unit is left out until λ' if its correlation with the residual is less than 2λ' − λ (the
sequential strong rule). That rule can err, so at each λ' the optimality conditions of the units outside the tableau are
checked. Where such a unit should have entered, the path returns to λ and continues with it.

References
----------
Tibshirani, Bien, Friedman, Hastie, Simon, Taylor & Tibshirani (2012), J. R. Stat. Soc. B 74:245.
"""

from typing import NamedTuple

import numpy as np

from neuroalign.metrics.lasso.compiling import Floats, Ints, Mask, compiled
from neuroalign.metrics.lasso.homotopy import (
    NOWHERE,
    TOLERANCE,
    is_optimal,
    next_event,
    step,
    write_residual,
)

# Rows of a new tableau; their number doubles when it is full.
_ROWS = 256


class _Tableau(NamedTuple):
    """Tableau of :mod:`.homotopy` with the unit of each row, and room for more rows."""

    M: Floats
    P: Floats
    Q: Floats
    sign: Floats
    unit: Ints


@compiled
def _empty(n: int) -> _Tableau:
    """Return a tableau with room for n rows."""
    return _Tableau(np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n), np.empty(n, dtype=np.int64))


@compiled
def _copy(source: _Tableau, n: int, target: _Tableau) -> None:
    """Copy n rows."""
    for i in range(n):
        for k in range(i + 1):
            target.M[i, k] = source.M[i, k]
        target.P[i], target.Q[i] = source.P[i], source.Q[i]
        target.sign[i], target.unit[i] = source.sign[i], source.unit[i]


@compiled
def _admit(G: Floats, c: Floats, unit: int, tableau: _Tableau, n: int) -> None:
    """Add a unit, inactive, to a tableau of n rows."""
    M, P, Q, sign, units = tableau
    of_unit, new, active = G[unit], M[n], np.empty(n)
    any_active = False
    for k in range(n):
        new[k], active[k] = 0.0, 0.0
        if sign[k] != 0.0:
            active[k] = of_unit[units[k]]
            any_active = True
    # Σ_a G_da M_ak over active a: the product with G_AA⁻¹ for an active k, with G_AA⁻¹G_Ak for another.
    for i in range(n if any_active else 0):
        of_row, along = M[i], 0.0
        for k in range(i):
            along += active[k] * of_row[k]
        if sign[i] != 0.0:
            factor = active[i]
            for k in range(i):
                new[k] += factor * of_row[k]
            new[i] += along + factor * of_row[i]
        else:
            new[i] -= along
    p, q, pivot = c[unit], 0.0, of_unit[unit]
    for k in range(n):
        p -= active[k] * P[k]
        q -= active[k] * Q[k]
        pivot -= active[k] * new[k]
        new[k] = -new[k] if sign[k] != 0.0 else of_unit[units[k]] - new[k]
    P[n], Q[n], new[n], sign[n], units[n] = p, q, pivot, 0.0, unit


@compiled
def _walk(tableau: _Tableau, positive: bool, n: int, current: float, target: float, most: int) -> int:
    """Follow the path of n units from one λ down to another; return the number of knots, or NOWHERE."""
    M, P, Q, sign, _ = tableau
    every, row = np.empty(n, dtype=np.bool_), np.empty(n)
    for k in range(n):
        every[k] = True
    for n_knots in range(most):
        event, following = next_event(M, P, Q, sign, every, positive, n, current)
        if event == NOWHERE:
            return NOWHERE
        if following <= target:
            return n_knots
        current = following
        if not step(M, P, Q, sign, n, event, row):
            return NOWHERE
    return NOWHERE


@compiled
def _pull(correlation: float, positive: bool) -> float:
    """Return how strongly the residual pulls a unit in: a negative correlation does not pull a non-negative weight."""
    return correlation if positive else abs(correlation)


@compiled
def _next_lambda(lambdas: Floats, position: Ints) -> float:
    """Return the largest λ at which weights are still missing; -1 where all weights are filled in."""
    largest = -1.0
    for grid in range(lambdas.shape[0]):
        if position[grid] < lambdas.shape[1]:
            largest = max(largest, lambdas[grid, position[grid]])
    return largest


@compiled
def follow_screened(
    G: Floats, c: Floats, allowed: Mask, positive: bool, lambdas: Floats, weights: Floats
) -> bool:
    """Follow the path as :func:`.homotopy.follow` does."""
    n_units, (n_grids, n_lambdas) = G.shape[0], lambdas.shape
    outside, residual = np.empty(n_units, dtype=np.bool_), np.empty(n_units)
    position = np.empty(n_grids, dtype=np.int64)
    for grid in range(n_grids):
        position[grid] = 0
    strongest = 0.0
    for d in range(n_units):
        outside[d], residual[d] = allowed[d], c[d]
        if allowed[d]:
            strongest = max(strongest, _pull(c[d], positive))
    # Not literals: numba compiles a function again for each literal that it is called with.
    room, n, n_knots = np.int64(_ROWS), np.int64(0), 0
    tableau, saved = _empty(room), _empty(room)
    current, target, at = np.inf, _next_lambda(lambdas, position), weights[0, 0]
    # Units with at least this correlation with the residual enter the tableau.
    limit = 2.0 * target - strongest
    while True:
        for d in range(n_units):
            if outside[d] and _pull(residual[d], positive) >= limit:
                if n == tableau.P.size:
                    larger = _empty(2 * n)
                    _copy(tableau, n, larger)
                    tableau, saved = larger, _empty(2 * n)
                _admit(G, c, d, tableau, n)
                outside[d] = False
                n += 1
        _copy(tableau, n, saved)
        more = _walk(tableau, positive, n, current, target, 8 * n_units + 64 - n_knots)
        if more == NOWHERE:
            return False
        n_knots += more
        for grid in range(n_grids):
            if position[grid] < n_lambdas and lambdas[grid, position[grid]] == target:
                at = weights[grid, position[grid]]
                for d in range(n_units):
                    at[d] = 0.0
                for i in range(n):
                    if tableau.sign[i] != 0.0:
                        at[tableau.unit[i]] = tableau.P[i] - target * tableau.Q[i]
        write_residual(G, c, at, residual)
        missed = 0.0
        for d in range(n_units):
            if outside[d]:
                missed = max(missed, _pull(residual[d], positive))
        if missed > target + TOLERANCE:
            # A unit outside should have entered: return to the saved tableau and continue with that unit.
            _copy(saved, n, tableau)
            limit = target
            continue
        reached = target
        for grid in range(n_grids):
            position[grid] += position[grid] < n_lambdas and lambdas[grid, position[grid]] == target
        target = _next_lambda(lambdas, position)
        if target < 0.0:
            return is_optimal(allowed, positive, reached, at, residual)
        current, limit = reached, 2.0 * target - min(reached, strongest)
