import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import NMF

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo import nmf as module
from neuroalign.model_zoo.nmf import fit_parts, nmf, weights_of
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.reductions import notes_on_reductions, reductions_of


def parts_of_images(images):
    """30 non-negative units."""
    return images.reshape(len(images), -1)[:, 200:230].astype(np.float64)


def given(stimuli, values):
    return as_model(
        xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli.ids}), identifier="given"
    )


def as_they_are(dataset):
    """Return the stimuli of the dataset, of which the training stimuli are not mirrored."""
    stimuli = dataset.stimuli.select(dataset.stimuli.ids)
    stimuli.mirror_training = False
    return stimuli


def planted(n_rows, n_units, n, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.gamma(1, size=(n_rows, n)) * (rng.random((n_rows, n)) < 0.5)
    parts = rng.gamma(1, size=(n, n_units)) * (rng.random((n, n_units)) < 0.3)
    return weights, parts


def test_equal_to_scikit_learn(dataset):
    stimuli = as_they_are(dataset)
    values = planted(120, 25, 4)[0] @ planted(120, 25, 4)[1] + 0.1
    latents = nmf(4)(given(stimuli, values)).latents(stimuli)
    training = np.isin(stimuli.ids, stimuli.training().ids)
    assert training.sum() == 100
    reference = NMF(4, init="nndsvda", random_state=0, max_iter=1000).fit(values[training])
    # Sorted by id, the rows have another order: NMF has the same parts to rounding.
    parts, _ = fit_parts(values[training], 4, None)
    np.testing.assert_array_equal(parts, reference.components_)
    reference.set_params(tol=1e-13, max_iter=20_000)
    expected = reference.transform(values)
    np.testing.assert_allclose(weights_of(parts, values), expected, atol=1e-6)
    np.testing.assert_allclose(latents.values, expected, atol=1e-3 * expected.max())
    residual = ((values - expected @ parts) ** 2)[training].sum()
    share = 1 - residual / ((values[training] - values[training].mean(axis=0)) ** 2).sum()
    (record,) = reductions_of(latents)
    assert record["explained_variance"] == pytest.approx(share, abs=1e-5)
    assert share > 0.95
    assert (record["n_training"], record["training_stimuli"], record["init"]) == (100, "marked", "nndsvda")


def test_planted_parts_are_found():
    weights, parts = planted(300, 40, 3)
    fitted, numbers = fit_parts(weights @ parts, 3, None)
    norm = np.linalg.norm
    similarity = fitted @ parts.T / norm(fitted, axis=1)[:, None] / norm(parts, axis=1)
    assert similarity.max(axis=0).min() > 0.995
    assert numbers["converged"]


def test_weights_of_a_row_do_not_depend_on_other_rows(dataset):
    model = as_model(parts_of_images, fingerprint="parts-1")
    latents = nmf(5)(model).latents(dataset.stimuli)
    assert (latents.values >= 0).all()
    shuffled = dataset.stimuli.select(dataset.stimuli.ids[::-1])
    xr.testing.assert_identical(
        nmf(5)(model).latents(shuffled).sortby("stimulus"), latents.sortby("stimulus")
    )
    parts = np.abs(np.random.default_rng(0).standard_normal((3, 8)))
    rows = np.random.default_rng(1).standard_normal((6, 8))
    together = weights_of(parts, rows)
    np.testing.assert_array_equal(
        np.concatenate([weights_of(parts, row[np.newaxis]) for row in rows]), together
    )
    gradient = (together @ parts - rows) @ parts.T
    assert np.abs(gradient[together > 0]).max() < 1e-12
    assert gradient[together == 0].min() > 0


def test_held_out_stimuli_play_no_part_in_the_fit(dataset):
    stimuli = as_they_are(dataset)
    values = planted(120, 20, 4)[0] @ planted(120, 20, 4)[1]
    training = np.isin(stimuli.ids, stimuli.training().ids)
    changed = np.where(training[:, np.newaxis], values, values[::-1] * 3)
    before, after = (
        nmf(3)(given(stimuli, given_values)).latents(stimuli) for given_values in (values, changed)
    )
    np.testing.assert_array_equal(before.values[training], after.values[training])
    assert not np.array_equal(before.values[~training], after.values[~training])


def test_seeds_names_and_fingerprints(dataset):
    model = as_model(parts_of_images, fingerprint="parts-1")
    assert nmf(5)(model).identifier == "parts_of_images+nmf[n=5]"
    assert load_model("pca[n=8]+nmf[n=5,seed=3]").identifier == "pca[n=8]+nmf[n=5,seed=3]"
    assert len({nmf(n, seed)(model).fingerprint for n in (4, 5) for seed in (None, 0, 1)}) == 6
    first, again, other = (nmf(5, seed)(model).latents(dataset.stimuli).values for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_mistakes_are_explained(dataset, monkeypatch):
    stimuli = as_they_are(dataset)
    values = np.ones((120, 4))
    values[3, 2] = -0.5
    with pytest.raises(
        ModelError, match=r"needs latents of at least 0, got -0\.5 in unit '2'; name a layer after"
    ):
        nmf(2)(given(stimuli, values)).latents(stimuli)
    with pytest.raises(ModelError, match="100 training stimuli and 4 units allow 4; choose n ≤ 4"):
        nmf(5)(given(stimuli, np.abs(values))).latents(stimuli)
    with pytest.raises(UsageError, match="nmf: n must be a whole number of at least 1, got 0"):
        nmf(0)
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "0.001")
    with pytest.raises(ModelError, match=r"in memory, 0\.0 GB; average positions with pool=mean"):
        nmf(2)(given(stimuli, np.abs(values))).latents(stimuli)


def test_a_fit_that_does_not_converge_has_a_note(dataset, monkeypatch):
    monkeypatch.setattr(module, "_MAX_ITERATIONS", 2)
    latents = nmf(5, seed=0)(as_model(parts_of_images)).latents(dataset.stimuli)
    assert notes_on_reductions(latents) == ["+nmf did not converge in 2 iterations"]
    assert reductions_of(latents)[0]["converged"] is False
