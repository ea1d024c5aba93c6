"""UDR at the paper's size, side by side with Spearman's ρ of each pair of models by SciPy.

Run with ``pytest tests/performance/bench_udr.py``: the table gives each time and its ratio to the fastest.
"""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from neuroalign import arrays
from neuroalign.metrics import relative_strength, udr
from neuroalign.models.selection import add_udr

N_STIMULI, N_UNITS, N_SEEDS, N_BETAS = 2100, 50, 10, 40


@pytest.fixture(scope="module")
def latents():
    """One β: seeds that found a half of their units in common."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((N_STIMULI, N_UNITS // 2))
    own = rng.standard_normal((N_SEEDS, N_STIMULI, N_UNITS - N_UNITS // 2))
    return [np.hstack([shared, units]) for units in own]


@pytest.mark.benchmark(group="udr: 10 seeds, 2,100 stimuli × 50 units")
def test_neuroalign(benchmark, latents):
    benchmark.pedantic(udr, (latents, [np.ones(N_UNITS)] * N_SEEDS), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="udr: 10 seeds, 2,100 stimuli × 50 units")
def test_pair_by_pair(benchmark, latents):
    def fit():
        pairwise = np.full((N_SEEDS, N_SEEDS), np.nan)
        for i, j in combinations(range(N_SEEDS), 2):
            rho = np.abs(spearmanr(latents[i], latents[j]).statistic[:N_UNITS, N_UNITS:])
            pairwise[i, j] = pairwise[j, i] = relative_strength(rho)
        return np.nanmedian(pairwise, axis=1)

    expected = udr(latents, [np.ones(N_UNITS)] * N_SEEDS)
    np.testing.assert_allclose(benchmark.pedantic(fit, rounds=1), expected)


@pytest.mark.benchmark(group="udr: 400 models, 40 β of 10 seeds")
def test_whole_sweep(benchmark, latents):
    seeds = [
        arrays.latents(values, stimulus=[str(index) for index in range(N_STIMULI)], kl=np.ones(N_UNITS))
        for values in latents
    ]
    table = pd.DataFrame(
        {
            "family": "beta_vae",
            "instance": [
                f"beta_vae[beta={beta},seed={seed}]" for beta in range(N_BETAS) for seed in range(N_SEEDS)
            ],
            "beta": np.repeat(np.arange(N_BETAS), N_SEEDS),
        }
    )
    of_instance = {instance: seeds[index % N_SEEDS] for index, instance in enumerate(table["instance"])}
    scored = benchmark.pedantic(add_udr, (table, of_instance), rounds=1, warmup_rounds=0)
    assert np.isfinite(scored["udr"]).all()
