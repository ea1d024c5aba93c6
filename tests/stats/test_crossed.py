import math

import numpy as np
import pytest
from scipy import stats

from neuroalign.stats import crossed_test, welch


def test_one_source_is_the_t_test():
    a, b = np.random.default_rng(0).standard_normal((2, 8))
    test = welch(a, b)
    error = test.difference / test.t
    crossed = crossed_test(test.difference, [abs(error)], [test.df])
    assert crossed.p == pytest.approx(test.p)
    assert (crossed.ci_low, crossed.ci_high) == (pytest.approx(test.ci_low), pytest.approx(test.ci_high))


def test_two_groups_as_two_sources_are_welchs_test():
    a, b = np.random.default_rng(1).standard_normal(6), np.random.default_rng(2).normal(0, 3, 9)
    test = welch(a, b)
    errors = [stats.sem(a), stats.sem(b)]
    crossed = crossed_test(test.difference, errors, [5, 8])
    assert (crossed.t, crossed.df, crossed.p) == (
        pytest.approx(test.t),
        pytest.approx(test.df),
        pytest.approx(test.p),
    )


def test_three_sources_by_hand():
    crossed = crossed_test(0.3, [0.1, 0.2, 0.0], [4, 100, 7])
    assert crossed.standard_error == pytest.approx(math.sqrt(0.05))
    assert crossed.df == pytest.approx(0.05**2 / (0.01**2 / 4 + 0.04**2 / 100))
    assert crossed.p == pytest.approx(2 * stats.t.sf(0.3 / math.sqrt(0.05), crossed.df))


@pytest.mark.parametrize("errors", [[0.0, 0.0], [np.nan, 0.1], []])
def test_no_test_without_errors(errors):
    crossed = crossed_test(0.3, errors, [5] * len(errors))
    assert crossed.difference == 0.3
    assert math.isnan(crossed.p)


def test_arrays_are_tested_one_by_one():
    differences, errors = (
        np.array([0.3, -0.1, 0.2]),
        [np.array([0.1, 0.2, np.nan]), np.array([0.1, 0.0, 0.1])],
    )
    together = crossed_test(differences, errors, [np.array([4.0, 5.0, 6.0]), 30])
    for index in range(3):
        alone = crossed_test(differences[index], [error[index] for error in errors], [4 + index, 30])
        for name in ("t", "df", "p", "ci_low", "ci_high"):
            assert getattr(together, name)[index] == pytest.approx(getattr(alone, name), nan_ok=True)
    assert isinstance(alone.p, float)
