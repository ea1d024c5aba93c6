"""Tests of images as batches of torch tensors."""

import numpy as np
import pytest
import torch
from torchvision import transforms

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning, UsageError
from neuroalign.model_zoo.adapters.image_tensors import ImageTensors


@pytest.fixture
def stimuli():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    return StimulusSet.from_arrays(images)


def make(**options):
    defaults = {
        "preprocess": None,
        "image_size": None,
        "channels": 3,
        "mean": None,
        "std": None,
        "seed": 0,
    }
    return ImageTensors("net", **{**defaults, **options})


def test_grey_pixels_are_shifted_and_scaled(stimuli):
    batches = list(make(channels=1, mean=0.5, std=0.25).batches(stimuli, 2, identifier="net"))
    assert [tuple(batch.shape) for batch in batches] == [(2, 1, 8, 8), (2, 1, 8, 8), (1, 1, 8, 8)]
    expected = (stimuli.pixels()[:, None] - 0.5) / 0.25
    np.testing.assert_allclose(torch.cat(batches).numpy(), expected, atol=1e-6)


def test_colours_have_one_number_each(stimuli):
    [batch] = make(mean=[0.1, 0.2, 0.3], std=[1, 2, 4]).batches(stimuli, 5, identifier="net")
    grey = stimuli.pixels()
    for channel, (mean, std) in enumerate(((0.1, 1), (0.2, 2), (0.3, 4))):
        np.testing.assert_allclose(batch[:, channel].numpy(), (grey - mean) / std, atol=1e-6)


def test_random_preprocessing_is_seeded_for_each_stimulus(stimuli):
    crop = transforms.Compose([transforms.RandomCrop(4), transforms.ToTensor()])
    images = make(preprocess=crop, seed=3)
    assert images.is_random
    with pytest.warns(NeuroalignWarning, match="net: the preprocessing draws random numbers; .* from seed=3"):
        whole = torch.cat(list(images.batches(stimuli, 5, identifier="net")))
    with pytest.warns(NeuroalignWarning, match="draws random numbers"):
        single = torch.cat(list(images.batches(stimuli.select(stimuli.ids[3:]), 1, identifier="net")))
    assert torch.equal(whole[3:], single)


def test_preprocessing_without_random_numbers(stimuli):
    images = make(preprocess=transforms.ToTensor())
    assert not images.is_random
    [batch] = images.batches(stimuli, 5, identifier="net")
    np.testing.assert_allclose(batch[:, 0].numpy(), stimuli.pixels(), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preprocess": abs, "mean": 0.5}, "^net: preprocess= takes care of size and scale; leave out"),
        ({"std": 0}, "^net: std must be one number above 0, or one for each of the 3 channels, got 0$"),
        ({"mean": [0.1, 0.2]}, r"^net: mean must be one number, .* got \[0.1, 0.2\]$"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(UsageError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        (lambda image: 1 / 0, "^preprocess fails on the image of stimulus '0': ZeroDivisionError"),
        (lambda image: torch.zeros(2), r"^preprocess must return a tensor of shape .* got \(2,\)$"),
        (
            lambda image: image.resize((4, 4)),
            r"^preprocess must return a tensor, got an image; end it with torchvision.transforms.ToTensor\(\)$",
        ),
    ],
)
def test_faulty_preprocessing(stimuli, preprocess, message):
    with pytest.raises(ModelError, match=message):
        list(make(preprocess=preprocess).batches(stimuli, 5, identifier="net"))


def test_shapes_that_differ_in_a_batch(stimuli):
    sizes = iter([1, 2, 1, 2, *range(1, 20)])
    preprocess = lambda image: torch.zeros(1, next(sizes), 1)  # noqa: E731
    images = make(preprocess=preprocess)
    with (
        pytest.warns(NeuroalignWarning, match="draws random numbers"),
        pytest.raises(ModelError, match=r"^preprocess returns images of different shapes"),
    ):
        list(images.batches(stimuli, 5, identifier="net"))
