"""Survey of the layers of a torch module: the layers that patterns of names stand for.

Nothing here imports torch until there is a module to run.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import ModelError, UnknownNameError, name_some
from neuroalign.model_zoo.adapters.examining import axes_that_follow, examine, images_first, two_sizes
from neuroalign.model_zoo.adapters.extraction import Layers
from neuroalign.model_zoo.adapters.outputs import OUTPUT, SELECTOR, find_layers, tensors_of
from neuroalign.model_zoo.adapters.pooling import Pool
from neuroalign.models.layered import CONCATENATION, LayerSelection, has_wildcard

if TYPE_CHECKING:
    import torch

#: Advice for layers that are too large.
ADVICE_ON_SIZE = "give pool=mean, or pool=grid:N for more positions, or choose other layers"

# Names of the classes of torch, torchvision, timm and transformers that return their input when they are evaluated.
_PASSING = re.compile(r"\w*(Identity|Dropout(1d|2d|3d)?|DropPath|StochasticDepth)")


@dataclass(frozen=True)
class Network:
    """A module with the names and settings of its layers.

    Parameters
    ----------
    module : torch.nn.Module
    forward : callable
        Function that runs with each batch; it may return named outputs beside the modules.
    pool : callable
        Pooling of a layer, from shape (n, …) to (n, n_units).
    batch_axis : int or mapping of str to int, optional
        Axis of outputs that holds the images, by internal name.
    autocast : {None, "bfloat16", "float16"}
        Reduced precision of the runs.
    internal_name, public_name : callable
        Conversion of names between users and :func:`neuroalign.model_zoo.adapters.extraction.extract`.
    """

    module: "torch.nn.Module"
    forward: Callable[["torch.Tensor"], Any]
    pool: Pool
    batch_axis: int | Mapping[str, int] | None
    autocast: str | None
    internal_name: Callable[[str], str]
    public_name: Callable[[str], str]

    def asked_axis(self, name: str) -> int | None:
        """Return the axis that the user specifies for a layer."""
        return self.batch_axis.get(name) if isinstance(self.batch_axis, Mapping) else self.batch_axis


@dataclass
class _Seen:
    """Output of a module: its place in the order of the modules, its content, and its units or a fault."""

    order: int
    content: str = ""
    n_units: int = 0
    fault: str = ""


def select(
    network: Network, example: "torch.Tensor", patterns: Sequence[str], *, owner: str
) -> LayerSelection:
    """Return the layers that patterns stand for, in the order in which the module runs them.

    A name stands for itself. A pattern stands for every module that it matches as a whole (:mod:`fnmatch`; ``*`` also
    matches dots) and that returns a tensor with one entry for each image, without identities and dropouts. Of several
    modules with the same values, the pattern stands for one: the module with the shortest path.

    Parameters
    ----------
    network : Network
    example : tensor, shape (n, …)
        Images to run the module on. The first image and a darker copy are used.
    patterns : sequence of str
        Names, concatenations of names with colons, and patterns.
    owner : str
        Name of the model, for messages.

    Returns
    -------
    LayerSelection

    Raises
    ------
    UnknownNameError
        If a name is unknown, or a pattern matches nothing.
    ModelError
        If a named layer cannot be captured, or a pattern matches only layers that are left out.
    """
    named = [pattern for pattern in patterns if not has_wildcard(pattern)]
    parts = list(dict.fromkeys(part for name in named for part in name.split(CONCATENATION)))
    internal = {part: network.internal_name(part) for part in parts}
    _, graph = find_layers(network.module, internal.values())
    seen = _survey(network, example)
    modules = dict(network.module.named_modules())
    for part, name in internal.items():
        if name in seen and seen[name].fault:
            raise ModelError(f"{owner}: the layer {part!r} {seen[name].fault}; choose another layer")
    others = [name for name in internal.values() if name not in seen]
    widths = {name: entry.n_units for name, entry in seen.items()} | _measure(network, example, others)
    idle = [name for name in modules if name != OUTPUT and name not in seen]
    candidates = {network.public_name(name): name for name in (*seen, *idle)}
    matched: dict[str, None] = {}
    left_out: dict[str, str] = {}
    for pattern in patterns:
        if not has_wildcard(pattern):
            continue
        matches = [name for public, name in candidates.items() if fnmatchcase(public, pattern)]
        if not matches:
            raise UnknownNameError(
                f"{owner}: no layer matches {pattern!r}; there are {name_some(_by_order(candidates, seen), most=12)}"
            )
        for name in matches:
            fault = _reason_against(name, seen, modules)
            if fault:
                left_out[network.public_name(name)] = fault
            else:
                matched[name] = None
        if not any(name in matched for name in matches):
            public = network.public_name(matches[0])
            raise ModelError(
                f"{owner}: all layers that {pattern!r} matches are left out: {public!r} {left_out[public]}"
            )
    chosen, copies = _without_copies(matched, seen, network, set(internal.values()))
    left_out |= copies
    place = _places(seen, [] if graph is None else list(graph.names))
    rows = {network.public_name(name): place(name) for name in chosen}
    rows |= {name: max(place(internal[part]) for part in name.split(CONCATENATION)) for name in named}
    layers = tuple(sorted(rows, key=rows.__getitem__))
    units = {
        layer: name_units({part: widths[network.internal_name(part)] for part in layer.split(CONCATENATION)})
        for layer in layers
    }
    return LayerSelection(layers, units, left_out, ADVICE_ON_SIZE)


def name_units(widths: Mapping[str, int]) -> NDArray[np.str_]:
    """Name the units of a layer by their numbers, and the units of several layers by layer and number.

    Parameters
    ----------
    widths : mapping of str to int
        Number of units of each layer.

    Examples
    --------
    >>> name_units({"layer1": 2, "": 1}).tolist()
    ['layer1.0', 'layer1.1', 'output.0']
    """
    if len(widths) == 1:
        return np.arange(next(iter(widths.values()))).astype(str)
    return np.array(
        [f"{layer or 'output'}.{index}" for layer, width in widths.items() for index in range(width)]
    )


def _survey(network: Network, example: "torch.Tensor") -> dict[str, _Seen]:
    """Run the module on two numbers of images, and describe the output of each module and each named output."""
    layers = Layers(network.module, [], forward=network.forward, autocast=network.autocast)
    pairs = two_sizes(example)
    for small, large in pairs:
        shapes: dict[str, tuple[int, ...]] = {}
        seen: dict[str, _Seen] = {}

        def note_shapes(name: str, output: Any, shapes: dict[str, tuple[int, ...]] = shapes) -> None:
            shapes.update(
                {layer: tuple(tensor.shape) for layer, tensor in _name_tensors(name, output).items()}
            )

        def describe(
            name: str,
            output: Any,
            seen: dict[str, _Seen] = seen,
            shapes: dict[str, tuple[int, ...]] = shapes,
            sizes: tuple[int, int] = (len(small), len(large)),
        ) -> None:
            for layer, tensor in _name_tensors(name, output).items():
                seen.pop(layer, None)  # a module that runs again moves to its last place
                seen[layer] = _describe(network, layer, tensor, shapes.get(layer), sizes)

        try:
            layers.visit_modules(small, note_shapes, seed=0)
            layers.visit_modules(large, describe, seed=0)
        except ModelError:
            if small is pairs[-1][0]:
                raise
            continue
        break
    for order, entry in enumerate(seen.values()):
        entry.order = order
    _place_outputs(seen)
    return seen


def _place_outputs(seen: Mapping[str, _Seen]) -> None:
    """Place named outputs, which come after all modules, at the module that computes them."""
    computed: dict[str, int] = {}
    for name, entry in seen.items():
        if name == OUTPUT or name.startswith(SELECTOR):
            entry.order = computed.get(entry.content, entry.order)
        elif entry.content:
            computed.setdefault(entry.content, entry.order)


def _name_tensors(name: str, output: Any) -> "dict[str, torch.Tensor]":
    tensors = tensors_of(output)
    if None in tensors or (len(tensors) == 1 and name != OUTPUT):
        return {name: next(iter(tensors.values()))}
    return {f"{name}{SELECTOR}{key}": tensor for key, tensor in tensors.items()}


def _describe(
    network: Network,
    name: str,
    tensor: "torch.Tensor",
    small: tuple[int, ...] | None,
    sizes: tuple[int, int],
) -> _Seen:
    tensor = tensor.detach()
    axes = axes_that_follow(small or (), tensor.shape, sizes)
    asked = network.asked_axis(name)
    if asked is not None and asked in axes:
        axes = [asked]
    if len(axes) != 1:
        return _Seen(0, fault="has no single axis with one entry for each image")
    if not tensor.is_floating_point():
        return _Seen(0, fault=f"returns values of type {str(tensor.dtype).removeprefix('torch.')}")
    rows = images_first(name, tensor.to("cpu"), axes[0], sizes[1]).float()
    if not bool(rows.isfinite().all()):
        return _Seen(0, fault="returns values that are not finite")
    try:
        n_units = int(network.pool(rows).shape[1])
    except ModelError as error:
        return _Seen(0, fault=f"cannot be pooled ({error})")
    content = rows.reshape(sizes[1], -1).contiguous().numpy()
    return _Seen(0, hashlib.blake2b(content.tobytes()).hexdigest(), n_units)


def _measure(network: Network, example: "torch.Tensor", names: Sequence[str]) -> dict[str, int]:
    """Return the numbers of units of layers that are not outputs of modules."""
    if not names:
        return {}
    layers = Layers(network.module, names, forward=network.forward, autocast=network.autocast)
    examined = examine(layers, example, batch_axis=network.batch_axis, treats_alone=False)
    outputs = layers.capture(example, seed=0)
    return {
        name: int(
            network.pool(images_first(name, outputs[name], examined.axes[name], len(example)).float()).shape[
                1
            ]
        )
        for name in names
    }


def _reason_against(name: str, seen: Mapping[str, _Seen], modules: Mapping[str, "torch.nn.Module"]) -> str:
    """Return the reason why no pattern stands for a layer; empty without one."""
    if name not in seen:
        tensors = [other for other in seen if other.startswith(f"{name}{SELECTOR}")]
        if tensors:
            return f"returns several tensors; there are {name_some(tensors)}"
        return "does not run, or returns no tensor"
    target = name.partition(SELECTOR)[0]
    if target and _PASSING.fullmatch(type(modules[target]).__name__):
        return "is an identity or a dropout, which returns its input"
    return seen[name].fault


def _without_copies(
    matched: Mapping[str, None],
    seen: Mapping[str, _Seen],
    network: Network,
    named: set[str],
) -> tuple[list[str], dict[str, str]]:
    """Choose one of the layers with the same values; return the chosen layers, and the reasons to leave out others."""

    def preference(name: str) -> tuple[bool, bool, int, int]:
        is_named_output = name == OUTPUT or name.startswith(SELECTOR)
        return (name not in named, is_named_output, name.count("."), seen[name].order)

    alike: dict[str, list[str]] = {}
    for name in (*(name for name in named if name in seen), *(name for name in matched if name not in named)):
        alike.setdefault(seen[name].content, []).append(name)
    chosen: list[str] = []
    left_out: dict[str, str] = {}
    for names in alike.values():
        first = min(names, key=preference)
        if first in matched and first not in named:
            chosen.append(first)
        left_out |= {
            network.public_name(name): f"has the same values as {network.public_name(first) or 'the output'}"
            for name in names
            if name != first and name not in named
        }
    return chosen, left_out


def _places(seen: Mapping[str, _Seen], nodes: Sequence[str]) -> Callable[[str], tuple[float, int]]:
    """Return a function that places a layer among the modules, in the order in which they finish.

    A node of the graph follows the last module before the node; the input of a module precedes its output.
    """
    places: dict[str, tuple[float, int]] = {name: (entry.order, 0) for name, entry in seen.items()}
    last = -1.0
    for number, node in enumerate(nodes):
        if node in places:
            last = max(last, places[node][0])
        else:
            places[node] = (last, number + 1)

    def place(name: str) -> tuple[float, int]:
        if name in places:
            return places[name]
        target = name.partition(SELECTOR)[0]
        order = places.get(target, (-1.0, 0))[0]
        return (order - 0.5, 0)

    return place


def _by_order(candidates: Mapping[str, str], seen: Mapping[str, _Seen]) -> list[str]:
    """Return public names without faults in the order of the modules."""
    return [public for public, name in candidates.items() if public and name in seen and not seen[name].fault]
