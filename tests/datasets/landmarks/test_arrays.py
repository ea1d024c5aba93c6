import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neuroalign.datasets.landmarks.arrays import expect_near_images, landmarks, mirror_partners
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ArrayError, DatasetError, MissingImagesError, MissingLandmarksError

# A face on an image of 20 × 10 pixels: eyes, brows, nose, mouth.
NAMES = ["eye_a", "eye_b", "brow_a", "brow_b", "nose", "mouth_a", "mouth_b"]
FACE = np.array([[6.0, 4], [14, 4], [5, 2], [15, 2], [10, 5.5], [7, 8], [13, 8]])
PARTNERS = [1, 0, 3, 2, 4, 6, 5]


def refused(message, error=ArrayError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def some(ids, *, spread=0.3, seed=0):
    noise = spread * np.random.default_rng(seed).standard_normal((len(ids), len(FACE), 2))
    return landmarks(FACE + noise, stimulus=list(ids), landmark=NAMES)


def image_set(ids, array, **options):
    pixels = np.random.default_rng(1).integers(0, 256, (len(ids), 10, 20), dtype=np.uint8)
    table = pd.DataFrame(index=list(ids))
    return StimulusSet("faces", table, dict(zip(ids, pixels, strict=True)), landmarks=array, **options)


def test_labels():
    array = some("ab")
    assert array.dims == ("stimulus", "landmark", "axis")
    assert array["axis"].values.tolist() == ["x", "y"]
    assert array.sel(stimulus="b", landmark="nose").shape == (2,)


def test_what_is_refused():
    points = np.tile(FACE, (2, 1, 1))
    with refused("landmarks must be (n_stimuli, n_landmarks, 2), got (7, 2)"):
        landmarks(FACE, stimulus="a", landmark=NAMES)
    with refused("6 labels were given for 7 along landmark"):
        landmarks(points, stimulus=["a", "b"], landmark=NAMES[1:])
    with refused("landmarks repeat along stimulus: a"):
        landmarks(points, stimulus=["a", "a"], landmark=NAMES)
    with refused("landmarks must be at least three for each stimulus, got 2"):
        landmarks(points[:, :2], stimulus=["a", "b"], landmark=NAMES[:2])
    with refused("all landmarks lie at one place in b"):
        landmarks(np.stack([FACE, 0 * FACE + 3]), stimulus=["a", "b"], landmark=NAMES)
    points[1, 4, 0] = np.inf
    with refused("landmark nose of stimulus 'b' has no finite position"):
        landmarks(points, stimulus=["a", "b"], landmark=NAMES)
    with pytest.raises(ArrayError, match="have the dimensions stimulus, landmark and axis"):
        StimulusSet("s", pd.DataFrame(index=["a"]), landmarks=xr.DataArray([1.0], dims="stimulus"))


def test_landmarks_in_other_pixels_than_the_images_are_refused():
    array = some("ab", spread=0)
    expect_near_images(array, {"a": (20, 10), "b": (20, 10)})
    with refused(
        "landmark mouth_a of stimulus 'b' lies at (7, 8), far outside its image of 20 × 5 pixels (in all 1 such "
        "stimuli); landmarks are x, y in pixels from the upper left corner",
        DatasetError,
    ):
        expect_near_images(array, {"a": (20, 10), "b": (20, 5)})


def test_partners_do_not_depend_on_names_order_or_tilt():
    rng = np.random.default_rng(2)
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for _ in range(5):
        order = rng.permutation(len(FACE))
        noise = 0.5 * rng.standard_normal((50, len(FACE), 2))
        points = ((FACE + noise) @ turn.T)[:, order]
        array = landmarks(points, stimulus=np.arange(50), landmark=[f"p{i}" for i in range(len(FACE))])
        expected = [order.tolist().index(PARTNERS[index]) for index in order]
        assert mirror_partners(array).tolist() == expected


def test_landmarks_of_one_side_only_have_no_partner():
    points = np.tile(np.vstack([FACE, [[2.0, 9.0]]]), (3, 1, 1))
    array = landmarks(points, stimulus=list("abc"), landmark=[*NAMES, "mole"])
    with pytest.raises(DatasetError, match=r"have no partner on the other side .*; leave them out, or set"):
        mirror_partners(array)


def test_landmarks_pair_by_id():
    array = some("dbca")
    stimuli = image_set("abcd", array)
    result = stimuli.select(["c", "a"]).points(10)
    assert result["stimulus"].values.tolist() == ["a", "c"]
    # 20 × 10 pixels become 10 × 10.
    np.testing.assert_allclose(result.values, array.sel(stimulus=["a", "c"]).values * [0.5, 1])
    np.testing.assert_array_equal(stimuli.select(["c"]).landmarks, array.sel(stimulus=["c"]))


def test_mirrored_sets_mirror_and_swap():
    array = some("abcd")
    stimuli = image_set("abcd", array, mirror_training=True)
    straight, mirrored = stimuli.points(20), stimuli.training().points(20)
    left, right = mirrored.sel(landmark="eye_a"), straight.sel(landmark="eye_b")
    np.testing.assert_allclose(left.sel(axis="x"), 20 - right.sel(axis="x"))
    np.testing.assert_allclose(left.sel(axis="y"), right.sel(axis="y"))
    np.testing.assert_allclose(
        mirrored.sel(landmark="nose", axis="x"), 20 - straight.sel(landmark="nose", axis="x")
    )
    # A mirrored landmark is on the same spot of the mirrored picture.
    marked = np.zeros((10, 20), dtype=np.uint8)
    marked[4, 14] = 255
    one = StimulusSet(
        "one",
        pd.DataFrame(index=["a"]),
        {"a": marked},
        mirror_training=True,
        landmarks=landmarks([FACE + 0.5], stimulus=["a"], landmark=NAMES),
    ).training()
    x, y = one.points(20).sel(stimulus="a", landmark="eye_a").values
    row, column = np.argwhere(one.pixels()[0] == 1)[0]
    assert (x, y / 2) == (column + 0.5, row + 0.5)
    # The stored landmarks do not change.
    np.testing.assert_array_equal(stimuli.training().landmarks, stimuli.landmarks)


def test_the_digest_is_of_landmarks_alone():
    array = some("abc")
    stimuli = image_set("abc", array)
    assert stimuli.content_hash == image_set("abc", None).content_hash
    assert stimuli.landmarks_hash == image_set("abc", array[::-1]).landmarks_hash
    assert image_set("abc", None).landmarks_hash is None
    others = [array + 1e-9, array[:2], array.assign_coords(landmark=NAMES[::-1])]
    assert len({stimuli.landmarks_hash, *(image_set("abc", other).landmarks_hash for other in others)}) == 4
    assert stimuli.select(["a"]).landmarks_hash != stimuli.landmarks_hash


def test_no_landmarks_and_no_images():
    with pytest.raises(MissingLandmarksError, match="'faces' has no landmarks") as caught:
        image_set("ab", None).points(8)
    assert "neuroalign data landmarks DATASET --file FILE.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(MissingLandmarksError):
        image_set("abc", some("ab")).select(["c"]).points(8)
    bare = StimulusSet("bare", pd.DataFrame(index=["a"]), landmarks=some("a"))
    with pytest.raises(MissingImagesError):
        bare.points(8)


def test_landmarks_can_be_given_later():
    stimuli = StimulusSet.from_arrays(np.zeros((2, 10, 20), dtype=np.uint8))
    assert stimuli.landmarks is None
    marked = stimuli.with_landmarks(some(["1", "7"]))
    assert marked.landmarks["stimulus"].values.tolist() == ["1"]
    assert stimuli.landmarks is None
