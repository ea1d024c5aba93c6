"""Checks that several adapters make, and their messages."""

import difflib
import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from neuroalign.errors import NeuroalignWarning, UnknownNameError, name_some, unknown_name


def refuse_unknown(owner: str, factory: Callable[..., Any], options: Iterable[str]) -> None:
    """Raise an error for options that are not keyword-only parameters of `factory`.

    `as_model` offers every object to every adapter, so an adapter must accept any options until it recognises the
    object.

    Parameters
    ----------
    owner : str
        Object that the options belong to, for the message.
    factory : callable
    options : iterable of str

    Raises
    ------
    UnknownNameError
        With the nearest option.
    """
    accepted = [
        name
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in accepted:
            raise unknown_name(f"option of {owner}", option, accepted)


def comes_from(package: str, obj: object) -> bool:
    """Return whether an object is a class from a package, or an instance of one, or of a class derived from one.

    Only names are compared, so the package is not imported.
    """
    cls = obj if isinstance(obj, type) else type(obj)
    return any(base.__module__.partition(".")[0] == package for base in cls.__mro__)


def unknown_among_many(kind: str, name: str, accepted: Sequence[str]) -> UnknownNameError:
    """Return the error for an unknown name where there are too many names to list.

    Parameters
    ----------
    kind : str
        Kind of the named thing.
    name : str
        The unknown name.
    accepted : sequence of str
        All names of this kind.

    Returns
    -------
    UnknownNameError
        With up to three similar names, or otherwise the first eight.
    """
    # A layer is often both a module and a node of the graph.
    near = difflib.get_close_matches(name, list(dict.fromkeys(accepted)), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {name_some(accepted, most=8)}"
    return UnknownNameError(f"no {kind} is called {name!r}; {hint}")


def one_line(error: Exception) -> str:
    """Return the class and the message of another library's error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def warn_of_random_numbers(identifier: str, part: str, seed: int, is_seedable: bool) -> None:
    """Warn that a part of a model draws random numbers.

    Parameters
    ----------
    identifier : str
        Name of the model.
    part : str
        "the network" or "the preprocessing".
    seed : int
        Seed of the random numbers.
    is_seedable : bool
        Whether the same seed gives the same result.
    """
    consequence = (
        f"each stimulus gets its own, from seed={seed}"
        if is_seedable
        else "no seed reaches them, so latents differ from run to run"
    )
    warnings.warn(
        f"{identifier}: {part} draws random numbers; {consequence}, and latents are not cached",
        NeuroalignWarning,
        stacklevel=3,
    )
