"""What adapters check, and how they explain it: whose object it is, unknown names, others' errors."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from neuroalign.errors import UnknownNameError, name_some, unknown_name


def refuse_unknown(what: str, factory: Callable[..., Any], options: Iterable[str]) -> None:
    """Raise an error for options that are not keyword-only parameters of `factory`.

    Every adapter is asked about every object, so it must take any options until it knows that the
    object is its own.

    Parameters
    ----------
    what : str
        What the options are of, for the message.
    factory : callable
    options : iterable of str

    Raises
    ------
    UnknownNameError
        Naming the nearest option.
    """
    known = [
        name
        for name, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise unknown_name(f"option of {what}", option, known)


def comes_from(package: str, obj: object) -> bool:
    """Whether the class of an object, or the object as a class, derives from one of a package.

    Only names are looked at, so the package is not imported.
    """
    cls = obj if isinstance(obj, type) else type(obj)
    return any(base.__module__.partition(".")[0] == package for base in cls.__mro__)


def unknown_among_many(kind: str, name: str, known: Sequence[str]) -> UnknownNameError:
    """Make the error for an unknown name among more than one line holds.

    Parameters
    ----------
    kind : str
        What would have the name.
    name : str
    known : sequence of str

    Returns
    -------
    UnknownNameError
        Naming what is near, else the first few.
    """
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {name_some(known, most=8)}"
    return UnknownNameError(f"no {kind} is called {name!r}; {hint}")


def one_line(error: Exception) -> str:
    """Write another library's error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
