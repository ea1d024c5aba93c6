"""Rectifications at the end of layers of a torch module."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def last_rectification(module: "torch.nn.Module", layer: str) -> str | None:
    """Return the name of the last ReLU in a layer, which may be the layer itself.

    Parameters
    ----------
    module : torch.nn.Module
    layer : str
        Name of a submodule; "" is the module itself.

    Returns
    -------
    str or None
        None where the layer is not a submodule, or has no ReLU. Layers may go on after their last ReLU.
    """
    from torch.nn import ReLU

    inside = [
        name
        for name, submodule in module.named_modules()
        if isinstance(submodule, ReLU) and (not layer or name == layer or name.startswith(f"{layer}."))
    ]
    return inside[-1] if inside else None
