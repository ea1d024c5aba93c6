"""Validation of values against declared types, with errors of one line that name the value and the fix.

Options of benchmarks and models, recipes of training, study files and exchanged records declare their types once, as
annotations. msgspec checks and converts the values (see the page *Choices* of the documentation for the reason);
this module finds the part that does not fit and words the error.
"""

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from neuroalign.errors import UsageError, count_noun, unknown_name

Target = TypeVar("Target")
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

NonNegative = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
# Infinity and NaN are above the largest float, and no bound for msgspec.
_LARGEST = sys.float_info.max
NonNegativeFloat = Annotated[float, Meta(ge=0, le=_LARGEST)]
PositiveFloat = Annotated[float, Meta(gt=0, le=_LARGEST)]


def check_value(value: Any, declared: Any, name: str, *, owner: str = "") -> Any:
    """Convert a value to a declared type.

    Parameters
    ----------
    value : object
        Scalars and arrays of NumPy count as numbers and lists.
    declared : type
        Numbers, text, truth values, None, Literal, lists, tuples, mappings, msgspec structs, unions of them, and
        constraints such as :data:`NonNegative`. Of a class, instances are accepted. A type that msgspec does not
        support is not checked.
    name : str
        Name of the value for the message.
    owner : str
        Name of the benchmark, recipe or file that the value belongs to; it begins the message.

    Returns
    -------
    object
        The value itself, or its conversion: a whole number to a declared float, a list to a declared tuple.

    Raises
    ------
    UsageError
        If the value does not fit: ``OWNER: NAME must be TYPE, got VALUE``.
    UnknownNameError
        If a struct has no field of a given name; the message names the nearest field.

    Examples
    --------
    >>> check_value(3, float, "margin")
    3.0
    >>> check_value(-1, NonNegative, "seed", owner="alignment")
    Traceback (most recent call last):
    neuroalign.errors.UsageError: alignment: seed must be a whole number of at least 0, got -1
    """
    try:
        return _convert(value, declared)
    except msgspec.ValidationError as error:
        if hasattr(value, "tolist"):
            return check_value(value.tolist(), declared, name, owner=owner)
        fault = _explain(value, declared, name) or UsageError(f"{name}: {error}")
        raise type(fault)(f"{owner}: {fault}" if owner else str(fault)) from None


def check_fields(instance: Any, owner: str) -> None:
    """Convert the fields of a frozen dataclass to their declared types, in place.

    Parameters
    ----------
    instance : dataclass
    owner : str
        Name of the benchmark or recipe for the message: ``OWNER: FIELD must be …``.

    Raises
    ------
    UsageError
        If a value does not fit its type.
    """
    declared = get_type_hints(type(instance), include_extras=True)
    for option in fields(instance):
        value = getattr(instance, option.name)
        checked = check_value(value, declared[option.name], option.name, owner=owner)
        object.__setattr__(instance, option.name, checked)


def check_arguments(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    owner: str,
    *,
    kind: str = "option",
    n_positional: int = 0,
) -> dict[str, Any]:
    """Convert keyword arguments to the types that a function declares for them.

    Parameters
    ----------
    function : callable
        Parameters without an annotation accept any value.
    arguments : mapping of str to object
    owner : str
        Name of the function for the message.
    kind : str
        Noun for a parameter in the message.
    n_positional : int
        Number of leading parameters that the caller fills by position.

    Returns
    -------
    dict of str to object

    Raises
    ------
    UnknownNameError
        If the function has no parameter of a given name; the message names the nearest parameter.
    UsageError
        If a value does not fit its type.
    """
    parameters = inspect.signature(function).parameters
    by_name = [name for name, parameter in parameters.items() if parameter.kind in _BY_NAME]
    by_name = [name for name in by_name if name not in list(parameters)[:n_positional]]
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    declared = {
        name: hint
        for name, hint in _declared_arguments(function).items()
        if hint is not inspect.Parameter.empty
    }
    checked = {}
    for name, value in arguments.items():
        if name not in by_name and not takes_any:
            raise unknown_name(f"{kind} of {owner}", name, by_name)
        checked[name] = check_value(value, declared.get(name, Any), name, owner=owner)
    return checked


def checks(*names: str) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Let a function convert some of its arguments to their declared types at each call.

    Parameters
    ----------
    *names : str
        Parameters with a type of :func:`check_value`.

    Examples
    --------
    >>> @checks("n_resamples")
    ... def draw(values, *, n_resamples: NonNegative = 0): ...
    >>> draw([1.5], n_resamples="many")
    Traceback (most recent call last):
    neuroalign.errors.UsageError: draw: n_resamples must be a whole number of at least 0, got 'many'
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        signature = inspect.signature(function)

        @wraps(function)
        def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            call = signature.bind(*args, **kwargs)
            for name in call.arguments.keys() & set(names):
                declared = _declared_arguments(function)[name]
                value = check_value(call.arguments[name], declared, name, owner=function.__name__)
                call.arguments[name] = value
            return function(*call.args, **call.kwargs)

        return checked

    return decorate


def check_names(names: Iterable[str], allowed: Iterable[str], kind: str) -> None:
    """Refuse a name that is not allowed.

    Raises
    ------
    UnknownNameError
        If a name is not allowed; the message names the nearest allowed names.
    """
    allowed = list(allowed)
    for name in names:
        if name not in allowed:
            raise unknown_name(kind, str(name), allowed)


def describe_type(declared: Any) -> str:
    """Describe a declared type in words.

    Examples
    --------
    >>> describe_type(Literal["all", "informative"] | NonNegative)
    'all, informative or a whole number of at least 0'
    """
    words = list(dict.fromkeys(_words(declared)))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


_BY_NAME = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_LISTS = (list, tuple, Sequence)
_NOUNS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "none",
    list: "a list",
    tuple: "a list",
    Sequence: "a list",
    dict: "a table",
}
_PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts", "a table": "tables"}
_SHOWN = 120


def _convert(value: Any, declared: Any) -> Any:
    classes = [member for member in _members(declared) if _is_class(member)]
    if isinstance(value, tuple(classes)):
        return value
    # msgspec has no unions of a class with other types.
    others = [member for member in _members(declared) if member not in classes]
    if not others:
        raise msgspec.ValidationError("not an instance")
    try:
        return msgspec.convert(value, Union[tuple(others)])  # noqa: UP007
    except TypeError:
        return value


def _fits(value: Any, declared: Any) -> bool:
    try:
        _convert(value, declared)
    except msgspec.ValidationError:
        return False
    return True


@cache
def _is_class(declared: Any) -> bool:
    """Whether values must be instances of this class, which no conversion makes."""
    if not isinstance(declared, type):
        return False
    if is_dataclass(declared):
        return True
    try:
        return isinstance(msgspec.inspect.type_info(declared), msgspec.inspect.CustomType)
    except TypeError:
        return False


def _members(declared: Any) -> tuple[Any, ...]:
    return get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)


def _bare(declared: Any) -> Any:
    """Return a type without its constraints."""
    return _bare(get_args(declared)[0]) if get_origin(declared) is Annotated else declared


def _explain(value: Any, declared: Any, name: str) -> UsageError | None:
    """Word the first fault of a value, or of the innermost part of it that does not fit."""
    if _fits(value, declared) and not _is_struct(declared):
        return None
    for part, part_type, part_name in _parts(value, declared, name):
        if isinstance(part_type, UsageError):
            return part_type
        if (fault := _explain(part, part_type, part_name)) is not None:
            return fault
    if _is_struct(declared) and isinstance(value, Mapping):
        return None
    return UsageError(
        f"{name or 'it'} must be {describe_type(declared)}, got {_show(value)}{_hint(value, declared)}"
    )


def _parts(value: Any, declared: Any, name: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield the value, type and name of each part of a container; an error in place of a type for a wrong key."""
    for member in _members(declared):
        bare = _bare(member)
        origin, arguments = get_origin(bare) or bare, get_args(bare)
        if _is_struct(bare) and isinstance(value, Mapping):
            yield from _struct_parts(value, bare, name)
        elif origin in (dict, Mapping) and isinstance(value, Mapping) and arguments:
            for key, item in value.items():
                yield key, arguments[0], f"each name in {name}"
                yield item, arguments[1], _join(key, name)
        elif origin in _LISTS and isinstance(value, list | tuple) and arguments:
            for number, item in enumerate(value, start=1):
                yield item, arguments[0], f"item {number} of {name}"


def _struct_parts(value: Mapping[str, Any], struct: Any, name: str) -> Iterator[tuple[Any, Any, str]]:
    infos = {info.encode_name: info for info in msgspec.structs.fields(struct)}
    if struct.__struct_config__.forbid_unknown_fields:
        for key in value:
            if key not in infos:
                yield None, unknown_name(_join("key", name), str(key), infos), ""
    for key, info in infos.items():
        if key in value:
            yield value[key], info.type, _join(key, name)
        elif info.required:
            missing = f"{_join(key, name)} is missing; it must be {describe_type(info.type)}"
            yield None, UsageError(missing), ""


def _join(key: str, name: str) -> str:
    return f"{key} of {name}" if name else key


def _is_struct(declared: Any) -> bool:
    return isinstance(declared, type) and issubclass(declared, msgspec.Struct)


def _words(declared: Any) -> Iterator[str]:
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        for argument in arguments:
            yield from _words(argument)
    elif origin is Literal:
        yield from map(str, arguments)
    elif origin is Annotated:
        yield describe_type(arguments[0]) + "".join(_constraints(arguments))
    elif origin in _LISTS and arguments:
        item = describe_type(arguments[0])
        yield f"a list of {_PLURALS.get(item, item)}"
    elif _is_struct(declared):
        yield "a table"
    else:
        bare = origin or declared
        yield _NOUNS.get(bare) or str(getattr(bare, "__name__", bare))


def _constraints(arguments: tuple[Any, ...]) -> Iterator[str]:
    for meta in arguments[1:]:
        if not isinstance(meta, Meta):
            continue
        if meta.ge is not None and meta.le not in (None, _LARGEST):
            yield f" between {meta.ge:,} and {meta.le:,}"
        else:
            yield from (
                f" {words} {bound:,}"
                for words, bound in (
                    ("of at least", meta.ge),
                    ("above", meta.gt),
                    ("of at most", meta.le),
                    ("below", meta.lt),
                )
                if bound not in (None, _LARGEST)
            )
        if meta.min_length is not None or meta.max_length is not None:
            noun = "character" if _bare(arguments[0]) is str else "item"
            bounds = [
                f"at {words} {count_noun(bound, noun)}"
                for words, bound in (("least", meta.min_length), ("most", meta.max_length))
                if bound is not None
            ]
            yield f" with {' and '.join(bounds)}"
        if meta.pattern is not None:
            yield f" that matches {meta.pattern}"


def _hint(value: Any, declared: Any) -> str:
    choices = [
        choice
        for member in _members(_bare(declared))
        if get_origin(member) is Literal
        for choice in get_args(member)
        if isinstance(choice, str)
    ]
    near = difflib.get_close_matches(value, choices, n=1) if isinstance(value, str) else []
    return f"; did you mean {near[0]}?" if near else ""


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _declared_arguments(function: Callable[..., Any]) -> dict[str, Any]:
    target: Any = function
    if isinstance(function, type):
        target = target.__init__
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError):
        # Annotations in quotes may name classes that only type checkers import; those parameters are not checked.
        parameters = inspect.signature(function).parameters.values()
        return {p.name: Any if isinstance(p.annotation, str) else p.annotation for p in parameters}
