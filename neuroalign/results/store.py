"""The store of scores: one small JSON record and one netCDF with its arrays for each score."""

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from neuroalign.errors import ArrayError, NeuroalignWarning
from neuroalign.files.digests import digest
from neuroalign.files.home import TEMPORARY_PREFIX, atomic_path, home
from neuroalign.files.netcdf import read_arrays, read_netcdf
from neuroalign.results.score import Score

#: Raised when the layout of the records changes.
SCHEMA = 1


class ResultsStore:
    """Scores in a folder, each under the digest of everything that determines it.

    Records are written whole or not at all, the JSON last: a record without its arrays does not
    exist. Two folders merge by copying one into the other.

    Parameters
    ----------
    folder : Path, optional
        By default ``results`` in the neuroalign folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = home() / "results" if folder is None else Path(folder)

    def save(self, key: str, score: Score) -> None:
        """Write a score under its key, in place of one that may be there."""
        path = self._path(key)
        # A process that is killed between the two must not leave arrays beside numbers that they do not belong to.
        path.unlink(missing_ok=True)
        with atomic_path(path.with_suffix(".nc")) as temporary:
            score.data.to_netcdf(temporary, engine="h5netcdf")
        record = {"schema": SCHEMA, "key": key, **score.to_record()}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(record, indent=1, default=str, allow_nan=False), encoding="utf-8")

    def load(self, key: str) -> Score | None:
        """Return the score under this key; None where there is none that can be read."""
        path = self._path(key)
        if not path.is_file():
            return None
        try:
            return Score.from_record(_read(path), read_netcdf(path.with_suffix(".nc")))
        except _UNREADABLE as error:
            _warn_unreadable([(path, error)], self.folder)
            return None

    def load_arrays(self, key: str) -> xr.Dataset:
        """Return the arrays of the score under this key, without attributes.

        Raises
        ------
        ArrayError
            If there are none that can be read.
        """
        path = self._path(key).with_suffix(".nc")
        try:
            return read_arrays(path)
        except _UNREADABLE as error:
            raise ArrayError(f"the arrays in {path} cannot be read: {error}") from error

    def items(self) -> Iterator[tuple[str, Score]]:
        """Yield key and score of every readable record, without its arrays, the newest first.

        Newest by the time of its provenance, or by that of its file where that says nothing.
        """
        unreadable: list[tuple[str | Path, Exception]] = []
        found: list[tuple[float, str, Score]] = []
        for key, path in self._files():
            try:
                record = _read(path)
                found.append((-_created(record, path), key, Score.from_record(record)))
            except _UNREADABLE as error:
                unreadable.append((path, error))
        _warn_unreadable(unreadable, self.folder)
        for _, key, score in sorted(found, key=lambda each: each[:2]):
            yield key, score

    def scores(self) -> Iterator[Score]:
        """Yield every readable score, without its arrays, the newest first."""
        for _, score in self.items():
            yield score

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def _files(self) -> Iterator[tuple[str, str]]:
        """Yield the key and the path of every record."""
        # Not glob, nor a Path for each: they take as long as reading the records does.
        with suppress(FileNotFoundError):
            for folder in sorted(os.scandir(self.folder), key=lambda each: each.name):
                if folder.is_dir():
                    for name in sorted(os.listdir(folder.path)):
                        if name.endswith(".json") and not name.startswith(TEMPORARY_PREFIX):
                            yield name.removesuffix(".json"), os.path.join(folder.path, name)


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


_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def _read(path: str | Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        record = json.loads(file.read())
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise ValueError(f"not a record of schema {SCHEMA}")
    return record


def _created(record: Mapping[str, Any], path: str) -> float:
    """Return when a score was computed, in seconds since 1970."""
    # Earlier versions did not record it; a file's time is that of its last copy.
    try:
        return datetime.fromisoformat(record["provenance"]["created"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return os.stat(path).st_mtime


def now() -> str:
    """Return the time, as provenance has it: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


def _warn_unreadable(unreadable: Sequence[tuple[str | Path, Exception]], folder: Path) -> None:
    if not unreadable:
        return
    path, error = unreadable[0]
    reason = f"it lacks {error}" if isinstance(error, KeyError) else error
    if len(unreadable) == 1:
        message = f"ignored an unreadable record {path}: {reason}"
    else:
        message = f"ignored {len(unreadable):,} unreadable records in {folder}, the first {path}: {reason}"
    warnings.warn(message, NeuroalignWarning, stacklevel=3)
