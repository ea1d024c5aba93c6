"""Representational similarity of 2,000 stimuli, side by side with rsatoolbox: time and peak of memory.

Run with ``pytest tests/performance/bench_rsa.py``; the peaks need ``-s``.
"""

import tracemalloc
import warnings

import numpy as np
import pytest

from neuroalign.metrics import rsa

rsatoolbox = pytest.importorskip("rsatoolbox")

N_STIMULI, N_UNITS, N_NEURONS = 2000, 106, 99
#: Dissimilarity, comparison, and its name in rsatoolbox.
CASES = [
    ("correlation", "spearman", "spearman"),
    ("correlation", "rho_a", "rho-a"),
    ("correlation", "pearson", "corr"),
    ("correlation", "kendall", "tau-a"),
    ("euclidean", "cosine", "cosine"),
    ("euclidean", "whitened_cosine", "cosine_cov"),
    ("euclidean", "whitened_pearson", "corr_cov"),
]


@pytest.fixture(scope="module")
def populations():
    rng = np.random.default_rng(0)
    units = rng.standard_normal((N_STIMULI, N_UNITS))
    return units, units[:, :N_NEURONS] + rng.standard_normal((N_STIMULI, N_NEURONS))


def by_rsatoolbox(populations, dissimilarity, comparison):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rdms = [
            rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(values), method=dissimilarity)
            for values in populations
        ]
        return rsatoolbox.rdm.compare(*rdms, method=comparison)[0, 0]


def peak(function, *arguments):
    """Return the peak of memory that Python and NumPy allocate in a call, in MB."""
    tracemalloc.start()
    try:
        function(*arguments)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("program", ["neuroalign", "rsatoolbox"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_score(benchmark, populations, case, program):
    dissimilarity, comparison, name = case
    benchmark.group = f"RSA of 2,000 stimuli: {dissimilarity}, {comparison}"

    def ours():
        return rsa(*populations, dissimilarity=dissimilarity, comparison=comparison).score

    def theirs():
        return by_rsatoolbox(populations, dissimilarity, name)

    function = ours if program == "neuroalign" else theirs
    value = benchmark.pedantic(function, rounds=3, warmup_rounds=1)
    print(f"{dissimilarity}, {comparison}, {program}: {value:.12f}, peak {peak(function):.1f} MB")
