"""Layers of a torch module with a score of their own, from one pass over the images.

Nothing here imports torch until there is a module to run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.layer_survey import Network, select
from neuroalign.model_zoo.adapters.outputs import OUTPUT, find_layers
from neuroalign.model_zoo.adapters.placement import Placement, place
from neuroalign.model_zoo.adapters.pooling import Pool
from neuroalign.models.layered import (
    CONCATENATION,
    LIST,
    LayerSelection,
    has_wildcard,
    split_layers,
    stands_for_several,
)

if TYPE_CHECKING:
    import torch


class ManyLayers(ABC):
    """Part of a model of a torch module that selects layers; see :class:`neuroalign.models.layered.Layered`.

    Parameters
    ----------
    module : torch.nn.Module
    identifier : str
    layers : sequence of str
        Layers that are concatenated; empty where `layer_patterns` are not.
    layer_patterns : sequence of str
        Names and patterns of layers with a score of their own.
    batch_axis : int or mapping of str to int, optional
        Axis that holds the images, or the axis for each layer.
    pool : callable
        Pooling of a layer.
    naming : callable, optional
        Function that names the model at another layer; by default the identifier with the layer behind an @.
    base_name : str, optional
        Identifier before :meth:`at`, for models without `naming`.
    notes_axes : bool
        Whether a note names layers with the images on another axis than the first.
    """

    module: "torch.nn.Module"
    identifier: str
    layers: list[str]
    layer_patterns: Sequence[str] = ()
    batch_axis: int | Mapping[str, int] | None
    pool: Pool
    naming: "Callable[[Any], str] | None" = None
    base_name: str | None = None
    notes_axes: bool = True
    _is_random: bool

    def at(self, layer: str) -> Self:
        """Return the same network with another layer, or with patterns of layers.

        Parameters
        ----------
        layer : str
            Name of a layer, several names with colons for a concatenation, or patterns and names with commas.
        """
        other = copy(self)
        other.layers, other.layer_patterns = parse_layers(
            layer if stands_for_several(layer) else layer.split(CONCATENATION)
        )
        find_layers(self.module, [self._internal_name(name) for name in other.layers])
        if isinstance(self.batch_axis, Mapping):
            other.batch_axis = {
                name: self.batch_axis[name] for name in other.layers if name in self.batch_axis
            }
        if self.naming is None:
            other.base_name = self.base_name or self.identifier
            other.identifier = f"{other.base_name}@{layer}" if layer else other.base_name
        else:
            other.identifier = self.naming(other)
        return other

    @property
    def layer_text(self) -> str:
        """Layers as in a name: patterns with commas, or a concatenation with colons."""
        return LIST.join(self.layer_patterns) if self.layer_patterns else CONCATENATION.join(self.layers)

    def select_layers(self, stimuli: StimulusSet) -> LayerSelection:
        """Return the layers that the patterns stand for; see :func:`neuroalign.model_zoo.adapters.layer_survey.select`.

        Parameters
        ----------
        stimuli : StimulusSet
            The first stimulus is run through the network.
        """
        placement = self._placement()
        running = copy(self)
        running.module = place(self.module, placement)
        network = Network(
            module=running.module,
            forward=running._forward_all,
            pool=self.pool,
            batch_axis=self._internal_batch_axis(),
            autocast=placement.autocast,
            internal_name=self._internal_name,
            public_name=self._public_name,
        )
        first = next(iter(self._batches(stimuli.select(stimuli.ids[:1]), lambda image: 1)))
        return select(network, first, self.layer_patterns or self.layers, owner=self.identifier)

    def layer_batches(
        self, stimuli: StimulusSet, layers: Sequence[str]
    ) -> "Iterator[tuple[NDArray[np.str_], list[NDArray[np.float32]]]]":
        """Yield the units of several layers for one batch of images after another, from one pass.

        Parameters
        ----------
        stimuli : StimulusSet
        layers : sequence of str
            Names of layers, and concatenations of names with colons.
        """
        parts = [layer.split(CONCATENATION) for layer in layers]
        running = copy(self)
        running.layers = list(dict.fromkeys(name for names in parts for name in names))
        running.layer_patterns = ()
        running.notes_axes = False  # one note for each of many layers
        try:
            for ids, values in running._values(stimuli):
                # Random numbers are found during the pass, and take the fingerprint away.
                self._is_random = running._is_random
                units = dict(zip(running.layers, values, strict=True))
                yield ids, [np.concatenate([units[name] for name in names], axis=1) for names in parts]
        except ModelError as error:
            raise ModelError(f"{self.identifier}: {error}") from error

    @abstractmethod
    def _values(self, stimuli: StimulusSet) -> "Iterator[tuple[NDArray[np.str_], list[NDArray[np.float32]]]]":
        """Yield the ids of a batch of stimuli and the units of each layer, one batch after another."""

    @abstractmethod
    def _batches(
        self, stimuli: StimulusSet, choose_size: "Callable[[torch.Tensor], int]", *, pin: bool = False
    ) -> "Iterator[torch.Tensor]":
        """Yield batches of preprocessed images."""

    @abstractmethod
    def _placement(self) -> Placement:
        """Return the device and the precision of the runs."""

    @abstractmethod
    def _forward(self, batch: "torch.Tensor") -> Any:
        """Run the module; named outputs beside the modules may depend on the layers."""

    def _forward_all(self, batch: "torch.Tensor") -> Any:
        return self._forward(batch)

    def _internal_name(self, layer: str) -> str:
        return layer

    def _public_name(self, name: str) -> str:
        return name

    def _internal_batch_axis(self) -> int | dict[str, int] | None:
        if not isinstance(self.batch_axis, Mapping):
            return self.batch_axis
        for layer in self.batch_axis:
            if layer not in self.layers:
                raise UsageError(f"batch_axis= names {layer!r}, which is not among the layers {self.layers}")
        return {self._internal_name(layer): axis for layer, axis in self.batch_axis.items()}


def parse_layers(layer: str | Sequence[str] | None) -> tuple[list[str], Sequence[str]]:
    """Return the layers of a concatenation, and the names and patterns of layers with a score of their own.

    Parameters
    ----------
    layer : str or sequence of str, optional
        See :class:`neuroalign.model_zoo.adapters.torch_model.TorchModel`.

    Returns
    -------
    layers : list of str
        Empty for a text that stands for several layers with a score of their own.
    patterns : sequence of str
        Empty for a concatenation.

    Raises
    ------
    UsageError
        If a concatenation has a pattern.
    """
    if isinstance(layer, str) and stands_for_several(layer):
        return [], split_layers(layer)
    layers = [layer or OUTPUT] if isinstance(layer, str | None) else list(layer)
    if len(layers) == 1 and stands_for_several(layers[0]):
        return [], split_layers(layers[0])
    for name in layers:
        if has_wildcard(name):
            raise UsageError(
                f"layer={layers} concatenates the pattern {name!r}; for layers with a score of their own give one text "
                f"with commas: layer={LIST.join(layers)!r}"
            )
    return layers, ()
