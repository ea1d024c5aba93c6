"""Device and precision of a network: copies on another device, reduced precision, lack of memory.

Nothing here imports torch until there is a module to place.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.checks import one_line
from neuroalign.models.repeatability import seeded

if TYPE_CHECKING:
    import torch

#: Precisions by the name of their torch dtype.
PRECISIONS = ("float32", "bfloat16", "float16")

# Beginnings of the messages of torch that report a lack of memory by a plain RuntimeError.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True)
class Placement:
    """Device and precision for the runs of a module.

    Parameters
    ----------
    device : torch.device
    moves : bool
        Whether the module is on another device.
    casts : bool
        Whether the weights are converted to float32.
    autocast : {None, "bfloat16", "float16"}
        Precision to which torch reduces products of matrices and convolutions; None leaves them as they are.
    dtype : str
        Precision of the runs, for records.
    """

    device: "torch.device"
    moves: bool
    casts: bool
    autocast: str | None
    dtype: str

    @property
    def key(self) -> list[str]:
        """Entries for a digest of everything that changes numbers; empty on a CPU in the module's own precision."""
        changed = [self.dtype] if self.casts or self.autocast else []
        return [*([] if self.device.type == "cpu" else [self.device.type]), *changed]


def plan(module: "torch.nn.Module", device: str | None, precision: str | None, *, owner: str) -> Placement:
    """Return the device and the precision for the runs of a module.

    Parameters
    ----------
    module : torch.nn.Module
    device : {None, "auto", "cpu", "cuda", "mps"}
        None leaves the module on its device. "auto" is a GPU if there is one.
    precision : {None, "float32", "bfloat16", "float16"}
        None leaves the module in its precision. Reduced precision uses torch's automatic mixed precision: products of
        matrices and convolutions are reduced, and normalisation stays in float32.
    owner : str
        Name of the model, for messages.

    Returns
    -------
    Placement

    Raises
    ------
    UsageError
        If the device is not available, or the precision is unknown.
    """
    if precision is not None and precision not in PRECISIONS:
        raise UsageError(f"{owner}: precision must be {', '.join(PRECISIONS)}, got {precision!r}")
    value = _floating(module)
    own = getattr(value, "device", None)
    if device is not None or own is None:
        from neuroalign.model_zoo.training.loop.devices import choose_device

        named: Any = device or "cpu"
        try:
            wanted = choose_device(named)
        except UsageError as error:
            raise UsageError(f"{owner}: {error}") from error
    else:
        wanted = own
    dtype = "float32" if value is None else str(value.dtype).removeprefix("torch.")
    differs = precision is not None and precision != dtype
    return Placement(
        device=wanted,
        moves=own is not None and own.type != wanted.type,
        casts=differs and dtype != "float32",
        autocast=precision if differs and precision != "float32" else None,
        dtype=precision or dtype,
    )


def place(module: "torch.nn.Module", placement: Placement) -> "torch.nn.Module":
    """Return a module on a device: the module itself, or a copy if it is elsewhere or in another precision.

    Parameters
    ----------
    module : torch.nn.Module
        The module stays unchanged.
    placement : Placement

    Raises
    ------
    ModelError
        If the module cannot be copied, or the device does not have the memory for its weights.
    """
    if not (placement.moves or placement.casts):
        return module
    try:
        copied = deepcopy(module).to(placement.device)
        return copied.float() if placement.casts else copied
    except Exception as error:
        raise ModelError(
            f"{type(module).__name__} cannot be copied to {placement.device.type} in {placement.dtype} "
            f"({one_line(error)}); move or convert the module itself, and leave out device= and precision="
        ) from error


def describe(placement: Placement) -> dict[str, str]:
    """Return the device, with the name of a GPU, and the precision, for the provenance of scores."""
    from neuroalign.model_zoo.training.loop.devices import describe as describe_device

    return {"device": describe_device(placement.device), "precision": placement.dtype}


def device_of(module: "torch.nn.Module") -> "torch.device":
    """Return the device of the weights of a module; the CPU for a module without weights."""
    import torch

    value = _floating(module)
    return torch.device("cpu") if value is None else value.device


def to_module(batch: "torch.Tensor", module: "torch.nn.Module") -> "torch.Tensor":
    """Return a batch on the device of a module, and with the dtype of its weights if the batch is floating."""
    value = _floating(module)
    if value is None:
        return batch
    dtype = value.dtype if batch.is_floating_point() else batch.dtype
    return batch.to(device=value.device, dtype=dtype, non_blocking=batch.is_pinned())


@contextmanager
def repeating(
    module: "torch.nn.Module", *, seed: str | int | None, autocast: str | None = None
) -> Iterator[None]:
    """Let a module compute the same numbers in every run of a block.

    Parameters
    ----------
    module : torch.nn.Module
    seed : str or int, optional
        Seed of the global random generators; None leaves them unchanged.
    autocast : {None, "bfloat16", "float16"}
        Reduced precision of the block.
    """
    import torch

    device = device_of(module)
    with ExitStack() as stack:
        if device.type == "cuda":
            # TF32 keeps 10 of the 23 bits of float32, which changes latents in the third digit.
            stack.enter_context(
                torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
            )
        if seed is not None:
            stack.enter_context(seeded("network", seed))
        dtype = None if autocast is None else getattr(torch, autocast)
        stack.enter_context(nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype))
        yield


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error reports a lack of memory, on a CPU or a GPU."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _OUT_OF_MEMORY)


def release_memory(module: "torch.nn.Module") -> None:
    """Return unused memory to the GPU of a module, so that a smaller batch finds a block in one piece."""
    import torch

    kind = device_of(module).type
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()


def _floating(module: "torch.nn.Module") -> "torch.Tensor | None":
    values = (*module.parameters(), *module.buffers())
    return next((value for value in values if value.is_floating_point()), None)
