"""Checks that every reader of a file format must pass."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroalign.arrays import validate_recording
from neuroalign.datasets.formats.bare import BareArray
from neuroalign.datasets.formats.detect import get_reader
from neuroalign.datasets.formats.reader import ArrayReader, RecordingParts, RecordingReader
from neuroalign.errors import ArrayError, DatasetError, NeuroalignError, UsageError
from neuroalign.testing.checking import error_of, expect, expect_same, run_checks

# Bytes of a file that stay when the rest is overwritten: enough for the signature of a format.
_KEPT = 16


@dataclass(frozen=True)
class ReaderCase:
    """A reader with a sound file.

    Parameters
    ----------
    reader : ArrayReader or RecordingReader
    path : Path
        File or folder that the reader can read.
    options : mapping of str to object
        Value of every option that the reader declares.
    """

    reader: ArrayReader | RecordingReader
    path: Path
    options: Mapping[str, Any]

    def read(self, path: Path | None = None) -> BareArray | RecordingParts:
        """Read the sound file, or another one."""
        source = self.path if path is None else path
        if isinstance(self.reader, ArrayReader):
            return self.reader.read(source, self.options)
        return self.reader.read([source], self.options)


def check_reader(
    reader: str | ArrayReader | RecordingReader,
    path: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    only: Iterable[str] | None = None,
) -> None:
    """Check the reader of a file format, as a test of a plug-in.

    Parameters
    ----------
    reader : str, ArrayReader or RecordingReader
        Registered name of a format, such as "csv", or an object.
    path : str or Path
        Small file or folder in this format. The checks damage copies of it.
    options : mapping of str to object, optional
        Options of the reader that the file needs, by name.
    only : iterable of str, optional
        Names of the checks to run, such as "damaged_file_is_an_error"; all by default.

    Raises
    ------
    CheckError
        Naming each check that failed, the fault and its remedy. The checks are the functions in
        ``neuroalign.testing.READER_CHECKS``.
    NeuroalignError
        If the format is unknown, the path does not exist, or an option is not declared.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from neuroalign.testing import check_reader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "responses.npy"
    ...     np.save(path, np.arange(12.0).reshape(4, 3))
    ...     check_reader("npy", path)
    """
    loaded = get_reader(reader) if isinstance(reader, str) else reader
    source = Path(path)
    if not source.exists():
        raise DatasetError(f"{source} does not exist; give a small file in the format of the reader")
    given = dict(options or {})
    undeclared = set(given) - {option.name for option in loaded.options}
    if undeclared:
        raise UsageError(f"options must be declared by the reader, got {', '.join(sorted(undeclared))}")
    values = {option.name: option.parse(given.get(option.name)) for option in loaded.options}
    name = reader if isinstance(reader, str) else type(loaded).__name__
    case = ReaderCase(loaded, source, values)
    run_checks(f"check_reader({name})", READER_CHECKS, lambda: (case,), only)


def reader_is_declared(case: ReaderCase) -> None:
    """Check the declarations that recognition and help texts use."""
    reader = case.reader
    expect(
        bool(getattr(reader, "title", "").strip()),
        "title must name the format for people, got no text",
    )
    for suffix in reader.suffixes:
        expect(
            suffix.startswith(".") and suffix == suffix.lower(),
            f"suffixes must be in lower case with their dot, got {suffix!r}",
        )
    for signature in reader.signatures:
        expect(
            isinstance(signature, bytes) and bool(signature),
            f"signatures must be bytes, got {signature!r}",
        )
    names = [option.name for option in reader.options]
    expect(len(names) == len(set(names)), "options must have different names")
    expect("recording" in reader.gives, f"gives must contain 'recording', got {reader.gives}")


def file_is_recognised(case: ReaderCase) -> None:
    """Check that first bytes, content or file name show the format, unless the user must name it."""
    if case.reader.must_be_named:
        return
    start = b"" if case.path.is_dir() else case.path.read_bytes()[:128]
    by_signature = any(start.startswith(signature) for signature in case.reader.signatures)
    by_suffix = case.path.suffix.lower() in case.reader.suffixes
    expect(
        by_signature or by_suffix or case.reader.recognises(case.path),
        f"{case.path.name} must be recognised; declare a signature or a suffix, or override recognises()",
    )


def other_files_are_not_recognised(case: ReaderCase) -> None:
    """Check that content of no format is not recognised, and does not make recognition fail."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other.bin"
        other.write_bytes(bytes(range(1, 200)))
        empty = Path(folder) / "empty"
        empty.mkdir()
        for path in (other, empty):
            expect(
                not case.reader.recognises(path),
                f"{'an empty folder' if path.is_dir() else 'random bytes'} must not be recognised; return False "
                "unless the content shows the format",
            )


def content_is_labelled(case: ReaderCase) -> None:
    """Check that the content is a valid recording, or an array of numbers with labels that fit."""
    content = case.read()
    if isinstance(content, RecordingParts):
        try:
            validate_recording(content.recording)
        except ArrayError as error:
            raise AssertionError(f"{error}; make recordings with neuroalign.arrays.recording") from error
        for name in ("stimulus_id", "neuroid_id"):
            kind = content.recording[name].values.dtype.kind
            expect(
                kind in "UT", f"{name} must be text, got dtype kind {kind!r}; convert ids with astype(str)"
            )
        return
    expect(
        isinstance(content, BareArray),
        f"read() must return BareArray or RecordingParts, got {type(content).__name__}",
    )
    values = np.asarray(content.values)
    expect(values.dtype.kind in "fiub", f"values must be real numbers, got {values.dtype}")
    for axis, labels in content.labels.items():
        expect(
            len(labels) == values.shape[axis],
            f"labels of axis {axis} must be {values.shape[axis]}, got {len(labels)}",
        )
        expect(
            np.asarray(labels).dtype.kind in "UT",
            f"labels of axis {axis} must be text; convert with astype(str)",
        )


def content_is_deterministic(case: ReaderCase) -> None:
    """Check that a file is read in the same way twice."""
    first, second = _array(case.read()), _array(case.read())
    expect_same(second, first, "two reads must give the same values; read files in sorted order")


def notes_are_sentences(case: ReaderCase) -> None:
    """Check that notes on the choices of the reader are sentences with a full stop."""
    content = case.read()
    notes = content.notes if isinstance(content, RecordingParts) else [content.note or "None."]
    for note in notes:
        expect(
            note.endswith(".") and "\n" not in note,
            f"a note must be a line that ends with a full stop, got {note!r}",
        )


def file_is_not_changed(case: ReaderCase) -> None:
    """Check that reading leaves the file as it is."""
    before = _bytes(case.path)
    case.read()
    expect(_bytes(case.path) == before, "reading must not change the file; open it for reading only")


def damaged_file_is_an_error(case: ReaderCase) -> None:
    """Check that overwritten content gives an error that names the file."""

    def overwrite(content: bytes) -> bytes:
        return content[:_KEPT] + b"\xff" * max(len(content) - _KEPT, _KEPT)

    error = _error_of_damage(case, overwrite, "a file with overwritten content")
    expect(error is not None, "a file with overwritten content must be an error; raise DatasetError")


def cut_file_is_an_error_or_a_recording(case: ReaderCase) -> None:
    """Check that half a file gives an error of one line, or a recording, and no other error."""
    _error_of_damage(case, lambda content: content[: len(content) // 2], "half a file")


def empty_file_is_an_error(case: ReaderCase) -> None:
    """Check that a file without content gives an error of one line."""
    error = _error_of_damage(case, lambda content: b"", "an empty file")
    expect(error is not None, "an empty file must be an error; raise DatasetError")


#: Checks of a reader, each a function of a :class:`ReaderCase`; :func:`check_reader` runs all of them.
READER_CHECKS = (
    reader_is_declared,
    file_is_recognised,
    other_files_are_not_recognised,
    content_is_labelled,
    content_is_deterministic,
    notes_are_sentences,
    file_is_not_changed,
    damaged_file_is_an_error,
    cut_file_is_an_error_or_a_recording,
    empty_file_is_an_error,
)


def _array(content: BareArray | RecordingParts) -> np.ndarray:
    return np.asarray(content.recording if isinstance(content, RecordingParts) else content.values)


def _bytes(path: Path) -> list[bytes]:
    """Return the bytes of a file, or of all files of a folder."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [file.read_bytes() for file in files]


def _error_of_damage(
    case: ReaderCase, damage: Callable[[bytes], bytes], situation: str
) -> NeuroalignError | None:
    """Read a copy with damaged content; of a folder, all files are damaged."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / case.path.name
        if case.path.is_dir():
            shutil.copytree(case.path, copy)
        else:
            shutil.copy(case.path, copy)
        for file in [copy] if copy.is_file() else [path for path in copy.rglob("*") if path.is_file()]:
            file.write_bytes(damage(file.read_bytes()))
        return error_of(lambda: case.read(copy), situation)
