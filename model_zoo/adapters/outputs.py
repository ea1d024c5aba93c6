"""Outputs of layers: one tensor, or several tensors by key or index."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError
from neuroalign.model_zoo.adapters.checks import unknown_among_many
from neuroalign.model_zoo.adapters.graph import Graph, trace

if TYPE_CHECKING:
    import torch

#: Name of the layer for the module's own output.
OUTPUT = ""

#: Separator between a layer and the key or index of one of its outputs, for layers with several outputs.
SELECTOR = "#"

#: Selector for the input of a module, in place of one of its outputs.
INPUT = "input"


def copy_to_cpu(output: Any) -> Any:
    """Copy the tensors of an output to the CPU, because later operations may write to them in place.

    Parameters
    ----------
    output : tensor, mapping, list, tuple or other object
    """
    import torch

    if isinstance(output, torch.Tensor):
        return output.detach().to("cpu", copy=True)
    if isinstance(output, Mapping):
        return {key: copy_to_cpu(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        return [copy_to_cpu(value) for value in output]
    return output


def tensors_of(output: Any) -> "dict[str | None, torch.Tensor]":
    """Name the tensors of an output by key or index; None is the key of an output that is one tensor.

    Parameters
    ----------
    output : tensor, mapping, list, tuple or other object
    """
    import torch

    if isinstance(output, torch.Tensor):
        return {None: output}
    return {key: value for key, value in _parts_of(output).items() if isinstance(value, torch.Tensor)}


def _parts_of(output: Any) -> dict[str, Any]:
    if isinstance(output, Mapping):
        return {str(key): value for key, value in output.items()}
    return (
        {str(index): value for index, value in enumerate(output)} if isinstance(output, list | tuple) else {}
    )


def select_tensor(captured: Mapping[str, Any], target: str, key: str | None) -> "torch.Tensor":
    """Return one tensor of the output of a layer.

    Parameters
    ----------
    captured : mapping of str to object
        Output of each module or node that ran.
    target : str
        Name of the module or node.
    key : str, optional
        Key or index of the tensor, or :data:`INPUT`. Dots lead to tensors inside tuples: "1.0" is the first tensor of
        the second entry, such as the hidden state of an LSTM.

    Raises
    ------
    ModelError
        If the layer did not run, or the output has not exactly one such tensor.
    """
    if key == INPUT:
        target, key = f"{target}{SELECTOR}{INPUT}", None
    named = f"the layer {target!r}" if target else "the module's output"
    if target not in captured:
        raise ModelError(f"{named} does not run when the network is applied to images; choose another layer")
    output, path = captured[target], f"{target}{SELECTOR}"
    while key is not None and isinstance(
        inner := _parts_of(output).get(key.partition(".")[0]), Mapping | list | tuple
    ):
        first, _, rest = key.partition(".")
        named = f"the layer {path + first!r}"
        output, path, key = inner, f"{path}{first}.", rest or None
    tensors = tensors_of(output)
    if key is None and len(tensors) == 1:
        (tensor,) = tensors.values()
    elif key in tensors:
        tensor = tensors[key]
    else:
        names = [f"{path}{index}" for index in tensors if index is not None]
        advice = f"; choose one of {', '.join(names)}" if names else ""
        fault = "is not a single tensor" if key is None else f"has no tensor {key!r}"
        raise ModelError(f"{named} {fault} but {type(output).__name__}{advice}")
    if tensor.ndim == 0:
        raise ModelError(f"{named} is a single number for the whole batch; it must have a row for each image")
    return tensor


def find_layers(
    module: "torch.nn.Module", layers: Iterable[str]
) -> tuple[list[tuple[str, str | None]], Graph | None]:
    """Split the names of layers into modules or nodes and the keys of their outputs.

    Parameters
    ----------
    module : torch.nn.Module
    layers : iterable of str
        See :func:`neuroalign.model_zoo.adapters.extraction.extract`.

    Returns
    -------
    targets : list of tuple
        Name of the module or node, and key of its output or None, for each layer.
    graph : Graph or None
        Traced graph of the module, if a layer is not a module.

    Raises
    ------
    UnknownNameError
        If a layer is unknown. The message has the nearest names.
    """
    targets = []
    for layer in layers:
        name, selects, key = layer.partition(SELECTOR)
        targets.append((name, key if selects else None))
    modules = [name for name, _ in module.named_modules()]
    others = [name for name, _ in targets if name not in modules]
    if not others:
        return targets, None
    graph = None
    with suppress(ModelError):
        graph = trace(module)
    names = [*modules, *(graph.names if graph else ())]
    for name in others:
        if name not in names:
            raise unknown_among_many(f"layer of {type(module).__name__}", name, list(filter(None, names)))
    return targets, graph
