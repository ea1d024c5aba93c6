"""The Lasso path of one neuron on Gram matrices, exact: the compiled kernel of :mod:`.lasso`.

Minimise ``½ wᵀGw − cᵀw + λ‖w‖₁`` for all λ, where G = ZᵀZ/n and c = Zᵀy/n are of standardised units.

**Homotopy.** With the active set A and its signs s fixed, the solution is linear in λ::

    w_A(λ) = P_A − λ Q_A,     P_A = G_AA⁻¹ c_A,            Q_A = G_AA⁻¹ s_A
    r_B(λ) = P_B − λ Q_B,     P_B = c_B − G_BA P_A,        Q_B = −G_BA Q_A

where r_B are the correlations of the inactive units with the residual. Going down from λ = max|c|, the next
knot is the largest λ at which an inactive unit reaches |r| = λ (it enters) or an active weight reaches zero
(it leaves). Either event is one Gauss-Jordan exchange on the same pivot of the tableau [M | P | Q], which starts
as [G | c | 0] and holds G_AA⁻¹, G_AA⁻¹G_AB and the Schur complement of A at any time. M is symmetric but for the sign
where one unit is active and the other is not, so that only its lower half is kept: D²/2 multiplications a knot, and no
other bookkeeping. Entering adds the unit's sign to Q before the exchange, leaving takes it off after.

**When to trust it.** A unit that is a combination of active ones (a duplicate, or any unit once there are as many
active ones as stimuli) has a pivot of zero and stays out; of duplicates the first in order is used. If such a unit
would have to enter, a weight has the wrong sign, there are more knots than can be, or the optimality conditions fail
at the last λ, the path is computed by cyclic coordinate descent on the same Gram matrix instead, which needs no
inverse.

References
----------
Osborne, Presnell & Turlach (2000), IMA J. Numer. Anal. 20:389 (homotopy); Efron et al. (2004), Ann. Statist. 32:407;
Goodnight (1979), Am. Stat. 33:149 (the exchange, or sweep); Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33:1
(coordinate descent on Gram matrices).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: How a path was computed.
HOMOTOPY, DESCENT, UNCONVERGED = 0, 1, 2

#: Optimality conditions hold to this, on the scale of correlations.
TOLERANCE = 1e-7
#: A unit whose part outside the span of the active ones has less than this share of its variance is singular.
_SINGULAR = 1e-13
#: Coordinate descent rests when no weight moves by more than this, or after so many sweeps at one λ.
_AT_REST = 1e-11
_MOST_SWEEPS = 2000

# Sums may be regrouped (vector instructions) and products fused; NaN and infinity keep their meaning.
_compiled = njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")


@_compiled
def _exchange(M: Floats, P: Floats, Q: Floats, sign: Floats, j: int, row: Floats) -> None:
    """Exchange unit j between the active and the inactive set: one Gauss-Jordan step on pivot M[j, j].

    sign is that before the step; row is scratch space.
    """
    n = M.shape[0]
    inverse = 1.0 / M[j, j]
    is_active = sign[j] != 0.0
    for k in range(j):
        row[k] = M[j, k]
    for k in range(j, n):
        row[k] = M[k, j] if (sign[k] != 0.0) == is_active else -M[k, j]
    for i in range(n):
        if i == j:
            continue
        factor = row[i] * inverse if (sign[i] != 0.0) == is_active else -row[i] * inverse
        target = M[i]
        for k in range(i + 1):
            target[k] -= factor * row[k]
        if i > j:
            target[j] = -factor
        P[i] -= factor * P[j]
        Q[i] -= factor * Q[j]
    target = M[j]
    for k in range(j):
        target[k] = row[k] * inverse
    target[j] = inverse
    P[j] *= inverse
    Q[j] *= inverse


@_compiled
def _is_optimal(
    G: Floats, c: Floats, allowed: Mask, lambda_: float, weights: Floats, tolerance: float
) -> bool:
    """Whether weights meet the Karush-Kuhn-Tucker conditions at λ."""
    n = G.shape[0]
    for d in range(n):
        if not allowed[d]:
            continue
        gradient = c[d]
        row = G[d]
        for k in range(n):
            gradient -= row[k] * weights[k]
        if weights[d] > 0.0:
            violation = abs(gradient - lambda_)
        elif weights[d] < 0.0:
            violation = abs(gradient + lambda_)
        else:
            violation = abs(gradient) - lambda_
        # Written so that NaN fails.
        if not violation <= tolerance:
            return False
    return True


@_compiled
def follow(
    G: Floats,
    c: Floats,
    allowed: Mask,
    lambdas: Floats,
    M: Floats,
    P: Floats,
    Q: Floats,
    sign: Floats,
    row: Floats,
    position: Ints,
    weights: Floats,
) -> bool:
    """Follow the path down to the last λ, and fill the weights (n_grids, L, D) at each λ of each grid (n_grids, L).

    Returns whether the path can be trusted. M, P, Q, sign, row and position are scratch space.
    """
    n = G.shape[0]
    n_grids, n_lambdas = lambdas.shape
    M[:] = G
    P[:] = c
    Q[:] = 0.0
    sign[:] = 0.0
    position[:] = 0
    current = np.inf
    for _ in range(8 * n + 64):
        # The largest λ below the current one at which something happens, as a fraction numerator/denominator.
        event, numerator, denominator = -1, 0.0, 1.0
        for d in range(n):
            if not allowed[d] or P[d] == 0.0:
                continue
            if sign[d] == 0.0:
                if M[d, d] < _SINGULAR:
                    # In the span of the active units it cannot enter, and need not while |r| ≤ λ.
                    if abs(P[d] - current * Q[d]) > current + TOLERANCE:
                        return False
                    continue
                above = abs(P[d])
                below = 1.0 + Q[d] if P[d] > 0.0 else 1.0 - Q[d]
            elif sign[d] * P[d] < 0.0:
                above = abs(P[d])
                below = -sign[d] * Q[d]
            else:
                continue
            if below <= 0.0:
                return False
            if above * denominator > numerator * below:
                event, numerator, denominator = d, above, below
        following = min(numerator / denominator, current) if event >= 0 else 0.0
        is_over = True
        for grid in range(n_grids):
            index = position[grid]
            while index < n_lambdas and lambdas[grid, index] >= following:
                for d in range(n):
                    weights[grid, index, d] = P[d] - lambdas[grid, index] * Q[d] if sign[d] != 0.0 else 0.0
                index += 1
            position[grid] = index
            is_over = is_over and index == n_lambdas
        if is_over:
            lowest = lambdas[:, -1].argmin()
            return _is_optimal(G, c, allowed, lambdas[lowest, -1], weights[lowest, -1], TOLERANCE)
        current = following
        if sign[event] == 0.0:
            entering = 1.0 if P[event] > 0.0 else -1.0
            Q[event] += entering
            _exchange(M, P, Q, sign, event, row)
            sign[event] = entering
        else:
            if M[event, event] <= 0.0:
                return False
            _exchange(M, P, Q, sign, event, row)
            Q[event] -= sign[event]
            sign[event] = 0.0
    return False


@_compiled
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


@_compiled
def descend(
    G: Floats,
    c: Floats,
    allowed: Mask,
    lambdas: Floats,
    gradient: Floats,
    active: Mask,
    position: Ints,
    weights: Floats,
) -> bool:
    """Compute the path by cyclic coordinate descent; return whether it converged.

    Fills the weights as :func:`follow` does; gradient, active and position are scratch space.
    """
    n = G.shape[0]
    n_grids, n_lambdas = lambdas.shape
    position[:] = 0
    active[:] = False
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
        for d in range(n):
            row = G[d]
            total = c[d]
            for k in range(n):
                total -= row[k] * w[k]
            gradient[d] = total
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
        if not _is_optimal(G, c, allowed, lambda_, w, TOLERANCE):
            converged = False
    return converged


@_compiled
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
    n_units = G.shape[0]
    M = np.empty((n_units, n_units))
    P, Q, sign, row = np.empty(n_units), np.empty(n_units), np.empty(n_units), np.empty(n_units)
    active = np.empty(n_units, dtype=np.bool_)
    may = np.empty(n_units, dtype=np.bool_)
    position = np.empty(lambdas.shape[1], dtype=np.int64)
    for j in range(lambdas.shape[0]):
        may[:] = allowed
        if excluded[j] >= 0:
            may[excluded[j]] = False
        status = HOMOTOPY
        if not follow(G, C[j], may, lambdas[j], M, P, Q, sign, row, position, weights[j]):
            converged = descend(G, C[j], may, lambdas[j], P, active, position, weights[j])
            status = DESCENT if converged else UNCONVERGED
        how[j] = max(how[j], status)
