"""Dissimilarities and their comparisons against rsatoolbox, on simulated recordings."""

import warnings

import numpy as np
import pytest

from neuroalign.metrics import compare_rdms, crossnobis, dissimilarities, noise_precision
from neuroalign.metrics.rdm_comparison import COMPARISONS

rsatoolbox = pytest.importorskip("rsatoolbox")

NAMES = {
    "spearman": "spearman",
    "pearson": "corr",
    "cosine": "cosine",
    "kendall": "tau-a",
    "rho_a": "rho-a",
    "whitened_cosine": "cosine_cov",
    "whitened_pearson": "corr_cov",
}


def rdm_of(values, method, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(values), method=method, **arguments)


@pytest.mark.parametrize("kind", ["correlation", "euclidean"])
@pytest.mark.parametrize("comparison", COMPARISONS)
def test_scores(kind, comparison):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((130, 7))
    Y = Z @ rng.standard_normal((7, 20)) + rng.standard_normal((130, 20))
    theirs = [rdm_of(values, kind) for values in (Z, Y)]
    ours = [dissimilarities(values, kind) for values in (Z, Y)]
    for own, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, other.dissimilarities[0], rtol=1e-10)
    expected = rsatoolbox.rdm.compare(*theirs, method=NAMES[comparison])[0, 0]
    assert compare_rdms(*ours, comparison) == pytest.approx(expected, rel=1e-10)


def test_crossnobis_with_noise_of_trials():
    rng = np.random.default_rng(1)
    n, n_repetitions, n_neurons = 8, 5, 6
    mixing = np.eye(n_neurons) + 0.4 * rng.standard_normal((n_neurons, n_neurons))
    trials = (
        rng.standard_normal((n, 1, n_neurons)) + rng.standard_normal((n, n_repetitions, n_neurons)) @ mixing
    )
    data = rsatoolbox.data.Dataset(
        trials.reshape(-1, n_neurons),
        obs_descriptors={
            "stimulus": np.repeat(np.arange(n), n_repetitions),
            "repetition": np.tile(np.arange(n_repetitions), n),
        },
    )
    theirs = rsatoolbox.data.noise.prec_from_measurements(data, "stimulus", method="shrinkage_diag")
    freedom = (n - 1) * n_repetitions
    np.testing.assert_allclose(noise_precision(trials, degrees_of_freedom=freedom), theirs, rtol=1e-8)
    expected = rsatoolbox.rdm.calc_rdm(
        data, method="crossnobis", descriptor="stimulus", noise=theirs, cv_descriptor="repetition"
    ).dissimilarities[0]
    np.testing.assert_allclose(crossnobis(trials, degrees_of_freedom=freedom), expected, rtol=1e-8)
