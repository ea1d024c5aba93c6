from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import UsageError
from neuroalign.metrics import correlations, match_one_to_one


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 2), st.booleans())
def test_no_other_assignment_is_better(seed, n_units, more, absolute):
    rng = np.random.default_rng(seed)
    Z, Y = rng.standard_normal((20, n_units)), rng.standard_normal((20, n_units + more))
    matched = match_one_to_one(Z, Y, absolute=absolute)
    r = correlations(Z, Y)
    gain = np.abs(r) if absolute else r
    best = max(
        gain[range(n_units), neurons].sum() for neurons in permutations(range(n_units + more), n_units)
    )
    assert gain[matched.unit, matched.neuron].sum() == pytest.approx(best)
    np.testing.assert_array_equal(matched.unit, np.arange(n_units))
    assert len(set(matched.neuron)) == n_units
    np.testing.assert_array_equal(matched.correlation, r[matched.unit, matched.neuron])


def test_the_best_pairs_may_not_be_the_greedy_ones():
    Z = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 3)))[0]
    Z -= Z.mean(axis=0)
    # Unit 0 correlates most with neuron 0, but unit 1 correlates with no other neuron.
    Y = np.column_stack([0.9 * Z[:, 0] + 0.8 * Z[:, 1], 0.8 * Z[:, 0] + 0.1 * Z[:, 2]])
    np.testing.assert_array_equal(match_one_to_one(Z[:, :2], Y).neuron, [1, 0])


def test_negative_correlations_count_only_if_asked_for():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((60, 1))
    Y = np.column_stack([-Z[:, 0], Z[:, 0] + 2 * rng.standard_normal(60)])
    assert match_one_to_one(Z, Y).neuron[0] == 1
    signed = match_one_to_one(Z, Y, absolute=True)
    assert signed.neuron[0] == 0
    assert signed.correlation[0] == pytest.approx(-1)


def test_excluded_pairs():
    Y = np.random.default_rng(0).standard_normal((40, 5))
    np.testing.assert_array_equal(match_one_to_one(Y[:, :3], Y).neuron, [0, 1, 2])
    apart = match_one_to_one(Y[:, :3], Y, exclude=np.array([0, 1, 2, -1, -1]))
    assert (apart.neuron != [0, 1, 2]).all()
    with pytest.raises(UsageError, match="cannot be matched without excluded pairs"):
        match_one_to_one(Y[:, :1], Y[:, :1], exclude=np.array([0]))


def test_more_units_than_neurons():
    values = np.random.default_rng(0).standard_normal((20, 5))
    with pytest.raises(
        UsageError, match="5 units cannot each have a neuron of their own: there are 3 neurons"
    ):
        match_one_to_one(values, values[:, :3])
