"""SQLite index of the records in a results folder, so that queries read matching records only.

The JSON files are the records; the index is a copy of them that can be deleted at any time. Every query compares the
names, sizes and times of the files with the index, reads the files that are new or have changed, and drops the entries
of files that no longer exist. An index that is missing, damaged or of another version is built again. If the index
cannot be written, the query builds one in memory.

The index also counts the records: each new one gets a serial number that is larger than the numbers of all records
before. The order of records does not follow from the clock, which may be wrong. The numbers are near the microseconds
since 1970, so that the records of two folders that are merged are in the order of their times.
"""

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from neuroalign.files.home import TEMPORARY_PREFIX

#: Name of the file beside the folders of records.
INDEX = "index.sqlite3"

#: Largest serial number; SQLite has integers of 64 bits.
MOST = 2**62

#: Columns by which a query selects records.
SELECTABLE = ("dataset", "benchmark", "model", "family")

_VERSION = 3
_CREATE = """
CREATE TABLE records (
    path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, indexed INTEGER,
    key TEXT, serial INTEGER, dataset TEXT, benchmark TEXT, model TEXT, family TEXT, content BLOB, crc INTEGER
)
"""
_CREATE_COUNTER = "CREATE TABLE IF NOT EXISTS counter (last INTEGER)"
# Some disks store times in steps of two seconds: a file that changes right after it was read can keep its time. So
# files that were read less than two seconds after their last change are read again.
_COARSE_NS = 2_000_000_000
_WAIT_S = 5.0

State = tuple[int, int, int]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Entry:
    """One record in the index.

    Parameters
    ----------
    key : str
        Key of the score: the name of its file.
    serial : int
        Serial number of the record: the newest has the largest.
    dataset, benchmark, model, family : str
        Names by which a query selects records.
    content : bytes
        JSON of the record.
    """

    key: str
    serial: int
    dataset: str
    benchmark: str
    model: str
    family: str
    content: bytes


def select(
    folder: Path,
    read: Callable[[str], Entry],
    parse: Callable[[bytes], Parsed],
    errors: tuple[type[Exception], ...],
    equal: Mapping[str, str],
) -> tuple[list[tuple[str, Parsed]], list[tuple[str, Exception]]]:
    """Select records of a results folder, the newest first.

    Parameters
    ----------
    folder : Path
        Folder of the records, which also holds the index.
    read : callable
        Function that reads the record at a path.
    parse : callable
        Function that parses the content of an entry from `read`.
    errors : tuple of exception types
        Exceptions that `read` and `parse` raise for an unreadable record.
    equal : mapping of str to str
        Values that columns of :data:`SELECTABLE` must have.

    Returns
    -------
    records : list of (str, object)
        Key and parsed content of each selected record; of records with one serial number the smaller key comes first.
    unreadable : list of (str, Exception)
        Paths of the files that cannot be read, each with the reason.
    """
    states = dict(_scan(folder))
    if not states:
        return [], []
    path = folder / INDEX

    def run(target: str | Path) -> tuple[list[tuple[str, Parsed]], list[tuple[str, Exception]]]:
        with closing(sqlite3.connect(target, timeout=_WAIT_S, isolation_level=None)) as connection:
            unreadable = _update(connection, folder, states, read, errors)
            return [
                (key, parse(_sound(content, crc))) for key, content, crc in _query(connection, equal)
            ], unreadable

    damage: tuple[type[Exception], ...] = (sqlite3.DatabaseError, *errors)
    for _ in range(2):
        try:
            return run(path)
        except sqlite3.OperationalError:
            # The index is locked, or on a disk that cannot be written.
            break
        except damage:
            with suppress(OSError):
                path.unlink()
    return run(":memory:")


def next_serial(folder: Path) -> int:
    """Return a number for a new record that is larger than the numbers of all records that the index has seen.

    Parameters
    ----------
    folder : Path
        Folder of the records.

    Returns
    -------
    int
        Microseconds since 1970, or one more than the last number, if that is larger. Without an index that can be
        written, the microseconds.
    """
    now = time.time_ns() // 1000
    try:
        with closing(sqlite3.connect(folder / INDEX, timeout=_WAIT_S, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_CREATE_COUNTER)
            last = [connection.execute("SELECT max(last) FROM counter").fetchone()[0] or 0]
            with suppress(sqlite3.OperationalError):  # an index of another version, or a new one
                last.append(connection.execute("SELECT max(serial) FROM records").fetchone()[0] or 0)
            number = min(max(now, *(int(value) + 1 for value in last)), MOST)
            connection.execute("DELETE FROM counter")
            connection.execute("INSERT INTO counter VALUES (?)", (number,))
            connection.execute("COMMIT")
    except (sqlite3.Error, ValueError, TypeError):
        return now
    return number


def _sound(content: bytes, crc: int) -> bytes:
    """Return the content of an entry, after a comparison with its check sum."""
    if zlib.crc32(content) != crc:
        raise sqlite3.DatabaseError("the index is damaged")
    return content


def _scan(folder: Path) -> Iterator[tuple[str, State]]:
    """Yield the path of every record, relative to the folder, with the size and the times of its file."""
    # Path.glob takes longer than to read the records.
    with suppress(FileNotFoundError), os.scandir(folder) as subfolders:
        for subfolder in subfolders:
            if subfolder.is_dir():
                yield from _scan_subfolder(subfolder)


def _scan_subfolder(subfolder: "os.DirEntry[str]") -> Iterator[tuple[str, State]]:
    # A folder or a file may be removed by another process at any time.
    with suppress(FileNotFoundError), os.scandir(subfolder) as files:
        for file in files:
            if file.name.endswith(".json") and not file.name.startswith(TEMPORARY_PREFIX):
                with suppress(FileNotFoundError):
                    status = file.stat()
                    state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                    yield f"{subfolder.name}/{file.name}", state


def _update(
    connection: sqlite3.Connection,
    folder: Path,
    states: Mapping[str, State],
    read: Callable[[str], Entry],
    errors: tuple[type[Exception], ...],
) -> list[tuple[str, Exception]]:
    """Bring the index up to date, and return the files that cannot be read."""
    if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DROP TABLE IF EXISTS records")
        connection.execute(_CREATE)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    indexed = {
        path: (state, when)
        for path, *state, when in connection.execute(
            "SELECT path, size, modified, changed, indexed FROM records"
        )
    }
    gone = set(indexed) - set(states)
    fresh, unreadable = [], []
    for path, state in states.items():
        old_state, when = indexed.get(path, ([], 0))
        if old_state == list(state) and max(state[1:]) < when - _COARSE_NS:
            continue
        now = time.time_ns()
        try:
            entry = read(str(folder / path))
        except errors as error:
            if path in indexed:
                gone.add(path)
            if not isinstance(error, FileNotFoundError):
                unreadable.append((str(folder / path), error))
            continue
        names = (entry.dataset, entry.benchmark, entry.model, entry.family)
        crc = zlib.crc32(entry.content)
        fresh.append((path, *state, now, entry.key, entry.serial, *names, entry.content, crc))
    if fresh or gone:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM records WHERE path = ?", [(path,) for path in gone])
        marks = ", ".join("?" * 13)
        connection.executemany(f"INSERT OR REPLACE INTO records VALUES ({marks})", fresh)
        connection.execute("COMMIT")
    return sorted(unreadable, key=lambda item: item[0])


def _query(connection: sqlite3.Connection, equal: Mapping[str, str]) -> list[tuple[str, bytes, int]]:
    conditions = " AND ".join(f"{column} = ?" for column in SELECTABLE if column in equal)
    where = f" WHERE {conditions}" if conditions else ""
    values = [equal[column] for column in SELECTABLE if column in equal]
    order = " ORDER BY serial DESC, key, path"
    return connection.execute(f"SELECT key, content, crc FROM records{where}{order}", values).fetchall()
