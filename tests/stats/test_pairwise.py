import math

import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import UsageError
from neuroalign.stats import (
    adjust_p_values,
    bootstrap_weighted_difference,
    bootstrap_weighted_means,
    compact_letters,
    crossed_test,
    pairwise_crossed,
    pairwise_matrix,
    pairwise_welch,
    welch,
)


def groups(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "vae": rng.normal(0.6, 0.05, 12),
        "pca": rng.normal(0.4, 0.1, 7),
        "ica": rng.normal(0.4, 0.1, 9),
        "one": np.array([0.3]),
    }


def test_numbers_are_scipys():
    of = groups()
    pairs = pairwise_welch(of)
    assert list(zip(pairs["a"], pairs["b"], strict=True)) == [
        ("vae", "pca"),
        ("vae", "ica"),
        ("vae", "one"),
        ("pca", "ica"),
        ("pca", "one"),
        ("ica", "one"),
    ]
    for row in pairs[pairs["reason"] == ""].itertuples():
        theirs = stats.ttest_ind(of[row.a], of[row.b], equal_var=False)
        expected = (theirs.statistic, theirs.df, theirs.pvalue, *theirs.confidence_interval(0.95))
        assert (row.t, row.df, row.p_raw, row.ci_low, row.ci_high) == pytest.approx(expected, rel=1e-10)
        assert row.difference == of[row.a].mean() - of[row.b].mean()
        assert (row.n_a, row.n_b) == (of[row.a].size, of[row.b].size)


def test_all_pairs_at_once_are_the_pairs_one_by_one():
    of = {
        **groups(),
        "same": [0.5, 0.5, 0.5],
        "equal": [0.5, 0.5],
        "empty": [np.nan],
        "wide": [0.1, np.inf, 0.9],
    }
    pairs = pairwise_welch(of)
    assert len(pairs) == 28
    for row in pairs.itertuples():
        alone = welch(of[row.a], of[row.b])
        assert row.reason == (alone.reason or "")
        for name in ("t", "df", "hedges_g", "ci_low", "ci_high", "standard_error", "difference"):
            assert getattr(row, name) == pytest.approx(getattr(alone, name), rel=1e-10, nan_ok=True)
        assert row.p_raw == pytest.approx(alone.p, rel=1e-10, nan_ok=True)
        assert (row.n_a, row.n_b) == (alone.n_a, alone.n_b)


@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_pairs_without_a_test_do_not_count(correction):
    pairs = pairwise_welch(groups(), correction=correction)
    untested = (pairs["a"] == "one") | (pairs["b"] == "one")
    assert untested.sum() == 3
    assert pairs["p"][untested].isna().all()
    assert set(pairs["reason"][untested]) == {
        "fewer than two finite values in one group (12 and 1)",
        "fewer than two finite values in one group (7 and 1)",
        "fewer than two finite values in one group (9 and 1)",
    }
    tested = pairs["p_raw"][~untested].to_numpy()
    np.testing.assert_array_equal(pairs["p"][~untested], adjust_p_values(tested, method=correction))
    # Three tests, not six.
    smallest, following = np.sort(tested)[:2]
    expected = 3 * smallest if correction == "holm" else min(3 * smallest, 1.5 * following)
    assert pairs["p"].min() == pytest.approx(expected)


def test_matrix_and_letters():
    pairs = pairwise_welch(groups())
    matrix = pairwise_matrix(pairs, ["one", "ica", "pca", "vae"])
    assert np.isnan(np.diag(matrix)).all()
    assert np.isnan(matrix[0]).all()
    assert matrix[3, 2] == matrix[2, 3] == pairs["p"][0]
    assert pairwise_matrix(pairs, ["vae", "pca"], "p_raw")[0, 1] == pairs["p_raw"][0]
    given = compact_letters(["one", "ica", "pca", "vae"], [0.3, 0.4, 0.4, 0.6], matrix)
    assert given == {"one": "ab", "ica": "b", "pca": "b", "vae": "a"}


def test_one_group_or_none_has_no_pairs():
    for of in ({}, {"vae": [0.5, 0.6]}):
        pairs = pairwise_welch(of)
        assert pairs.empty
        assert "p_raw" in pairs


def test_unknown_correction():
    with pytest.raises(UsageError, match="method must be one of holm, bh, not 'tukey'"):
        pairwise_welch({"a": [1.0, 2.0], "b": [1.0, 3.0]}, correction="tukey")


def test_swapping_a_pair_turns_the_difference_round():
    of = groups()
    there, back = (
        pairwise_welch({"a": of["vae"], "b": of["pca"]}),
        pairwise_welch({"b": of["pca"], "a": of["vae"]}),
    )
    assert there["difference"][0] == -back["difference"][0]
    assert there["p"][0] == back["p"][0]
    assert not math.isnan(there["p"][0])


def neurons(seed, n_instances, mean):
    rng = np.random.default_rng(seed)
    return mean + 0.1 * rng.standard_normal((n_instances, 40)), rng.random((n_instances, 40))


def test_over_neurons_as_well_every_pair_is_the_crossed_test_of_the_paired_bootstrap():
    terms = {"vae": neurons(1, 5, 0.6), "pca": neurons(2, 4, 0.55), "ica": neurons(3, 6, 0.4)}
    of = {name: np.average(each[0], axis=1, weights=each[1]) for name, each in terms.items()}
    pairs = pairwise_welch(of)
    means = bootstrap_weighted_means(list(terms.values()), n_resamples=500, seed=7)
    crossed = pairwise_crossed(pairs, dict(zip(terms, means, strict=True)), 39)
    for row, found in zip(pairs.itertuples(), crossed.itertuples(), strict=True):
        drawn = bootstrap_weighted_difference(*terms[row.a], *terms[row.b], n_resamples=500, seed=7)
        test = welch(of[row.a], of[row.b])
        expected = crossed_test(test.difference, [test.standard_error, drawn.standard_error], [test.df, 39])
        assert found.p_raw == pytest.approx(expected.p)
        assert (found.ci_low, found.ci_high) == pytest.approx((expected.ci_low, expected.ci_high))
        # Wider than over instances alone, and about the same difference.
        assert found.standard_error > row.standard_error
        assert (found.ci_low + found.ci_high) / 2 == pytest.approx(row.difference)
    np.testing.assert_allclose(crossed["p"], adjust_p_values(crossed["p_raw"]))


def test_pairs_that_cannot_be_crossed_have_no_number_and_do_not_count():
    of = groups()
    pairs = pairwise_welch(of)
    rng = np.random.default_rng(0)
    constant = np.full(100, 0.4) + 1e-18 * rng.standard_normal(100)
    drawn = {"vae": rng.normal(0.6, 0.01, 100), "pca": constant, "ica": constant, "one": rng.random(100)}
    crossed = pairwise_crossed(pairs, drawn, 10)
    # Of pca and ica nothing varies; one instance has no test over instances.
    assert crossed["p"].notna().tolist() == [True, True, False, False, False, False]
    assert crossed["p"].min() == pytest.approx(2 * crossed["p_raw"].min())
    without = pairwise_crossed(pairs, {}, -1)
    assert without.isna().all(axis=None)
    assert len(pairwise_crossed(pairwise_welch({}), {}, -1)) == 0
