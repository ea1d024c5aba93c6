"""Records of fitted reducers in the provenance and the notes of scores."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.model_zoo.nmf import nmf
from neuroalign.model_zoo.reducers import pca, subsample
from neuroalign.model_zoo.srp import srp
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import as_model
from neuroalign.models.reductions import notes_on_reductions, reductions_of

FIRST, SECOND = "correlation_ratio[turns=0]", "cka[n_permutations=0]"
NOTE = (
    "+pca was fitted to the latents of all 120 stimuli (not to responses), because the stimulus table marks no "
    "training stimuli"
)


def corner(images):
    return images[:, :5, :8].reshape(len(images), -1).astype(np.float64)


@pytest.fixture
def model():
    return as_model(corner, fingerprint="corner-1")


@pytest.fixture
def unmarked(dataset):
    """The dataset without marks of training stimuli."""
    stimuli = dataset.stimuli
    images = {name: np.asarray(stimuli.open(name)) for name in stimuli.ids}
    bare = StimulusSet(stimuli.identifier, stimuli.table.drop(columns="training"), images)
    return replace(dataset, stimuli=bare)


def test_scores_record_the_fit(dataset, model):
    score = na.score(pca(3)(model), dataset, FIRST)
    (record,) = score.provenance["reductions"]
    training = dataset.stimuli.training()
    assert record["reducer"] == "pca"
    assert (record["n"], record["n_units"], record["n_training"]) == (3, 40, 100)
    assert (record["training_stimuli"], record["solver"], record["mirrored"]) == ("marked", "exact", True)
    assert record["training_hash"] == training.content_hash
    values = corner(training.pixels())
    values = values - values.mean(axis=0)
    variances = np.linalg.svd(values, compute_uv=False) ** 2
    assert record["explained_variance"] == pytest.approx(variances[:3].sum() / variances.sum(), abs=1e-6)
    assert not any("fitted" in note for note in score.notes)
    # The second score reads the latents from the cache, and the third is stored.
    again = na.score(pca(3)(model), dataset, SECOND)
    assert again.provenance["reductions"] == [record]
    assert na.score(pca(3)(model), dataset, FIRST).provenance["reductions"] == [record]
    assert "reductions" not in na.score(model, dataset, SECOND).provenance


def test_a_fit_to_all_stimuli_is_noted(unmarked, model):
    score = na.score(pca(3)(model), unmarked, SECOND)
    assert NOTE in score.notes
    assert score.provenance["reductions"][0]["training_stimuli"] == "all"
    assert "note" not in score.provenance["reductions"][0]
    assert na.score(pca(3)(model), unmarked, SECOND).notes == score.notes


def test_held_out_stimuli_play_no_part_in_pca(dataset):
    stimuli = dataset.stimuli.select(dataset.stimuli.ids)
    stimuli.mirror_training = False
    held_out = ~np.isin(stimuli.ids, stimuli.training().ids)
    assert held_out.sum() == 20
    values = np.random.default_rng(0).standard_normal((120, 12))
    changed = values + 50 * held_out[:, np.newaxis] * np.arange(12)
    for solver in ("exact", "incremental"):
        before, after = (
            pca(3, solver)(as_model(named(stimuli, given), identifier="given")).latents(stimuli)
            for given in (values, changed)
        )
        np.testing.assert_array_equal(before.values[~held_out], after.values[~held_out])
        assert (before.values[held_out] != after.values[held_out]).all()


def named(stimuli, values):
    return xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli.ids})


def test_records_of_chains(dataset, model):
    latents = compute_latents(subsample(4)(srp(5)(nmf(6)(model))), dataset.stimuli)
    assert [record["reducer"] for record in reductions_of(latents)] == ["nmf", "srp"]
    assert latents.sizes["unit"] == 4


def test_a_reducer_behind_a_fitted_one_takes_images_as_they_are(dataset, model):
    """The inner components of the mirrored images alone would be other components."""
    stimuli = dataset.stimuli
    assert stimuli.training().mirrored != stimuli.mirrored
    inner = pca(6)(model)
    latents = pca(2)(inner).latents(stimuli)
    values = inner.latents(stimuli)
    training = values.sel(stimulus=stimuli.training().ids).values
    axes = np.linalg.svd(training - training.mean(axis=0), full_matrices=False)[2][:2]
    expected = (values.values - training.mean(axis=0)) @ axes.T
    np.testing.assert_allclose(np.abs(latents.values), np.abs(expected), atol=1e-6)
    assert [record["mirrored"] for record in reductions_of(latents)] == [True, False]
    assert notes_on_reductions(latents) == [
        "+pca was fitted to the training images as they are, not to their mirror images, because it follows another "
        "fitted reducer"
    ]
    # A projection with a given number of units is the same for all images.
    (_, record) = reductions_of(pca(2)(srp(20)(model)).latents(stimuli))
    assert record["mirrored"] is True
