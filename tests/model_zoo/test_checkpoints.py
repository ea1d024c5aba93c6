"""Tests of the files of checkpoints."""

import pytest
import torch
from safetensors.torch import save_file

from neuroalign.errors import ModelError
from neuroalign.files.home import TEMPORARY_PREFIX
from neuroalign.model_zoo.training.loop.checkpoints import (
    find_checkpoints,
    read_state,
    read_tensors,
    write_checkpoint,
)

RUN = {"step": 3, "recipe": {"seed": 0}, "stimulus_set": {"content_hash": "abc"}}


def test_tensors_and_state_return_from_the_file(tmp_path):
    path = tmp_path / "two.safetensors"
    tensors = {"a": {"network.x": torch.arange(3.0)}, "b": {"network.x": torch.ones(2, 2)}}
    state = {"trained_together": 2, "runs": {"a": RUN, "b": {**RUN, "step": 4}}}
    write_checkpoint(path, tensors, state)
    assert read_state(path) == state
    assert {name: value.tolist() for name, value in read_tensors(path, "a").items()} == {
        "network.x": [0.0, 1.0, 2.0]
    }
    assert read_tensors(path, "b")["network.x"].shape == (2, 2)


def test_damaged_and_temporary_files_are_left_out(tmp_path):
    whole = tmp_path / "whole.safetensors"
    write_checkpoint(whole, {"a": {"x": torch.zeros(1)}}, {"trained_together": 1, "runs": {"a": RUN}})
    (tmp_path / f"{TEMPORARY_PREFIX}half.safetensors").write_bytes(whole.read_bytes())
    (tmp_path / "damaged.safetensors").write_bytes(whole.read_bytes()[:-3])
    assert list(find_checkpoints(tmp_path)) == [whole]


def test_faulty_files_are_explained(tmp_path):
    path = tmp_path / "faulty.safetensors"
    save_file({"a/x": torch.zeros(1)}, path, metadata={"format": "4", "state": "{}"})
    with pytest.raises(ModelError, match=r"^the checkpoint .*faulty\.safetensors has format 4, expected 5$"):
        read_state(path)
    write_checkpoint(path, {}, {"trained_together": 1, "runs": {"a": {"step": 1}}})
    with pytest.raises(ModelError, match=r"faulty\.safetensors is damaged: 'recipe'$"):
        read_state(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"faulty\.safetensors is damaged"):
        read_tensors(path, "a")
