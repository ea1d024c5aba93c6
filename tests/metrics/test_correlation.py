import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import correlation_ratio, correlations


def orthonormal(n, k, seed=0):
    """Centred, orthogonal columns, so that correlations with mixtures of them are known."""
    values = np.random.default_rng(seed).standard_normal((n, k))
    return np.linalg.qr(values - values.mean(axis=0))[0]


def test_correlations_are_those_of_numpy():
    rng = np.random.default_rng(0)
    Z, Y = 1e5 + rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    np.testing.assert_allclose(correlations(Z, Y), np.corrcoef(Z.T, Y.T)[:3, 3:], atol=1e-9)
    np.testing.assert_array_equal(correlations(np.ones((40, 1)), Y), 0.0)


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    # Neurons 0 and 1 are best explained by unit 0, neuron 2 by unit 2.
    [("unit_mean", (0.55 + 1.0) / 2), ("unit_max", (0.6 + 1.0) / 2), ("neuron_mean", (0.6 + 0.5 + 1.0) / 3)],
)
def test_by_hand(aggregate, expected):
    Z = orthonormal(50, 4)
    Y = Z @ np.array([[0.6, 0.4, 0, 0], [0.5, 0.3, 0.2, 0], [0, 0, 1, 0]]).T
    result = correlation_ratio(Z, Y, aggregate=aggregate)
    np.testing.assert_allclose(result.per_neuron, [0.6, 0.5, 1.0])
    assert result.score == pytest.approx(expected)
    np.testing.assert_array_equal(result.best_unit, [0, 0, 2])
    assert result.unit_proportion == 0.5


def test_only_informative_units_count():
    Z = orthonormal(50, 4)
    Y = Z @ np.array([[0.6], [0.3], [0.1], [0.0]])
    result = correlation_ratio(Z, Y, informative=np.array([False, True, True, False]))
    assert result.per_neuron[0] == pytest.approx(0.75)
    assert result.best_unit[0] == 1
    assert result.unit_proportion == 0.5
    dead = np.hstack([Z, np.zeros((50, 3))])
    assert correlation_ratio(dead, Y).per_neuron[0] == pytest.approx(0.6)


def test_a_neuron_is_not_compared_with_itself():
    Z = orthonormal(50, 3)
    Y = Z @ np.array([[0.6, 0.3, 0.1], [0.0, 1.0, 0.0]]).T
    result = correlation_ratio(Z, Y, exclude=np.array([0, -1]))
    np.testing.assert_allclose(result.per_neuron, [0.75, 1.0])
    np.testing.assert_array_equal(result.best_unit, [1, 1])


def test_a_neuron_that_is_compared_with_one_unit_has_no_ratio():
    Y = np.random.default_rng(0).standard_normal((50, 3))
    result = correlation_ratio(Y[:, :2], Y, exclude=np.array([0, 1, -1]))
    np.testing.assert_array_equal(np.isnan(result.per_neuron), [True, True, False])
    np.testing.assert_array_equal(result.best_unit[:2], -1)
    # The other unit is uninformative: leaving it out leaves two.
    three = correlation_ratio(Y, Y[:, :1], informative=np.array([True, True, False]), exclude=np.array([2]))
    assert np.isfinite(three.per_neuron).all()


def test_a_neuron_without_variance_is_left_out():
    Z = orthonormal(50, 3)
    Y = np.column_stack([Z @ [0.6, 0.3, 0.1], np.ones(50)])
    result = correlation_ratio(Z, Y)
    np.testing.assert_array_equal(np.isnan(result.per_neuron), [False, True])
    assert result.best_unit[1] == -1
    assert result.score == pytest.approx(0.6)


# METHODS of the paper's size: 2,100 stimuli, 159 neurons.
@pytest.mark.parametrize(("n_units", "chance"), [(10, 0.238), (12, 0.206), (25, 0.111), (50, 0.063)])
def test_chance_falls_with_the_number_of_units(n_units, chance):
    rng = np.random.default_rng(1)
    scores = [
        correlation_ratio(rng.standard_normal((2100, n_units)), rng.standard_normal((2100, 159))).score
        for _ in range(8)
    ]
    assert np.mean(scores) == pytest.approx(chance, abs=0.005)


def test_wrong_calls():
    Z, Y = orthonormal(20, 3), np.random.default_rng(0).standard_normal((20, 2))
    with pytest.raises(UsageError, match="two informative units at least, got 1: with one, it is 1"):
        correlation_ratio(Z[:, :1], Y)
    with pytest.raises(UsageError, match="aggregate must be 'unit_mean'"):
        correlation_ratio(Z, Y, aggregate="mean")
    with pytest.raises(ArrayError, match=r"informative must be booleans of shape \(3,\)"):
        correlation_ratio(Z, Y, informative=np.ones(3))


@given(st.integers(0, 1000), st.floats(0.1, 100), st.floats(-100, 100))
def test_scale_and_offset_change_nothing(seed, scale, offset):
    rng = np.random.default_rng(seed)
    Z, Y = rng.standard_normal((30, 4)), rng.standard_normal((30, 3))
    first, second = correlation_ratio(Z, Y), correlation_ratio(-scale * Z + offset, Y * scale - offset)
    np.testing.assert_allclose(first.per_neuron, second.per_neuron, rtol=1e-9)
    assert first.score >= 0.25


@pytest.mark.parametrize("aggregate", ["unit_mean", "unit_max", "neuron_mean"])
def test_chance_corrected_is_linear_in_the_score(aggregate):
    rng = np.random.default_rng(0)
    result = correlation_ratio(
        rng.standard_normal((80, 5)), rng.standard_normal((80, 12)), aggregate=aggregate
    )
    assert result.chance_corrected == pytest.approx((result.score - 1 / 5) / (1 - 1 / 5))


def test_chance_corrected_counts_the_units_that_a_neuron_is_compared_with():
    rng = np.random.default_rng(1)
    Y = rng.standard_normal((80, 3))
    result = correlation_ratio(Y, Y, aggregate="neuron_mean", exclude=[0, 1, 2])
    # Each neuron is compared with the two others.
    assert result.chance_corrected == pytest.approx((result.score - 1 / 2) / (1 - 1 / 2))
