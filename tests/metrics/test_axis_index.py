"""The axis index κ against values by hand."""

import numpy as np
import pytest

from neuroalign.errors import UsageError
from neuroalign.metrics import axis_index, is_special


def test_kappa_lies_between_turned_and_perfect_scores():
    result = axis_index(0.8, [0.5, 0.6, 0.4])
    assert result.value == pytest.approx(0.3 / 0.5)
    assert (result.native, result.turned, result.turned_sd) == pytest.approx((0.8, 0.5, 0.1))
    assert (result.p, result.n_turns) == (0.25, 3)
    assert axis_index(1.0, [0.5, 0.6]).value == 1.0
    # Below the level of chance it is negative.
    assert axis_index(0.4, [0.5, 0.5]).value == pytest.approx(-0.2)


def test_a_turned_score_that_is_the_native_one_gives_zero():
    result = axis_index(0.5, [0.5, 0.5, 0.5])
    assert (result.value, result.p) == (0.0, 1.0)


def test_distances_improve_towards_zero():
    result = axis_index(0.2, [0.5, 0.6, 0.1], perfect=0.0)
    assert result.value == pytest.approx((0.2 - 0.4) / (0.0 - 0.4))
    assert result.p == 0.5


def test_p_lies_between_one_in_all_and_one():
    turned = np.linspace(0.2, 0.4, 19)
    assert axis_index(0.9, turned).p == 1 / 20
    assert axis_index(0.1, turned).p == 1.0
    # A turned score that equals the native one counts against it.
    assert axis_index(0.4, turned).p == 2 / 20


@pytest.mark.parametrize(
    ("native", "turned"),
    [(0.5, [0.4]), (0.5, []), (np.nan, [0.4, 0.5]), (1.0, [1.0, 1.0]), (0.5, [0.4, np.nan])],
    ids=["one turn", "no turn", "no native score", "no room", "one finite turn"],
)
def test_an_index_that_is_undefined_is_nan(native, turned):
    result = axis_index(native, turned)
    assert np.isnan([result.value, result.p]).all()


def test_perfect_must_be_finite():
    with pytest.raises(UsageError, match="perfect must be a finite number, got inf"):
        axis_index(0.5, [0.1, 0.2], perfect=float("inf"))


def test_the_index_of_alignment_does_not_depend_on_d():
    entropies = np.array([0.3, 0.9, 1.1])
    for n_units in (2, 10, 500):
        scores = 1 - entropies / np.log(n_units)
        assert axis_index(scores[0], scores[1:]).value == pytest.approx(1 - 0.3 / 1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("index", "error", "p", "expected"),
    [
        (0.1001, 0.0, 0.05, True),
        (0.10, 0.0, 0.05, False),
        (0.5, 0.0, 0.0501, False),
        (0.5, 0.243, 0.01, True),
        (0.5, 0.244, 0.01, False),
        (0.5, float("nan"), 0.01, False),
        (float("nan"), 0.1, 0.01, False),
        (0.5, 0.1, float("nan"), False),
    ],
)
def test_axes_are_special_by_p_and_the_bound_over_neurons(index, error, p, expected):
    assert is_special(index, error, p) is expected
