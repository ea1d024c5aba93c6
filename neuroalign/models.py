"""What a model must offer, what a family of models is, and how anything else becomes one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import xarray as xr

from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import ModelError, UsageError, unknown_name
from neuroalign.names.registry import adapters, models, reducers
from neuroalign.names.syntax import Spec, format_spec, parse_spec
from neuroalign.wrapped import FunctionModel, PrecomputedModel, name_function, name_latents

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset


@runtime_checkable
class Model(Protocol):
    """Anything that turns stimuli into latents.

    More is used where a model has it:

    ``decode(latents: xr.DataArray) -> array of float32 in [0, 1], (n, height, width)``
        Reconstruct images from latents.
    ``fingerprint: str``
        Digest of everything that determines the latents of a given image: weights, layer,
        preprocessing, version of the code. With it latents are kept in the cache; without it they are
        computed every time.
    ``latent_batches(stimuli) -> iterator of latents``
        Yield the latents of some stimuli after others, of each stimulus once: those that do not fit into memory
        are then written to a file as they come; see :func:`neuroalign.latents_file.gather_latents`.
    ``trained_on: str or None``, ``trained_on_hash: str or None``
        Identifier of the stimuli that the model was trained on, and the content hash of that stimulus set. Scores
        record the first, and say where a dataset has other training images: by the hash, or without one by the
        identifier of the dataset or of its stimuli.
    ``notes: sequence of str``
        Notes for a reader of the model's scores, which carry them.
    ``layer_shapes(stimuli) -> mapping of str to tuple of int``
        The layers that a network has, with the shape of their output for one stimulus.
    """

    @property
    def identifier(self) -> str:
        """Name of the model, for example ``beta_vae[beta=6,seed=0]``."""
        ...

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Compute the value of each unit for each stimulus.

        Parameters
        ----------
        stimuli : StimulusSet
            All stimuli of a dataset, with its marks of what may be used for fitting.

        Returns
        -------
        latents : dimensions stimulus, unit; see :func:`neuroalign.arrays.latents`
        """
        ...


class ModelFamily(ABC):
    """Models that differ only in hyper-parameters and seeds: the instances that statistics need."""

    identifier: str

    #: Whether the instances are a random sample of what the family could give, as those of several seeds are. None:
    #: they are one if their names have an option ``seed``. Other families are tested over neurons only.
    is_sample: bool | None = None

    @abstractmethod
    def grid(self, dataset: "Dataset | None" = None) -> Sequence[Mapping[str, Any]]:
        """Return the options of each instance, in the order of the family.

        Parameters
        ----------
        dataset : Dataset, optional
            What is to be scored, for families whose instances depend on it.
        """

    @abstractmethod
    def instance(self, dataset: "Dataset | None" = None, **options: Any) -> Model:
        """Return the instance with these options.

        Raises
        ------
        UsageError
            If there is no such instance, naming those that there are.
        """

    def available(
        self, wanted: Sequence[Mapping[str, Any]], dataset: "Dataset | None" = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return the options of the instances that a dataset allows, in place of those that somebody wants.

        Parameters
        ----------
        wanted : sequence of mapping
            Options of instances.
        dataset : Dataset, optional
            What is to be scored.

        Returns
        -------
        sequence of mapping
            By default the same options. Families with sizes that depend on the dataset return other options where the
            dataset does not allow these, with a warning.
        """
        return wanted

    def instances(self, dataset: "Dataset | None" = None) -> list[Model]:
        """Return all instances."""
        return [self.instance(dataset, **options) for options in self.grid(dataset)]

    def instance_identifier(self, **options: Any) -> str:
        """Name an instance: the family's name and the options."""
        return format_spec(self.identifier, options)


class FixedFamily(ModelFamily):
    """A family given as a list of models.

    Parameters
    ----------
    identifier : str
    members : sequence of Model
    is_sample : bool, optional
        See :attr:`ModelFamily.is_sample`.
    """

    def __init__(self, identifier: str, members: Sequence[Model], *, is_sample: bool | None = None) -> None:
        self.identifier = identifier
        self.is_sample = is_sample
        self._members = list(members)

    def grid(self, dataset: "Dataset | None" = None) -> Sequence[Mapping[str, Any]]:
        """Return the index of each member."""
        return [{"index": index} for index in range(len(self._members))]

    def instance(self, dataset: "Dataset | None" = None, **options: Any) -> Model:
        """Return the member with this index."""
        index = options.get("index")
        if set(options) != {"index"} or not isinstance(index, int) or not 0 <= index < len(self._members):
            raise UsageError(f"{self.identifier} has the members index=0 to index={len(self._members) - 1}")
        return self._members[index]


def as_model(
    obj: Any,
    *,
    identifier: str | None = None,
    layer: str | Sequence[str] | None = None,
    preprocess: Any = None,
    **options: Any,
) -> Model:
    """Make a model of almost anything.

    Parameters
    ----------
    obj : Model, DataArray, function, fitted scikit-learn transformer, torch module, or str
        A string is the name of a model, as in :func:`load_model`.
    identifier : str, optional
        Name of the model in scores. By default the name of a function at the top of a module; for lambdas, networks,
        transformers and latents that were computed elsewhere their kind with a digest of their values and code, so
        that different models have different names.
    layer : str or sequence of str, optional
        For networks: the module whose output is taken; several are concatenated.
    preprocess : optional
        For networks: a callable from PIL image to tensor.
    **options
        Passed to the adapter, such as ``image_size=``, ``channels=``, ``batch_size=``,
        ``fingerprint=`` for functions.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If there is no adapter for this kind of object.
    """
    if preprocess is not None:
        options["preprocess"] = preprocess
    if isinstance(obj, str):
        _refuse_options(
            f"the name {obj}, which has its options in square brackets,", _given(identifier, options)
        )
        loaded = load_model(_at_layer(obj, layer))
        if isinstance(loaded, ModelFamily):
            raise ModelError(
                f"{obj} is a family; name one instance, such as {loaded.instances()[0].identifier}"
            )
        return loaded
    if layer is not None:
        options["layer"] = layer
    if isinstance(obj, xr.DataArray):
        _refuse_options("precomputed latents", options)
        return PrecomputedModel(obj, identifier or name_latents(obj))
    if isinstance(obj, Model):
        _refuse_options(f"{obj.identifier}, which is a model already,", _given(identifier, options))
        return obj
    for _, adapter in adapters.items():
        model = adapter(obj, identifier=identifier, **options)
        if model is not None:
            return model
    if callable(obj):
        name = identifier or name_function(obj, options)
        try:
            return FunctionModel(obj, name, **options)
        except TypeError as error:
            raise ModelError(f"cannot make a model of the function {name}: {error}") from error
    raise ModelError(
        f"cannot make a model of {type(obj).__name__}: expected a function, a fitted scikit-learn transformer, "
        "a torch module, a DataArray of latents, or an object with identifier and latents(stimuli)"
    )


def load_model(
    spec: "str | Model | ModelFamily", *, dataset: "Dataset | None" = None, **options: Any
) -> "Model | ModelFamily":
    """Load a model or a family of models by name.

    Parameters
    ----------
    spec : str
        A family (``beta_vae``), an instance (``beta_vae[beta=6,seed=0]``), a scheme
        (``timm:resnet18@layer3``, ``neurons:DATASET``, ``FILE.py:OBJECT``), each with reducers if need
        be (``timm:resnet18@layer3+pca[n=50]``). A model or family is returned as it is.
    dataset : Dataset, optional
        What is to be scored; families such as ``neuron_subset`` depend on it.
    **options
        As if they were in square brackets, also those that cannot be written there:
        ``load_model("vgg_face", weights="weights, final.safetensors")``.

    Returns
    -------
    Model or ModelFamily

    Raises
    ------
    UnknownNameError
        Naming the nearest known names.
    UsageError
        If an option is given twice or not taken.
    """
    if not isinstance(spec, str):
        _refuse_options("what is a model already", options)
        return spec if isinstance(spec, ModelFamily) else as_model(spec)
    parsed = parse_spec(spec)
    for option in options.keys() & parsed.options.keys():
        raise UsageError(f"the option {option!r} of {parsed.name} is given twice")
    parsed = replace(parsed, options={**parsed.options, **options})
    loaded = _load_part(parsed, dataset)
    for wrapper in parsed.wrappers:
        reducer = _with_options("reducer", wrapper.name, reducers.get(wrapper.name), wrapper.options)
        if isinstance(loaded, ModelFamily):
            members = [reducer(each) for each in loaded.instances(dataset)]
            loaded = FixedFamily(
                f"{loaded.identifier}+{format_spec(wrapper.name, wrapper.options)}",
                members,
                is_sample=loaded.is_sample,
            )
        else:
            loaded = reducer(loaded)
    return loaded


def _given(identifier: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    return dict(options) if identifier is None else {"identifier": identifier, **options}


def _at_layer(name: str, layer: str | Sequence[str] | None) -> str:
    """Put layers into a name, before its options and reducers: ``timm:resnet18@layer2:layer3[…]+pca[…]``."""
    if layer is None:
        return name
    end = min((name.index(each) for each in "[+" if each in name), default=len(name))
    layers = layer if isinstance(layer, str) else ":".join(layer)
    return f"{name[:end]}@{layers}{name[end:]}"


def _load_part(spec: Spec, dataset: "Dataset | None") -> "Model | ModelFamily":
    scheme, colon, rest = spec.name.partition(":")
    if rest and scheme.endswith(".py"):
        return _load_from_file(scheme, rest, spec, dataset)
    if not colon and spec.name.endswith(".py"):
        raise ModelError(f"say which model in {spec.name}: {spec.name}:NAME")
    if colon and not rest:
        raise ModelError(f"{spec.name!r} lacks what comes after the colon: {spec.name}NAME")
    if colon and f"{scheme}:" in models:
        registered = models.get(f"{scheme}:")
        return as_model_or_family(
            _with_options("model", spec.name, registered, spec.options, rest), _full_name(spec)
        )
    if spec.name not in models:
        raise models.unknown(spec.name)
    return _make(models.get(spec.name), spec, dataset)


def _make(registered: Any, spec: Spec, dataset: "Dataset | None") -> "Model | ModelFamily":
    """Make what a name stands for: an instance of a family, a model, or what a factory returns."""
    if isinstance(registered, type) and issubclass(registered, ModelFamily):
        registered = registered()
    if isinstance(registered, ModelFamily):
        return registered.instance(dataset, **spec.options) if spec.options else registered
    if isinstance(registered, Model) and not isinstance(registered, type):
        _refuse_options(spec.name, dict(spec.options))
        return registered
    return as_model_or_family(_with_options("model", spec.name, registered, spec.options), _full_name(spec))


def _full_name(spec: Spec) -> str:
    # Two sets of options are two models, also where what is registered does not name itself.
    return format_spec(spec.name, spec.options)


def as_model_or_family(obj: Any, name: str) -> "Model | ModelFamily":
    """Accept what a registered factory returned: a family, or anything that becomes a model."""
    if isinstance(obj, ModelFamily):
        return obj
    if isinstance(obj, list | tuple) and obj and all(isinstance(each, Model) for each in obj):
        return FixedFamily(name, obj)
    return as_model(obj) if isinstance(obj, Model) else as_model(obj, identifier=name)


def _load_from_file(
    file: str, attribute: str, spec: Spec, dataset: "Dataset | None"
) -> "Model | ModelFamily":
    import importlib.util
    import inspect
    from pathlib import Path

    path = Path(file)
    if not path.is_file():
        raise ModelError(f"there is no file {file}; expected FILE.py:NAME with a model called NAME in it")
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    if module_spec is None or module_spec.loader is None:
        raise ModelError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(module_spec)
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:
        raise ModelError(f"{file} fails to run: {type(error).__name__}: {error}") from error
    known = [
        name for name, each in vars(module).items() if not (name.startswith("_") or inspect.ismodule(each))
    ]
    if attribute not in known:
        raise unknown_name(f"object in {file}", attribute, known)
    found = getattr(module, attribute)
    if isinstance(found, type | ModelFamily):
        return _make(found, Spec(attribute, spec.options), dataset)
    # A function in a file is the model itself, not what makes one.
    _refuse_options(f"{attribute} in {file}", dict(spec.options))
    return as_model_or_family(found, attribute)


def _with_options(kind: str, name: str, factory: Any, options: Mapping[str, Any], *args: Any) -> Any:
    """Call a registered factory with options from a spec, and explain options that it does not take."""
    import inspect

    if not callable(factory):
        _refuse_options(name, dict(options))
        return factory
    try:
        inspect.signature(factory).bind(*args, **options)
    except TypeError as error:
        accepted = [
            each.name
            for each in inspect.signature(factory).parameters.values()
            if each.kind == each.KEYWORD_ONLY
        ] or list(inspect.signature(factory).parameters)[len(args) :]
        raise UsageError(
            f"the {kind} {name} cannot take these options ({error}); it takes {', '.join(accepted) or 'none'}"
        ) from error
    return factory(*args, **options)


def _refuse_options(what: str, options: Mapping[str, Any]) -> None:
    if options:
        raise UsageError(f"{what} takes no options; got {', '.join(options)}")
