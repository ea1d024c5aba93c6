import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from neuroalign.errors import ModelError, UnknownNameError
from neuroalign.models.loading import as_model


@pytest.fixture
def fitted(dataset):
    return PCA(4).fit(dataset.stimuli.training().pixels().reshape(100, -1))


def test_latents_are_the_transform_of_flat_pixels(dataset, fitted):
    model = as_model(fitted, batch_size=17)
    latents = model.latents(dataset.stimuli)
    expected = fitted.transform(dataset.stimuli.pixels().reshape(120, -1))
    assert re.fullmatch("PCA-[0-9a-f]{8}", model.identifier)
    assert model.image_size == 16
    np.testing.assert_allclose(latents.values, expected, atol=1e-5)
    np.testing.assert_array_equal(latents["stimulus"], dataset.stimuli.ids)


def test_decode_inverts_where_the_transformer_can(dataset, fitted):
    model = as_model(fitted)
    latents = model.latents(dataset.stimuli)
    images = model.decode(latents)
    expected = fitted.inverse_transform(latents.values).reshape(120, 16, 16).clip(0, 1)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, expected, atol=1e-6)
    pixels = dataset.stimuli.pixels().reshape(120, -1)
    assert not hasattr(as_model(KMeans(3, n_init=1).fit(pixels)), "decode")


def test_colour_and_other_sizes(dataset):
    pixels = dataset.stimuli.pixels(8, channels=3).reshape(120, -1)
    model = as_model(PCA(3).fit(pixels), channels=3, identifier="colour")
    np.testing.assert_allclose(
        model.latents(dataset.stimuli).values, model.transformer.transform(pixels), atol=1e-5
    )
    assert not hasattr(model, "decode")
    assert as_model(FunctionTransformer()).latents(dataset.stimuli).sizes["unit"] == 64 * 64
    assert as_model(FunctionTransformer(), image_size=5).latents(dataset.stimuli).sizes["unit"] == 25


def test_sparse_output(dataset):
    forest = RandomTreesEmbedding(n_estimators=3, random_state=0).fit(
        dataset.stimuli.pixels().reshape(120, -1)
    )
    latents = as_model(forest, identifier="forest").latents(dataset.stimuli)
    assert latents.values.sum() == 3 * 120


def test_fingerprint_follows_the_fit(dataset):
    pixels = dataset.stimuli.pixels().reshape(120, -1)
    first, again, other = (
        as_model(make_pipeline(StandardScaler(), PCA(3)).fit(given)) for given in (pixels, pixels, pixels[1:])
    )
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, None}) == 3
    stateless = [as_model(FunctionTransformer(np.sqrt), image_size=size).fingerprint for size in (8, 9)]
    assert len({*stateless, None}) == 3
    assert as_model(RandomTreesEmbedding(3).fit(pixels), identifier="trees").fingerprint is None
    assert as_model(RandomTreesEmbedding(3).fit(pixels), fingerprint="mine").fingerprint == "mine"


def test_mistakes_are_explained(dataset, fitted):
    with pytest.raises(ModelError, match="PCA is not fitted; call its fit"):
        as_model(PCA(3))
    with pytest.raises(ModelError, match="PCA is a class; give a fitted transformer"):
        as_model(PCA)
    with pytest.raises(ModelError, match="LogisticRegression has no transform"):
        as_model(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    with pytest.raises(ModelError, match=r"was fitted to 256 features; images of 20×20 pixels .* have 400"):
        as_model(fitted, image_size=20)
    with pytest.raises(ModelError, match="was fitted to 3 features"):
        as_model(PCA(2).fit(np.random.default_rng(0).random((9, 3))))
    with pytest.raises(
        UnknownNameError, match=r"no option of the scikit-learn transformer PCA .* image_size"
    ):
        as_model(fitted, image_sise=16)


def test_a_function_imports_neither_scikit_learn_nor_torch():
    program = (
        "import sys, numpy as np, neuroalign as na\n"
        "model = na.as_model(lambda pixels: pixels.mean((1, 2)), identifier='mean')\n"
        "model.latents(na.StimulusSet.from_arrays(np.zeros((2, 4, 4))))\n"
        "print([name for name in ('torch', 'sklearn', 'timm') if name in sys.modules])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
