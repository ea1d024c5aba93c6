import numpy as np
import pytest
import torch
from torch import nn

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.model_zoo.adapters.rectification import last_rectification
from neuroalign.model_zoo.reducers import subsample
from neuroalign.models.loading import as_model
from neuroalign.models.model import Rectified


class Block(nn.Module):
    """Residual block that uses one ReLU twice and writes to its input, as in torchvision's networks."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.one, self.two = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))

    def forward(self, x):
        return self.relu(x + self.two(self.relu(self.one(x))))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), Block(), nn.Flatten(), nn.Linear(108, 4), nn.ReLU(), nn.Linear(4, 2)
    )


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).random((13, 8, 8)))


@pytest.mark.parametrize("layer", ["1", "1.relu", "4"])
def test_inputs_of_a_rectified_layer_rectify_to_its_units(network, stimuli, layer):
    model = as_model(network, layer=layer, channels=1, batch_size=5)
    assert isinstance(model, Rectified)
    inputs, units = model.before_rectification(stimuli), model.latents(stimuli)
    assert (inputs.values < 0).any()
    np.testing.assert_array_equal(np.maximum(inputs.values, 0), units.values)
    assert (inputs["stimulus"].values == units["stimulus"].values).all()
    assert (inputs["unit"].values == units["unit"].values).all()


@pytest.mark.parametrize(
    ("layer", "options"),
    [("0", {}), ("5", {}), ("3", {}), (None, {}), ("1", {"pool": "mean"}), (["1", "4"], {})],
)
def test_other_layers_have_no_inputs(network, stimuli, layer, options):
    assert as_model(network, layer=layer, channels=1, **options).before_rectification(stimuli) is None


def test_input_of_a_module_is_a_layer(network, stimuli):
    model = as_model(network, layer="4#input", channels=1)
    np.testing.assert_array_equal(
        model.latents(stimuli).values, as_model(network, layer="3", channels=1).latents(stimuli).values
    )


def test_subsample_keeps_the_inputs_of_its_units(network, stimuli):
    model = subsample(5, seed=1)(as_model(network, layer="1", channels=1))
    np.testing.assert_array_equal(
        np.maximum(model.before_rectification(stimuli).values, 0), model.latents(stimuli).values
    )
    assert subsample(2)(as_model(network, layer="3", channels=1)).before_rectification(stimuli) is None


def test_last_rectification_is_the_last_relu_inside_the_layer(network):
    names = [last_rectification(network, layer) for layer in ("", "1", "1.relu", "4", "0", "no such layer")]
    assert names == ["4", "1.relu", "1.relu", "4", None, None]
