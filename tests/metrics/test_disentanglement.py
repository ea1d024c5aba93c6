import numpy as np
import pytest
from scipy.stats import entropy

from neuroalign.errors import UsageError
from neuroalign.metrics import completeness, disentanglement


def test_units_of_one_factor_are_disentangled_however_many_share_it():
    weights = np.zeros((6, 3))
    weights[[0, 1, 2, 3], [0, 0, 1, 2]] = [1, -2, 0.5, 3]
    result = disentanglement(weights)
    assert result.score == pytest.approx(1, rel=1e-12)
    np.testing.assert_array_equal(result.per_unit, [1, 1, 1, 1, np.nan, np.nan])
    np.testing.assert_array_equal(result.effective_factors[:4], 1)
    assert result.n_zero_units == 2
    # The first factor needs two units, so the same weights are not complete.
    assert completeness(weights).score < 1


@pytest.mark.parametrize(("k", "n_factors"), [(2, 4), (3, 9), (5, 5)])
def test_equal_weights_score_by_their_number(k, n_factors):
    weights = np.zeros((3, n_factors))
    weights[:, :k] = -2.0
    assert disentanglement(weights).score == pytest.approx(1 - np.log(k) / np.log(n_factors))


def test_units_count_by_their_weight_as_defined_by_eastwood_and_williams():
    weights = np.random.default_rng(0).standard_normal((7, 4))
    strength = np.abs(weights)
    shares = strength / strength.sum(axis=1, keepdims=True)
    per_unit = [1 - entropy(share, base=4) for share in shares]
    result = disentanglement(weights)
    np.testing.assert_allclose(result.per_unit, per_unit, rtol=1e-12)
    assert result.score == pytest.approx(np.average(per_unit, weights=strength.sum(axis=1)), rel=1e-12)


def test_a_single_factor_is_refused():
    with pytest.raises(UsageError, match="two factors at least, got 1"):
        disentanglement(np.ones((5, 1)))
