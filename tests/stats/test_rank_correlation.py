from itertools import permutations, product

import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import UsageError
from neuroalign.stats import rank_correlation_test


def by_scipy(x, y):
    """SciPy's exact permutation test of Spearman's ρ."""
    return stats.permutation_test(
        (x,),
        lambda values: stats.spearmanr(values, y).statistic,
        permutation_type="pairings",
        n_resamples=np.inf,
        alternative="two-sided",
    )


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_group_is_scipys_exact_test(n, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(n), rng.standard_normal(n)
    test, theirs = rank_correlation_test(x, y), by_scipy(x, y)
    assert test.method == "exact"
    assert test.rho == pytest.approx(theirs.statistic)
    # SciPy doubles the smaller tail; the null distribution without ties is symmetric.
    assert test.p == pytest.approx(theirs.pvalue)


def test_several_groups_are_all_their_permutations():
    x, y = np.array([3.0, 1.0, 2.0, 7.0, 9.0, 8.0, 6.0]), np.array([2.0, 1.0, 3.0, 5.0, 5.0, 4.0, 9.0])
    groups = np.array(["a"] * 3 + ["b"] * 4)

    def pooled(shuffled):
        parts = [[], []]
        for name in "ab":
            rows = groups == name
            for part, values in zip(parts, (x, shuffled), strict=True):
                ranks = stats.rankdata(values[rows])
                part.append((ranks - ranks.mean()) / (rows.sum() + 1))
        first, second = map(np.concatenate, parts)
        return (first @ second) / np.sqrt((first @ first) * (second @ second))

    every = np.array(
        [pooled(np.concatenate(both)) for both in product(permutations(y[:3]), permutations(y[3:]))]
    )
    assert every.size == 144
    test = rank_correlation_test(x, y, groups)
    assert test.rho == pytest.approx(pooled(y))
    assert test.p == pytest.approx(np.mean(np.abs(every) >= abs(pooled(y)) - 1e-12))
    assert test.smallest_p == pytest.approx(np.mean(np.abs(every) >= np.abs(every).max() - 1e-12))
    assert (test.n, test.n_groups, test.method) == (7, 2, "exact")


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "n_groups"), [(0.05, 1), (0.05, 5), (0.01, 5)])
def test_groups_of_four_are_called_related_as_rarely_as_the_level_says(alpha, n_groups):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups), 4)
    false = [
        rank_correlation_test(rng.standard_normal(groups.size), rng.standard_normal(groups.size), groups).p
        <= alpha
        for _ in range(500)
    ]
    # Three standard errors above the level.
    assert np.mean(false) <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / 500)


def test_a_perfect_group_of_four_shows_nothing():
    test = rank_correlation_test([1, 2, 3, 4], [1, 2, 3, 4])
    assert test.rho == 1.0
    assert test.p == test.smallest_p == pytest.approx(2 / 24)


def test_many_are_drawn():
    rng = np.random.default_rng(1)
    x = rng.standard_normal(30)
    y = x + 3 * rng.standard_normal(30)
    test = rank_correlation_test(x, y, seed=3)
    assert test.method == "Monte Carlo"
    assert test.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    # Student's t is close for thirty pairs; 9,999 draws have a standard error of .005 at most.
    assert test.p == pytest.approx(stats.spearmanr(x, y).pvalue, abs=0.02)
    assert test.smallest_p == 1e-4
    assert test == rank_correlation_test(x, y, seed=3)
    drawn = rank_correlation_test(x, x, n_permutations=99)
    assert (drawn.rho, drawn.p) == (1.0, 0.01)


def test_drawn_permutations_agree_with_all_of_them():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal(8), rng.standard_normal(8)
    exact = rank_correlation_test(x, y)
    # A pair that is alone in its group does not count, so nine pairs give the result of the first eight.
    assert rank_correlation_test([*x, 0.0], [*y, 0.0], [0] * 8 + [1]) == exact
    # Twice as many groups of eight cannot be enumerated pair by pair, but as sums of their values.
    both = rank_correlation_test(np.tile(x, 2), np.tile(y, 2), np.repeat([0, 1], 8))
    assert (both.method, both.rho) == ("exact", pytest.approx(exact.rho))
    assert both.p < exact.p


def test_numbers_that_differ_in_their_last_bits_are_ties():
    x = [0.1 + 0.2, 0.3, 0.6, 0.9]
    assert rank_correlation_test(x, [1, 2, 3, 4]).rho == pytest.approx(
        stats.spearmanr([1, 1, 2, 3], [1, 2, 3, 4]).statistic
    )


@pytest.mark.parametrize(
    ("x", "y", "groups", "reason"),
    [
        ([1, 1, 1], [1, 2, 3], None, "x and y do not both vary"),
        ([1, 2], [1, 2], [0, 1], "x and y do not both vary in any group"),
        ([np.nan] * 3, [1, 2, 3], None, "x and y do not both vary"),
        ([], [], None, "x and y do not both vary"),
    ],
)
def test_nothing_to_test_says_why(x, y, groups, reason):
    test = rank_correlation_test(x, y, groups)
    assert np.isnan([test.rho, test.p, test.smallest_p]).all()
    assert (test.reason, str(test)) == (reason, f"no correlation: {reason}")


def test_what_does_not_vary_counts_nowhere():
    test = rank_correlation_test([1, 2, 3, np.inf, 5, 5], [3, 1, 2, 4, 1, 2], ["a", "a", "a", "a", "b", "b"])
    assert (test.n, test.n_groups) == (3, 1)
    assert str(test) == "ρ = -0.50, p = 1.000, n = 3"


def test_mistakes():
    with pytest.raises(UsageError, match="same length, got 2, 3 and 2"):
        rank_correlation_test([1, 2], [1, 2, 3])
    with pytest.raises(UsageError, match="n_permutations must be at least 1, got 0"):
        rank_correlation_test([1, 2], [1, 2], n_permutations=0)
