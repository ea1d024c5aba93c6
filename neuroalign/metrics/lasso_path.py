"""The Lasso path of one neuron on Gram matrices, exact: the compiled kernel of :mod:`.lasso`.

Minimise ``½ wᵀGw − cᵀw + λ‖w‖₁`` for all λ, where G = ZᵀZ/n and c = Zᵀy/n are of standardised units.

**Homotopy.** With the active set A and its signs s fixed, the solution is linear in λ::

    w_A(λ) = P_A − λ Q_A,     P_A = G_AA⁻¹ c_A,            Q_A = G_AA⁻¹ s_A
    r_B(λ) = P_B − λ Q_B,     P_B = c_B − G_BA P_A,        Q_B = −G_BA Q_A

where r_B are the correlations of the inactive units with the residual. Going down from λ = max|c|, the next
knot is the largest λ at which an inactive unit reaches |r| = λ (it enters) or an active weight reaches zero
(it leaves). Either event is one Gauss-Jordan exchange on the same pivot of the tableau [M | P | Q], which starts
as [G | c | 0] and holds G_AA⁻¹, G_AA⁻¹G_AB and the Schur complement of A at any time: D² multiplications a knot,
and no other bookkeeping. Entering adds the unit's sign to Q before the exchange, leaving takes it off after.

The held-out error on a segment is a quadratic in λ, ``‖y − Zw‖² = yᵀy − 2hᵀw + wᵀHw`` with w linear in λ, from the
held-out sums H = ZᵀZ, h = Zᵀy.

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
def _exchange(M: Floats, P: Floats, Q: Floats, j: int) -> None:
    """Exchange unit j between the active and the inactive set: one Gauss-Jordan step on pivot M[j, j]."""
    n = M.shape[0]
    inverse = 1.0 / M[j, j]
    row = M[j]
    for i in range(n):
        if i == j or M[i, j] == 0.0:
            continue
        factor = M[i, j] * inverse
        target = M[i]
        for k in range(n):
            target[k] -= factor * row[k]
        target[j] = -factor
        P[i] -= factor * P[j]
        Q[i] -= factor * Q[j]
    for k in range(n):
        row[k] *= inverse
    row[j] = inverse
    P[j] *= inverse
    Q[j] *= inverse


@_compiled
def _write_weights(P: Floats, Q: Floats, sign: Floats, lambda_: float, weights: Floats) -> None:
    for d in range(P.shape[0]):
        weights[d] = P[d] - lambda_ * Q[d] if sign[d] != 0.0 else 0.0


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
def _held_out_errors(
    H: Floats,
    h: Floats,
    yy: float,
    P: Floats,
    Q: Floats,
    sign: Floats,
    lambdas: Floats,
    first: int,
    last: int,
    p: Floats,
    q: Floats,
    errors: Floats,
) -> None:
    """Fill errors[first:last]: the held-out sum of squares at those λ of one segment of the path.

    p and q are scratch space for the active parts of P and Q.
    """
    n = P.shape[0]
    for i in range(n):
        is_active = sign[i] != 0.0
        p[i] = P[i] if is_active else 0.0
        q[i] = Q[i] if is_active else 0.0
    pp, pq, qq, hp, hq = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        if sign[i] == 0.0:
            continue
        row = H[i]
        along_p, along_q = 0.0, 0.0
        for k in range(n):
            along_p += row[k] * p[k]
            along_q += row[k] * q[k]
        pp += p[i] * along_p
        pq += p[i] * along_q
        qq += q[i] * along_q
        hp += h[i] * p[i]
        hq += h[i] * q[i]
    for index in range(first, last):
        x = lambdas[index]
        errors[index] = max(yy - 2.0 * (hp - x * hq) + pp - x * (2.0 * pq - x * qq), 0.0)


@_compiled
def follow(
    G: Floats,
    c: Floats,
    allowed: Mask,
    lambdas: Floats,
    H: Floats,
    h: Floats,
    yy: float,
    M: Floats,
    P: Floats,
    Q: Floats,
    sign: Floats,
    p: Floats,
    q: Floats,
    weights: Floats,
    errors: Floats,
) -> bool:
    """Follow the path down to the last λ; fill errors on the way and weights at the end.

    Returns whether the path can be trusted. Empty `errors` are not computed.
    """
    n = G.shape[0]
    with_errors = errors.shape[0] > 0
    M[:] = G
    P[:] = c
    Q[:] = 0.0
    sign[:] = 0.0
    target = lambdas[-1]
    current = np.inf
    position = 0
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
        stop = lambdas.shape[0]
        if with_errors:
            last = position
            while last < stop and lambdas[last] >= following:
                last += 1
            if last > position:
                _held_out_errors(H, h, yy, P, Q, sign, lambdas, position, last, p, q, errors)
                position = last
        if following <= target:
            _write_weights(P, Q, sign, target, weights)
            return _is_optimal(G, c, allowed, target, weights, TOLERANCE)
        current = following
        if sign[event] == 0.0:
            sign[event] = 1.0 if P[event] > 0.0 else -1.0
            Q[event] += sign[event]
            _exchange(M, P, Q, event)
        else:
            if M[event, event] <= 0.0:
                return False
            _exchange(M, P, Q, event)
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
    H: Floats,
    h: Floats,
    yy: float,
    weights: Floats,
    gradient: Floats,
    active: Mask,
    errors: Floats,
) -> bool:
    """Compute the path by cyclic coordinate descent; return whether it converged.

    Fills errors and weights as :func:`follow` does; gradient and active are scratch space.
    """
    n = G.shape[0]
    weights[:] = 0.0
    active[:] = False
    converged = True
    for index in range(lambdas.shape[0]):
        # Updated many times, the gradient drifts: each λ starts from a fresh one.
        for d in range(n):
            row = G[d]
            total = c[d]
            for k in range(n):
                total -= row[k] * weights[k]
            gradient[d] = total
        # A sweep over all units finds the active ones; then those are swept until they rest.
        sweeps = 0
        while sweeps < _MOST_SWEEPS:
            sweeps += 1
            if _sweep(G, allowed, lambdas[index], weights, gradient, active, False) < _AT_REST:
                break
            while sweeps < _MOST_SWEEPS:
                sweeps += 1
                if _sweep(G, allowed, lambdas[index], weights, gradient, active, True) < _AT_REST:
                    break
        if not _is_optimal(G, c, allowed, lambdas[index], weights, TOLERANCE):
            converged = False
        if errors.shape[0] > 0:
            error = yy
            for i in range(n):
                if weights[i] == 0.0:
                    continue
                row = H[i]
                along = 0.0
                for k in range(n):
                    along += row[k] * weights[k]
                error += weights[i] * (along - 2.0 * h[i])
            errors[index] = max(error, 0.0)
    return converged


@_compiled
def _solve(
    G: Floats,
    c: Floats,
    allowed: Mask,
    lambdas: Floats,
    H: Floats,
    h: Floats,
    yy: float,
    M: Floats,
    P: Floats,
    Q: Floats,
    sign: Floats,
    p: Floats,
    q: Floats,
    active: Mask,
    weights: Floats,
    errors: Floats,
) -> int:
    if follow(G, c, allowed, lambdas, H, h, yy, M, P, Q, sign, p, q, weights, errors):
        return HOMOTOPY
    if descend(G, c, allowed, lambdas, H, h, yy, weights, P, active, errors):
        return DESCENT
    return UNCONVERGED


@_compiled
def cross_validate(
    G: Floats,
    C: Floats,
    allowed: Mask,
    H: Floats,
    h: Floats,
    yy: Floats,
    sizes: Floats,
    lambdas: Floats,
    excluded: Ints,
    one_se: bool,
    weights: Floats,
    chosen: Ints,
    cv_mean: Floats,
    cv_se: Floats,
    how: Ints,
) -> None:
    """Cross-validate a block of neurons and fit each at the λ that the rule chooses.

    Parameters
    ----------
    G : array of float64, shape (n_folds + 1, D, D)
        Gram matrices of the training stimuli of each fold, the last of all stimuli.
    C : array of float64, shape (n_folds + 1, J, D)
        Their covariances with each neuron.
    allowed : array of bool, shape (n_folds + 1, D)
        Units that vary among those stimuli.
    H, h, yy : arrays of float64, shapes (n_folds, D, D), (n_folds, J, D), (n_folds, J)
        Sums of squares and products of the held-out stimuli.
    sizes : array of float64, shape (n_folds,)
        Numbers of held-out stimuli.
    lambdas : array of float64, shape (J, L)
        Descending.
    excluded : array of int64, shape (J,)
        The unit that a neuron may not use; -1 for none.
    one_se : bool
        Whether λ is the largest within one standard error of the minimum, else at the minimum.
    weights : array of float64, shape (J, D), out
    chosen : array of int64, shape (J,), out
        Index of the chosen λ.
    cv_mean, cv_se : arrays of float64, shape (J, L), out
    how : array of int64, shape (J,), out
        The worst of HOMOTOPY, DESCENT, UNCONVERGED over the neuron's fits.
    """
    n_folds, n_lambdas = sizes.shape[0], lambdas.shape[1]
    n_units = G.shape[1]
    M = np.empty((n_units, n_units))
    P, Q, sign = np.empty(n_units), np.empty(n_units), np.empty(n_units)
    p, q = np.empty(n_units), np.empty(n_units)
    active = np.empty(n_units, dtype=np.bool_)
    may = np.empty(n_units, dtype=np.bool_)
    errors = np.empty((n_folds, n_lambdas))
    no_H, no_h, no_errors = np.empty((0, 0)), np.empty(0), np.empty(0)
    total = sizes.sum()
    for j in range(lambdas.shape[0]):
        how[j] = HOMOTOPY
        for fold in range(n_folds):
            may[:] = allowed[fold]
            if excluded[j] >= 0:
                may[excluded[j]] = False
            status = _solve(
                G[fold], C[fold, j], may, lambdas[j], H[fold], h[fold, j], yy[fold, j],
                M, P, Q, sign, p, q, active, weights[j], errors[fold],
            )  # fmt: skip
            how[j] = max(how[j], status)
        best = 0
        for index in range(n_lambdas):
            mean = 0.0
            for fold in range(n_folds):
                mean += errors[fold, index]
            mean /= total
            spread = 0.0
            for fold in range(n_folds):
                spread += sizes[fold] * (errors[fold, index] / sizes[fold] - mean) ** 2
            cv_mean[j, index] = mean
            cv_se[j, index] = np.sqrt(spread / total / (n_folds - 1))
            if mean < cv_mean[j, best]:
                best = index
        index = best
        if one_se:
            limit = cv_mean[j, best] + cv_se[j, best]
            index = 0
            while cv_mean[j, index] > limit:
                index += 1
        chosen[j] = index
        may[:] = allowed[n_folds]
        if excluded[j] >= 0:
            may[excluded[j]] = False
        # Where descent is needed, the larger λ warm it up; the homotopy passes them anyway.
        status = _solve(
            G[n_folds], C[n_folds, j], may, lambdas[j, : index + 1], no_H, no_h, 0.0,
            M, P, Q, sign, p, q, active, weights[j], no_errors,
        )  # fmt: skip
        how[j] = max(how[j], status)
