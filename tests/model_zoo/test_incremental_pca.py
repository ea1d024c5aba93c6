import numpy as np
import psutil
import pytest
import xarray as xr
from sklearn.decomposition import PCA

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.fitted import components, incremental
from neuroalign.model_zoo.fitted.components import principal_components
from neuroalign.model_zoo.fitted.incremental import incremental_components
from neuroalign.model_zoo.reducers import pca
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.reductions import reductions_of


def decaying(n_rows, n_features, rate, seed=0):
    """Rows with singular values that fall by `rate` from one to the next, around a mean that is not 0."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.standard_normal((n_rows, n_features)))[0]
    right = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
    return left * rate ** np.arange(n_features) @ right * 10 + rng.standard_normal(n_features)


class Counted:
    """Rows that note the largest part that is read, and how often each row is read."""

    def __init__(self, rows):
        self.rows, self.shape = rows, rows.shape
        self.largest, self.reads = 0, np.zeros(len(rows), dtype=int)

    def __getitem__(self, key):
        part = self.rows[key]
        self.largest = max(self.largest, part.size)
        self.reads[key] += 1
        return part


def test_equal_to_exact_where_few_dimensions_are_lost(monkeypatch):
    rows = decaying(400, 60, 0.9)
    monkeypatch.setattr(components, "BLOCK", 3600)
    monkeypatch.setattr(incremental, "SPARE", 45)
    exact, fitted = principal_components(rows, 10), incremental_components(rows, 10)
    reference = PCA(10, svd_solver="full").fit(rows)
    # 55 of 60 dimensions are kept: the lost ones have 1e-5 of the variance.
    np.testing.assert_allclose(np.abs((fitted.axes * exact.axes).sum(axis=1)), 1, atol=1e-8)
    np.testing.assert_allclose(fitted.project(rows), exact.project(rows), atol=1e-4)
    np.testing.assert_allclose(fitted.scale, exact.scale, rtol=1e-7)
    assert fitted.explained_variance == pytest.approx(reference.explained_variance_ratio_.sum(), abs=1e-8)
    assert exact.explained_variance == pytest.approx(reference.explained_variance_ratio_.sum(), abs=1e-12)


def test_equal_to_exact_where_no_dimension_is_lost(monkeypatch):
    rows = decaying(300, 40, 0.95)
    monkeypatch.setattr(components, "BLOCK", 2000)
    fitted, exact = incremental_components(rows, 5), principal_components(rows, 5)
    np.testing.assert_allclose(fitted.project(rows), exact.project(rows), atol=1e-11)
    assert fitted.total == pytest.approx(exact.total, rel=1e-12)
    assert exact.total == pytest.approx(rows.var(axis=0).sum(), rel=1e-12)


def test_reads_each_row_once_in_small_parts(monkeypatch):
    monkeypatch.setattr(components, "BLOCK", 40 * 70)
    monkeypatch.setattr(incremental, "SPARE", 20)
    rows = Counted(decaying(1000, 40, 0.9))
    incremental_components(rows, 3)
    assert (rows.reads == 1).all()
    assert rows.largest < 2 * 40 * 70


def test_by_name_for_latents_in_a_file(dataset, monkeypatch):
    monkeypatch.setattr(components, "BLOCK", 2000)
    model = as_model(
        lambda images: images.reshape(len(images), -1)[:, :60], identifier="few", fingerprint="few-1"
    )
    exact = pca(6)(model).latents(dataset.stimuli)
    expected = pca(6, "incremental")(model).latents(dataset.stimuli)
    # 56 of 60 dimensions are kept.
    np.testing.assert_allclose(expected.values, exact.values, atol=2e-3 * np.abs(exact.values).max())
    (record,) = reductions_of(expected)
    assert record["solver"] == "incremental"
    assert record["explained_variance"] == pytest.approx(
        reductions_of(exact)[0]["explained_variance"], abs=1e-5
    )
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "0.001")
    assert not isinstance(compute_latents(model, dataset.stimuli).variable._data, np.ndarray)
    xr.testing.assert_identical(pca(6, "incremental")(model).latents(dataset.stimuli), expected)
    named = load_model("pca[n=8]+pca[n=3,solver=incremental]")
    assert named.identifier == "pca[n=8]+pca[n=3,solver=incremental]"
    assert pca(6, "incremental")(model).fingerprint != pca(6)(model).fingerprint


def test_rows_without_variance():
    fitted = incremental_components(np.ones((20, 4)), 2)
    assert fitted.scale.tolist() == [0, 0]
    assert np.isnan(fitted.explained_variance)
    assert (fitted.project(np.ones((3, 4))) == 0).all()


def test_exact_components_larger_than_memory_name_the_other_solver(dataset, monkeypatch):
    model = as_model(lambda images: images.reshape(len(images), -1), identifier="pixels")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 100_000}))
    with pytest.raises(ModelError, match=r"use \+pca\[n=3,solver=incremental\]"):
        pca(3)(model).latents(dataset.stimuli)
    with pytest.raises(UsageError, match="pca: solver must be exact or incremental, got 'quick'"):
        pca(3, "quick")
