"""Networks of torchvision with the preprocessing of their published weights: ``torchvision:NAME[@LAYER]``."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.checks import one_line, unknown_among_many
from neuroalign.model_zoo.adapters.torch import name_network, reduced
from neuroalign.model_zoo.adapters.torch_model import TorchModel
from neuroalign.model_zoo.adapters.weights import (
    draw_network,
    expect_fit,
    expect_reachable,
    find_weights,
    name_weights,
    read_weights,
)

if TYPE_CHECKING:
    import torch


def torchvision_model(
    name: str,
    *,
    weights: str = "pretrained",
    seed: int = 0,
    pool: str | None = None,
    batch_size: int | None = None,
    batch_axis: int | None = None,
    device: str = "auto",
    precision: str | None = None,
) -> TorchModel:
    """A network of torchvision: ``torchvision:NAME[@LAYER]``.

    Parameters
    ----------
    name : str
        Name of a network in torchvision, such as ``resnet18``. The layer follows after an @: the name of a module or
        of a node of the network's graph. Several layers are separated by colons, as in ``resnet18@layer2:layer3``. The
        default is the network's output.
    weights : str
        "pretrained" (the best published weights; downloaded once), the name of published weights, such as
        ``IMAGENET1K_V1``, "random", or a checkpoint file: safetensors, or a torch file that holds nothing but weights.
    seed : int
        Seed of random weights.
    pool : {None, "mean", "token", "grid:N"}
        Units of a layer with positions: every value, the mean over positions, the class token, or means in a grid of
        N × N positions.
    batch_size : int, optional
        Number of images in a batch; by default it depends on the size of the images on a CPU, and on the memory on a
        GPU.
    batch_axis : int, optional
        Axis of the layer's output that holds the images; by default the axis with a length that follows the number of
        images.
    device : {"auto", "cpu", "cuda", "mps"}
        Device of the runs; by default a GPU if there is one.
    precision : {None, "float32", "bfloat16", "float16"}
        Precision of the runs; by default float32. Reduced precision is part of the identifier.

    Returns
    -------
    TorchModel
        Images are preprocessed as the published weights require. The identifier has the layer and, if they are not the
        pretrained ones, the weights.

    Raises
    ------
    UnknownNameError
        If the network or a layer is unknown. The message has the nearest names.
    ModelError
        If the weights are not available, or do not fit the network.
    """
    from torchvision.models import get_model, get_model_weights, list_models

    name, _, layers = name.rpartition("@") if "@" in name else (name, "", "")
    layer = layers.split(":") if layers else None
    named = {"pool": pool, "precision": reduced(precision)}
    given: dict[str, Any] = {"weights": None if weights == "pretrained" else weights}
    if weights == "random":
        given["seed"] = seed
    elif seed != 0:
        raise UsageError(f"torchvision:{name}: seed= is for weights=random only")
    identifier = name_network(f"torchvision:{name}", layer, {**given, **named})
    if name not in list_models():
        raise unknown_among_many("torchvision network", name, list_models())
    published: Any = get_model_weights(name)
    best = published["DEFAULT"]
    if weights == "pretrained" or weights in published.__members__:
        best = best if weights == "pretrained" else published[weights]
        network = _pretrained(name, best)
    elif weights == "random":
        network = draw_network(lambda: get_model(name, **_no_weights(name)), seed)
    else:
        network = get_model(name, **_no_weights(name))
        file = find_weights(weights, f"torchvision:{name}")
        given["weights"] = name_weights(file)
        identifier = name_network(f"torchvision:{name}", layer, {**given, **named})
        state = read_weights(file, f"torchvision:{name}")
        expect_fit(f"torchvision's {name}", file, network.state_dict(), state)
        network.load_state_dict(state)
    return TorchModel(
        network,
        identifier,
        layer=layer,
        preprocess=best.transforms(),
        pool=pool,
        batch_size=batch_size,
        batch_axis=batch_axis,
        device=device,
        precision=precision,
    )


def _no_weights(name: str) -> dict[str, None]:
    """Return the arguments that make a network, including its backbone, without pretrained weights."""
    from torchvision.models import get_model_builder

    taken = inspect.signature(get_model_builder(name)).parameters
    return {name: None for name in ("weights", "weights_backbone") if name in taken}


def _pretrained(name: str, weights: Any) -> "torch.nn.Module":
    import torch
    from torchvision.models import get_model

    advice = (
        f"use torchvision:{name}[weights=random], or [weights=FILE] with a file of its weights "
        "(safetensors or torch)"
    )
    if not (Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name).is_file():
        expect_reachable(name, weights.url, advice)
    try:
        # By the weights themselves, since some networks have other layers with pretrained weights.
        with _nothing_but_weights():
            return get_model(name, **{**_no_weights(name), "weights": weights, "progress": False})
    except Exception as error:
        raise ModelError(
            f"cannot load the pretrained weights of {name} ({one_line(error)}); {advice}"
        ) from error


@contextmanager
def _nothing_but_weights() -> Iterator[None]:
    """Let torch refuse files that can run code, which torchvision does not request itself."""
    variable = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(variable)
    os.environ[variable] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
