import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomTreesEmbedding
from torch import nn

from neuroalign.models.fingerprints import behaviour_digest

SCALE = 2.0


def scale(x):
    return x * SCALE


class Scaled(nn.Module):
    factor = 1.0

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 2)
        self.activation = torch.relu
        self.power = 1
        self.register_buffer("shift", torch.zeros(2), persistent=False)

    def forward(self, x):
        return scale(self.activation(self.linear(x))) ** self.power * self.factor + self.shift


def with_other_weight(module):
    with torch.no_grad():
        module.linear.weight[0, 0] += 1e-6


@pytest.mark.parametrize(
    "change",
    [
        with_other_weight,
        lambda module: module.shift.fill_(1e-6),
        lambda module: setattr(module, "power", 2),
        lambda module: setattr(module, "activation", torch.tanh),
        lambda module: module.linear.register_forward_hook(lambda layer, given, output: output + 1),
        lambda module: module.half(),
    ],
)
def test_changes_of_a_module_change_its_digest(change):
    module = Scaled()
    before = behaviour_digest(module)
    change(module)
    assert before is not None
    assert behaviour_digest(module) not in (before, None)


def test_changes_without_effect_keep_the_digest():
    before = behaviour_digest(Scaled())
    module = Scaled()
    module.eval()
    handle = module.register_forward_hook(lambda layer, given, output: output)
    handle.remove()
    module(torch.zeros(1, 3)).sum().backward()
    assert behaviour_digest(module) == before


def test_code_and_its_references_change_the_digest(monkeypatch):
    before = behaviour_digest(Scaled(), scale)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "SCALE", 3.0)
        assert behaviour_digest(Scaled(), scale) != before
    with monkeypatch.context() as patch:
        patch.setattr(Scaled, "factor", 2.0)
        assert behaviour_digest(Scaled(), scale) != before
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "scale", lambda x: x / SCALE)
        assert behaviour_digest(Scaled()) != behaviour_digest(Scaled(), scale)
    assert behaviour_digest(Scaled(), scale) == before


def test_functions_by_code_closure_and_defaults():
    def make(shift):
        return lambda x, by=1: (x + shift) * by

    functions = [make(1), make(2), lambda x, by=1: (x - 1) * by, partial(make(1), by=2), np.abs, len]
    digests = [behaviour_digest(function) for function in functions]
    assert None not in digests
    assert len(set(digests)) == len(digests)
    assert behaviour_digest(make(1)) == digests[0]


def test_regular_expressions_differ_by_pattern_and_flags():
    patterns = [re.compile("a" * 300), re.compile("a" * 300 + "b"), re.compile("a" * 300, re.IGNORECASE)]
    assert len({behaviour_digest(pattern) for pattern in patterns} - {None}) == 3
    assert behaviour_digest(re.compile("x")) == behaviour_digest(re.compile("x"))


def test_traced_modules_of_other_code_differ():
    class Other(Scaled):
        def forward(self, x):
            return self.linear(x) - 1

    class Again(Scaled):
        def forward(self, x):
            return self.linear(x) + 1

    digests = {behaviour_digest(torch.fx.symbolic_trace(module())) for module in (Scaled, Other, Again)}
    assert len(digests - {None}) == 3


def test_objects_that_cannot_be_inspected_have_no_digest():
    pixels = np.random.default_rng(0).random((20, 4))
    opaque = [
        torch.Generator(),
        np.random.default_rng(0),
        RandomTreesEmbedding(n_estimators=2).fit(pixels),
        partial(scale, np.random.default_rng(0)),
        object(),
        {1: iter([1])},
        torch.eye(2).to_sparse(),
    ]
    assert [behaviour_digest(value) for value in opaque] == [None] * len(opaque)


def test_values_and_containers():
    values = [1, 1.0, True, "1", b"1", [1], (1,), {1}, {1: 1}, None, float("nan"), np.float32(1), np.ones(1)]
    digests = [behaviour_digest(value) for value in values]
    assert len(set(digests)) == len(values)
    assert behaviour_digest({"b", "a"}) == behaviour_digest({"a", "b"})
    loop = []
    loop.append(loop)
    assert behaviour_digest(loop) is not None


def test_fitted_estimators():
    pixels = np.random.default_rng(0).random((20, 4))
    once, again = PCA(2).fit(pixels), PCA(2).fit(pixels)
    assert behaviour_digest(once) == behaviour_digest(again)
    assert behaviour_digest(PCA(2).fit(pixels[:-1])) != behaviour_digest(once)


@pytest.mark.slow
def test_another_process_finds_the_same():
    program = (
        "import torch\nfrom torch import nn\n"
        "from neuroalign.models.fingerprints import behaviour_digest\n"
        "torch.manual_seed(0)\n"
        "class Net(nn.Module):\n"
        "    kinds = frozenset({'a', 'b', 'c'})\n"
        "    def __init__(self):\n        super().__init__()\n        self.one = nn.LSTM(2, 2)\n"
        "    def forward(self, x):\n        return self.one(x)[0] if 'a' in {'a', 'b', 'c'} else x\n"
        "print(behaviour_digest(Net(), lambda x: x in {'p', 'q'}))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop()) == 64
