"""Centred kernel alignment against plain formulas, closed forms and sums over all sets of four stimuli."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import cka, cka_by_chance
from neuroalign.metrics.kernels import Kernel, hsic, make_kernel, neuron_hsic


def plain_debiased(K, L):
    """Criterion with diagonals set to zero, as Song et al. (2012) define it."""
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    n, ones = len(K), np.ones(len(K))
    return np.trace(K @ L) + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 * ones @ K @ L @ ones / (n - 2)


def plain_biased(K, L):
    centring = np.eye(len(K)) - 1 / len(K)
    return np.trace(centring @ K @ centring @ L)


@pytest.mark.parametrize(("estimator", "plain"), [("debiased", plain_debiased), ("biased", plain_biased)])
@pytest.mark.parametrize(("n", "d", "j"), [(30, 5, 7), (12, 40, 6), (12, 6, 40), (9, 60, 50)])
def test_alignment_is_the_plain_one(estimator, plain, n, d, j):
    """Tall and wide layers, by the products of features and by rows of kernels."""
    rng = np.random.default_rng(n + d)
    Z, Y = rng.normal(3.0, 1.0, (n, d)), rng.standard_normal((n, j))
    Y[:, :5] += Z[:, :5]
    K, L = Z @ Z.T, Y @ Y.T
    expected = plain(K, L) / np.sqrt(plain(K, K) * plain(L, L))
    assert cka(Z, Y, estimator=estimator).score == pytest.approx(expected, rel=1e-9)


def test_gaussian_kernels():
    rng = np.random.default_rng(0)
    Z, Y = rng.standard_normal((20, 3)), rng.standard_normal((20, 4))
    kernels = []
    for values in (Z, Y):
        distances = np.sqrt(((values[:, None] - values) ** 2).sum(axis=2))
        median = np.median(distances[np.triu_indices(20, 1)])
        kernels.append(np.exp(-(distances**2) / (2 * (0.5 * median) ** 2)))
    for estimator, plain in [("debiased", plain_debiased), ("biased", plain_biased)]:
        expected = plain(*kernels) / np.sqrt(plain(kernels[0], kernels[0]) * plain(kernels[1], kernels[1]))
        score = cka(Z, Y, estimator=estimator, kernel="rbf", bandwidth=0.5).score
        assert score == pytest.approx(expected, rel=1e-9)


def test_drawn_stimuli_count_by_sums_over_different_stimuli():
    """Means over all pairs, triples and fours of draws of different stimuli, for the kernels centred by the draws."""
    rng = np.random.default_rng(1)
    n, m = 6, np.array([2.0, 1.0, 3.0, 1.0, 1.0, 2.0])
    Z, Y = rng.standard_normal((n, 3)), rng.standard_normal((n, 2))
    Z, Y = Z - m @ Z / m.sum(), Y - m @ Y / m.sum()
    K, L = Z @ Z.T, Y @ Y.T

    def mean(size, term):
        sets = list(permutations(range(n), size))
        weights = [np.prod(m[list(members)]) for members in sets]
        return np.average([term(*members) for members in sets], weights=weights)

    expected = (
        mean(2, lambda i, j: K[i, j] * L[i, j])
        - 2 * mean(3, lambda i, j, q: K[i, j] * L[i, q])
        + mean(4, lambda i, j, q, r: K[i, j] * L[q, r])
    )
    for first in (Kernel(features=Z), Kernel(matrix=K)):
        assert hsic(first, Kernel(features=Y), "debiased", m) == pytest.approx(expected, rel=1e-9)
    single, pairwise = neuron_hsic(Kernel(matrix=K), Y, "debiased", m)
    assert single.sum() == pytest.approx(expected, rel=1e-9)
    population = hsic(Kernel(features=Y), Kernel(features=Y), "debiased", m)
    assert pairwise.sum() == pytest.approx(population, rel=1e-9)


@pytest.mark.parametrize("estimator", ["debiased", "biased"])
def test_blocks_do_not_matter(monkeypatch, estimator):
    rng = np.random.default_rng(6)
    Z, Y = rng.standard_normal((23, 60)), rng.standard_normal((23, 50))
    Y[:, :30] += Z[:, :30]
    m = rng.integers(1, 4, 23).astype(float)
    a, b = make_kernel(Z, "linear"), make_kernel(Y, "linear")
    expected = [hsic(a, b, estimator, counts) for counts in (None, m)]
    monkeypatch.setattr("neuroalign.metrics.kernels._BLOCK", 100)
    forms = [(a, b), (Kernel(matrix=a.full()), Kernel(matrix=b.full())), (Kernel(matrix=a.full()), b)]
    for first, second in forms:
        scores = [hsic(first, second, estimator, counts) for counts in (None, m)]
        assert scores == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("estimator", ["debiased", "biased"])
def test_neurons_add_up_to_the_population(estimator):
    rng = np.random.default_rng(2)
    Z, Y = rng.standard_normal((15, 4)), rng.standard_normal((15, 6))
    units, population = make_kernel(Z, "linear"), make_kernel(Y, "linear")
    single, pairwise = neuron_hsic(units, Y, estimator)
    assert single.sum() == pytest.approx(hsic(units, population, estimator), rel=1e-9)
    assert pairwise.sum() == pytest.approx(hsic(population, population, estimator), rel=1e-9)
    alone = hsic(make_kernel(Y[:, [1]], "linear"), make_kernel(Y[:, [4]], "linear"), estimator)
    assert pairwise[1, 4] == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize(("n", "p", "q"), [(25, 128, 168), (200, 50, 80)])
def test_chance_level_of_independent_populations(n, p, q):
    """The biased form is near its closed form, and the debiased form near 0."""
    rng = np.random.default_rng(0)
    scores = [
        [cka(Z, Y, estimator=estimator).score for estimator in ("biased", "debiased")]
        for Z, Y in ((rng.standard_normal((n, p)), rng.standard_normal((n, q))) for _ in range(30))
    ]
    biased, debiased = np.mean(scores, axis=0)
    assert biased == pytest.approx(cka_by_chance(n, p, q), rel=0.02)
    assert abs(debiased) < 3 * np.std(scores, axis=0)[1] / np.sqrt(30)


def test_closed_forms_of_the_chance_level():
    # √(128·168/((128 + 25)(168 + 25))), and the limit of many units.
    assert cka_by_chance(25, 128, 168) == pytest.approx(0.8533658431275556)
    assert cka_by_chance(10, 10**9, 10**9) == pytest.approx(1.0)
    with pytest.raises(UsageError, match="positive"):
        cka_by_chance(0, 1, 1)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["debiased", "biased"]))
def test_rotation_scale_and_shift_of_units_do_not_matter(seed, estimator):
    rng = np.random.default_rng(seed)
    Z, Y = rng.standard_normal((12, 3)), rng.standard_normal((12, 4))
    Y[:, :3] += 2 * Z
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    score = cka(Z, Y, estimator=estimator).score
    assert cka(5 * Z @ rotation + 2, Y, estimator=estimator).score == pytest.approx(score, rel=1e-7)


def test_wide_layers_need_little_memory():
    """A matrix of 30,000 × 30,000 or 30,000 × 60 numbers would take 7.2 GB or 14.4 MB."""
    import tracemalloc

    rng = np.random.default_rng(0)
    Z, Y = rng.standard_normal((40, 30_000)), rng.standard_normal((40, 60))
    tracemalloc.start()
    cka(Z, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The units, their centred copies, and a block.
    assert peak < 4 * Z.nbytes


def test_faulty_input_is_explained():
    Z = np.random.default_rng(0).standard_normal((5, 2))
    with pytest.raises(ArrayError, match="four stimuli"):
        cka(Z[:3], Z[:3])
    with pytest.raises(UsageError, match="estimator"):
        cka(Z, Z, estimator="unbiased")
    with pytest.raises(UsageError, match="kernel"):
        cka(Z, Z, kernel="cosine")
    with pytest.raises(UsageError, match="bandwidth"):
        cka(Z, Z, bandwidth=0.0)
    assert np.isnan(cka(np.ones((5, 2)), Z).score)
