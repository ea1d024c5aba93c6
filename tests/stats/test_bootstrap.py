import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import completeness, lasso_cv
from neuroalign.stats import (
    bootstrap_means,
    bootstrap_weighted_difference,
    bootstrap_weighted_mean,
    dual_bootstrap,
    weighted_mean,
    weighted_mean_standard_error,
)


def weights_with_silent_neurons(n_neurons=40, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((8, n_neurons)) ** 3 * (rng.random((8, n_neurons)) < 0.4)
    weights[:, :5] = 0.0
    return weights * rng.gamma(2.0, size=n_neurons)


def bootstrap_of(weights, **options):
    return bootstrap_weighted_mean(completeness(weights).per_neuron, np.abs(weights).sum(axis=0), **options)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_is_completeness_of_resampled_neurons(method):
    weights = weights_with_silent_neurons()
    # SciPy draws the same columns with the same seed, and the score is computed from each draw.
    reference = stats.bootstrap(
        (np.arange(40),),
        lambda columns: completeness(weights[:, columns]).score,
        vectorized=False,
        method="BCa" if method == "bca" else "percentile",
        confidence_level=0.9,
        n_resamples=300,
        random_state=np.random.default_rng(7),
    )
    result = bootstrap_of(weights, method=method, confidence=0.9, n_resamples=300, seed=7)
    assert result.estimate == pytest.approx(completeness(weights).score, abs=1e-14)
    np.testing.assert_allclose(result.distribution, reference.bootstrap_distribution, rtol=0, atol=1e-14)
    np.testing.assert_allclose([result.low, result.high], reference.confidence_interval, rtol=0, atol=1e-12)
    assert result.standard_error == pytest.approx(reference.standard_error, abs=1e-12)


def test_bca_by_hand():
    # Efron's formula, written out for the distribution that was drawn.
    values, weights = np.random.default_rng(3).gamma(1.0, size=(2, 15))
    result = bootstrap_weighted_mean(values, weights, n_resamples=2000)
    below = (result.distribution < result.estimate).mean() / 2
    bias = stats.norm.ppf(below + (result.distribution <= result.estimate).mean() / 2)
    left_out = np.array([np.average(np.delete(values, i), weights=np.delete(weights, i)) for i in range(15)])
    influence = left_out.mean() - left_out
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    shares = stats.norm.cdf(bias + z / (1 - acceleration * z))
    expected = np.quantile(result.distribution, shares)
    np.testing.assert_allclose([result.low, result.high], expected, rtol=1e-10)
    percentile = bootstrap_weighted_mean(values, weights, n_resamples=2000, method="percentile")
    np.testing.assert_array_equal(percentile.distribution, result.distribution)
    assert abs(percentile.low - result.low) > 1e-3


def test_standard_error_is_near_that_of_the_jackknife():
    weights = weights_with_silent_neurons(400)
    jackknife = weighted_mean_standard_error(completeness(weights).per_neuron, np.abs(weights).sum(axis=0))
    assert bootstrap_of(weights).standard_error == pytest.approx(jackknife, rel=0.05)


def test_interval_covers_the_truth():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        # The values do not depend on the weights, so that the weighted mean's expectation is theirs.
        result = bootstrap_weighted_mean(
            rng.exponential(size=60), rng.gamma(2.0, size=60), n_resamples=400, seed=seed
        )
        covered += result.low <= 1.0 <= result.high
    assert 180 <= covered <= 199


def test_seeds():
    weights = weights_with_silent_neurons()
    first, second = bootstrap_of(weights, n_resamples=50), bootstrap_of(weights, n_resamples=50)
    np.testing.assert_array_equal(first.distribution, second.distribution)
    assert (first.distribution != bootstrap_of(weights, n_resamples=50, seed=1).distribution).any()


def test_resamples_without_weight_count_as_zero():
    result = bootstrap_weighted_mean(
        [np.nan, 0.5, 1.0], [0.0, 1.0, 1.0], n_resamples=2000, method="percentile"
    )
    assert set(np.unique(result.distribution).round(12)) == {
        0.0,
        0.5,
        round(2 / 3, 12),
        0.75,
        round(5 / 6, 12),
        1.0,
    }
    # One of 27 resamples holds the first observation only.
    assert (result.distribution == 0).mean() == pytest.approx(1 / 27, abs=0.01)


@pytest.mark.parametrize(("values", "weights"), [([0.5, np.nan], [1, 0]), ([0.5, 0.5], [1, 2]), ([], [])])
def test_no_interval_where_nothing_varies(values, weights):
    result = bootstrap_weighted_mean(values, weights, n_resamples=10)
    assert result.estimate == (0.5 if values else 0.0)
    assert np.isnan([result.low, result.high, result.standard_error]).all()
    assert np.isnan(result.distribution).all()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([1, 2], [1]), {}, ArrayError, r"one shape \(n,\) or \(n_instances, n\), got \(2,\) and \(1,\)"),
        (([1, 2], [1, -1]), {}, ArrayError, r"\[1\] are 2.0 and -1.0"),
        (([np.nan, 2], [1, 1]), {}, ArrayError, r"\[0\] are nan and 1.0"),
        (([1, 2], [1, np.inf]), {}, ArrayError, r"\[1\] are 2.0 and inf"),
        (([1, 2], [1, 1]), {"method": "basic"}, UsageError, "method must be 'bca' or 'percentile'"),
        (([1, 2], [1, 1]), {"confidence": 95}, UsageError, "confidence must be between 0 and 1, got 95"),
        (([1, 2], [1, 1]), {"n_resamples": 1}, UsageError, "n_resamples must be at least 2"),
        (([1, 2], [1, 1]), {"seed": -1}, UsageError, "seed not negative"),
    ],
)
def test_wrong_calls(arguments, options, error, message):
    with pytest.raises(error, match=message):
        bootstrap_weighted_mean(*arguments, **options)


def test_mean_over_instances_draws_one_set_of_neurons_for_all():
    values, weights = np.random.default_rng(0).random((2, 3, 20))
    together = bootstrap_weighted_mean(values, weights, n_resamples=500, seed=4)
    apart = [
        bootstrap_weighted_mean(v, w, n_resamples=500, seed=4) for v, w in zip(values, weights, strict=True)
    ]
    assert together.estimate == pytest.approx(np.mean([result.estimate for result in apart]))
    np.testing.assert_allclose(
        together.distribution, np.mean([result.distribution for result in apart], axis=0), atol=1e-12
    )


def test_difference_is_paired():
    values, weights = np.random.default_rng(1).random((2, 25))
    a = bootstrap_weighted_mean(values, weights, n_resamples=400, seed=2)
    shifted = bootstrap_weighted_difference(values + 0.1, weights, values, weights, n_resamples=400, seed=2)
    # Variation that both share cancels out, so that the difference is constant.
    assert shifted.estimate == pytest.approx(0.1)
    assert np.isnan([shifted.standard_error, shifted.p]).all()
    other = np.random.default_rng(2).random(25)
    difference = bootstrap_weighted_difference(values, weights, other, weights, n_resamples=400, seed=2)
    b = bootstrap_weighted_mean(other, weights, n_resamples=400, seed=2)
    np.testing.assert_allclose(difference.distribution, a.distribution - b.distribution, atol=1e-12)
    assert difference.estimate == pytest.approx(a.estimate - b.estimate)
    back = bootstrap_weighted_difference(other, weights, values, weights, n_resamples=400, seed=2)
    assert back.p == difference.p
    assert (back.low, back.high) == (pytest.approx(-difference.high), pytest.approx(-difference.low))


def test_p_counts_the_rarer_side_and_is_never_zero():
    ones = np.ones(12)
    far = bootstrap_weighted_difference(
        10 + np.arange(12.0), ones, np.zeros(12), ones, n_resamples=999, method="percentile"
    )
    assert far.p == 2 / 1000
    near = bootstrap_weighted_difference(
        np.arange(12.0) - 5.0, ones, np.zeros(12), ones, n_resamples=999, method="percentile"
    )
    k = min((near.distribution <= 0).sum(), (near.distribution >= 0).sum())
    assert near.p == 2 * (1 + k) / 1000
    assert 0.3 < near.p <= 1


def test_a_difference_of_nothing_is_not_tested():
    same = bootstrap_weighted_difference([0.5, 0.5], [1, 1], [0.2, 0.2], [1, 1], n_resamples=10)
    assert same.estimate == pytest.approx(0.3)
    assert np.isnan([same.low, same.high, same.standard_error, same.p]).all()


def test_difference_wants_the_same_neurons():
    with pytest.raises(ArrayError, match="of the same neurons, got 2 and 3"):
        bootstrap_weighted_difference([1, 2], [1, 1], [1, 2, 3], [1, 1, 1])


def mean_of(values):
    """Return a statistic without a fit: the mean of a matrix, stimuli × neurons."""

    def fit(stimuli):
        of_stimuli = values[stimuli].mean(axis=0)
        return lambda neurons: of_stimuli[neurons].mean(axis=1)

    return fit


def test_dual_bootstrap_of_a_mean_has_the_variances_of_closed_forms():
    rng = np.random.default_rng(0)
    n_stimuli, n_neurons = 25, 15
    values = (
        0.6 * rng.standard_normal((n_stimuli, 1))
        + 0.3 * rng.standard_normal(n_neurons)
        + 2.0 * rng.standard_normal((n_stimuli, n_neurons))
    )
    result = dual_bootstrap(mean_of(values), n_stimuli=n_stimuli, n_neurons=n_neurons, n_resamples=4000)
    v_neurons, v_stimuli = values.mean(axis=0).var() / n_neurons, values.mean(axis=1).var() / n_stimuli
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    v_both = v_neurons + v_stimuli + (rest**2).mean() / (n_neurons * n_stimuli)
    assert result.neurons.standard_error**2 == pytest.approx(v_neurons, rel=0.05)
    assert result.stimuli.standard_error**2 == pytest.approx(v_stimuli, rel=0.1)
    assert result.both.distribution.var() == pytest.approx(v_both, rel=0.1)
    assert result.both.standard_error < 0.9 * result.both.distribution.std()
    assert result.neurons.estimate == result.stimuli.estimate == result.both.estimate
    half = stats.t.ppf(0.975, 14) * result.both.standard_error
    assert result.both.high - result.both.low == pytest.approx(2 * half)
    statistic = result.stimuli.estimate / result.stimuli.standard_error
    assert result.stimuli.p == pytest.approx(2 * stats.t.sf(abs(statistic), 24))


def test_few_draws_show_little():
    values = 1.0 + 0.01 * np.random.default_rng(0).standard_normal((50, 40))
    result = dual_bootstrap(mean_of(values), n_stimuli=50, n_neurons=40, n_resamples=9)
    # A hundred standard errors away; but nine draws cannot make a p-value less than 2/10.
    assert result.stimuli.p == result.both.p == 0.2
    half = stats.t.ppf(0.975, 8) * result.stimuli.standard_error
    assert result.stimuli.high - result.stimuli.estimate == pytest.approx(half)


def alignment_fit(Z, Y):
    folds = np.arange(len(Z)) % 5

    def fit(stimuli):
        weights = lasso_cv(Z[stimuli], Y[stimuli], folds=folds[stimuli], n_lambdas=30).weights
        return weighted_mean(completeness(weights).per_neuron, np.abs(weights).sum(axis=0))

    return fit


def test_dual_bootstrap_refits_alignment():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((150, 6))
    Y = Z @ rng.standard_normal((6, 20)) ** 3 + rng.standard_normal((150, 20))
    fit = alignment_fit(Z, Y)
    result = dual_bootstrap(fit, n_stimuli=150, n_neurons=20, n_resamples=10, n_neuron_resamples=100)
    again = dual_bootstrap(fit, n_stimuli=150, n_neurons=20, n_resamples=10, n_neuron_resamples=100)
    weights = lasso_cv(Z, Y, folds=np.arange(150) % 5, n_lambdas=30).weights
    assert result.both.estimate == pytest.approx(completeness(weights).score, abs=1e-12)
    np.testing.assert_array_equal(result.both.distribution, again.both.distribution)
    # The third draw, by hand.
    draw = np.random.default_rng([0, 2])
    stimuli, neurons = draw.integers(150, size=150), draw.integers(20, size=20)
    drawn = lasso_cv(Z[stimuli], Y[stimuli], folds=np.arange(150)[stimuli] % 5, n_lambdas=30).weights
    assert result.stimuli.distribution[2] == pytest.approx(completeness(drawn).score, abs=1e-12)
    assert result.both.distribution[2] == pytest.approx(completeness(drawn[:, neurons]).score, abs=1e-12)


def test_folds_that_part_duplicates_would_leak():
    """Why folds go with the stimulus: pure noise looks predictable where a duplicate is in another fold."""
    rng = np.random.default_rng(0)
    Z, Y = rng.standard_normal((60, 40)), rng.standard_normal((60, 10))
    stimuli = rng.integers(60, size=60)
    grouped = lasso_cv(Z[stimuli], Y[stimuli], folds=(np.arange(60) % 5)[stimuli], rule="min").weights
    parted = lasso_cv(Z[stimuli], Y[stimuli], n_folds=5, rule="min").weights
    assert np.abs(parted).sum() > 2 * np.abs(grouped).sum()


def test_dual_bootstrap_needs_two_of_each():
    with pytest.raises(UsageError, match="two stimuli and two neurons at least, got 1 and 5"):
        dual_bootstrap(mean_of(np.ones((1, 5))), n_stimuli=1, n_neurons=5)


def test_dual_bootstrap_of_what_does_not_vary_has_no_interval():
    result = dual_bootstrap(mean_of(np.ones((6, 5))), n_stimuli=6, n_neurons=5, n_resamples=5)
    for part in (result.neurons, result.stimuli, result.both):
        assert part.estimate == 1.0
        assert np.isnan([part.low, part.high, part.standard_error, part.p]).all()


@pytest.mark.parametrize("batch", [2**22, 210])
def test_groups_that_share_neurons_are_drawn_together(monkeypatch, batch):
    monkeypatch.setattr("neuroalign.stats.bootstrap.BATCH", batch)
    rng = np.random.default_rng(0)
    groups = [(rng.random((n, 30)), rng.random((n, 30))) for n in (3, 5, 2)]

    def mean_of_counts(values, weights):
        return lambda counts: (counts @ (weights * values).T / (counts @ weights.T)).mean(axis=1)

    means = bootstrap_means([mean_of_counts(*group) for group in groups], 30, n_resamples=400, seed=5)
    for a, b in ((0, 1), (2, 0)):
        alone = bootstrap_weighted_difference(*groups[a], *groups[b], n_resamples=400, seed=5)
        np.testing.assert_allclose(means[a] - means[b], alone.distribution, atol=1e-14)
    assert bootstrap_means([], 30, n_resamples=7).shape == (0, 7)
