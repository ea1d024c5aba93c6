"""Level of chance from shuffled stimuli."""

import numpy as np
import pytest

from neuroalign.benchmarks.shuffles import shuffle_stimuli
from neuroalign.datasets.variants import Originals
from neuroalign.scoring.exchange import Exchange


def test_scores_of_all_orders_of_two_originals_give_level_and_p_value():
    values = np.array([1.0, 3.0])
    shuffles = shuffle_stimuli(
        lambda order: float(values[order] @ [1.0, 0.0]),
        Exchange(Originals(np.array([0, 1]))),
        n_permutations=200,
        seed=0,
    )
    n_swapped = int((shuffles.scores == 3).sum())
    assert set(shuffles.scores) == {1.0, 3.0}
    assert shuffles.level == pytest.approx((200 + 2 * n_swapped) / 200, abs=1e-12)
    assert shuffles.p_value(3.0) == (1 + n_swapped) / 201
    assert shuffles.p_value(1.0) == 1.0


def test_variants_of_one_original_move_together():
    labels = np.array([0, 0, 1, 1, 2, 2])
    orders = []
    shuffle_stimuli(
        lambda order: float(len(orders.append(order) or orders)),
        Exchange(Originals(labels)),
        n_permutations=20,
        seed=1,
    )
    assert all((labels[order].reshape(3, 2).std(axis=1) == 0).all() for order in orders)
    assert any((order != np.arange(6)).any() for order in orders)


def test_without_shuffles_the_level_is_unknown():
    none = shuffle_stimuli(lambda order: 1.0, Exchange(Originals(np.arange(4))), n_permutations=0, seed=0)
    assert np.isnan(none.level)
    assert none.notes == ()
    # Two originals with different numbers of variants cannot change places.
    fixed = shuffle_stimuli(
        lambda order: 1.0, Exchange(Originals(np.array([0, 0, 1]))), n_permutations=5, seed=0
    )
    assert fixed.scores.size == 0
    assert "cannot be shuffled" in fixed.notes[0]
