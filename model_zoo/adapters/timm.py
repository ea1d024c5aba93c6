"""Networks of timm with their own preprocessing: ``timm:NAME[@LAYER]``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.checks import one_line, unknown_among_many
from neuroalign.model_zoo.adapters.grids import Prefix, pool_named
from neuroalign.model_zoo.adapters.outputs import SELECTOR
from neuroalign.model_zoo.adapters.pooling import Pool, pool_tokens
from neuroalign.model_zoo.adapters.torch import Naming, name_network, reduced, split_name
from neuroalign.model_zoo.adapters.torch_model import TorchModel
from neuroalign.model_zoo.adapters.weights import (
    draw_network,
    expect_file,
    expect_reachable,
    find_weights,
    fit_weights,
    missing_weights,
    name_weights,
    needs_any,
)
from neuroalign.names.suggestions import lists_names

if TYPE_CHECKING:
    import torch

#: Stages that every timm network has, besides its modules.
STAGES = ("forward_features", "pre_logits", "logits")

_HUB = ("hf-hub:", "hf_hub:")
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


class TimmModel(TorchModel):
    """Layers of a timm network as units; see :func:`timm_model`.

    Parameters
    ----------
    network : torch.nn.Module
        Network from ``timm.create_model``.
    name : str
        Name of the network in timm.
    identifier : str
    layer : str or sequence of str
        Names of stages and modules.
    pool : {None, "mean", "token", "grid:N"}
    **options
        ``batch_size``, ``batch_axis``, ``device``, ``precision``; see :class:`TorchModel`.
    """

    def __init__(
        self,
        network: "torch.nn.Module",
        name: str,
        identifier: str,
        *,
        layer: str | Sequence[str] = "pre_logits",
        pool: str | None = None,
        **options: Any,
    ) -> None:
        from timm.data.config import resolve_model_data_config
        from timm.data.transforms_factory import create_transform

        self.name = name
        # The constructor of the base class calls methods that need these attributes.
        self.module = network
        self.identifier = identifier
        config = resolve_model_data_config(network)
        super().__init__(
            network,
            identifier,
            layer=layer,
            preprocess=create_transform(**config, is_training=False),
            channels=config["input_size"][0],
            pool=pool,
            **options,
        )

    def layer_shapes(self, stimuli: StimulusSet, *, nodes: bool = False) -> dict[str, tuple[int, ...]]:
        """List stages, modules and nodes, as :meth:`TorchModel.layer_shapes` does."""
        shapes = super().layer_shapes(stimuli, nodes=nodes)
        return {name.removeprefix(SELECTOR): shape for name, shape in shapes.items()}

    def _forward(self, batch: "torch.Tensor") -> "dict[str, torch.Tensor]":
        network: Any = self.module
        features = network.forward_features(batch)
        # The head may write to its input.
        return {
            "forward_features": features,
            "pre_logits": network.forward_head(features.clone(), pre_logits=True),
            "logits": network.forward_head(features.clone()),
        }

    def _internal_name(self, layer: str) -> str:
        return f"{SELECTOR}{layer}" if layer in STAGES else layer

    def _public_name(self, name: str) -> str:
        return name.removeprefix(SELECTOR)

    def _network_behaviour(self) -> Any:
        if ":" in self.name:
            return self.module
        import timm

        # Not the module itself: it stores the folder of its cached weights.
        return ["timm", timm.__version__, self.name, dict(self.module.state_dict())]

    def _pool_named(self, pool: str | None) -> Pool:
        network: Any = self.module
        n_prefix = getattr(network, "num_prefix_tokens", 0)
        n_patches = getattr(getattr(network, "patch_embed", None), "num_patches", None)
        if pool == "mean":
            # Some networks have channels last, but not in all of their modules.
            channels_last = str(getattr(network, "output_fmt", "")).endswith("NHWC")
            return pool_tokens(pool, n_prefix=n_prefix, n_patches=n_patches, channels_last=channels_last)
        if pool == "token":
            if n_prefix == 0 or not getattr(network, "has_class_token", True):
                raise UsageError(f"{self.identifier}: {self.name} has no class token; use pool=mean")
            return pool_tokens(pool, n_prefix=n_prefix, n_patches=n_patches)
        prefix = Prefix(n_prefix, False)
        last = str(getattr(network, "output_fmt", "")).endswith("NHWC")
        return pool_named(pool, prefix, owner=self.identifier, is_channels_last=last)


def _list_networks() -> list[str]:
    import timm

    names: list[str] = timm.list_models()
    return names


@lists_names(_list_networks)
def timm_model(
    name: str,
    *,
    weights: str = "pretrained",
    weights_key: str | None = None,
    seed: int = 0,
    pool: str | None = None,
    batch_size: int | None = None,
    batch_axis: int | None = None,
    visual_degrees: float | None = None,
    stimulus_degrees: float | None = None,
    device: str = "auto",
    precision: str | None = None,
) -> TimmModel:
    """A network of timm: ``timm:NAME[@LAYER]``.

    Parameters
    ----------
    name : str
        Name of a network in timm, such as ``resnet18`` or ``vit_small_patch14_dinov2.lvd142m``, or
        ``local-dir:FOLDER`` or ``hf-hub:REPOSITORY``. The layer follows after an @: ``forward_features``,
        ``pre_logits`` (the default: the input of the classifier), ``logits``, or the name of a module or node. Several
        layers are separated by colons, as in ``resnet18@layer2:layer3``.
    weights : str
        "pretrained" (downloaded once), "random", or a checkpoint file: safetensors, or a torch file. The weights are at
        the top of the file or in an entry such as ``state_dict``. Prefixes of parallel and compiled modules and of
        training programs are removed. A file without the classifier serves for layers before the classifier.
    weights_key : str, optional
        Entry of the checkpoint file, such as ``state_dict_ema``, or prefix of the names of its weights, if the file has
        several weights of the network.
    seed : int
        Seed of random weights.
    pool : {None, "mean", "token", "grid:N"}
        Units of a layer with positions: every value, the mean over positions without class and register tokens, the
        class token, or means in a grid of N × N positions.
    batch_size : int, optional
        Number of images in a batch; by default it depends on the size of the images on a CPU, and on the memory on a
        GPU.
    batch_axis : int, optional
        Axis of the layer's output that holds the images; by default the axis with a length that follows the number of
        images.
    visual_degrees, stimulus_degrees : float, optional
        Widths in degrees of visual angle at which the network sees and at which the animal saw the stimuli, which are
        placed on a grey screen or cropped.
    device : {"auto", "cpu", "cuda", "mps"}
        Device of the runs; by default a GPU if there is one.
    precision : {None, "float32", "bfloat16", "float16"}
        Precision of the runs; by default float32. Reduced precision is part of the identifier.

    Returns
    -------
    TimmModel
        Images are preprocessed by the network's own configuration. The identifier has the layer and, if they are not
        the pretrained ones, the weights: a file with a digest of its content.

    Raises
    ------
    UnknownNameError
        If the network or a layer is unknown. The message has the nearest names.
    ModelError
        If the weights are not available, or do not fit the network.

    Notes
    -----
    timm initialises the last normalisation of residual blocks at zero, so that in many networks with random weights
    each block returns its input.
    """
    seen = {"visual_degrees": visual_degrees, "stimulus_degrees": stimulus_degrees}
    name, layer = split_name(name)
    layer = layer or ["pre_logits"]
    named = {"pool": pool, "precision": reduced(precision)}
    given: dict[str, Any] = {"weights": None if weights == "pretrained" else weights}
    if weights == "random":
        given["seed"] = seed
    elif seed != 0:
        raise UsageError(f"timm:{name}: seed= is for weights=random only")
    import timm

    file = None if weights in ("pretrained", "random") else find_weights(weights, f"timm:{name}")
    if file is not None:
        given["weights"] = name_weights(file)
    expect_file(f"timm:{name}", file, weights_key=weights_key)
    given["weights_key"] = weights_key
    identifier = name_network(f"timm:{name}", layer, {**given, **named, **seen})
    _expect_known(name)
    notes: list[str] = []
    if file is not None:
        network, notes = _from_file(name, file, layer, weights_key)
    elif weights == "random":
        network = draw_network(lambda: timm.create_model(name, pretrained=False), seed)
    else:
        network = _pretrained(name)
    model = TimmModel(
        network,
        name,
        identifier,
        layer=layer,
        pool=pool,
        batch_size=batch_size,
        batch_axis=batch_axis,
        device=device,
        precision=precision,
    )
    model.notes = notes
    model.naming = Naming(f"timm:{name}", {**given, **named, **seen})
    model.see(**seen)
    return model


def _expect_known(name: str) -> None:
    import timm
    from timm.models import get_arch_pretrained_cfgs

    if name.startswith(_HUB):
        _expect_hub(name)
    if ":" in name:
        return
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise unknown_among_many("timm network", name, timm.list_models())
    tagged = list(get_arch_pretrained_cfgs(architecture))
    if tag and name not in tagged:
        raise unknown_among_many("timm network", name, [*tagged, architecture])


def _pretrained(name: str) -> "torch.nn.Module":
    import timm
    from timm.models import is_model_pretrained

    overlay: dict[str, Any] | None = None
    if ":" not in name:
        if not is_model_pretrained(name):
            raise ModelError(f"timm has no pretrained weights of {name}; {_alternatives(name)}")
        config: Any = timm.get_pretrained_cfg(name)
        cached = _cached(config.hf_hub_id, config.hf_hub_filename) if config.hf_hub_id else None
        if cached is not None and not config.custom_load:
            overlay = {"file": cached}
        elif config.hf_hub_id:
            _expect_hub(name)
        else:
            expect_reachable(name, config.url, _alternatives(name))
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    except Exception as error:
        raise ModelError(
            f"cannot load the pretrained weights of {name} ({one_line(error)}); {_alternatives(name)}"
        ) from error


def _from_file(
    name: str, file: Path, layer: Sequence[str], weights_key: str | None
) -> "tuple[torch.nn.Module, list[str]]":
    """Make a network with the weights in a file; return it with notes on the file."""
    import timm

    network: Any = timm.create_model(name, pretrained=False)
    classifier = network.pretrained_cfg.get("classifier") or ()
    classifier = [classifier] if isinstance(classifier, str) else list(classifier)

    def convert(state: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
        # timm converts weights with the names of another project in the same way.
        convert_names = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
        if convert_names is not None and set(state) != set(network.state_dict()):
            state = convert_names(state, network)
        weight = state.get(f"{classifier[0]}.weight") if len(classifier) == 1 else None
        if weight is not None and weight.shape[0] != network.num_classes:
            network.reset_classifier(weight.shape[0])
        return state

    notes = fit_weights(
        network,
        file,
        f"timm's {name}",
        weights_key=weights_key,
        classifier=classifier,
        needs_classifier=needs_any(layer, ["", "logits", *classifier]),
        convert=convert,
    )
    return network, notes


def _cached(repository: str, filename: str | None) -> str | None:
    """Return the path of weights in the cache of downloads; None if they were never downloaded."""
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = repository.partition("@")
    for name in (filename,) if filename else _HUB_FILES:
        path = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(path, str):
            return path
    return None


def _expect_hub(name: str) -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise missing_weights(name, "HF_HUB_OFFLINE is set", _alternatives(name))
    expect_reachable(name, constants.ENDPOINT, _alternatives(name))


def _alternatives(name: str) -> str:
    if name.startswith(_HUB):
        return "download the repository and use timm:local-dir:FOLDER, or use a network of timm's own"
    return f"use timm:{name}[weights=random], or [weights=FILE] with a file of its weights (safetensors or torch)"
