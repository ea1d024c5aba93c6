"""Convolutions of 4×4 pixels and stride 2 as matrix products, for graphics processors.

The kernels of grouped convolutions leave most of a GPU idle, and a convolution with a few channels is no better. Padded
by one pixel, an image consists of blocks of 2×2 pixels, and a kernel of 4×4 pixels covers four blocks, its quarters. So
a convolution is one product of the blocks with the four quarters of the kernel and a sum of four shifted results. The
transposed convolution is the same in reverse. Under :func:`torch.func.vmap`, a product becomes a batched product.

All values have channels last: (n, height, width, channels). Quarters and pixels of a block are numbered row by row.

Importing this module imports torch.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad


def convolve(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve with stride 2 and padding 1.

    Parameters
    ----------
    values : tensor of shape (n, 2·height, 2·width, n_inputs)
    weight : tensor of shape (n_outputs, n_inputs, 4, 4)
    bias : tensor of shape (n_outputs,)

    Returns
    -------
    tensor of shape (n, height, width, n_outputs)
    """
    blocks = _Blocks.apply(values)
    n_outputs, n_inputs, *_ = weight.shape
    quarters = _quarters(weight)
    if 4 * n_inputs <= n_outputs:
        # Few inputs: the four blocks under a kernel take less memory than four results.
        matrix = quarters.permute(0, 1, 2, 3, 5, 4).reshape(16 * n_inputs, n_outputs)
        return _product(_Gathered.apply(blocks), matrix) + bias
    matrix = quarters.permute(2, 3, 5, 0, 1, 4).reshape(4 * n_inputs, 4 * n_outputs)
    return _Summed.apply(_product(blocks, matrix)) + bias


def convolve_transposed(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply the transpose of a convolution with stride 2 and padding 1.

    Parameters
    ----------
    values : tensor of shape (n, height, width, n_inputs)
    weight : tensor of shape (n_inputs, n_outputs, 4, 4)
    bias : tensor of shape (n_outputs,)

    Returns
    -------
    tensor of shape (n, 2·height, 2·width, n_outputs)
    """
    n_inputs, n_outputs, *_ = weight.shape
    quarters = _quarters(weight)
    if 4 * n_outputs <= n_inputs:
        matrix = quarters.permute(4, 0, 1, 2, 3, 5).reshape(n_inputs, 16 * n_outputs)
        blocks = _Scattered.apply(_product(values, matrix))
    else:
        matrix = quarters.permute(0, 1, 4, 2, 3, 5).reshape(4 * n_inputs, 4 * n_outputs)
        blocks = _product(_Spread.apply(values), matrix)
    return _Pixels.apply(blocks) + bias


def _quarters(weight: Tensor) -> Tensor:
    """Split kernels, shape (a, b, 4, 4), into quarters: (2, 2, 2, 2, a, b), first the quarter, then the pixel in it."""
    a, b, *_ = weight.shape
    return weight.reshape(a, b, 2, 2, 2, 2).permute(2, 4, 3, 5, 0, 1)


def _product(values: Tensor, matrix: Tensor) -> Tensor:
    n, height, width, channels = values.shape
    return (values.reshape(-1, channels) @ matrix).reshape(n, height, width, -1)


def _to_blocks(values: Tensor) -> Tensor:
    """Pad images by one pixel, and collect blocks: (n, 2h, 2w, c) to (n, h + 1, w + 1, 4c)."""
    n, height, width, channels = values.shape
    padded = pad(values, (0, 0, 1, 1, 1, 1))
    blocks = padded.reshape(n, height // 2 + 1, 2, width // 2 + 1, 2, channels).permute(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, height // 2 + 1, width // 2 + 1, 4 * channels)


def _to_pixels(blocks: Tensor) -> Tensor:
    """Place blocks in images, and crop one pixel: (n, h + 1, w + 1, 4c) to (n, 2h, 2w, c)."""
    n, height, width, channels = blocks.shape
    pixels = blocks.reshape(n, height, width, 2, 2, channels // 4).permute(0, 1, 3, 2, 4, 5)
    return pixels.reshape(n, 2 * height, 2 * width, channels // 4)[:, 1:-1, 1:-1].contiguous()


def _sum(results: Tensor) -> Tensor:
    """Add the four results of each kernel: (n, h + 1, w + 1, 4c) to (n, h, w, c)."""
    first, second, third, fourth = results.chunk(4, dim=3)
    upper = first[:, :-1, :-1] + second[:, :-1, 1:]
    return upper + third[:, 1:, :-1] + fourth[:, 1:, 1:]


def _spread(values: Tensor) -> Tensor:
    """Copy values to the four blocks that they belong to: (n, h, w, c) to (n, h + 1, w + 1, 4c)."""
    padded = pad(values, (0, 0, 1, 1, 1, 1))
    shifted = [padded[:, 1:, 1:], padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1]]
    return torch.cat(shifted, dim=3)


def _gather(blocks: Tensor) -> Tensor:
    """Collect the four blocks under each kernel: (n, h + 1, w + 1, c) to (n, h, w, 4c)."""
    shifted = [blocks[:, :-1, :-1], blocks[:, :-1, 1:], blocks[:, 1:, :-1], blocks[:, 1:, 1:]]
    return torch.cat(shifted, dim=3)


def _scatter(values: Tensor) -> Tensor:
    """Add the values of each kernel to its four blocks: (n, h, w, 4c) to (n, h + 1, w + 1, c)."""
    first, second, third, fourth = values.chunk(4, dim=3)
    upper = pad(first, (0, 0, 0, 1, 0, 1)) + pad(second, (0, 0, 1, 0, 0, 1))
    return upper + pad(third, (0, 0, 0, 1, 1, 0)) + pad(fourth, (0, 0, 1, 0, 1, 0))


def _linear(forward: Callable[[Tensor], Tensor], transpose: Callable[[Tensor], Tensor]) -> Any:
    """Make a differentiable function of a linear function and its transpose, which have no parameters."""

    class Linear(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(values: Tensor) -> Tensor:
            return forward(values)

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return transpose(gradient)

    return Linear


# The derivative of torch for slices fills whole arrays with zeros, once for each slice.
_Blocks, _Pixels = _linear(_to_blocks, _to_pixels), _linear(_to_pixels, _to_blocks)
_Summed, _Spread = _linear(_sum, _spread), _linear(_spread, _sum)
_Gathered, _Scattered = _linear(_gather, _scatter), _linear(_scatter, _gather)
