"""Tests of the images of classifiers: shifts, edges, and the parts of each face."""

import numpy as np
import pytest
import torch

from neuroalign.model_zoo.training.images.translations import SHIFTS, Translations, split


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).random((3, 7, 7), dtype=np.float32)


def test_every_pair_of_shifts_from_two_pixels_back_to_two_on():
    assert SHIFTS == (-2, -1, 0, 1, 2)
    spot = np.zeros((1, 9, 9), dtype=np.float32)
    spot[0, 4, 4] = 1
    translations = Translations(torch.from_numpy(spot))
    assert len(translations) == 25
    images = translations.take(torch.arange(25)).numpy()
    places = [tuple(int(place) for place in np.argwhere(image)[0]) for image in images]
    assert places == [(4 + down, 4 + right) for down in SHIFTS for right in SHIFTS]
    assert (images.sum(axis=(1, 2)) == 1).all()


def test_images_of_several_faces_are_numbered_face_by_face(pixels):
    translations = Translations(torch.from_numpy(pixels))
    assert len(translations) == 75
    # Number 12 of each face is the face as it is.
    np.testing.assert_array_equal(translations.take(torch.tensor([62, 12, 37])), pixels[[2, 0, 1]])
    # Instances that are trained together take their images at once.
    several = translations.take(torch.tensor([[62], [12], [37]]))
    np.testing.assert_array_equal(several, pixels[[2, 0, 1]][:, np.newaxis])


@pytest.mark.parametrize(("down", "right"), [(-2, 0), (1, 2), (2, -1)])
def test_pixels_from_outside_repeat_the_edge(pixels, down, right):
    example = 25 + 5 * SHIFTS.index(down) + SHIFTS.index(right)
    [image] = Translations(torch.from_numpy(pixels)).take(torch.tensor([example]))
    for row in range(7):
        for column in range(7):
            source = np.clip([row - down, column - right], 0, 6)
            assert image[row, column] == pixels[1][tuple(source)]


@pytest.mark.parametrize("n_faces", [1, 2, 7, 2100])
def test_split_is_disjoint_covers_all_and_has_every_face_in_every_part(n_faces):
    parts = split(n_faces, seed=0)
    together = np.concatenate([parts.training, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(together), np.arange(25 * n_faces))
    for part, fewest, most in ((parts.training, 20, 20), (parts.validation, 2, 3), (parts.test, 2, 3)):
        of_each = np.bincount(part // 25, minlength=n_faces)
        assert of_each.min() >= fewest
        assert of_each.max() <= most


def test_split_is_eighty_ten_ten():
    parts = split(2100, seed=3)
    assert [len(part) for part in (parts.training, parts.validation, parts.test)] == [42_000, 5_250, 5_250]
    # Each of the 25 shifts is for training about equally often, and no two faces need be alike.
    often = np.bincount(parts.training % 25, minlength=25)
    assert np.abs(often - 0.8 * 2100).max() < 5 * np.sqrt(2100 * 0.8 * 0.2)
    assert (parts.training[:20] % 25 != parts.training[20:40] % 25).any()


def test_split_depends_on_the_seed_alone():
    first, again, other = split(50, seed=1), split(50, seed=1), split(50, seed=2)
    np.testing.assert_array_equal(first.test, again.test)
    assert set(first.test) != set(other.test)
