import numpy as np
import pytest
from PIL import Image

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning, UnknownNameError, UsageError
from neuroalign.model_zoo.fitted.other_images import NamedImages, find_images
from neuroalign.model_zoo.fitted.topk import read_autoencoder, train_autoencoder
from neuroalign.model_zoo.sae import sae
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import as_model, load_model
from neuroalign.models.reductions import notes_on_reductions, reductions_of


def rows_of(images):
    """64 units: means over small squares."""
    return images.reshape(len(images), 8, 2, 8, 2).mean(axis=(2, 4)).reshape(len(images), -1)


def random_images(n, seed, size=16):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size)).astype(np.uint8)


def write_images(folder, images):
    folder.mkdir()
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return str(folder)


@pytest.fixture
def model():
    return as_model(rows_of, fingerprint="rows-1")


@pytest.fixture
def scored():
    return StimulusSet.from_arrays(
        random_images(30, 0), ids=[f"scored{i}" for i in range(30)], identifier="scored"
    )


@pytest.fixture
def folder(tmp_path):
    return write_images(tmp_path / "others", random_images(60, 1))


def sparse_code(n_rows=800, n_units=16, n=20, k=2):
    """Rows that are sums of k of n directions, with weights between 0.5 and 1.5, and noise."""
    # Not a seed of a training below, which would draw the planted directions as initial weights.
    rng = np.random.default_rng(1234)
    directions = rng.standard_normal((n, n_units))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    code = np.zeros((n_rows, n))
    for row in code:
        row[rng.choice(n, k, replace=False)] = rng.uniform(0.5, 1.5, k)
    return code, directions, code @ directions + 0.01 * rng.standard_normal((n_rows, n_units))


def test_a_planted_dictionary_is_recovered():
    code, directions, rows = sparse_code()
    trained = train_autoencoder(rows, n=20, k=2, seed=0, steps=300)
    similarity = directions @ trained.decoder.T
    best = similarity.argmax(axis=1)
    # Measured: a mean of 0.91, and 16 of 20 directions above 0.9; 0.94 after 800 steps.
    assert similarity.max(axis=1).mean() > 0.88
    assert (similarity.max(axis=1) > 0.9).mean() >= 0.7
    # Random directions reach a mean of 0.5.
    random = np.random.default_rng(1).standard_normal((20, 16))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    assert (directions @ random.T).max(axis=1).mean() < 0.6
    values = trained.encode(rows)
    assert (values > 0).sum(axis=1).max() <= 2
    matched = [np.corrcoef(code[:, i], values[:, unit])[0, 1] for i, unit in enumerate(best)]
    assert np.median(matched) > 0.85
    residual = ((rows - trained.decode(values)) ** 2).sum() / ((rows - rows.mean(axis=0)) ** 2).sum()
    assert trained.numbers["explained_variance"] == pytest.approx(1 - residual, abs=1e-9)
    assert residual < 0.15
    assert trained.numbers["n_unused"] <= 1
    np.testing.assert_allclose(np.linalg.norm(trained.decoder, axis=1), 1, atol=1e-5)


def test_same_seed_same_bytes(tmp_path):
    rows = sparse_code(n_rows=200)[2]
    files = []
    for number, seed in enumerate((0, 0, 1)):
        files.append(tmp_path / f"{number}.safetensors")
        train_autoencoder(rows, n=12, k=2, seed=seed, steps=20).save(files[-1])
    first, again, other = (file.read_bytes() for file in files)
    assert first == again
    assert first != other
    read = read_autoencoder(files[0])
    trained = train_autoencoder(rows, n=12, k=2, seed=0, steps=20)
    np.testing.assert_array_equal(read.encode(rows), trained.encode(rows))
    assert read.numbers == trained.numbers


def test_encoding_keeps_the_k_largest_values():
    rows = sparse_code(n_rows=50)[2]
    trained = train_autoencoder(rows, n=10, k=3, seed=0, steps=5)
    before = np.maximum(
        ((rows - trained.mean) / trained.scale - trained.offset) @ trained.encoder.T.astype(np.float64)
        + trained.bias,
        0,
    )
    kept = np.sort(before, axis=1)[:, -3:]
    np.testing.assert_allclose(np.sort(trained.encode(rows), axis=1)[:, -3:], kept, rtol=1e-5)


def test_training_images_are_others_than_the_scored_ones(tmp_path, model, scored):
    own = random_images(30, 0)
    # Two copies of scored images, and a mirror image of a third, among 20 others; one has another size.
    mixed = [own[4], own[7], own[9][:, ::-1], *random_images(19, 1), *random_images(1, 2, size=20)]
    images = find_images(write_images(tmp_path / "mixed", mixed), "sae")
    others, n_left_out = images.other_than(scored)
    assert n_left_out == 3
    assert others.ids.tolist() == [f"{number:03}.png" for number in range(3, 23)]
    small = NamedImages("mixed", images.stimuli.select(images.stimuli.ids[:-1]))
    reduced = sae(2, 8, str(tmp_path / "mixed"), steps=3)(model)
    reduced.images = small
    latents = reduced.latents(scored)
    assert notes_on_reductions(latents) == [
        "+sae was trained on 19 of the 22 images of mixed: 3 are scored stimuli, their mirror images or their variants"
    ]
    (record,) = reductions_of(latents)
    assert (record["n_training"], record["n_left_out"], record["k"], record["steps"]) == (19, 3, 2, 3)
    assert record["training_hash"] == small.other_than(scored)[0].content_hash


def test_scored_images_alone_are_refused(tmp_path, model, scored):
    name = write_images(tmp_path / "same", random_images(30, 0)[:5])
    with pytest.raises(
        ModelError, match=r"all 5 images of .*same#[0-9a-f]{8} are among the scored stimuli of scored"
    ):
        sae(2, 8, name, steps=3)(model).latents(scored)


def test_variants_of_scored_images_are_left_out(scored):
    pixels = np.concatenate([random_images(1, 0), random_images(5, 1)])
    stimuli = StimulusSet.from_arrays(pixels, ids=list("abcdef"))
    stimuli.table["original"] = ["a", "a", "", "", "", ""]
    others, n_left_out = NamedImages("variants", stimuli).other_than(scored)
    assert (others.ids.tolist(), n_left_out) == (["c", "d", "e", "f"], 2)


def test_stimuli_that_are_not_presented_may_be_trained_on(dataset):
    stimuli = dataset.stimuli
    images = NamedImages("toy", stimuli.select(stimuli.training().ids))
    with pytest.raises(ModelError, match="all 100 images of toy are among the scored stimuli"):
        images.other_than(stimuli)
    marked = stimuli.select(stimuli.ids)
    marked.table["presented"] = np.arange(120) < 40
    others, n_left_out = images.other_than(marked)
    shared = np.intersect1d(stimuli.training().ids, stimuli.ids[:40])
    assert n_left_out == len(shared) > 0
    assert not np.isin(others.ids, stimuli.ids[:40]).any()


def test_weights_are_kept_and_found_again(neuroalign_home, model, scored, folder):
    reduced = sae(2, 8, folder, steps=5)(model)
    latents = reduced.latents(scored)
    (file,) = (neuroalign_home / "models" / "sae").glob("*.safetensors")
    written = file.stat().st_mtime_ns
    np.testing.assert_array_equal(reduced.latents(scored).values, latents.values)
    assert file.stat().st_mtime_ns == written
    file.write_bytes(b"damaged")
    with pytest.warns(NeuroalignWarning, match="it is trained again"):
        again = reduced.latents(scored)
    np.testing.assert_array_equal(again.values, latents.values)
    assert reductions_of(again) == reductions_of(latents)
    # From the cache of latents, the records are the same.
    assert reductions_of(compute_latents(reduced, scored)) == reductions_of(compute_latents(reduced, scored))


def test_a_model_without_fingerprint_keeps_no_weights(neuroalign_home, scored, folder):
    sae(2, 8, folder, steps=2)(as_model(rows_of)).latents(scored)
    assert not (neuroalign_home / "models" / "sae").exists()


def test_names_and_fingerprints(model, folder, tmp_path):
    reduced = sae(2, 8, folder, seed=1)(model)
    short = find_images(folder, "sae").name.rpartition("#")[2]
    assert reduced.identifier == f"rows_of+sae[k=2,n=8,images={folder}#{short},seed=1]"
    name = f"pca[n=4]+sae[k=2,n=8,images={folder}#{short},seed=1]"
    assert load_model(name).identifier == name
    other = write_images(tmp_path / "more", random_images(61, 1))
    variants = [
        sae(2, 8, folder)(model),
        sae(3, 8, folder)(model),
        sae(2, 9, folder)(model),
        sae(2, 8, folder, seed=1)(model),
        sae(2, 8, folder, steps=7)(model),
        sae(2, 8, other)(model),
    ]
    assert len({variant.fingerprint for variant in variants}) == 6
    assert sae(2, 8, folder)(as_model(rows_of)).fingerprint is None
    with pytest.raises(UsageError, match=f"have the digest {short}, not 00000000"):
        sae(2, 8, f"{folder}#00000000")


def test_mistakes_are_explained(tmp_path, model, folder, dataset):
    with pytest.raises(UsageError, match="sae: k must be at most n, got k=9 and n=8"):
        sae(9, 8, folder)
    with pytest.raises(UnknownNameError, match="AM-fases"):
        sae(2, 8, "AM-fases")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"sae: the folder .*empty has no images"):
        sae(2, 8, str(tmp_path / "empty"))
    bare = StimulusSet("bare", dataset.stimuli.table)
    with pytest.raises(ModelError, match="'bare' has no images, so nothing could check"):
        find_images(folder, "sae").other_than(bare)
