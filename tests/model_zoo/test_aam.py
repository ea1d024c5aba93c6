from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neuroalign import arrays
from neuroalign.datasets.landmarks.arrays import landmarks
from neuroalign.datasets.landmarks.procrustes import mean_shape, place_on
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import MissingLandmarksError, ModelError, StimulusMismatchError, UsageError
from neuroalign.model_zoo import aam
from neuroalign.model_zoo.aam import AAM
from neuroalign.model_zoo.fitted.mesh import Mesh
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.scoring.evaluate import score, score_all

SIZE = 32
# Brows, eyes, nose and mouth, chin and temples; the second of each pair is the first one's mirror image.
TEMPLATE = np.array(
    [[9, 9], [23, 9], [10, 12], [22, 12], [16, 17], [12, 22], [20, 22], [16, 27], [6, 14], [26, 14]],
    dtype=float,
)
PARTNERS = [1, 0, 3, 2, 4, 6, 5, 7, 9, 8]


@pytest.fixture(autouse=True)
def nothing_kept():
    aam.fit_appearance.cache_clear()


def drawn(points, brightness):
    """Draw a soft spot on each landmark."""
    middle = np.arange(SIZE) + 0.5
    x, y = np.meshgrid(middle, middle)
    image = np.full((SIZE, SIZE), 0.35)
    for (column, row), light in zip(points, brightness, strict=True):
        image += light * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 12)
    return np.clip(np.rint(255 * image), 0, 255).astype(np.uint8)


def faces(n, *, seed=0, pose=True, deformation=0.8):
    """Return landmarks (n, 10, 2) and images; without pose all have one position, size and orientation."""
    rng = np.random.default_rng(seed)
    points = TEMPLATE + deformation * rng.standard_normal((n, *TEMPLATE.shape))
    if pose:
        points += rng.normal(0, 0.7, (n, 1, 2))
    else:
        centre = TEMPLATE.mean(axis=0)
        size = np.sqrt(((TEMPLATE - centre) ** 2).sum())
        points = size * place_on(mean_shape(points), points).shapes + centre
    brightness = 0.2 + 0.08 * rng.standard_normal((n, len(TEMPLATE)))
    return points, np.stack([drawn(*face) for face in zip(points, brightness, strict=True)])


def stimulus_set(points, images, *, ids=None, marked=None, training=None, **options):
    ids = [f"s{index:03d}" for index in range(len(images))] if ids is None else ids
    table = pd.DataFrame(index=ids)
    if training is not None:
        table["training"] = training
    names = [f"p{index}" for index in range(len(TEMPLATE))]
    return StimulusSet(
        "faces",
        table,
        dict(zip(ids, images, strict=True)),
        landmarks=landmarks(points, stimulus=ids if marked is None else marked, landmark=names),
        **options,
    )


@pytest.fixture
def stimuli():
    return stimulus_set(*faces(60), training=np.arange(60) % 3 > 0)


def named(n):
    return load_model(f"aam[n={n},image_size={SIZE}]")


def test_shape_units_are_numpys_svd_of_the_normalised_landmarks(stimuli):
    latents = named(8).latents(stimuli).values[:, :4]
    points = stimuli.points(SIZE).values
    training = stimuli.table["training"].to_numpy()
    mean = mean_shape(points[training])
    placed = place_on(mean, points)
    rows = placed.shapes.reshape(60, -1) * placed.size[training].mean()
    centre = rows[training].mean(axis=0)
    _, _, axes = np.linalg.svd(rows[training] - centre, full_matrices=False)
    expected = (rows - centre) @ axes[:4].T
    signs = np.sign((expected * latents).sum(axis=0))
    np.testing.assert_allclose(latents, expected * signs, atol=1e-8)


def test_units_follow_the_varied_properties():
    rng = np.random.default_rng(0)
    mouth, light = rng.uniform(-1, 1, (2, 80))
    points = np.tile(TEMPLATE, (80, 1, 1))
    points[:, 5, 0] -= 1.5 * mouth
    points[:, 6, 0] += 1.5 * mouth
    points += rng.normal(0, 1, (80, 1, 2))
    brightness = np.full((80, len(TEMPLATE)), 0.2)
    brightness[:, 4] += 0.3 * light
    images = np.stack([drawn(*face) for face in zip(points, brightness, strict=True)])
    latents = named(4).latents(stimulus_set(points, images)).values
    r = np.corrcoef(latents.T, [mouth, light])[:4, 4:]
    assert abs(r[0, 0]) > 0.99
    assert abs(r[2, 1]) > 0.97
    # Width of the mouth is in the shape alone, light in the appearance alone, position in neither.
    assert abs(r[0, 1]) < 0.3
    assert abs(r[2, 0]) < 0.3
    position = points.mean(axis=1)
    assert np.abs(np.corrcoef(latents[:, 0], position.T)[0, 1:]).max() < 0.25


def test_all_components_give_the_faces_back():
    points, images = faces(14, pose=False)
    stimuli = stimulus_set(points, images)
    truth = stimuli.pixels()
    errors = []
    for n in (2, 6, 14, 26):
        model = named(n)
        decoded = model.decode(model.latents(stimuli))
        assert decoded.dtype == np.float32
        assert decoded.shape == truth.shape
        errors.append(np.sqrt(((decoded - truth) ** 2).mean()))
    assert (np.diff(errors) < 0).all()
    # Only interpolation is left; a hundredth of the range is 2.55 grey levels.
    assert errors[-1] < 0.01 < errors[0]


def test_decoded_faces_are_at_the_mean_position():
    points, images = faces(40)
    points[:, :, 0] += 2
    shifted = stimulus_set(points, np.roll(images, 2, axis=2))
    model = named(4)
    model.latents(shifted)
    mean = model.decode(arrays.latents(np.zeros((1, 4)), stimulus=["mean"]))[0]
    eye = mean[:, : SIZE // 2][9:15].max(axis=0).argmax() + 0.5
    assert eye == pytest.approx(TEMPLATE[2, 0] + 2, abs=1.5)
    assert mean.max() > 0.5


def test_training_faces_are_mirrored_and_their_landmarks_change_sides():
    points, images = faces(50)
    training = np.arange(50) < 40
    asked = stimulus_set(points, images, training=training, mirror_training=True)
    flipped = points[:, PARTNERS] * [-1, 1] + [SIZE, 0]
    ids = [f"s{index:03d}" for index in range(50)]
    by_hand = stimulus_set(
        np.concatenate([points, flipped[training]]),
        np.concatenate([images, images[training][:, :, ::-1]]),
        ids=[*ids, *(f"mirrored_{name}" for name in np.array(ids)[training])],
        training=np.arange(90) >= 50,
    )
    encoded, expected = named(8).latents(asked), named(8).latents(by_hand).sel(stimulus=ids)
    np.testing.assert_allclose(encoded.values, expected.values, atol=1e-8)
    plain = named(8).latents(stimulus_set(points, images, training=training))
    assert np.abs(plain.values - encoded.values).max() > 0.1


def test_landmarks_and_stimuli_pair_by_id(stimuli):
    order = np.random.default_rng(0).permutation(60)
    shuffled = stimuli.with_landmarks(stimuli.landmarks[order]).select(stimuli.ids[order[::-1]])
    straight, kept = named(6).latents(stimuli), named(6).latents(shuffled)
    aam.fit_appearance.cache_clear()
    again = named(6).latents(shuffled)
    for other in (kept, again):
        assert other["stimulus"].values.tolist() == shuffled.ids.tolist()
        np.testing.assert_array_equal(other.sortby("stimulus"), straight.sortby("stimulus"))


def test_faces_are_warped_once_for_all_instances(stimuli, monkeypatch):
    calls = []
    original = Mesh.to_reference
    monkeypatch.setattr(Mesh, "to_reference", lambda *args: calls.append(1) or original(*args))
    for n in (4, 10, 20):
        model = named(n)
        model.decode(model.latents(stimuli)[:2])
    assert len(calls) == 40 + 60


def test_stimuli_without_landmarks_get_no_latents():
    points, images = faces(30)
    everything = stimulus_set(points, images)
    some = everything.with_landmarks(everything.landmarks[:25])
    latents = named(4).latents(some)
    assert latents["stimulus"].values.tolist() == everything.ids[:25].tolist()
    np.testing.assert_array_equal(latents, named(4).latents(everything.select(everything.ids[:25])))


def test_scores_of_stimuli_without_landmarks(dataset_factory):
    points, images = faces(30)
    everything = stimulus_set(points, images)
    toy = dataset_factory(n_stimuli=30)
    stimuli = everything.with_landmarks(everything.landmarks[:25])
    marked = replace(toy, stimuli=stimuli, truth=None)
    with pytest.raises(StimulusMismatchError, match="latents are missing for 5 recorded stimuli of 30"):
        score(f"aam[n=4,image_size={SIZE}]", marked)
    result = score(f"aam[n=4,image_size={SIZE}]", marked, "correlation_ratio", join="intersection")
    assert result.provenance["n_stimuli"] == 25


@pytest.mark.slow
def test_workers_and_their_number_change_nothing(dataset_factory):
    points, images = faces(30)
    toy = replace(dataset_factory(n_stimuli=30), stimuli=stimulus_set(points, images), truth=None)
    family = AAM(sizes=(2, 4))
    one, two = (score_all(family, toy, ["correlation_ratio"], n_jobs=n, use_cache=False)[0] for n in (1, 2))
    assert [result.value for result in one] == [result.value for result in two]
    hashes = [[result.provenance["latents_hash"] for result in scores] for scores in (one, two)]
    assert hashes[0] == hashes[1]


def test_cache_distinguishes_landmarks(stimuli):
    first = compute_latents(named(4), stimuli)
    np.testing.assert_array_equal(compute_latents(named(4), stimuli), first)
    other = stimuli.with_landmarks(stimuli.landmarks + 0.3 * np.sin(np.arange(20)).reshape(10, 2))
    assert np.abs(compute_latents(named(4), other).values - first.values).max() > 1e-3


def test_golden_numbers(stimuli):
    model = named(4)
    latents = model.latents(stimuli)
    np.testing.assert_allclose(latents.values[0], GOLDEN["latents"], rtol=1e-4)
    decoded = model.decode(latents[:1])[0]
    np.testing.assert_allclose(decoded[12, 8:24:4], GOLDEN["decoded"], rtol=1e-3)


GOLDEN = {
    "latents": [0.53693, -0.555363, 0.149517, 0.1376],
    "decoded": [0.705383, 0.544048, 0.41668, 0.58331],
}


def test_family():
    assert [options["n"] for options in AAM().grid()] == list(range(10, 51, 2))
    assert len(AAM().instances()) == 21
    assert AAM().instances()[0].identifier == "aam[n=10]"
    assert load_model("aam").identifier == "aam"
    names = ["aam[n=4]", "aam[n=6]", "aam[n=4,image_size=32]", "pca[n=4]"]
    assert len({load_model(name).fingerprint for name in names}) == 4


def test_mistakes_are_explained(stimuli):
    with pytest.raises(UsageError, match="n must be even, half for shape and half for appearance, got 5"):
        named(5)
    with pytest.raises(
        ModelError,
        match=r"40 training faces with 10 landmarks and 32×32 pixels have 20 components of shape and 39 of "
        r"appearance; choose n ≤ 40",
    ):
        named(42).latents(stimuli)
    bare = StimulusSet.from_arrays(np.zeros((3, 8, 8), dtype=np.uint8), identifier="bare")
    with pytest.raises(MissingLandmarksError, match="'bare' has no landmarks"):
        named(2).latents(bare)
    with pytest.raises(ModelError, match="call latents"):
        named(2).decode(arrays.latents(np.zeros((1, 2)), stimulus=["a"]))
