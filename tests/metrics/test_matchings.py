"""Cross-validated matchings: folds, sums over neurons and units, options and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import (
    correlations,
    fold_labels,
    match_one_to_one,
    one_to_one,
    partial_soft_matching,
    semi_matching,
    soft_matching,
)
from neuroalign.metrics.matching_folds import fold_similarities


def both_ways(Z, Y, **options):
    return semi_matching(Z, Y, **options).neurons


MATCHINGS = [one_to_one, both_ways, soft_matching, partial_soft_matching]


def mixed(seed, n_units=5, n_neurons=8, n_stimuli=60):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n_stimuli, n_units))
    Y = Z @ rng.standard_normal((n_units, n_neurons)) + rng.standard_normal((n_stimuli, n_neurons))
    return Z, Y


@given(st.integers(0, 10**6), st.integers(2, 9))
def test_held_out_similarities_average_to_the_correlation(seed, n_folds):
    Z, Y = mixed(seed)
    folds = [*fold_similarities(Z, Y, fold_labels(60, n_folds))]
    assert sum(fold.share for fold in folds) == pytest.approx(1)
    mean = sum(fold.share * fold.held_out for fold in folds)
    np.testing.assert_allclose(mean, correlations(Z, Y), atol=1e-12)


def test_training_similarities_are_correlations_of_the_other_stimuli():
    Z, Y = mixed(0)
    Z[:10, 0] = 1e6 * np.arange(10)
    Y[10:, 1] = 2.0
    labels = np.repeat(np.arange(6), 10)
    for label, fold in enumerate(fold_similarities(Z, Y, labels)):
        rest = labels != label
        np.testing.assert_allclose(fold.train, correlations(Z[rest], Y[rest]), atol=1e-9)
        scaled = [(values - values.mean(0)) / values.std(0) for values in (Z, Y)]
        np.testing.assert_allclose(fold.held_out, scaled[0][~rest].T @ scaled[1][~rest] / 10, atol=1e-12)


@pytest.mark.parametrize("match", MATCHINGS[:3])
def test_one_matching_for_all_folds_has_the_in_sample_score(match):
    # Pairs so clear that all folds agree.
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((200, 4))
    Y = 2 * Z[:, [3, 1, 0, 2]] + 0.5 * rng.standard_normal((200, 4))
    folds = fold_labels(200, 7)
    assert match(Z, Y, folds=folds).score == pytest.approx(match(Z, Y).score, abs=1e-12)


@pytest.mark.parametrize("match", MATCHINGS)
@pytest.mark.parametrize(("n_units", "n_neurons"), [(5, 8), (8, 5), (6, 6)])
@pytest.mark.parametrize("absolute", [False, True])
def test_score_is_the_weighted_mean_over_neurons_and_over_units(match, n_units, n_neurons, absolute):
    Z, Y = mixed(1, n_units, n_neurons)
    result = match(Z, Y, folds=fold_labels(60, 5), absolute=absolute)
    for value, share in (
        (result.per_neuron, result.neuron_share),
        (result.per_unit, result.unit_share),
    ):
        assert (share[np.isfinite(value)] > 0).all()
        assert (share[np.isnan(value)] == 0).all()
        weighted = (np.nan_to_num(value) * share).sum() / share.sum()
        assert weighted == pytest.approx(result.score, abs=1e-12)
    assert result.neuron_share.max() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("match", "total"),
    [(one_to_one, 5.0), (both_ways, 8.0), (soft_matching, 8.0), (partial_soft_matching, 4.0)],
)
def test_shares_of_neurons(match, total):
    result = match(*mixed(2), folds=fold_labels(60, 5))
    assert result.neuron_share.sum() == pytest.approx(total)


def test_cross_validation_by_hand():
    Z, Y = mixed(3, 4, 6)
    labels = fold_labels(60, 5)
    scaled = [(values - values.mean(0)) / values.std(0) for values in (Z, Y)]
    pairs = []
    for label in range(5):
        train, test = labels != label, labels == label
        matched = match_one_to_one(Z[train], Y[train], absolute=True)
        products = (scaled[0][test][:, matched.unit] * scaled[1][test][:, matched.neuron]).mean(0)
        pairs.extend(zip(matched.neuron, products * np.sign(matched.correlation), strict=True))
    result = one_to_one(Z, Y, folds=labels, absolute=True)
    assert result.score == pytest.approx(np.mean([similarity for _, similarity in pairs]), abs=1e-12)
    for neuron in range(6):
        values = [similarity for index, similarity in pairs if index == neuron]
        assert result.neuron_share[neuron] == pytest.approx(len(values) / 5)
        if values:
            assert result.per_neuron[neuron] == pytest.approx(np.mean(values), abs=1e-12)


def test_noise_scores_zero_out_of_sample_and_more_in_sample():
    rng = np.random.default_rng(0)
    for match in MATCHINGS:
        scores = []
        for _ in range(40):
            Z, Y = rng.standard_normal((60, 10)), rng.standard_normal((60, 10))
            scores.append((match(Z, Y, folds=fold_labels(60, 5)).score, match(Z, Y).score))
        held_out, in_sample = np.transpose(scores)
        # Five standard errors.
        assert abs(held_out.mean()) < 5 * held_out.std() / np.sqrt(40)
        assert in_sample.min() > 0.1


@pytest.mark.parametrize("match", MATCHINGS)
def test_independent_noise_in_both(match):
    rng = np.random.default_rng(0)
    tuning = rng.standard_normal((20_000, 6))
    Z = tuning + 0.5 * rng.standard_normal(tuning.shape)
    Y = tuning + rng.standard_normal(tuning.shape)
    # √(ρx ρy); a larger mean by half of the mass is chance.
    assert match(Z, Y, folds=fold_labels(20_000, 5)).score == pytest.approx(np.sqrt(0.8 * 0.5), abs=0.015)


@pytest.mark.parametrize("match", MATCHINGS)
def test_signs_and_scales(match):
    Z, Y = mixed(4)
    folds = fold_labels(60, 5)
    signs = np.where(np.arange(5) % 2, 1.0, -3.0)
    expected = match(Z, Y, folds=folds, absolute=True)
    flipped = match(Z * signs, -2 * Y + 5, folds=folds, absolute=True)
    assert flipped.score == pytest.approx(expected.score, abs=1e-12)
    assert match(Z * signs, Y, folds=folds).score != pytest.approx(match(Z, Y, folds=folds).score, abs=1e-3)
    np.testing.assert_allclose(flipped.per_neuron, expected.per_neuron, atol=1e-12)
    assert match(Z, Y, absolute=True).score >= match(Z, Y).score


@pytest.mark.parametrize("match", MATCHINGS)
def test_ranks(match):
    Z, Y = mixed(5)
    expected = match(rankdata(Z, axis=0), rankdata(Y, axis=0), folds=fold_labels(60, 5))
    assert match(np.exp(Z), Y**3, folds=fold_labels(60, 5), ranks=True).score == pytest.approx(
        expected.score, abs=1e-12
    )
    alone = match(Z[:, :1], Y[:, :1], ranks=True, **({"mass": 1.0} if match is partial_soft_matching else {}))
    assert alone.score == pytest.approx(spearmanr(Z[:, 0], Y[:, 0]).statistic, abs=1e-12)


@pytest.mark.parametrize("match", MATCHINGS)
@pytest.mark.parametrize("ranks", [False, True])
def test_order_of_units_and_neurons(match, ranks):
    # Copies and integers: many matchings are equally good.
    rng = np.random.default_rng(6)
    Z, Y = rng.integers(0, 3, (12, 6)).astype(float), rng.integers(0, 3, (12, 4)).astype(float)
    Z[:, 3] = Z[:, 0]
    folds = fold_labels(12, 3)
    expected = match(Z, Y, folds=folds, ranks=ranks)
    for _ in range(10):
        units, neurons = rng.permutation(6), rng.permutation(4)
        result = match(Z[:, units], Y[:, neurons], folds=folds, ranks=ranks)
        assert result.score == pytest.approx(expected.score, abs=1e-12)
        np.testing.assert_allclose(result.per_neuron, expected.per_neuron[neurons], atol=1e-12)


@pytest.mark.parametrize("match", MATCHINGS)
def test_columns_without_variance_are_left_out(match):
    Z, Y = mixed(7)
    folds = fold_labels(60, 5)
    expected = match(Z, Y, folds=folds)
    more = match(
        np.column_stack([np.ones(60), Z, np.zeros(60)]), np.column_stack([np.full(60, 3.3), Y]), folds=folds
    )
    assert more.score == expected.score
    assert np.isnan(more.per_neuron[0])
    assert more.best_unit[0] == -1
    np.testing.assert_array_equal(more.per_neuron[1:], expected.per_neuron)
    matched = expected.best_unit >= 0
    np.testing.assert_array_equal(more.best_unit[1:][matched], expected.best_unit[matched] + 1)
    assert more.unit_share[[0, -1]].tolist() == [0, 0]
    with pytest.raises(UsageError, match="a neuron with variance"):
        match(Z, np.ones_like(Y), folds=folds)
    with pytest.raises(UsageError, match="a unit with variance"):
        match(np.ones_like(Z), Y, folds=folds)


@pytest.mark.parametrize("match", MATCHINGS)
def test_excluded_pairs(match):
    Y = mixed(8)[1]
    own = np.arange(8)
    folds = fold_labels(60, 5)
    every = {"mass": 1.0} if match is partial_soft_matching else {}
    np.testing.assert_array_equal(match(Y, Y, **every).best_unit, own)
    assert match(Y, Y, **every).score == pytest.approx(1)
    apart = match(Y, Y, folds=folds, exclude=own)
    assert apart.score < 0.95
    assert (apart.best_unit != own).all()
    with pytest.raises(UsageError, match="excluded pairs"):
        match(Y[:, :1], Y[:, :1], folds=folds, exclude=[0])


def test_an_excluded_pair_is_avoided_at_any_cost():
    # Unit 0 may only have neuron 1, which correlates with it negatively.
    rng = np.random.default_rng(0)
    common = rng.standard_normal((50, 1))
    Z = np.column_stack([common, rng.standard_normal((50, 2))])
    Y = np.column_stack([common, -common])
    result = soft_matching(Z[:, :1], Y[:, :1] + 0.1 * rng.standard_normal((50, 1)))
    assert result.score > 0.9
    for match in (one_to_one, soft_matching):
        assert match(Z[:, :2], Y, exclude=[0, -1]).best_unit[1] == 0


def test_semi_matching_in_both_directions():
    Z, Y = mixed(9)
    result = semi_matching(Z, Y)
    r = correlations(Z, Y)
    assert result.score == result.neurons.score == pytest.approx(r.max(axis=0).mean(), abs=1e-12)
    assert result.units.score == pytest.approx(r.max(axis=1).mean(), abs=1e-12)
    np.testing.assert_array_equal(result.neurons.best_unit, r.argmax(axis=0))
    np.testing.assert_array_equal(result.units.best_neuron, r.argmax(axis=1))
    swapped = semi_matching(Y, Z, folds=fold_labels(60, 4))
    assert swapped.units.score == pytest.approx(
        semi_matching(Z, Y, folds=fold_labels(60, 4)).score, abs=1e-12
    )


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
def test_soft_matching_is_symmetric_and_a_distance(seed, n_units, n_neurons):
    Z, Y = mixed(seed, n_units, n_neurons, 20)
    there, back = soft_matching(Z, Y), soft_matching(Y, Z)
    assert there.score == pytest.approx(back.score, abs=1e-12)
    assert there.distance**2 == pytest.approx(2 * (1 - there.score))
    third = mixed(seed + 1, 3, 3, 20)[1]
    by_way = soft_matching(Z, third).distance + soft_matching(third, Y).distance
    assert there.distance <= by_way + 1e-9
    assert soft_matching(Z, Z).distance == pytest.approx(0, abs=1e-7)


def test_less_mass_matches_better():
    Z, Y = mixed(10)
    scores = [partial_soft_matching(Z, Y, mass=mass).score for mass in (0.05, 0.2, 0.5, 0.8, 1.0)]
    assert scores == sorted(scores, reverse=True)
    # The smallest mass is the best pair, the whole mass the soft matching.
    assert scores[0] == pytest.approx(correlations(Z, Y).max())
    assert scores[-1] == soft_matching(Z, Y).score


@pytest.mark.parametrize("mass", [0.0, -1.0, 1.1, np.nan])
def test_mass_out_of_range(mass):
    with pytest.raises(UsageError, match="mass must be above 0 and at most 1"):
        partial_soft_matching(*mixed(0), mass=mass)


def test_folds_are_checked():
    Z, Y = mixed(0)
    with pytest.raises(ArrayError, match=r"folds must have shape \(60,\)"):
        one_to_one(Z, Y, folds=np.arange(10))
    with pytest.raises(UsageError, match="two folds at least"):
        one_to_one(Z, Y, folds=np.zeros(60))
