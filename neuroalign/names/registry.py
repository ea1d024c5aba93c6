"""Names for models, datasets and benchmarks: decorators, entry points, and near misses.

A third party registers in one of two ways. In its own code::

    @neuroalign.register_model("my_model")
    def my_model(): ...

or, so that neuroalign finds it once it is installed, as an entry point in its ``pyproject.toml``::

    [project.entry-points."neuroalign.models"]
    my_model = "my_package.models:my_model"

A plug-in is imported only when its name is used.
"""

import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from neuroalign.errors import NeuroalignWarning, UnknownNameError, UsageError, unknown_name

Registered = TypeVar("Registered")


class Registry:
    """The registered names of one kind of thing.

    Parameters
    ----------
    kind : str
        What is registered, in the singular: "model", "dataset", "benchmark".
    group : str
        Entry-point group.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._objects: dict[str, Any] = {}
        self._broken: set[str] = set()
        self._found: dict[str, EntryPoint] | None = None

    def register(self, name: str) -> Callable[[Registered], Registered]:
        """Register the decorated object as `name`.

        Raises
        ------
        UsageError
            If the name is empty, has a character that a name cannot have, or is taken in this process.
        """
        if not name or set(name) & set("[]+,= \t\n"):
            raise UsageError(f"{name!r} cannot name a {self.kind}: leave out spaces and [ ] + , =")

        def add(registered: Registered) -> Registered:
            taken = self._objects.get(name)
            if taken is not None and taken is not registered and not _is_reload(taken, registered):
                raise UsageError(f"the {self.kind} {name!r} is registered already; choose another name")
            self._objects[name] = registered
            return registered

        return add

    def names(self) -> list[str]:
        """Return all registered names, sorted, without importing any plug-in."""
        return sorted(set(self._objects) | set(self._entry_points()))

    def __contains__(self, name: str) -> bool:
        return name in self._objects or name in self._entry_points()

    def get(self, name: str) -> Any:
        """Return what is registered as `name`, importing its plug-in if need be.

        Raises
        ------
        UnknownNameError
            Naming the nearest registered names.
        UsageError
            If the plug-in that provides it fails to import.
        """
        if name in self._objects:
            return self._objects[name]
        entry_point = self._entry_points().get(name)
        if entry_point is None:
            raise self.unknown(name)
        try:
            self._objects[name] = entry_point.load()
        except Exception as error:
            raise UsageError(
                f"the {self.kind} {name!r} comes from {entry_point.value!r}, which fails to import: "
                f"{type(error).__name__}: {error}"
            ) from error
        return self._objects[name]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Yield (name, object) for all that can be imported; the rest warn once and are skipped."""
        for name in self.names():
            if name in self._broken:
                continue
            try:
                yield name, self.get(name)
            except UsageError as error:
                self._broken.add(name)
                warnings.warn(f"skipped: {error}", NeuroalignWarning, stacklevel=2)

    def unknown(self, name: str, also: Iterable[str] = ()) -> UnknownNameError:
        """Make the error for an unknown name, with the nearest known ones."""
        return unknown_name(self.kind, name, [*self.names(), *also])

    def _entry_points(self) -> dict[str, EntryPoint]:
        if self._found is None:
            self._found = {}
            for entry_point in entry_points(group=self.group):
                other = self._found.get(entry_point.name)
                if other is not None and other.value != entry_point.value:
                    # Ours keeps its name: a plug-in that is merely installed must not change what a name means.
                    keep, drop = sorted(
                        (other, entry_point), key=lambda each: not each.value.startswith("neuroalign.")
                    )
                    warnings.warn(
                        f"two plug-ins register the {self.kind} {entry_point.name!r}: "
                        f"{keep.value!r} is used, {drop.value!r} is not",
                        NeuroalignWarning,
                        stacklevel=3,
                    )
                    entry_point = keep
                self._found[entry_point.name] = entry_point
        return self._found


def _is_reload(old: Any, new: Any) -> bool:
    same = ("__module__", "__qualname__")
    return all(getattr(old, each, old) == getattr(new, each, new) for each in same)


models = Registry("model", "neuroalign.models")
datasets = Registry("dataset", "neuroalign.datasets")
benchmarks = Registry("benchmark", "neuroalign.benchmarks")
reducers = Registry("reducer", "neuroalign.reducers")
adapters = Registry("adapter", "neuroalign.adapters")
readers = Registry("reader", "neuroalign.readers")

register_model = models.register
register_dataset = datasets.register
register_benchmark = benchmarks.register
register_reducer = reducers.register
register_adapter = adapters.register
register_reader = readers.register
