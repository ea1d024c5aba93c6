import numpy as np
import pytest

from neuroalign.errors import UsageError
from neuroalign.metrics import axis_clustering, fold_labels
from neuroalign.metrics.axis_clustering import neighbour_angles, tuning_vectors
from neuroalign.metrics.directions import match_directions
from neuroalign.metrics.inputs import standardise


def simulate(tuning, *, noise=1.0, seed=0, n_stimuli=300):
    rng = np.random.default_rng([seed, 7])
    units = rng.standard_normal((n_stimuli, len(tuning)))
    signal = units @ (tuning / np.linalg.norm(tuning, axis=0))
    return units, signal + noise * rng.standard_normal(signal.shape)


def test_angles_of_vectors_in_the_plane():
    degrees = np.array([0.0, 10.0, 40.0, 180.0])
    vectors = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1) * [
        [1],
        [2],
        [3],
        [4],
    ]
    np.testing.assert_allclose(neighbour_angles(vectors, 1), [10, 10, 30, 140])
    np.testing.assert_allclose(neighbour_angles(vectors, 2), [25, 20, 35, 155])


def test_tuning_vectors_have_the_angles_of_the_weights():
    rng = np.random.default_rng(0)
    tuning = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 10))
    units, neurons = simulate(tuning, noise=1e-3, n_stimuli=500)
    x, y = standardise(units), standardise(neurons)
    vectors = tuning_vectors(x, y, fold_labels(500, 5))
    weights = np.linalg.lstsq(x, y, rcond=None)[0].T
    assert vectors.shape[1] >= 2
    np.testing.assert_allclose(vectors @ vectors.T, weights @ weights.T, atol=2e-3)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_matched_gaussian_has_the_mean_and_the_covariance_of_the_directions(shift):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((2_000, 3)) * [3.0, 1.0, 0.5] + [shift, 0.0, 0.0]
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    mean, root = match_directions(directions, rng)
    draws = mean + rng.standard_normal((50_000, 3)) @ root
    draws /= np.linalg.norm(draws, axis=1, keepdims=True)
    np.testing.assert_allclose(draws.mean(axis=0), directions.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(np.cov(draws, rowvar=False), np.cov(directions, rowvar=False), atol=0.02)


def test_clusters_are_found_and_clouds_are_not():
    rejected = {"clusters": 0, "cloud": 0, "cloud, sphere": 0}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        scale = np.geomspace(4, 1, 5)[:, None]
        cloud = scale * rng.standard_normal((5, 40))
        clusters = (scale * rng.standard_normal((5, 5)))[:, np.arange(40) % 5] + 0.2 * rng.standard_normal(
            (5, 40)
        )
        for kind, tuning, null in (
            ("clusters", clusters, "elliptical"),
            ("cloud", cloud, "elliptical"),
            ("cloud, sphere", cloud, "spherical"),
        ):
            units, neurons = simulate(tuning, seed=seed)
            rejected[kind] += axis_clustering(units, neurons, null=null, n_draws=39, seed=seed).p <= 0.05
    assert rejected["clusters"] == 6
    assert rejected["cloud"] <= 1
    # The spherical cloud of PAIRS calls an elongated cloud clustered.
    assert rejected["cloud, sphere"] >= 5


def test_p_and_value_compare_the_angle_with_the_draws():
    tested = axis_clustering(*simulate(np.random.default_rng(0).standard_normal((4, 30))), n_draws=49)
    assert tested.angle == pytest.approx(tested.angles[tested.tuned].mean())
    assert tested.p == (1 + (tested.null <= tested.angle).sum()) / 50
    assert tested.value == pytest.approx(1 - tested.angle / tested.null.mean())
    assert tested.rank == 4


def test_copies_are_named():
    units, neurons = simulate(np.random.default_rng(0).standard_normal((4, 20)))
    neurons = np.column_stack([neurons, -2.0 * neurons[:, 3]])
    assert axis_clustering(units, neurons, n_draws=1).copies.tolist() == [[3, 20]]


def test_sign_and_scale_of_units_do_not_matter():
    units, neurons = simulate(np.random.default_rng(0).standard_normal((4, 20)))
    changed = units[:, ::-1] * [-1, 3, 0.1, -5]
    tested = [axis_clustering(values, neurons, n_draws=9) for values in (units, changed)]
    np.testing.assert_allclose(tested[0].angles, tested[1].angles)
    np.testing.assert_allclose(tested[0].null, tested[1].null)


def test_untuned_neurons_have_no_angle():
    rng = np.random.default_rng(0)
    units, neurons = simulate(rng.standard_normal((4, 20)), noise=0.1)
    noise = rng.standard_normal((300, 6))
    tested = axis_clustering(units, np.hstack([neurons, noise, np.ones((300, 1))]), n_draws=9)
    assert tested.tuned[:20].all()
    assert not tested.tuned[-1]
    assert (np.isfinite(tested.angles) == tested.tuned).all()
    nothing = axis_clustering(units, noise[:, :3], n_draws=9)
    assert np.isnan([nothing.angle, nothing.value, nothing.p]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"null": "uniform"}, "null must be"),
        ({"k": 0}, "k and n_draws"),
        ({"n_draws": 0}, "k and n_draws"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_options_have_a_message(options, message):
    with pytest.raises(UsageError, match=message):
        axis_clustering(np.eye(6), np.eye(6), **options)
