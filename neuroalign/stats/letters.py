"""Compact letter display of the groups that differ."""

from collections.abc import Iterator, Sequence
from itertools import count
from string import ascii_letters

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_numbers


def compact_letters(
    names: Sequence[str],
    means: ArrayLike,
    p_adjusted_matrix: ArrayLike,
    alpha: float = 0.05,
    *,
    higher_is_better: bool = True,
) -> dict[str, str]:
    """Give groups letters so that two groups share a letter if, and only if, they are not shown to differ.

    Parameters
    ----------
    names : sequence of str
        Names of the groups, all different.
    means : array of float, shape (n,)
        Means of the groups, which set the order of the letters only: the best mean gets the first letter, NaN the last.
    p_adjusted_matrix : array of float, shape (n, n)
        Symmetric p-values, corrected for the number of pairs. NaN marks a pair without a test,
        which is not shown to differ. The diagonal is ignored.
    alpha : float
        Level of the tests: groups with a smaller p-value differ.
    higher_is_better : bool
        Whether the best mean is the largest.

    Returns
    -------
    dict of str to str
        The letters of each group, in the order of `names`: a to z, A to Z, then a1, b1 and so on.

    Raises
    ------
    UsageError
        If names repeat, or `alpha` is not between 0 and 1.
    ArrayError
        If shapes do not fit, or the matrix is not symmetric.

    Notes
    -----
    Insert-and-absorb: all groups begin with one letter. Each pair that differs splits every letter that both have into
    one without the first and one without the second; a letter is absorbed if its groups all have another letter in
    common. Sweeping then removes the letters that no pair of groups needs. Redundant entries of single groups are kept,
    so that a letter covers a run of groups where differences follow the means.

    References
    ----------
    Piepho, H.-P. (2004). An algorithm for a letter-based representation of all-pairwise comparisons. J. Comput. Graph.
    Stat. 13, 456-466.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import compact_letters
    >>> p = np.array([[1.0, 0.2, 0.01], [0.2, 1.0, 0.3], [0.01, 0.3, 1.0]])
    >>> compact_letters(["vae", "pca", "ica"], [0.6, 0.5, 0.4], p)
    {'vae': 'a', 'pca': 'ab', 'ica': 'b'}
    """
    values = as_numbers(means, np.float64)
    p = as_numbers(p_adjusted_matrix, np.float64)
    n = len(names)
    if len(set(names)) < n:
        repeated = next(name for name in names if list(names).count(name) > 1)
        raise UsageError(f"names must all be different; {repeated!r} is there twice")
    if values.shape != (n,) or p.shape != (n, n):
        raise ArrayError(
            f"means and p-values of {n} groups must have shapes ({n},) and ({n}, {n}), got {values.shape} and {p.shape}"
        )
    if not np.array_equal(p[~np.eye(n, dtype=bool)], p.T[~np.eye(n, dtype=bool)], equal_nan=True):
        raise ArrayError("the matrix of p-values must be symmetric")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha must be between 0 and 1, got {alpha}")
    order = np.argsort(-values if higher_is_better else values, kind="stable")
    differs = p[np.ix_(order, order)] < alpha
    np.fill_diagonal(differs, False)
    rows = sorted(_cover(differs).tolist(), reverse=True)
    letters = _letters()
    given = [""] * n
    for row in rows:
        letter = next(letters)
        for rank in np.flatnonzero(row):
            given[order[rank]] += letter
    return dict(zip(names, given, strict=True))


def _cover(differs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return sets of groups, (n_sets, n), such that two groups share a set if, and only if, they do not differ."""
    n = len(differs)
    # A set of groups is the bits of an integer.
    masks = [sum(1 << int(other) for other in np.flatnonzero(row)) for row in differs]
    columns = [(1 << n) - 1] if n else []
    for group, partners in enumerate(masks):
        bit, kept, split = 1 << group, [], set()
        for column in columns:
            if column & bit and column & partners:
                split |= {column & ~bit, column & ~partners}
            else:
                kept.append(column)
        for column in sorted(split, key=int.bit_count, reverse=True):
            if not any(column & other == column for other in kept):
                kept.append(column)
        columns = kept
        if len(columns) > n:
            # Sweeping at once, too: without it the number of letters can grow exponentially in n.
            columns = _sweep(columns, n)
    return _as_rows(_sweep(columns, n), n)


def _sweep(columns: list[int], n: int) -> list[int]:
    """Drop the sets where every pair of groups shares another set, small sets first."""
    columns = sorted(columns, key=int.bit_count)
    rows = _as_rows(columns, n)
    together = rows.T.astype(np.int64) @ rows.astype(np.int64)
    needed = []
    for column, row in zip(columns, rows, strict=True):
        members = np.ix_(row, row)
        if (together[members] > 1).all():
            together[members] -= 1
        else:
            needed.append(column)
    return needed


def _as_rows(columns: list[int], n: int) -> NDArray[np.bool_]:
    bits = [[column >> group & 1 for group in range(n)] for column in columns]
    return np.array(bits, dtype=bool).reshape(len(columns), n)


def _letters() -> Iterator[str]:
    yield from ascii_letters
    yield from (f"{letter}{number}" for number in count(1) for letter in ascii_letters)
