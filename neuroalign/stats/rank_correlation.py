"""Permutation test of a rank correlation within groups."""

from dataclasses import dataclass
from itertools import permutations
from math import factorial, lcm, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from neuroalign.errors import UsageError, p_in_words

# All permutations are counted for groups up to this size and supports up to this number of pairs of values.
_LARGEST_GROUP, _MOST_PAIRS = 8, 4_000_000

_NAN = float("nan")

# Doubled ranks about their middle, in units that all groups share: x and y of each group, and the group's weight.
_Group = tuple[NDArray[np.int64], NDArray[np.int64], int]


@dataclass(frozen=True)
class RankTest:
    """Result of :func:`rank_correlation_test`.

    Parameters
    ----------
    rho : float
        Pooled within-group rank correlation, from -1 to 1; Spearman's ρ for a single group.
    p : float
        Two-sided p-value; NaN without a test.
    smallest_p : float
        P-value of the largest ``|ρ|`` over all pairings within the groups, the smallest p-value that data with these
        group sizes and ties can have.
    n : int
        Number of pairs of finite numbers in groups where both numbers vary.
    n_groups : int
        Number of groups where both numbers vary.
    method : {"exact", "Monte Carlo", ""}
        "exact" if all permutations were counted, "Monte Carlo" if random permutations were drawn; empty without a test.
    reason : str
        Reason of a missing test, else empty.
    """

    rho: float
    p: float
    smallest_p: float
    n: int
    n_groups: int
    method: str
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"no correlation: {self.reason}"
        return f"ρ = {self.rho:.2f}, {p_in_words(self.p)}, n = {self.n}"


def rank_correlation_test(
    x: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None, *, n_permutations: int = 9_999, seed: int = 0
) -> RankTest:
    """Test the pooled within-group rank correlation by permutations of `y` within the groups.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Paired numbers; pairs that are not finite are dropped. Numbers that agree to twelve digits are ties.
    groups : array, shape (n,), optional
        Label of the group of each pair; by default there is one group.
    n_permutations : int
        Number of random permutations, which are drawn where there are too many permutations to count all.
    seed : int
        Seed of the random permutations.

    Returns
    -------
    RankTest
        NaN with a `reason` where no group has two numbers of each kind that differ.

    Raises
    ------
    UsageError
        If the arrays differ in length, or `n_permutations` is not positive.

    Notes
    -----
    With the midranks r of x and s of y within each group g of n_g pairs, less their mean,
    ``ρ = Σ_g w_g Σ r s / sqrt(Σ_g w_g Σ r² · Σ_g w_g Σ s²)`` where ``w_g = 1/(n_g + 1)²`` makes a group count
    in proportion to its size (van Elteren 1960). The test is exact under exchangeability of y within each group,
    for groups of any sizes, with or without ties. All permutations are counted for groups of eight at most:
    ``p = #{|ρ*| ≥ |ρ|}/N``. Otherwise ``p = (1 + k)/(1 + B)`` for k of B random permutations.

    References
    ----------
    van Elteren, P. H. (1960). On the combination of independent two sample tests of Wilcoxon. Bull. Inst. Int.
    Statist. 37, 351-361.
    Phipson, B. & Smyth, G. K. (2010). Permutation p-values should never be zero. Stat. Appl. Genet. Mol. Biol. 9:39.

    Examples
    --------
    Four pairs have 24 permutations, of which two are perfect:

    >>> from neuroalign.stats import rank_correlation_test
    >>> test = rank_correlation_test([1, 2, 3, 4], [1, 2, 3, 4])
    >>> test.rho, round(test.p, 3), test.method
    (1.0, 0.083, 'exact')
    """
    first, second = (np.asarray(values, dtype=np.float64).ravel() for values in (x, y))
    labels = np.zeros(first.size) if groups is None else np.asarray(groups).ravel()
    if not first.size == second.size == labels.size:
        raise UsageError(
            f"x, y and groups must have the same length, got {first.size}, {second.size} and {labels.size}"
        )
    if n_permutations < 1:
        raise UsageError(f"n_permutations must be at least 1, got {n_permutations}")
    finite = np.isfinite(first) & np.isfinite(second)
    ranked = _ranked(_rounded(first[finite]), _rounded(second[finite]), labels[finite])
    if not ranked:
        among = " in any group" if groups is not None else ""
        return RankTest(_NAN, _NAN, _NAN, 0, 0, "", f"x and y do not both vary{among}")
    observed = sum(weight * int(a @ b) for a, b, weight in ranked)
    scale = sqrt(sum(w * int(a @ a) for a, _, w in ranked) * sum(w * int(b @ b) for _, b, w in ranked))
    # By the rearrangement inequality no pairing lies further from zero than the sorted ones.
    largest = max(
        abs(sum(weight * int(np.sort(a) @ np.sort(b)[::step]) for a, b, weight in ranked)) for step in (1, -1)
    )
    counted = _exact(ranked)
    if counted is None:
        drawn = np.abs(_drawn(ranked, n_permutations, seed))
        p, smallest = (
            float((1 + (drawn >= abs(value)).sum()) / (1 + n_permutations)) for value in (observed, largest)
        )
    else:
        support, probability = np.abs(counted[0]), counted[1]
        p, smallest = (
            min(1.0, float(probability[support >= abs(value)].sum())) for value in (observed, largest)
        )
    return RankTest(
        rho=float(np.clip(observed / scale, -1.0, 1.0)),
        p=p,
        smallest_p=smallest,
        n=sum(a.size for a, _, _ in ranked),
        n_groups=len(ranked),
        method="Monte Carlo" if counted is None else "exact",
    )


def _ranked(x: NDArray[np.float64], y: NDArray[np.float64], groups: NDArray[np.generic]) -> list[_Group]:
    """Return the ranks of the groups where both numbers vary, as integers so that equal sums compare equal."""
    _, group = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(group == index) for index in range(group.max(initial=-1) + 1)]
    varying = [rows for rows in members if np.ptp(x[rows]) > 0 and np.ptp(y[rows]) > 0]
    common = lcm(*((rows.size + 1) ** 2 for rows in varying)) if varying else 1
    if common * sum(rows.size**3 for rows in varying) > 2**62:
        # Too many sizes for exact integers: weights are rounded, by far less than a step between two ranks.
        common = 2**62 // sum(rows.size**3 for rows in varying)
    ranks = [
        [np.rint(2 * rankdata(values[rows])).astype(np.int64) - (rows.size + 1) for values in (x, y)]
        for rows in varying
    ]
    return [
        (a, b, max(1, common // (rows.size + 1) ** 2)) for (a, b), rows in zip(ranks, varying, strict=True)
    ]


def _exact(groups: list[_Group]) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Return the values of the statistic over all permutations and their probabilities; None for too many."""
    if any(a.size > _LARGEST_GROUP for a, _, _ in groups):
        return None
    support: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
    probability: NDArray[np.float64] = np.ones(1)
    for a, b, weight in groups:
        orders = np.fromiter(
            (index for order in permutations(range(a.size)) for index in order),
            dtype=np.int64,
            count=factorial(a.size) * a.size,
        ).reshape(-1, a.size)
        values, counts = np.unique(b[orders] @ a, return_counts=True)
        if values.size * support.size > _MOST_PAIRS:
            return None
        sums: NDArray[np.int64] = (support[:, None] + weight * values).ravel()
        shares: NDArray[np.float64] = (probability[:, None] * (counts / counts.sum())).ravel()
        support, place = np.unique(sums, return_inverse=True)
        probability = np.bincount(place, weights=shares).astype(np.float64)
    return support, probability


def _drawn(groups: list[_Group], n_permutations: int, seed: int) -> NDArray[np.int64]:
    """Return the statistic of random permutations."""
    rng = np.random.default_rng(seed)
    total = np.zeros(n_permutations, dtype=np.int64)
    for a, b, weight in groups:
        total += weight * (rng.permuted(np.tile(b, (n_permutations, 1)), axis=1) @ a)
    return total


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to twelve digits of the largest value: sums of the same numbers in another order are ties."""
    unit = np.abs(values).max(initial=0.0) * 1e-12
    return np.round(values / unit) if unit > 0 else values
