"""VGG-Face (the paper's "VGG"), and its two reductions to few units."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import unknown_name
from neuroalign.model_zoo.fitted.pixels import PAPER_SIZES
from neuroalign.model_zoo.reducers import ReducedByPCA, Subsample
from neuroalign.model_zoo.vgg.model import VGGFaceModel
from neuroalign.model_zoo.vgg.weights import find_source
from neuroalign.models.model import Model, ModelFamily
from neuroalign.names.syntax import format_spec
from neuroalign.validation import NonNegative, Positive, check_value


def vgg_face(
    *,
    weights: str | None = None,
    seed: int = 0,
    order: str | None = None,
    layer: str | None = None,
    pool: str | None = None,
) -> VGGFaceModel:
    """VGG-Face, with the 4,096 units of its last hidden layer.

    Parameters
    ----------
    weights : str
        "random", or a file of weights: safetensors, or a torch file that holds nothing but weights, with the layer
        names of VGG-16 in timm, torchvision or the original (``conv1_1`` … ``fc8``).
    seed : int
        Seed of random weights.
    order : {"bgr", "rgb"}, optional
        Order of the colours in the input of the first layer. The published files of Caffe and Torch take blue first,
        which is the default. The published PyTorch file, ``vgg_face_dag.pth``, takes red first, which is the default
        for files with its names (``conv1_1``).
    layer : str, optional
        Another layer; ``neuroalign list layers vgg_face --weights random`` lists the layers.
    pool : {None, "mean"}
        Units of a layer with positions: every value, or the mean over positions.

    Returns
    -------
    VGGFaceModel
        Its identifier has the name of the file and a digest of its content.

    Raises
    ------
    UsageError
        Without weights, with the address at which they are published.
    ModelError
        If the file cannot be read, or has the weights of another network.

    References
    ----------
    Parkhi, Vedaldi & Zisserman (2015), "Deep face recognition", BMVC; Higgins et al. (2020),
    arXiv:2006.14304, Methods, "Baselines".
    """
    file, source = find_source("vgg_face", weights, "seed", seed, order)
    given = {key: value for key, value in {"layer": layer, "pool": pool}.items() if value is not None}
    identifier = format_spec("vgg_face", {**source, **given})
    return VGGFaceModel(identifier, weights=file, seed=seed, order=order, layer=layer, pool=pool)


def vgg_face_pca(
    *, n: int | None = None, weights: str | None = None, weights_seed: int = 0, order: str | None = None
) -> Model | ModelFamily:
    """The first principal components of VGG-Face's last hidden layer (the paper's "VGG (PCA)").

    Components are fitted to the training stimuli alone, without mirrored copies.

    Parameters
    ----------
    n : int, optional
        Number of components; without it the family of the paper, n = 10, 11, …, 50.
    weights, order
        See :func:`vgg_face`.
    weights_seed : int
        Seed of random weights.

    Returns
    -------
    Model or ModelFamily
        All instances share one run of the network, through the cache of latents.

    Raises
    ------
    UsageError, ModelError
        See :func:`vgg_face`.
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
    """Random units of VGG-Face's last hidden layer (the paper's "VGG (raw)").

    Parameters
    ----------
    n : int, optional
        Number of units; without it the family of the paper: five sizes from 10 to 50, drawn at random,
        with ten subsets of each.
    seed : int, optional
        Seed of the subset; by default 0.
    weights, order
        See :func:`vgg_face`.
    weights_seed : int
        Seed of random weights.

    Returns
    -------
    Model or ModelFamily
        All instances share one run of the network, through the cache of latents.

    Raises
    ------
    UsageError, ModelError
        See :func:`vgg_face`.
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
        file, self._source = find_source(self.name, weights, "weights_seed", weights_seed, order)
        # Weights are part of the family's name: instances with different weights must not be averaged.
        self.identifier = format_spec(self.name, self._source)
        self._model = VGGFaceModel(self.identifier, weights=file, seed=weights_seed, order=order)

    def instance_identifier(self, **options: Any) -> str:
        """Return the name of an instance: its own options, and the options that name the weights."""
        return format_spec(self.name, {**options, **self._source})

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
        # The paper trained all other models on mirrored faces too, but not this one.
        return ReducedByPCA(self._model, n, identifier=identifier, mirrored=False)


class VGGFaceRaw(_Reductions):
    """Random units of VGG-Face's last hidden layer; see :func:`vgg_face_raw`."""

    name = "vgg_face_raw"
    option_names = ("n", "seed")
    #: Number of sizes, seed of the sizes, and number of subsets of each size.
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
