import numpy as np
import pytest
from scipy.stats import ortho_group, spearmanr

from neuroalign.errors import ArrayError, NeuroalignWarning, UsageError
from neuroalign.metrics import relative_strength, udr


def models(n_models=4, n=500, d=5, *, rotated=False):
    """Return models with the same units in different orders and signs, or with rotations of these units."""
    rng = np.random.default_rng(0)
    units = rng.uniform(-1, 1, (n, d))
    latents = []
    for seed in range(n_models):
        if rotated:
            latents.append(units @ ortho_group.rvs(d, random_state=seed))
        else:
            latents.append(units[:, rng.permutation(d)] * rng.choice([-1, 1], d))
    return latents, [np.ones(d)] * n_models


@pytest.mark.parametrize("pooling", ["paper", "disentanglement_lib"])
@pytest.mark.parametrize("correlation", ["spearman", "lasso"])
def test_same_units_rank_above_rotated_ones(correlation, pooling):
    same = udr(*models(), correlation=correlation, pooling=pooling)
    rotated = udr(*models(rotated=True), correlation=correlation, pooling=pooling)
    assert same.shape == (4,)
    assert same.min() > 0.8
    assert same.min() > rotated.max() + 0.25


@pytest.mark.parametrize("pooling", ["paper", "disentanglement_lib"])
def test_identical_units_without_any_other_similarity_score_one(pooling):
    assert relative_strength(np.eye(4)[[2, 0, 3, 1]], pooling=pooling) == 1.0
    assert relative_strength(np.ones((3, 3)), pooling=pooling) == pytest.approx(1 / 3)
    assert relative_strength(np.zeros((3, 3)), pooling=pooling) == 0.0


def test_paper_pooling_by_hand():
    similarity = np.array([[1, 0.2], [0.1, 0.8], [0, 0.5]])
    rows = 1 / 1.2 + 0.64 / 0.9 + 0.25 / 0.5
    columns = 1 / 1.1 + 0.64 / 1.5
    assert relative_strength(similarity) == pytest.approx((rows + columns) / 5)
    informative = (np.array([True, True, False]), np.array([True, True]))
    # The third row counts in the sums of the columns, but has no strength of its own.
    expected = (1 / 1.2 + 0.64 / 0.9 + columns) / 4
    assert relative_strength(similarity, informative=informative) == pytest.approx(expected)


def test_full_formula_against_scipy():
    rng = np.random.default_rng(1)
    latents = [rng.standard_normal((80, d)) for d in (3, 4, 2)]
    kls = [np.array([1, 0.001, 2]), np.ones(4), np.ones(2)]
    expected = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            r = np.abs(spearmanr(latents[i], latents[j]).statistic)[: len(kls[i]), len(kls[i]) :]
            a, b = kls[i] > 0.01, kls[j] > 0.01
            total = (r.max(axis=0) ** 2 * b / r.sum(axis=0)).sum() + (
                r.max(axis=1) ** 2 * a / r.sum(axis=1)
            ).sum()
            expected[i, j] = total / (a.sum() + b.sum())
    scores = udr(latents, kls)
    for i in range(3):
        assert scores[i] == pytest.approx(np.median(np.delete(expected[i], i)))


def test_a_model_without_informative_units_scores_zero_and_is_named():
    latents, kls = models(3)
    with pytest.warns(
        NeuroalignWarning, match=r"1 of 3 models have no informative unit, so their UDR is 0: \[1\]"
    ):
        scores = udr(latents, [kls[0], np.zeros(5), kls[2]])
    assert scores[1] == 0.0


def test_units_that_differ_from_a_constant_by_rounding_correlate_with_no_unit():
    latents, kls = models(3)
    rng = np.random.default_rng(5)
    for values in latents:
        values[:, 2] = 0.3 + 1e-16 * rng.integers(0, 2, len(values))
    without = [np.delete(values, 2, axis=1) for values in latents]
    # These units correlate with no other unit, and are one of five pooled units.
    np.testing.assert_allclose(udr(latents, kls) * 5 / 4, udr(without, [np.ones(4)] * 3), atol=1e-12)


def test_wrong_calls():
    latents, kls = models(2)
    with pytest.raises(ArrayError, match=r"kls\[1\] must be finite; \[3\] is nan: leave that model out"):
        udr(latents, [np.ones(5), np.array([1, 1, 1, np.nan, 1])])
    with pytest.raises(UsageError, match="two models at least, got 1"):
        udr(latents[:1], kls[:1])
    with pytest.raises(ArrayError, match="2 models need as many arrays of kl, got 1"):
        udr(latents, kls[:1])
    with pytest.raises(ArrayError, match=r"latents\[1\] has 400 stimuli"):
        udr([latents[0], latents[1][:400]], kls)
    with pytest.raises(ArrayError, match=r"kls\[0\] must have shape \(5,\)"):
        udr(latents, [np.ones(4), np.ones(5)])
    with pytest.raises(UsageError, match="correlation must be 'spearman' or 'lasso', got 'pearson'"):
        udr(latents, kls, correlation="pearson")
    with pytest.raises(ArrayError, match="must not be negative"):
        relative_strength([[-1.0]])
    with pytest.raises(UsageError, match="pooling must be"):
        relative_strength([[1.0]], pooling="mean")
