"""Models and families by name, file or adapter."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import xarray as xr

from neuroalign.errors import ModelError, UsageError, unknown_name
from neuroalign.models.wrapped import (
    FunctionModel,
    PrecomputedModel,
    name_function,
    name_latents,
)
from neuroalign.names.registry import adapters, models, reducers
from neuroalign.names.syntax import Spec, format_spec, parse_spec
from neuroalign.validation import check_arguments

if TYPE_CHECKING:
    from neuroalign.datasets.dataset import Dataset
from neuroalign.models.model import FixedFamily, Model, ModelFamily


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
    spec = parse_spec(name)
    layers = layer if isinstance(layer, str) else ":".join(layer)
    return format_spec(f"{spec.name}@{layers}", spec.options, spec.wrappers)


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
    return factory(*args, **check_arguments(factory, options, name, n_positional=len(args)))


def _refuse_options(what: str, options: Mapping[str, Any]) -> None:
    if options:
        raise UsageError(f"{what} takes no options; got {', '.join(options)}")
