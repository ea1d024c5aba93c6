"""Extraction of the outputs of layers of a torch module for batches of images, with the images on the first axis.

Nothing here imports torch until there is a module to run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError
from neuroalign.model_zoo.adapters.checks import one_line, unknown_among_many
from neuroalign.model_zoo.adapters.examining import axes_that_follow, examine, images_first, two_sizes
from neuroalign.model_zoo.adapters.graph import Graph, evaluating, trace
from neuroalign.model_zoo.adapters.placement import repeating, to_module

if TYPE_CHECKING:
    import torch

#: Name of the layer for the module's own output.
OUTPUT = ""

#: Separator between a layer and the key or index of one of its outputs, for layers with several outputs.
SELECTOR = "#"

#: Selector for the input of a module, in place of one of its outputs.
INPUT = "input"


class Layers:
    """Layers of a module, ready to run.

    Parameters
    ----------
    module : torch.nn.Module
    layers : sequence of str
        See :func:`extract`.
    forward : callable, optional
        Function to run with each batch; by default the module itself.
    autocast : {None, "bfloat16", "float16"}
        Reduced precision of the runs; see :func:`neuroalign.model_zoo.adapters.placement.plan`.

    Raises
    ------
    UnknownNameError
        If a layer is unknown. The message has the nearest names.
    """

    def __init__(
        self,
        module: "torch.nn.Module",
        layers: Sequence[str],
        *,
        forward: Callable[["torch.Tensor"], Any] | None = None,
        autocast: str | None = None,
    ) -> None:
        if any(parameter.is_meta for parameter in module.parameters()):
            raise ModelError(
                f"the weights of {type(module).__name__} are on the meta device; load their values"
            )
        self.module = module
        self.layers: Sequence[str] = list(layers)
        self.autocast = autocast
        self._forward = forward
        self._targets, self._graph = find_layers(module, layers)

    def capture(self, batch: "torch.Tensor", *, seed: str | int | None) -> "dict[str, torch.Tensor]":
        """Run the module on a batch, and return the unchanged output of each layer.

        Parameters
        ----------
        batch : tensor
        seed : str or int, optional
            Seed of the global random generators; None leaves them unchanged.
        """
        captured = _run(
            self.module,
            batch,
            {target for target, key in self._targets if key != INPUT},
            forward=self._forward,
            graph=self._graph,
            seed=seed,
            autocast=self.autocast,
            inputs={target for target, key in self._targets if key == INPUT},
        )
        return {
            layer: _select(captured, target, key)
            for layer, (target, key) in zip(self.layers, self._targets, strict=True)
        }

    def capture_modules(self, batch: "torch.Tensor", *, seed: str | int | None) -> "dict[str, torch.Tensor]":
        """Run the module on a batch, and return the first output tensor of each of its submodules.

        Returns
        -------
        dict of str to tensor
            In the order in which the modules finish.
        """
        names = {name for name, _ in self.module.named_modules()}
        captured = _run(
            self.module, batch, names, forward=self._forward, graph=None, seed=seed, autocast=self.autocast
        )
        tensors = {name: next(iter(_tensors(output).values()), None) for name, output in captured.items()}
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}


def extract(
    module: "torch.nn.Module",
    batches: "Iterable[torch.Tensor]",
    layers: Sequence[str],
    *,
    forward: Callable[["torch.Tensor"], Any] | None = None,
    batch_axis: int | Mapping[str, int] | None = None,
    seeds: Iterable[str | int] | None = None,
) -> "Iterator[dict[str, torch.Tensor]]":
    """Run a module over batches, and yield the outputs of some of its layers.

    One pass captures all modules, and another pass all nodes. Outputs are copied as soon as they are computed, so that
    an in-place operation after a layer does not change them. The module runs without gradients in evaluation mode.
    Between batches and after an error, every submodule has its own mode again, and no hook is left. The module stays on
    its device; batches are moved to the device and the dtype of its parameters. Random numbers that the module draws
    are the same in every run, and do not change the global generator.

    Parameters
    ----------
    module : torch.nn.Module
    batches : iterable of tensor
        Batches of shape (n, …), in the form that `forward` accepts.
    layers : sequence of str
        Names of submodules, as in ``module.named_modules()``, or of nodes of the module's graph, such as
        ``layer1.0.add``; see :mod:`neuroalign.model_zoo.adapters.graph`. "" is the module's own output. A submodule
        that runs several times in one pass gives its last output. If a layer returns a tuple or a dictionary,
        ``name#key`` is one of its tensors. ``name#input`` is the first input of a submodule.
    forward : callable, optional
        Function to run with each batch; by default the module itself.
    batch_axis : int or mapping of str to int, optional
        Axis of the outputs that holds the images, or the axis for each layer. By default the axis with a length that
        follows the number of images in two runs on the first batch.
    seeds : iterable of str or int, optional
        Seed of the random numbers of each batch; by default the number of the batch.

    Yields
    ------
    dict of str to tensor
        Output of each layer for a batch, on the CPU, with the images on the first axis.

    Raises
    ------
    UnknownNameError
        If a layer is unknown. The message has the nearest names.
    ModelError
        If the module fails, or a layer does not run, does not return a single tensor, or does not have exactly one
        axis with an entry for each image.

    Notes
    -----
    Two runs on one machine with the same number of threads give the same bytes. With another number of threads, batch
    size, device or version of torch, sums may have another order, so that the last bits of float32 differ.
    """
    captured = Layers(module, layers, forward=forward)
    axes = dict(batch_axis) if isinstance(batch_axis, Mapping) else {}
    for batch, seed in zip(batches, count() if seeds is None else seeds, strict=False):
        if not axes.keys() >= set(layers):
            axes = dict(examine(captured, batch, batch_axis=batch_axis, treats_alone=False).axes)
        outputs = captured.capture(batch, seed=seed)
        yield {layer: images_first(layer, outputs[layer], axes[layer], len(batch)) for layer in layers}


def list_layers(
    module: "torch.nn.Module",
    example: "torch.Tensor",
    *,
    forward: Callable[["torch.Tensor"], Any] | None = None,
    nodes: bool = False,
) -> dict[str, tuple[int, ...]]:
    """List the layers that :func:`extract` can capture.

    Parameters
    ----------
    module : torch.nn.Module
    example : tensor
        A batch of images, in the form that the module accepts.
    forward : callable, optional
        See :func:`extract`.
    nodes : bool
        Whether to list also the nodes of its graph that are not modules.

    Returns
    -------
    dict of str to tuple of int
        Shape of the output for one image by name of the layer: modules in the order of ``module.named_modules()``,
        then nodes in the order in which they run. Layers that do not run are left out, as are layers without exactly
        one axis with an entry for each image.

    Raises
    ------
    ModelError
        If the module fails, or `nodes` is true and its graph cannot be traced.
    """
    names = [name for name, _ in module.named_modules()]
    graph = trace(module) if nodes else None
    if graph is not None:
        names += [name for name in graph.names if name not in names]
    run = partial(_run, module, targets=set(names), forward=forward, graph=graph, seed=0)
    pairs = two_sizes(example)
    for small, large in pairs:
        try:
            outputs, others = run(small), run(large)
        except ModelError:
            if small is pairs[-1][0]:
                raise
            continue
        break
    shapes: dict[str, tuple[int, ...]] = {}
    for name in names:
        tensors, larger = _tensors(outputs.get(name)), _tensors(others.get(name))
        for key, tensor in tensors.items():
            if key not in larger:
                continue
            axes = axes_that_follow(tensor.shape, larger[key].shape, (len(small), len(large)))
            if len(axes) == 1:
                shape = tuple(length for axis, length in enumerate(tensor.shape) if axis != axes[0])
                shapes[name if key is None else f"{name}{SELECTOR}{key}"] = shape
    return shapes


def _run(
    module: "torch.nn.Module",
    batch: "torch.Tensor",
    targets: set[str],
    *,
    forward: Callable[["torch.Tensor"], Any] | None,
    graph: Graph | None,
    seed: str | int | None,
    inputs: Set[str] = frozenset(),
    autocast: str | None = None,
) -> dict[str, Any]:
    """Run one batch, and return a copy of the complete output of each target that ran.

    The first input of each module in `inputs` has the name ``name#input``.
    """
    modules = targets & {name for name, _ in module.named_modules()}
    nodes = targets - modules
    captured: dict[str, Any] = {}

    def keep(name: str, output: Any) -> None:
        captured[name] = _copy(output)

    if modules or inputs:
        with ExitStack() as stack:
            for name, submodule in module.named_modules():
                if name in inputs:
                    # Before the module runs, because it may write to its input.
                    taking = partial(_hand_over_input, keep, f"{name}{SELECTOR}{INPUT}")
                    stack.callback(submodule.register_forward_pre_hook(taking).remove)
                if name in modules - {OUTPUT}:
                    hook = partial(_hand_over, keep, name)
                    try:
                        stack.callback(submodule.register_forward_hook(hook).remove)
                    except RuntimeError as error:  # scripted modules take no hooks
                        raise ModelError(
                            f"the layer {name!r} cannot be captured ({one_line(error)}); give the module that was "
                            "compiled, or take its output"
                        ) from error
            output = _apply(forward or module, module, batch, seed, autocast)
            if OUTPUT in modules:
                keep(OUTPUT, output)
    if graph and nodes:
        _apply(partial(graph.run, nodes=nodes, keep=keep), module, batch, seed, autocast)
    return captured


def _apply(
    forward: Callable[["torch.Tensor"], Any],
    module: "torch.nn.Module",
    batch: "torch.Tensor",
    seed: str | int | None,
    autocast: str | None,
) -> Any:
    import torch

    with torch.no_grad(), evaluating(module), repeating(module, seed=seed, autocast=autocast):
        try:
            return forward(to_module(batch, module))
        except Exception as error:
            raise ModelError(
                f"the network fails on a batch of shape {tuple(batch.shape)}: {one_line(error)}"
            ) from error


def _hand_over(keep: Callable[[str, Any], None], name: str, module: Any, inputs: Any, output: Any) -> None:
    keep(name, output)


def _hand_over_input(keep: Callable[[str, Any], None], name: str, module: Any, inputs: Any) -> None:
    if inputs:
        keep(name, inputs[0])


def _copy(output: Any) -> Any:
    """Copy the tensors of an output to the CPU, because later operations may write to them in place."""
    import torch

    if isinstance(output, torch.Tensor):
        return output.detach().to("cpu", copy=True)
    if isinstance(output, Mapping):
        return {key: _copy(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        return [_copy(value) for value in output]
    return output


def _tensors(output: Any) -> "dict[str | None, torch.Tensor]":
    """Name the tensors of an output by key or index; None is the key of an output that is one tensor."""
    import torch

    if isinstance(output, torch.Tensor):
        return {None: output}
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(output, Mapping):
        items = output.items()
    elif isinstance(output, list | tuple):
        items = enumerate(output)
    return {str(key): value for key, value in items if isinstance(value, torch.Tensor)}


def _select(captured: Mapping[str, Any], target: str, key: str | None) -> "torch.Tensor":
    if key == INPUT:
        target, key = f"{target}{SELECTOR}{INPUT}", None
    named = f"the layer {target!r}" if target else "the module's output"
    if target not in captured:
        raise ModelError(f"{named} does not run when the network is applied to images; choose another layer")
    tensors = _tensors(captured[target])
    if key is None and len(tensors) == 1:
        (tensor,) = tensors.values()
    elif key in tensors:
        tensor = tensors[key]
    else:
        names = [f"{target}{SELECTOR}{index}" for index in tensors if index is not None]
        advice = f"; choose one of {', '.join(names)}" if names else ""
        fault = "is not a single tensor" if key is None else f"has no tensor {key!r}"
        raise ModelError(f"{named} {fault} but {type(captured[target]).__name__}{advice}")
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
        See :func:`extract`.

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
