import numpy as np
import pytest

from neuroalign.errors import ArrayError
from neuroalign.stats import max_statistic, permutation_p_value


def test_by_hand():
    shuffled = [[0.1, 0.4, 0.2], [0.3, 0.0, 0.6]]
    test = max_statistic([0.35, 0.65], shuffled)
    # The largest of each shuffle: 0.3, 0.4, 0.6.
    np.testing.assert_allclose(test.extremes, [0.3, 0.4, 0.6])
    np.testing.assert_allclose(test.p, [3 / 4, 1 / 4])
    lower = max_statistic([0.05, 0.2], shuffled, higher_is_better=False)
    # The smallest: 0.1, 0, 0.2.
    np.testing.assert_allclose(lower.extremes, [0.1, 0.0, 0.2])
    np.testing.assert_allclose(lower.p, [2 / 4, 4 / 4])


def test_one_statistic_has_the_ordinary_p_value():
    rng = np.random.default_rng(0)
    shuffled = rng.standard_normal(99)
    for value in (-1.0, 0.3, 4.0):
        assert max_statistic([value], shuffled[None]).p == [permutation_p_value(value, shuffled)]


def test_missing_values():
    test = max_statistic([0.5, np.nan], [[0.1, np.nan, 0.6], [np.nan, np.nan, 0.2]])
    np.testing.assert_allclose(test.extremes, [0.1, 0.6])
    np.testing.assert_allclose(test.p, [2 / 3, np.nan])
    assert np.isnan(max_statistic([0.5], np.empty((1, 0))).p).all()


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("n", [19, 20, 39, 99, 100])
def test_critical_value_separates_significant_statistics(n, higher):
    shuffled = np.random.default_rng(n).standard_normal((3, n))
    critical = max_statistic([0.0, 0.0, 0.0], shuffled, higher_is_better=higher).critical_value(0.05)
    sign = 1 if higher else -1
    at, beyond = critical, critical + sign * 1e-9
    p = max_statistic([at, beyond, beyond], shuffled, higher_is_better=higher).p
    assert p[0] > 0.05 >= p[1]


def test_too_few_shuffles_allow_no_significance():
    assert max_statistic([9.0], np.zeros((1, 18))).critical_value(0.05) == np.inf
    assert max_statistic([9.0], np.zeros((1, 18)), higher_is_better=False).critical_value(0.05) == -np.inf


def test_shapes():
    with pytest.raises(ArrayError, match="one row for each"):
        max_statistic([1.0, 2.0], [[1.0, 2.0]])


def test_level_over_all_statistics():
    """At most 5 % of noise has any significant statistic, also where the statistics depend on each other."""
    rng = np.random.default_rng(1)
    n, hits = 1000, 0
    for _ in range(n):
        draws = rng.standard_normal((5, 40)) + 2 * rng.standard_normal(40)
        hits += (max_statistic(draws[:, 0], draws[:, 1:]).p <= 0.05).any()
    # Exactly 5 % is expected; the limits are four standard errors.
    assert abs(hits / n - 0.05) < 4 * np.sqrt(0.05 * 0.95 / n)
