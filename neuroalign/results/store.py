"""Store of scores in a folder: a JSON record and a netCDF file with its arrays for each score."""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import xarray as xr

from neuroalign.errors import ArrayError, NeuroalignWarning, printable
from neuroalign.files.digests import digest
from neuroalign.files.home import home, optional_writing
from neuroalign.files.netcdf import netcdf_bytes
from neuroalign.files.netcdf_reading import read_arrays, read_netcdf
from neuroalign.files.plain import open_plain
from neuroalign.results.index import SELECTABLE, Entry, select
from neuroalign.results.record_files import replace_record, sound_arrays
from neuroalign.results.score import Score
from neuroalign.validation import check_names

#: Version of the layout of the records.
SCHEMA = 1

Read = TypeVar("Read")


class ResultsStore:
    """Scores in a folder, each under the digest of everything that determines it.

    A record is written whole or not at all, its JSON file last, so that every record has its arrays. The JSON file
    holds the SHA-256 of the arrays; see :mod:`neuroalign.results.record_files` for their name. To merge two folders,
    copy one into the other. An index beside the records (see :mod:`neuroalign.results.index`) makes
    queries fast.

    Parameters
    ----------
    folder : Path, optional
        Folder of the records; by default ``results`` in the neuroalign folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = home() / "results" if folder is None else Path(folder)

    def save(self, key: str, score: Score) -> None:
        """Write a score under its key; an earlier score under the key stays until the new one is complete.

        Raises
        ------
        FullDiskError
            If the disk is full; the earlier score stays.
        """
        path = self._path(key)
        arrays = netcdf_bytes(score.data)
        sha256 = hashlib.sha256(arrays).hexdigest()
        record = {"schema": SCHEMA, "key": key, **score.to_record(), "arrays_sha256": sha256}
        content = json.dumps(record, indent=1, default=str, allow_nan=False)
        replace_record(path, content, arrays, sha256)

    def keep(self, key: str, score: Score) -> None:
        """Write a score as :meth:`save` does, or warn if the folder cannot be written."""
        with optional_writing():
            self.save(key, score)

    def load(self, key: str) -> Score | None:
        """Return the score under this key with its arrays; None if it is missing or cannot be read."""
        path = self._path(key)
        if not path.is_file():
            return None

        def read(content: bytes) -> Score:
            record = _parse(content)
            return Score.from_record(record, read_netcdf(sound_arrays(path, record)))

        try:
            return _read_settled(path, read)
        except _UNREADABLE as error:
            _warn_unreadable([(path, error)], self.folder)
            return None

    def load_arrays(self, key: str) -> xr.Dataset:
        """Return the arrays of the score under this key, without attributes.

        Raises
        ------
        ArrayError
            If the arrays are missing or cannot be read, or differ from the arrays that the score was stored with.
        """
        path = self._path(key)
        try:
            return _read_settled(path, lambda content: read_arrays(sound_arrays(path, _parse(content))))
        except _UNREADABLE as error:
            raise ArrayError(f"the arrays in {path.with_suffix('.nc')} cannot be read: {error}") from error

    def files(self, key: str) -> tuple[bytes, bytes]:
        """Return the content of the record under this key, and of the file with its arrays.

        Raises
        ------
        OSError, ValueError
            If a file is missing or cannot be read, or the arrays are not those that the score was stored with.
        """
        path = self._path(key)
        return _read_settled(
            path, lambda content: (content, sound_arrays(path, _parse(content)).read_bytes())
        )

    def items(self, **equal: str) -> Iterator[tuple[str, Score]]:
        """Yield key and score of every readable record, without its arrays, the newest first.

        The age of a score follows from the time in its provenance or, without one, from the time of its file.

        Parameters
        ----------
        **equal : str
            Names that the scores must have, by the keywords ``dataset``, ``benchmark``, ``model`` and ``family``.

        Raises
        ------
        UnknownNameError
            If a keyword is not one of these four.
        """
        check_names(equal, SELECTABLE, "selection of scores")
        records, unreadable = select(self.folder, _read_entry, _parse_score, _UNREADABLE, equal)
        _warn_unreadable(unreadable, self.folder)
        yield from records

    def scores(self, **equal: str) -> Iterator[Score]:
        """Yield every readable score, without its arrays, the newest first.

        Parameters
        ----------
        **equal : str
            As for :meth:`items`.
        """
        for _, score in self.items(**equal):
            yield score

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def score_key(
    *,
    model: str,
    family: str,
    latents_hash: str,
    decoder: str | None,
    dataset: str,
    dataset_hash: str,
    benchmark: str,
    benchmark_version: int,
    options: Mapping[str, Any],
    join: str,
) -> str:
    """Return the digest of everything that determines a score."""
    # Lists, because JSON has no tuples.
    texts = {name: str(list(value) if isinstance(value, tuple) else value) for name, value in options.items()}
    return digest(
        model,
        family,
        latents_hash,
        decoder,
        dataset,
        dataset_hash,
        benchmark,
        benchmark_version,
        texts,
        join,
    )


_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    msgspec.DecodeError,
)


def _read(path: str | Path) -> bytes:
    with open_plain(path) as file:
        return file.read()


def _read_settled(path: Path, read: Callable[[bytes], Read]) -> Read:
    """Read a record with a function, and again if another process replaced the record meanwhile."""
    content = _read(path)
    while True:
        try:
            return read(content)
        except _UNREADABLE:
            before, content = content, _read(path)
            if content == before:
                raise


def _parse(content: bytes) -> dict[str, Any]:
    record = msgspec.json.decode(content)
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ValueError(f"not a record of schema {SCHEMA}")
    return record


def _parse_score(content: bytes) -> Score:
    return Score.from_record(_parse(content))


def _read_entry(path: str) -> Entry:
    content = _read(path)
    record = _parse(content)
    score = Score.from_record(record)
    key = Path(path).stem
    names = (score.dataset, score.benchmark, score.model, score.family)
    for field, name in zip(SELECTABLE, names, strict=True):
        # One bad name must not stop the leaderboards of its dataset: they group by these names and print them.
        if (
            (not name.strip() and field != "family")
            or printable(name) != name
            or "\n" in name
            or "\t" in name
        ):
            raise ValueError(f"its {field} must be a name of visible characters, got {printable(name)!r:.80}")
    return Entry(key, _created(record, path), *names, content)


def _created(record: Mapping[str, Any], path: str) -> float:
    """Return when a score was computed, in seconds since 1970."""
    # Records of earlier versions have no time; the time of a file is the time of its last copy.
    try:
        return datetime.fromisoformat(record["provenance"]["created"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return os.stat(path).st_mtime


def now() -> str:
    """Return the present time in the format of provenance: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


def _warn_unreadable(unreadable: Sequence[tuple[str | Path, Exception]], folder: Path) -> None:
    if not unreadable:
        return
    path, error = unreadable[0]
    reason = f"its field {error} is missing" if isinstance(error, KeyError) else error
    if len(unreadable) == 1:
        message = f"ignored an unreadable record {path}: {reason}"
    else:
        message = f"ignored {len(unreadable):,} unreadable records in {folder}, the first {path}: {reason}"
    warnings.warn(message, NeuroalignWarning, stacklevel=3)
