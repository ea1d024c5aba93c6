"""Participation ratio against eigenvalues and closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.metrics import participation_ratio


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 40))
def test_it_is_the_ratio_of_eigenvalues(seed, n, d):
    Z = np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1)
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.cov(Z.T)))
    expected = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    assert participation_ratio(Z) == pytest.approx(expected, rel=1e-10)
    assert participation_ratio(1e-200 * Z) == pytest.approx(expected, rel=1e-10)
    assert 1 - 1e-9 <= expected <= min(n - 1, d) + 1e-9


def test_equal_variances_in_orthogonal_directions_count_each():
    contrasts = np.kron(np.eye(5), [[1.0], [-1.0]])
    assert participation_ratio(contrasts) == pytest.approx(5.0, rel=1e-12)
    # Variances 1 and 3 of two directions: 4² / (1 + 9).
    assert participation_ratio(contrasts[:4, :2] * np.sqrt([1.0, 3.0])) == pytest.approx(1.6, rel=1e-12)


def test_noise_with_few_stimuli_is_lower():
    # Marchenko-Pastur: N D / (N + D) for white noise of N stimuli and D units.
    Z = np.random.default_rng(0).standard_normal((400, 100))
    assert participation_ratio(Z) == pytest.approx(400 * 100 / 500, rel=0.02)


def test_nothing_that_varies():
    assert np.isnan(participation_ratio(np.ones((5, 3))))
    assert np.isnan(participation_ratio(np.ones((5, 0))))
