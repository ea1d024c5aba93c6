import numpy as np
import pytest

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import (
    completeness,
    fold_labels,
    lasso_cv,
    looks_rectified,
    one_to_one,
    privileged_axes,
    semi_matching,
    soft_matching,
)
from neuroalign.metrics.lasso.rotated import rotated_lasso
from neuroalign.metrics.rotations import RectifiedRotations, Rotations

FOLDS = fold_labels(120, 4)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((120, 3))
    units = factors @ rng.standard_normal((3, 6)) + rng.standard_normal((120, 6))
    return units, factors @ rng.standard_normal((3, 9)) + rng.standard_normal((120, 9))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("in_sample", [False, True])
@pytest.mark.parametrize(
    ("metric", "function"),
    [
        ("semi", lambda *args, **options: semi_matching(*args, **options).neurons),
        ("soft", soft_matching),
        ("one_to_one", one_to_one),
    ],
)
def test_native_score_is_the_score_of_the_matching(pair, metric, function, absolute, in_sample):
    tested = privileged_axes(
        *pair, metric=metric, folds=FOLDS, absolute=absolute, in_sample=in_sample, n_rotations=1
    )
    expected = function(*pair, folds=None if in_sample else FOLDS, absolute=absolute)
    assert tested.native == pytest.approx(expected.score, abs=1e-12)
    np.testing.assert_allclose(tested.values[0], np.nan_to_num(expected.per_neuron), atol=1e-12)
    np.testing.assert_allclose(tested.weights[0], expected.neuron_share, atol=1e-12)


@pytest.mark.parametrize("metric", ["semi", "soft"])
def test_scores_of_rotations_are_scores_of_rotated_units(pair, metric):
    units, neurons = pair
    tested = privileged_axes(units, neurons, metric=metric, folds=FOLDS, n_rotations=3, seed=5)
    function = semi_matching if metric == "semi" else soft_matching
    rotations = Rotations(units, seed=5)
    expected = [function(rotations.rotated(index), neurons, folds=FOLDS).score for index in range(3)]
    np.testing.assert_allclose(tested.rotated, expected, atol=1e-12)


def test_alignment_of_rotations_is_the_completeness_of_their_lasso(pair):
    units, neurons = pair
    tested = privileged_axes(units, neurons, metric="alignment", folds=FOLDS, n_rotations=2, seed=1)
    rotations = Rotations(units, seed=1)
    sets = [units, rotations.rotated(0), rotations.rotated(1)]
    expected = [completeness(lasso_cv(values, neurons, folds=FOLDS).weights).score for values in sets]
    np.testing.assert_allclose(tested.scores, expected, atol=1e-9)


def test_shared_sums_give_the_same_lasso_as_rotated_units(pair):
    units, neurons = pair
    rotations = Rotations(units)
    fit = rotated_lasso(rotations.coordinates, neurons, FOLDS).fit(rotations.rows(0))
    expected = lasso_cv(rotations.rotated(0), neurons, folds=FOLDS)
    np.testing.assert_allclose(fit.weights, expected.weights, atol=1e-10)
    np.testing.assert_allclose(fit.cv_mean, expected.cv_mean, atol=1e-10)


@pytest.mark.parametrize("shape", [(30, 5), (8, 20)])
def test_rotations_keep_distances_and_are_uniform(shape):
    units = np.random.default_rng(0).standard_normal(shape)
    rotations = Rotations(units)
    centred = units - units.mean(axis=0)
    np.testing.assert_allclose(rotations.rotated(3) @ rotations.rotated(3).T, centred @ centred.T, atol=1e-10)
    rows = np.array([rotations.rows(index) for index in range(1_000)])
    n_units = shape[1]
    # Entries of a Haar matrix have mean 0 and mean square 1/D; mean fourth power 3/(D(D + 2)).
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=5 / np.sqrt(1_000 * n_units))
    np.testing.assert_allclose((rows**2).mean(), 1 / n_units, rtol=0.02)
    np.testing.assert_allclose((rows**4).mean(), 3 / (n_units * (n_units + 2)), rtol=0.05)


def test_order_of_units_does_not_matter(pair):
    units, neurons = pair
    scores = [
        privileged_axes(values, neurons, folds=FOLDS, n_rotations=5).scores
        for values in (units, units[:, ::-1])
    ]
    np.testing.assert_allclose(*scores, atol=1e-10)


@pytest.mark.parametrize("metric", ["soft", "alignment"])
def test_number_of_threads_does_not_matter(pair, metric):
    results = [privileged_axes(*pair, metric=metric, folds=FOLDS, n_rotations=6, n_threads=n) for n in (1, 3)]
    np.testing.assert_array_equal(results[0].values, results[1].values)
    np.testing.assert_array_equal(results[0].weights, results[1].weights)


def test_p_counts_rotations_and_drop_is_a_difference(pair):
    tested = privileged_axes(*pair, folds=FOLDS, n_rotations=19)
    assert tested.p == (1 + (tested.rotated >= tested.native).sum()) / 20
    assert tested.drop == pytest.approx(tested.native - tested.rotated.mean())
    assert np.mean(tested.per_neuron) == pytest.approx(tested.drop)


def test_special_axes_are_found_and_mixtures_are_not():
    rejected = {"single": 0, "mixed": 0}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        units, noise = rng.standard_normal((200, 6)), rng.standard_normal((200, 12))
        for kind, signal in (
            ("single", units[:, [0, 1, 2, 3, 4, 5] * 2]),
            ("mixed", units @ rng.standard_normal((6, 12))),
        ):
            rejected[kind] += (
                privileged_axes(units, signal + noise, n_folds=3, n_rotations=19, seed=seed).p <= 0.05
            )
    assert rejected["single"] == 10
    assert rejected["mixed"] <= 2


def test_rotated_inputs_remove_the_effect_of_shared_marginals():
    rejected = {"units": 0, "inputs": 0}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        factors = rng.standard_normal((300, 6))
        inputs = factors @ rng.standard_normal((6, 20))
        units, neurons = (
            np.maximum(values, 0) for values in (inputs, factors @ rng.standard_normal((6, 20)))
        )
        for kind, before in (("units", None), ("inputs", inputs)):
            rejected[kind] += (
                privileged_axes(units, neurons, before=before, n_folds=3, n_rotations=19, seed=seed).p <= 0.05
            )
    assert rejected["units"] == 6
    assert rejected["inputs"] <= 2


def test_rotated_inputs_are_active_as_often_as_the_units():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((4_000, 6)) * [1, 2, 1, 3, 1, 1] + [-2, -2, -1, 0, 1, 1]
    active = (RectifiedRotations(inputs).rotated(0) > 0).mean(axis=0)
    np.testing.assert_allclose(active, np.sort((inputs > 0).mean(axis=0)), atol=0.03)


def test_neurons_without_variance_are_not_matched(pair):
    units, neurons = pair
    with_constant = np.column_stack([neurons, np.ones(len(neurons))])
    for metric in ("semi", "soft", "one_to_one"):
        more, less = (
            privileged_axes(units, values, metric=metric, folds=FOLDS, n_rotations=2)
            for values in (with_constant, neurons)
        )
        np.testing.assert_allclose(more.scores, less.scores, atol=1e-12)
        assert np.isnan(more.per_neuron[-1])


def test_uninformative_units_count_as_absent(pair):
    units, neurons = pair
    more = np.column_stack([units, np.random.default_rng(1).standard_normal(len(units)), np.ones(len(units))])
    expected = privileged_axes(units, neurons, folds=FOLDS, n_rotations=3)
    tested = privileged_axes(more, neurons, folds=FOLDS, n_rotations=3, informative=np.arange(8) < 6)
    np.testing.assert_allclose(tested.scores, expected.scores, atol=1e-10)


def test_units_look_rectified_only_with_a_mass_at_zero():
    values = np.random.default_rng(0).standard_normal((100, 4))
    assert looks_rectified(np.maximum(values, 0))
    assert not looks_rectified(values)
    assert not looks_rectified(np.exp(values))
    assert not looks_rectified(np.abs(values))
    assert not looks_rectified(np.ones((5, 2)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "rsa"}, UsageError, "metric must be one of semi, soft, one_to_one, alignment"),
        ({"n_rotations": 0}, UsageError, "n_rotations must be at least 1"),
        ({"informative": np.arange(6) < 1}, UsageError, "two informative units"),
        ({"folds": np.zeros(3, dtype=int)}, ArrayError, "folds must have shape"),
        ({"before": np.zeros((120, 5))}, ArrayError, "before must have the shape"),
        ({"before": np.zeros((120, 6))}, ArrayError, "must be the units, but they differ by up to"),
    ],
)
def test_wrong_arguments_have_a_message(pair, options, error, message):
    with pytest.raises(error, match=message):
        privileged_axes(*pair, **options)
