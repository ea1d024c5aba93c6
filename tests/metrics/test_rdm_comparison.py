"""Comparisons of dissimilarities against SciPy, the covariance of dissimilarities, and biased kernel alignment."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import squareform
from scipy.stats import pearsonr, spearmanr

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import cka, compare_rdms, dissimilarities, pair_ranks, rdm_ceiling, rsa
from neuroalign.metrics.rdm import profiles
from neuroalign.metrics.rdm_comparison import COMPARISONS, OF_RANKS, compare_pairs


def whitening(n_stimuli):
    """Inverse of V, the covariance of the dissimilarities under equal and independent noise, formed in full."""
    pairs = list(combinations(range(n_stimuli), 2))
    contrasts = np.zeros((len(pairs), n_stimuli))
    for row, (first, second) in enumerate(pairs):
        contrasts[row, [first, second]] = 1, -1
    return np.linalg.inv((contrasts @ contrasts.T) ** 2)


@given(st.integers(4, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_comparisons_are_the_plain_ones(n_stimuli, seed, tied):
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(size=(2, n_stimuli * (n_stimuli - 1) // 2))
    b += a
    if tied:
        a, b = np.round(a), np.round(b)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return
    expected = {
        "pearson": pearsonr(a, b)[0],
        "spearman": spearmanr(a, b)[0],
        "cosine": a @ b / np.sqrt(a @ a * (b @ b)),
        "kendall": sum(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in combinations(range(a.size), 2))
        / (a.size * (a.size - 1) / 2),
    }
    inverse = whitening(n_stimuli)
    for name, x, y in [("whitened_cosine", a, b), ("whitened_pearson", a - a.mean(), b - b.mean())]:
        expected[name] = x @ inverse @ y / np.sqrt(x @ inverse @ x * (y @ inverse @ y))
    for name, value in expected.items():
        assert compare_rdms(a, b, name) == pytest.approx(value, abs=1e-9), name
        assert compare_rdms(squareform(a), squareform(b), name) == pytest.approx(value, abs=1e-9), name


def test_rho_a_is_the_mean_over_random_orders_of_ties():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 21).astype(float), rng.standard_normal(21)
    b += a
    broken = [spearmanr(a + 1e-6 * rng.standard_normal(21), b)[0] for _ in range(1000)]
    error = np.std(broken) / np.sqrt(len(broken))
    assert abs(compare_rdms(a, b, "rho_a") - np.mean(broken)) < 4 * error
    assert compare_rdms(a, b, "rho_a") < compare_rdms(a, b, "spearman") - 0.02


def test_whitened_cosine_of_squared_distances_is_biased_kernel_alignment():
    rng = np.random.default_rng(1)
    Z, Y = rng.standard_normal((30, 8)), rng.standard_normal((30, 50))
    Y[:, :8] += Z
    expected = cka(Z, Y, estimator="biased").score
    score = rsa(Z, Y, dissimilarity="euclidean", comparison="whitened_cosine").score
    assert score == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_parts_and_blocks_do_not_matter(monkeypatch, comparison):
    rng = np.random.default_rng(2)
    Z = np.round(rng.standard_normal((60, 3)))
    Z[::7] = Z[0]
    Y = Z @ rng.standard_normal((3, 20)) + rng.standard_normal((60, 20))
    whole = compare_rdms(dissimilarities(Z, "euclidean"), dissimilarities(Y, "euclidean"), comparison)
    monkeypatch.setattr(pair_ranks, "_PART", 100)
    monkeypatch.setattr("neuroalign.metrics.pairs._BLOCK", 50)
    parts = rsa(Z, Y, dissimilarity="euclidean", comparison=comparison).score
    assert parts == pytest.approx(whole, abs=1e-12)


def test_distances_that_differ_by_rounding_are_ties():
    """Rotated one-hot units: the squared distance of any two categories is the same up to rounding."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 40)
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    units = np.eye(4)[labels]
    assert np.unique(dissimilarities(units @ rotation, "euclidean")).size > 2
    assert np.unique(pair_ranks.rank_pairs(profiles(units @ rotation, "euclidean"))).size == 2
    Y = units @ rng.standard_normal((4, 9)) + rng.standard_normal((40, 9))
    for comparison in ("spearman", "kendall", "rho_a"):
        scores = [
            rsa(values, Y, dissimilarity="euclidean", comparison=comparison).score
            for values in (units, units @ rotation)
        ]
        assert scores[0] == pytest.approx(scores[1], rel=1e-12)
        assert scores[0] > 0.1


@given(st.integers(0, 2**32 - 1), st.sampled_from(COMPARISONS))
def test_scores_are_symmetric_and_at_most_one(seed, comparison):
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(size=(2, 28))
    score = compare_rdms(a, b, comparison)
    assert score == pytest.approx(compare_rdms(b, a, comparison), abs=1e-12)
    assert -1 <= score <= 1
    assert compare_rdms(a, 3 * a, comparison) == pytest.approx(1.0)


@pytest.mark.parametrize("comparison", sorted({*COMPARISONS} - {"cosine", "whitened_cosine"}))
def test_constant_dissimilarities_have_no_score(comparison):
    assert np.isnan(compare_rdms(np.full(10, 0.3), np.arange(10.0), comparison))


def test_ceiling_of_three_animals_by_hand():
    animals = [np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]), np.array([2.0, 1.0, 3.0])]
    bounds = rdm_ceiling(animals, "cosine")
    unit = [values / np.linalg.norm(values) for values in animals]
    for index, animal in enumerate(unit):
        others = sum(unit) - animal
        assert bounds.lower_of_animal[index] == pytest.approx(others @ animal / np.linalg.norm(others))
        assert bounds.upper_of_animal[index] == pytest.approx(sum(unit) @ animal / np.linalg.norm(sum(unit)))
    assert bounds.lower == pytest.approx(bounds.lower_of_animal.mean())


@given(st.integers(0, 2**32 - 1))
def test_no_model_beats_the_upper_bound_of_cosines(seed):
    rng = np.random.default_rng(seed)
    animals = rng.exponential(size=(4, 15))
    model = rng.exponential(size=15)
    scores = [compare_rdms(model, animal, "cosine") for animal in animals]
    bounds = rdm_ceiling(animals, "cosine")
    assert np.mean(scores) <= bounds.upper + 1e-12
    assert bounds.lower <= bounds.upper


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compare_rdms(np.ones(4), np.ones(4)), ArrayError, r"N\(N − 1\)/2"),
        (lambda: compare_rdms(np.ones(3), np.ones(6)), ArrayError, "same stimuli"),
        (lambda: compare_rdms([1.0, np.nan, 2.0], np.ones(3)), ArrayError, "finite"),
        (lambda: compare_rdms(np.arange(16.0).reshape(4, 4), np.ones(6)), ArrayError, "symmetric"),
        (lambda: compare_rdms(np.ones(3), np.ones(3), "tau"), UsageError, "spearman, pearson"),
        (lambda: rdm_ceiling([np.ones(3)]), UsageError, "two animals"),
        (lambda: rsa(np.ones((4, 2)), np.ones((5, 2))), ArrayError, "same stimuli"),
    ],
)
def test_faulty_input_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("comparison", OF_RANKS)
def test_ranks_of_chosen_stimuli_need_no_sort(comparison):
    """Scores of ranks, of all stimuli and of some, are scores of dissimilarities, with ties."""
    rng = np.random.default_rng(5)
    Z = np.round(rng.standard_normal((30, 2)))
    Y = Z @ rng.standard_normal((2, 6)) + rng.standard_normal((30, 6))
    a, b = profiles(Z, "euclidean"), profiles(Y, "euclidean")
    ranks = [pair_ranks.rank_matrix(pairs) for pairs in (a, b)]
    for rows in (np.arange(30), np.array([3, 1, 7, 20, 15, 22, 9])):
        expected = compare_pairs(a.take(rows), b.take(rows), comparison)
        assert compare_pairs(*(pairs.take(rows) for pairs in ranks), comparison) == pytest.approx(
            expected, abs=1e-12
        )
