import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UnknownNameError
from neuroalign.model_zoo.adapters.extraction import extract, list_layers
from neuroalign.model_zoo.adapters.graph import trace
from neuroalign.models.loading import as_model, load_model


class Residual(nn.Module):
    """A sum outside modules, which an in-place activation overwrites."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        first = self.relu(self.conv(x))
        return self.relu(self.drop(first) - 2 * x)


@pytest.fixture
def batch():
    return torch.rand(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def capture(module, batch, layers):
    [captured] = extract(module, [batch], layers)
    return captured


def test_nodes_have_their_values_before_operations_in_place(batch):
    module = Residual()
    with torch.no_grad():
        conv = module.conv(batch)
        total = conv.relu() - 2 * batch
    captured = capture(module, batch, ["sub", "relu_1", "relu", "conv", "mul", ""])
    torch.testing.assert_close(captured["sub"], total)
    torch.testing.assert_close(captured["mul"], 2 * batch)
    torch.testing.assert_close(captured["conv"], conv)
    # Modules go before nodes, and give the last of their outputs.
    for name in ("relu", "relu_1", ""):
        torch.testing.assert_close(captured[name], total.relu())
    assert module.training
    assert not module.relu._forward_hooks


def test_nodes_with_their_shapes(batch):
    shapes = list_layers(Residual(), batch, nodes=True)
    assert list(shapes) == ["", "conv", "drop", "relu", "x", "mul", "sub", "relu_1"]
    assert set(shapes.values()) == {(3, 6, 6)}


def test_names_are_torchvisions_own(batch):
    network = torchvision.models.resnet18(weights=None)
    names = torchvision.models.feature_extraction.get_graph_node_names(network)[1]
    assert list(trace(network).names) == names
    torch.manual_seed(0)
    expected = torchvision.models.feature_extraction.create_feature_extractor(
        network.eval(), ["layer2.0.downsample.0", "flatten"]
    )
    with torch.no_grad():
        for name, value in expected(batch).items():
            torch.testing.assert_close(capture(network, batch, [name])[name], value)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_efficientnet", "test_convnext"])
def test_graphs_of_timm_networks(name):
    stimuli = StimulusSet.from_arrays(np.random.default_rng(0).random((2, 20, 20)))
    shapes = load_model(f"timm:{name}[weights=random]").layer_shapes(stimuli, nodes=True)
    modules = [*dict(timm.create_model(name).named_modules()), "forward_features", "pre_logits", "logits"]
    nodes = [name for name in shapes if name not in modules]
    assert nodes
    latents = load_model(f"timm:{name}@{nodes[-1]}:logits[weights=random]").latents(stimuli)
    assert latents.sizes["unit"] == np.prod(shapes[nodes[-1]]) + 1000


def test_a_node_is_part_of_the_fingerprint(batch):
    prints = {as_model(Residual(), layer=layer).fingerprint for layer in ("sub", "mul", None)}
    assert len(prints | {None}) == 4


def test_mistakes_are_explained(batch):
    class Branches(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ModelError, match=r"the graph of Branches cannot be traced \(.*\); choose a module"):
        list_layers(Branches(), batch, nodes=True)
    with pytest.raises(UnknownNameError, match="no layer of Branches is called 'neg'; there are"):
        as_model(Branches(), layer="neg")
    with pytest.raises(UnknownNameError, match="no layer of Residual is called 'sbu'; did you mean sub"):
        as_model(Residual(), layer="sbu")
