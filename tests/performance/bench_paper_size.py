"""The alignment analysis of the paper's size: 390 model instances and 50 neuron subsets, native and recombined.

Run with ``pytest tests/performance/bench_paper_size.py -s``: about four minutes on two cores. The data are simulated.
The sizes come from Higgins et al. (2020): 2,100 stimuli, 159 neurons, 10 to 50 units, ten recombinations each.
"""

import numpy as np
import pytest

from neuroalign.metrics import completeness, lasso_cv, recombine

N_STIMULI, N_NEURONS, N_DRAWS = 2100, 159, 10
#: Instances of each number of units: β-VAEs with a fixed 50, and all other families with five sizes.
INSTANCES = {10: 68, 20: 68, 30: 68, 40: 68, 50: 118}
SUBSETS = dict.fromkeys((10, 20, 30, 40, 50), 10)


@pytest.fixture(scope="module")
def recording():
    """Return factors and the neurons that follow a few factors each, native and recombined side by side."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((N_STIMULI, 60))
    tuning = rng.standard_normal((60, N_NEURONS)) * (rng.random((60, N_NEURONS)) < 0.05)
    neurons = factors @ tuning + rng.standard_normal((N_STIMULI, N_NEURONS))
    return factors, np.hstack([neurons, *(recombine(neurons, seed=seed) for seed in range(N_DRAWS))])


def align(units, responses, exclude=None):
    """Score the neurons and each recombination, all in one fit."""
    weights = lasso_cv(units, responses, exclude=exclude).weights
    return [completeness(part).score for part in np.split(weights, 1 + N_DRAWS, axis=1)]


@pytest.mark.benchmark(group="alignment: 390 instances and 50 subsets, native and ten recombinations")
def test_whole_analysis(benchmark, recording):
    factors, responses = recording

    def analyse():
        rng = np.random.default_rng(1)
        n_fits = 0
        for n_units, count in INSTANCES.items():
            for _ in range(count):
                units = factors @ rng.standard_normal((60, n_units)) / np.sqrt(60)
                n_fits += len(align(units + 0.3 * rng.standard_normal(units.shape), responses))
        for size, count in SUBSETS.items():
            for _ in range(count):
                subset = rng.choice(N_NEURONS, size, replace=False)
                exclude = np.full(responses.shape[1], -1)
                exclude[subset] = np.arange(size)
                n_fits += len(align(responses[:, subset], responses, exclude))
        return n_fits

    assert benchmark.pedantic(analyse, rounds=1) == 440 * (1 + N_DRAWS)
