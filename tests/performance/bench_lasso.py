"""The cross-validated Lasso at the paper's size, side by side with scikit-learn's LassoCV.

Run with ``pytest tests/performance/bench_lasso.py``: the table gives each time and its ratio to the fastest.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.linear_model import LassoCV

from neuroalign.metrics import fold_labels, lasso_cv, lasso_variance_explained

N_STIMULI, N_UNITS, N_NEURONS = 2100, 50, 159


@pytest.fixture(scope="module")
def latents_and_responses():
    """Return moderately correlated units, and neurons of a reliability of about .5 that follow a few units each."""
    rng = np.random.default_rng(0)
    mixing = np.eye(N_UNITS) + 0.5 * rng.standard_normal((N_UNITS, N_UNITS)) / np.sqrt(N_UNITS)
    Z = rng.standard_normal((N_STIMULI, N_UNITS)) @ mixing
    W = rng.standard_normal((N_UNITS, N_NEURONS)) * (rng.random((N_UNITS, N_NEURONS)) < 0.1)
    signal = Z @ W
    return Z, signal + signal.std(axis=0).clip(1) * rng.standard_normal(signal.shape)


@pytest.mark.benchmark(group="lasso: 2,100 stimuli × 50 units × 159 neurons, 100 λ, 10 folds, two cores")
def test_neuroalign(benchmark, latents_and_responses):
    benchmark.pedantic(lasso_cv, latents_and_responses, {"n_threads": 2}, rounds=10, warmup_rounds=1)


@pytest.mark.benchmark(group="lasso: 2,100 stimuli × 50 units × 159 neurons, 100 λ, 10 folds, two cores")
def test_scikit_learn(benchmark, latents_and_responses):
    Z, Y = latents_and_responses
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)

    def fit():
        for y in Y.T:
            LassoCV(eps=1e-4, alphas=100, cv=10, n_jobs=2, max_iter=10_000).fit(Z, y)

    benchmark.pedantic(fit, rounds=1)


@pytest.mark.benchmark(group="lasso: 2,100 stimuli × 50 units × 159 neurons, 100 λ, 10 folds, two cores")
def test_scikit_learn_neurons_in_two_processes(benchmark, latents_and_responses):
    Z, Y = latents_and_responses
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)

    def fit():
        # A method of scikit-learn, because worker processes cannot import this module.
        fits = (delayed(LassoCV(eps=1e-4, alphas=100, cv=10, max_iter=10_000).fit)(Z, y) for y in Y.T)
        Parallel(n_jobs=2)(fits)

    benchmark.pedantic(fit, rounds=1)


@pytest.mark.benchmark(group="variance explained: the same size, 10 folds, two cores")
def test_variance_explained(benchmark, latents_and_responses):
    benchmark.pedantic(
        lasso_variance_explained, latents_and_responses, {"n_threads": 2}, rounds=5, warmup_rounds=1
    )


@pytest.mark.benchmark(group="variance explained: the same size, 10 folds, two cores")
def test_variance_explained_fold_by_fold(benchmark, latents_and_responses):
    Z, Y = latents_and_responses
    folds = fold_labels(N_STIMULI, 10)

    def fit():
        for fold in range(10):
            rest = folds != fold
            lasso_cv(Z[rest], Y[rest], folds=folds[rest], n_threads=2)

    benchmark.pedantic(fit, rounds=5, warmup_rounds=1)


WIDE = "lasso of a wide layer: 1,000 stimuli × 2,048 units × 10 neurons, 100 λ, 3 folds, one core"


@pytest.fixture(scope="module")
def wide_layer_and_responses():
    """Return units of a layer, rectified mixtures of a hundred causes of falling strength, and neurons."""
    rng = np.random.default_rng(0)
    causes = rng.standard_normal((1000, 100)) * np.linspace(1, 0.1, 100)
    Z = np.maximum(causes @ rng.standard_normal((100, 2048)), 0) + 0.1 * rng.standard_normal((1000, 2048))
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    signal = Z @ (rng.standard_normal((2048, 10)) * (rng.random((2048, 10)) < 0.005))
    return Z, signal + signal.std(axis=0) * rng.standard_normal(signal.shape)


@pytest.mark.benchmark(group=WIDE)
def test_wide_neuroalign(benchmark, wide_layer_and_responses):
    benchmark.pedantic(
        lasso_cv, wide_layer_and_responses, {"n_folds": 3, "n_threads": 1}, rounds=5, warmup_rounds=1
    )


@pytest.mark.benchmark(group=WIDE)
def test_wide_scikit_learn(benchmark, wide_layer_and_responses):
    Z, Y = wide_layer_and_responses

    def fit():
        for y in Y.T:
            LassoCV(eps=1e-2, alphas=100, cv=3, max_iter=10_000).fit(Z, y)

    benchmark.pedantic(fit, rounds=1)


FIRST_CALL = """
import time
import numpy as np
from neuroalign.metrics import lasso_cv, lasso_variance_explained

rng = np.random.default_rng(0)
Z, Y = rng.standard_normal((60, 4)), rng.standard_normal((60, 3))
for function in (lasso_cv, lasso_variance_explained):
    start = time.process_time()
    function(Z, Y, n_threads=1)
    print(f"{function.__name__}: {time.process_time() - start:.2f} s of processor time")
"""


@pytest.mark.benchmark(group="lasso: first call of a process")
@pytest.mark.parametrize("compiled", [False, True], ids=["after installation", "later"])
def test_first_call(benchmark, compiled, tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def call():
        subprocess.run([sys.executable, "-c", FIRST_CALL], env=environment, check=True)

    benchmark.pedantic(call, rounds=1, warmup_rounds=int(compiled))
