import math

import numpy as np
import pytest
from scipy import stats

from neuroalign.stats import permutation_p_value


def test_counts():
    shuffled = [0.1, 0.2, 0.5, 0.6, np.nan]
    assert permutation_p_value(0.5, shuffled) == 3 / 5
    assert permutation_p_value(0.7, shuffled) == 1 / 5
    assert permutation_p_value(0.15, shuffled, higher_is_better=False) == 2 / 5


def test_is_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 30))
    y += 0.5 * x
    result = stats.permutation_test(
        (x,),
        lambda a: stats.pearsonr(a, y)[0],
        permutation_type="pairings",
        n_resamples=199,
        alternative="greater",
        random_state=np.random.default_rng(1),
    )
    assert permutation_p_value(result.statistic, result.null_distribution) == pytest.approx(result.pvalue)


@pytest.mark.parametrize(("value", "shuffled"), [(0.5, []), (np.nan, [0.1]), (0.5, [np.nan])])
def test_undefined(value, shuffled):
    assert math.isnan(permutation_p_value(value, shuffled))


def test_is_exact_under_the_null():
    rng = np.random.default_rng(0)
    p = [permutation_p_value(*_draw(rng)) for _ in range(4000)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.011)


def _draw(rng):
    drawn = rng.standard_normal(20)
    return drawn[0], drawn[1:]
