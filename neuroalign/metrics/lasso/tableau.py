"""The tableau of :mod:`.homotopy` for many units: fully symmetric, with exchanges that are carried out in groups.

**Symmetric form.** With the sign of the rows of active units reversed, the tableau ``S`` holds −G_AA⁻¹, G_AA⁻¹G_AB and
the Schur complement of A, and is symmetric. An exchange on row j with pivot d = S_jj is ::

    S ← S − v vᵀ/d,     v = S_·j outside row j,     v_j = −1 where j enters and 1 where it leaves

with row and column j of S set to zero before. Active units have negative pivots.

**Groups.** A knot needs one column of S only, so that the products v vᵀ/d of up to ``_GROUP`` exchanges wait in
`waiting` and are subtracted together. One pass over the matrix then serves all of them. The diagonal is always current.

References
----------
Goodnight (1979), Am. Stat. 33:149 (the symmetric sweep).
"""

from typing import NamedTuple

import numpy as np

from neuroalign.metrics.lasso.compiling import Floats, Ints, Mask, compiled

# Exchanges that wait at most, and the side of the blocks of the matrix that are updated together.
_GROUP, _SIDE = 48, 80


class Tableau(NamedTuple):
    """Rows of a tableau, with room for more rows; numbers beyond the rows are finite."""

    #: The symmetric tableau; the diagonal is current, the rest lacks the waiting exchanges.
    M: Floats
    #: See :mod:`.homotopy`.
    P: Floats
    Q: Floats
    sign: Floats
    #: Unit of each row.
    unit: Ints
    #: v of each waiting exchange, (room, _GROUP), its pivot, (_GROUP,), and their number, (1,).
    waiting: Floats
    pivot: Floats
    n_waiting: Ints


@compiled
def empty_tableau(room: int) -> Tableau:
    """Return a tableau with room for this many rows."""
    return Tableau(
        np.zeros((room, room)),
        np.zeros(room),
        np.zeros(room),
        np.zeros(room),
        np.zeros(room, dtype=np.int64),
        np.zeros((room, _GROUP)),
        np.zeros(_GROUP),
        np.zeros(1, dtype=np.int64),
    )


@compiled
def copy_tableau(source: Tableau, n: int, target: Tableau) -> None:
    """Copy n rows of a tableau."""
    for i in range(n):
        of_row, copy = source.M[i], target.M[i]
        for k in range(n):
            copy[k] = of_row[k]
        target.P[i], target.Q[i] = source.P[i], source.Q[i]
        target.sign[i], target.unit[i] = source.sign[i], source.unit[i]
        for p in range(_GROUP):
            target.waiting[i, p] = source.waiting[i, p]
    for p in range(_GROUP):
        target.pivot[p] = source.pivot[p]
    target.n_waiting[0] = source.n_waiting[0]


@compiled
def exchange(tableau: Tableau, n: int, j: int, row: Floats) -> bool:
    """Exchange row j of n between the active and the inactive set; return whether its pivot has the right sign.

    `sign` holds the signs before the exchange; `row` is scratch space.
    """
    M, P, Q, sign, _, waiting, pivot, count = tableau
    if count[0] == _GROUP:
        flush(tableau, n)
    d, leaves, last = M[j, j], sign[j] != 0.0, count[0]
    if (leaves and d >= 0.0) or (not leaves and d <= 0.0):
        return False
    of_row, factor = M[j], np.empty(_GROUP)
    for p in range(last):
        factor[p] = waiting[j, p] / pivot[p]
        waiting[j, p] = 0.0
    for i in range(n):
        v, waits = of_row[i], waiting[i]
        for p in range(last):
            v -= waits[p] * factor[p]
        row[i] = v
    for i in range(n):
        of_row[i] = 0.0
    row[j] = 0.0
    inverse, p_j, q_j = 1.0 / d, P[j], Q[j]
    for i in range(n):
        v = row[i] * inverse
        P[i] -= v * p_j
        Q[i] -= v * q_j
    for i in range(n):
        M[i, j] = 0.0
        M[i, i] -= row[i] * row[i] * inverse
        waiting[i, last] = row[i]
    M[j, j] = -inverse
    turn = -1.0 if leaves else 1.0
    P[j], Q[j], waiting[j, last] = turn * p_j * inverse, turn * q_j * inverse, -turn
    pivot[last] = d
    count[0] += 1
    return True


@compiled
def flush(tableau: Tableau, n: int) -> None:
    """Carry out the waiting exchanges, with one product of matrices for the two blocks that mirror each other."""
    M, waiting, pivot, count = tableau.M, tableau.waiting, tableau.pivot, tableau.n_waiting[0]
    if count == 0:
        return
    n_blocks = (n + _SIDE - 1) // _SIDE
    left, right = np.zeros((n_blocks * _SIDE, count)), np.zeros((n_blocks * _SIDE, count))
    diagonal, change = np.empty(n), np.empty((_SIDE, _SIDE))
    for i in range(n):
        diagonal[i] = M[i, i]
        for p in range(count):
            right[i, p] = waiting[i, p]
            left[i, p] = waiting[i, p] / pivot[p]
    for top in range(0, n, _SIDE):
        n_rows = min(_SIDE, n - top)
        for start in range(0, top + 1, _SIDE):
            n_columns = min(_SIDE, n - start)
            np.dot(left[top : top + _SIDE], right[start : start + _SIDE].T, change)
            for i in range(n_rows):
                target, of_row = M[top + i], change[i]
                for k in range(n_columns):
                    target[start + k] -= of_row[k]
            for k in range(n_columns if start < top else 0):
                target = M[start + k]
                for i in range(n_rows):
                    target[top + i] -= change[i, k]
    for i in range(n):
        M[i, i] = diagonal[i]
    tableau.n_waiting[0] = 0


@compiled
def admit(G: Floats, c: Floats, units: Ints, n_new: int, tableau: Tableau, n: int) -> None:
    """Add units, inactive, to a tableau of n rows with enough room."""
    if n_new == 0:
        return
    M, P, Q, sign, of_row = tableau.M, tableau.P, tableau.Q, tableau.sign, tableau.unit
    waiting, pivot, count = tableau.waiting, tableau.pivot, tableau.n_waiting[0]
    # Products of the tableau with the covariances of the new units with the active units.
    active = np.zeros((n_new, n))
    for u in range(n_new):
        of_unit = G[units[u]]
        for k in range(n):
            if sign[k] != 0.0:
                active[u, k] = of_unit[of_row[k]]
    products = np.dot(active, M[:n])
    # The waiting exchanges, without the diagonal.
    through = np.dot(active, waiting[:n])
    for u in range(n_new):
        for p in range(_GROUP):
            through[u, p] = through[u, p] / pivot[p] if p < count else 0.0
    products -= np.dot(through, waiting[:n].T)
    for k in range(n):
        waits, own = waiting[k], 0.0
        for p in range(count):
            own += waits[p] * waits[p] / pivot[p]
        for u in range(n_new):
            products[u, k] += own * active[u, k]
    between = np.dot(active, np.ascontiguousarray(products[:, :n]).T)
    for u in range(n_new):
        new, of_unit, p, q = M[n + u], G[units[u]], c[units[u]], 0.0
        for k in range(n):
            new[k] = (0.0 if sign[k] != 0.0 else of_unit[of_row[k]]) - products[u, k]
            p -= active[u, k] * P[k]
            q -= active[u, k] * Q[k]
        for k in range(n):
            M[k, n + u] = new[k]
        for other in range(u + 1):
            new[n + other] = M[n + other, n + u] = of_unit[units[other]] + between[u, other]
        for k in range(_GROUP):
            waiting[n + u, k] = 0.0
        P[n + u], Q[n + u], sign[n + u], of_row[n + u] = p, q, 0.0, units[u]


@compiled
def drop_rows(tableau: Tableau, n: int, kept: Mask) -> int:
    """Leave out inactive rows of a tableau; return the number of rows that remain."""
    M, P, Q, sign, unit = tableau.M, tableau.P, tableau.Q, tableau.sign, tableau.unit
    old, remaining = np.empty(n, dtype=np.int64), 0
    for i in range(n):
        if kept[i]:
            old[remaining] = i
            remaining += 1
    for i in range(remaining):
        source, target = M[old[i]], M[i]
        for k in range(remaining):
            target[k] = source[old[k]]
        P[i], Q[i], sign[i], unit[i] = P[old[i]], Q[old[i]], sign[old[i]], unit[old[i]]
        for p in range(_GROUP):
            tableau.waiting[i, p] = tableau.waiting[old[i], p]
    return remaining


@compiled
def subtract_rows(target: Floats, rows: Floats, index: Ints, factor: Floats) -> None:
    """Subtract eight rows of a matrix times their factors from a vector, with one pass over the vector."""
    r0, r1, r2, r3 = rows[index[0]], rows[index[1]], rows[index[2]], rows[index[3]]
    r4, r5, r6, r7 = rows[index[4]], rows[index[5]], rows[index[6]], rows[index[7]]
    f0, f1, f2, f3 = factor[0], factor[1], factor[2], factor[3]
    f4, f5, f6, f7 = factor[4], factor[5], factor[6], factor[7]
    for k in range(target.size):
        target[k] -= (
            f0 * r0[k]
            + f1 * r1[k]
            + f2 * r2[k]
            + f3 * r3[k]
            + f4 * r4[k]
            + f5 * r5[k]
            + f6 * r6[k]
            + f7 * r7[k]
        )
