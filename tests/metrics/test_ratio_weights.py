"""Weights, jackknife and axis index of correlation ratios on arrays with a known result."""

import numpy as np
import pytest

from neuroalign.errors import ArrayError
from neuroalign.metrics import (
    aggregate_ratios,
    index_of_ratios,
    leave_one_out_ratios,
    ratio_weights,
    shares_of_best_units,
)

RATIOS = np.array([0.2, 0.4, 0.9, np.nan, 0.5])
BEST_UNIT = np.array([0, 0, 3, -1, 3])


@pytest.mark.parametrize("aggregate", ["unit_mean", "unit_max", "neuron_mean"])
def test_the_jackknife_leaves_out_each_neuron_with_a_ratio(aggregate):
    expected = [
        aggregate_ratios(RATIOS[np.arange(5) != neuron], BEST_UNIT[np.arange(5) != neuron], aggregate)
        for neuron in (0, 1, 2, 4)
    ]
    np.testing.assert_array_equal(leave_one_out_ratios(RATIOS, BEST_UNIT, aggregate), expected)


def test_the_jackknife_of_one_neuron_is_undefined():
    np.testing.assert_array_equal(leave_one_out_ratios(np.array([0.5]), np.array([2])), [np.nan])


@pytest.mark.parametrize("aggregate", ["unit_mean", "neuron_mean"])
def test_the_weighted_mean_over_neurons_is_the_aggregated_ratio(aggregate):
    (weights,) = ratio_weights(RATIOS[None], BEST_UNIT[None], aggregate)
    assert weights[3] == 0.0
    weighted = (weights * np.nan_to_num(RATIOS)).sum() / weights.sum()
    assert weighted == pytest.approx(aggregate_ratios(RATIOS, BEST_UNIT, aggregate))


def test_the_largest_ratio_of_each_unit_has_no_weights_of_neurons():
    with pytest.raises(
        ArrayError, match="'unit_mean' or 'neuron_mean' for weights of neurons, got 'unit_max'"
    ):
        ratio_weights(RATIOS[None], BEST_UNIT[None], "unit_max")


def test_shares_of_a_best_unit_sum_to_one():
    names = np.array(["a", "b", "a", "", "a"])
    np.testing.assert_allclose(shares_of_best_units(names != "", names), [1 / 3, 1.0, 1 / 3, 0.0, 1 / 3])


def test_the_index_is_between_the_turned_ratios_and_one():
    # Mean ratios: 0.6 without a turn, 0.2 and 0.4 for two turns: (0.6 - 0.3) / (1 - 0.3).
    total, weighted = np.array([[2.0, 1.0, 4.0]]), np.array([[1.2, 0.2, 1.6]])
    np.testing.assert_allclose(index_of_ratios(total, weighted), [0.3 / 0.7])


def test_the_index_without_weights_or_room_is_chance():
    total, weighted = (
        np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
        np.array([[0.0, 0.2, 0.2], [1.0, 1.0, 1.0]]),
    )
    np.testing.assert_array_equal(index_of_ratios(total, weighted), [0.0, 0.0])
