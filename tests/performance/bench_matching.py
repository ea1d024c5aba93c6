"""Speed of optimal transport and of matchings, side by side with SciPy's HiGHS and POT's own functions.

Run with ``pytest tests/performance/bench_matching.py``: the table gives each time and its ratio to the fastest.
"""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from neuroalign.metrics import fold_labels, one_to_one, semi_matching, soft_matching
from neuroalign.metrics.transport import assign, transport

ot = pytest.importorskip("ot")

#: Numbers of units and neurons.
SIZES = [(50, 159), (500, 500), (1_280, 159)]


def simulate(n_units, n_neurons, n_stimuli=2_100):
    """Units and neurons that share twenty dimensions, with noise."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n_stimuli, 20))
    return [
        shared @ rng.standard_normal((20, n)) + 2 * rng.standard_normal((n_stimuli, n))
        for n in (n_units, n_neurons)
    ]


def similarity(n_units, n_neurons):
    scaled = [(x - x.mean(0)) / x.std(0) for x in simulate(n_units, n_neurons)]
    return scaled[0].T @ scaled[1] / len(scaled[0])


def highs(r):
    n_units, n_neurons = r.shape
    constraints = sparse.vstack(
        [
            sparse.kron(sparse.eye(n_units), np.ones((1, n_neurons))),
            sparse.kron(np.ones((1, n_units)), sparse.eye(n_neurons)),
        ]
    ).tocsr()
    sums = np.concatenate([np.full(n_units, 1 / n_units), np.full(n_neurons, 1 / n_neurons)])
    return linprog(1 - r.ravel(), A_eq=constraints, b_eq=sums, method="highs")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_transport(benchmark, size):
    benchmark.group = f"transport {size[0]} × {size[1]}"
    r = similarity(*size)
    pairs = benchmark(transport, r, np.zeros(r.shape, dtype=bool))
    assert pairs.mass.sum() == pytest.approx(1)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_emd_of_pot(benchmark, size):
    benchmark.group = f"transport {size[0]} × {size[1]}"
    r = similarity(*size)
    weights = [np.full(n, 1 / n) for n in size]
    benchmark(ot.emd, *weights, 1 - r, numItermax=10**7)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_highs_of_scipy(benchmark, size):
    benchmark.group = f"transport {size[0]} × {size[1]}"
    benchmark.pedantic(highs, (similarity(*size),), rounds=1)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_partial_transport(benchmark, size):
    benchmark.group = f"partial transport {size[0]} × {size[1]}"
    r = similarity(*size)
    benchmark(transport, r, np.zeros(r.shape, dtype=bool), mass=0.5)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_partial_wasserstein_of_pot(benchmark, size):
    benchmark.group = f"partial transport {size[0]} × {size[1]}"
    r = similarity(*size)
    weights = [np.full(n, 1 / n) for n in size]
    benchmark(ot.partial.partial_wasserstein, *weights, 1 - r, m=0.5, numItermax=10**7)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_assignment(benchmark, size):
    benchmark.group = f"assignment {size[0]} × {size[1]}"
    r = similarity(*size)
    benchmark(assign, r, np.zeros(r.shape, dtype=bool))


@pytest.mark.parametrize("match", [one_to_one, semi_matching, soft_matching])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_ten_folds(benchmark, size, match):
    benchmark.group = f"10 folds, 2,100 stimuli, {size[0]} × {size[1]}"
    Z, Y = simulate(*size)
    benchmark.pedantic(match, (Z, Y), {"folds": fold_labels(2_100, 10)}, rounds=3)
