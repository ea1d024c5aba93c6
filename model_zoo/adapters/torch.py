"""Torch modules as models: what any of their layers puts out, captured safely.

Nothing here imports torch until there is a module to run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from neuroalign.model_zoo.adapters.checks import (
    comes_from,
    one_line,
    refuse_unknown,
    unknown_among_many,
)
from neuroalign.fingerprints import behaviour_digest
from neuroalign.model_zoo.adapters.graph import Graph, evaluating, trace
from numpy.typing import ArrayLike

from neuroalign import arrays
from neuroalign.errors import ModelError, NeuroalignError, UsageError
from neuroalign.hashing import digest
from neuroalign.latents_file import gather_latents
from neuroalign.progress import progress
from neuroalign.specs import format_spec
from neuroalign.stimuli import StimulusSet

if TYPE_CHECKING:
    import torch
    from PIL import Image

#: Raised when the same module would give other latents.
VERSION = 1

#: The layer that is the module's own output.
OUTPUT = ""

#: Separates the layer from the key or index of one of its outputs, where it has several.
SELECTOR = "#"

Pool = Callable[["torch.Tensor"], "torch.Tensor"]


def extract(
    module: "torch.nn.Module",
    batches: "Iterable[torch.Tensor]",
    layers: Sequence[str],
    *,
    forward: Callable[["torch.Tensor"], Any] | None = None,
) -> "Iterator[dict[str, torch.Tensor]]":
    """Run a module over batches, and yield what some of its layers put out.

    All modules are captured in one pass, and all nodes in another. Outputs are copied when they appear,
    so that an in-place operation after a layer does not change them. The module runs without gradients in
    evaluation mode, and between batches it is as it was: the mode of every submodule restored, no hook
    left, also after an error. Its device is kept; batches are moved there and to the type of its
    parameters. Random numbers that it draws are the same in every run, and leave the global generator
    untouched.

    Parameters
    ----------
    module : torch.nn.Module
    batches : iterable of tensor
        Each of shape (n, …), as `forward` takes them.
    layers : sequence of str
        Names of submodules, as in ``module.named_modules()``; "" is the module's own output. A
        submodule that runs several times in one pass gives its last output. Other names are those of
        nodes of the module's graph, such as ``layer1.0.add``; see :mod:`neuroalign.model_zoo.adapters.graph`. Where a
        layer puts out a tuple or dictionary, ``name#key`` is one of its tensors.
    forward : callable, optional
        What to run with each batch; by default the module itself.

    Yields
    ------
    dict of str to tensor
        Output of each layer for a batch, on the CPU.

    Raises
    ------
    UnknownNameError
        Naming the nearest layers.
    ModelError
        If the module fails, or a layer does not run or puts out no single tensor.

    Notes
    -----
    Two runs on one machine with the same number of threads give the same bytes. With another number of
    threads, batch size, device or version of torch, sums may be taken in another order, and the last
    bits of float32 differ.
    """
    targets, graph = _find(module, layers)
    names = {target for target, _ in targets}
    for index, batch in enumerate(batches):
        captured = _run(module, batch, names, forward=forward, graph=graph, seed=index)
        yield {
            layer: _select(captured, target, key)
            for layer, (target, key) in zip(layers, targets, strict=True)
        }


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
        A batch of images, as the module takes them.
    forward : callable, optional
        As in :func:`extract`.
    nodes : bool
        Whether to list also the nodes of its graph that are no modules.

    Returns
    -------
    dict of str to tuple of int
        For each name that a layer can be given by, the shape of its output for one image: modules in the
        order of ``module.named_modules()``, then nodes in the order in which they run. Layers that do
        not run are left out.

    Raises
    ------
    ModelError
        If the module fails, or its graph is asked for and cannot be traced.
    """
    names = [name for name, _ in module.named_modules()]
    graph = trace(module) if nodes else None
    if graph is not None:
        names += [name for name in graph.names if name not in names]
    captured = _run(module, example, set(names), forward=forward, graph=graph, seed=0)
    shapes: dict[str, tuple[int, ...]] = {}
    for name in names:
        for key, tensor in _tensors(captured.get(name)).items():
            shapes[name if key is None else f"{name}{SELECTOR}{key}"] = tuple(tensor.shape[1:])
    return shapes


def flatten(output: "torch.Tensor") -> "torch.Tensor":
    """Make one unit of each value, shape (n, n_units)."""
    return output.reshape(len(output), -1)


def mean_over_space(output: "torch.Tensor") -> "torch.Tensor":
    """Average channels over positions.

    Parameters
    ----------
    output : tensor
        Shape (n, channels, …), as convolutions put out, or (n, tokens, channels), as transformers do.
        With one dimension it is returned as it is.

    Returns
    -------
    tensor of shape (n, channels)
    """
    if output.ndim == 3:
        return output.mean(dim=1)
    return output.flatten(2).mean(dim=2) if output.ndim > 3 else flatten(output)


POOLS: Mapping[str | None, Pool] = {None: flatten, "mean": mean_over_space}


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
        :func:`mean_over_space`. A Lasso needs few.
    batch_size : int
        How many images the module gets at once.
    fingerprint : str, optional
        See :class:`neuroalign.Model`. By default a digest of the weights, the code, the layers and the
        preprocessing; None where one of them cannot be seen through.
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
        self._fingerprint = fingerprint
        if not self.layers:
            raise UsageError(f"{identifier}: layer= is empty; leave it out for the module's output")
        _find(module, [self._internal_name(each) for each in self.layers])

    @property
    def fingerprint(self) -> str | None:
        """Digest of weights, code, layers and preprocessing as they are now."""
        if self._fingerprint is not None:
            return self._fingerprint
        behaviour = behaviour_digest(
            self._network_behaviour(),
            self.layers,
            self.pool,
            self.preprocess,
            [self.image_size, self.channels, self.mean, self.std],
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
        names = [self._internal_name(layer) for layer in self.layers]
        outputs = extract(self.module, self._batches(stimuli), names, forward=self._forward)
        ids = stimuli.ids
        n_batches = ceil(len(ids) / self.batch_size)
        widths: list[int] = []
        start = 0
        try:
            for output in progress(outputs, description=self.identifier, total=n_batches, unit="batch"):
                values = [self.pool(output[name].float()).numpy() for name in names]
                widths = widths or [each.shape[1] for each in values]
                for layer, width, each in zip(self.layers, widths, values, strict=True):
                    if each.shape[1] != width:
                        raise ModelError(
                            f"the layer {layer!r} has {width} units for some images and {each.shape[1]} for "
                            "others, which have another size; give image_size=, or pool=mean"
                        )
                stop = start + len(values[0])
                yield arrays.latents(
                    np.concatenate(values, axis=1),
                    stimulus=ids[start:stop],
                    unit=self._unit_names(widths),
                )
                start = stop
        except ModelError as error:
            raise ModelError(f"{self.identifier}: {error}") from error

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

    def _network_behaviour(self) -> Any:
        return self.module

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

        if self.preprocess is not None:
            ids = stimuli.ids.tolist()
            for start in range(0, len(ids), self.batch_size):
                batch_ids = ids[start : start + self.batch_size]
                yield _stack([self._image(stimuli, each, self.preprocess) for each in batch_ids])
            return
        for pixels in stimuli.batches(self.batch_size, size=self.image_size, channels=self.channels):
            batch = torch.from_numpy(pixels)
            batch = batch.unsqueeze(1) if self.channels == 1 else batch.permute(0, 3, 1, 2)
            if self.mean is not None:
                batch = batch - torch.tensor(self.mean).reshape(-1, 1, 1)
            if self.std is not None:
                batch = batch / torch.tensor(self.std).reshape(-1, 1, 1)
            yield batch.contiguous()

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
        By default the name of its class, the layers and how they are pooled, such as
        ``ResNet@layer3[pool=mean]``.
    layer : str or sequence of str, optional
        See :class:`TorchModel`.
    **options
        ``preprocess``, ``image_size``, ``channels``, ``mean``, ``std``, ``pool``, ``batch_size``,
        ``fingerprint``; see :class:`TorchModel`.

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
    if not isinstance(obj, Module):
        return None
    refuse_unknown(f"the torch module {type(obj).__name__}", TorchModel, options)
    if identifier is None:
        identifier = name_network(type(obj).__name__, layer, {"pool": options.get("pool")})
    return TorchModel(obj, identifier, layer=layer, **options)


def name_network(name: str, layer: str | Sequence[str] | None, options: Mapping[str, Any]) -> str:
    """Name a network with its layers, and those options that are given."""
    layers = layer if isinstance(layer, str | None) else ":".join(layer)
    given = {key: value for key, value in options.items() if value is not None}
    return format_spec(f"{name}@{layers}" if layers else name, given)


def _run(
    module: "torch.nn.Module",
    batch: "torch.Tensor",
    targets: set[str],
    *,
    forward: Callable[["torch.Tensor"], Any] | None,
    graph: Graph | None,
    seed: int,
) -> dict[str, Any]:
    """Run one batch, and return a copy of the whole output of each target that ran."""
    modules = targets & {name for name, _ in module.named_modules()}
    nodes = targets - modules
    captured: dict[str, Any] = {}

    def keep(name: str, output: Any) -> None:
        captured[name] = _copy(output)

    if modules:
        with ExitStack() as stack:
            for name in modules - {OUTPUT}:
                hook = partial(_hand_over, keep, name)
                stack.callback(module.get_submodule(name).register_forward_hook(hook).remove)
            output = _apply(forward or module, module, batch, seed)
            if OUTPUT in modules:
                keep(OUTPUT, output)
    if graph and nodes:
        _apply(partial(graph.run, nodes=nodes, keep=keep), module, batch, seed)
    return captured


def _apply(
    forward: Callable[["torch.Tensor"], Any], module: "torch.nn.Module", batch: "torch.Tensor", seed: int
) -> Any:
    import torch

    with torch.no_grad(), evaluating(module), _reproducible(module, seed):
        try:
            return forward(_place(batch, module))
        except Exception as error:
            raise ModelError(
                f"the network fails on a batch of shape {tuple(batch.shape)}: {one_line(error)}"
            ) from error


def _hand_over(keep: Callable[[str, Any], None], name: str, module: Any, inputs: Any, output: Any) -> None:
    keep(name, output)


@contextmanager
def _reproducible(module: "torch.nn.Module", seed: int) -> Iterator[None]:
    import torch

    devices = sorted({each.device.index or 0 for each in module.parameters() if each.device.type == "cuda"})
    with torch.random.fork_rng(devices), ExitStack() as stack:
        if devices:
            stack.enter_context(torch.backends.cudnn.flags(benchmark=False, deterministic=True))
        torch.manual_seed(seed)
        yield


def _place(batch: "torch.Tensor", module: "torch.nn.Module") -> "torch.Tensor":
    own = next((each for each in (*module.parameters(), *module.buffers()) if each.is_floating_point()), None)
    if own is None:
        return batch
    return batch.to(device=own.device, dtype=own.dtype if batch.is_floating_point() else batch.dtype)


def _copy(output: Any) -> Any:
    """Copy the tensors of an output to the CPU; a view or the tensor itself may be written to later."""
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
    named = f"the layer {target!r}" if target else "the module's output"
    if target not in captured:
        raise ModelError(f"{named} does not run when the network is applied to images; choose another layer")
    tensors = _tensors(captured[target])
    if key is None and len(tensors) == 1:
        (tensor,) = tensors.values()
    elif key in tensors:
        tensor = tensors[key]
    else:
        found = [f"{target}{SELECTOR}{each}" for each in tensors if each is not None]
        advice = f"; choose one of {', '.join(found)}" if found else ""
        asked = "is no single tensor" if key is None else f"has no tensor {key!r}"
        raise ModelError(f"{named} {asked} but {type(captured[target]).__name__}{advice}")
    if tensor.ndim == 0:
        raise ModelError(f"{named} is a single number for the whole batch; it must have a row for each image")
    return tensor


def _find(
    module: "torch.nn.Module", layers: Iterable[str]
) -> tuple[list[tuple[str, str | None]], Graph | None]:
    """Split layers into names that there are and the keys of their outputs; trace the graph if it is needed."""
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
    known = [*modules, *(graph.names if graph else ())]
    for name in others:
        if name not in known:
            raise unknown_among_many(
                f"layer of {type(module).__name__}", name, [each for each in known if each]
            )
    return targets, graph


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
        raise ModelError(f"preprocess returns images of different shapes: {arrays.name_some(shapes)}")
    return torch.stack(list(images))
