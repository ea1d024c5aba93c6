"""Pooling of a layer with positions into units: every value, means over positions, or the class token."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

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
