"""Kernel alignment of 2,000 stimuli, side by side with the whitened cosine of rsatoolbox, which equals its biased form.

Run with ``pytest tests/performance/bench_cka.py``; the peaks of memory need ``-s``.
"""

import tracemalloc
import warnings

import numpy as np
import pytest

from neuroalign.metrics import cka, shape_distance

rsatoolbox = pytest.importorskip("rsatoolbox")

N_STIMULI, N_NEURONS = 2000, 99


def populations(n_units):
    rng = np.random.default_rng(0)
    units = rng.standard_normal((N_STIMULI, n_units))
    return units, units[:, :N_NEURONS] + rng.standard_normal((N_STIMULI, N_NEURONS))


def whitened_cosine(Z, Y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rdms = [
            rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(values), method="euclidean") for values in (Z, Y)
        ]
        return rsatoolbox.rdm.compare(*rdms, method="cosine_cov")[0, 0]


def peak(function, *arguments):
    """Return the peak of memory that Python and NumPy allocate in a call, in MB."""
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


FUNCTIONS = {
    "debiased": lambda Z, Y: cka(Z, Y).score,
    "biased": lambda Z, Y: cka(Z, Y, estimator="biased").score,
    "rsatoolbox": whitened_cosine,
    "shape": lambda Z, Y: shape_distance(Z, Y).angle,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n_units", [106, 2048, 20_000])
def test_score(benchmark, n_units, name):
    benchmark.group = f"CKA of 2,000 stimuli, {n_units:,} units, 99 neurons"
    arguments = populations(n_units)
    value = benchmark.pedantic(
        FUNCTIONS[name], arguments, rounds=1 if n_units > 10_000 else 3, warmup_rounds=1
    )
    print(f"{n_units} units, {name}: {value:.12f}, peak {peak(FUNCTIONS[name], *arguments):.1f} MB")
