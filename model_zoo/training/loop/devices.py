"""Devices for training, and the number of networks that fit on them.

Importing this module imports torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch

from neuroalign.errors import UsageError
from neuroalign.model_zoo.training.recipe import Recipe

Device = Literal["auto", "cpu", "cuda", "mps"]

# Numbers in memory for each instance that is trained with others: for each of its parameters, and for each pixel of
# its batch. On a CPU 8 and 31 were measured; a GPU may need additional work space.
_PER_PARAMETER, _PER_PIXEL = 10, 60


def choose_device(wanted: Device = "auto") -> torch.device:
    """Return the device for training.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda", "mps"}
        By default a GPU if one is available.

    Raises
    ------
    UsageError
        If the device is not available.
    """
    if wanted not in get_args(Device):
        raise UsageError(f"device must be one of {', '.join(get_args(Device))}, got {wanted!r}")
    available = [
        name
        for name, is_there in (
            ("cuda", torch.cuda.is_available()),
            ("mps", torch.backends.mps.is_available()),
        )
        if is_there
    ]
    available.append("cpu")
    if wanted == "auto":
        return torch.device(available[0])
    if wanted not in available:
        raise UsageError(f"torch finds no {wanted} device here; there is {', '.join(available)}")
    return torch.device(wanted)


def describe(device: torch.device) -> str:
    """Return the description of a device for records, with the name of the GPU."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


def fitting_together(device: torch.device, recipe: Recipe, n_parameters: int) -> int:
    """Return the number of instances to train as one batched network.

    Parameters
    ----------
    device : torch.device
    recipe : Recipe
    n_parameters : int
        Number of parameters of its network.

    Returns
    -------
    int
        1 on a CPU, where the batch of one instance uses a core fully. On a GPU, the number of instances that fill half
        of the free memory.
    """
    if device.type == "cpu":
        return 1
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else torch.mps.recommended_max_memory()
    per_instance = 4 * (_PER_PARAMETER * n_parameters + _PER_PIXEL * recipe.batch_size * recipe.image_size**2)
    return max(1, free // 2 // per_instance)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside the context."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def repeatable() -> Iterator[None]:
    """Let torch compute repeatable numbers: with one thread, and on a GPU in full single precision."""
    with one_thread(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield
