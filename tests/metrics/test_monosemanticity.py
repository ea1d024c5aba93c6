"""Monosemanticity by the definition over all pairs, and of units with one meaning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroalign.errors import ArrayError
from neuroalign.metrics import monosemanticity


def by_pairs(z, embedding):
    """Return the definition: a loop over pairs of different stimuli."""
    vectors = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    activity = (z - z.min()) / (z.max() - z.min())
    numerator = denominator = 0.0
    for n in range(len(z)):
        for m in range(len(z)):
            if n != m:
                numerator += activity[n] * activity[m] * vectors[n] @ vectors[m]
                denominator += activity[n] * activity[m]
    return numerator / denominator


@given(st.integers(0, 10**6))
def test_it_is_the_definition(seed):
    rng = np.random.default_rng(seed)
    Z, embedding = rng.standard_normal((12, 3)), rng.standard_normal((12, 5)) + 0.5
    result = monosemanticity(Z, embedding)
    np.testing.assert_allclose(result.per_unit, [by_pairs(z, embedding) for z in Z.T], rtol=0, atol=1e-14)
    vectors = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    similar = (vectors @ vectors.T)[~np.eye(12, dtype=bool)].mean()
    assert result.baseline == pytest.approx(similar, abs=1e-14)


def test_units_of_one_meaning_and_of_all():
    # Three classes with orthogonal embeddings; a unit for one class, for two, and for none in particular.
    classes = np.repeat(np.arange(3), 10)
    embedding = 7.0 * np.eye(3)[classes]
    Z = np.stack([classes == 1, classes < 2, np.arange(30) % 2 == 0], axis=1).astype(float)
    result = monosemanticity(Z, embedding)
    np.testing.assert_allclose(result.per_unit, [1.0, 9 / 19, 4 / 14], rtol=1e-12)
    assert result.baseline == pytest.approx(9 / 29, rel=1e-12)


def test_scale_and_shift_of_units_and_scale_of_embeddings_change_nothing():
    rng = np.random.default_rng(0)
    Z, embedding = rng.standard_normal((30, 4)), rng.standard_normal((30, 6))
    scaled = monosemanticity(3.0 * Z - 8.0, embedding * rng.uniform(0.1, 9.0, (30, 1)))
    np.testing.assert_allclose(scaled.per_unit, monosemanticity(Z, embedding).per_unit, rtol=1e-9)


def test_units_without_a_pair_have_no_score():
    Z = np.zeros((6, 2))
    Z[2, 0] = 5.0
    assert np.isnan(monosemanticity(Z, np.eye(6)).per_unit).all()


def test_wrong_embeddings():
    with pytest.raises(ArrayError, match="the embedding must not be zero, got zero for row 1"):
        monosemanticity(np.eye(3), [[1.0], [0.0], [2.0]])
    with pytest.raises(ArrayError, match="the same stimuli in rows, two at least, got 3 and 2"):
        monosemanticity(np.eye(3), np.ones((2, 2)))
