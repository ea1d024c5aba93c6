"""Extraction of the outputs of layers of a torch module for batches of images, with the images on the first axis.

Nothing here imports torch until there is a module to run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from neuroalign.errors import ModelError
from neuroalign.model_zoo.adapters.checks import one_line
from neuroalign.model_zoo.adapters.examining import axes_that_follow, examine, images_first, two_sizes
from neuroalign.model_zoo.adapters.graph import Graph, evaluating, trace
from neuroalign.model_zoo.adapters.outputs import (
    INPUT,
    OUTPUT,
    SELECTOR,
    copy_to_cpu,
    find_layers,
    select_tensor,
    tensors_of,
)
from neuroalign.model_zoo.adapters.placement import repeating, to_module

if TYPE_CHECKING:
    import torch

Taken = TypeVar("Taken")


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
        return self.take(batch, lambda layer, output: output, seed=seed)

    def take(
        self, batch: "torch.Tensor", take: "Callable[[str, torch.Tensor], Taken]", *, seed: str | int | None
    ) -> dict[str, Taken]:
        """Run the module on a batch, and return a result for the output of each layer.

        Outputs are reduced to their results while the module runs, so that one output is in memory at a time.

        Parameters
        ----------
        batch : tensor
        take : callable
            Function of the name of a layer and its output on the CPU. A module that runs several times gives the
            result of its last output.
        seed : str or int, optional
            Seed of the global random generators; None leaves them unchanged.
        """
        named: dict[str, list[tuple[str, str, str | None]]] = {}
        for layer, (target, key) in zip(self.layers, self._targets, strict=True):
            name = f"{target}{SELECTOR}{INPUT}" if key == INPUT else target
            named.setdefault(name, []).append((layer, target, key))
        results: dict[str, Taken | ModelError] = {}

        def reduce(name: str, output: Any) -> None:
            for layer, target, key in named[name]:
                try:
                    results[layer] = take(layer, select_tensor({name: output}, target, key))
                except ModelError as error:
                    # An error in a hook would read as a failure of the network, and a later run may replace it.
                    results[layer] = error

        _run(
            self.module,
            batch,
            {target for target, key in self._targets if key != INPUT},
            forward=self._forward,
            graph=self._graph,
            seed=seed,
            autocast=self.autocast,
            inputs={target for target, key in self._targets if key == INPUT},
            keep=reduce,
        )
        taken: dict[str, Taken] = {}
        for layer, (target, key) in zip(self.layers, self._targets, strict=True):
            if layer not in results:
                select_tensor({}, target, key)  # raises the error of a layer that does not run
            result = results[layer]
            if isinstance(result, ModelError):
                raise result
            taken[layer] = result
        return taken

    def visit_modules(
        self, batch: "torch.Tensor", visit: "Callable[[str, Any], None]", *, seed: str | int | None
    ) -> None:
        """Run the module on a batch, and call a function with the output of each submodule, and at last of the module.

        Parameters
        ----------
        batch : tensor
        visit : callable
            Function of the name of a submodule and its output, in the order in which the submodules finish. It must
            copy tensors that it keeps: later operations may write to them.
        seed : str or int, optional
            Seed of the global random generators; None leaves them unchanged.
        """
        with ExitStack() as stack:
            for name, submodule in self.module.named_modules():
                if name != OUTPUT:
                    _hook(stack, name, submodule, partial(_hand_over, visit, name))
            output = _apply(self._forward or self.module, self.module, batch, seed, self.autocast)
        visit(OUTPUT, output)

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
        tensors = {name: next(iter(tensors_of(output).values()), None) for name, output in captured.items()}
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
        tensors, larger = tensors_of(outputs.get(name)), tensors_of(others.get(name))
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
    keep: Callable[[str, Any], None] | None = None,
) -> dict[str, Any]:
    """Run one batch, and return a copy of the complete output of each target that ran.

    The first input of each module in `inputs` has the name ``name#input``. With `keep`, the copies are passed to this
    function as soon as they are made, and the result is empty.
    """
    modules = targets & {name for name, _ in module.named_modules()}
    nodes = targets - modules
    captured: dict[str, Any] = {}
    store = keep or captured.__setitem__

    def copy_and_store(name: str, output: Any) -> None:
        store(name, copy_to_cpu(output))

    if modules or inputs:
        with ExitStack() as stack:
            for name, submodule in module.named_modules():
                if name in inputs:
                    # Before the module runs, because it may write to its input.
                    taking = partial(_hand_over_input, copy_and_store, f"{name}{SELECTOR}{INPUT}")
                    stack.callback(submodule.register_forward_pre_hook(taking).remove)
                if name in modules - {OUTPUT}:
                    _hook(stack, name, submodule, partial(_hand_over, copy_and_store, name))
            output = _apply(forward or module, module, batch, seed, autocast)
            if OUTPUT in modules:
                copy_and_store(OUTPUT, output)
    if graph and nodes:
        _apply(partial(graph.run, nodes=nodes, keep=copy_and_store), module, batch, seed, autocast)
    return captured


def _hook(stack: ExitStack, name: str, submodule: "torch.nn.Module", hook: Callable[..., None]) -> None:
    """Register a hook on a submodule until the stack is closed."""
    try:
        stack.callback(submodule.register_forward_hook(hook).remove)
    except RuntimeError as error:  # scripted modules take no hooks
        raise ModelError(
            f"the layer {name!r} cannot be captured ({one_line(error)}); give the module that was compiled, or take "
            "its output"
        ) from error


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
