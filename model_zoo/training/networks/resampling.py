"""Convolutions that halve and double the size of images, in any precision, and faster on a CPU than in torch.

Importing this module imports torch.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, fold

from neuroalign.model_zoo.training.networks.quarters import convolve, convolve_transposed

_SIDE, _STRIDE, _PADDING = 4, 2, 1
_BACKWARDS = torch.ops.aten.convolution_backward


class Downsampling(nn.Conv2d):
    """A 4×4 convolution of stride 2, in the precision of its input: it halves height and width.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of channels.
    """

    #: Whether to compute by :mod:`neuroalign.model_zoo.training.networks.quarters`.
    by_products = False

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__(n_inputs, n_outputs, _SIDE, stride=_STRIDE, padding=_PADDING)

    def forward(self, values: Tensor) -> Tensor:
        """Map (n, n_inputs, height, width) to (n, n_outputs, height / 2, width / 2)."""
        weight, bias = _parameters(self, values.dtype)
        if self.by_products:
            return convolve(values.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)
        return conv2d(values, weight, bias, stride=_STRIDE, padding=_PADDING)


class Upsampling(nn.ConvTranspose2d):
    """A transposed 4×4 convolution of stride 2, in the precision of its input: it doubles height and width.

    Weights, values and gradients are the same as in torch's layer, except for rounding. Two computations are faster on
    a CPU. A single output channel is computed by a matrix product and by folding its columns into the image, in a third
    of the time. Gradients are computed by the kernels of the corresponding convolution, in bfloat16 in half of the
    time.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Numbers of channels.
    """

    #: Whether to compute by :mod:`neuroalign.model_zoo.training.networks.quarters`.
    by_products = False

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__(n_inputs, n_outputs, _SIDE, stride=_STRIDE, padding=_PADDING)

    def forward(self, values: Tensor) -> Tensor:  # type: ignore[override]
        """Map (n, n_inputs, height, width) to (n, n_outputs, 2·height, 2·width)."""
        weight, bias = _parameters(self, values.dtype)
        if self.by_products:
            return convolve_transposed(values.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)
        if values.device.type != "cpu":
            return conv_transpose2d(values, weight, bias, stride=_STRIDE, padding=_PADDING)
        upsampled: Tensor = _Upsampled.apply(values, weight, bias)
        return upsampled


class _Upsampled(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        n_inputs, n_outputs, *_ = weight.shape
        if n_outputs > 1:
            return conv_transpose2d(values, weight, bias, stride=_STRIDE, padding=_PADDING)
        n, _, height, width = values.shape
        rows = values.permute(0, 2, 3, 1).reshape(n, height * width, n_inputs)
        patches = (rows @ weight.reshape(n_inputs, _SIDE**2)).transpose(1, 2)
        size = (_STRIDE * height, _STRIDE * width)
        return fold(patches, size, _SIDE, stride=_STRIDE, padding=_PADDING) + bias.reshape(1, 1, 1, 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        values, weight, _ = inputs
        ctx.save_for_backward(values, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        values, weight = ctx.saved_tensors
        # Input and output are exchanged in the convolution that this layer transposes.
        geometry = [[_STRIDE] * 2, [_PADDING] * 2, [1, 1], False, [0, 0], 1]
        of_weight = _BACKWARDS(values, gradient, weight, None, *geometry, [False, True, False])[1]
        of_values = conv2d(gradient, weight, stride=_STRIDE, padding=_PADDING)
        return of_values, of_weight, gradient.sum((0, 2, 3))


def _parameters(layer: nn.Conv2d | nn.ConvTranspose2d, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    assert layer.bias is not None
    return layer.weight.to(dtype), layer.bias.to(dtype)
