"""Names behind a scheme, such as the networks behind ``timm:``, for messages about a name without its scheme."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from neuroalign.errors import NeuroalignError
from neuroalign.names.registry import models

Factory = TypeVar("Factory", bound=Callable[..., Any])

_LISTS: dict[Any, Callable[[], Iterable[str]]] = {}


def lists_names(names: Callable[[], Iterable[str]]) -> Callable[[Factory], Factory]:
    """Declare the names that the factory of a scheme accepts.

    Parameters
    ----------
    names : callable
        Function without arguments that returns the names behind the colon; it is called for messages only.
    """

    def add(factory: Factory) -> Factory:
        _LISTS[factory] = names
        return factory

    return add


def with_schemes(name: str) -> list[str]:
    """Return a name behind each scheme that has a model of this name.

    Parameters
    ----------
    name : str
        Name without a scheme, such as ``resnet18@layer3``.

    Returns
    -------
    list of str
        Such as ``["timm:resnet18@layer3", "torchvision:resnet18@layer3"]``.
    """
    base = name.partition("@")[0]
    suggestions = []
    for scheme in models.names():
        if scheme.endswith(":"):
            try:
                names = _LISTS.get(models.get(scheme))
                if names is not None and base in names():
                    suggestions.append(f"{scheme}{name}")
            except (NeuroalignError, ImportError):
                # The package of the scheme is not installed.
                continue
    return suggestions
