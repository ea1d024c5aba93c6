"""Peak memory of wide Lasso fits, each in a process of its own, beside the estimate that the fit checks first.

Run with ``pytest tests/performance/bench_lasso_memory.py -s``: about a minute and 2.5 GB.
"""

import os
import subprocess
import sys

import pytest

FIT = """
import resource, sys
import numpy as np
from neuroalign.metrics import lasso_cv, lasso_variance_explained
from neuroalign.metrics.lasso.problem import needed_bytes

fit = {"cv": lasso_cv, "held-out": lasso_variance_explained}[sys.argv[1]]
n_stimuli, n_units, n_neurons, n_folds = map(int, sys.argv[2:])
rng = np.random.default_rng(0)
Z = rng.standard_normal((n_stimuli, n_units))
Y = Z[:, :n_neurons] + rng.standard_normal((n_stimuli, n_neurons))
fit(Z[:60, :10], Y[:60, :1], n_threads=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit(Z, Y, n_folds=n_folds, n_lambdas=20, n_threads=1)
peak = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(peak, needed_bytes(n_stimuli, n_units, n_neurons, n_folds, 20, 1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count the peak in other units")
@pytest.mark.parametrize(
    "arguments",
    [("cv", 150, 3000, 1, 5), ("held-out", 150, 3000, 1, 3), ("cv", 200, 5000, 2, 10)],
    ids=lambda arguments: "-".join(map(str, arguments)),
)
def test_estimate_is_the_peak(arguments):
    command = [sys.executable, "-c", FIT, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    peak, estimate = map(int, output.split())
    print(f"\n{arguments}: measured {peak / 1e9:.2f} GB, estimate {estimate / 1e9:.2f} GB")
    assert estimate == pytest.approx(peak, rel=0.2)
