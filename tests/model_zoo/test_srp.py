import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.random_projection import SparseRandomProjection, johnson_lindenstrauss_min_dim

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.model_zoo.srp import enough_projections, project, projection_matrix, srp
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.latents_file import latents_folder
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.model import Batched
from neuroalign.models.reductions import notes_on_reductions, reductions_of
from neuroalign.names.syntax import parse_spec


def pixels(images):
    return images.reshape(len(images), -1)


def wide(images):
    """2,000 units, many more than pixels: fixed random features."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    return np.cos(flat @ np.random.default_rng(3).standard_normal((flat.shape[1], 2000)))


@pytest.fixture
def model():
    return as_model(pixels, fingerprint="pixels-1", batch_size=7)


def test_projection_is_that_by_scikit_learn(dataset, model):
    latents = srp(20, seed=4)(model).latents(dataset.stimuli)
    values = model.latents(dataset.stimuli).values
    expected = SparseRandomProjection(20, random_state=4).fit_transform(values)
    np.testing.assert_allclose(latents.values, expected, rtol=1e-12, atol=1e-12)
    assert latents["stimulus"].values.tolist() == dataset.stimuli.ids.tolist()
    matrix = projection_matrix(400, 100, 1)
    # A share of 1/√400 of the entries is ±√(√400 / 100).
    assert set(np.unique(np.abs(matrix.data)).round(12)) == {round(np.sqrt(20 / 100), 12)}
    assert matrix.nnz / matrix.shape[0] / matrix.shape[1] == pytest.approx(1 / 20, abs=0.005)


@pytest.mark.parametrize(("eps", "bound"), [(0.5, 0.28), (0.3, 0.16)])
def test_distances_are_kept_within_eps(eps, bound):
    rows = np.random.default_rng(0).standard_normal((60, 5000))
    n = enough_projections(60, eps)
    assert n == johnson_lindenstrauss_min_dim(60, eps=eps) == {0.5: 196, 0.3: 454}[eps]
    before = pdist(rows, "sqeuclidean")
    after = pdist(project(projection_matrix(5000, n, 0), rows), "sqeuclidean")
    error = np.abs(after / before - 1)
    assert error.max() < eps
    # Measured: the largest of the 1,770 errors is about 0.6 of the guarantee.
    assert error.max() < bound + 0.1
    assert error.mean() == pytest.approx(np.sqrt(4 / np.pi / n), rel=0.15)


@given(st.integers(1, 13), st.integers(0, 3))
def test_bytes_do_not_depend_on_the_batches(size, seed):
    rows = np.random.default_rng(seed).standard_normal((13, 50)) * 10.0 ** np.arange(-25, 25)
    matrix = projection_matrix(50, 9, seed)
    parts = [project(matrix, rows[start : start + size]) for start in range(0, 13, size)]
    np.testing.assert_array_equal(np.concatenate(parts), project(matrix, rows))


def test_models_of_any_batch_size_give_the_same_bytes(dataset):
    stimuli = dataset.stimuli.select(dataset.stimuli.ids[:15])
    computed = [srp(9)(as_model(pixels, batch_size=size)).latents(stimuli) for size in (1, 7, 256)]
    xr.testing.assert_identical(computed[0], computed[1])
    xr.testing.assert_identical(computed[0], computed[2])


def test_a_network_is_projected_batch_by_batch(dataset, monkeypatch):
    model = as_model(wide, fingerprint="wide-1", batch_size=10)
    reduced = srp(30)(model)
    assert isinstance(reduced, Batched)
    blocks = list(reduced.latent_batches(dataset.stimuli))
    assert [block.sizes["unit"] for block in blocks] == [30] * 12
    computed = compute_latents(reduced, dataset.stimuli)
    # The projections are in the cache, and the 2,000 units of the network are not.
    (file,) = latents_folder().glob("*.nc")
    assert file.stat().st_size < 120 * 2000
    # Cached latents of the whole layer are read in place of another run of the network, with the same bytes.
    compute_latents(model, dataset.stimuli)
    monkeypatch.setattr(model, "function", None)
    xr.testing.assert_identical(srp(30)(model).latents(dataset.stimuli), computed)
    assert srp(31)(model).latents(dataset.stimuli).sizes["unit"] == 31


def test_projections_larger_than_memory_stay_in_a_file(dataset, model, monkeypatch):
    expected = compute_latents(srp(25)(model), dataset.stimuli, use_cache=False)
    monkeypatch.setenv("NEUROALIGN_LATENTS_MEMORY", "0.001")
    stored = compute_latents(srp(25)(model), dataset.stimuli)
    assert not isinstance(stored.variable._data, np.ndarray)
    np.testing.assert_array_equal(stored.values, expected.values)
    assert reductions_of(stored) == reductions_of(expected)


def test_latents_of_neurons_are_projected(dataset):
    neurons = NeuronModel(dataset, "neurons:single")
    latents = srp(4)(neurons).latents(dataset.stimuli)
    responses = neurons.latents(dataset.stimuli)
    expected = SparseRandomProjection(4, random_state=0).fit_transform(responses.values)
    np.testing.assert_allclose(latents.sel(stimulus=responses["stimulus"]).values, expected, atol=1e-12)


def test_default_number_of_projections(dataset, model):
    n_units = model.latents(dataset.stimuli).sizes["unit"]
    few = srp(eps=0.99)(model)
    n = johnson_lindenstrauss_min_dim(len(dataset.stimuli), eps=0.99)
    assert few.latents(dataset.stimuli).sizes["unit"] == n < n_units
    (record,) = reductions_of(few.latents(dataset.stimuli))
    assert record == {
        "reducer": "srp",
        "n": n,
        "seed": 0,
        "n_units": n_units,
        "eps": 0.99,
        "n_stimuli": 120,
        "density": 1 / np.sqrt(n_units),
        "projected": True,
    }


def test_a_layer_with_few_units_stays_as_it_is_with_a_note(dataset):
    model = as_model(lambda images: images[:, 0, :5], identifier="row")
    latents = srp()(model).latents(dataset.stimuli)
    np.testing.assert_array_equal(latents.values, model.latents(dataset.stimuli).values)
    assert notes_on_reductions(latents) == [
        "+srp: 5 units stay as they are, because eps=0.1 asks for 4,103 projections of 120 stimuli"
    ]
    assert reductions_of(latents)[0]["projected"] is False


def test_names_and_fingerprints(model):
    assert load_model("pca[n=8]+srp[n=3,seed=2]").identifier == "pca[n=8]+srp[n=3,seed=2]"
    assert load_model("pca[n=8]+srp").identifier == "pca[n=8]+srp[eps=0.1,seed=0]"
    for name in ("timm:resnet50@layer4+srp[n=512,seed=0]", "pca[n=8]+srp[eps=0.2,seed=1]"):
        assert str(parse_spec(name)) == name
    prints = {
        srp(n, eps, seed)(model).fingerprint for n in (None, 3, 4) for eps in (0.1, 0.2) for seed in (0, 1)
    }
    # eps is part of the computation only where it gives the number of projections.
    assert len(prints) == 8
    assert srp(3)(as_model(pixels)).fingerprint is None


def test_mistakes_are_explained(dataset, model):
    with pytest.raises(ModelError, match=r"cannot make 5000 projections of \d+ units; choose n ≤"):
        srp(5000)(model).latents(dataset.stimuli)
    with pytest.raises(UsageError, match="srp: eps must be above 0 and below 1, got 1"):
        srp(eps=1)
    with pytest.raises(UsageError, match=r"srp: n must be .*, got 0"):
        srp(0)
    empty = StimulusSet.from_arrays(np.zeros((0, 4, 4), dtype=np.uint8))
    with pytest.raises(ModelError, match="at least one stimulus"):
        srp(2)(model).latents(empty)
