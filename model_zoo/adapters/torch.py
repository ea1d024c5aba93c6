"""Adapter for torch modules, and the names of networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuroalign.errors import ModelError, warn_caller
from neuroalign.model_zoo.adapters.checks import comes_from, refuse_unknown
from neuroalign.model_zoo.adapters.torch_model import TorchModel
from neuroalign.models.fingerprints import name_by_digest
from neuroalign.models.layered import CONCATENATION, stands_for_several
from neuroalign.names.syntax import format_spec

# Options in default names.
_NAMED = ("pool", "visual_degrees", "stimulus_degrees")


def adapt(
    obj: Any, *, identifier: str | None = None, layer: str | Sequence[str] | None = None, **options: Any
) -> TorchModel | None:
    """Make a model of a torch module.

    Parameters
    ----------
    obj : object
    identifier : str, optional
        By default the name of the class with a digest of weights, code and options, the layers and their pooling,
        such as ``ResNet-1f0c3a9b@layer3[pool=mean]``.
    layer : str or sequence of str, optional
        See :class:`TorchModel`.
    **options
        ``preprocess``, ``image_size``, ``channels``, ``mean``, ``std``, ``pool``, ``batch_size``,
        ``batch_axis``, ``visual_degrees``, ``stimulus_degrees``, ``seed``, ``device``, ``precision``, ``n_workers``,
        ``fingerprint``; see :class:`TorchModel`.

    Returns
    -------
    TorchModel or None
        None for other objects than torch modules.

    Raises
    ------
    ModelError
        If the object is a class, not an instance.
    UnknownNameError
        For unknown layers and options.

    Warns
    -----
    NeuroalignWarning
        If a network with convolutions or patches has no preprocessing.
    """
    if not comes_from("torch", obj):
        return None
    from torch.nn import Module

    if isinstance(obj, type) and issubclass(obj, Module):
        raise ModelError(f"{obj.__name__} is a class; give an instance of it, with its weights loaded")
    if type(obj).__name__ == "ExportedProgram":
        obj = obj.module()
    if not isinstance(obj, Module):
        return None
    obj, layer = _without_wrappers(obj, layer)
    if _exported_batch(obj) == 1:
        options = {"batch_axis": 0, **options, "batch_size": 1}
    refuse_unknown(f"the torch module {type(obj).__name__}", TorchModel, options)
    kind = type(obj).__name__
    if all(options.get(name) is None for name in ("preprocess", "mean", "std")) and _sees_places(obj):
        warn_caller(
            f"{kind} has convolutions or patches and no preprocess, so it gets the pixels of the stimuli as they are, "
            "from 0 to 1; give preprocess= with the transform of its training, or mean= and std= (0 and 1 for none)"
        )
    model = TorchModel(obj, identifier or kind, layer=layer, **options)
    if identifier is None:
        named = {key: options.get(key) for key in _NAMED}
        named["precision"] = reduced(options.get("precision"))
        if model.seed != 0 and model.images.is_random:
            named["seed"] = model.seed  # the digest describes the transform, not the numbers that it draws
        model.naming = DigestNaming(kind, named, options.get("fingerprint"))
        model.identifier = model.naming(model)
    return model


def _sees_places(module: Any) -> bool:
    """Return whether a network has convolutions, which also cut images into patches: its training had a transform."""
    from torch.nn import Conv1d, Conv2d, Conv3d

    return any(isinstance(part, Conv1d | Conv2d | Conv3d) for part in module.modules())


# Modules of torch around a network, and their names for it. Hooks on layers of compiled code do not run.
_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def _without_wrappers(
    module: Any, layer: str | Sequence[str] | None
) -> tuple[Any, str | Sequence[str] | None]:
    """Return the network inside a compiled or parallel module, and its layers, with or without the wrapper's prefix."""
    while (name := _WRAPPERS.get(type(module).__name__)) is not None and comes_from("torch", module):
        module = getattr(module, name)
        if isinstance(layer, str):
            layer = layer.removeprefix(f"{name}.")
        elif layer is not None:
            layer = [text.removeprefix(f"{name}.") for text in layer]
    return module, layer


def _exported_batch(module: Any) -> int | None:
    """Return the number of images that an exported module takes; None where any number is possible.

    Raises
    ------
    ModelError
        If the module takes batches of another number than 1 alone, which few numbers of stimuli are divided by.
    """
    from torch.fx import GraphModule

    for node in module.graph.nodes if isinstance(module, GraphModule) else ():
        shape: Sequence[Any] = getattr(node.meta.get("val"), "shape", ())
        if node.op != "placeholder" or not len(shape):
            continue
        if not isinstance(shape[0], int):
            return None
        if shape[0] != 1:
            raise ModelError(
                f"the exported module takes batches of {shape[0]} images alone; export it with any number of images: "
                "torch.export.export(module, (images,), dynamic_shapes=({0: torch.export.Dim('batch')},))"
            )
        return 1
    return None


@dataclass(frozen=True)
class Naming:
    """Function that names a network with its present layers.

    Parameters
    ----------
    name : str
        Name of the network with its scheme.
    options : mapping of str to value
        See :func:`name_network`.
    """

    name: str
    options: Mapping[str, Any]

    def __call__(self, model: TorchModel) -> str:
        """Return the name of a network."""
        return name_network(self.name, model.layer_text, self.options)


@dataclass(frozen=True)
class DigestNaming:
    """Function that names a torch module by its class, a digest, and its present layers.

    Parameters
    ----------
    kind : str
        Name of the class.
    options : mapping of str to value
        See :func:`name_network`.
    fingerprint : str, optional
        Fingerprint in place of a digest of the weights, the code, the layers and the preprocessing.
    """

    kind: str
    options: Mapping[str, Any]
    fingerprint: str | None

    def __call__(self, model: TorchModel) -> str:
        """Return the name of a network."""
        name = name_by_digest(self.kind, self.fingerprint or model.behaviour())
        return name_network(name, model.layer_text, self.options)


def split_name(name: str) -> tuple[str, list[str]]:
    """Split the name of a network at the last @ into the network and its layers.

    Parameters
    ----------
    name : str

    Returns
    -------
    name : str
    layers : list of str
        Layers of a concatenation, one text that stands for several layers, or nothing.

    Examples
    --------
    >>> split_name("resnet18@layer2:layer3"), split_name("resnet18@layer1,layer2"), split_name("resnet18")
    (('resnet18', ['layer2', 'layer3']), ('resnet18', ['layer1,layer2']), ('resnet18', []))
    """
    name, _, layers = name.rpartition("@") if "@" in name else (name, "", "")
    if stands_for_several(layers):
        return name, [layers]
    return name, layers.split(CONCATENATION) if layers else []


def reduced(precision: str | None) -> str | None:
    """Return a precision for the name of a network: None for float32, which names leave out.

    Parameters
    ----------
    precision : str, optional
    """
    return None if precision == "float32" else precision


def name_network(name: str, layer: str | Sequence[str] | None, options: Mapping[str, Any]) -> str:
    """Name a network with its layers and its options; options with the value None are left out.

    Parameters
    ----------
    name : str
    layer : str or sequence of str, optional
    options : mapping of str to value

    Examples
    --------
    >>> name_network("timm:resnet18", ["layer2", "layer3"], {"weights": "random", "pool": None})
    'timm:resnet18@layer2:layer3[weights=random]'
    """
    layers = layer if isinstance(layer, str | None) else ":".join(layer)
    given = {key: value for key, value in options.items() if value is not None}
    return format_spec(f"{name}@{layers}" if layers else name, given)
