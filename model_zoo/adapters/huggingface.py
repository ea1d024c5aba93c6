"""Networks of transformers with their own image processors: ``hf:ORG/NAME[@LAYER]`` or ``hf:./FOLDER[@LAYER]``.

Nothing here imports transformers until a network is loaded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError, name_some
from neuroalign.model_zoo.adapters.checks import one_line, unknown_among_many
from neuroalign.model_zoo.adapters.extraction import list_layers
from neuroalign.model_zoo.adapters.grids import Prefix, pool_named
from neuroalign.model_zoo.adapters.hub import find_snapshot, name_folder
from neuroalign.model_zoo.adapters.outputs import SELECTOR
from neuroalign.model_zoo.adapters.pooling import Pool, pool_tokens
from neuroalign.model_zoo.adapters.torch import Naming, split_name
from neuroalign.model_zoo.adapters.torch_model import TorchModel
from neuroalign.model_zoo.adapters.weights import draw_network
from neuroalign.models.layered import stands_for_several

if TYPE_CHECKING:
    import torch
    from PIL import Image

#: Outputs that are the default layer, the first one that the network has; else its first output.
DEFAULTS = ("image_embeds", "pooler_output", "last_hidden_state", "logits")

_FILES = ("*.json", "*.safetensors")
_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")


class HuggingFaceModel(TorchModel):
    """Layers of a network of transformers as units; see :func:`huggingface_model`.

    Parameters
    ----------
    network : torch.nn.Module
        Network of images, or network of images and texts, from transformers.
    processor : callable
        Function from PIL image to tensor of shape (channels, height, width).
    name : str
        Name of the network, for messages.
    layer : sequence of str
        Names of outputs (``hidden.6``) and modules; if empty, the first of :data:`DEFAULTS` that the network has, else
        its first output.
    pool : {None, "mean", "token", "grid:N"}
    batch_size : int
    batch_axis : int, optional
    """

    def __init__(
        self,
        network: "torch.nn.Module",
        processor: "Callable[[Image.Image], torch.Tensor]",
        name: str,
        *,
        layer: Sequence[str] = (),
        pool: str | None = None,
        batch_size: int | None = None,
        batch_axis: int | None = None,
    ) -> None:
        import torch
        from PIL import Image

        self.name = name
        self.config: Any = network.config
        # Methods that the constructor of the base class calls need these attributes.
        self.module = module = _vision(network, name)
        self.identifier = name
        image = processor(Image.new("RGB", (64, 64)))
        self._image_shape = tuple(image.shape)
        with torch.no_grad():
            self.outputs = list(self._forward_all(image.unsqueeze(0)))
        if not self.outputs:
            raise ModelError(f"{name} has no tensor among its outputs; choose another network")
        layer = list(layer) or [
            next((output for output in DEFAULTS if output in self.outputs), self.outputs[0])
        ]
        modules = [known_name for known_name, _ in module.named_modules() if known_name]
        for wanted in layer:
            if stands_for_several(wanted):
                continue
            if wanted.partition(SELECTOR)[0] not in (*self.outputs, *modules) and wanted.startswith(
                "hidden."
            ):
                raise unknown_among_many(f"output of {name}", wanted, self.outputs)
        super().__init__(
            module,
            name,
            layer=layer,
            preprocess=processor,
            pool=pool,
            batch_size=batch_size,
            batch_axis=batch_axis,
        )

    def layer_shapes(self, stimuli: StimulusSet, *, nodes: bool = False) -> dict[str, tuple[int, ...]]:
        """List outputs, modules and nodes, as :meth:`TorchModel.layer_shapes` does."""
        first = next(iter(self._batches(stimuli.select(stimuli.ids[:1]), lambda image: 1)))
        shapes = list_layers(self.module, first, forward=self._forward_all, nodes=nodes)
        return {name.removeprefix(SELECTOR): shape for name, shape in shapes.items()}

    def _forward_all(self, batch: "torch.Tensor") -> "dict[str, torch.Tensor]":
        module: Any = self.module
        towers = dict(module.named_children())
        is_tower = type(module).__name__ == "ModuleDict"
        network = towers["vision_model"] if is_tower else module
        outputs = network(pixel_values=batch, output_hidden_states=True, return_dict=True)
        named = {key: value for key, value in outputs.items() if hasattr(value, "shape")}
        hidden = outputs.get("hidden_states") or ()
        named |= {f"hidden.{number}": value for number, value in enumerate(hidden)}
        if is_tower and "visual_projection" in towers:
            named["image_embeds"] = towers["visual_projection"](outputs["pooler_output"])
        return named

    def _forward(self, batch: "torch.Tensor") -> "dict[str, torch.Tensor]":
        # Only the asked outputs, because every output of a batch is copied.
        return {name: value for name, value in self._forward_all(batch).items() if name in self.layers}

    def _internal_name(self, layer: str) -> str:
        return f"{SELECTOR}{layer}" if layer in self.outputs else layer

    def _public_name(self, name: str) -> str:
        return name.removeprefix(SELECTOR)

    def _network_behaviour(self) -> Any:
        import transformers

        # Not the module itself: its configuration stores the folder of its files.
        config = {key: value for key, value in self.config.to_dict().items() if not key.startswith("_")}
        kind = [type(self.module).__name__, config]
        return ["transformers", transformers.__version__, kind, dict(self.module.state_dict())]

    def _pool_named(self, pool: str | None) -> Pool:
        config = getattr(self.config, "vision_config", self.config)
        names = [name.rpartition(".")[2] for name, _ in self.module.named_parameters()]
        n_class = sum(name in _CLASS_TOKENS for name in names)
        n_distillation = sum(name == "distillation_token" for name in names)
        n_registers = (getattr(config, "num_register_tokens", 0) or 0) if "register_tokens" in names else 0
        n_prefix = min(n_class, 1) + n_distillation + n_registers
        if pool not in ("mean", "token"):
            return pool_named(pool, Prefix(n_prefix, n_class > 0), owner=self.name)
        if pool == "token" and not n_class:
            raise UsageError(f"{self.name} has no class token; use pool=mean")
        patch = getattr(config, "patch_size", None)
        n_patches = None
        if isinstance(patch, int):
            n_patches = (self._image_shape[1] // patch) * (self._image_shape[2] // patch)
        return pool_tokens(pool, n_prefix=n_prefix, n_patches=n_patches)


def huggingface_model(
    name: str,
    *,
    weights: str = "pretrained",
    seed: int = 0,
    pool: str | None = None,
    batch_size: int | None = None,
    batch_axis: int | None = None,
    visual_degrees: float | None = None,
    stimulus_degrees: float | None = None,
) -> HuggingFaceModel:
    """A network of transformers: ``hf:ORG/NAME[@LAYER]``, or ``hf:./FOLDER[@LAYER]``.

    Parameters
    ----------
    name : str
        Repository on the hub, such as ``facebook/dinov2-small``, or a folder as ``save_pretrained`` writes it, which
        starts with ``.``, ``/`` or ``~``. Networks of images and texts run the images alone. The layer follows after an
        @: ``hidden.0`` (before the first block) to ``hidden.N``, another output (``last_hidden_state``,
        ``pooler_output``, ``image_embeds``, ``logits``), or the name of a module or node. Several layers are separated
        by colons. The default is the first output of ``image_embeds``, ``pooler_output``, ``last_hidden_state`` and
        ``logits`` that the network has, else its first output.
    weights : {"pretrained", "random"}
        Weights of the repository, or random ones.
    seed : int
        Seed of random weights.
    pool : {None, "mean", "token", "grid:N"}
        Units of a layer with positions: every value, the mean over patches without class and register tokens, the class
        token, or means of the patches in a grid of N × N.
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
    HuggingFaceModel
        Images are preprocessed by the network's own image processor. The identifier has the layer, and for folders a
        digest of their files.

    Raises
    ------
    UnknownNameError
        If a layer is unknown. The message has the nearest names.
    ModelError
        If the network is not available, needs code of its own, has no safetensors, or does not take images.
    """
    seen = {"visual_degrees": visual_degrees, "stimulus_degrees": stimulus_degrees}
    name, layer = split_name(name)
    if weights not in ("pretrained", "random"):
        raise UsageError(
            f"hf:{name}: weights must be pretrained or random, got {weights!r}; give hf:./FOLDER"
        )
    if weights != "random" and seed != 0:
        raise UsageError(f"hf:{name}: seed= is for weights=random only")
    _expect_installed()
    folder, shown = find_snapshot(name, "hf", _FILES)
    given: dict[str, Any] = {"weights": "random", "seed": seed} if weights == "random" else {}
    if shown is None:
        shown = name
    elif weights == "pretrained":
        shown = name_folder(shown, folder, _FILES)
    with _quietly():
        network, notes = _network(folder, f"hf:{name}", seed if weights == "random" else None)
        processor = _Processor(folder, f"hf:{name}")
    model = HuggingFaceModel(
        network,
        processor,
        f"hf:{shown}",
        layer=layer,
        pool=pool,
        batch_size=batch_size,
        batch_axis=batch_axis,
    )
    model.naming = Naming(f"hf:{shown}", {**given, "pool": pool, **seen})
    model.identifier = model.naming(model)
    model.notes = notes
    model.see(**seen)
    return model


class _Processor:
    """Image processor of a folder, as a function from PIL image to tensor."""

    def __init__(self, folder: Path, name: str) -> None:
        from transformers import AutoImageProcessor

        if (
            not (folder / "preprocessor_config.json").is_file()
            and not (folder / "processor_config.json").is_file()
        ):
            raise ModelError(
                f"{name} has no image processor (preprocessor_config.json); save it with save_pretrained"
            )
        try:
            self.processor: Any = AutoImageProcessor.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
        except Exception as error:
            raise ModelError(f"{name}: cannot load its image processor ({one_line(error)})") from error

    def __call__(self, image: "Image.Image") -> "torch.Tensor":
        values: Any = self.processor(images=image, return_tensors="pt")["pixel_values"]
        if values.ndim != 4 or len(values) != 1:
            raise ModelError(
                f"the image processor makes {tuple(values.shape)} of one image, expected one image of three axes"
            )
        tensor: torch.Tensor = values[0]
        return tensor


def _network(folder: Path, name: str, seed: int | None) -> "tuple[torch.nn.Module, list[str]]":
    """Load the network in a folder by the class that saved it, or make it with random weights."""
    import torch
    import transformers
    from transformers import AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelError(f"{name}: cannot read its config.json ({one_line(error)})") from error
    (architecture,) = (config.architectures or [""])[:1]
    kind: Any = getattr(transformers, architecture, None) if architecture else AutoModel
    kind = kind if isinstance(kind, type) else None
    if kind is None or not (kind is AutoModel or issubclass(kind, transformers.PreTrainedModel)):
        raise ModelError(
            f"{name}: transformers {transformers.__version__} has no {architecture}, and neuroalign runs no code of "
            "a repository; update transformers, or load the network yourself and use na.as_model"
        )
    if seed is not None:
        make = kind if architecture else AutoModel.from_config
        return draw_network(lambda: make(config), seed), []
    if not list(folder.glob("*.safetensors")):
        raise ModelError(f"{name} has no safetensors, and neuroalign reads no pickled weights")
    try:
        network, report = kind.from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:
        raise ModelError(f"{name}: cannot load its weights ({one_line(error)})") from error
    return network, _expect_complete(name, report)


def _expect_complete(name: str, report: Mapping[str, Any]) -> list[str]:
    missing = sorted({*map(str, report["missing_keys"]), *map(str, report["mismatched_keys"])})
    if missing:
        raise ModelError(f"{name}: its safetensors lack {name_some(missing)}")
    surplus = sorted(map(str, report["unexpected_keys"]))
    return [f"weights of {name}: {len(surplus)} are not used: {name_some(surplus)}"] if surplus else []


def _vision(network: Any, name: str) -> "torch.nn.Module":
    """Return the part of a network that takes images: the network itself, or its vision tower and projection."""
    import torch

    if getattr(network, "main_input_name", None) == "pixel_values":
        whole: torch.nn.Module = network.eval()
        return whole
    tower = getattr(network, "vision_model", None)
    if tower is None:
        raise ModelError(
            f"{name}: {type(network).__name__} does not take images alone; name a network of images, or one with a "
            "vision tower, such as CLIP"
        )
    parts = {"vision_model": tower}
    if getattr(network, "visual_projection", None) is not None:
        parts["visual_projection"] = network.visual_projection
    return torch.nn.ModuleDict(parts).eval()


def _expect_installed() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise ModelError("hf: needs transformers; run pip install 'neuroalign[hf]'") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Hide the progress bars and reports of transformers, which says in several lines where a message says in one."""
    from transformers.utils import logging

    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(50)  # critical
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            logging.enable_progress_bar()
