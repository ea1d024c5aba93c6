"""VGG-Face, a network that tells 2,622 people apart (the paper's "VGG"), and its two reductions to few units."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning, UsageError, unknown_name
from neuroalign.files.digests import digest
from neuroalign.model_zoo.adapters.torch import TorchModel
from neuroalign.model_zoo.adapters.weights import (
    draw_network,
    expect_fit,
    find_weights,
    hash_file,
    name_weights,
    read_weights,
)
from neuroalign.model_zoo.fitted.pixels import PAPER_SIZES
from neuroalign.model_zoo.reducers import ReducedByPCA, Subsample
from neuroalign.models.model import Model, ModelFamily
from neuroalign.names.syntax import format_spec
from neuroalign.validation import NonNegative, Positive, check_value

if TYPE_CHECKING:
    import torch

#: Raised when the same weights and images would give other latents.
VERSION = 1
N_CLASSES = 2622
#: Side of the images that the network sees, in pixels.
IMAGE_SIZE = 224
#: Mean of the images that it was trained on: blue, green, red, of 255.
MEAN_BGR = (93.5940, 104.7624, 129.1863)

RANDOM = "random"
BGR, RGB = "bgr", "rgb"

# More need more memory (some 13 MB an image for one layer alone) and are not faster.
_BATCH = 16
_PUBLISHED = "https://www.robots.ox.ac.uk/~vgg/software/vgg_face"
_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_NAMES = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3")
# What the layers are called by torchvision and in the original, and by timm.
_LAYERS = {
    **{f"conv{name}": f"features.{index}" for name, index in zip(_NAMES, _CONVOLUTIONS, strict=True)},
    **{f"conv_{name}": f"features.{index}" for name, index in zip(_NAMES, _CONVOLUTIONS, strict=True)},
    **{"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"},
    **{"fc6": "pre_logits.fc1", "fc7": "pre_logits.fc2", "fc8": "head.fc"},
}


class VGGFaceModel:
    """VGG-Face; its units are the 4,096 of the last hidden layer, after their activation.

    Images are resampled to 224 × 224 pixels, a grey one is taken for red, green and blue, and the mean
    that VGG-Face was trained with is subtracted on the scale from 0 to 255.

    Parameters
    ----------
    identifier : str
    weights : Path, optional
        A file; without it weights are random.
    seed : int
        Of random weights.
    order : {None, "bgr", "rgb"}
        Which colour comes first in the first layer; see :func:`vgg_face`.
    layer : str, optional
        A module or node of timm's ``vgg16``, instead of the last hidden layer.
    pool : {None, "mean"}
        How a layer with positions becomes units.

    References
    ----------
    Parkhi, Vedaldi & Zisserman (2015), "Deep face recognition", BMVC.
    """

    def __init__(
        self,
        identifier: str,
        *,
        weights: Path | None,
        seed: int = 0,
        order: str | None = None,
        layer: str | None = None,
        pool: str | None = None,
    ) -> None:
        if order not in (None, BGR, RGB):
            raise UsageError(f"{identifier}: order must be {BGR} or {RGB}, not {order!r}")
        check_value(seed, NonNegative, "seed", owner=identifier)
        self.identifier = identifier
        self._weights = weights
        self._seed = seed
        self._order = order
        self._options = {"layer": layer, "pool": pool}
        if weights is not None or layer is not None or pool is not None:
            self._network()  # its mistakes, while there is somebody to read of them

    @property
    def fingerprint(self) -> str:
        """Digest of the weights' bytes, or of their seed and what draws them, and of the options."""
        weights: list[Any] = [RANDOM, self._seed, version("torch"), version("timm")]
        if self._weights is not None:
            weights = [hash_file(self._weights, _stamp(self._weights))]
        return digest("vgg_face", VERSION, weights, self._order, self._options)

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Run the images through the network, a batch at a time.

        Returns
        -------
        latents of shape (n_stimuli, 4096)

        Raises
        ------
        MissingImagesError
            If the images are not available.
        """
        return self._network().latents(stimuli)

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the latents of one batch of images after another."""
        return self._network().latent_batches(stimuli)

    def layer_shapes(self, stimuli: StimulusSet, *, nodes: bool = False) -> dict[str, tuple[int, ...]]:
        """List the layers, as :meth:`TorchModel.layer_shapes` does."""
        return self._network().layer_shapes(stimuli, nodes=nodes)

    def _network(self) -> "_Network":
        # The weights stay with this process: a model that is sent to another one names them only.
        if self._weights is None:
            network, order = _drawn(self._seed), BGR
        else:
            network, order = _loaded(self._weights, _stamp(self._weights), self._order is None)
        return _Network(network, self.identifier, order=self._order or order, **self._options)


class _Network(TorchModel):
    """The network with its preprocessing."""

    def __init__(self, network: "torch.nn.Module", identifier: str, *, order: str, **options: Any) -> None:
        self._bgr = order == BGR
        super().__init__(
            network,
            identifier,
            image_size=IMAGE_SIZE,
            mean=[each / 255 for each in MEAN_BGR[::-1]],
            std=1 / 255,
            batch_size=_BATCH,
            **options,
        )

    def _forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        network: Any = self.module
        features = network.forward_features(batch.flip(1) if self._bgr else batch)
        hidden: torch.Tensor = network.forward_head(features, pre_logits=True)
        return hidden


def vgg_face(
    *,
    weights: str | None = None,
    seed: int = 0,
    order: str | None = None,
    layer: str | None = None,
    pool: str | None = None,
) -> VGGFaceModel:
    """Load VGG-Face, the 4,096 units of its last hidden layer.

    Parameters
    ----------
    weights : str
        A file of its weights: safetensors, or one of torch that holds nothing but weights, with the
        names that timm, torchvision or the original (``conv1_1`` … ``fc8``) give to the layers of
        VGG-16; or "random".
    seed : int
        Of random weights.
    order : {"bgr", "rgb"}, optional
        The colours in the order in which the first layer takes them. Published in Caffe's format and
        Torch's, the network takes blue first, which is the default. In the PyTorch file that is
        published, ``vgg_face_dag.pth``, it takes red first, which is the default where names are those
        of that file (``conv1_1``).
    layer : str, optional
        Another layer; ``neuroalign list layers vgg_face --weights random`` lists them.
    pool : {None, "mean"}
        How a layer with positions becomes units: every value one, or the mean over positions.

    Returns
    -------
    VGGFaceModel
        Its identifier has the name of the file and a digest of its content.

    Raises
    ------
    UsageError
        Without weights, saying where they are published.
    ModelError
        If the file cannot be read, or is not of VGG-Face.

    References
    ----------
    Parkhi, Vedaldi & Zisserman (2015), "Deep face recognition", BMVC; Higgins et al. (2020),
    arXiv:2006.14304, Methods, "Baselines".
    """
    file, named = _source("vgg_face", weights, "seed", seed, order)
    given = {key: value for key, value in {"layer": layer, "pool": pool}.items() if value is not None}
    identifier = format_spec("vgg_face", {**named, **given})
    return VGGFaceModel(identifier, weights=file, seed=seed, order=order, layer=layer, pool=pool)


def vgg_face_pca(
    *, n: int | None = None, weights: str | None = None, weights_seed: int = 0, order: str | None = None
) -> Model | ModelFamily:
    """Load the first principal components of VGG-Face's last hidden layer (the paper's "VGG (PCA)").

    Components are fitted to the training stimuli only, as they were shown: not mirrored.

    Parameters
    ----------
    n : int, optional
        Number of components; without it the family of the paper, n = 10, 11, …, 50.
    weights, order
        As for :func:`vgg_face`.
    weights_seed : int
        Of random weights.

    Returns
    -------
    Model or ModelFamily
        All instances share one run of the network, through the cache of latents.

    Raises
    ------
    UsageError, ModelError
        As :func:`vgg_face`.
    """
    family = VGGFacePCA(weights=weights, weights_seed=weights_seed, order=order)
    return family if n is None else family.instance(n=n)


def vgg_face_raw(
    *,
    n: int | None = None,
    seed: int | None = None,
    weights: str | None = None,
    weights_seed: int = 0,
    order: str | None = None,
) -> Model | ModelFamily:
    """Load random units of VGG-Face's last hidden layer (the paper's "VGG (raw)").

    Parameters
    ----------
    n : int, optional
        Number of units; without it the family of the paper: five sizes from 10 to 50, drawn at random,
        with ten subsets of each.
    seed : int, optional
        Of the subset; by default 0.
    weights, order
        As for :func:`vgg_face`.
    weights_seed : int
        Of random weights.

    Returns
    -------
    Model or ModelFamily
        All instances share one run of the network, through the cache of latents.

    Raises
    ------
    UsageError, ModelError
        As :func:`vgg_face`.
    """
    family = VGGFaceRaw(weights=weights, weights_seed=weights_seed, order=order)
    return family if n is None and seed is None else family.instance(n=n, seed=seed or 0)


class _Reductions(ModelFamily):
    """Reductions of VGG-Face to few units.

    Parameters
    ----------
    weights : str
    weights_seed : int
    order : {None, "bgr", "rgb"}
    """

    name: str
    option_names: Sequence[str]

    def __init__(
        self, *, weights: str | None = None, weights_seed: int = 0, order: str | None = None
    ) -> None:
        file, self._named = _source(self.name, weights, "weights_seed", weights_seed, order)
        # Weights are part of the family's name: those of one file must not be averaged with others'.
        self.identifier = format_spec(self.name, self._named)
        self._model = VGGFaceModel(self.identifier, weights=file, seed=weights_seed, order=order)

    def instance_identifier(self, **options: Any) -> str:
        """Name an instance: its own options, and what the weights are."""
        return format_spec(self.name, {**options, **self._named})

    def _expect_options(self, options: Mapping[str, Any]) -> None:
        for option in options:
            if option not in self.option_names:
                raise unknown_name(f"option of {self.name}", option, self.option_names)
        for option, declared in (("n", Positive), ("seed", NonNegative)):
            value = options.get(option, None if option == "n" else 0)
            check_value(value, declared, option, owner=self.name)


class VGGFacePCA(_Reductions):
    """Principal components of VGG-Face's last hidden layer; see :func:`vgg_face_pca`."""

    name = "vgg_face_pca"
    option_names = ("n",)

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the numbers of components of the paper's 41 instances."""
        return [{"n": n} for n in PAPER_SIZES]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> Model:
        """Return the first n components."""
        self._expect_options(options)
        n = options["n"]
        identifier = self.instance_identifier(n=n)
        # The paper's models were trained on mirrored faces, but for this one.
        return ReducedByPCA(self._model, n, identifier=identifier, mirrored=False)


class VGGFaceRaw(_Reductions):
    """Random units of VGG-Face's last hidden layer; see :func:`vgg_face_raw`."""

    name = "vgg_face_raw"
    option_names = ("n", "seed")
    #: How many sizes are drawn, from which seed, and how many subsets of each.
    n_sizes = 5
    sizes_seed = 0
    n_subsets = 10

    def grid(self, dataset: Dataset | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the sizes and seeds of the paper's 50 instances."""
        drawn = np.random.default_rng(self.sizes_seed).choice(PAPER_SIZES, self.n_sizes, replace=False)
        return [{"n": n, "seed": seed} for n in sorted(drawn.tolist()) for seed in range(self.n_subsets)]

    def instance(self, dataset: Dataset | None = None, **options: Any) -> Model:
        """Return the n units that a seed (by default 0) draws."""
        self._expect_options(options)
        n, seed = options["n"], options.get("seed", 0)
        return Subsample(self._model, n, seed, identifier=self.instance_identifier(n=n, seed=seed))


def _source(
    name: str, weights: str | None, seed_name: str, seed: int, order: str | None
) -> tuple[Path | None, dict[str, Any]]:
    """Return the file of the weights, None if they are random, and how they are named."""
    if weights is None:
        raise UsageError(
            f"{name} needs weights, which are published at {_PUBLISHED} and not ours to ship: give a file of "
            f"them as --weights FILE or {name}[weights=FILE], or --weights random for an untrained network"
        )
    file = None if weights == RANDOM else find_weights(str(weights), name)
    named: dict[str, Any] = {"weights": RANDOM if file is None else name_weights(file, file.name)}
    if file is None:
        named[seed_name] = seed
    elif seed != 0:
        raise UsageError(f"{name}: {seed_name}= is for weights=random only")
    return file, named if order is None else {**named, "order": order}


def _stamp(file: Path) -> tuple[int, int] | None:
    """Return what changes when a file is written again."""
    if not file.is_file():
        return None
    status = file.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _drawn(seed: int) -> "torch.nn.Module":
    return _channels_last(draw_network(_empty, seed))


@lru_cache(maxsize=1)
def _loaded(file: Path, stamp: tuple[int, int] | None, explain_order: bool) -> "tuple[torch.nn.Module, str]":
    """Load the network, and say which colour its first layer takes first."""
    import warnings

    import torch

    given = read_weights(file, "vgg_face")
    with torch.device("meta"):
        network = _empty()
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
            f"the first layer of {file.name} is taken to expect red, green, blue, as that of vgg_face_dag.pth "
            "does; give order=bgr if it was converted from Caffe, order=rgb to leave this note out",
            NeuroalignWarning,
            stacklevel=2,
        )
    return _channels_last(network), RGB if red_first else BGR


def _channels_last(network: "torch.nn.Module") -> "torch.nn.Module":
    """Lay the weights out as convolutions are a quarter faster with on CPUs."""
    import torch

    converted: torch.nn.Module = network.to(memory_format=torch.channels_last)
    return converted


def _empty() -> "torch.nn.Module":
    import timm

    return timm.create_model("vgg16", num_classes=N_CLASSES, pretrained=False)


def name_as_timm(
    state: "Mapping[str, torch.Tensor]", shapes: Mapping[str, tuple[int, ...]]
) -> "dict[str, torch.Tensor]":
    """Rename and reshape the weights of a VGG-16 as timm has them.

    Parameters
    ----------
    state : mapping of str to tensor
        With the names of timm, torchvision or the original. Others stay as they are.
    shapes : mapping of str to tuple of int
        Of timm's weights: it has convolutions where others have matrices.

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
