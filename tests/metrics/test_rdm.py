"""Dissimilarities of stimuli: definitions, unbiased distances, and unequal numbers of trials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import crossnobis, dissimilarities, noise_precision


@given(st.integers(3, 12), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_distances_are_those_of_scipy(n_stimuli, n_units, seed):
    values = np.random.default_rng(seed).normal(3.0, 2.0, (n_stimuli, n_units))
    euclidean = pdist(values, "sqeuclidean") / n_units
    np.testing.assert_allclose(dissimilarities(values, "euclidean"), euclidean, rtol=1e-9)
    np.testing.assert_allclose(dissimilarities(values), pdist(values, "correlation"), atol=1e-12)


def test_many_stimuli_come_in_the_same_order_as_few():
    values = np.random.default_rng(0).standard_normal((700, 3))
    expected = pdist(values, "sqeuclidean") / 3
    np.testing.assert_allclose(dissimilarities(values, "euclidean"), expected, atol=1e-12)


def plain_crossnobis(trials):
    """Leave one repetition out: the difference of its patterns times the difference of the mean of the others."""
    n, n_repetitions, n_neurons = trials.shape
    distances = np.zeros((n, n))
    for fold in range(n_repetitions):
        test, train = trials[:, fold], np.delete(trials, fold, axis=1).mean(axis=1)
        for i in range(n):
            for j in range(n):
                distances[i, j] += (test[i] - test[j]) @ (train[i] - train[j]) / n_neurons / n_repetitions
    return distances[np.triu_indices(n, 1)]


def test_repetitions_are_the_folds_where_no_trial_is_missing():
    trials = np.random.default_rng(0).standard_normal((5, 4, 7))
    np.testing.assert_allclose(crossnobis(trials, noise="equal"), plain_crossnobis(trials), atol=1e-12)
    precision = noise_precision(trials)
    whitened = trials @ np.linalg.cholesky(precision)
    np.testing.assert_allclose(crossnobis(trials), plain_crossnobis(whitened), atol=1e-10)
    scaled = trials * np.sqrt(noise_precision(trials, kind="variance"))
    np.testing.assert_allclose(crossnobis(trials, noise="variance"), plain_crossnobis(scaled), atol=1e-10)


def test_noise_that_a_repetition_shares_cancels():
    rng = np.random.default_rng(1)
    means = rng.standard_normal((4, 1, 6))
    shared = 5.0 * rng.standard_normal((1, 3, 6))
    expected = pdist(means[:, 0], "sqeuclidean") / 6
    np.testing.assert_allclose(crossnobis(means + shared, noise="equal"), expected, atol=1e-12)


def test_unequal_repetitions_are_unbiased():
    """The mean over 4,000 recordings is the distance of the true means, within 4 standard errors."""
    rng = np.random.default_rng(2)
    means = rng.standard_normal((4, 1, 5))
    means[1] = means[0]
    missing = np.zeros((4, 6, 5), dtype=bool)
    missing[0, 2:] = missing[2, 4:] = True
    missing[3, 5:, 0] = True
    distances = []
    for _ in range(4000):
        trials = means + rng.standard_normal(missing.shape)
        distances.append(crossnobis(np.where(missing, np.nan, trials), noise="equal"))
    expected = pdist(means[:, 0], "sqeuclidean") / 5
    error = np.std(distances, axis=0) / np.sqrt(len(distances))
    assert expected[0] == 0.0
    assert (np.abs(np.mean(distances, axis=0) - expected) < 4 * error).all()
    # The means over trials are biased by more than that.
    biased = dissimilarities(np.nanmean(np.where(missing, np.nan, trials), axis=1), "euclidean")
    assert biased[0] > 4 * error[0]


def test_unequal_repetitions_by_hand():
    nan = np.nan
    trials = np.array([[[1.0], [3.0], [nan]], [[0.0], [1.0], [2.0]], [[5.0], [6.0], [nan]]])
    # Squares of means: 1·3 = 3, (0·1 + 0·2 + 1·2)/3 = 2/3, 5·6 = 30; means 2, 1 and 5.5.
    expected = [3 + 2 / 3 - 4, 3 + 30 - 22, 2 / 3 + 30 - 11]
    np.testing.assert_allclose(crossnobis(trials, noise="equal"), expected)


def test_shrinkage_is_total_for_independent_noise_and_small_for_shared_noise():
    rng = np.random.default_rng(3)
    independent = rng.standard_normal((30, 10, 4)) * [1.0, 2.0, 3.0, 4.0]
    precision = noise_precision(independent)
    np.testing.assert_allclose(np.diag(precision), 1 / np.array([1.0, 4.0, 9.0, 16.0]), rtol=0.2)
    shared = rng.standard_normal((30, 200, 1)) + 0.5 * rng.standard_normal((30, 200, 4))
    true = np.linalg.inv(np.ones((4, 4)) + 0.25 * np.eye(4))
    np.testing.assert_allclose(noise_precision(shared), true, atol=0.2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dissimilarities(np.ones((2, 3))), ArrayError, "three stimuli"),
        (lambda: dissimilarities(np.ones((4, 3))), ArrayError, "Euclidean"),
        (lambda: dissimilarities(np.eye(4), "cosine"), UsageError, "'correlation' or 'euclidean'"),
        (lambda: crossnobis(np.ones((4, 1, 3))), ArrayError, "two trials"),
        (lambda: crossnobis(np.ones((4, 3))), ArrayError, "stimuli, repetitions, neurons"),
        (lambda: crossnobis(np.ones((4, 2, 3))), ArrayError, "noise='equal'"),
        (lambda: crossnobis(np.ones((4, 2, 3)), noise="full"), UsageError, "'shrinkage'"),
    ],
)
def test_faulty_input_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_missing_trials_of_some_neurons_need_variances():
    trials = np.random.default_rng(0).standard_normal((4, 5, 3))
    trials[0, 0, 0] = np.nan
    with pytest.raises(UsageError, match="noise='variance'"):
        crossnobis(trials)
    assert np.isfinite(crossnobis(trials, noise="variance")).all()
    trials[0, 0] = np.nan
    assert np.isfinite(crossnobis(trials)).all()
