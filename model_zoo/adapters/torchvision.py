"""Networks of torchvision with the preprocessing of their published weights: ``torchvision:NAME[@LAYER]``."""

import inspect
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.checks import one_line, unknown_among_many
from neuroalign.model_zoo.adapters.torch import Naming, name_network, reduced, split_name
from neuroalign.model_zoo.adapters.torch_model import TorchModel
from neuroalign.model_zoo.adapters.weights import (
    draw_network,
    expect_file,
    expect_reachable,
    find_weights,
    fit_weights,
    hash_file,
    last_weighted,
    name_weights,
    needs_any,
)
from neuroalign.names.suggestions import lists_names

if TYPE_CHECKING:
    import torch

# Digest in the names of published files, such as mobilenet_v2-b0353104.pth.
_HASH = re.compile(r"-(?P<digest>[0-9a-f]{8})\.")


def _list_networks() -> list[str]:
    from torchvision.models import list_models

    return list_models()


@lists_names(_list_networks)
def torchvision_model(
    name: str,
    *,
    weights: str = "pretrained",
    weights_key: str | None = None,
    weights_version: str | None = None,
    seed: int = 0,
    pool: str | None = None,
    batch_size: int | None = None,
    batch_axis: int | None = None,
    visual_degrees: float | None = None,
    stimulus_degrees: float | None = None,
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
        ``IMAGENET1K_V1``, "random", or a checkpoint file: safetensors, or a torch file. The weights are at the top of
        the file or in an entry such as ``state_dict``. Prefixes of parallel and compiled modules and of training
        programs are removed. A file without the classifier serves for layers before the classifier.
    weights_key : str, optional
        Entry of the checkpoint file, such as ``state_dict_ema``, or prefix of the names of its weights, if the file has
        several weights of the network.
    weights_version : str, optional
        Name of published weights with the preprocessing that the weights in the file need. By default the weights with
        the digest of the file or the digest in its name (``mobilenet_v2-b0353104.pth``), or any if the preprocessing of
        all published weights is the same. Random weights take the preprocessing of this version, by default of the best
        published weights.
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
    visual_degrees, stimulus_degrees : float, optional
        Widths in degrees of visual angle at which the network sees and at which the animal saw the stimuli, which are
        placed on a grey screen or cropped.
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
    UsageError
        If the file could be of several versions with different preprocessing; the message lists the versions.
    """
    from torchvision.models import get_model, get_model_weights, list_models

    seen = {"visual_degrees": visual_degrees, "stimulus_degrees": stimulus_degrees}
    name, layers = split_name(name)
    layer = layers or None
    named = {"pool": pool, "precision": reduced(precision)}
    given: dict[str, Any] = {"weights": None if weights == "pretrained" else weights}
    if weights == "random":
        given |= {"seed": seed, "weights_version": weights_version}
    elif seed != 0:
        raise UsageError(f"torchvision:{name}: seed= is for weights=random only")
    identifier = name_network(f"torchvision:{name}", layer, {**given, **named, **seen})
    if name not in list_models():
        raise unknown_among_many("torchvision network", name, list_models())
    published: Any = get_model_weights(name)
    best = published["DEFAULT"]
    is_file = weights not in ("pretrained", "random", *published.__members__)
    file = find_weights(weights, f"torchvision:{name}") if is_file else None
    expect_file(f"torchvision:{name}", file, weights_key=weights_key)
    if weights != "random":
        expect_file(f"torchvision:{name}", file, weights_version=weights_version)
    notes: list[str] = []
    if weights == "pretrained" or weights in published.__members__:
        best = best if weights == "pretrained" else published[weights]
        network = _pretrained(name, best)
    elif weights == "random":
        network = draw_network(lambda: get_model(name, **_no_weights(name)), seed)
        best = best if weights_version is None else _chosen(name, published, weights_version)
    else:
        network = get_model(name, **_no_weights(name))
        assert file is not None
        given |= {
            "weights": name_weights(file),
            "weights_key": weights_key,
            "weights_version": weights_version,
        }
        identifier = name_network(f"torchvision:{name}", layer, {**given, **named, **seen})
        classifier = last_weighted(network)
        notes = fit_weights(
            network,
            file,
            f"torchvision's {name}",
            weights_key=weights_key,
            classifier=classifier,
            needs_classifier=needs_any(layer or [""], ["", *classifier]),
        )
        best, version_notes = _version(name, file, published, weights_version)
        notes += version_notes
    model = TorchModel(
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
    model.notes = notes
    model.naming = Naming(f"torchvision:{name}", {**given, **named, **seen})
    model.see(**seen)
    return model


def _version(name: str, file: Path, published: Any, asked: str | None) -> tuple[Any, list[str]]:
    """Return the published weights with the preprocessing for a file, and notes on the choice."""
    versions = {version.name: version for version in published}
    if asked is not None:
        return _chosen(name, published, asked), []
    status = file.stat()
    content = hash_file(file, (status.st_mtime_ns, status.st_size))
    for version in published:
        match = _HASH.search(Path(version.url).name)
        if match is None:
            continue
        if content.startswith(match["digest"]):
            return version, [f"preprocessing of {version.name}, which has the digest of the file {file.name}"]
        if match["digest"] in file.name:
            return version, [f"preprocessing of {version.name}, which has the digest in the name {file.name}"]
    if len({repr(version.transforms()) for version in published}) == 1:
        return published["DEFAULT"], []
    described = ", ".join(
        f"{version} ({_describe(weights.transforms())})" for version, weights in versions.items()
    )
    raise UsageError(
        f"torchvision:{name}: nothing in {file.name} shows the preprocessing that its weights need; give "
        f"weights_version= with one of {described}"
    )


def _chosen(name: str, published: Any, version: str) -> Any:
    """Return the published weights with the name of a version."""
    names = [weights.name for weights in published]
    if version not in names:
        raise unknown_among_many(f"version of the weights of {name}", version, names)
    return published[version]


def _describe(transforms: Any) -> str:
    """Describe a preprocessing in a message."""
    sizes = [
        f"{word} {'x'.join(map(str, value))}"
        for word, value in (
            ("resize", getattr(transforms, "resize_size", None)),
            ("crop", getattr(transforms, "crop_size", None)),
        )
        if value
    ]
    interpolation = getattr(transforms, "interpolation", None)
    return ", ".join([*sizes, *([interpolation.value] if interpolation is not None else [])])


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
