import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import PCA

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.fitted import components
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.model_zoo.reducers import pca, subsample
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.model import ModelFamily


def halves(pixels):
    """Units of very unequal variance that mirroring changes."""
    flat = pixels.reshape(len(pixels), -1)
    return np.concatenate([flat[:, :40] * np.linspace(3, 1, 40), flat[:, :3] @ np.ones((3, 2))], axis=1)


@pytest.fixture
def model():
    return as_model(halves, fingerprint="halves-1")


def test_pca_fits_to_mirrored_training_images_and_projects_all(dataset, model):
    latents = pca(6)(model).latents(dataset.stimuli)
    training, everything = dataset.stimuli.training(), dataset.stimuli
    assert training.mirrored
    reference = PCA(6, svd_solver="full").fit(halves(training.pixels().astype(np.float64)))
    expected = reference.transform(halves(everything.pixels().astype(np.float64)))
    np.testing.assert_allclose(latents.values, expected, atol=1e-5)
    assert latents["stimulus"].values.tolist() == dataset.stimuli.ids.tolist()
    unmirrored = PCA(6).fit(model.latents(dataset.stimuli.select(training.ids)).values)
    assert np.abs(unmirrored.transform(model.latents(everything).values) - latents.values).max() > 0.1


def test_pca_of_latents_known_by_id_fits_to_the_same_stimuli(dataset):
    responses = dataset.responses
    latents = pca(3)(NeuronModel(dataset, "neurons:single")).latents(dataset.stimuli)
    training = responses.sel(stimulus=np.intersect1d(dataset.stimuli.training().ids, responses["stimulus"]))
    expected = PCA(3, svd_solver="full").fit(training.values).transform(responses.values)
    np.testing.assert_allclose(latents.sortby("stimulus").values, expected, atol=1e-9)
    given = xr.DataArray(
        responses.values, dims=("stimulus", "unit"), coords={"stimulus": responses["stimulus"]}
    )
    np.testing.assert_array_equal(
        pca(3)(as_model(given, identifier="given")).latents(dataset.stimuli).sortby("stimulus"),
        latents.sortby("stimulus"),
    )


def test_pca_encodes_once_where_nothing_is_mirrored(dataset):
    seen = []

    def count(pixels):
        seen.append(len(pixels))
        return pixels.reshape(len(pixels), -1)

    # A copy: all tests share the dataset.
    stimuli = dataset.stimuli.select(dataset.stimuli.ids)
    stimuli.mirror_training = False
    pca(2)(as_model(count)).latents(stimuli)
    # One image alone, twice, is there to check the function with.
    assert sum(seen) == len(stimuli) + 2


def test_pca_marks_components_without_variance(dataset):
    def doubled(pixels):
        return pixels[:, 0, :2].repeat(3, axis=1)

    latents = pca(4)(as_model(doubled)).latents(dataset.stimuli)
    assert latents["informative"].values.tolist() == [True, True, False, False]


def test_latents_that_stay_in_a_file_are_reduced_to_the_same_bytes(dataset, model, monkeypatch):
    monkeypatch.setattr(components, "BLOCK", 500)
    for reducer in (pca(6), subsample(5)):
        expected = reducer(model).latents(dataset.stimuli)
        monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "0.001")
        assert not isinstance(compute_latents(model, dataset.stimuli).variable._data, np.ndarray)
        xr.testing.assert_identical(reducer(model).latents(dataset.stimuli), expected)
        monkeypatch.delenv("NEUROALIGN_LATENTS_MEMORY")


def test_the_model_that_is_reduced_runs_once_for_all_its_reductions(dataset):
    seen = []

    def count(pixels):
        seen.append(len(pixels))
        return pixels.reshape(len(pixels), -1)

    stimuli = dataset.stimuli.select(dataset.stimuli.ids)
    stimuli.mirror_training = False
    counted = as_model(count, fingerprint="count-1")
    for reducer in (pca(2), pca(3), subsample(2), subsample(2, seed=1)):
        compute_latents(reducer(counted), stimuli)
    assert sum(seen) == len(stimuli) + 2


def test_order_of_the_stimuli_changes_nothing(dataset, model):
    shuffled = dataset.stimuli.select(dataset.stimuli.ids[::-1])
    straight = pca(4)(model).latents(dataset.stimuli)
    np.testing.assert_array_equal(pca(4)(model).latents(shuffled).sortby("stimulus"), straight)


def test_subsample_keeps_labels_and_depends_on_seed_and_size(dataset):
    neurons = NeuronModel(dataset, "neurons:single")
    everything = neurons.latents(dataset.stimuli)
    latents = subsample(5, seed=2)(neurons).latents(dataset.stimuli)
    assert latents.sizes["unit"] == 5
    assert latents.attrs["neuroids_of"] == dataset.recording_hash
    xr.testing.assert_identical(latents, everything.sel(unit=latents["unit"]))
    drawn = {
        tuple(subsample(n, seed)(neurons).latents(dataset.stimuli)["unit"].values)
        for n in (5, 6)
        for seed in range(10)
    }
    assert len(drawn) == 20
    again = subsample(5, seed=2)(neurons).latents(dataset.stimuli)
    xr.testing.assert_identical(latents, again)
    whole = subsample(12)(neurons).latents(dataset.stimuli)
    xr.testing.assert_identical(whole, everything)


def test_names_and_fingerprints(model):
    reduced = subsample(3, seed=4)(pca(5)(model))
    assert reduced.identifier == "halves+pca[n=5]+subsample[n=3,seed=4]"
    assert reduced.fingerprint is not None
    others = [pca(5)(model), pca(6)(model), subsample(5)(model), subsample(5, 1)(model), model, reduced]
    assert len({model.fingerprint for model in others}) == 6
    assert pca(5)(as_model(halves)).fingerprint is None
    assert pca(5)(as_model(halves, fingerprint="halves-2")).fingerprint != pca(5)(model).fingerprint


def test_by_name(dataset):
    model = load_model("pca[n=8,image_size=16]+subsample[n=3]")
    assert model.identifier == "pca[n=8,image_size=16]+subsample[n=3,seed=0]"
    assert model.latents(dataset.stimuli).sizes["unit"] == 3
    family = load_model("neuron_subset+pca[n=1]", dataset=dataset)
    assert isinstance(family, ModelFamily)
    assert family.instances()[0].latents(dataset.stimuli).sizes["unit"] == 1


def test_mistakes_are_explained(dataset, model):
    with pytest.raises(ModelError, match="100 training stimuli and 42 units allow 42; choose n ≤ 42"):
        pca(43)(model).latents(dataset.stimuli)
    with pytest.raises(ModelError, match="cannot draw 43 of 42 units"):
        subsample(43)(model).latents(dataset.stimuli)
    with pytest.raises(UsageError, match="pca: n must be a whole number of at least 1, got 0"):
        pca(0)
    with pytest.raises(UsageError, match="subsample: seed must be a whole number of at least 0, got 'a'"):
        subsample(2, "a")
    with pytest.raises(UsageError, match="the reducer pca cannot take these options"):
        load_model("pca[n=3]+pca")
