"""Messages to workers: pickled calls, in which large objects that several calls share stand once."""

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """Pickled object without the large objects in it.

    Parameters
    ----------
    content : bytes
        Pickled object.
    keys : tuple of str
        Keys of the shared objects in it, each of which has a message of its own.
    """

    content: bytes
    keys: tuple[str, ...]


class _Unpickler(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, shared: Mapping[str, Any]) -> None:
        super().__init__(buffer)
        self._shared = shared

    def persistent_load(self, key: str) -> Any:
        return self._shared[key]


def unpack(message: Message, *shared: Any) -> Any:
    """Return the object of a message.

    Parameters
    ----------
    message : Message
        Message of this command; messages of strangers must not be unpacked.
    *shared : object
        Shared objects in the order of ``message.keys``.
    """
    return _Unpickler(io.BytesIO(message.content), dict(zip(message.keys, shared, strict=True))).load()


def describe_call(function: Callable[..., Any], positional: Sequence[Any], _: Mapping[str, Any]) -> str:
    """Return the name of a function with the identifier of its first argument, for messages."""
    name = getattr(function, "__name__", type(function).__name__)
    identifier = getattr(positional[0], "identifier", None) if positional else None
    return name if identifier is None else f"{name} of {identifier}"
