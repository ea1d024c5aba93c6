import functools
import re

import numpy as np
import pytest
import torch
import torchvision
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.errors import ModelError
from neuroalign.models.loading import as_model
from neuroalign.scoring.evaluate import score


def brightness(pixels):
    return pixels.mean(axis=(1, 2))


def raised(pixels, exponent):
    return pixels.mean(axis=(1, 2)) ** exponent


def power(exponent):
    def powered(pixels):
        return pixels.mean(axis=(1, 2)) ** exponent

    return powered


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, pixels):
        return self.factor * pixels.mean(axis=(1, 2))


def resnet(layers):
    torch.manual_seed(0)
    return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, layers, num_classes=3)


def pipeline(n):
    pixels = np.random.default_rng(0).random((30, 64), dtype=np.float32)
    return make_pipeline(StandardScaler(), PCA(n)).fit(pixels)


def precomputed(value):
    return xr.DataArray(
        np.array([[value], [1.0]]), dims=("stimulus", "unit"), coords={"stimulus": ["a", "b"]}
    )


@pytest.mark.parametrize(
    ("one", "other", "pattern"),
    [
        (resnet([1, 1, 1, 1]), resnet([2, 1, 1, 1]), "ResNet-"),
        (lambda pixels: pixels.mean((1, 2)), lambda pixels: pixels.max((1, 2)), "lambda-"),
        (power(1), power(2), "powered-"),
        (functools.partial(raised, exponent=1), functools.partial(raised, exponent=2), "partial-"),
        (Scaled(1), Scaled(2), "Scaled-"),
        (pipeline(2), pipeline(3), "Pipeline-"),
        (precomputed(0.0), precomputed(2.0), "precomputed-"),
    ],
)
def test_different_models_have_different_default_names(one, other, pattern):
    first, again, second = as_model(one), as_model(one), as_model(other)
    assert re.fullmatch(f"{pattern}[0-9a-f]{{8}}", first.identifier)
    assert first.identifier == again.identifier != second.identifier


def test_a_function_of_a_module_keeps_its_name():
    assert as_model(brightness).identifier == "brightness"
    assert as_model(precomputed(0.0).assign_attrs(identifier="mine")).identifier == "mine"


def test_objects_that_cannot_be_inspected_need_a_name():
    generator = np.random.default_rng(0)
    message = "^lambda needs a name: its values and code cannot all be inspected .*; give identifier=$"
    with pytest.raises(ModelError, match=message):
        as_model(lambda pixels: generator.permuted(pixels.reshape(len(pixels), -1)))
    scripted = torch.jit.script(torch.nn.Linear(2, 2))
    with pytest.raises(ModelError, match="needs a name"):
        as_model(scripted)
    assert as_model(scripted, identifier="mine").identifier == "mine"
    assert as_model(scripted, fingerprint="1").identifier != as_model(scripted, fingerprint="2").identifier


@pytest.mark.slow
def test_both_of_two_networks_are_on_the_leaderboard(dataset):
    for layers in ([1, 1, 1, 1], [2, 1, 1, 1]):
        score(as_model(resnet(layers), layer="layer2", pool="mean"), dataset, "correlation_ratio")
    table = leaderboard(dataset, "correlation_ratio")
    assert len(table) == 2
    assert table.attrs["left_out"] == {}
