"""Digests of the values and the code that determine the results of an object.

A wrong digest would return stale latents from the cache. An object with a part that cannot be
inspected has no digest, and its latents are computed every time. Objects of well-known libraries enter the digest by
their names and the version of the library. The code of other classes and functions enters it as bytecode, together
with everything that the code refers to.
"""

import dis
import enum
import functools
import pathlib
import platform
import re
import sys
import types
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from neuroalign.errors import ModelError
from neuroalign.files.digests import digest

#: Libraries with code that their version identifies.
LIBRARIES = (
    "PIL",
    "einops",
    "numpy",
    "open_clip",
    "scipy",
    "sklearn",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)

_NOT_BEHAVIOUR = {
    "__abstractmethods__",
    "__annotate__",
    "__annotate_func__",
    "__annotations__",
    "__annotations_cache__",
    "__dataclass_fields__",
    "__dataclass_params__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__match_args__",
    "__module__",
    "__orig_bases__",
    "__parameters__",
    "__qualname__",
    "__slots__",
    "__static_attributes__",
    "__weakref__",
    "_abc_impl",
}

# Types with a repr that holds the whole value.
_READABLE = (
    enum.Enum,
    np.dtype,
    pathlib.PurePath,
    range,
    slice,
    types.GenericAlias,
    types.UnionType,
)


# Digests of tensors by their place in memory while tensors are remembered. The tensors stay alive, so that no new
# tensor gets the place of a deleted one.
_remembered: ContextVar[dict[Any, tuple[Any, str]] | None] = ContextVar("remembered", default=None)


class _Unknowable(Exception):
    """Values or code of an object cannot be inspected."""


def behaviour_digest(*objects: Any) -> str | None:
    """Hash objects with all values and code that their behaviour depends on.

    Parameters
    ----------
    *objects
        Numbers, strings, arrays, tensors, containers, functions, classes, torch modules, fitted
        estimators, transforms and objects made of those.

    Returns
    -------
    str or None
        Equal for equal behaviour, also in another process; None if a part cannot be inspected, such as an object of a
        compiled extension.
    """
    try:
        return digest(platform.python_version(), *_Describer().describe_all(objects))
    except (_Unknowable, RecursionError):
        return None


@contextmanager
def remembering_tensors() -> Iterator[None]:
    """Hash each tensor once in a block, for many digests of one network; the tensors must not change in the block."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def name_by_digest(name: str, fingerprint: str | None) -> str:
    """Name a model after its kind and a digest, so that two models of one kind have different names.

    Parameters
    ----------
    name : str
        Kind of the model, such as the name of its class.
    fingerprint : str or None
        Digest of everything that the model computes with.

    Returns
    -------
    str
        The kind with the first eight digits of a digest, such as ``ResNet-1f0c3a9b``.

    Raises
    ------
    ModelError
        If the model has no fingerprint.
    """
    if fingerprint is None:
        raise ModelError(
            f"{name} needs a name: its values and code cannot all be inspected to distinguish it from another "
            f"{name}; give identifier="
        )
    return f"{name}-{digest(fingerprint)[:8]}"


class _Describer:
    """Describes objects by values that JSON can hold; an object that occurs again is described by its number."""

    def __init__(self) -> None:
        # The objects stay alive, so that no new object gets the id of a deleted one.
        self._met: dict[int, tuple[int, Any]] = {}

    def describe_all(self, values: Iterable[Any]) -> list[Any]:
        return [self.describe(value) for value in values]

    def describe(self, value: Any) -> Any:
        if (
            value is None
            or value is Ellipsis
            or isinstance(value, bool | int | float | complex | str | bytes)
        ):
            if type(value).__module__ != "builtins":  # a subclass, such as numpy.float64 or an enum
                return [type(value).__qualname__, repr(value)]
            return [type(value).__name__, repr(value)]
        if isinstance(value, np.ndarray | np.generic):
            return self._array(np.asarray(value))
        if isinstance(value, _READABLE):
            return [type(value).__qualname__, repr(value)]
        if isinstance(value, weakref.ref):
            return self.describe(value())
        if isinstance(value, tuple | frozenset):
            # Never "met": whether equal constants are one object depends on how the code was loaded.
            return self._container(value)
        if id(value) in self._met:
            return ["met", self._met[id(value)][0]]
        self._met[id(value)] = (len(self._met), value)
        if isinstance(value, list | dict | set):
            return self._container(value)
        return self._by_kind(value)

    def _by_kind(self, value: Any) -> Any:
        if isinstance(value, types.ModuleType):
            library = _library(value.__name__)
            if library is None:
                raise _Unknowable(value.__name__)
            return ["module", value.__name__, library]
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return ["method", self.describe(value.__func__), self.describe(value.__self__)]
        if isinstance(value, staticmethod | classmethod):
            return [type(value).__name__, self.describe(value.__func__)]
        if isinstance(value, property):
            return ["property", *self.describe_all((value.fget, value.fset))]
        if isinstance(value, functools.cached_property):
            return ["cached_property", self.describe(value.func)]
        if isinstance(value, re.Pattern):
            return ["Pattern", *self.describe_all((value.pattern, value.flags))]
        if isinstance(value, functools.partial):
            return ["partial", *self.describe_all((value.func, value.args, value.keywords))]
        if isinstance(value, types.BuiltinFunctionType | np.ufunc | types.MethodDescriptorType):
            return self._builtin(value)
        torch = sys.modules.get("torch")
        if torch is not None:
            if isinstance(value, torch.Tensor):
                return self._tensor(torch, value)
            if isinstance(value, torch.nn.Module):
                return self._torch_module(torch, value)
            if isinstance(value, torch.dtype | torch.device | torch.layout | torch.memory_format):
                return ["torch", str(value)]
        return self._instance(value)

    def _array(self, array: np.ndarray) -> Any:
        if array.dtype.hasobject:
            return ["objects", array.shape, self.describe(array.tolist())]
        return ["array", digest(array)]

    def _tensor(self, torch: Any, tensor: Any) -> Any:
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            raise _Unknowable(str(tensor.layout))
        remembered = _remembered.get()
        # Not the id: a network makes new objects for its tensors at each call of state_dict().
        place = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.device)
        if remembered is not None and place in remembered:
            return ["tensor", str(tensor.dtype), list(tensor.shape), remembered[place][1]]
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        content = digest(flat.view(torch.uint8).numpy())
        if remembered is not None:
            remembered[place] = (tensor, content)
        return ["tensor", str(tensor.dtype), list(tensor.shape), content]

    def _container(self, value: Any) -> list[Any]:
        kind = [self.describe(type(value)), self.describe(getattr(value, "__dict__", None))]
        if isinstance(value, dict):
            return [*kind, [[self.describe(key), self.describe(entry)] for key, entry in value.items()]]
        described = self.describe_all(value)
        return [*kind, sorted(described, key=str) if isinstance(value, set | frozenset) else described]

    def _torch_module(self, torch: Any, module: Any) -> Any:
        attributes = dict(vars(module))
        parts = [attributes.pop(name, None) for name in ("_parameters", "_buffers", "_modules")]
        # Hooks are numbered in the order in which the process registered them.
        hooks = [list(attributes.pop(name, {}).values()) for name in ("_forward_hooks", "_forward_pre_hooks")]
        plain = vars(torch.nn.Module())
        own = {name: value for name, value in attributes.items() if name not in plain}
        return ["torch module", self.describe(type(module)), *self.describe_all((*parts, *hooks, own))]

    def _instance(self, value: Any) -> Any:
        cls = type(value)
        slots = [
            name
            for base in cls.__mro__
            for name in _as_tuple(vars(base).get("__slots__", ()))
            if name not in ("__dict__", "__weakref__")
        ]
        if not hasattr(value, "__dict__") and not slots:
            raise _Unknowable(cls.__qualname__)
        state = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        state |= getattr(value, "__dict__", {})
        return ["instance", self.describe(cls), self.describe(state)]

    def _class(self, cls: type) -> Any:
        name = self._name_if_library(cls)
        if name is not None:
            return name
        # Methods of a compiled class are of other types than Python functions, so describing them fails.
        members = {
            name: value
            for name, value in vars(cls).items()
            if name not in _NOT_BEHAVIOUR
            and not isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType)
        }
        return ["class", cls.__qualname__, self.describe(cls.__bases__), self.describe(members)]

    def _function(self, function: types.FunctionType) -> Any:
        name = self._name_if_library(function)
        if name is not None:
            return name
        names = set(_names(function.__code__))
        referred: list[Any] = []
        for global_name in sorted(names):
            if global_name in function.__globals__:
                value = function.__globals__[global_name]
                if isinstance(value, types.ModuleType) and _library(value.__name__) is None:
                    # A module of the user: only the attributes that the function uses.
                    used = sorted(name for name in names if hasattr(value, name))
                    attributes = [[name, self.describe(getattr(value, name))] for name in used]
                    referred.append([global_name, attributes])
                else:
                    referred.append([global_name, self.describe(value)])
        for imported in _imports(function.__code__):
            library = _library(imported)
            if library is None:
                raise _Unknowable(imported)
            referred.append(["import", imported, library])
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
        return [
            "function",
            self._code(function.__code__),
            referred,
            *self.describe_all((closure, function.__defaults__, function.__kwdefaults__)),
        ]

    def _code(self, code: types.CodeType) -> Any:
        constants = [
            self._code(constant) if isinstance(constant, types.CodeType) else self.describe(constant)
            for constant in code.co_consts
        ]
        return ["code", digest(code.co_code), constants, code.co_names, code.co_varnames]

    def _builtin(self, value: Any) -> Any:
        owner = getattr(value, "__self__", None)
        if isinstance(owner, types.ModuleType | type | None):
            module = (
                value.__module__
                if getattr(value, "__module__", None)
                else getattr(owner or getattr(value, "__objclass__", None) or type(value), "__module__", "")
            )
            library = _library(module or "")
            if library is not None:
                return ["builtin", module, getattr(value, "__qualname__", value.__name__), library]
        raise _Unknowable(repr(value))

    def _name_if_library(self, value: Any) -> Any:
        """Name a class or function of a library; None for code of the user and for objects made at run time."""
        library = _library(value.__module__ or "")
        if library is None:
            return None
        named: Any = sys.modules.get(value.__module__)
        for part in value.__qualname__.split("."):
            named = getattr(named, part, None)
        return [value.__module__, value.__qualname__, library] if named is value else None


def _library(module: str) -> str | None:
    """Return the name and version of the well-known library that a module is part of; None for other modules."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return "python"
    if top in LIBRARIES:
        return f"{top} {getattr(sys.modules.get(top), '__version__', 'unknown')}"
    return None


def _names(code: types.CodeType) -> Iterable[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _imports(code: types.CodeType) -> Iterable[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _imports(constant)


def _as_tuple(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)
