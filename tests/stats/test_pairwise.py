import math

import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import UsageError
from neuroalign.stats import (
    adjust_p_values,
    compact_letters,
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


def test_numbers_of_scipy():
    values = groups()
    pairs = pairwise_welch(values)
    assert list(zip(pairs["a"], pairs["b"], strict=True)) == [
        ("vae", "pca"),
        ("vae", "ica"),
        ("vae", "one"),
        ("pca", "ica"),
        ("pca", "one"),
        ("ica", "one"),
    ]
    for row in pairs[pairs["reason"] == ""].itertuples():
        test = stats.ttest_ind(values[row.a], values[row.b], equal_var=False)
        expected = (test.statistic, test.df, test.pvalue, *test.confidence_interval(0.95))
        assert (row.t, row.df, row.p_raw, row.ci_low, row.ci_high) == pytest.approx(expected, rel=1e-10)
        assert row.difference == values[row.a].mean() - values[row.b].mean()
        assert (row.n_a, row.n_b) == (values[row.a].size, values[row.b].size)


def test_all_pairs_at_once_equal_single_tests():
    values = {
        **groups(),
        "same": [0.5, 0.5, 0.5],
        "equal": [0.5, 0.5],
        "empty": [np.nan],
        "wide": [0.1, np.inf, 0.9],
    }
    pairs = pairwise_welch(values)
    assert len(pairs) == 28
    for row in pairs.itertuples():
        alone = welch(values[row.a], values[row.b])
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


def test_fewer_than_two_groups_have_no_pairs():
    for values in ({}, {"vae": [0.5, 0.6]}):
        pairs = pairwise_welch(values)
        assert pairs.empty
        assert "p_raw" in pairs


def test_unknown_correction():
    with pytest.raises(UsageError, match="method must be one of holm, bh, got 'tukey'"):
        pairwise_welch({"a": [1.0, 2.0], "b": [1.0, 3.0]}, correction="tukey")


def test_swapping_a_pair_changes_the_sign_of_the_difference():
    values = groups()
    there, back = (
        pairwise_welch({"a": values["vae"], "b": values["pca"]}),
        pairwise_welch({"b": values["pca"], "a": values["vae"]}),
    )
    assert there["difference"][0] == -back["difference"][0]
    assert there["p"][0] == back["p"][0]
    assert not math.isnan(there["p"][0])
