"""The state of a run that is not finished, in one safetensors file.

A run draws its order of images and its noise afresh for every step from its seed and the number of the
step, so the number of the step is all that there is to keep of random generators.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neuroalign.errors import ModelError
from neuroalign.home import atomic_path

#: Raised when what is written changes.
FORMAT = "2"


def write_checkpoint(
    path: Path,
    network: nn.Module,
    optimiser: torch.optim.Adam,
    groups: Mapping[str, Mapping[str, Tensor]],
    state: Mapping[str, Any],
) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : Path
    network : torch.nn.Module
    optimiser : torch.optim.Adam
        Of the network's parameters.
    groups : mapping of name to mapping of name to tensor
        What else the run keeps, such as sums since the last entry of the log.
    state : mapping
        JSON-like: the number of the step, the log, what identifies the run.
    """
    from safetensors.torch import save_file

    tensors = {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}
    for name, parameter in network.named_parameters():
        tensors[f"network.{name}"] = parameter.detach()
        for moment, value in optimiser.state[parameter].items():
            tensors[f"{moment}.{name}"] = value
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"format": FORMAT, "state": json.dumps(state)})


def read_state(path: Path) -> dict[str, Any]:
    """Read what a checkpoint says of its run, without its tensors.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ModelError(f"the checkpoint {path} has format {metadata.get('format')}, expected {FORMAT}")
        state: dict[str, Any] = json.loads(metadata["state"])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the checkpoint {path} is damaged: {error}") from error
    return state


def restore(
    path: Path, network: nn.Module, optimiser: torch.optim.Adam, groups: Sequence[str]
) -> list[dict[str, Tensor]]:
    """Fill a network and its optimiser from a checkpoint.

    Parameters
    ----------
    path : Path
    network : torch.nn.Module
    optimiser : torch.optim.Adam
        Of the network's parameters.
    groups : sequence of str
        Names of the groups that were written.

    Returns
    -------
    list of dict of name to tensor
        The groups.

    Raises
    ------
    ModelError
        If the file is damaged or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(tensors[f"network.{name}"])
                # The fused optimiser walks through memory, so moments need the parameter's layout.
                optimiser.state[parameter] = {
                    "step": tensors[f"step.{name}"],
                    **{
                        moment: torch.empty_like(parameter).copy_(tensors[f"{moment}.{name}"])
                        for moment in ("exp_avg", "exp_avg_sq")
                    },
                }
    except (SafetensorError, OSError, KeyError, RuntimeError) as error:
        raise ModelError(f"the checkpoint {path} is damaged: {error}") from error
    return [
        {
            name.removeprefix(f"{group}."): value
            for name, value in tensors.items()
            if name.startswith(f"{group}.")
        }
        for group in groups
    ]
