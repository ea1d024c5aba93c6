"""Devices for training, and the number of networks that fit on them.

Importing this module imports torch.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, get_args

import torch

from neuroalign.errors import NeuroalignWarning, UsageError
from neuroalign.model_zoo.training.recipe import Recipe

Device = Literal["auto", "cpu", "cuda", "mps"]

#: Environment variable with the device that ``auto`` means.
VARIABLE = "NEUROALIGN_DEVICE"

# Numbers in memory for each instance that is trained with others on a GPU: for each of its parameters, and for each
# pixel of its batch. Parameters, two moments, two copies of the gradients and three of the state before a capture are
# eight numbers. The backward pass needs 61 numbers of the forward pass for each pixel, counted on a CPU; its own
# results and work space come on top.
_PER_PARAMETER, _PER_PIXEL = 10, 120


def choose_device(wanted: Device = "auto") -> torch.device:
    """Return the device for training.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda", "mps"}
        By default the value of the environment variable ``NEUROALIGN_DEVICE``, or else a GPU if one is available.

    Raises
    ------
    UsageError
        If the device is unknown or not available.
    """
    if wanted == "auto":
        variable: Any = os.environ.get(VARIABLE) or "auto"
        if variable not in get_args(Device):
            raise UsageError(f"{VARIABLE} must be one of {', '.join(get_args(Device))}, got {variable!r}")
        wanted = variable
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
        of its memory. The number does not depend on the memory of other programs, so that a run that continues forms
        the groups of the run that began. If less than this half is free, a warning states it, and the number is the one
        that fills half of the free memory.
    """
    if device.type == "cpu":
        return 1
    per_instance = bytes_of_instance(recipe, n_parameters)
    if device.type != "cuda":
        return max(1, torch.mps.recommended_max_memory() // 2 // per_instance)
    free, total = torch.cuda.mem_get_info(device)
    planned = max(1, total // 2 // per_instance)
    if free >= total // 2:
        return planned
    fitting = max(1, free // 2 // per_instance)
    warnings.warn(
        f"other programs leave {free / 2**30:.1f} of {total / 2**30:.1f} GiB of the GPU free, so at most {fitting} "
        f"instances are trained together, not {planned}; state the number with --together to get the same groups in "
        "every run",
        NeuroalignWarning,
        stacklevel=2,
    )
    return fitting


def bytes_of_instance(recipe: Recipe, n_parameters: int) -> int:
    """Return the memory of a GPU that is planned for an instance with this number of parameters, in bytes."""
    return 4 * (_PER_PARAMETER * n_parameters + _PER_PIXEL * recipe.batch_size * recipe.image_size**2)


def expect_precision(device: torch.device, precision: str) -> None:
    """Raise an error if a device does not have a precision.

    Raises
    ------
    UsageError
        If the precision is TF32 and the device is not an NVIDIA GPU.
    """
    if precision == "tf32" and device.type != "cuda":
        raise UsageError(
            f"precision=tf32 needs an NVIDIA GPU, got the device {device.type}; train with --precision float32"
        )


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
def repeatable(device: torch.device, precision: str = "float32") -> Iterator[None]:
    """Let torch compute repeatable numbers: with one thread, and on a GPU with kernels that are deterministic.

    Parameters
    ----------
    device : torch.device
    precision : {"float32", "tf32", "bfloat16"}
        Precision of products and convolutions of numbers in float32: TF32, or full single precision.
    """
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        tf32 = precision == "tf32"
        stack.enter_context(torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=tf32))
        if device.type == "cuda":
            stack.enter_context(_deterministic_kernels())
            stack.enter_context(_products(tf32))
        yield


@contextmanager
def _deterministic_kernels() -> Iterator[None]:
    """Let torch choose deterministic kernels; it warns of an operation without a deterministic kernel."""
    # cuBLAS needs a work space of a fixed size; the variable is read before the first product.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    settings: Any = torch.utils.deterministic
    fills = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Every value is written before it is read, so filling memory would only take time.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        settings.fill_uninitialized_memory = fills
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@contextmanager
def _products(tf32: bool) -> Iterator[None]:
    """Compute products of matrices on a GPU in TF32 or in full single precision."""
    settings: Any = torch.backends.cuda.matmul
    try:
        before, name = settings.allow_tf32, "allow_tf32"
    except RuntimeError:
        # The program has set the precision by the newer name, which torch does not let anyone mix with this one.
        before, name = settings.fp32_precision, "fp32_precision"
    setattr(settings, name, tf32 if name == "allow_tf32" else ("ieee", "tf32")[tf32])
    try:
        yield
    finally:
        setattr(settings, name, before)
