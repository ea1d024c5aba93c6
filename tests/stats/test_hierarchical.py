"""Hierarchical bootstrap: closed forms, agreement with a loop, coverage on simulated animals, ranks."""

import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import ArrayError, UsageError
from neuroalign.stats import draw_hierarchy, number_sessions, percentile_interval, rank_rows

N_ANIMALS, N_SESSIONS, N_NEURONS = 4, 3, 10


def labels(n_animals=N_ANIMALS, n_sessions=N_SESSIONS, n_neurons=N_NEURONS):
    animals = [f"animal {a}" for a in range(n_animals) for _ in range(n_sessions * n_neurons)]
    sessions = [f"session {s}" for _ in range(n_animals) for s in range(n_sessions) for _ in range(n_neurons)]
    return animals, sessions


def draw_means(values, animals, sessions, **options):
    batches = [draws.neurons for draws in draw_hierarchy(animals, sessions, **options)]
    counts = np.concatenate(batches)
    return counts @ values / counts.sum(axis=1)


@pytest.fixture
def values():
    rng = np.random.default_rng(3)
    shape = (N_ANIMALS, N_SESSIONS, N_NEURONS)
    return (
        rng.standard_normal((N_ANIMALS, 1, 1))
        + rng.standard_normal((N_ANIMALS, N_SESSIONS, 1))
        + 2 * rng.standard_normal(shape)
    )


@pytest.mark.parametrize("over", ["animals", "sessions", "neurons"])
def test_the_variance_of_a_mean_has_its_closed_form(values, over):
    # By the law of total variance: variances (ddof 0) of animals, of sessions in animals and of neurons in sessions.
    of_animals = values.mean(axis=(1, 2)).var()
    of_sessions = values.mean(axis=2).var(axis=1).mean()
    of_neurons = values.var(axis=2).mean()
    variance = of_neurons / values.size
    variance += of_sessions / (N_ANIMALS * N_SESSIONS) if over != "neurons" else 0
    variance += of_animals / N_ANIMALS if over == "animals" else 0
    means = draw_means(values.ravel(), *labels(), over=over, n_resamples=40_000, seed=1)
    # The relative error of a variance from B draws is about sqrt(2/B), 0.7 %.
    assert means.var(ddof=1) == pytest.approx(variance, rel=0.03)
    assert means.mean() == pytest.approx(values.mean(), abs=4 * np.sqrt(variance / 40_000))


def test_draws_agree_with_a_loop(values):
    """A loop that draws animals, then their sessions, then their neurons, gives the same distribution."""
    rng = np.random.default_rng(8)
    looped = []
    for _ in range(4_000):
        drawn = []
        for animal in rng.integers(N_ANIMALS, size=N_ANIMALS):
            for session in rng.integers(N_SESSIONS, size=N_SESSIONS):
                drawn += list(values[animal, session, rng.integers(N_NEURONS, size=N_NEURONS)])
        looped.append(np.mean(drawn))
    means = draw_means(values.ravel(), *labels(), n_resamples=4_000)
    assert stats.ks_2samp(means, looped).pvalue > 0.01
    # Draws of neurons alone are another distribution.
    alone = draw_means(values.ravel(), *labels(), over="neurons", n_resamples=4_000)
    assert stats.ks_2samp(alone, looped).pvalue < 1e-6


def test_counts_keep_the_hierarchy():
    animals = ["b"] * 5 + ["a"] * 3
    sessions = ["2", "2", "1", "1", "1", "1", "1", "1"]
    # Sessions in the order of their animals and names; a session of one name in two animals is two sessions.
    np.testing.assert_array_equal(number_sessions(animals, sessions), [2, 2, 1, 1, 1, 0, 0, 0])
    (draws,) = draw_hierarchy(animals, sessions, n_resamples=500)
    np.testing.assert_array_equal(draws.neurons[:, 5:].sum(axis=1), 3 * draws.sessions[:, 0])
    np.testing.assert_array_equal(draws.neurons[:, 2:5].sum(axis=1), 3 * draws.sessions[:, 1])
    np.testing.assert_array_equal(draws.neurons[:, :2].sum(axis=1), 2 * draws.sessions[:, 2])
    # An animal that is drawn twice has its two sessions drawn four times.
    twice = draws.sessions[:, 0] == 0
    assert twice.any()
    assert (draws.sessions[twice][:, 1:].sum(axis=1) == 4).all()
    (sessions_only,) = draw_hierarchy(animals, sessions, over="sessions", n_resamples=500)
    assert (sessions_only.sessions[:, 0] == 1).all()
    assert (sessions_only.sessions[:, 1:].sum(axis=1) == 2).all()
    (neurons_only,) = draw_hierarchy(animals, sessions, over="neurons", n_resamples=500)
    assert (neurons_only.sessions == 1).all()


def test_draws_depend_on_the_seed_only():
    first = [draws.neurons for draws in draw_hierarchy(*labels(), n_resamples=50, seed=2)]
    again = [draws.neurons for draws in draw_hierarchy(*labels(), n_resamples=50, seed=2)]
    other = [draws.neurons for draws in draw_hierarchy(*labels(), n_resamples=50, seed=3)]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_intervals_are_percentiles():
    low, high, error = percentile_interval([*range(1001), np.nan])
    assert (low, high) == pytest.approx((25.0, 975.0))
    assert error == pytest.approx(np.std(range(1001), ddof=1))
    assert np.isnan(percentile_interval(np.full(10, 0.1 + 0.2))).all()
    assert np.isnan(percentile_interval([1.0])).all()


def test_ranks():
    values = [[0.1, 3.0], [0.4, 1.0], [np.nan, 2.0], [0.4, np.nan]]
    np.testing.assert_array_equal(rank_rows(values), [[3, 1], [1, 3], [np.nan, 2], [1, np.nan]])
    np.testing.assert_array_equal(
        rank_rows(values, higher_is_better=False), [[1, 3], [2, 1], [np.nan, 2], [2, np.nan]]
    )


def test_wrong_calls():
    with pytest.raises(UsageError, match="over must be 'animals', 'sessions' or 'neurons', got 'trials'"):
        next(draw_hierarchy(["a"], ["1"], over="trials"))
    with pytest.raises(ArrayError, match="one label for each neuron, got 2 and 1"):
        next(draw_hierarchy(["a", "b"], ["1"]))


#: Animals, SD between animals, SD between sessions of an animal, and coverage that was measured with 1,500 simulated
#: sets of recordings: four sessions for each animal, 30 neurons for each session, SD 0.3 between neurons.
COVERAGE = [
    (2, 0.10, 0.05, 0.74),
    (3, 0.10, 0.05, 0.85),
    (5, 0.10, 0.05, 0.89),
    (5, 0.05, 0.05, 0.94),
    (10, 0.10, 0.05, 0.93),
    (10, 0.05, 0.05, 0.96),
    (5, 0.0, 0.0, 0.99),
]


@pytest.mark.slow
@pytest.mark.parametrize(("n_animals", "of_animals", "of_sessions", "measured"), COVERAGE)
def test_coverage_on_simulated_animals(n_animals, of_animals, of_sessions, measured):
    rng = np.random.default_rng(0)
    n, shape = 600, (n_animals, 4, 30)
    animals, sessions = labels(*shape)
    covered = 0
    for seed in range(n):
        values = (
            of_animals * rng.standard_normal((n_animals, 1, 1))
            + of_sessions * rng.standard_normal((n_animals, 4, 1))
            + 0.3 * rng.standard_normal(shape)
        )
        means = draw_means(values.ravel(), animals, sessions, n_resamples=400, seed=seed)
        low, high, _ = percentile_interval(means)
        covered += low <= 0 <= high
    assert covered / n == pytest.approx(measured, abs=3 * np.sqrt(measured * (1 - measured) / n) + 0.01)
