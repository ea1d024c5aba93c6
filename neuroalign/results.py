"""The store of scores: one small JSON record and one netCDF with its arrays for each score."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neuroalign.errors import NeuroalignWarning
from neuroalign.home import TEMPORARY_PREFIX, atomic_path, home
from neuroalign.netcdf import read_netcdf
from neuroalign.scores import Score

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
        """Write a score under its key."""
        folder = self.folder / key[:2]
        with atomic_path(folder / f"{key}.nc") as temporary:
            score.data.to_netcdf(temporary, engine="h5netcdf")
        record = {"schema": SCHEMA, "key": key, **score.to_record()}
        with atomic_path(folder / f"{key}.json") as temporary:
            temporary.write_text(json.dumps(record, indent=1, default=str, allow_nan=False), encoding="utf-8")

    def load(self, key: str) -> Score | None:
        """Return the score under this key; None where there is none that can be read."""
        path = self.folder / key[:2] / f"{key}.json"
        record = self._read_record(path) if path.is_file() else None
        if record is None:
            return None
        try:
            return Score.from_record(record, read_netcdf(path.with_suffix(".nc")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            _warn_unreadable(path, error)
            return None

    def scores(self) -> Iterator[Score]:
        """Yield every readable score, without its arrays, the newest first."""
        paths = [path for path in self.folder.glob("*/*.json") if not path.name.startswith(TEMPORARY_PREFIX)]
        for path in sorted(paths, key=lambda each: (-each.stat().st_mtime_ns, each.name)):
            record = self._read_record(path)
            if record is None:
                continue
            try:
                yield Score.from_record(record)
            except (KeyError, TypeError, ValueError) as error:
                _warn_unreadable(path, error)

    def _read_record(self, path: Path) -> dict[str, Any] | None:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(record, dict) or record.get("schema") != SCHEMA:
                raise ValueError(f"not a record of schema {SCHEMA}")
        except (OSError, ValueError) as error:
            _warn_unreadable(path, error)
            return None
        return record


def _warn_unreadable(path: Path, error: Exception) -> None:
    reason = f"it lacks {error}" if isinstance(error, KeyError) else error
    warnings.warn(f"ignored an unreadable record {path}: {reason}", NeuroalignWarning, stacklevel=3)
