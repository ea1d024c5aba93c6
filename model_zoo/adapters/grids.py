"""Pooling of the tokens of any network: patches into a grid or a mean, and the class token.

Nothing here imports torch until there is an output to pool.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.pooling import POOLS, Pool, mean_over_space

if TYPE_CHECKING:
    import torch

#: Beginning of the name of a pooling into a grid, as in ``grid:7``.
GRID = "grid:"

#: Names of the parameters of networks in torchvision, timm and transformers that are a class token.
_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")
#: Names of the parameters that are further tokens before the patches.
_OTHER_TOKENS = ("reg_token", "register_tokens", "dist_token", "distillation_token")


@dataclass(frozen=True)
class Prefix:
    """Tokens before the patches in the output of a transformer.

    Parameters
    ----------
    n_tokens : int
        Number of class and register tokens.
    has_class : bool
        Whether the first one is a class token.
    """

    n_tokens: int
    has_class: bool


def find_prefix(module: "torch.nn.Module") -> Prefix:
    """Find the class token and the register tokens of a network by the names of its parameters.

    Parameters
    ----------
    module : torch.nn.Module
    """
    shapes = {name.rpartition(".")[2]: tuple(value.shape) for name, value in module.named_parameters()}
    has_class = any(name in shapes for name in _CLASS_TOKENS)
    others = [shapes[name] for name in _OTHER_TOKENS if name in shapes]
    return Prefix(has_class + sum(shape[-2] if len(shape) > 1 else 1 for shape in others), has_class)


def pool_named(pool: str | None, prefix: Prefix, *, owner: str, is_channels_last: bool = False) -> "Pool":
    """Return the pooling with a name.

    Parameters
    ----------
    pool : {None, "mean", "token", "grid:N"}
    prefix : Prefix
        Tokens before the patches.
    owner : str
        Name of the model, for messages.
    is_channels_last : bool
        Whether layers with four axes have their channels on the last one if their shape does not show the axis.

    Returns
    -------
    callable
        Function from the output of a layer, shape (n, …), to units, shape (n, n_units).

    Raises
    ------
    UsageError
        If the pooling is unknown, or the network has no class token.
    """
    if pool == "token":
        if not prefix.has_class:
            raise UsageError(f"{owner}: the network has no class token; use pool=mean or pool=grid:N")
        return partial(class_token, n_prefix=prefix.n_tokens)
    if pool == "mean" and prefix.n_tokens:
        return partial(mean_of_patches, n_prefix=prefix.n_tokens)
    if pool is not None and pool.startswith(GRID):
        digits = pool.removeprefix(GRID)
        if not digits.isdecimal() or int(digits) < 1:
            raise UsageError(f"{owner}: pool=grid:N must have a whole number N from 1 up, got {pool!r}")
        return partial(
            mean_in_grid, side=int(digits), n_prefix=prefix.n_tokens, is_channels_last=is_channels_last
        )
    if pool not in POOLS:
        raise UsageError(f"{owner}: pool must be none, mean, token or grid:N, got {pool!r}")
    return POOLS[pool]


def mean_in_grid(
    output: "torch.Tensor", *, side: int, n_prefix: int = 0, is_channels_last: bool = False
) -> "torch.Tensor":
    """Average channels over the cells of a grid of positions.

    Cell i of N covers the positions from floor(i L / N) to ceil((i + 1) L / N) - 1 of an axis with L positions, so that
    neighbouring cells share positions if N does not divide L (adaptive average pooling of torch).

    Parameters
    ----------
    output : tensor
        Shape (n, channels, height, width), (n, height, width, channels), or (n, tokens, channels), where the tokens
        are a square of patches after `n_prefix` others. With one dimension for each image it is returned as it is.
    side : int
        Number of rows and of columns of the grid.
    n_prefix : int
        Number of tokens before the patches.
    is_channels_last : bool
        Whether an output with four axes has its channels on the last one if its shape does not show the axis.

    Returns
    -------
    tensor of shape (n, channels × side × side)
        Channel by channel, row by row.

    Raises
    ------
    ModelError
        If the positions are not a square or a plane, or are fewer than the grid has.

    Examples
    --------
    >>> import torch
    >>> mean_in_grid(torch.arange(16.0).reshape(1, 1, 4, 4), side=2)
    tensor([[ 2.5000,  4.5000, 10.5000, 12.5000]])
    """
    from torch.nn.functional import adaptive_avg_pool2d

    if output.ndim == 2:
        return output
    if output.ndim == 3:
        output = _square(output, n_prefix)
    elif output.ndim != 4:
        raise ModelError(
            f"pool=grid:{side} needs a layer with rows and columns of positions, got {tuple(output.shape[1:])}"
        )
    else:
        first, middle, last = output.shape[1:]
        # Positions form a square, which shows the axis of the channels unless it has the same length.
        if first == middle != last or (is_channels_last and not first != middle == last):
            output = output.movedim(3, 1)
    height, width = output.shape[2:]
    if min(height, width) < side:
        raise ModelError(
            f"pool=grid:{side} needs at least {side} × {side} positions, and the layer has {height} × {width}; choose "
            f"grid:{min(height, width)} or less"
        )
    return adaptive_avg_pool2d(output, side).reshape(len(output), -1)


def mean_of_patches(output: "torch.Tensor", *, n_prefix: int) -> "torch.Tensor":
    """Average channels over positions, without the class and register tokens of layers with tokens.

    Parameters
    ----------
    output : tensor
        Shape (n, tokens, channels), where the tokens are a square of patches after `n_prefix` others or alone. Layers
        of another shape are averaged by :func:`neuroalign.model_zoo.adapters.pooling.mean_over_space`.
    n_prefix : int
        Number of class and register tokens.

    Returns
    -------
    tensor of shape (n, channels)

    Raises
    ------
    ModelError
        If the patches are not a square, so that the number of tokens does not show which ones are patches.

    Examples
    --------
    >>> import torch
    >>> mean_of_patches(torch.tensor([[[9.0], [1.0], [2.0], [3.0], [4.0]]]), n_prefix=1)
    tensor([[2.5000]])
    """
    if output.ndim == 3:
        output = output[:, _count_before_patches(output.shape[1], n_prefix, "mean") :]
    return mean_over_space(output)


def class_token(output: "torch.Tensor", *, n_prefix: int = 1) -> "torch.Tensor":
    """Return the first of the tokens of each image.

    Parameters
    ----------
    output : tensor
        Shape (n, tokens, channels). With one dimension for each image it is returned as it is.
    n_prefix : int
        Number of class and register tokens.

    Returns
    -------
    tensor of shape (n, channels)

    Raises
    ------
    ModelError
        If the layer has no tokens, or a square of patches alone.
    """
    if output.ndim == 2:
        return output
    if output.ndim != 3:
        raise ModelError(f"pool=token needs a layer of tokens, got {tuple(output.shape[1:])}")
    counts = _counts_before_patches(output.shape[1], n_prefix)
    if counts and n_prefix not in counts:
        raise ModelError(
            f"pool=token needs a layer with the class token among its tokens, and {output.shape[1]} tokens are a "
            "square of patches alone; use pool=mean, or choose a later layer"
        )
    return output[:, 0]


def _square(output: "torch.Tensor", n_prefix: int) -> "torch.Tensor":
    """Return tokens as a square of patches, shape (n, channels, side, side)."""
    patches: Any = output[:, _count_before_patches(output.shape[1], n_prefix, "grid:N") :]
    side = math.isqrt(patches.shape[1])
    return patches.transpose(1, 2).reshape(len(output), -1, side, side)


def _counts_before_patches(n_tokens: int, n_prefix: int) -> list[int]:
    """Return the numbers of tokens that leave a square of patches: `n_prefix`, or 0 for a layer of patches alone."""
    sizes = {n_before: n_tokens - n_before for n_before in (n_prefix, 0)}
    return [n_before for n_before, size in sizes.items() if size > 0 and math.isqrt(size) ** 2 == size]


def _count_before_patches(n_tokens: int, n_prefix: int, pool: str) -> int:
    counts = _counts_before_patches(n_tokens, n_prefix)
    if not counts:
        raise ModelError(
            f"pool={pool} needs a square of patches, and the layer has {n_tokens} tokens, {n_prefix} of them before "
            "the patches"
        )
    if len(counts) > 1:
        raise ModelError(
            f"pool={pool} cannot separate the patches of the layer: its {n_tokens} tokens are {n_tokens} patches, or "
            f"{n_tokens - n_prefix} patches after {n_prefix} other tokens; give images of another size, or leave pool= "
            "out"
        )
    return counts[0]
