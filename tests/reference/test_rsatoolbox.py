"""The corrected variance of a bootstrap over two factors, against numbers of rsatoolbox 0.3.2."""

import numpy as np
import pytest

from neuroalign.stats import dual_variance

# rsatoolbox.util.inference_util._dual_bootstrap(np.array([both, rdm, pattern]), n_rdm, n_pattern).
EXPECTED = [
    (9.0, 3.0, 4.0, 10, 20, 5.204678362573098),
    (9.0, 3.0, 4.0, 159, 2100, 5.007275918007972),
    (0.02, 0.004, 0.001, 30, 25, 0.004137931034482759),
    (5.0, 4.0, 3.0, 12, 12, 5.0),
    (7.5, 3.0, 4.0, 8, 2100, 6.858776288028312),
]


@pytest.mark.parametrize(("v_both", "v_neurons", "v_stimuli", "n_neurons", "n_stimuli", "expected"), EXPECTED)
def test_numbers_are_those_of_rsatoolbox(v_both, v_neurons, v_stimuli, n_neurons, n_stimuli, expected):
    variance = dual_variance(v_neurons, v_stimuli, v_both, n_neurons=n_neurons, n_stimuli=n_stimuli)
    assert variance == pytest.approx(expected, rel=1e-12)


def test_many_neurons_and_stimuli():
    # Without the small-sample terms: 2 (3 + 4) - 9.
    assert dual_variance(3.0, 4.0, 9.0, n_neurons=10**9, n_stimuli=10**9) == pytest.approx(5.0)


def test_is_unbiased_for_crossed_effects():
    """Neurons and stimuli crossed, with an interaction: the three variances of the bootstraps in closed form."""
    rng = np.random.default_rng(0)
    n_neurons, n_stimuli, n_simulations = 12, 20, 4000
    sd_neurons, sd_stimuli, sd_rest = 0.5, 0.8, 2.0
    truth = sd_neurons**2 / n_neurons + sd_stimuli**2 / n_stimuli + sd_rest**2 / (n_neurons * n_stimuli)
    estimates = []
    naive = []
    for _ in range(n_simulations):
        values = (
            sd_neurons * rng.standard_normal((n_neurons, 1))
            + sd_stimuli * rng.standard_normal(n_stimuli)
            + sd_rest * rng.standard_normal((n_neurons, n_stimuli))
        )
        v_neurons = values.mean(axis=1).var() / n_neurons
        v_stimuli = values.mean(axis=0).var() / n_stimuli
        rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
        # A mean of products of independent counts: variances of both counts and of the residual.
        v_both = v_neurons + v_stimuli + (rest**2).mean() / (n_neurons * n_stimuli)
        naive.append(v_both)
        estimates.append(
            dual_variance(v_neurons, v_stimuli, v_both, n_neurons=n_neurons, n_stimuli=n_stimuli)
        )
    assert np.mean(estimates) == pytest.approx(truth, rel=0.05)
    assert np.mean(naive) > 1.3 * truth
