"""The Lasso of 20,000 stimuli × 300 units × 10,000 neurons, and the memory that it takes beyond its inputs.

Run with ``pytest tests/performance/bench_large.py -s``: about a quarter of an hour on two cores.
"""

import resource

import numpy as np
import pytest

from neuroalign.metrics import lasso_cv


@pytest.mark.benchmark(group="lasso: 20,000 stimuli × 300 units × 10,000 neurons")
def test_large(benchmark):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((20_000, 300))
    Y = np.empty((20_000, 10_000))
    for start in range(0, 10_000, 500):
        weights = rng.standard_normal((300, 500)) * (rng.random((300, 500)) < 0.02)
        Y[:, start : start + 500] = Z @ weights + rng.standard_normal((20_000, 500)) * 3
    lasso_cv(Z[:200, :10], Y[:200, :4])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fit = benchmark.pedantic(lasso_cv, (Z, Y), rounds=1)
    beyond = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print(f"\npeak memory beyond the inputs: {beyond:.2f} GiB")
    assert np.isfinite(fit.weights).all()
    assert beyond < 4
