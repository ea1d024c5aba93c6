"""Pooling of a layer with positions into units: every value, means over positions, or the class token."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from neuroalign.errors import ModelError

if TYPE_CHECKING:
    import torch

Pool = Callable[["torch.Tensor"], "torch.Tensor"]


def flatten(output: "torch.Tensor") -> "torch.Tensor":
    """Make one unit of each value, shape (n, n_units)."""
    return output.reshape(len(output), -1)


def mean_over_space(output: "torch.Tensor") -> "torch.Tensor":
    """Average channels over positions.

    Parameters
    ----------
    output : tensor
        Shape (n, channels, …), as convolutions put out, or (n, tokens, channels), as transformers do.
        With one dimension it is returned as it is.

    Returns
    -------
    tensor of shape (n, channels)
    """
    if output.ndim == 3:
        return output.mean(dim=1)
    return output.flatten(2).mean(dim=2) if output.ndim > 3 else flatten(output)


POOLS: Mapping[str | None, Pool] = {None: flatten, "mean": mean_over_space}


def pool_tokens(pool: str, *, n_prefix: int, n_patches: int | None, channels_last: bool = False) -> Pool:
    """Return the pooling of layers with tokens.

    Parameters
    ----------
    pool : {"mean", "token"}
        The mean over patches, without class and register tokens, or the class token, which is the first.
    n_prefix : int
        Number of tokens before the patches.
    n_patches : int, optional
        Number of patches. A layer with this number of tokens has no tokens before the patches.
    channels_last : bool
        Whether the channels of layers with two axes of positions are on the last axis.
    """
    if pool == "mean":
        return partial(_mean_of_patches, n_prefix=n_prefix, n_patches=n_patches, channels_last=channels_last)
    return partial(_class_token, n_prefix=n_prefix, n_patches=n_patches)


def _mean_of_patches(
    output: "torch.Tensor", *, n_prefix: int, n_patches: int | None, channels_last: bool
) -> "torch.Tensor":
    if output.ndim == 4:
        first, middle, last = output.shape[1:]
        # Positions form a square, which shows the axis of the channels unless it has the same length.
        if first == middle != last or (channels_last and not middle == last != first):
            return output.mean(dim=(1, 2))
    if output.ndim == 3 and output.shape[1] != n_patches:
        output = output[:, n_prefix:]
    return mean_over_space(output)


def _class_token(output: "torch.Tensor", *, n_prefix: int, n_patches: int | None) -> "torch.Tensor":
    if output.ndim == 2:
        return output
    if output.ndim != 3 or output.shape[1] == n_patches or output.shape[1] <= n_prefix:
        raise ModelError(
            f"pool=token needs a layer of tokens with the class token among them, got {tuple(output.shape[1:])}"
        )
    return output[:, 0]
