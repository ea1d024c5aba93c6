"""Registered readers, and recognition of the format of a file."""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from neuroalign.datasets.formats.reader import ArrayReader, Reader, RecordingReader
from neuroalign.datasets.formats.unknown_files import explain_unknown
from neuroalign.errors import DatasetError, NeuroalignError, NeuroalignWarning, UsageError, unknown_name
from neuroalign.files.plain import oddity
from neuroalign.names.foreign_code import foreign_code
from neuroalign.names.registry import readers

#: Number of bytes at the start of a file that signatures are compared with.
_START = 128


class _ReaderFailedError(NeuroalignError):
    """A reader raised another error than neuroalign's, which say that a file cannot be read."""


def get_reader(format: str) -> ArrayReader | RecordingReader:
    """Return the reader that is registered for a format.

    Parameters
    ----------
    format : str

    Raises
    ------
    UnknownNameError
        If no reader is registered under this name.
    UsageError
        If the reader cannot be imported or made, or is of another type.
    """
    if format not in readers:
        raise unknown_name("format", format, readers.names())
    return _instance(format, readers.get(format))


def all_readers() -> dict[str, ArrayReader | RecordingReader]:
    """Return every registered reader by the name of its format; a broken reader is skipped with a warning."""
    instances = {}
    for name, registered in readers.items():
        try:
            instances[name] = _instance(name, registered)
        except UsageError as error:
            warnings.warn(f"skipped: {error}", NeuroalignWarning, stacklevel=2)
    return instances


def detect_format(paths: Sequence[Path], stated: str | None = None) -> str:
    """Return the name of the format of one or several files, which must all have the same format.

    Parameters
    ----------
    paths : sequence of Path
    stated : str, optional
        Name that the user gave; the content is then not looked at.

    Raises
    ------
    UnknownNameError
        If no reader is registered under the stated name.
    DatasetError
        If a file does not exist, no reader or several recognise it, or files have different formats.
    """
    for path in paths:
        # First, because a link that leads to itself counts as missing.
        if kind := oddity(path):
            raise DatasetError(f"{path} must be a file or a folder of files, got {kind}")
        if not path.exists():
            raise DatasetError(f"{path} does not exist")
    if stated is not None:
        get_reader(stated)
        return stated
    registered = all_readers()
    path_of: dict[str, Path] = {}
    for path in paths:
        path_of.setdefault(_detect(path, registered), path)
    if len(path_of) > 1:
        (a, first), (b, second) = list(path_of.items())[:2]
        raise DatasetError(f"all responses must be in one format: {first} is {a}, {second} is {b}")
    return next(iter(path_of))


def _detect(path: Path, registered: dict[str, ArrayReader | RecordingReader]) -> str:
    start = b""
    if not path.is_dir():
        with path.open("rb") as file:
            start = file.read(_START)
        if not start:
            raise DatasetError(f"{path} is empty")
    suffix = path.suffix.lower()
    named = {name: reader for name, reader in registered.items() if isinstance(reader, RecordingReader)}
    names = [name for name, reader in registered.items() if start.startswith(reader.signatures)]
    if not named.keys() & set(names):
        names = [name for name, reader in named.items() if _recognises(name, reader, path)] or names
    if not named.keys() & set(names) and (advice := _advice(path, registered)):
        raise DatasetError(advice)
    names = names or [
        name for name, reader in registered.items() if name not in named and _recognises(name, reader, path)
    ]
    if names == ["hdf5"]:
        _refuse_unknown(path)
    names = names or [
        name for name, reader in registered.items() if suffix in reader.suffixes and not reader.must_be_named
    ]
    if not names:
        _refuse_unknown(path)
        raise DatasetError(
            f"cannot recognise the format of {path}; name it with --format {'|'.join(registered)}, if it is one of "
            "these"
        )
    names = [name for name in names if not registered[name].must_be_named] or names
    if len(names) > 1:
        raise DatasetError(
            f"{path} could be in the formats {' and '.join(names)}; name one with --format {'|'.join(names)}"
        )
    reader = registered[names[0]]
    if reader.must_be_named:
        raise DatasetError(f"{path} is {reader.title}, which {reader.must_be_named}")
    return names[0]


def _refuse_unknown(path: Path) -> None:
    """Raise an error that names the type of a file, if it is known, and the lines of code that convert it."""
    explained = explain_unknown(path)
    if explained is not None:
        raise DatasetError(f"{path} is {explained}")


def better_format(path: Path, stated: str) -> str:
    """Return advice on a file or folder that the user reads in a format that does not show its meaning.

    Parameters
    ----------
    path : Path
    stated : str
        Name of the format that the user gave.

    Returns
    -------
    str
        Sentence that names a format with stimuli and neurons that recognises the content, or the path to give
        instead; empty if there is none.
    """
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return ""
    registered = {name: reader for name, reader in all_readers().items() if name != stated}
    try:
        for name, reader in registered.items():
            if isinstance(reader, RecordingReader) and _recognises(name, reader, path):
                return f"leave --format out: {path.name} has the format {name}, {reader.title}"
        return _advice(path, registered)
    except (NeuroalignError, OSError):
        return ""


def _advice(path: Path, registered: dict[str, ArrayReader | RecordingReader]) -> str:
    """Return the first advice of a reader on a path that belongs to its format; empty text if there is none."""
    for name, reader in registered.items():
        try:
            with _looking(name, path):
                advice = reader.advice(path)
        except _ReaderFailedError as error:
            warnings.warn(str(error), NeuroalignWarning, stacklevel=3)
            continue
        if advice:
            return advice
    return ""


def _recognises(name: str, reader: Reader, path: Path) -> bool:
    try:
        with _looking(name, path):
            return reader.recognises(path)
    except _ReaderFailedError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        warnings.warn(str(error), NeuroalignWarning, stacklevel=3)
        return False


def _looking(name: str, path: Path) -> AbstractContextManager[None]:
    return foreign_code(f"the reader {name!r} failed to look at {path}, so it is skipped", _ReaderFailedError)


def _instance(name: str, registered: object) -> ArrayReader | RecordingReader:
    reader = registered
    if isinstance(registered, type):
        with foreign_code(f"the reader {name!r} cannot be made", UsageError):
            reader = registered()
    if not isinstance(reader, ArrayReader | RecordingReader):
        raise UsageError(
            f"the reader {name!r} must be an ArrayReader or a RecordingReader of neuroalign, got "
            f"{type(reader).__name__}"
        )
    return reader
