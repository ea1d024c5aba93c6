import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import completeness
from neuroalign.stats import bootstrap_weighted_mean, weighted_mean_standard_error


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
    # SciPy draws the same columns from the same seed, and the whole score is computed of each draw.
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
        (([1, 2], [1]), {}, ArrayError, r"one shape \(n,\), not \(2,\) and \(1,\)"),
        (([1, 2], [1, -1]), {}, ArrayError, r"\[1\] are 2.0 and -1.0"),
        (([np.nan, 2], [1, 1]), {}, ArrayError, r"\[0\] are nan and 1.0"),
        (([1, 2], [1, np.inf]), {}, ArrayError, r"\[1\] are 2.0 and inf"),
        (([1, 2], [1, 1]), {"method": "basic"}, UsageError, "method must be 'bca' or 'percentile'"),
        (([1, 2], [1, 1]), {"confidence": 95}, UsageError, "confidence must be between 0 and 1, not 95"),
        (([1, 2], [1, 1]), {"n_resamples": 1}, UsageError, "n_resamples must be 2 at least"),
        (([1, 2], [1, 1]), {"seed": -1}, UsageError, "seed not negative"),
    ],
)
def test_wrong_calls(arguments, options, error, message):
    with pytest.raises(error, match=message):
        bootstrap_weighted_mean(*arguments, **options)
