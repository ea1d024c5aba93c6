import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.decomposition import PCA as ReferencePCA

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import MissingImagesError, ModelError, UnknownNameError, UsageError
from neuroalign.model_zoo.fitted import pixels
from neuroalign.model_zoo.ica import ICA
from neuroalign.model_zoo.pca import PCA
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model


@pytest.fixture(autouse=True)
def nothing_kept():
    pixels.decompose.cache_clear()


def smooth_images(n, size=16, seed=0):
    """Sums of a few sine gratings, so that few components carry most of the variance."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    gratings = [
        np.sin(2 * np.pi * (fx * x + fy * y) + phase)
        for fx in range(3)
        for fy in range(3)
        for phase in (0, 1.5)
        if fx + fy
    ]
    weights = rng.laplace(size=(n, len(gratings))) / np.arange(1, len(gratings) + 1)
    images = 0.5 + 0.05 * np.tensordot(weights, np.array(gratings), axes=1)
    return np.clip(255 * images, 0, 255).astype(np.uint8)


def stimulus_set(images, *, training=None, mirror_training=False):
    ids = [f"s{index:03d}" for index in range(len(images))]
    table = pd.DataFrame(index=ids)
    if training is not None:
        table["training"] = training
    return StimulusSet(
        "gratings", table, dict(zip(ids, images, strict=True)), mirror_training=mirror_training
    )


@pytest.fixture
def stimuli():
    return stimulus_set(smooth_images(90), training=np.arange(90) % 3 > 0)


def test_pca_is_scikit_learns_fitted_to_training_images(stimuli):
    latents = load_model("pca[n=7,image_size=16]").latents(stimuli)
    reference = ReferencePCA(7, svd_solver="full").fit(stimuli.training().pixels(16).reshape(60, -1))
    expected = reference.transform(stimuli.pixels(16).reshape(90, -1))
    np.testing.assert_allclose(latents.values, expected, atol=1e-5)
    assert latents["stimulus"].values.tolist() == stimuli.ids.tolist()


def test_training_images_are_mirrored_where_the_set_says_so():
    images = smooth_images(60)
    training = np.arange(60) < 45
    plain = stimulus_set(images, training=training)
    mirrored = stimulus_set(images, training=training, mirror_training=True)
    flipped = images[training][:, :, ::-1].reshape(45, -1) / 255
    expected = ReferencePCA(5, svd_solver="full").fit(flipped).transform(images.reshape(60, -1) / 255)
    model = load_model("pca[n=5,image_size=16]")
    np.testing.assert_allclose(model.latents(mirrored).values, expected, atol=1e-5)
    assert np.abs(model.latents(plain).values - expected).max() > 0.1


def test_order_of_the_stimuli_changes_nothing(stimuli):
    shuffled = stimuli.select(np.random.default_rng(0).permutation(stimuli.ids))
    for name in ("pca[n=4,image_size=16]", "ica[n=4,image_size=16]"):
        model = load_model(name)
        straight, kept = model.latents(stimuli), model.latents(shuffled)
        pixels.decompose.cache_clear()
        again = model.latents(shuffled)
        for other in (kept, again):
            assert other["stimulus"].values.tolist() == shuffled.ids.tolist()
            np.testing.assert_array_equal(other.sortby("stimulus"), straight.sortby("stimulus"))


def test_decode_error_falls_with_n(stimuli):
    truth = stimuli.pixels(16)
    errors = []
    for n in (1, 3, 6, 12, 18):
        model = load_model(f"pca[n={n},image_size=16]")
        decoded = model.decode(model.latents(stimuli))
        assert decoded.dtype == np.float32
        assert decoded.shape == truth.shape
        assert decoded.min() >= 0
        assert decoded.max() <= 1
        errors.append(float(((decoded - truth) ** 2).mean()))
    assert (np.diff(errors) < 0).all()
    assert errors[-1] < 0.01 * errors[0]


def test_ica_reconstructs_as_pca_does():
    stimuli = stimulus_set(smooth_images(400))
    pca, ica = load_model("pca[n=6,image_size=16]"), load_model("ica[n=6,image_size=16,seed=3]")
    np.testing.assert_allclose(ica.decode(ica.latents(stimuli)), pca.decode(pca.latents(stimuli)), atol=1e-5)


def test_ica_recovers_independent_sources():
    rng = np.random.default_rng(0)
    sources = rng.uniform(-1, 1, (600, 4))
    patterns = np.zeros((4, 8, 8))
    # Overlapping blobs: principal components mix them, since their strengths are alike.
    for index, (row, column) in enumerate([(1, 1), (1, 3), (3, 1), (3, 3)]):
        patterns[index, row : row + 4, column : column + 4] = 0.12
    images = np.rint(255 * (0.5 + np.tensordot(sources, patterns, axes=1))).astype(np.uint8)
    stimuli = stimulus_set(images)

    def best_match(name):
        latents = load_model(name).latents(stimuli).values
        return np.abs(np.corrcoef(latents.T, sources.T)[:4, 4:]).max(axis=0)

    assert best_match("ica[n=4,image_size=8]").min() > 0.98
    assert best_match("pca[n=4,image_size=8]").min() < 0.9
    # The pixel that a unit changes most becomes brighter with larger values, for any sign from FastICA.
    latents = load_model("ica[n=4,image_size=8,seed=5]").latents(stimuli).values
    correlations = np.corrcoef(latents.T, sources.T)[:4, 4:]
    assert (correlations.max(axis=0) > 0.98).all()


def test_ica_units_have_unit_variance_and_the_seed_counts(stimuli):
    everything = stimulus_set(smooth_images(80))
    first, again, other = (
        load_model(f"ica[n=6,image_size=16,seed={seed}]").latents(everything).values for seed in (0, 0, 1)
    )
    np.testing.assert_allclose(first.std(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_identical_training_images_give_uninformative_units():
    images = np.repeat(smooth_images(1), 20, axis=0)
    for name in ("pca[n=2,image_size=16]", "ica[n=2,image_size=16]"):
        assert not load_model(name).latents(stimulus_set(images))["informative"].any()


def test_golden_numbers(stimuli):
    pca = load_model("pca[n=3,image_size=16]").latents(stimuli)
    ica = load_model("ica[n=3,image_size=16,seed=0]").latents(stimuli)
    np.testing.assert_allclose(pca.values[0], GOLDEN["pca"], rtol=1e-4)
    np.testing.assert_allclose(ica.values[0], GOLDEN["ica"], rtol=1e-3)


@pytest.mark.parametrize("name", ["pca[n=3,image_size=16]", "ica[n=3,image_size=16,seed=0]"])
def test_golden_pixels(stimuli, name):
    model = load_model(name)
    decoded = model.decode(model.latents(stimuli))
    # Both span the same subspace, so they reconstruct the same.
    np.testing.assert_allclose(decoded[0, 8, ::4], GOLDEN["row"], atol=1e-6)


GOLDEN = {
    "pca": [0.122854, 0.0621701, -0.556796],
    "ica": [2.16766, 0.657053, 0.231599],
    "row": [0.52075094, 0.51180035, 0.49791852, 0.51560235],
}


def test_families_and_their_names(dataset):
    assert [model.identifier for model in PCA().instances()] == [f"pca[n={n}]" for n in (10, 20, 30, 40, 50)]
    assert len(PCA(sizes=pixels.PAPER_SIZES).grid()) == 41
    assert len(ICA(seeds=range(10)).grid()) == 50
    assert ICA(sizes=(10,)).instances()[1].identifier == "ica[n=10,seed=1]"
    assert load_model("pca").identifier == "pca"


def test_instances_share_one_decomposition(stimuli, monkeypatch):
    calls = []
    original = pixels.principal_components
    monkeypatch.setattr(
        pixels, "principal_components", lambda *args: calls.append(args[1]) or original(*args)
    )
    for family in (PCA(sizes=(3, 5, 50)), ICA(sizes=(4,), seeds=(0,))):
        for model in family.instances():
            model.latents(stimuli)
    assert calls == [50]
    load_model("pca[n=55]").latents(stimuli)
    assert calls == [50, 55]


def test_fingerprints_tell_options_apart():
    names = ["pca[n=3]", "pca[n=4]", "pca[n=3,image_size=32]", "ica[n=3]", "ica[n=3,seed=1]"]
    assert len({load_model(name).fingerprint for name in names}) == len(names)
    assert load_model("ica[n=3]").fingerprint == load_model("ica[n=3,seed=0]").fingerprint


def test_decode_of_cached_latents_needs_the_dataset(dataset):
    first = load_model("pca[n=5,image_size=16]")
    latents = compute_latents(first, dataset.stimuli)
    with pytest.raises(ModelError, match="call latents"):
        load_model("pca[n=5,image_size=16]").decode(latents)
    for_dataset = load_model("pca[n=5,image_size=16]", dataset=dataset)
    np.testing.assert_array_equal(for_dataset.decode(latents), first.decode(latents))
    with pytest.raises(ModelError, match="decodes 5 units, got 2"):
        for_dataset.decode(latents.isel(unit=[0, 1]))


def test_mistakes_are_explained(stimuli):
    with pytest.raises(ModelError, match=r"60 training images of 16×16 pixels have 59 .* choose n ≤ 59"):
        load_model("pca[n=60,image_size=16]").latents(stimuli)
    with pytest.raises(ModelError, match="choose n ≤ 16"):
        load_model("pca[n=17,image_size=4]").latents(stimuli)
    with pytest.raises(UsageError, match=r"pca needs n, the number of units, as in pca\[n=10\]"):
        load_model("pca[image_size=32]")
    with pytest.raises(UnknownNameError, match="did you mean seed"):
        load_model("ica[n=3,sed=1]")
    with pytest.raises(UsageError, match=r"n must be a whole number of at least 1, got 2\.5"):
        load_model("pca[n=2.5]")
    with pytest.raises(UsageError, match="seed must be a whole number of at least 0, got -1"):
        load_model("ica[n=2,seed=-1]")
    with pytest.raises(MissingImagesError):
        load_model("pca[n=2]").latents(StimulusSet("bare", stimuli.table))


def test_decode_accepts_any_latents(stimuli):
    model = load_model("pca[n=2,image_size=16]")
    model.latents(stimuli)
    zero = xr.DataArray(np.zeros((1, 2)), dims=("stimulus", "unit"))
    mean = stimuli.training().pixels(16).mean(axis=0)
    np.testing.assert_allclose(model.decode(zero)[0], mean, atol=1e-6)
