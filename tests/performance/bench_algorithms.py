"""Benchmarks of the Lasso path of one neuron by homotopy and by coordinate descent, for growing numbers of units.

Run with ``pytest tests/performance/bench_algorithms.py``.
"""

import numpy as np
import pytest

from neuroalign.metrics.inputs import standardise
from neuroalign.metrics.lasso import path as lasso_path


def problem(n_units, correlated):
    """Gram matrix and covariances of one neuron: 2,100 stimuli, a tenth of the units in use, half of it noise."""
    rng = np.random.default_rng(n_units)
    Z = rng.standard_normal((2100, n_units))
    if correlated:
        Z = Z @ (np.eye(n_units) + 0.5 * rng.standard_normal((n_units, n_units)) / np.sqrt(n_units))
    y = Z @ (rng.standard_normal(n_units) * (rng.random(n_units) < 0.1))
    y += y.std() * rng.standard_normal(2100)
    Z, y = standardise(Z), standardise(y[:, None])
    return Z.T @ Z / 2100, (Z.T @ y / 2100).ravel()


@pytest.mark.parametrize("algorithm", ["homotopy", "descent"])
@pytest.mark.parametrize("correlated", [False, True], ids=["independent", "correlated"])
@pytest.mark.parametrize("n_units", [50, 100, 200, 300, 500])
def test_path(benchmark, n_units, correlated, algorithm):
    benchmark.group = f"path of 100 λ: {n_units} {'correlated' if correlated else 'independent'} units"
    G, c = problem(n_units, correlated)
    lambdas = np.abs(c).max() * 1e-4 ** (np.arange(100) / 99)
    n = n_units
    allowed, weights, position = np.ones(n, dtype=bool), np.empty((1, 100, n)), np.empty(1, dtype=int)
    data = (G, c, allowed, False, lambdas[None])

    def homotopy():
        return lasso_path.follow(*data, np.empty((n, n)), *(np.empty(n) for _ in range(4)), position, weights)

    def descent():
        return descent.descend(*data, weights)

    assert benchmark.pedantic(homotopy if algorithm == "homotopy" else descent, rounds=3, warmup_rounds=1)
