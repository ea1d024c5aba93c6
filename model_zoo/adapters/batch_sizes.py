"""Number of images in a batch, from the size of an image, or from the memory of a GPU.

On a CPU the number depends on the shape of an image alone, so that the numbers do not depend on the free memory.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from neuroalign.model_zoo.adapters.placement import device_of

if TYPE_CHECKING:
    import torch

#: Values in the images of a batch on a CPU: 8 images of 3 × 224 × 224. The activations of such a batch stay small
#: enough for the C library to use freed memory again; larger batches need new pages in every layer.
CPU_VALUES = 8 * 3 * 224**2

#: Part of the memory of a GPU for the activations of a batch.
GPU_PART = 0.25

_CPU_SIZES = (4, 64)
_GPU_SIZES = (1, 256)


class Runs(Protocol):
    """Layers of a module that can be run."""

    module: "torch.nn.Module"

    def capture(self, batch: "torch.Tensor", *, seed: str | int | None) -> "dict[str, torch.Tensor]":
        """Return the output of each layer."""
        ...


def for_cpu(shape: Sequence[int]) -> int:
    """Return the number of images in a batch on a CPU.

    Parameters
    ----------
    shape : sequence of int
        Shape of one image, such as (3, 224, 224).

    Returns
    -------
    int
        A power of 2 from 4 to 64.

    Examples
    --------
    >>> for_cpu((3, 224, 224)), for_cpu((3, 64, 64)), for_cpu((3, 518, 518))
    (8, 64, 4)
    """
    return _power_of_2(CPU_VALUES / max(math.prod(shape), 1), _CPU_SIZES)


def for_gpu(total: float, per_image: float) -> int:
    """Return the number of images in a batch on a GPU.

    Parameters
    ----------
    total : float
        Memory of the GPU, in bytes.
    per_image : float
        Memory of the activations for one image, in bytes.

    Returns
    -------
    int
        A power of 2 from 1 to 256, so that the activations take at most :data:`GPU_PART` of the memory.

    Examples
    --------
    >>> for_gpu(80e9, 300e6)
    64
    """
    return _power_of_2(GPU_PART * total / max(per_image, 1), _GPU_SIZES)


def choose(runs: Runs, image: "torch.Tensor") -> int:
    """Return the number of images in a batch for a network on its device.

    Parameters
    ----------
    runs : Runs
        On a CUDA GPU, the network runs on the image twice to measure its memory.
    image : tensor, shape (channels, height, width)
    """
    import torch

    device = device_of(runs.module)
    if device.type != "cuda":
        return for_cpu(image.shape)
    batch = torch.stack([image, image])
    runs.capture(batch, seed=0)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    runs.capture(batch, seed=0)
    per_image = (torch.cuda.max_memory_allocated(device) - before) / 2
    return for_gpu(torch.cuda.get_device_properties(device).total_memory, per_image)


def _power_of_2(most: float, limits: tuple[int, int]) -> int:
    smallest, largest = limits
    return min(largest, max(smallest, 2 ** int(math.log2(max(most, 1)))))
