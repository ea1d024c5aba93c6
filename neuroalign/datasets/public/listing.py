"""List of the public recordings: addresses, sizes and checksums of their files, import options, licence, citation.

The list has no part of the recordings. Collections, such as the sessions of one laboratory, have a name of their own.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from neuroalign.errors import unknown_name

#: The list that neuroalign brings.
LISTED = Path(__file__).with_name("recordings.toml")


@dataclass(frozen=True)
class PublicFile:
    """One file of a public recording.

    Attributes
    ----------
    url : str
        Address at a fixed version.
    n_bytes : int
    sha256 : str
        64 hexadecimal digits.
    """

    url: str
    n_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """Name of the file, the last part of its address."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True)
class PublicRecording:
    """One public recording, which becomes one dataset.

    Attributes
    ----------
    name : str
        Name of the dataset.
    summary : str
        Neurons, stimuli and trials, in a few words.
    description, source, licence, citation : str
        Information that is stored with the dataset and printed.
    responses : tuple of PublicFile
    images : PublicFile or None
    options : mapping
        Further arguments of :func:`neuroalign.import_dataset`.
    """

    name: str
    summary: str
    description: str
    source: str
    licence: str
    citation: str
    responses: tuple[PublicFile, ...]
    images: PublicFile | None
    options: Mapping[str, Any]

    @property
    def files(self) -> tuple[PublicFile, ...]:
        """All files of the recording."""
        return self.responses if self.images is None else (*self.responses, self.images)

    @property
    def n_bytes(self) -> int:
        """Size of all files together."""
        return sum(file.n_bytes for file in self.files)


def collections() -> Mapping[str, tuple[PublicRecording, ...]]:
    """Return the public recordings by the name of their collection, in the order of the list.

    A collection with one recording has the name of this recording.
    """
    return _read(LISTED)


def public_names() -> list[str]:
    """Return the names of all public recordings, and of the collections with several recordings."""
    names = []
    for name, members in collections().items():
        names += [name, *(member.name for member in members if member.name != name)]
    return names


def members_of(name: str) -> tuple[PublicRecording, ...]:
    """Return the recordings for a name: all of a collection, or one.

    Raises
    ------
    UnknownNameError
        If no public recording and no collection has this name; the message gives the nearest names.
    """
    if name in collections():
        return collections()[name]
    for members in collections().values():
        for member in members:
            if member.name == name:
                return (member,)
    raise unknown_name("public recording", name, public_names())


@cache
def _read(path: Path) -> Mapping[str, tuple[PublicRecording, ...]]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return MappingProxyType({name: _members(table) for name, table in content.items()})


def _members(table: dict[str, Any]) -> tuple[PublicRecording, ...]:
    root = table["root"]
    return tuple(
        PublicRecording(
            name=entry["name"],
            summary=entry["summary"],
            description=f"{table['description']} {entry['summary']}.",
            source=table["source"],
            licence=table["licence"],
            citation=table["citation"],
            responses=tuple(_file(root, file) for file in entry["responses"]),
            images=_file(root, entry["images"]) if "images" in entry else None,
            options=MappingProxyType({**table.get("options", {}), **entry.get("options", {})}),
        )
        for entry in table["recordings"]
    )


def _file(root: str, file: dict[str, Any]) -> PublicFile:
    return PublicFile(url=root + file["path"], n_bytes=file["bytes"], sha256=file["sha256"])
