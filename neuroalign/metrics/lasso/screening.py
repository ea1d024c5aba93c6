"""The homotopy of the Lasso with many units, on a tableau of the units that may be active by the next λ.

The path goes down in stages of several λ. Once it has reached λ, a unit is left out until the end λ' of the next stage
if its correlation with the residual is less than λ' − 1.5 (λ − λ'): correlations that grow by 1.5 times the decrease of
λ at most do not reach λ'. The sequential strong rule has 1 in place of 1.5, and errs more often. Either can err, so
the optimality conditions of the units outside the tableau are checked at each λ of the grid. Where such a unit should
have entered, the path returns to the beginning of the stage and continues with it. Units that fall behind leave the
tableau again. Once most units are in the tableau, all others come in, and the checks end.

References
----------
Tibshirani, Bien, Friedman, Hastie, Simon, Taylor & Tibshirani (2012), J. R. Stat. Soc. B 74:245.
"""

import numpy as np

from neuroalign.metrics.lasso.compiling import Floats, Ints, Mask, compiled
from neuroalign.metrics.lasso.homotopy import NOWHERE, is_optimal, next_event, write_residual
from neuroalign.metrics.lasso.tableau import (
    Tableau,
    admit,
    copy_tableau,
    drop_rows,
    empty_tableau,
    exchange,
    subtract_rows,
)

# Rows of a new tableau, and rows to spare in a larger one.
_ROWS, _MORE = 256, 64
# λ at the end of a stage divided by λ at its beginning, at least, and different λ in a stage, at most.
_STAGE, _MOST = 0.93, 8
# Increase of a correlation that is expected, divided by the decrease of λ; share of the units beyond which all come in.
_SLOPE, _ALL = 1.5, 0.8
# A unit outside has been missed if its correlation exceeds λ by more than rounding.
_ROUNDING = 1e-11


@compiled
def _walk(
    tableau: Tableau, positive: bool, n: int, current: float, target: float, taken: Ints, n_knots: int
) -> int:
    """Follow the path of n units from one λ down to another; note the rows in `taken`, return the number of knots.

    The number is NOWHERE if the path is lost.
    """
    M, P, Q, sign = tableau.M, tableau.P, tableau.Q, tableau.sign
    every, row = np.empty(n, dtype=np.bool_), np.empty(n)
    for k in range(n):
        every[k] = True
    while n_knots < taken.size:
        event, following = next_event(M, P, Q, sign, every, positive, n, current)
        if event == NOWHERE:
            return NOWHERE
        if following <= target:
            return n_knots
        current = following
        entering = 0.0
        if sign[event] == 0.0:
            entering = 1.0 if P[event] > 0.0 else -1.0
            Q[event] += entering
        if not exchange(tableau, n, event, row):
            return NOWHERE
        if entering == 0.0:
            Q[event] -= sign[event]
        sign[event] = entering
        taken[n_knots] = event
        n_knots += 1
    return NOWHERE


@compiled
def _return(tableau: Tableau, n: int, taken: Ints, first: int, last: int, saved: Floats) -> None:
    """Undo the exchanges of the knots from `first` to before `last`; `saved` has P, Q and the signs before them."""
    row = np.empty(n)
    for knot in range(last - 1, first - 1, -1):
        exchange(tableau, n, taken[knot], row)
        tableau.sign[taken[knot]] = 1.0 if tableau.sign[taken[knot]] == 0.0 else 0.0
    for k in range(n):
        tableau.P[k], tableau.Q[k], tableau.sign[k] = saved[0, k], saved[1, k], saved[2, k]


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
def _plan_stage(lambdas: Floats, position: Ints, lowest: float, stage: Floats) -> int:
    """Write the next different λ down to `lowest`, one at least, and return their number."""
    ahead, count = np.empty(position.size, dtype=np.int64), 0
    for grid in range(position.size):
        ahead[grid] = position[grid]
    while count < _MOST:
        following = _next_lambda(lambdas, ahead)
        if following < 0.0 or (count > 0 and following < lowest):
            break
        stage[count] = following
        count += 1
        for grid in range(position.size):
            while ahead[grid] < lambdas.shape[1] and lambdas[grid, ahead[grid]] == following:
                ahead[grid] += 1
    return count


@compiled
def _fill_weights(
    tableau: Tableau, n: int, lambda_: float, lambdas: Floats, position: Ints, weights: Floats
) -> None:
    """Fill in the weights at a λ in all grids, and move their positions on."""
    for grid in range(position.size):
        while position[grid] < lambdas.shape[1] and lambdas[grid, position[grid]] == lambda_:
            at = weights[grid, position[grid]]
            for d in range(at.size):
                at[d] = 0.0
            for i in range(n):
                if tableau.sign[i] != 0.0:
                    at[tableau.unit[i]] = tableau.P[i] - lambda_ * tableau.Q[i]
            position[grid] += 1


@compiled
def _write_residuals(G: Floats, c: Floats, tableau: Tableau, n: int, some: Floats, residuals: Floats) -> None:
    """Write the correlations of the units with the residual for several weights of the rows, in one pass over G."""
    count, active = some.shape[0], np.empty(n, dtype=np.int64)
    n_active = 0
    for i in range(n):
        is_used = False
        for s in range(count):
            is_used = is_used or some[s, i] != 0.0
        if is_used:
            active[n_active] = i
            n_active += 1
    for s in range(count):
        for d in range(c.size):
            residuals[s, d] = c[d]
    index, factor = np.zeros(8, dtype=np.int64), np.zeros(8)
    for first in range(0, n_active, 8):
        for s in range(count):
            for r in range(8):
                is_row = first + r < n_active
                index[r] = tableau.unit[active[first + r]] if is_row else 0
                factor[r] = some[s, active[first + r]] if is_row else 0.0
            subtract_rows(residuals[s], G, index, factor)


@compiled
def follow_screened(
    G: Floats, c: Floats, allowed: Mask, positive: bool, lambdas: Floats, weights: Floats
) -> bool:
    """Follow the path as :func:`.homotopy.follow` does."""
    n_units, n_grids = G.shape[0], lambdas.shape[0]
    outside, wanted = np.empty(n_units, dtype=np.bool_), np.empty(n_units, dtype=np.bool_)
    residuals, residual = np.empty((_MOST, n_units)), np.empty(n_units)
    position, begin = np.empty(n_grids, dtype=np.int64), np.empty(n_grids, dtype=np.int64)
    stage, units = np.empty(_MOST), np.empty(n_units, dtype=np.int64)
    taken = np.empty(8 * n_units + 64, dtype=np.int64)
    for grid in range(n_grids):
        position[grid] = 0
    strongest = 0.0
    for d in range(n_units):
        outside[d], residual[d] = allowed[d], c[d]
        if allowed[d]:
            strongest = max(strongest, _pull(c[d], positive))
    # Not literals: numba compiles a function again for each literal that it is called with.
    room, n, n_knots = np.int64(_ROWS), np.int64(0), np.int64(0)
    tableau = empty_tableau(room)
    current, reached, at = np.inf, np.inf, weights[0, 0]
    while True:
        beginning = min(current, strongest)
        count = _plan_stage(lambdas, position, _STAGE * beginning, stage)
        if count == 0:
            write_residual(G, c, at, residual)
            return is_optimal(allowed, positive, reached, at, residual)
        limit = stage[count - 1] - _SLOPE * (beginning - stage[count - 1])
        if n > _ALL * n_units:
            limit = 0.0
        n = _leave_out(tableau, n, positive, current, limit, outside, residual)
        for d in range(n_units):
            wanted[d] = outside[d] and _pull(residual[d], positive) >= limit
        while True:
            n_new = 0
            for d in range(n_units):
                if wanted[d]:
                    units[n_new] = d
                    n_new += 1
                    outside[d] = False
            if n + n_new > room:
                room = n + n_new + _MORE
                larger = empty_tableau(room)
                copy_tableau(tableau, n, larger)
                tableau = larger
            admit(G, c, units, n_new, tableau, n)
            n += n_new
            saved, some = np.empty((3, n)), np.empty((count, n))
            for k in range(n):
                saved[0, k], saved[1, k], saved[2, k] = tableau.P[k], tableau.Q[k], tableau.sign[k]
            for grid in range(n_grids):
                begin[grid] = position[grid]
            before, start = n_knots, current
            for s in range(count):
                n_knots = _walk(tableau, positive, n, start, stage[s], taken, n_knots)
                if n_knots == NOWHERE:
                    return False
                start = stage[s]
                for grid in range(n_grids):
                    if position[grid] < lambdas.shape[1] and lambdas[grid, position[grid]] == stage[s]:
                        at = weights[grid, position[grid]]
                _fill_weights(tableau, n, stage[s], lambdas, position, weights)
                for i in range(n):
                    some[s, i] = tableau.P[i] - stage[s] * tableau.Q[i] if tableau.sign[i] != 0.0 else 0.0
            is_missed, is_any_outside = False, False
            for d in range(n_units):
                is_any_outside = is_any_outside or outside[d]
            if is_any_outside:
                _write_residuals(G, c, tableau, n, some, residuals)
            for d in range(n_units):
                wanted[d] = False
                for s in range(count if outside[d] else 0):
                    pull = _pull(residuals[s, d], positive)
                    wanted[d] = wanted[d] or pull >= stage[s]
                    is_missed = is_missed or pull > stage[s] + _ROUNDING
            if not is_missed:
                break
            # A unit outside should have entered: return to the beginning of the stage and continue with that unit.
            _return(tableau, n, taken, before, n_knots, saved)
            for grid in range(n_grids):
                position[grid] = begin[grid]
        current = reached = stage[count - 1]
        # Without units outside no residuals were written, and none are read before a unit is left out.
        for d in range(n_units if is_any_outside else 0):
            residual[d] = residuals[count - 1, d]


@compiled
def _leave_out(
    tableau: Tableau, n: int, positive: bool, current: float, limit: float, outside: Mask, residual: Floats
) -> int:
    """Leave out the units that have fallen behind, if they are many, and write their correlations into `residual`.

    Returns the number of rows that remain.
    """
    kept, n_kept = np.empty(n, dtype=np.bool_), 0
    for i in range(n):
        pull = _pull(tableau.P[i] - current * tableau.Q[i], positive)
        kept[i] = tableau.sign[i] != 0.0 or pull >= limit
        n_kept += kept[i]
    if n - n_kept <= n // 8:
        return n
    for i in range(n):
        if not kept[i]:
            unit = tableau.unit[i]
            outside[unit] = True
            residual[unit] = tableau.P[i] - current * tableau.Q[i]
    return drop_rows(tableau, n, kept)
