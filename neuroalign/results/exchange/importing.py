"""Import of records and arrays of others into the store, each record whole or not at all."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import msgspec

from neuroalign.errors import printable
from neuroalign.files.archives import is_hidden
from neuroalign.files.sums import SUMS, parse_sums
from neuroalign.progress import progress
from neuroalign.results.agreement import conflict
from neuroalign.results.exchange import array_files, records
from neuroalign.results.exchange.sources import Source, open_source
from neuroalign.results.score import Score
from neuroalign.results.store import IMPORTED, ResultsStore, now

_MAX_SUMS_BYTES = 1 << 28
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass
class ImportReport:
    """Outcome of an import, by the names of the imported files.

    Parameters
    ----------
    imported : list of str
        Records that are new in the store.
    duplicates : list of str
        Records that the store had with the same content.
    conflicts : mapping of str to str
        Records with other numbers than a record of the store with the same key, each with the difference. A record that
        was computed here always stays; a record that was imported before stays unless the call asked for the new one.
    refused : mapping of str to str
        Records that failed a check, each with the reason.
    checked_sums : bool
        Whether the files came with their SHA-256 sums.
    """

    imported: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    checked_sums: bool = False


def import_records(
    path: "str | os.PathLike[str]",
    *,
    check: Callable[[Score], None],
    store: ResultsStore,
    replace_imported: bool = False,
) -> ImportReport:
    """Put records of others beside the scores of the store.

    Parameters
    ----------
    path : path
        Untrusted source: a folder that was exported or copied from another store, a ZIP archive of such a folder, or
        one record (``.json``, with its ``.nc`` beside it).
    check : callable
        Function that raises a ValueError, with the reason, for a score that must not be imported.
    store : ResultsStore
        Store that receives the records.
    replace_imported : bool
        Whether a record replaces a record that was imported before, with the same key and other numbers. A score that
        was computed here is never replaced.

    Returns
    -------
    ImportReport

    Raises
    ------
    UsageError
        If `path` is missing or of another kind.
    ArchiveError
        If an archive could do harm when unpacked.

    Notes
    -----
    A record is refused if it does not fit the schema, a number is not finite, its key is not the digest of everything
    that determines the score, a file differs from its sum in ``SHA256SUMS`` (if there is one), its arrays hold anything
    but numbers and labels, or `check` refuses it. Imported scores are written again, so nothing else that a file may
    hold comes along.
    """
    source_path = Path(path)
    report = ImportReport()
    with open_source(source_path) as source:
        names = source.names()
        try:
            sums = _read_sums(source, names)
        except ValueError as error:
            report.refused[SUMS] = str(error)
            return report
        report.checked_sums = sums is not None
        origin = {"from": printable(source_path.resolve().name), "at": now()}
        # The scores that others have imported are not theirs.
        wanted = [
            name
            for name in names
            if name.endswith(".json")
            and not name.endswith(f"{IMPORTED}.json")
            and not is_hidden(PurePosixPath(name))
        ]
        for name in progress(wanted, description=f"importing {source_path.name}", unit="record"):
            try:
                key, score = _read(source, name, sums)
                check(score)
            except ValueError as error:
                report.refused[name] = str(error)
                continue
            score = replace(score, provenance={**score.provenance, "imported": origin})
            own = store.load_own(key)
            stored = store.load_imported(key) if own is None else own
            difference = "" if stored is None else conflict(stored, score)
            if stored is None:
                report.imported.append(name)
            elif difference:
                report.conflicts[name] = (
                    difference if own else difference.replace("ours", "the earlier import", 1)
                )
            else:
                report.duplicates.append(name)
            if stored is None or (difference and own is None and replace_imported):
                store.save(f"{key}{IMPORTED}", score)
    return report


def _read_sums(source: Source, names: list[str]) -> Mapping[str, str] | None:
    """Return the SHA-256 of each file by its name; None without a file of sums."""
    sums: dict[str, str] = {}
    files = [PurePosixPath(name) for name in names if PurePosixPath(name).name == SUMS]
    for file in files:
        listed = parse_sums(source.read(str(file), _MAX_SUMS_BYTES).decode("utf-8", "replace"))
        sums |= {str(file.parent / name): sha256 for name, sha256 in listed.items()}
    return sums if files else None


def _read(source: Source, name: str, sums: Mapping[str, str] | None) -> tuple[str, Score]:
    """Read one record with its arrays from an untrusted source."""
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
        arrays, arrays_name = _read_arrays_file(
            source, path, msgspec.json.decode(record).get("arrays_sha256")
        )
        _check_sum(arrays_name, arrays, sums)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "arrays.nc")
            file.write_bytes(arrays)
            return key, replace(score, data=array_files.read_arrays(file))
    except ValueError as error:
        raise ValueError(f"its arrays ({PurePosixPath(arrays_name).name}): {error}") from error


def _read_arrays_file(source: Source, path: PurePosixPath, sha256: str | None) -> tuple[bytes, str]:
    """Return content and name of the file with the arrays of a record; a copied store can hold it under two names."""
    plain = str(path.with_suffix(".nc"))
    if sha256 is None:
        return source.read(plain, array_files.MAX_BYTES), plain
    own = str(path.with_name(f"{path.stem}.{sha256[:16]}.nc"))
    try:
        return source.read(own, array_files.MAX_BYTES), own
    except ValueError:
        content = source.read(plain, array_files.MAX_BYTES)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("must be the arrays of this record, got other content")
    return content, plain


def _check_sum(name: str, content: bytes, sums: Mapping[str, str] | None) -> None:
    if sums is None:
        return
    if name not in sums:
        raise ValueError(f"it is not listed in {SUMS}")
    if hashlib.sha256(content).hexdigest() != sums[name]:
        raise ValueError(f"its SHA-256 must be the one in {SUMS}: the file was changed or damaged on the way")
