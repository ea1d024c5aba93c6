"""Registry of names: models, datasets, benchmarks, reducers and adapters.

A third party registers in one of two ways. In its own code::

    @neuroalign.register_model("my_model")
    def my_model(): ...

or, so that neuroalign finds it once it is installed, as an entry point in its ``pyproject.toml``::

    [project.entry-points."neuroalign.models"]
    my_model = "my_package.models:my_model"

A plug-in is imported only when its name is used. :meth:`Registry.registered` registers a name for a ``with`` statement
alone, as tests need it.
"""

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from neuroalign.errors import (
    NeuroalignError,
    NeuroalignWarning,
    UnknownNameError,
    UsageError,
    unknown_name,
)
from neuroalign.names.docstrings import read_docstring
from neuroalign.names.foreign_code import foreign_code

Registered = TypeVar("Registered")


class Registry:
    """Registered names of one kind of object.

    Parameters
    ----------
    kind : str
        Noun for the registered objects, in the singular: "model", "dataset", "benchmark".
    group : str
        Group of entry points by which installed packages register objects.
    accepts : callable, optional
        Function that returns whether an object of an entry point can be of this kind.
    noun : str
        Description of such objects, such as "a class or function".
    """

    def __init__(
        self, kind: str, group: str, accepts: Callable[[Any], bool] | None = None, noun: str = ""
    ) -> None:
        self.kind = kind
        self.group = group
        self._accepts, self._noun = accepts, noun
        self._objects: dict[str, Any] = {}
        self._broken: set[str] = set()
        self._plugins: dict[str, EntryPoint] | None = None

    def register(self, name: str) -> Callable[[Registered], Registered]:
        """Register the decorated object as `name`.

        Raises
        ------
        UsageError
            If the name is empty, has a character with a meaning in ``neuroalign.names.syntax``, or is registered
            for another object in this process.
        """
        if not isinstance(name, str) or not name or set(name) & set("[]+,='\" \t\n"):
            raise UsageError(
                f"the name of a {self.kind} must be text without spaces, quotes and [ ] + , =, got {name!r}"
            )

        def add(registered: Registered) -> Registered:
            taken = self._objects.get(name)
            if taken is not None and taken is not registered and not _is_reload(taken, registered):
                raise UsageError(f"the {self.kind} {name!r} is registered already; choose another name")
            self._objects[name] = registered
            return registered

        return add

    @contextmanager
    def registered(self, name: str, item: Registered) -> Iterator[Registered]:
        """Register an object as `name` until the ``with`` statement ends.

        Parameters
        ----------
        name : str
        item : object
            Object that :meth:`get` returns for the name.

        Yields
        ------
        object
            The registered object.

        Raises
        ------
        UsageError
            As by :meth:`register`.

        Examples
        --------
        >>> from neuroalign.names.registry import models
        >>> with models.registered("edges", lambda: None):
        ...     "edges" in models
        True
        >>> "edges" in models
        False
        """
        before = self._objects.get(name)
        self.register(name)(item)
        try:
            yield item
        finally:
            if before is None:
                self._objects.pop(name, None)
            else:
                self._objects[name] = before

    def names(self) -> list[str]:
        """Return all registered names, sorted, without importing any plug-in."""
        return sorted(set(self._objects) | set(self._entry_points()))

    def __contains__(self, name: str) -> bool:
        return name in self._objects or name in self._entry_points()

    def get(self, name: str) -> Any:
        """Return the object that is registered as `name`; its plug-in is imported at first use.

        Raises
        ------
        UnknownNameError
            If the name is not registered; the message names the nearest registered names.
        UsageError
            If the plug-in that provides it fails to import, or provides an object of another kind.
        """
        if name in self._objects:
            return self._objects[name]
        entry_point = self._entry_points().get(name)
        if entry_point is None:
            raise self.unknown(name)
        source = f"the {self.kind} {name!r} comes from {entry_point.value!r}, which"
        try:
            with foreign_code(f"{source} fails to import"):
                loaded = entry_point.load()
        except NeuroalignError as error:
            text = f"{source} fails to import: {type(error).__name__}: {error}"
            raise UsageError(str(error) if str(error).startswith(source) else text) from error
        if self._accepts is not None and not self._accepts(loaded):
            got = f"the class {loaded.__name__}" if isinstance(loaded, type) else type(loaded).__name__
            raise UsageError(f"{source} must be {self._noun}, got {got}")
        self._objects[name] = loaded
        return loaded

    def items(self) -> Iterable[tuple[str, Any]]:
        """Yield name and object of every plug-in that can be imported; a warning names each of the others once."""
        for name in self.names():
            if name in self._broken:
                continue
            try:
                item = self.get(name)
            except UsageError as error:
                self.skip(name, error)
                continue
            yield name, item

    def docstrings(self) -> Iterator[tuple[str, str]]:
        """Yield name and docstring of every plug-in, as :meth:`items` yields objects.

        The docstrings of objects that come with neuroalign are read from their source files, without an import:
        the objects themselves need torch and other large libraries.
        """
        for name in self.names():
            place = self._entry_points()[name].value if self.is_own(name) else ""
            text = read_docstring(place) if place and name not in self._objects else None
            if text is None:
                if name in self._broken:
                    continue
                try:
                    text = inspect.getdoc(self.get(name)) or ""
                except UsageError as error:
                    self.skip(name, error)
                    continue
            yield name, text

    def skip(self, name: str, error: NeuroalignError) -> None:
        """Leave a broken plug-in out of :meth:`items` from now on, with a warning that has the reason."""
        if name not in self._broken:
            self._broken.add(name)
            warnings.warn(f"skipped: {error}", NeuroalignWarning, stacklevel=3)

    def is_installed(self, name: str) -> bool:
        """Return whether a name belongs to an installed package of a third party."""
        entry_point = self._entry_points().get(name)
        return entry_point is not None and not entry_point.value.startswith("neuroalign.")

    def is_own(self, name: str) -> bool:
        """Return whether a name comes with neuroalign itself."""
        entry_point = self._entry_points().get(name)
        return entry_point is not None and entry_point.value.startswith("neuroalign.")

    def unknown(self, name: str, also: Iterable[str] = ()) -> UnknownNameError:
        """Make the error for an unknown name, which names the nearest registered names and those in `also`."""
        return unknown_name(self.kind, name, [*self.names(), *also])

    def _entry_points(self) -> dict[str, EntryPoint]:
        if self._plugins is None:
            # Assigned when it is complete: another thread must not see a part.
            plugins: dict[str, EntryPoint] = {}
            for entry_point in entry_points(group=self.group):
                other = plugins.get(entry_point.name)
                if other is not None and other.value != entry_point.value:
                    # An installed package must not change the meaning of a name that neuroalign registers.
                    keep, drop = sorted(
                        (other, entry_point), key=lambda plugin: not plugin.value.startswith("neuroalign.")
                    )
                    warnings.warn(
                        f"two plug-ins register the {self.kind} {entry_point.name!r}: "
                        f"{keep.value!r} is used, {drop.value!r} is not",
                        NeuroalignWarning,
                        stacklevel=3,
                    )
                    entry_point = keep
                plugins[entry_point.name] = entry_point
            self._plugins = plugins
        return self._plugins


def _is_reload(old: Any, new: Any) -> bool:
    same = ("__module__", "__qualname__")
    return all(getattr(old, name, old) == getattr(new, name, new) for name in same)


def _has(*members: str) -> Callable[[Any], bool]:
    """Return a test for classes, functions, and objects with one of some members."""
    return lambda item: (
        not inspect.isabstract(item)
        and (callable(item) or any(hasattr(type(item), member) for member in members))
    )


def _is_benchmark(item: Any) -> bool:
    made = item if isinstance(item, type) else type(item)
    return hasattr(made, "score") and hasattr(made, "options") and not inspect.isabstract(made)


models = Registry(
    "model",
    "neuroalign.models",
    _has("latents", "instances"),
    "a model, a family without abstract methods, or a function that returns one of both",
)
datasets = Registry(
    "dataset", "neuroalign.datasets", _has("recording_hash"), "a dataset, or a function that returns one"
)
benchmarks = Registry(
    "benchmark", "neuroalign.benchmarks", _is_benchmark, "a class derived from neuroalign.Benchmark"
)
reducers = Registry("reducer", "neuroalign.reducers", callable, "a class or a function")
adapters = Registry("adapter", "neuroalign.adapters", callable, "a function")
readers = Registry("reader", "neuroalign.formats", _has("recognises"), "a reader, or its class")

register_model = models.register
register_dataset = datasets.register
register_benchmark = benchmarks.register
register_reducer = reducers.register
register_adapter = adapters.register
register_reader = readers.register


def list_models() -> list[str]:
    """Return the names of the registered models and families, sorted.

    Returns
    -------
    list of str
        A name that ends in a colon is a scheme, such as ``timm:``, which a name of its own follows.

    Examples
    --------
    >>> import neuroalign as na
    >>> "beta_vae" in na.list_models()
    True
    """
    return models.names()


def list_benchmarks() -> list[str]:
    """Return the names of the registered benchmarks, sorted.

    Returns
    -------
    list of str
        Without options.

    Examples
    --------
    >>> import neuroalign as na
    >>> "alignment" in na.list_benchmarks()
    True
    """
    return benchmarks.names()
