"""Interface of networks with layers to score one by one, and the text that names several layers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Protocol, runtime_checkable

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.models.model import Model

#: Characters of a pattern, as in :mod:`fnmatch`.
WILDCARDS = "*?["

#: Separator between layers with a score of their own, and between layers that are concatenated.
LIST, CONCATENATION = ",", ":"


@dataclass(frozen=True)
class LayerSelection:
    """Layers that a list of patterns stands for.

    Parameters
    ----------
    layers : tuple of str
        Names in the order in which the network runs the layers.
    units : mapping of str to array of str, shape (n_units,)
        Names of the units of each layer, after pooling.
    left_out : mapping of str to str
        Reason why a layer that a pattern matches is left out, by layer.
    advice_on_size : str
        Advice for layers that are too large, such as "give pool=mean".
    """

    layers: tuple[str, ...]
    units: Mapping[str, NDArray[np.str_]]
    left_out: Mapping[str, str]
    advice_on_size: str = ""


@runtime_checkable
class Layered(Model, Protocol):
    """A network with layers that are scored one by one, from one pass over the stimuli."""

    @property
    def layer_patterns(self) -> Sequence[str]:
        """Names and patterns of layers with a score of their own; empty for a model of one layer or concatenation."""
        ...

    def at(self, layer: str) -> Self:
        """Return the same network with another layer.

        Parameters
        ----------
        layer : str
            Name of a layer, several names with colons for a concatenation, or patterns and names with commas.
        """
        ...

    def select_layers(self, stimuli: StimulusSet) -> LayerSelection:
        """Return the layers that :attr:`layer_patterns` stand for.

        Parameters
        ----------
        stimuli : StimulusSet
            The first stimulus is run through the network.

        Raises
        ------
        UnknownNameError
            If a name is unknown, or a pattern matches no layer. The message names layers.
        """
        ...

    def layer_batches(
        self, stimuli: StimulusSet, layers: Sequence[str]
    ) -> Iterator[tuple[NDArray[np.str_], Sequence[NDArray[np.float32]]]]:
        """Yield the units of several layers for one batch of stimuli after another, from one pass.

        Parameters
        ----------
        stimuli : StimulusSet
        layers : sequence of str
            Names of :attr:`LayerSelection.layers`.

        Yields
        ------
        ids : array of str, shape (n,)
            Stimuli of the batch.
        values : list of array of float32, shape (n, n_units)
            Units of each layer, the same as the latents of ``at(layer)``.
        """
        ...


def stands_for_several(layer: str) -> bool:
    """Return whether the text behind an @ stands for several layers with a score of their own.

    Parameters
    ----------
    layer : str

    Examples
    --------
    >>> stands_for_several("layer*"), stands_for_several("layer1,layer2"), stands_for_several("layer1:layer2")
    (True, True, False)
    """
    return LIST in layer or has_wildcard(layer)


def has_wildcard(layer: str) -> bool:
    """Return whether the name of a layer is a pattern."""
    return any(character in layer for character in WILDCARDS)


def split_layers(layer: str) -> list[str]:
    """Return the names and patterns in the text behind an @, each once.

    Parameters
    ----------
    layer : str

    Raises
    ------
    UsageError
        If a pattern is part of a concatenation, or a name is empty.

    Examples
    --------
    >>> split_layers("conv1, layer*,layer3:layer4")
    ['conv1', 'layer*', 'layer3:layer4']
    """
    parts = list(dict.fromkeys(part.strip() for part in layer.split(LIST)))
    for part in parts:
        if not part:
            raise UsageError(f"the list of layers {layer!r} must have a name between commas; remove a comma")
        if has_wildcard(part) and CONCATENATION in part:
            raise UsageError(
                f"{part!r} concatenates a pattern, which stands for layers with a score of their own; separate the "
                "layers by commas, or name each layer to concatenate"
            )
    return parts
