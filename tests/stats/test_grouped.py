from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import ArrayError, UsageError
from neuroalign.stats import (
    draw_stimuli,
    dual_bootstrap,
    grouped_standard_error,
    n_fixed,
    permute_stimuli,
    weighted_mean,
)
from neuroalign.stats.standard_errors import standard_error

LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=40).map(
    lambda labels: np.unique(labels, return_inverse=True)[1]
)


@given(st.integers(1, 200), st.integers(0, 50))
def test_without_variants_draws_and_shuffles_are_those_of_single_stimuli(n, seed):
    rng = np.random.default_rng
    np.testing.assert_array_equal(draw_stimuli(np.arange(n), rng(seed)), rng(seed).integers(n, size=n))
    np.testing.assert_array_equal(permute_stimuli(np.arange(n), rng(seed)), rng(seed).permutation(n))


@given(LABELS, st.integers(0, 50))
def test_a_draw_has_whole_originals(labels, seed):
    rows = draw_stimuli(labels, np.random.default_rng(seed))
    sizes = np.bincount(labels)
    times = np.bincount(rows, minlength=labels.size)
    for original in range(sizes.size):
        assert len(set(times[labels == original])) == 1
    drawn = np.random.default_rng(seed).integers(sizes.size, size=sizes.size)
    assert rows.size == sizes[drawn].sum()


@given(LABELS, st.integers(0, 50))
def test_a_shuffle_moves_whole_originals_in_their_order(labels, seed):
    order = permute_stimuli(labels, np.random.default_rng(seed))
    assert sorted(order) == list(range(labels.size))
    for original in range(labels.max() + 1):
        source = order[labels == original]
        assert len(set(labels[source])) == 1
        np.testing.assert_array_equal(source, np.flatnonzero(labels == labels[source[0]]))
    assert n_fixed(labels) == sum(count == 1 for count in Counter(np.bincount(labels).tolist()).values())


def test_every_shuffle_of_three_originals_is_equally_likely():
    rng = np.random.default_rng(0)
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3])
    seen = Counter(tuple(permute_stimuli(labels, rng)) for _ in range(6_000))
    assert len(seen) == 6
    # Five standard deviations of a binomial count.
    assert all(abs(count - 1_000) < 5 * np.sqrt(6_000 / 6 * 5 / 6) for count in seen.values())
    assert all(order[6:] == (6, 7, 8) for order in seen)
    assert n_fixed(labels) == 1


def test_the_standard_error_is_over_originals():
    values = np.array([1.0, 3.0, 5.0, 7.0, 0.0, 2.0])
    labels = np.array([0, 0, 1, 1, 2, 2])
    means = np.array([2.0, 6.0, 1.0])
    assert grouped_standard_error(values, labels) == pytest.approx(standard_error(means), abs=1e-15)
    assert grouped_standard_error(values, np.arange(6)) == pytest.approx(standard_error(values), abs=1e-15)
    # Σ_g of deviations from 2.5: (-1.5 + 0.5 + 2.5 = 1.5), -1.5; √(2/1 · 4.5)/4.
    assert grouped_standard_error([1, 3, np.nan, 5, 1], [0, 0, 2, 0, 3]) == pytest.approx(0.75, abs=1e-15)
    assert np.isnan(grouped_standard_error([1.0, 2.0], [0, 0]))


def test_labels_are_checked():
    with pytest.raises(ArrayError, match="groups must be numbered from 0 without gaps, got none numbered 1"):
        draw_stimuli([0, 2], np.random.default_rng(0))
    with pytest.raises(ArrayError, match=r"groups must be a row of integers, got float64 of shape \(2,\)"):
        permute_stimuli([0.0, 1.0], np.random.default_rng(0))


def test_a_dual_bootstrap_draws_originals():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 5)
    by_original = rng.standard_normal((20, 8))
    responses = by_original[groups]
    drawn = []

    def fit(stimuli):
        drawn.append(stimuli)
        return weighted_mean(responses[stimuli].mean(axis=0), np.ones(8))

    options = {"n_neurons": 8, "n_resamples": 100, "n_neuron_resamples": 100, "seed": 1}
    together = dual_bootstrap(fit, n_stimuli=100, groups=groups, **options)
    assert all((np.bincount(rows, minlength=100).reshape(20, 5).std(axis=1) == 0).all() for rows in drawn)
    # Five copies of each stimulus say no more than one: the same draws, errors and degrees of freedom.
    single = dual_bootstrap(
        lambda stimuli: weighted_mean(by_original[stimuli].mean(axis=0), np.ones(8)), n_stimuli=20, **options
    )
    for name in ("stimuli", "both"):
        one, other = getattr(together, name), getattr(single, name)
        assert one.standard_error == pytest.approx(other.standard_error, rel=1e-12)
        assert one.low == pytest.approx(other.low, rel=1e-9)
    alone = dual_bootstrap(fit, n_stimuli=100, **options)
    assert alone.stimuli.standard_error < 0.6 * together.stimuli.standard_error
    with pytest.raises(ArrayError, match=r"groups must have shape \(100,\), got \(20,\)"):
        dual_bootstrap(fit, n_stimuli=100, groups=np.arange(20), **options)
    with pytest.raises(UsageError, match="a bootstrap over stimuli needs two originals at least, got 1"):
        dual_bootstrap(fit, n_stimuli=100, groups=np.zeros(100, dtype=int), **options)
