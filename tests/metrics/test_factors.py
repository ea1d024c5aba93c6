import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import hadamard
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, mutual_info_score
from sklearn.neighbors import NearestCentroid

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import (
    factor_concentrations,
    factor_dci,
    factor_explicitness,
    factor_information,
    factor_separation,
    lasso_cv,
    variance_explained,
)
from neuroalign.metrics.factors_codes import bin_columns, regression_targets

ALL = (factor_dci, factor_information, factor_separation, factor_explicitness)
#: All combinations of three factors of 4, 3 and 2 values, 10 times.
GRID = np.array([[a, b, c] for a in range(4) for b in range(3) for c in range(2)] * 10, dtype=float)
CATEGORIES = np.array([True, True, True])


@pytest.fixture(scope="module")
def numbers():
    return np.random.default_rng(0).standard_normal((300, 4))


class TestPerfectCode:
    """Each unit is one factor, in another order, and with another sign and scale."""

    def test_numbers(self, numbers):
        units = numbers[:, [2, 0, 3, 1]] * [-3, 1, 0.2, 10]
        dci = factor_dci(units, numbers)
        assert dci.disentanglement == pytest.approx(1, abs=1e-6)
        assert dci.completeness == pytest.approx(1, abs=1e-6)
        assert dci.informativeness > 0.98
        np.testing.assert_array_equal(dci.importance.argmax(axis=0), [1, 3, 0, 2])
        assert factor_separation(units, numbers, in_sample=True).score > 0.97
        assert factor_explicitness(units, numbers).score == pytest.approx(1, abs=1e-4)

    def test_categories(self):
        # Values in a complete grid have no information on each other, so that the bounds are exact.
        result = factor_information(GRID[:, ::-1] * [2, -1, 0.1], GRID, categorical=CATEGORIES)
        np.testing.assert_allclose(
            [result.mig, result.modularity, result.compactness], [1, 1, 1], rtol=0, atol=1e-12
        )
        np.testing.assert_allclose(result.entropy, np.log([4, 3, 2]))
        dci = factor_dci(np.column_stack([GRID[:, 2], GRID[:, 1], GRID[:, 0]]), GRID, categorical=CATEGORIES)
        assert dci.disentanglement > 0.95
        separation = factor_separation(GRID, GRID, categorical=CATEGORIES, in_sample=True)
        np.testing.assert_allclose(
            separation.predictions, [[1, 1 / 3, 1 / 2], [1 / 4, 1, 1 / 2], [1 / 4, 1 / 3, 1]]
        )
        assert separation.score == pytest.approx(np.mean([1 - 1 / 4, 1 - 1 / 3, 1 - 1 / 2]))
        assert factor_explicitness(GRID, GRID, categorical=CATEGORIES).per_factor[2] > 0.9


def test_a_rotation_to_equal_parts_is_low_and_as_informative(numbers):
    rotated = numbers @ (hadamard(4) / 2)
    own, turned = factor_dci(numbers, numbers), factor_dci(rotated, numbers)
    assert max(turned.disentanglement, turned.completeness) < 0.05
    assert turned.informativeness == pytest.approx(own.informativeness, abs=0.01)
    assert factor_separation(rotated, numbers).score < 0.15 < 0.95 < factor_separation(numbers, numbers).score
    own, turned = factor_information(numbers, numbers), factor_information(rotated, numbers)
    assert turned.mig < 0.15 < 0.7 < own.mig
    assert turned.modularity < own.modularity
    assert factor_explicitness(rotated, numbers).score == pytest.approx(
        factor_explicitness(numbers, numbers).score, abs=1e-9
    )


def test_units_that_share_a_factor():
    """Copies leave no gap between the best two units, and half the compactness; a unit still has one factor."""
    shared = factor_information(np.hstack([GRID, GRID]), GRID, categorical=CATEGORIES)
    assert shared.mig == 0
    assert shared.modularity == pytest.approx(1)
    np.testing.assert_allclose(shared.compactness_per_factor, (1 / 2 - 1 / 6) / (1 - 1 / 6))
    assert factor_separation(np.hstack([GRID, GRID]), GRID, categorical=CATEGORIES).score == 0


def test_one_unit_of_two_factors():
    """A unit of two factors lowers modularity, and leaves compactness."""
    unit = (GRID[:, 0] * 3 + GRID[:, 1])[:, None]
    result = factor_information(np.hstack([unit, GRID[:, 2:]]), GRID, categorical=CATEGORIES)
    np.testing.assert_allclose(result.modularity_per_unit, [(1 / 2 - 1 / 3) / (1 - 1 / 3), 1])
    np.testing.assert_allclose(result.compactness_per_factor, [1, 1, 1])
    np.testing.assert_allclose(
        result.mutual_information, [[np.log(4), np.log(3), 0], [0, 0, np.log(2)]], atol=1e-12
    )


def test_the_gap_of_one_unit_is_its_information():
    result = factor_information(GRID[:, :1], GRID, categorical=CATEGORIES)
    np.testing.assert_allclose(result.mig_per_factor, [1, 0, 0], atol=1e-12)
    assert np.isnan(result.compactness_per_factor).all()
    gaps = factor_separation(GRID[:, :1], GRID, categorical=CATEGORIES, in_sample=True).per_factor
    np.testing.assert_allclose(gaps, [1 - 1 / 4, 0, 0], atol=1e-12)


def test_mutual_information_is_that_of_scikit_learn(numbers):
    units = np.column_stack([numbers[:, 0] ** 2, numbers.sum(axis=1), np.sign(numbers[:, 1])])
    result = factor_information(units, numbers, bins=7)
    codes, others = bin_columns(units, 7), bin_columns(numbers, 7)
    expected = [[mutual_info_score(other, code) for other in others.T] for code in codes.T]
    np.testing.assert_allclose(result.mutual_information, expected, atol=1e-12)


def test_bins_are_those_of_numpy(numbers):
    codes = bin_columns(numbers, 20)
    for column in range(numbers.shape[1]):
        counts, _ = np.histogram(numbers[:, column], bins=20)
        np.testing.assert_array_equal(np.bincount(codes[:, column], minlength=20), counts)
    few = np.array([[0.0], [1e-9], [5.0], [5.0]])
    np.testing.assert_array_equal(bin_columns(few, 3).ravel(), [0, 1, 2, 2])
    np.testing.assert_array_equal(bin_columns(np.full((3, 1), 4.0), 3).ravel(), [0, 0, 0])
    np.testing.assert_array_equal(
        bin_columns(np.arange(9.0)[:, None], 2, categorical=[True]).ravel(), range(9)
    )


@given(st.integers(2, 30), st.floats(1e-3, 1e3))
def test_bins_do_not_depend_on_the_scale(bins, scale):
    values = np.random.default_rng(0).standard_normal((100, 3))
    values[:, 0] = np.round(values[:, 0], 1)
    np.testing.assert_array_equal(bin_columns(values, bins), bin_columns(values * scale, bins))


class TestLasso:
    """DCI follows from the weights of the Lasso."""

    def test_importance_of_numbers_is_the_weights(self, numbers):
        units = numbers @ np.random.default_rng(2).standard_normal((4, 6))
        folds = np.arange(len(units)) % 5
        expected = np.abs(lasso_cv(units, numbers, folds=folds).weights)
        result = factor_dci(units, numbers, folds=folds)
        np.testing.assert_allclose(result.importance, expected, atol=1e-12)
        both = factor_concentrations(units, numbers, folds=folds)
        assert both == (result.disentanglement, result.completeness)

    def test_two_values_are_one_number(self, numbers):
        binary = (numbers > 0).astype(float)
        as_numbers = factor_dci(numbers, binary)
        as_categories = factor_dci(numbers, binary, categorical=[True] * 4)
        np.testing.assert_allclose(as_categories.importance, as_numbers.importance, atol=1e-9)
        np.testing.assert_allclose(
            as_categories.informativeness_per_factor, as_numbers.informativeness_per_factor, atol=1e-9
        )

    def test_indicators_count_by_their_variance(self):
        targets, owners, shares = regression_targets(GRID[:, :2] * 1.0, np.array([True, False]))
        assert targets.shape == (240, 5)
        assert owners.tolist() == [0, 0, 0, 0, 1]
        np.testing.assert_allclose(shares, [0.25, 0.25, 0.25, 0.25, 1])
        np.testing.assert_allclose(targets.std(axis=0), 1)

    def test_in_sample_is_higher(self, numbers):
        noisy = numbers + np.random.default_rng(3).standard_normal(numbers.shape)
        held_out, in_sample = (factor_dci(noisy, numbers, in_sample=value) for value in (False, True))
        assert in_sample.disentanglement == held_out.disentanglement
        assert (in_sample.informativeness_per_factor > held_out.informativeness_per_factor).all()


class TestSeparation:
    def test_in_sample_is_the_squared_correlation(self, numbers):
        units = numbers @ np.random.default_rng(2).standard_normal((4, 3))
        result = factor_separation(units, numbers, in_sample=True)
        np.testing.assert_allclose(result.predictions, np.corrcoef(units.T, numbers.T)[:3, 3:] ** 2)

    def test_held_out_numbers_follow_from_regressions(self, numbers):
        units = numbers[:, :2] + 0.5 * numbers[:, 2:]
        folds = np.arange(len(units)) % 3
        predicted = np.empty((2, *numbers.shape))
        for fold in range(3):
            train, test = folds != fold, folds == fold
            for unit in range(2):
                for factor in range(4):
                    line = np.polyfit(units[train, unit], numbers[train, factor], 1)
                    predicted[unit, test, factor] = np.polyval(line, units[test, unit])
        expected = [variance_explained(numbers, values) for values in predicted]
        np.testing.assert_allclose(factor_separation(units, numbers, folds=folds).predictions, expected)

    def test_categories_are_decided_by_the_nearest_mean(self, numbers):
        categories = np.digitize(numbers[:, :2] + 0.3 * numbers[:, 2:], [-0.6, 0.2]).astype(float)
        folds = np.arange(len(numbers)) % 4
        result = factor_separation(numbers, categories, categorical=[True, True], folds=folds)
        for unit, factor in [(0, 0), (1, 0), (3, 1)]:
            decided = np.empty(len(numbers))
            for fold in range(4):
                model = NearestCentroid().fit(
                    numbers[folds != fold][:, [unit]], categories[folds != fold, factor]
                )
                decided[folds == fold] = model.predict(numbers[folds == fold][:, [unit]])
            expected = balanced_accuracy_score(categories[:, factor], decided)
            assert result.predictions[unit, factor] == pytest.approx(expected, abs=1e-12)

    def test_a_value_of_one_fold_is_never_right(self):
        values = np.array([0, 1, 0, 1, 0, 1, 2, 2.0])[:, None]
        result = factor_separation(values, values, categorical=[True], folds=[0, 0, 1, 1, 2, 2, 3, 3])
        np.testing.assert_allclose(result.predictions, 2 / 3)


class TestExplicitness:
    def test_categories_follow_from_the_log_loss(self, numbers):
        category = np.digitize(numbers[:, 0] + 0.3 * numbers[:, 2], [-0.6, 0.2]).astype(float)
        folds = np.arange(len(numbers)) % 3
        standard = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
        loss = baseline = 0.0
        for fold in range(3):
            train, test = folds != fold, folds == fold
            model = LogisticRegression(max_iter=1000, tol=1e-8).fit(standard[train], category[train])
            at = category[test].astype(int)
            loss -= np.log(model.predict_proba(standard[test])[np.arange(test.sum()), at]).sum()
            baseline -= np.log(np.bincount(category[train].astype(int)) / train.sum())[at].sum()
        result = factor_explicitness(numbers, category[:, None], categorical=[True], folds=folds)
        assert result.score == pytest.approx(1 - loss / baseline, abs=1e-4)

    def test_more_units_than_stimuli_give_the_predictions_of_all_units(self, numbers):
        rng = np.random.default_rng(4)
        factors = np.column_stack([numbers[:60, 0], numbers[:60, 1] > 0]).astype(float)
        wide = factors @ rng.standard_normal((2, 90)) + rng.standard_normal((60, 90))
        is_category = [False, True]
        # Units of mean 0 and variance 1 stay as they are, and a rotation of the stimuli keeps their products.
        wide = (wide - wide.mean(axis=0)) / wide.std(axis=0)
        result = factor_explicitness(wide, factors, categorical=is_category)
        assert (result.per_factor > 0.1).all()
        copies = factor_explicitness(np.hstack([wide, wide]), factors, categorical=is_category)
        assert copies.per_factor[0] == pytest.approx(result.per_factor[0], abs=0.1)

    def test_in_sample_numbers_are_least_squares(self, numbers):
        units = numbers[:, :2] + 0.5 * numbers[:, 2:]
        design = np.column_stack([units, np.ones(len(units))])
        fitted = design @ np.linalg.lstsq(design, numbers, rcond=None)[0]
        result = factor_explicitness(units, numbers, in_sample=True)
        np.testing.assert_allclose(result.per_factor, variance_explained(numbers, fitted))

    def test_noise_explains_nothing(self, numbers):
        noise = np.random.default_rng(5).standard_normal((300, 5))
        assert factor_explicitness(noise, numbers).score < 0.02
        category = (numbers[:, :1] > 0).astype(float)
        assert factor_explicitness(noise, category, categorical=[True]).score < 0.02

    def test_categories_that_no_other_fold_has(self):
        values = np.repeat(np.arange(4.0), 2)[:, None]
        result = factor_explicitness(values, values, categorical=[True], folds=np.repeat(np.arange(4), 2))
        assert np.isnan(result.score)


@pytest.mark.parametrize("function", ALL)
class TestArguments:
    def test_order_of_units_and_factors(self, function, numbers):
        units = numbers @ np.random.default_rng(2).standard_normal((4, 6))
        folds = {} if function is factor_information else {"folds": np.arange(300) % 5}
        result, other = (
            function(units, numbers, **folds),
            function(units[:, ::-1], numbers[:, [1, 3, 0, 2]], **folds),
        )
        for name, value in vars(result).items():
            if isinstance(value, float):
                assert getattr(other, name) == pytest.approx(value, abs=1e-8), name

    def test_errors(self, function, numbers):
        for units, factors, message in (
            (numbers[:5], numbers, "Z and factors must have the same stimuli in rows"),
            (numbers, np.ones((300, 2)), "each factor must vary; factor 0 has one value"),
            (np.full((300, 2), np.nan), numbers, "Z must be finite"),
        ):
            with pytest.raises(ArrayError, match=message):
                function(units, factors)
        with pytest.raises(ArrayError, match=r"categorical must be booleans of shape \(4,\)"):
            function(numbers, numbers, categorical=[True])


def test_too_few_bins_and_factors(numbers):
    with pytest.raises(UsageError, match="bins must be 2 or more, got 1"):
        factor_information(numbers, numbers, bins=1)
    with pytest.raises(UsageError, match="disentanglement needs two factors"):
        factor_dci(numbers, numbers[:, :1])
