import math

import numpy as np
import pytest
from scipy import stats

from neuroalign.stats import jackknife_standard_error, weighted_mean_standard_error
from neuroalign.stats.standard_errors import standard_error


def test_equal_weights_give_the_standard_error_of_the_mean():
    values = np.random.default_rng(0).standard_normal(20)
    expected = values.std(ddof=1) / math.sqrt(20)
    assert weighted_mean_standard_error(values, np.full(20, 0.3)) == pytest.approx(expected)


def test_two_values_worked_out_by_hand():
    # Leaving one out leaves the other: means 4 and 1, sqrt(1/2 · (1.5² + 1.5²)) = 1.5.
    assert weighted_mean_standard_error([1.0, 4.0], [1.0, 2.0]) == pytest.approx(1.5)


def test_scale_of_the_weights_does_not_matter():
    values, weights = np.random.default_rng(1).random((2, 9))
    once = weighted_mean_standard_error(values, weights)
    assert weighted_mean_standard_error(values, 7 * weights) == pytest.approx(once)


def test_values_without_weight_may_be_nan():
    result = weighted_mean_standard_error([1.0, np.nan, 4.0], [1.0, 0.0, 2.0])
    # The neuron without weight is an observation too: means 4, 3 and 1, about their mean 8/3.
    assert result == pytest.approx(math.sqrt(2 / 3 * ((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2)))


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, 0.0]])
def test_fewer_than_two_with_weight(weights):
    assert math.isnan(weighted_mean_standard_error([1.0, 2.0], weights))


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(2).standard_normal(15)
    left_out = [np.delete(values, index).mean() for index in range(15)]
    assert jackknife_standard_error(left_out) == pytest.approx(stats.sem(values))
    assert math.isnan(jackknife_standard_error([1.0]))
    assert math.isnan(jackknife_standard_error([1.0, np.nan]))


def test_the_standard_error_of_a_mean_drops_values_that_are_not_finite():
    values = np.random.default_rng(3).standard_normal(12)
    assert standard_error([*values, np.nan, np.inf]) == pytest.approx(stats.sem(values))
    assert math.isnan(standard_error([1.0, np.nan]))
