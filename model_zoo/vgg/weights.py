"""Weights of VGG-Face: random, or read from a file with the layer names of timm, torchvision or the original.

Nothing here imports torch until a network is made.
"""

import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, NeuroalignWarning, UsageError
from neuroalign.model_zoo.adapters.checkpoint_files import read_checkpoint
from neuroalign.model_zoo.adapters.weights import (
    draw_network,
    expect_fit,
    find_weights,
    name_weights,
)

if TYPE_CHECKING:
    import torch

#: Number of people that the network tells apart.
N_CLASSES = 2622
#: Value of the option `weights` for an untrained network.
RANDOM = "random"
#: Order of the colours in the first layer: blue first, or red first.
BGR, RGB = "bgr", "rgb"
#: Numbers of the convolutions in the original names, ``conv1_1`` to ``conv5_3``.
CONVOLUTIONS = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3")

_PUBLISHED = "https://www.robots.ox.ac.uk/~vgg/software/vgg_face"
# Places of the convolutions in timm's VGG-16.
_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
# Names of the layers in torchvision and in the original, with their names in timm.
_LAYERS = {
    **{f"conv{name}": f"features.{place}" for name, place in zip(CONVOLUTIONS, _PLACES, strict=True)},
    **{f"conv_{name}": f"features.{place}" for name, place in zip(CONVOLUTIONS, _PLACES, strict=True)},
    **{"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"},
    **{"fc6": "pre_logits.fc1", "fc7": "pre_logits.fc2", "fc8": "head.fc"},
}


def find_source(
    name: str, weights: str | None, seed_name: str, seed: int, order: str | None
) -> tuple[Path | None, dict[str, Any]]:
    """Find the file of the weights, and the options that name them.

    Parameters
    ----------
    name : str
        Registered name of the model, for messages.
    weights : str, optional
        Path of a file, or "random".
    seed_name : str
        Option that holds the seed of random weights.
    seed : int
        Seed of random weights; 0 for weights from a file.
    order : {None, "bgr", "rgb"}
        Order of the colours in the first layer.

    Returns
    -------
    file : Path or None
        None for random weights.
    options : dict of str to str or int
        Options in the names of models with these weights.

    Raises
    ------
    UsageError
        If `weights` is missing, with the address at which weights are published, or if a seed is given with a file.
    """
    if weights is None:
        raise UsageError(
            f"{name} needs weights, which are published at {_PUBLISHED} and not ours to ship: give a file of "
            f"them as --weights FILE or {name}[weights=FILE], or --weights random for an untrained network"
        )
    file = None if weights == RANDOM else find_weights(str(weights), name)
    options: dict[str, Any] = {"weights": RANDOM if file is None else name_weights(file, file.name)}
    if file is None:
        options[seed_name] = seed
    elif seed != 0:
        raise UsageError(f"{name}: {seed_name}= is for weights=random only")
    return file, options if order is None else {**options, "order": order}


def file_stamp(file: Path) -> tuple[int, int] | None:
    """Return time of change in nanoseconds and size in bytes of a file; None if the file does not exist."""
    if not file.is_file():
        return None
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def random_network(seed: int) -> "torch.nn.Module":
    """Make a network with random weights that depend on the seed alone."""
    return _channels_last(draw_network(empty_network, seed))


@lru_cache(maxsize=1)
def read_network(
    file: Path, stamp: tuple[int, int] | None, explain_order: bool
) -> "tuple[torch.nn.Module, str]":
    """Read a network from a file of weights.

    Parameters
    ----------
    file : Path
    stamp : tuple of int, optional
        Stamp of the file: a file that has changed is read again.
    explain_order : bool
        Whether to warn if the names in the file decide the order of the colours.

    Returns
    -------
    network : torch.nn.Module
    order : {"bgr", "rgb"}
        Order of the colours in the first layer.

    Raises
    ------
    ModelError
        If the file cannot be read, or has the weights of another network.
    """
    import torch

    given = read_checkpoint(file, "vgg_face").state
    with torch.device("meta"):
        network = empty_network()
    wanted = network.state_dict()
    state = name_as_timm(given, {name: tuple(value.shape) for name, value in wanted.items()})
    classes = state["head.fc.weight"].shape[0] if "head.fc.weight" in state else N_CLASSES
    if classes != N_CLASSES:
        advice = f"; use timm:vgg16[weights={file}] for ImageNet's VGG-16" if classes == 1000 else ""
        raise ModelError(f"{file} tells {classes} classes apart, and VGG-Face {N_CLASSES}{advice}")
    expect_fit("VGG-Face", file, wanted, state)
    network.load_state_dict({name: value.float() for name, value in state.items()}, assign=True)
    red_first = "conv1_1.weight" in given
    if red_first and explain_order:
        warnings.warn(
            f"the first layer of {file.name} is taken to expect red, green, blue, as the layers of vgg_face_dag.pth "
            "do; give order=bgr if the file was converted from Caffe, or order=rgb to leave this note out",
            NeuroalignWarning,
            stacklevel=2,
        )
    return _channels_last(network), RGB if red_first else BGR


def empty_network() -> "torch.nn.Module":
    """Make timm's VGG-16 with the classes of VGG-Face and the initial weights of torch."""
    import timm

    return timm.create_model("vgg16", num_classes=N_CLASSES, pretrained=False)


def name_as_timm(
    state: "Mapping[str, torch.Tensor]", shapes: Mapping[str, tuple[int, ...]]
) -> "dict[str, torch.Tensor]":
    """Rename and reshape the weights of a VGG-16 to the names and shapes in timm.

    Parameters
    ----------
    state : mapping of str to tensor
        Weights by their names in timm, torchvision or the original. Other names stay unchanged.
    shapes : mapping of str to tuple of int
        Shapes of timm's weights: timm has convolutions where other programs have matrices.

    Returns
    -------
    dict of str to tensor
    """
    renamed = {}
    for name, value in state.items():
        match = re.fullmatch(r"(.*)\.(weight|bias)", name)
        if match is not None:
            name = f"{_LAYERS.get(match[1], match[1])}.{match[2]}"
        shape = shapes.get(name, ())
        if name.startswith("pre_logits.") and value.ndim == 2 and len(shape) == 4:
            fits = value.shape == (shape[0], shape[1] * shape[2] * shape[3])
            value = value.reshape(shape) if fits else value
        renamed[name] = value
    return renamed


def _channels_last(network: "torch.nn.Module") -> "torch.nn.Module":
    """Store the weights channels last, which makes convolutions on a CPU a quarter faster."""
    import torch

    converted: torch.nn.Module = network.to(memory_format=torch.channels_last)
    return converted
