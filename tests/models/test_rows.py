"""Tests of the rows of latents that a function returns for batches of images."""

import numpy as np
import pytest

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning
from neuroalign.models.rows import latents_of_batches


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).integers(0, 256, (5, 4, 4), dtype=np.uint8))


def batches(function, stimuli, *, batch_size=2, note_random=lambda: None):
    return list(
        latents_of_batches(
            function,
            stimuli,
            identifier="own",
            image_size=None,
            channels=1,
            batch_size=batch_size,
            note_random=note_random,
        )
    )


def test_rows_have_the_ids_of_their_images(stimuli):
    arrays = batches(lambda pixels: pixels[:, :2], stimuli)
    assert [array["stimulus"].values.tolist() for array in arrays] == [["0", "1"], ["2", "3"], ["4"]]
    values = np.concatenate([array.values for array in arrays])
    np.testing.assert_allclose(values, stimuli.pixels()[:, :2].reshape(5, 8), rtol=1e-6)


@pytest.mark.parametrize("function", [lambda pixels: pixels[:1], lambda pixels: 1.0])
def test_wrong_number_of_rows(stimuli, function):
    with pytest.raises(ModelError, match=r"^own returned shape .* for 2 images; it must return one row"):
        batches(function, stimuli)


def test_rows_that_depend_on_other_images(stimuli):
    def centred(pixels):
        return pixels.mean((1, 2)) - pixels.mean()

    with pytest.raises(ModelError, match=r"^own gives an image other latents in a batch of 2 than alone"):
        batches(centred, stimuli)
    assert len(batches(centred, stimuli, batch_size=1)) == 5


def test_rows_that_depend_on_their_place(stimuli):
    def numbered(pixels):
        pixels[:] = 0
        return pixels.mean((1, 2)) + np.arange(len(pixels))

    with pytest.raises(
        ModelError, match=r"so they depend on the other images or on its place; let it treat each"
    ):
        batches(numbered, stimuli)


def test_random_numbers_are_noted_once(stimuli):
    generator, noted = np.random.default_rng(0), []
    with pytest.warns(NeuroalignWarning, match=r"^own draws random numbers"):
        batches(lambda pixels: generator.random(len(pixels)), stimuli, note_random=lambda: noted.append(1))
    assert noted == [1]


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ({"a": 1}, r"got dict: float\(\) argument must be"),
        ([["x"]] * 5, r"got list: could not convert string to float: 'x'"),
        ([[1.0], [1.0, 2.0]], r"got list: setting an array element with a sequence\. .*inhomogeneous"),
        (None, r"shape \(\) for 2 images"),
    ],
)
def test_other_objects_than_rows_of_numbers_are_refused(stimuli, returned, reason):
    with pytest.raises(ModelError, match=reason) as caught:
        batches(lambda pixels: returned, stimuli)
    assert str(caught.value).startswith("own ")
