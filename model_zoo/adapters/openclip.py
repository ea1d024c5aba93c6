"""Image towers of OpenCLIP with their own preprocessing: ``openclip:NAME/TAG[@LAYER]``.

Nothing here imports open_clip until a network is loaded.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from neuroalign.errors import ModelError, UsageError
from neuroalign.model_zoo.adapters.checks import one_line, unknown_among_many
from neuroalign.model_zoo.adapters.hub import find_file
from neuroalign.model_zoo.adapters.torch import Naming, name_network, split_name
from neuroalign.model_zoo.adapters.torch_model import TorchModel
from neuroalign.model_zoo.adapters.weights import draw_network

#: Files of weights in the repositories of OpenCLIP, without pickled ones.
FILES = ("open_clip_model.safetensors", "model.safetensors")

_PREPROCESSING = ("mean", "std", "interpolation", "resize_mode")


class OpenCLIPModel(TorchModel):
    """Layers of an image tower of OpenCLIP as units; see :func:`openclip_model`."""

    #: Name of the network, without the tag of its weights.
    network_name = ""

    def _network_behaviour(self) -> Any:
        import open_clip

        # Not the module itself: OpenCLIP makes some of its functions when a network is made.
        return ["open_clip", open_clip.__version__, self.network_name, dict(self.module.state_dict())]


def openclip_model(
    name: str,
    *,
    weights: str = "pretrained",
    seed: int = 0,
    pool: str | None = None,
    batch_size: int | None = None,
    batch_axis: int | None = None,
    visual_degrees: float | None = None,
    stimulus_degrees: float | None = None,
) -> OpenCLIPModel:
    """An image tower of OpenCLIP: ``openclip:NAME/TAG[@LAYER]``.

    Parameters
    ----------
    name : str
        Name of a network and tag of its weights, such as ``ViT-B-32/laion2b_s34b_b79k``; without a tag for random
        weights. The layer follows after an @: the name of a module or node of the image tower, such as
        ``transformer.resblocks.6``. Several layers are separated by colons. The default is the embedding of the image.
    weights : {"pretrained", "random"}
        Weights of the tag, which are downloaded once, or random ones.
    seed : int
        Seed of random weights.
    pool : {None, "mean", "token", "grid:N"}
        Units of a layer with positions: every value, the mean over patches without the class token, the class token, or
        means of the patches in a grid of N × N.
    batch_size : int, optional
        Number of images in a batch; by default it depends on the size of the images.
    batch_axis : int, optional
        Axis of the layer's output that holds the images; by default the axis with a length that follows the number of
        images.
    visual_degrees, stimulus_degrees : float, optional
        Widths in degrees of visual angle at which the network sees and at which the animal saw the stimuli, which are
        placed on a grey screen or cropped.

    Returns
    -------
    OpenCLIPModel
        Images are preprocessed as the weights require.

    Raises
    ------
    UnknownNameError
        If the network, the tag or a layer is unknown. The message has the nearest names.
    ModelError
        If the weights are not available, or need another activation function than the network has.
    """
    seen = {"visual_degrees": visual_degrees, "stimulus_degrees": stimulus_degrees}
    name, layers = split_name(name)
    layer = layers or None
    if weights not in ("pretrained", "random"):
        raise UsageError(f"openclip:{name}: weights must be pretrained or random, got {weights!r}")
    if weights == "pretrained" and seed != 0:
        raise UsageError(f"openclip:{name}: seed= is for weights=random only")
    try:
        import open_clip
    except ImportError as error:
        raise ModelError("openclip: needs OpenCLIP; run pip install 'neuroalign[openclip]'") from error
    network_name, _, tag = name.partition("/")
    if network_name not in open_clip.list_models():
        raise unknown_among_many("network of OpenCLIP", network_name, open_clip.list_models())
    if weights == "random":
        if tag:
            raise UsageError(f"openclip:{name}: random weights have no tag; leave /{tag} out")
        with _quietly():
            model = draw_network(lambda: open_clip.create_model(network_name, pretrained=None), seed)
        given: dict[str, Any] = {"weights": "random", "seed": seed}
    else:
        model, given = _pretrained(network_name, tag), {}
    tower: Any = model.visual
    settings = open_clip.transform.PreprocessCfg(**tower.preprocess_cfg)
    made = OpenCLIPModel(
        tower.eval(),
        name_network(f"openclip:{name}", layer, {**given, "pool": pool, **seen}),
        layer=layer,
        preprocess=open_clip.transform.image_transform_v2(settings, is_train=False),
        pool=pool,
        batch_size=batch_size,
        batch_axis=batch_axis,
    )
    made.network_name = network_name
    made.naming = Naming(f"openclip:{name}", {**given, "pool": pool, **seen})
    made.see(**seen)
    return made


def _pretrained(network_name: str, tag: str) -> Any:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(network_name)
    name = f"openclip:{network_name}/{tag}"
    if not tag:
        listed = (
            f"such as openclip:{network_name}/{tags[0]}"
            if tags
            else "but OpenCLIP publishes no weights of it"
        )
        raise UsageError(
            f"openclip:{network_name} needs the tag of its weights, {listed}; or give weights=random"
        )
    if tag not in tags:
        raise unknown_among_many(f"tag of weights of {network_name}", tag, tags)
    config: Mapping[str, Any] = open_clip.get_pretrained_cfg(network_name, tag)
    wanted = bool(config.get("quick_gelu", False))
    if wanted != bool((open_clip.get_model_config(network_name) or {}).get("quick_gelu", False)):
        other = f"{network_name}-quickgelu" if wanted else network_name.removesuffix("-quickgelu")
        raise ModelError(
            f"{name}: these weights were trained with another activation function than {network_name} has; use "
            f"openclip:{other}/{tag}"
        )
    repository, _, _ = str(config.get("hf_hub", "")).rpartition("/")
    if not repository:
        raise ModelError(f"{name}: its weights are not on the hub as safetensors; choose another tag")
    file = find_file(repository, FILES, name, "choose openclip:NAME[weights=random]")
    try:
        with _quietly():
            return open_clip.create_model(
                network_name,
                pretrained=str(file),
                force_preprocess_cfg={key: config[key] for key in _PREPROCESSING if key in config},
                weights_only=True,
            )
    except Exception as error:
        raise ModelError(f"{name}: cannot load its weights ({one_line(error)})") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Hide the reports of OpenCLIP, which writes them to the log of the program."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
