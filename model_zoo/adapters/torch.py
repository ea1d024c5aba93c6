"""Torch modules as models: the outputs of any of their layers as units.

Nothing here imports torch until there is a module to run.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignError, NeuroalignWarning, UsageError, name_some
from neuroalign.files.digests import digest
from neuroalign.model_zoo.adapters.checks import comes_from, one_line, refuse_unknown
from neuroalign.model_zoo.adapters.examining import examine, expect_alone, images_first
from neuroalign.model_zoo.adapters.extraction import (
    OUTPUT,
    Layers,
    find_layers,
    list_layers,
)
from neuroalign.model_zoo.adapters.pooling import POOLS, Pool
from neuroalign.models.fingerprints import behaviour_digest, name_by_digest
from neuroalign.models.latents_file import gather_latents
from neuroalign.models.repeatability import observe, seeded
from neuroalign.names.syntax import format_spec
from neuroalign.progress import progress

if TYPE_CHECKING:
    import torch
    from PIL import Image

#: Raised when the same module would give other latents.
VERSION = 1


class TorchModel:
    """Layers of a torch module as units.

    Parameters
    ----------
    module : torch.nn.Module
        It stays as it is: same device, same modes, no hooks.
    identifier : str
    layer : str or sequence of str, optional
        See :func:`extract`; by default the module's own output. Several are concatenated.
    preprocess : callable, optional
        From PIL image to tensor of shape (channels, height, width), such as a torchvision transform.
        Instead of `image_size`, `mean` and `std`.
    image_size : int, optional
        Images are resampled to image_size × image_size; by default they keep their size.
    channels : {1, 3}
        Grey or RGB.
    mean, std : float or sequence of float, optional
        Subtracted from, and divided into, the pixels in [0, 1], for each channel.
    pool : {None, "mean"}
        How a layer with positions becomes units: every value one, or the mean over positions; see
        :func:`neuroalign.model_zoo.adapters.pooling.mean_over_space`. A Lasso needs few.
    batch_size : int
        How many images the module gets at once.
    batch_axis : int or mapping of str to int, optional
        The axis of the layer's output that holds the images, such as 1 for (tokens, images, channels), or the axis
        for each layer. By default the axis whose length follows the number of images.
    seed : int
        Seed of random numbers that the preprocessing or the module draws; each stimulus has its own.
    fingerprint : str, optional
        See :class:`neuroalign.Model`. By default a digest of the weights, the code, the layers and the
        preprocessing. None where one of them cannot be seen through, or draws random numbers.
    """

    def __init__(
        self,
        module: "torch.nn.Module",
        identifier: str,
        *,
        layer: str | Sequence[str] | None = None,
        preprocess: "Callable[[Image.Image], torch.Tensor] | None" = None,
        image_size: int | None = None,
        channels: int = 3,
        mean: ArrayLike | None = None,
        std: ArrayLike | None = None,
        pool: str | None = None,
        batch_size: int = 64,
        batch_axis: int | Mapping[str, int] | None = None,
        seed: int = 0,
        fingerprint: str | None = None,
    ) -> None:
        if preprocess is not None and not (image_size is None and mean is None and std is None):
            raise UsageError(
                f"{identifier}: preprocess= takes care of size and scale; leave out image_size=, mean=, std="
            )
        self.module = module
        self.identifier = identifier
        self.layers = [layer or OUTPUT] if isinstance(layer, str | None) else list(layer)
        self.preprocess = preprocess
        self.image_size = image_size
        self.channels = channels
        self.mean = _for_each_channel(identifier, "mean", mean, channels)
        self.std = _for_each_channel(identifier, "std", std, channels)
        self.pool = self._pool_named(pool)
        self.batch_size = batch_size
        self.batch_axis = batch_axis
        self.seed = seed
        self._fingerprint = fingerprint
        self._draws: dict[str, bool] = {}
        if not self.layers:
            raise UsageError(f"{identifier}: layer= is empty; leave it out for the module's output")
        find_layers(module, [self._internal_name(each) for each in self.layers])

    @property
    def fingerprint(self) -> str | None:
        """Digest of weights, code, layers and preprocessing as they are now; None if one of them is random."""
        if self._preprocess_draws() or self._draws.get("module"):
            return None
        if self._fingerprint is not None:
            return self._fingerprint
        return self.behaviour()

    def behaviour(self) -> str | None:
        """Return the digest of weights, code, layers and preprocessing; None where one cannot be seen through."""
        behaviour = behaviour_digest(
            self._network_behaviour(),
            self.layers,
            self.pool,
            self.preprocess,
            [self.image_size, self.channels, self.mean, self.std, self.batch_axis],
        )
        return behaviour and digest("torch", VERSION, behaviour)

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Run the images through the module, a batch at a time, and return the units of its layers.

        Raises
        ------
        ModelError
            If the preprocessing or the module fails, saying at which stimulus or shape.
        """
        return gather_latents(self.latent_batches(stimuli), stimuli.ids)

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the units of the layers for one batch of images after another; see :meth:`latents`."""
        try:
            widths: list[int] = []
            for ids, values in self._values(stimuli):
                widths = widths or [value.shape[1] for value in values]
                for layer, width, value in zip(self.layers, widths, values, strict=True):
                    if value.shape[1] != width:
                        raise ModelError(
                            f"the layer {layer!r} has {width} units for some images and {value.shape[1]} for "
                            "others, which have another size; give image_size=, or pool=mean"
                        )
                yield arrays.latents(
                    np.concatenate(values, axis=1), stimulus=ids, unit=self._unit_names(widths)
                )
        except ModelError as error:
            raise ModelError(f"{self.identifier}: {error}") from error

    def _values(self, stimuli: StimulusSet) -> "Iterator[tuple[np.ndarray, list[np.ndarray]]]":
        """Yield the ids of a batch of stimuli and the units of each layer, one batch after another."""
        names = [self._internal_name(layer) for layer in self.layers]
        layers = Layers(self.module, names, forward=self._forward)
        batches = self._batches(stimuli)
        first = next(batches, None)
        if first is None:
            return
        found = examine(
            layers, first, batch_axis=self._internal_batch_axis(), treats_alone=self.batch_size > 1
        )
        self._note_draws("module", found.is_random, found.is_seedable, "the network")
        # Each image gets random numbers of its own, so that they do not depend on the other images.
        size = 1 if found.is_random else self.batch_size
        ids = [stimuli.ids[start : start + size] for start in range(0, len(stimuli), size)]
        given: Iterator[torch.Tensor] = chain([first], batches)
        if found.is_random:
            given = (image for batch in given for image in batch.split(1))
        shown = progress(given, description=self.identifier, total=len(ids), unit="batch")
        for number, (batch_ids, batch) in enumerate(zip(ids, shown, strict=True)):
            outputs = layers.capture(batch, seed=f"{self.seed} {batch_ids[0]}" if found.is_random else number)
            if number == 0 and size > 1:
                expect_alone(layers, found, batch, outputs)
            rows = [images_first(name, outputs[name], found.axes[name], len(batch)) for name in names]
            yield batch_ids, [self.pool(row.float()).numpy() for row in rows]

    def layer_shapes(self, stimuli: StimulusSet, *, nodes: bool = False) -> dict[str, tuple[int, ...]]:
        """List all layers with the shape of their output for the first of some stimuli.

        Parameters
        ----------
        stimuli : StimulusSet
        nodes : bool
            Whether to list also the nodes of the network's graph that are no modules.

        Raises
        ------
        ModelError
            If the network fails, or its graph is asked for and cannot be traced.
        """
        first = next(iter(self._batches(stimuli.select(stimuli.ids[:1]))))
        return list_layers(self.module, first, forward=self._forward, nodes=nodes)

    def _forward(self, batch: "torch.Tensor") -> Any:
        return self.module(batch)

    def _internal_name(self, layer: str) -> str:
        return layer

    def _internal_batch_axis(self) -> int | dict[str, int] | None:
        if not isinstance(self.batch_axis, Mapping):
            return self.batch_axis
        for layer in self.batch_axis:
            if layer not in self.layers:
                raise UsageError(f"batch_axis= names {layer!r}, which is not among the layers {self.layers}")
        return {self._internal_name(layer): axis for layer, axis in self.batch_axis.items()}

    def _network_behaviour(self) -> Any:
        return self.module

    def _preprocess_draws(self) -> bool:
        """Return whether the preprocessing is random, as far as one image shows; the stimuli may show more."""
        if self.preprocess is None:
            return False
        if "preprocess" not in self._draws:
            from PIL import Image

            mode = "L" if self.channels == 1 else "RGB"
            pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).convert(mode)
            preprocess = self.preprocess
            try:
                self._draws["preprocess"] = observe(lambda: preprocess(image.copy())).is_random
            except Exception:  # the stimuli will show it, where it does not take this image
                return False
        return self._draws["preprocess"]

    def _note_draws(self, part: str, is_random: bool, is_seedable: bool, who: str) -> None:
        self._draws[part] = is_random or (part == "preprocess" and self._draws.get(part, False))
        if not self._draws[part]:
            return
        seeded_by = (
            f"each stimulus gets its own, from seed={self.seed}"
            if is_seedable
            else "no seed reaches them, so latents differ from run to run"
        )
        warnings.warn(
            f"{self.identifier}: {who} draws random numbers; {seeded_by}, and latents are not cached",
            NeuroalignWarning,
            stacklevel=2,
        )

    def _pool_named(self, pool: str | None) -> Pool:
        if pool not in POOLS:
            raise UsageError(f"{self.identifier}: pool must be none or mean, not {pool!r}")
        return POOLS[pool]

    def _unit_names(self, widths: Sequence[int]) -> list[str]:
        if len(widths) == 1:
            return [str(index) for index in range(widths[0])]
        return [
            f"{layer or 'output'}.{index}"
            for layer, width in zip(self.layers, widths, strict=True)
            for index in range(width)
        ]

    def _batches(self, stimuli: StimulusSet) -> "Iterator[torch.Tensor]":
        import torch

        preprocess = self.preprocess
        if preprocess is not None:
            ids = stimuli.ids.tolist()
            self._preprocess_draws()
            seen = observe(lambda: self._image(stimuli, ids[0], preprocess)) if ids else None
            if seen is not None:
                self._note_draws("preprocess", seen.is_random, seen.is_seedable, "the preprocessing")
            for start in range(0, len(ids), self.batch_size):
                batch_ids = ids[start : start + self.batch_size]
                yield _stack([self._seeded_image(stimuli, name, preprocess) for name in batch_ids])
            return
        for pixels in stimuli.batches(self.batch_size, size=self.image_size, channels=self.channels):
            batch = torch.from_numpy(pixels)
            batch = batch.unsqueeze(1) if self.channels == 1 else batch.permute(0, 3, 1, 2)
            if self.mean is not None:
                batch = batch - torch.tensor(self.mean).reshape(-1, 1, 1)
            if self.std is not None:
                batch = batch / torch.tensor(self.std).reshape(-1, 1, 1)
            yield batch.contiguous()

    def _seeded_image(
        self, stimuli: StimulusSet, stimulus_id: str, preprocess: "Callable[[Image.Image], torch.Tensor]"
    ) -> "torch.Tensor":
        if not self._draws.get("preprocess"):
            return self._image(stimuli, stimulus_id, preprocess)
        with seeded("preprocess", self.seed, stimulus_id):
            return self._image(stimuli, stimulus_id, preprocess)

    def _image(
        self, stimuli: StimulusSet, stimulus_id: str, preprocess: "Callable[[Image.Image], torch.Tensor]"
    ) -> "torch.Tensor":
        import torch

        mode = "L" if self.channels == 1 else "RGB"
        try:
            image = preprocess(stimuli.open(stimulus_id).convert(mode))
            tensor = image if isinstance(image, torch.Tensor) else torch.from_numpy(np.array(image))
        except NeuroalignError:
            raise
        except Exception as error:
            raise ModelError(
                f"preprocess fails on the image of stimulus {str(stimulus_id)!r}: {one_line(error)}"
            ) from error
        if tensor.ndim != 3:
            raise ModelError(
                f"preprocess must return a tensor of shape (channels, height, width), not {tuple(tensor.shape)}"
            )
        return tensor


def adapt(
    obj: Any, *, identifier: str | None = None, layer: str | Sequence[str] | None = None, **options: Any
) -> TorchModel | None:
    """Make a model of a torch module.

    Parameters
    ----------
    obj : object
    identifier : str, optional
        By default the name of its class with a digest of its weights, code and options, the layers and how they are
        pooled, such as ``ResNet-1f0c3a9b@layer3[pool=mean]``.
    layer : str or sequence of str, optional
        See :class:`TorchModel`.
    **options
        ``preprocess``, ``image_size``, ``channels``, ``mean``, ``std``, ``pool``, ``batch_size``,
        ``batch_axis``, ``seed``, ``fingerprint``; see :class:`TorchModel`.

    Returns
    -------
    TorchModel or None
        None for objects of other kinds.

    Raises
    ------
    ModelError
        If it is a class, not an instance.
    UnknownNameError
        For unknown layers and options.
    """
    if not comes_from("torch", obj):
        return None
    from torch.nn import Module

    if isinstance(obj, type) and issubclass(obj, Module):
        raise ModelError(f"{obj.__name__} is a class; give an instance of it, with its weights loaded")
    if type(obj).__name__ == "ExportedProgram":
        raise ModelError("an exported program is not a module; give its module()")
    if not isinstance(obj, Module):
        return None
    refuse_unknown(f"the torch module {type(obj).__name__}", TorchModel, options)
    kind = type(obj).__name__
    model = TorchModel(obj, identifier or kind, layer=layer, **options)
    if identifier is None:
        name = name_by_digest(kind, options.get("fingerprint") or model.behaviour())
        model.identifier = name_network(name, layer, {"pool": options.get("pool")})
    return model


def name_network(name: str, layer: str | Sequence[str] | None, options: Mapping[str, Any]) -> str:
    """Name a network with its layers, and those options that are given."""
    layers = layer if isinstance(layer, str | None) else ":".join(layer)
    given = {key: value for key, value in options.items() if value is not None}
    return format_spec(f"{name}@{layers}" if layers else name, given)


def _for_each_channel(
    identifier: str, name: str, values: ArrayLike | None, channels: int
) -> list[float] | None:
    if values is None:
        return None
    given = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if given.shape not in ((1,), (channels,)) or (name == "std" and not (given > 0).all()):
        raise UsageError(
            f"{identifier}: {name} must be one number{' above 0' if name == 'std' else ''}, "
            f"or one for each of the {channels} channels, not {values!r}"
        )
    return [float(each) for each in given]


def _stack(images: "Sequence[torch.Tensor]") -> "torch.Tensor":
    import torch

    shapes = sorted({tuple(image.shape) for image in images})
    if len(shapes) > 1:
        raise ModelError(f"preprocess returns images of different shapes: {name_some(shapes)}")
    return torch.stack(list(images))
