"""Store of scores in a folder: a JSON record and a netCDF file with its arrays for each score."""

import hashlib
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
from neuroalign.files.home import home, naming_full_disk, optional_writing
from neuroalign.files.netcdf import netcdf_bytes
from neuroalign.files.netcdf_reading import read_arrays, read_netcdf
from neuroalign.files.plain import open_plain
from neuroalign.results.index import MOST, SELECTABLE, Entry, next_serial, select
from neuroalign.results.record import Record
from neuroalign.results.record_files import replace_record, sound_arrays
from neuroalign.results.record_sums import expect_sealed, sealed
from neuroalign.results.score import Score, imported_from
from neuroalign.validation import check_names

#: Version of the layout of the records.
SCHEMA = 1

#: End of the names under which imported scores are stored beside the scores that were computed here.
IMPORTED = ".imported"

#: Fields of a stored record; a score of a family or a collection has the last two.
_FIELDS = {*Record.__struct_fields__, "instances", "members"}

Read = TypeVar("Read")


class ResultsStore:
    """Scores in a folder, each under the digest of everything that determines it.

    A record is written whole or not at all, its JSON file last, so that every record has its arrays. The JSON file
    holds the SHA-256 of its own content (see :mod:`neuroalign.results.record_sums`) and of the arrays (see
    :mod:`neuroalign.results.record_files` for their name), and each reading compares them. To merge two folders,
    copy one into the other. An index beside the records (see :mod:`neuroalign.results.index`) makes
    queries fast. A score of another laboratory has the name KEY.imported, so that it neither replaces a score that was
    computed here nor stands for one.

    Parameters
    ----------
    folder : Path, optional
        Folder of the records; by default ``results`` in the neuroalign folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = home() / "results" if folder is None else Path(folder)

    def new_serial(self) -> int | None:
        """Return a serial number for the scores of one command; None if the folder cannot be written."""
        with optional_writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            return next_serial(self.folder)
        return None

    def save(self, key: str, score: Score, *, serial: int | None = None) -> None:
        """Write a score under its key; an earlier score under the key stays until the new one is complete.

        Parameters
        ----------
        key : str
        score : Score
        serial : int, optional
            Number from :meth:`new_serial`, so that the order of scores does not depend on the order in which several
            processes store them; by default a new one.

        Raises
        ------
        FullDiskError
            If the disk is full; the earlier score stays.
        """
        path = self._path(key)
        arrays = netcdf_bytes(score.data)
        sha256 = hashlib.sha256(arrays).hexdigest()
        with naming_full_disk(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        name = key.removesuffix(IMPORTED)
        record = {"schema": SCHEMA, "key": name, **score.to_record(), "arrays_sha256": sha256}
        record["serial"] = next_serial(self.folder) if serial is None else serial
        replace_record(path, sealed(record), arrays, sha256)

    def keep(self, key: str, score: Score, *, serial: int | None = None) -> None:
        """Write a score as :meth:`save` does, or warn if the folder cannot be written."""
        with optional_writing():
            self.save(key, score, serial=serial)

    def load(self, key: str) -> Score | None:
        """Return the score under this key with its arrays; None if it is missing or cannot be read."""
        path = self._path(key)
        if not path.is_file():
            return None

        def read(content: bytes) -> Score:
            record = _parse_sound(content, key)
            return Score.from_record(record, read_netcdf(sound_arrays(path, record)))

        try:
            return _read_settled(path, read)
        except _UNREADABLE as error:
            if isinstance(error, FileNotFoundError) and not path.exists():
                return None  # another command has just cleared the results
            _warn_unreadable([(path, error)], self.folder)
            return None

    def load_own(self, key: str) -> Score | None:
        """Return the score under this key as :meth:`load` does; None if it was imported."""
        score = self.load(key)
        # Earlier versions stored imported scores under the keys of computed ones.
        return None if score is None or imported_from(score) else score

    def load_imported(self, key: str) -> Score | None:
        """Return the imported score for a key; None without one."""
        score = self.load(f"{key}{IMPORTED}")
        if score is None and (earlier := self.load(key)) is not None and imported_from(earlier):
            return earlier
        return score

    def load_arrays(self, key: str) -> xr.Dataset:
        """Return the arrays of the score under this key, without attributes.

        Raises
        ------
        ArrayError
            If the arrays are missing or cannot be read, or differ from the arrays that the score was stored with.
        """
        path = self._path(key)
        try:
            return _read_settled(
                path, lambda content: read_arrays(sound_arrays(path, _parse_sound(content, key)))
            )
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
            path, lambda content: (content, sound_arrays(path, _parse_sound(content, key)).read_bytes())
        )

    def items(self, **equal: str) -> Iterator[tuple[str, Score]]:
        """Yield key and score of every readable record, without its arrays, the newest first.

        The order follows from the serial number of a record. Records of earlier versions have no such number: the time
        in their provenance stands for it or, without one, the time of the file.

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
    identity: str,
    decoder: str | None,
    dataset: str,
    dataset_hash: str,
    benchmark: str,
    benchmark_version: int,
    options: Mapping[str, Any],
    join: str,
) -> str:
    """Return the digest of everything that determines a score.

    Parameters
    ----------
    identity : str
        Identity of the latents: a digest of the fingerprint of the model and of its stimuli, or of the latents.
    """
    # Lists, because JSON has no tuples.
    texts = {name: str(list(value) if isinstance(value, tuple) else value) for name, value in options.items()}
    return digest(
        model,
        family,
        identity,
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


def _parse_sound(content: bytes, key: str) -> dict[str, Any]:
    """Read a record from its file, after a comparison with its sum and its name."""
    record = _parse(content)
    # A damaged name of the field with the sum would make a record of an earlier version of this one.
    if unknown := sorted(set(record) - _FIELDS):
        raise ValueError(f"it has the unknown field {printable(unknown[0])!r:.80}, so that it is damaged")
    expect_sealed(content)
    if record["key"] != key.removesuffix(IMPORTED):
        raise ValueError(f"its name must be its key, got {printable(str(record['key'])):.80}")
    return record


def _parse_score(content: bytes) -> Score:
    return Score.from_record(_parse(content))


def _read_entry(path: str) -> Entry:
    content, key = _read(path), Path(path).stem
    record = _parse_sound(content, key)
    score = Score.from_record(record)
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
    return Entry(key, _serial(record, path), *names, content)


def _serial(record: Mapping[str, Any], path: str) -> int:
    """Return the serial number of a record."""
    serial = record.get("serial")
    if isinstance(serial, int) and 0 <= serial <= MOST:
        return serial
    # Records of earlier versions have a time, or none; the time of a file is the time of its last copy.
    try:
        created = datetime.fromisoformat(record["provenance"]["created"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        created = os.stat(path).st_mtime
    return round(created * 1e6)


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
