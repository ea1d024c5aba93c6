"""Loading of models and families by name, from a file, or from an object of another library."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import ModelError, UnknownNameError, UsageError, printable, unknown_name
from neuroalign.models.latent_arrays import as_latents, holds_latents, read_latents_array
from neuroalign.models.layered import Layered
from neuroalign.models.model import FixedFamily, Model, ModelFamily
from neuroalign.models.model_files import run_file, split_file
from neuroalign.models.wrapped import (
    FunctionModel,
    PrecomputedModel,
    name_function,
    name_latents,
)
from neuroalign.names.foreign_code import foreign_code
from neuroalign.names.registry import adapters, models, reducers
from neuroalign.names.suggestions import with_schemes
from neuroalign.names.syntax import Spec, format_spec, parse_spec
from neuroalign.validation import check_arguments

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset


class _AdapterFailedError(ModelError):
    """An adapter raised another error than neuroalign's own errors, which name the fault of the object."""


def as_model(
    obj: Any,
    *,
    identifier: str | None = None,
    layer: str | Sequence[str] | None = None,
    preprocess: Any = None,
    **options: Any,
) -> Model:
    """Make a model from a function, a network, a fitted transformer, an array of latents, or a name.

    Parameters
    ----------
    obj : Model, DataArray, DataFrame, array, tensor, function, fitted scikit-learn transformer, torch module, or str
        A string is the name of a model, as in :func:`load_model`. Arrays, tensors and data frames are precomputed
        latents; see ``neuroalign.models.latent_arrays.as_latents``.
    identifier : str, optional
        Name of the model in scores. By default, a function at the top of a module gives its own name. Lambdas,
        networks, transformers and precomputed latents give their kind with a digest of their values and code, so that
        different models have different names.
    layer : str or sequence of str, optional
        For networks: name of the module that provides the units. Several layers are concatenated.
    preprocess : callable, optional
        For networks: function from PIL image to tensor.
    **options
        Options of the adapter, such as ``image_size=``, ``channels=``, ``batch_size=`` and ``fingerprint=`` for
        functions, and ``stimulus=``, the stimulus ids of the rows, for arrays of latents.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If no adapter accepts the object.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.testing import make_dataset
    >>> def quadrants(pixels):  # float32 in [0, 1], shape (n, height, width)
    ...     return pixels.reshape(len(pixels), 2, 32, 2, 32).mean(axis=(2, 4)).reshape(len(pixels), -1)
    >>> model = na.as_model(quadrants, image_size=64)
    >>> model.identifier, model.latents(make_dataset(n_stimuli=30).stimuli).shape
    ('quadrants', (30, 4))
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
                f"{obj} is a family; name one instance, such as {make_instances(loaded)[0].identifier}"
            )
        return loaded
    if layer is not None:
        options["layer"] = layer
    if holds_latents(obj):
        latents = as_latents(obj, options.pop("stimulus", None))
        _refuse_options("precomputed latents", options)
        return PrecomputedModel(latents, identifier or name_latents(latents))
    if isinstance(obj, Model) and not isinstance(obj, type):
        _refuse_options(f"{_expect_identifier(obj)}, which is a model already,", _given(identifier, options))
        return obj
    for name, adapter in adapters.items():
        try:
            with foreign_code(f"the adapter {name!r} fails on {type(obj).__name__}", _AdapterFailedError):
                model = adapter(obj, identifier=identifier, **options)
        except _AdapterFailedError as error:
            if not adapters.is_installed(name):
                raise
            adapters.skip(name, error)
            continue
        if model is not None:
            return model
    if isinstance(obj, type):
        raise ModelError(f"{obj.__name__} is a class; give an instance, such as {obj.__name__}()")
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
        Name of a family (``beta_vae``), of an instance (``beta_vae[beta=6,seed=0]``), or of a scheme
        (``timm:resnet18@layer3``, ``neurons:DATASET``, ``FILE.py:OBJECT``), or a file of latents
        (``FILE.npy[ids=FILE.txt]``), perhaps with ``+pca[n=50]`` or other reducers. A model or family stays unchanged.
    dataset : Dataset, optional
        Dataset to be scored, for families that depend on it, such as subsets of its neurons.
    **options
        Options as in square brackets, without quotes: ``load_model("vgg_face", weights="weights, final.safetensors")``.

    Returns
    -------
    Model or ModelFamily
        A family for the name of a family; a model for all other names.

    Raises
    ------
    UnknownNameError
        If the name is unknown. The message has the nearest names.
    UsageError
        If an option is given twice or is unknown.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.load_model("pca[n=5]").identifier
    'pca[n=5]'
    >>> na.load_model("beta_vae").identifier
    'beta_vae'
    """
    if not isinstance(spec, str):
        _refuse_options("an object that is a model already", options)
        return spec if isinstance(spec, ModelFamily) else as_model(spec)
    parsed = parse_spec(spec)
    for option in options.keys() & parsed.options.keys():
        raise UsageError(f"the option {option!r} of {parsed.name} is given twice")
    parsed = replace(parsed, options={**parsed.options, **options})
    loaded = _load_part(parsed, dataset)
    for wrapper in parsed.wrappers:
        if isinstance(loaded, ModelFamily):
            members = [reduce_model(instance, [wrapper]) for instance in make_instances(loaded, dataset)]
            loaded = FixedFamily(
                f"{loaded.identifier}+{format_spec(wrapper.name, wrapper.options)}",
                members,
                is_sample=loaded.is_sample,
            )
        else:
            loaded = reduce_model(loaded, [wrapper])
    return loaded


def reduce_model(model: Model, wrappers: Sequence[Spec]) -> Model:
    """Wrap a model in reducers.

    Parameters
    ----------
    model : Model
    wrappers : sequence of Spec
        Reducers in the order in which they are applied.

    Raises
    ------
    UnknownNameError
        If a reducer is unknown.
    UsageError
        If an option of a reducer is unknown.
    """
    for wrapper in wrappers:
        model = _with_options("reducer", wrapper.name, reducers.get(wrapper.name), wrapper.options)(model)
    return model


def split_reducers(name: str) -> tuple[tuple[Spec, ...], str]:
    """Split the name of a model into its reducers and the name without them.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> split_reducers("timm:resnet18@layer*[pool=mean]+pca[n=50]")
    ((Spec(name='pca', options={'n': 50}, wrappers=()),), 'timm:resnet18@layer*[pool=mean]')
    """
    spec = parse_spec(name)
    return spec.wrappers, format_spec(spec.name, spec.options)


def make_instances(family: ModelFamily, dataset: "Dataset | None" = None) -> list[Model]:
    """Return the instances of a family.

    Parameters
    ----------
    family : ModelFamily
    dataset : Dataset, optional
        Dataset to be scored.

    Raises
    ------
    NeuroalignError
        If the family raises an error, or an instance is not a model.
    """
    with foreign_code(f"the family {family.identifier} cannot make its instances"):
        made = list(family.instances(dataset))
    return [_expect_model(instance, family) for instance in made]


def _expect_model(made: Any, family: ModelFamily) -> Model:
    if not isinstance(made, Model):
        raise ModelError(
            f"each instance of {family.identifier} must be a model with identifier and latents(stimuli), got "
            f"{type(made).__name__}; correct the method instance() of the family"
        )
    _expect_identifier(made)
    return made


def _expect_identifier(obj: "Model | ModelFamily") -> str:
    """Return the name of a model or family, which its own code may fail to give."""
    with foreign_code(f"the identifier of {type(obj).__name__} cannot be read"):
        identifier = obj.identifier
    if not isinstance(identifier, str) or not identifier:
        raise ModelError(f"the identifier of {type(obj).__name__} must be text, got {identifier!r}")
    return identifier


def expect_writable_name(obj: "Model | ModelFamily") -> None:
    """Refuse a model or family with a name that records and tables cannot hold.

    Raises
    ------
    NeuroalignError
        If the name cannot be read, or is not text in one line without control characters.
    """
    identifier = _expect_identifier(obj)
    if printable(identifier) != identifier or "\n" in identifier or "\t" in identifier:
        raise ModelError(
            f"the identifier of {type(obj).__name__} must be one line without control characters, got "
            f"{identifier!a}"
        )


def _given(identifier: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    return dict(options) if identifier is None else {"identifier": identifier, **options}


def _at_layer(name: str, layer: str | Sequence[str] | None) -> str:
    """Insert layers into a name, before its options and reducers: ``timm:resnet18@layer2:layer3[…]+pca[…]``."""
    if layer is None:
        return name
    spec = parse_spec(name)
    layers = layer if isinstance(layer, str) else ":".join(layer)
    return format_spec(f"{spec.name}@{layers}", spec.options, spec.wrappers)


def _load_part(spec: Spec, dataset: "Dataset | None") -> "Model | ModelFamily":
    if (split := split_file(spec.name)) is not None and split[1]:
        return _load_from_file(*split, spec, dataset)
    if spec.name.endswith(".npy") and spec.name not in models:
        _refuse_options(spec.name, {name: value for name, value in spec.options.items() if name != "ids"})
        latents = read_latents_array(Path(spec.name).expanduser(), spec.options.get("ids"))
        return PrecomputedModel(latents, name_latents(latents, Path(spec.name).stem))
    scheme, colon, rest = spec.name.partition(":")
    if spec.name.endswith(".py") and f"{scheme}:" not in models:
        raise ModelError(f"say which model in {spec.name}: {spec.name}:NAME")
    if colon and not rest:
        raise ModelError(f"{spec.name!r} must have a name after the colon: {spec.name}NAME")
    if colon and f"{scheme}:" in models:
        registered = models.get(f"{scheme}:")
        return as_model_or_family(
            _with_options("model", spec.name, registered, spec.options, rest), _full_name(spec)
        )
    if spec.name not in models:
        if suggestions := with_schemes(spec.name):
            raise UnknownNameError(
                f"no model is called {spec.name!r}; did you mean {' or '.join(suggestions)}?"
            )
        raise models.unknown(spec.name)
    return _make(models.get(spec.name), spec, dataset)


def _make(registered: Any, spec: Spec, dataset: "Dataset | None") -> "Model | ModelFamily":
    """Make an instance of a registered family, or call a registered factory, or return a registered model."""
    if isinstance(registered, type) and issubclass(registered, ModelFamily):
        with foreign_code(f"the family {spec.name} cannot be made"):
            registered = registered()
    if isinstance(registered, ModelFamily):
        _expect_identifier(registered)
        with foreign_code(f"{_full_name(spec)} cannot be made"):
            family = registered.part(spec.options) if spec.options else registered
            if family is not None:
                return family if dataset is None else family.fitting(dataset)
            return _expect_model(registered.instance(dataset, **spec.options), registered)
    if isinstance(registered, Model) and not isinstance(registered, type):
        _refuse_options(spec.name, dict(spec.options))
        return registered
    return as_model_or_family(_with_options("model", spec.name, registered, spec.options), _full_name(spec))


def _full_name(spec: Spec) -> str:
    # Models with different options need different names.
    return format_spec(spec.name, spec.options)


def as_model_or_family(obj: Any, name: str) -> "Model | ModelFamily":
    """Return the family that a registered factory returned, or make a model or family from its return value."""
    if isinstance(obj, ModelFamily):
        return obj
    if isinstance(obj, list | tuple) and obj and all(isinstance(member, Model) for member in obj):
        return FixedFamily(name, obj)
    return as_model(obj) if isinstance(obj, Model) else as_model(obj, identifier=name)


def _load_from_file(
    file: str, attribute: str, spec: Spec, dataset: "Dataset | None"
) -> "Model | ModelFamily":
    import inspect

    module = run_file(file)
    names = [
        name for name, value in vars(module).items() if not (name.startswith("_") or inspect.ismodule(value))
    ]
    attribute, at, layer = attribute.partition("@")
    if attribute not in names:
        raise unknown_name(f"object in {file}", attribute, names)
    if at:
        return _layer_of(module, attribute, layer, file)
    obj = getattr(module, attribute)
    if isinstance(obj, str):
        raise ModelError(f"{attribute} in {file} must be a model, got the text {obj!r}; name {obj} itself")
    if isinstance(obj, type | ModelFamily):
        return _make(obj, Spec(attribute, spec.options), dataset)
    # A function in a file is the model itself, not a factory of models.
    _refuse_options(f"{attribute} in {file}", dict(spec.options))
    return as_model_or_family(obj, attribute)


def _layer_of(module: Any, attribute: str, layer: str, file: str) -> Model:
    """Return a network in a file at a layer, or with patterns of layers."""
    loaded = as_model_or_family(getattr(module, attribute), attribute)
    if not isinstance(loaded, Layered):
        raise ModelError(f"{attribute} in {file} has no layers to choose from; leave out @{layer}")
    return loaded.at(layer)


def _with_options(kind: str, name: str, factory: Any, options: Mapping[str, Any], *args: Any) -> Any:
    """Call a registered factory with options from a name, and explain unknown options."""
    import inspect

    if not callable(factory):
        _refuse_options(name, dict(options))
        return factory
    try:
        inspect.signature(factory).bind(*args, **options)
    except TypeError as error:
        accepted = [
            parameter.name
            for parameter in inspect.signature(factory).parameters.values()
            if parameter.kind == parameter.KEYWORD_ONLY
        ] or list(inspect.signature(factory).parameters)[len(args) :]
        raise UsageError(
            f"the {kind} {name} cannot take these options ({error}); it takes {', '.join(accepted) or 'none'}"
        ) from error
    with foreign_code(f"the {kind} {name} cannot be made"):
        return factory(*args, **check_arguments(factory, options, name, n_positional=len(args)))


def _refuse_options(owner: str, options: Mapping[str, Any]) -> None:
    if options:
        raise UsageError(f"{owner} takes no options; got {', '.join(options)}")
