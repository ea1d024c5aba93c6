import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from neuroalign.model_zoo.fitted import components
from neuroalign.model_zoo.fitted.components import most_components, principal_components, signs


@pytest.mark.parametrize("block", [components.BLOCK, 450])
@pytest.mark.parametrize("shape", [(30, 200), (200, 30), (40, 40)])
def test_against_scikit_learn(shape, block, monkeypatch):
    monkeypatch.setattr(components, "BLOCK", block)
    rows = np.random.default_rng(0).standard_normal(shape) @ np.diag(np.linspace(3, 0.1, shape[1])) + 5.0
    result = principal_components(rows, 12)
    reference = PCA(12, svd_solver="full").fit(rows)
    np.testing.assert_allclose(result.mean, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(result.axes, reference.components_, atol=1e-9)
    np.testing.assert_allclose(
        result.scale, np.sqrt(reference.explained_variance_ * (shape[0] - 1) / shape[0])
    )
    np.testing.assert_allclose(result.project(rows), reference.transform(rows), atol=1e-9)


def test_all_components_reconstruct_exactly():
    rows = np.random.default_rng(1).standard_normal((9, 20))
    result = principal_components(rows, most_components(9, 20))
    assert result.axes.shape == (8, 20)
    np.testing.assert_allclose(result.reconstruct(result.project(rows)), rows, atol=1e-10)


@pytest.mark.parametrize("shape", [(50, 8), (8, 50)])
def test_components_without_variance_are_zero(shape):
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((shape[0], 2)) @ rng.standard_normal((2, shape[1]))
    result = principal_components(rows, 5)
    assert (result.scale > 0).tolist() == [True, True, False, False, False]
    assert (result.project(rows)[:, 2:] == 0).all()
    np.testing.assert_allclose(result.reconstruct(result.project(rows)), rows, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 12),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
    st.floats(-100, 100),
)
def test_axes_are_orthonormal_and_signed(n_rows, n_features, seed, offset):
    rows = np.random.default_rng(seed).standard_normal((n_rows, n_features)) + offset
    n = most_components(n_rows, n_features)
    result = principal_components(rows, n)
    np.testing.assert_allclose(result.axes @ result.axes.T, np.eye(n), atol=1e-6)
    assert (signs(result.axes) == 1).all()
    assert (np.diff(result.scale) <= 0).all()


def test_how_many_there_can_be():
    assert most_components(10, 100) == 9
    assert most_components(100, 10) == 10
    assert most_components(0, 10) == 0
