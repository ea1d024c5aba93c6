"""Torch modules as models: the outputs of any of their layers as units.

Nothing here imports torch until there is a module to run.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign import arrays
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, NeuroalignWarning, UsageError
from neuroalign.files.digests import digest
from neuroalign.model_zoo.adapters.batch_sizes import choose
from neuroalign.model_zoo.adapters.checks import warn_of_random_numbers
from neuroalign.model_zoo.adapters.examining import Taking, examine
from neuroalign.model_zoo.adapters.extraction import Layers, list_layers
from neuroalign.model_zoo.adapters.grids import find_prefix, pool_named
from neuroalign.model_zoo.adapters.image_tensors import ImageTensors
from neuroalign.model_zoo.adapters.layer_survey import name_units
from neuroalign.model_zoo.adapters.many_layers import ManyLayers, parse_layers
from neuroalign.model_zoo.adapters.outputs import INPUT, SELECTOR, find_layers
from neuroalign.model_zoo.adapters.placement import (
    Placement,
    describe,
    is_out_of_memory,
    place,
    plan,
    release_memory,
)
from neuroalign.model_zoo.adapters.pooling import POOLS, Pool
from neuroalign.model_zoo.adapters.rectification import last_rectification
from neuroalign.model_zoo.adapters.screen import Screen, screen
from neuroalign.models.fingerprints import behaviour_digest
from neuroalign.models.latents_file import gather_latents
from neuroalign.progress import progress

if TYPE_CHECKING:
    import torch
    from PIL import Image

#: Version of the computation; it is raised when the same module gives other latents.
VERSION = 1


class TorchModel(ManyLayers):
    """Layers of a torch module as units.

    Parameters
    ----------
    module : torch.nn.Module
        The module stays unchanged: same device, same precision, same modes, no hooks.
    identifier : str
    layer : str or sequence of str, optional
        Layers as in :func:`neuroalign.model_zoo.adapters.extraction.extract`; by default the module's own output.
        Several layers are concatenated. A text with commas or a pattern, such as ``layer1,layer2`` or ``layer*``,
        stands for layers with a score of their own; see :func:`neuroalign.scoring.layers.score_layers`.
    preprocess : callable, optional
        Function from PIL image to tensor of shape (channels, height, width), such as a torchvision transform.
        It replaces `image_size`, `mean` and `std`.
    image_size : int, optional
        Images are resampled to image_size × image_size pixels; by default they keep their size.
    channels : {1, 3}
        Grey or RGB.
    mean, std : float or sequence of float, optional
        The mean is subtracted from the pixels in [0, 1], and the result is divided by `std`: one number, or one for
        each channel.
    pool : {None, "mean", "token", "grid:N"}
        Units of a layer with positions: every value, the mean over positions without class and register tokens
        (:func:`neuroalign.model_zoo.adapters.grids.mean_of_patches`), the class token of a transformer, or means in
        a grid of N × N (:func:`neuroalign.model_zoo.adapters.grids.mean_in_grid`). A Lasso over few units is faster.
    batch_size : int, optional
        Number of images in a batch. By default it depends on the size of the images on a CPU, and on the memory on a
        GPU; see :mod:`neuroalign.model_zoo.adapters.batch_sizes`. Where the memory does not suffice, a warning is
        issued and batches are halved.
    batch_axis : int or mapping of str to int, optional
        Axis of the layer's output that holds the images, such as 1 for (tokens, images, channels), or the axis
        for each layer. By default the axis with a length that follows the number of images.
    visual_degrees, stimulus_degrees : float, optional
        Widths in degrees of visual angle at which the network sees and at which the animal saw the stimuli. Stimuli are
        placed on a grey screen, or cropped, before the preprocessing; see
        :func:`neuroalign.model_zoo.adapters.screen.place_on_screen`.
    seed : int
        Seed of random numbers that the preprocessing or the module draws; every stimulus has random numbers of its
        own.
    device : {None, "auto", "cpu", "cuda", "mps"}
        Device of the runs; by default the device of the module. "auto" is a GPU if there is one. On another device a
        copy of the module runs.
    precision : {None, "float32", "bfloat16", "float16"}
        Precision of the runs; by default the precision of the module. In reduced precision, torch computes products of
        matrices and convolutions with fewer digits (automatic mixed precision).
    n_workers : int, optional
        Number of threads that load images ahead of the network; 0 for none. The latents do not depend on it.
    fingerprint : str, optional
        See :class:`neuroalign.models.model.Fingerprinted`. By default a digest of the weights, the code, the layers
        and the preprocessing. None where no digest can describe one of them, or one draws random numbers.
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
        batch_size: int | None = None,
        batch_axis: int | Mapping[str, int] | None = None,
        visual_degrees: float | None = None,
        stimulus_degrees: float | None = None,
        seed: int = 0,
        device: str | None = None,
        precision: str | None = None,
        n_workers: int | None = None,
        fingerprint: str | None = None,
    ) -> None:
        self.images = ImageTensors(
            identifier,
            preprocess=preprocess,
            image_size=image_size,
            channels=channels,
            mean=mean,
            std=std,
            seed=seed,
        )
        #: Sentences that every score of the model carries, such as the entry of its checkpoint file.
        self.notes: Sequence[str] = ()
        self.module = module
        self.identifier = identifier
        self.screen: Screen | None = None
        self.see(visual_degrees, stimulus_degrees)
        self.layers, self.layer_patterns = parse_layers(layer)
        self.pool = self._pool_named(pool)
        self.batch_size = batch_size
        self.batch_axis = batch_axis
        self.seed = seed
        self.device = device
        self.precision = precision
        self.n_workers = n_workers
        self._fingerprint = fingerprint
        self._is_random = False
        for name, number, least in (("batch_size", batch_size, 1), ("n_workers", n_workers, 0)):
            if number is not None and (
                isinstance(number, bool) or not isinstance(number, int) or number < least
            ):
                raise UsageError(
                    f"{identifier}: {name} must be a whole number from {least} up, got {number!r}"
                )
        self._placement()  # reports a device that is not available
        if not (self.layers or self.layer_patterns):
            raise UsageError(f"{identifier}: layer= is empty; leave it out for the module's output")
        find_layers(module, [self._internal_name(name) for name in self.layers])

    @property
    def fingerprint(self) -> str | None:
        """Digest of the present weights, code, layers and preprocessing; None if one of them is random."""
        if self.images.is_random or self._is_random:
            return None
        if self._fingerprint is not None:
            key = self._placement().key
            return digest(self._fingerprint, key) if key else self._fingerprint
        return self.behaviour()

    @property
    def computed_with(self) -> dict[str, str]:
        """Device and precision of the runs, for the provenance of scores."""
        return describe(self._placement())

    def behaviour(self) -> str | None:
        """Return the digest of weights, code, layers and preprocessing; None if no digest can describe them."""
        images = self.images
        behaviour = behaviour_digest(
            self._network_behaviour(),
            self.layers,
            self.pool,
            images.preprocess,
            [images.image_size, images.channels, images.mean, images.std, self.batch_axis],
            *([] if self.screen is None else [[self.screen.visual_degrees, self.screen.stimulus_degrees]]),
            # Nothing on a CPU in the module's own precision, so that cached latents of earlier versions stay valid.
            *self._placement().key,
        )
        return behaviour and digest("torch", VERSION, behaviour)

    def see(self, visual_degrees: float | None, stimulus_degrees: float | None) -> None:
        """Set the size at which the network sees and the size of the stimuli, with a note for scores.

        Parameters
        ----------
        visual_degrees, stimulus_degrees : float, optional
            Widths in degrees of visual angle; None for both places no stimulus on a screen.

        Raises
        ------
        UsageError
            If one of the two is missing, or is not a size.
        """
        self.screen = screen(self.identifier, visual_degrees, stimulus_degrees)
        if self.screen is not None:
            self.notes = [*self.notes, self.screen.note]

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Run the images through the module, a batch at a time, and return the units of its layers.

        Raises
        ------
        ModelError
            If the preprocessing or the module fails, with the stimulus or the shape.
        """
        return gather_latents(self.latent_batches(stimuli), stimuli.ids)

    def latent_batches(self, stimuli: StimulusSet) -> Iterator[xr.DataArray]:
        """Yield the units of the layers for one batch of images after another; see :meth:`latents`."""
        try:
            for ids, values in self._values(stimuli):
                widths = {layer: value.shape[1] for layer, value in zip(self.layers, values, strict=True)}
                yield arrays.latents(np.concatenate(values, axis=1), stimulus=ids, unit=name_units(widths))
        except ModelError as error:
            raise ModelError(f"{self.identifier}: {error}") from error

    def layer_shapes(self, stimuli: StimulusSet, *, nodes: bool = False) -> dict[str, tuple[int, ...]]:
        """List all layers with the shape of their output for the first of some stimuli.

        Parameters
        ----------
        stimuli : StimulusSet
        nodes : bool
            Whether to list also the nodes of the network's graph that are not modules.

        Raises
        ------
        ModelError
            If the network fails, or `nodes` is true and its graph cannot be traced.
        """
        first = next(iter(self._batches(stimuli.select(stimuli.ids[:1]), lambda image: 1)))
        return list_layers(self.module, first, forward=self._forward, nodes=nodes)

    def before_rectification(self, stimuli: StimulusSet) -> xr.DataArray | None:
        """Return the inputs of the last ReLU module of the layer.

        Parameters
        ----------
        stimuli : StimulusSet

        Returns
        -------
        latents or None
            None unless the units are every output of one layer, and this layer is a ReLU or ends with a ReLU.
        """
        if len(self.layers) != 1 or self.pool is not POOLS[None]:
            return None
        name = last_rectification(self.module, self._internal_name(self.layers[0]))
        if name is None:
            return None
        inputs = copy(self)
        inputs.layers = [f"{name}{SELECTOR}{INPUT}"]
        if isinstance(self.batch_axis, Mapping):
            inputs.batch_axis = next(iter(self.batch_axis.values()), None)
        # A layer may go on after its last ReLU.
        few = stimuli.select(stimuli.ids[:2])
        given, units = (model.latents(few).values for model in (inputs, self))
        if given.shape != units.shape or not np.allclose(np.maximum(given, 0.0), units, atol=1e-6):
            return None
        return inputs.latents(stimuli)

    def _values(self, stimuli: StimulusSet) -> "Iterator[tuple[np.ndarray, list[np.ndarray]]]":
        """Yield the ids of a batch of stimuli and the units of each layer, one batch after another."""
        if self.layer_patterns:
            raise ModelError(
                "the name stands for several layers with a score of their own; name one layer, or use neuroalign score "
                "or neuroalign.scoring.layers.score_layers"
            )
        names = [self._internal_name(layer) for layer in self.layers]
        placement = self._placement()
        running = copy(self)
        running.module = place(self.module, placement)
        layers = Layers(running.module, names, forward=running._forward, autocast=placement.autocast)
        batches = self._batches(stimuli, partial(choose, layers), pin=placement.device.type == "cuda")
        first = next(batches, None)
        if first is None:
            return
        are_alone = self.batch_size == 1
        examined = examine(
            layers,
            first,
            batch_axis=self._internal_batch_axis(),
            treats_alone=not are_alone,
            notes_axes=self.notes_axes,
        )
        self._is_random = examined.is_random
        if examined.is_random:
            warn_of_random_numbers(self.identifier, "the network", self.seed, examined.is_seedable)
        # Each image gets random numbers of its own, so that they do not depend on the other images.
        most = 1 if examined.is_random else len(first)
        given: Iterator[torch.Tensor] = chain([first], batches)
        n_batches = math.ceil(len(stimuli) / len(first))
        start = 0
        n_units: dict[str, int] = {}
        for batch in progress(given, description=self.identifier, total=n_batches, unit="batch"):
            done = 0
            while done < len(batch):
                part = batch[done : done + most]
                ids = stimuli.ids[start : start + len(part)]
                seed = f"{self.seed} {ids[0]}" if examined.is_random else start
                taking = Taking(layers, examined, part, self.pool, treats_alone=start == 0 and not are_alone)
                try:
                    values = layers.take(part, taking.take, seed=seed)
                except ModelError as error:
                    if len(part) == 1 or not is_out_of_memory(error.__cause__):
                        raise
                    most = (len(part) + 1) // 2
                    self._warn_of_memory(len(part), most, placement)
                    values = None
                if values is None:
                    # Outside the block, because its error keeps the tensors of the failed run.
                    release_memory(running.module)
                    continue
                taking.expect_alone()
                examined = replace(examined, outputs={})  # outputs of all layers, for the first batch only
                n_units = n_units or {name: value.shape[1] for name, value in values.items()}
                for layer, name in zip(self.layers, names, strict=True):
                    if values[name].shape[1] != n_units[name]:
                        raise ModelError(
                            f"the layer {layer!r} has {n_units[name]} units for some images and "
                            f"{values[name].shape[1]} for others, which have another size; give image_size=, or "
                            "pool=mean"
                        )
                yield ids, [values[name] for name in names]
                done += len(part)
                start += len(part)

    def _warn_of_memory(self, n_images: int, most: int, placement: Placement) -> None:
        warnings.warn(
            f"{self.identifier}: the memory of {describe(placement)['device']} does not suffice for a batch of "
            f"{n_images} images, so it goes on with {most}; give batch_size={most} to start with it",
            NeuroalignWarning,
            stacklevel=2,
        )

    def _placement(self) -> Placement:
        return plan(self.module, self.device, self.precision, owner=self.identifier)

    def _batches(
        self,
        stimuli: StimulusSet,
        choose_size: "Callable[[torch.Tensor], int]",
        *,
        pin: bool = False,
    ) -> "Iterator[torch.Tensor]":
        stimuli = stimuli if self.screen is None else self.screen.place(stimuli)
        return self.images.batches(
            stimuli,
            self.batch_size or choose_size,
            identifier=self.identifier,
            n_workers=self.n_workers,
            pin=pin,
        )

    def _forward(self, batch: "torch.Tensor") -> Any:
        return self.module(batch)

    def _network_behaviour(self) -> Any:
        return self.module

    def _pool_named(self, pool: str | None) -> Pool:
        return pool_named(pool, find_prefix(self.module), owner=self.identifier)
