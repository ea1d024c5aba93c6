"""The homotopy of the Lasso: the exact path of one neuron on the Gram matrix of few units.

**Homotopy.** With the active set A and its signs s fixed, the solution is linear in λ::

    w_A(λ) = P_A − λ Q_A,     P_A = G_AA⁻¹ c_A,            Q_A = G_AA⁻¹ s_A
    r_B(λ) = P_B − λ Q_B,     P_B = c_B − G_BA P_A,        Q_B = −G_BA Q_A

where r_B are the correlations of the inactive units with the residual. Going down from λ = max|c|, the next
knot is the largest λ at which an inactive unit reaches |r| = λ (it enters) or an active weight reaches zero
(it leaves). Either event is one Gauss-Jordan exchange on the same pivot of the tableau [M | P | Q], which starts
as [G | c | 0] and holds G_AA⁻¹, G_AA⁻¹G_AB and the Schur complement of A at any time. M is symmetric except for the
sign where one unit is active and the other is not, so only its lower half is kept: a knot costs D²/2 multiplications.
 Entering adds the unit's sign to Q before the exchange, leaving takes it off after.

**Non-negative weights.** With the constraint w ≥ 0, the optimality conditions of an inactive unit are r ≤ λ in place
of ``|r| ≤ λ``: units enter where r itself reaches λ, all signs are positive, and everything else stays the same.

**When to trust it.** A unit that is a combination of active ones (a duplicate, or any unit once there are as many
active ones as stimuli) has a pivot of zero and stays out; of duplicates the first in order is used. If such a unit
had to enter, a weight has the wrong sign, there are more knots than possible, or the optimality conditions fail
at the last λ, the path is lost.

References
----------
Osborne, Presnell & Turlach (2000), IMA J. Numer. Anal. 20:389 (homotopy); Efron et al. (2004), Ann. Statist. 32:407;
Goodnight (1979), Am. Stat. 33:149 (the exchange, or sweep).
"""

import numpy as np

from neuroalign.metrics.lasso.compiling import Floats, Ints, Mask, compiled

#: Optimality conditions hold to this, on the scale of correlations.
TOLERANCE = 1e-7
#: Values in place of a row: the path goes straight to λ = 0, or it is lost.
NOTHING, NOWHERE = -1, -2
#: A unit is singular if the part outside the span of the active units has less than this share of its variance.
_SINGULAR = 1e-13


@compiled
def _exchange(M: Floats, P: Floats, Q: Floats, sign: Floats, n: int, j: int, row: Floats) -> None:
    """Exchange row j of n between the active and the inactive set: one Gauss-Jordan step on pivot M[j, j].

    `sign` holds the signs before the step; `row` is scratch space.
    """
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


@compiled
def next_event(
    M: Floats, P: Floats, Q: Floats, sign: Floats, allowed: Mask, positive: bool, n: int, current: float
) -> tuple[int, float]:
    """Return the row, out of n, that enters or leaves next on the way down from λ, and its λ.

    The row is NOTHING if the path goes straight to λ = 0, NOWHERE if the path is lost. With non-negative weights a unit
    enters only where its correlation with the residual is positive.
    """
    # The largest λ so far, as a fraction.
    event, numerator, denominator = NOTHING, 0.0, 1.0
    for i in range(n):
        if not allowed[i] or P[i] == 0.0:
            continue
        if sign[i] == 0.0:
            if positive and P[i] < 0.0:
                continue
            if M[i, i] < _SINGULAR:
                # In the span of the active units it cannot enter, and need not while |r| ≤ λ.
                correlation = P[i] - current * Q[i]
                if (correlation if positive else abs(correlation)) > current + TOLERANCE:
                    return NOWHERE, 0.0
                continue
            above = abs(P[i])
            below = 1.0 + Q[i] if P[i] > 0.0 else 1.0 - Q[i]
        elif sign[i] * P[i] < 0.0:
            above = abs(P[i])
            below = -sign[i] * Q[i]
        else:
            continue
        if below <= 0.0:
            return NOWHERE, 0.0
        if above * denominator > numerator * below:
            event, numerator, denominator = i, above, below
    return event, min(numerator / denominator, current) if event != NOTHING else 0.0


@compiled
def step(M: Floats, P: Floats, Q: Floats, sign: Floats, n: int, event: int, row: Floats) -> bool:
    """Let a row enter or leave; return whether that was possible. `row` is scratch space."""
    if sign[event] == 0.0:
        entering = 1.0 if P[event] > 0.0 else -1.0
        Q[event] += entering
        _exchange(M, P, Q, sign, n, event, row)
        sign[event] = entering
    else:
        if M[event, event] <= 0.0:
            return False
        _exchange(M, P, Q, sign, n, event, row)
        Q[event] -= sign[event]
        sign[event] = 0.0
    return True


@compiled
def write_residual(G: Floats, c: Floats, weights: Floats, residual: Floats) -> None:
    """Write the correlations (D,) of the units with the residual of the neuron."""
    for d in range(c.size):
        residual[d] = c[d]
    for k in range(weights.size):
        weight = weights[k]
        if weight != 0.0:
            row = G[k]
            for d in range(residual.size):
                residual[d] -= weight * row[d]


@compiled
def is_optimal(allowed: Mask, positive: bool, lambda_: float, weights: Floats, residual: Floats) -> bool:
    """Whether weights meet the Karush-Kuhn-Tucker conditions at λ; see :func:`write_residual`.

    A non-negative weight of zero allows any negative gradient.
    """
    for d in range(weights.size):
        if not allowed[d]:
            continue
        gradient = residual[d]
        if weights[d] > 0.0:
            violation = abs(gradient - lambda_)
        elif weights[d] < 0.0:
            violation = np.inf if positive else abs(gradient + lambda_)
        elif positive:
            violation = gradient - lambda_
        else:
            violation = abs(gradient) - lambda_
        # Written so that NaN fails.
        if not violation <= TOLERANCE:
            return False
    return True


@compiled
def follow(
    G: Floats,
    c: Floats,
    allowed: Mask,
    positive: bool,
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
    for i in range(n):
        for k in range(i + 1):
            M[i, k] = G[i, k]
        P[i], Q[i], sign[i] = c[i], 0.0, 0.0
    for grid in range(n_grids):
        position[grid] = 0
    current = np.inf
    for _ in range(8 * n + 64):
        event, following = next_event(M, P, Q, sign, allowed, positive, n, current)
        if event == NOWHERE:
            return False
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
            lowest = 0
            for grid in range(1, n_grids):
                if lambdas[grid, -1] < lambdas[lowest, -1]:
                    lowest = grid
            write_residual(G, c, weights[lowest, -1], row)
            return is_optimal(allowed, positive, lambdas[lowest, -1], weights[lowest, -1], row)
        current = following
        if not step(M, P, Q, sign, n, event, row):
            return False
    return False
