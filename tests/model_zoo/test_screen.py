"""Tests of stimuli on a grey screen."""

import numpy as np
import pytest
import torch
from PIL import Image

import neuroalign as na
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.model_zoo.adapters.screen import place_on_screen
from neuroalign.models.loading import load_model


def white(width, height, mode="RGB"):
    return Image.new(mode, (width, height), "white")


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_share_of_the_pixels(mode):
    image = white(40, 20, mode)
    same = place_on_screen(image, 1.0)
    assert same.size == (40, 20)
    assert np.asarray(same).min() == 255
    double = np.asarray(place_on_screen(image, 2.0))
    assert double.shape[:2] == (40, 80)
    covered = (double if double.ndim == 2 else double[..., 0]) == 255
    assert covered.mean() == 0.25
    assert covered[10:30, 20:60].all()
    assert set(np.unique(double)) == {128, 255}


def test_large_stimuli_are_cropped_to_the_centre():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    cropped = np.asarray(place_on_screen(Image.fromarray(pixels), 0.5))
    np.testing.assert_array_equal(cropped, pixels[2:6, 2:6])


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 4))


def stimuli_and_placed():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    placed = np.full((3, 32, 32, 3), 128, dtype=np.uint8)
    placed[:, 8:24, 8:24] = pixels
    return StimulusSet.from_arrays(pixels), StimulusSet.from_arrays(placed)


def test_torch_modules_see_stimuli_on_the_screen():
    stimuli, placed = stimuli_and_placed()
    plain = na.as_model(network(), image_size=16)
    own = na.as_model(network(), image_size=16, visual_degrees=8, stimulus_degrees=8)
    half = na.as_model(network(), image_size=16, visual_degrees=8, stimulus_degrees=4)
    np.testing.assert_array_equal(own.latents(stimuli).values, plain.latents(stimuli).values)
    np.testing.assert_array_equal(half.latents(stimuli).values, plain.latents(placed).values)
    assert not np.allclose(half.latents(stimuli).values, plain.latents(stimuli).values)
    assert half.identifier.endswith("[visual_degrees=8,stimulus_degrees=4]")
    assert half.notes == ["stimuli of 4° are placed on a grey screen of 8°"]
    assert len({plain.fingerprint, own.fingerprint, half.fingerprint}) == 3


def test_mirrored_sets_are_mirrored_once():
    stimuli, placed = (
        StimulusSet(original.identifier, original.table, original._images, mirrored=True)
        for original in stimuli_and_placed()
    )
    half = na.as_model(network(), image_size=16, visual_degrees=8, stimulus_degrees=4)
    plain = na.as_model(network(), image_size=16)
    np.testing.assert_array_equal(half.latents(stimuli).values, plain.latents(placed).values)


@pytest.mark.parametrize("name", ["timm:test_resnet@layer1", "torchvision:squeezenet1_1@features.3"])
def test_named_networks(name):
    stimuli, placed = stimuli_and_placed()
    plain = load_model(f"{name}[weights=random,pool=mean]")
    half = load_model(f"{name}[weights=random,pool=mean,visual_degrees=8,stimulus_degrees=4.0]")
    np.testing.assert_array_equal(half.latents(stimuli).values, plain.latents(placed).values)
    assert load_model(half.identifier).identifier == half.identifier
    assert half.identifier != plain.identifier


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("visual_degrees=8", r"stimulus_degrees= is missing, the width at which the animal saw the stimuli"),
        ("stimulus_degrees=8", r"visual_degrees= is missing, the width at which the network sees"),
        (
            "visual_degrees=0,stimulus_degrees=8",
            "visual_degrees must be a width in degrees from above 0 to 360",
        ),
        ("visual_degrees=8,stimulus_degrees=.1", "must differ by a factor of at most 64, got 8 and 0.1"),
    ],
)
def test_mistakes_are_explained(options, message):
    with pytest.raises(UsageError, match=message):
        load_model(f"timm:test_resnet[weights=random,{options}]")
