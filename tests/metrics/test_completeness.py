import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import completeness, completeness_at

WEIGHTS = arrays(
    np.float64,
    st.tuples(st.integers(2, 8), st.integers(1, 6)),
    elements=st.floats(-1e6, 1e6).map(lambda value: 0.0 if abs(value) < 1e-3 else value),
)


@pytest.mark.parametrize(("k", "n_units", "expected"), [(6, 10, 0.222), (6, 50, 0.542), (12, 50, 0.365)])
def test_equal_weights_score_by_their_number_and_by_d(k, n_units, expected):
    weights = np.zeros((n_units, 3))
    weights[:k] = -2.0
    result = completeness(weights)
    assert result.score == pytest.approx(1 - np.log(k) / np.log(n_units))
    assert result.score == pytest.approx(expected, abs=5e-4)
    np.testing.assert_allclose(result.effective_units, k)


def test_neurons_count_by_their_weight():
    # 1 - H: 1 and 1 - log_3 2; the second has three times the weight.
    result = completeness([[1.0, 0.0], [0.0, 1.5], [0.0, -1.5]])
    split = 1 - np.log(2) / np.log(3)
    np.testing.assert_allclose(result.per_neuron, [1.0, split])
    np.testing.assert_allclose(result.weighted, [0.25, 0.75 * split])
    assert result.score == pytest.approx(0.25 + 0.75 * split)
    assert result.mean == pytest.approx((1 + split) / 2)


def test_neurons_without_weight_are_counted():
    result = completeness([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert result.n_zero_neurons == 2
    assert result.score == 1.0
    assert result.mean == 1.0
    np.testing.assert_array_equal(result.per_neuron, [1.0, np.nan, np.nan])
    np.testing.assert_array_equal(result.effective_units, [1.0, np.nan, np.nan])
    nothing = completeness(np.zeros((3, 2)))
    assert nothing.score == 0.0
    assert np.isnan(nothing.mean)
    assert nothing.n_zero_neurons == 2


def test_base_of_the_logarithm():
    weights = np.array([[1.0, 3.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    informative = np.array([True, True, True, False])
    assert completeness(weights).n_units == 4
    of_three = completeness(weights, n_units="informative", informative=informative)
    assert of_three.n_units == 3
    np.testing.assert_allclose(of_three.per_neuron, [1 - np.log(2) / np.log(3), 1.0])
    assert completeness(weights, n_units="informative").n_units == 2
    assert completeness(weights, n_units=np.int64(7)).n_units == 7
    np.testing.assert_allclose(completeness(weights, n_units=50).per_neuron[0], 1 - np.log(2) / np.log(50))


@pytest.mark.parametrize(
    ("weights", "options", "error", "message"),
    [
        (np.ones((1, 3)), {}, UsageError, "two units at least, got 1"),
        (
            np.ones((4, 3)),
            {"n_units": 3},
            UsageError,
            "n_units = 3 is less than the 4 units that have weight for one neuron; choose 4 or more",
        ),
        (np.ones((4, 3)), {"n_units": "some"}, UsageError, "must be 'all', 'informative' or a number"),
        (np.ones((4, 3)), {"informative": np.ones(3, bool)}, ArrayError, r"booleans of shape \(4,\)"),
        (np.ones(3), {}, ArrayError, "two dimensions"),
        (np.ones((0, 3)), {}, ArrayError, "one unit and one neuron at least"),
        ([[np.nan], [1.0]], {}, ArrayError, r"\[0, 0\] is nan"),
    ],
)
def test_wrong_calls(weights, options, error, message):
    with pytest.raises(error, match=message):
        completeness(weights, **options)


@given(WEIGHTS, st.randoms(use_true_random=False))
def test_properties(weights, random):
    result = completeness(weights)
    assert -1e-9 <= result.score <= 1 + 1e-9
    assert result.weighted.sum() == pytest.approx(result.score)
    order = list(range(len(weights)))
    random.shuffle(order)
    permuted = completeness(-3 * weights[order])
    assert permuted.score == pytest.approx(result.score, abs=1e-9)
    padded = completeness(np.vstack([weights, np.zeros((2, weights.shape[1]))]))
    # Dead units raise the score unless every neuron sits on one unit; the effective number stays.
    assert padded.score >= result.score - 1e-9
    np.testing.assert_allclose(padded.effective_units, result.effective_units)


@pytest.mark.parametrize("common", [6, 10, 200])
def test_conversion_to_another_base_is_a_new_computation(common):
    weights = np.random.default_rng(0).standard_normal((6, 30)) ** 3
    weights[:, :4] = 0.0
    converted = completeness_at(completeness(weights).score, 6, common)
    assert converted == pytest.approx(completeness(weights, n_units=common).score, abs=1e-12)


def test_conversion_needs_two_units():
    with pytest.raises(UsageError, match="alignment needs two units at least, got 1"):
        completeness_at(0.5, 10, 1)
