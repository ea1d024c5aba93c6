"""Merge the results of others into the store, each record whole or not at all."""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from neuroalign.files.archives import is_hidden
from neuroalign.progress import progress
from neuroalign.results.exchange import array_files, records
from neuroalign.results.exchange.sources import Source, open_source
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore, now

#: Lists the SHA-256 of every file of an export, as ``sha256sum`` writes it.
SUMS = "SHA256SUMS"

_MAX_SUMS_BYTES = 1 << 28
_KEY = re.compile(r"[0-9a-f]{64}")
_SUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")

# What differs when one score is computed twice.
_OF_THE_RUN = {
    "created",
    "imported",
    "seconds",
    "latents_seconds",
    "python",
    "neuroalign",
    "numpy",
    "scipy",
    "xarray",
}


@dataclass
class ImportReport:
    """What became of each record, by its name in what was imported.

    Parameters
    ----------
    imported, duplicates : list of str
        New here; here already, with the same content.
    conflicts : mapping of str to str
        Here already with other content, and how they differ; ours were kept, or replaced if asked for.
    refused : mapping of str to str
        What is wrong with each.
    checked_sums : bool
        Whether the files came with their SHA-256.
    """

    imported: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    checked_sums: bool = False


def import_results(
    path: "str | os.PathLike[str]", *, store: ResultsStore | None = None, replace_ours: bool = False
) -> ImportReport:
    """Merge results of others into the store.

    Parameters
    ----------
    path : path
        A folder that was exported or copied from another store, a ZIP archive of one, or one record
        (``.json``, with its ``.nc`` beside it). It is not trusted.
    store : ResultsStore, optional
    replace_ours : bool
        Whether the other record wins where one of ours has the same key and other content.

    Returns
    -------
    ImportReport

    Raises
    ------
    UsageError
        If `path` is nothing of the kind.
    ArchiveError
        If an archive could do harm when unpacked.

    Notes
    -----
    A record is refused if it does not fit the schema, a number is not finite, its key is not the digest of
    what determines the score, a file is not the one that ``SHA256SUMS`` (if there is one) lists, or its
    arrays are anything but numbers and labels. What is taken in is written anew, so nothing else that
    a file may hold comes along.
    """
    source_path = Path(path)
    store = store or ResultsStore()
    report = ImportReport()
    with open_source(source_path) as source:
        names = source.names()
        try:
            sums = _read_sums(source, names)
        except ValueError as error:
            report.refused[SUMS] = str(error)
            return report
        report.checked_sums = sums is not None
        of_import = {"from": source_path.name, "at": now()}
        wanted = [each for each in names if each.endswith(".json") and not is_hidden(PurePosixPath(each))]
        for name in progress(wanted, description=f"importing {source_path.name}", unit="record"):
            try:
                key, score = _read(source, name, sums)
            except ValueError as error:
                report.refused[name] = str(error)
                continue
            score = replace(score, provenance={**score.provenance, "imported": of_import})
            ours = store.load(key)
            if ours is None:
                report.imported.append(name)
                store.save(key, score)
            elif difference := _difference(ours, score):
                report.conflicts[name] = difference
                if replace_ours:
                    store.save(key, score)
            else:
                report.duplicates.append(name)
    return report


def _read_sums(source: Source, names: list[str]) -> Mapping[str, str] | None:
    """Return the SHA-256 of each file by its name; None where there are none."""
    sums: dict[str, str] = {}
    files = [PurePosixPath(each) for each in names if PurePosixPath(each).name == SUMS]
    for file in files:
        for line in source.read(str(file), _MAX_SUMS_BYTES).decode("utf-8", "replace").splitlines():
            match = _SUM.fullmatch(line)
            if match is None:
                raise ValueError(f"cannot read the line {line[:80]!r}")
            sums[str(file.parent / match[2])] = match[1]
    return sums if files else None


def _read(source: Source, name: str, sums: Mapping[str, str] | None) -> tuple[str, Score]:
    """Read one record with its arrays; nothing of either is trusted."""
    path = PurePosixPath(name)
    if not _KEY.fullmatch(path.stem):
        raise ValueError("its name is not the key of a score (64 hexadecimal digits)")
    record = source.read(name, records.MAX_BYTES)
    _check_sum(name, record, sums)
    key, score = records.parse_record(record)
    if key != path.stem:
        raise ValueError(f"its name is not its key, {key}")
    arrays_name = str(path.with_suffix(".nc"))
    try:
        arrays = source.read(arrays_name, array_files.MAX_BYTES)
        _check_sum(arrays_name, arrays, sums)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "arrays.nc")
            file.write_bytes(arrays)
            return key, replace(score, data=array_files.read_arrays(file))
    except ValueError as error:
        raise ValueError(f"its arrays ({path.with_suffix('.nc').name}): {error}") from error


def _check_sum(name: str, content: bytes, sums: Mapping[str, str] | None) -> None:
    if sums is None:
        return
    if name not in sums:
        raise ValueError(f"it is not listed in {SUMS}")
    if hashlib.sha256(content).hexdigest() != sums[name]:
        raise ValueError(f"it has another SHA-256 than {SUMS} says: it was changed or damaged on the way")


def _difference(ours: Score, theirs: Score) -> str:
    """Say in words how two scores of one key differ; empty if they do not."""
    first, second = _content(ours), _content(theirs)
    if first["value"] != second["value"]:
        return f"ours is {ours.value:.6g}, theirs {theirs.value:.6g}"
    differing = [name for name in first if first[name] != second[name]]
    if differing:
        return f"they differ in {', '.join(differing)}"
    return "" if ours.data.equals(theirs.data) else "their arrays differ"


def _content(score: Score) -> dict[str, Any]:
    record = score.to_record()
    provenance = {name: each for name, each in record["provenance"].items() if name not in _OF_THE_RUN}
    return {**record, "provenance": provenance}
