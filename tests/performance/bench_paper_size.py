"""The alignment analysis of the paper's size: 390 model instances and 50 neuron subsets, native and recombined.

Run with ``pytest tests/performance/bench_paper_size.py -s``: about four minutes on two cores. The data are simulated.
The sizes are those of Higgins et al. (2020): 2,100 stimuli, 159 neurons, 10 to 50 units, ten recombinations each.
"""

import numpy as np
import pytest

from neuroalign.metrics import completeness, lasso_cv, mixing_matrix, recombine

N_STIMULI, N_NEURONS, N_DRAWS = 2100, 159, 10
#: Instances of each number of units: those with a fixed 50 (β-VAE), and those of five sizes (all other families).
INSTANCES = {10: 68, 20: 68, 30: 68, 40: 68, 50: 118}
SUBSETS = dict.fromkeys((10, 20, 30, 40, 50), 10)


@pytest.fixture(scope="module")
def recording():
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((N_STIMULI, 60))
    tuning = rng.standard_normal((60, N_NEURONS)) * (rng.random((60, N_NEURONS)) < 0.05)
    return factors, factors @ tuning + rng.standard_normal((N_STIMULI, N_NEURONS))


def align(units, neurons, mixing, exclude=None):
    """Score the neurons and then each recombination, all from the sums of the neurons."""
    weights = lasso_cv(units, neurons, mixing=mixing, exclude=exclude).weights
    return [completeness(each).score for each in np.split(weights, 1 + N_DRAWS, axis=1)]


@pytest.mark.benchmark(group="alignment: 390 instances and 50 subsets, native and ten recombinations")
def test_whole_analysis(benchmark, recording):
    factors, neurons = recording
    draws = [mixing_matrix(N_NEURONS, seed=seed) for seed in range(N_DRAWS)]
    mixing = np.hstack([np.eye(N_NEURONS), *draws])

    def analyse():
        rng = np.random.default_rng(1)
        n_fits = 0
        for n_units, count in INSTANCES.items():
            for _ in range(count):
                units = factors @ rng.standard_normal((60, n_units)) / np.sqrt(60)
                n_fits += len(align(units + 0.3 * rng.standard_normal(units.shape), neurons, mixing))
        for size, count in SUBSETS.items():
            for _ in range(count):
                subset = rng.choice(N_NEURONS, size, replace=False)
                exclude = np.full(mixing.shape[1], -1)
                exclude[subset] = np.arange(size)
                n_fits += len(align(neurons[:, subset], neurons, mixing, exclude))
        return n_fits

    assert benchmark.pedantic(analyse, rounds=1) == 440 * (1 + N_DRAWS)


@pytest.mark.parametrize("n_stimuli", [2_100, 20_000])
@pytest.mark.parametrize("how", ["by the sums of the neurons", "one by one"])
def test_recombinations(benchmark, n_stimuli, how):
    benchmark.group = f"one model of 50 units, native and ten recombinations: {n_stimuli:,} stimuli"
    rng = np.random.default_rng(0)
    units, neurons = rng.standard_normal((n_stimuli, 50)), rng.standard_normal((n_stimuli, N_NEURONS))
    neurons += units @ (rng.standard_normal((50, N_NEURONS)) * (rng.random((50, N_NEURONS)) < 0.1))
    draws = [mixing_matrix(N_NEURONS, seed=seed) for seed in range(N_DRAWS)]
    mixing = np.hstack([np.eye(N_NEURONS), *draws])
    mixtures = [recombine(neurons, seed=seed) for seed in range(N_DRAWS)]

    def fit():
        if how == "one by one":
            return np.hstack([lasso_cv(units, each).weights for each in (neurons, *mixtures)])
        return lasso_cv(units, neurons, mixing=mixing).weights

    weights = benchmark.pedantic(fit, rounds=3, warmup_rounds=1)
    assert np.count_nonzero(weights) > 1000
