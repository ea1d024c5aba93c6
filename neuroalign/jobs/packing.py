"""Maker of messages to workers."""

import hashlib
import io
import pickle
import weakref
from typing import Any

import cloudpickle
import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.jobs.sending import Message

#: Arrays and texts of bytes from this size on are sent once, however many calls have them.
SHARED_BYTES = 100_000


class Packer:
    """Maker of messages.

    Datasets and stimulus sets are shared as objects, so that a worker derives their means, digests and latents once;
    arrays and bytes of at least :data:`SHARED_BYTES` are shared by their content.
    """

    def __init__(self) -> None:
        #: Messages of the shared objects by their keys; a message comes after the messages that it needs.
        self.shared: dict[str, Message] = {}
        #: Stimulus sets with images in the messages.
        self.stimuli: list[StimulusSet] = []
        self._objects: dict[int, tuple[object, str]] = {}
        self._arrays: dict[int, tuple[weakref.ref[Any], str]] = {}

    def pack(self, value: object) -> Message:
        """Make the message of an object, and the messages of the shared objects in it.

        Parameters
        ----------
        value : object

        Returns
        -------
        Message
        """
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, self, value)
        pickler.dump(value)
        return Message(buffer.getvalue(), tuple(pickler.keys))

    def share(self, value: Any) -> str | None:
        """Return the key of an object that messages share; None for other objects."""
        if isinstance(value, Dataset | StimulusSet):
            return self._share_object(value)
        if type(value) is np.ndarray:
            if value.dtype.hasobject or value.nbytes < SHARED_BYTES:
                return None
            reference, key = self._arrays.get(id(value), (None, ""))
            if reference is None or reference() is not value:
                key = self._share_content(value)
                self._arrays[id(value)] = (weakref.ref(value), key)
            return key
        if type(value) is bytes and len(value) >= SHARED_BYTES:
            return self._share_content(value)
        return None

    def _share_object(self, value: Dataset | StimulusSet) -> str:
        # The object stays alive beside its number, so that no other object gets the number.
        if id(value) not in self._objects:
            message = self.pack(value)
            key = _key(message.content, *(key.encode() for key in message.keys))
            self.shared[key] = message
            self._objects[id(value)] = (value, key)
            if isinstance(value, StimulusSet) and value.has_images and len(value):
                self.stimuli.append(value)
        return self._objects[id(value)][1]

    def _share_content(self, value: Any) -> str:
        content = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        key = _key(content)
        self.shared.setdefault(key, Message(content, ()))
        return key


class _Pickler(cloudpickle.Pickler):
    """Pickler that writes the keys of shared objects in place of the objects."""

    def __init__(self, buffer: io.BytesIO, packer: Packer, root: object) -> None:
        super().__init__(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        self.keys: dict[str, None] = {}
        self._packer, self._root = packer, root

    def persistent_id(self, value: Any) -> str | None:
        key = None if value is self._root else self._packer.share(value)
        if key is not None:
            self.keys[key] = None
        return key


def _key(*parts: bytes) -> str:
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part)
    return f"neuroalign-{hashed.hexdigest()}"
