"""Disentanglement against stimulus factors, side by side with the estimators that other programs take.

Run with ``pytest tests/performance/bench_factors.py``: the table gives each time and its ratio to the fastest.
"""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mutual_info_score

from neuroalign.metrics import factor_dci, factor_explicitness, factor_information, factor_separation
from neuroalign.metrics.factors_codes import bin_columns

N_STIMULI, N_UNITS, N_FACTORS = 2100, 50, 7


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((N_STIMULI, N_FACTORS))
    noise = rng.standard_normal((N_STIMULI, N_UNITS))
    return np.hstack([factors] * 8)[:, :N_UNITS] + noise, factors


@pytest.mark.benchmark(group="mutual information: 50 units × 7 factors, 20 bins")
def test_factor_information(benchmark, problem):
    benchmark.pedantic(factor_information, problem, rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="mutual information: 50 units × 7 factors, 20 bins")
def test_mutual_info_score(benchmark, problem):
    def compute():
        units, factors = (bin_columns(values, 20) for values in problem)
        return [[mutual_info_score(factor, unit) for factor in factors.T] for unit in units.T]

    np.testing.assert_allclose(
        benchmark.pedantic(compute, rounds=3), factor_information(*problem).mutual_information, atol=1e-12
    )


@pytest.mark.benchmark(group="DCI: 50 units × 7 factors")
def test_factor_dci(benchmark, problem):
    benchmark.pedantic(factor_dci, problem, rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="DCI: 50 units × 7 factors")
def test_boosted_trees(benchmark, problem):
    def fit():
        units, factors = problem
        return [GradientBoostingRegressor().fit(units, factor).feature_importances_ for factor in factors.T]

    benchmark.pedantic(fit, rounds=1)


@pytest.mark.benchmark(group="held-out predictions: 50 units × 7 factors")
@pytest.mark.parametrize("function", [factor_separation, factor_explicitness])
def test_held_out(benchmark, problem, function):
    benchmark.pedantic(function, problem, rounds=5, warmup_rounds=1)
