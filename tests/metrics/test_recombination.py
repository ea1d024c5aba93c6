import numpy as np
import pytest

from neuroalign.errors import UsageError
from neuroalign.metrics import mixing_matrix, recombine
from neuroalign.metrics.inputs import standardise

NEURONS = np.random.default_rng(0).standard_normal((2000, 40))


def test_positive_mixtures_of_independent_neurons_correlate_at_two_by_pi():
    mixed = recombine(NEURONS)
    r = np.corrcoef(mixed.T)[np.triu_indices(40, 1)]
    assert r.mean() == pytest.approx(2 / np.pi, abs=0.03)


def test_mixtures_are_weighted_means_of_standardised_neurons():
    standardised = standardise(5 + 3 * NEURONS)
    mixing = np.linalg.lstsq(standardised, recombine(5 + 3 * NEURONS, seed=4), rcond=None)[0]
    assert (mixing > 0).all()
    np.testing.assert_allclose(mixing.sum(axis=0), 1.0)


def test_rotations_keep_lengths_and_spectrum():
    correlated = NEURONS @ np.random.default_rng(1).standard_normal((40, 40))
    rotated = recombine(correlated, kind="orthogonal", seed=2)
    standardised = standardise(correlated)
    np.testing.assert_allclose((rotated**2).sum(axis=1), (standardised**2).sum(axis=1))
    np.testing.assert_allclose(
        np.linalg.eigvalsh(rotated.T @ rotated), np.linalg.eigvalsh(standardised.T @ standardised), rtol=1e-9
    )
    assert np.abs(rotated - standardised).max() > 1


def test_rotations_are_uniform():
    # Under the Haar measure the first entry of a 3 × 3 rotation has mean 0 and variance 1/3.
    neurons = np.linalg.qr(NEURONS[:100, :3] - NEURONS[:100, :3].mean(axis=0))[0] * 10
    first = [
        (neurons.T @ recombine(neurons, kind="orthogonal", seed=seed) / 100)[0, 0] for seed in range(600)
    ]
    assert np.mean(first) == pytest.approx(0, abs=0.08)
    assert np.var(first) == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize("kind", ["abs_gaussian", "orthogonal"])
def test_seeds(kind):
    np.testing.assert_array_equal(
        recombine(NEURONS, kind=kind, seed=1), recombine(NEURONS, kind=kind, seed=1)
    )
    assert (recombine(NEURONS, kind=kind, seed=1) != recombine(NEURONS, kind=kind, seed=2)).any()
    assert recombine(NEURONS[:, :1], kind=kind).shape == (2000, 1)


@pytest.mark.parametrize("kind", ["abs_gaussian", "orthogonal"])
def test_recombined_neurons_are_standardised_ones_times_the_mixing_matrix(kind):
    mixing = mixing_matrix(40, kind=kind, seed=3)
    np.testing.assert_array_equal(
        recombine(5 * NEURONS, kind=kind, seed=3), standardise(5 * NEURONS) @ mixing
    )


def test_unknown_kind():
    with pytest.raises(UsageError, match="kind must be 'abs_gaussian' or 'orthogonal', got 'haar'"):
        recombine(NEURONS, kind="haar")
