"""Tests of devices, precision and batch sizes of networks."""

import numpy as np
import pytest
import torch
from torch import nn

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import NeuroalignWarning, UsageError
from neuroalign.model_zoo.adapters.batch_sizes import for_cpu, for_gpu
from neuroalign.model_zoo.adapters.placement import is_out_of_memory, plan
from neuroalign.models.loading import as_model, load_model


@pytest.fixture
def stimuli():
    return StimulusSet.from_arrays(np.random.default_rng(0).integers(0, 256, (23, 8, 8, 3), dtype=np.uint8))


def linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 6))


def test_an_unavailable_device_is_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"^net: torch finds no cuda device here; there is cpu$"):
        as_model(linear(), identifier="net", device="cuda")
    with pytest.raises(UsageError, match="device must be one of auto, cpu, cuda, mps, got 'tpu'"):
        load_model("timm:test_vit[weights=random,device=tpu]")
    with pytest.raises(UsageError, match=r"^net: precision must be float32, bfloat16, float16, got 'int8'$"):
        as_model(linear(), identifier="net", precision="int8")
    assert plan(linear(), "auto", None, owner="net").device.type == "cpu"


def test_the_key_has_the_device_and_the_precision_where_numbers_change(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert plan(linear(), None, "float32", owner="net").key == []
    assert plan(linear(), "cpu", None, owner="net").key == []
    assert plan(linear(), None, "bfloat16", owner="net").key == ["bfloat16"]
    assert plan(linear().half(), None, None, owner="net").key == []
    assert plan(linear().half(), None, "float16", owner="net").key == []
    assert plan(linear().half(), None, "float32", owner="net").key == ["float32"]
    monkeypatch.delenv("NEUROALIGN_DEVICE")
    placement = plan(linear(), "auto", None, owner="net")
    assert (placement.key, placement.moves) == (["cuda"], True)


def test_precision_changes_fingerprint_name_and_rounding(stimuli):
    exact, reduced = as_model(linear()), as_model(linear(), precision="bfloat16")
    assert as_model(linear(), precision="float32").fingerprint == exact.fingerprint != reduced.fingerprint
    assert reduced.identifier.endswith("[precision=bfloat16]")
    assert exact.computed_with == {"device": "cpu", "precision": "float32"}
    assert reduced.computed_with == {"device": "cpu", "precision": "bfloat16"}
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        pixels = torch.from_numpy(stimuli.pixels(channels=3)).permute(0, 3, 1, 2)
        expected = linear()(pixels).float()
    values = reduced.latents(stimuli).values
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert 1e-4 < np.abs(values - exact.latents(stimuli).values).max() < 0.02


def test_a_module_in_half_precision_stays_unchanged(stimuli):
    module = linear().bfloat16()
    values = as_model(module, identifier="x", precision="float32").latents(stimuli).values
    assert module[1].weight.dtype == torch.bfloat16
    pixels = torch.from_numpy(stimuli.pixels(channels=3)).permute(0, 3, 1, 2)
    np.testing.assert_allclose(values, linear().bfloat16().float()(pixels).detach(), atol=1e-5)


def test_sizes_of_batches():
    assert [for_cpu((3, side, side)) for side in (32, 64, 160, 224, 384, 1000)] == [64, 64, 8, 8, 4, 4]
    assert [for_gpu(80e9, need) for need in (1e6, 100e6, 1e9, 30e9)] == [256, 128, 16, 1]


class Small(nn.Module):
    """A network that has memory for at most 5 images."""

    def __init__(self, error):
        super().__init__()
        self.inner, self.error, self.sizes = linear(), error, []

    def forward(self, x):
        self.sizes.append(len(x))
        if len(x) > 5:
            raise self.error
        return self.inner(x)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
        MemoryError(),
    ],
)
def test_batches_are_halved_where_the_memory_does_not_suffice(stimuli, error):
    module = Small(error)
    with pytest.warns(
        NeuroalignWarning, match="^x: the memory of cpu does not suffice for a batch of "
    ) as issued:
        latents = as_model(module, identifier="x", batch_size=16).latents(stimuli)
    assert [str(warning.message).split(" of ")[2].split(",")[0] for warning in issued] == [
        "16 images",
        "8 images",
    ]
    np.testing.assert_allclose(latents.values, as_model(linear()).latents(stimuli).values, atol=1e-6)
    assert latents["stimulus"].values.tolist() == stimuli.ids.tolist()
    assert [size for size in module.sizes if size > 5] == [16, 8]


def test_other_errors_are_no_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    assert not is_out_of_memory(None)


@pytest.mark.parametrize(("option", "least"), [("batch_size", 1), ("n_workers", 0)])
def test_wrong_numbers(option, least):
    with pytest.raises(UsageError, match=f"^x: {option} must be a whole number from {least} up, got -1$"):
        as_model(linear(), identifier="x", **{option: -1})
