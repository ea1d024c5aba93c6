"""Tests of queries of a results folder with a fresh, stale, damaged, locked or missing index."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import xarray as xr

from neuroalign.errors import NeuroalignWarning, UnknownNameError
from neuroalign.results.index import INDEX
from neuroalign.results.record_sums import sealed
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_score

OPENED: list[str] = []
sys.addaudithook(lambda event, args: OPENED.append(str(args[0])) if event == "open" else None)


@pytest.fixture
def store(tmp_path):
    store = ResultsStore(tmp_path / "results")
    arrays = xr.Dataset({"alignment": ("neuroid", [0.1, 0.2])})
    store.save("aa01", make_score(1.0, dataset="d", benchmark="b", model="m1", family="f1"))
    store.save("aa02", make_score(2.0, dataset="d", benchmark="c", model="m1", family="f1"))
    store.save("bb03", make_score(3.0, dataset="e", benchmark="b", model="m2", family="f2", data=arrays))
    return store


def values(store, **equal):
    return sorted(score.value for score in store.scores(**equal))


def record_of(store, key):
    return store.folder / key[:2] / f"{key}.json"


@pytest.mark.parametrize(
    ("equal", "expected"),
    [
        ({}, [1.0, 2.0, 3.0]),
        ({"dataset": "d"}, [1.0, 2.0]),
        ({"benchmark": "b"}, [1.0, 3.0]),
        ({"dataset": "d", "benchmark": "b"}, [1.0]),
        ({"model": "m2"}, [3.0]),
        ({"family": "f1"}, [1.0, 2.0]),
        ({"dataset": "d' OR '1'='1"}, []),
        ({"dataset": "d", "model": "m2"}, []),
    ],
)
def test_scores_are_selected_by_their_names(store, equal, expected):
    for _ in range(2):
        assert values(store, **equal) == expected
    assert [key for key, _ in store.items(model="m2")] == ["bb03"]


def test_scores_are_not_selected_by_other_names(store):
    with pytest.raises(
        UnknownNameError, match=r"no selection of scores is called 'datset'; did you mean dataset\?"
    ):
        list(store.items(datset="d"))


def test_an_index_is_filled_by_the_first_query(store):
    list(store.scores())
    with sqlite3.connect(store.folder / INDEX) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (3,)


def test_a_folder_without_records_gets_no_index(tmp_path):
    assert list(ResultsStore(tmp_path).scores()) == []
    assert list(ResultsStore(tmp_path / "missing").scores()) == []
    assert list(tmp_path.iterdir()) == []


def test_records_are_not_opened_again_once_their_files_are_old_enough(store):
    # Times of files are as coarse as two seconds, so younger files may change without another time.
    time.sleep(2.1)
    assert values(store) == [1.0, 2.0, 3.0]
    store.save("cc04", make_score(4.0))
    OPENED.clear()
    assert values(store) == [1.0, 2.0, 3.0, 4.0]
    assert [path for path in OPENED if path.endswith(".json")] == [str(record_of(store, "cc04"))]


def test_a_changed_removed_or_new_record_is_found(store):
    assert values(store) == [1.0, 2.0, 3.0]
    store.save("aa01", make_score(9.0))
    record_of(store, "aa02").unlink()
    store.save("cc04", make_score(4.0))
    assert values(store) == [3.0, 4.0, 9.0]


def test_a_record_of_the_same_size_and_time_is_found(store):
    path = record_of(store, "aa01")
    before = path.stat()
    assert values(store) == [1.0, 2.0, 3.0]
    path.write_text(sealed({**json.loads(path.read_text()), "value": 7.0}))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert values(store) == [2.0, 3.0, 7.0]


def test_a_folder_that_was_merged_by_copying_is_found(store, tmp_path):
    other = ResultsStore(tmp_path / "other")
    other.save("aa09", make_score(9.0, dataset="d"))
    other.save("bb03", make_score(8.0, dataset="d"))
    assert values(store) == [1.0, 2.0, 3.0]
    assert values(other) == [8.0, 9.0]
    # The index of the other folder comes along, and replaces our index.
    shutil.copytree(other.folder, store.folder, dirs_exist_ok=True)
    assert values(store) == [1.0, 2.0, 8.0, 9.0]
    assert values(store, dataset="d") == [1.0, 2.0, 8.0, 9.0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a database at all" * 500),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096)),
    ],
    ids=["empty", "text", "truncated", "overwritten"],
)
def test_a_damaged_index_is_built_again(store, damage):
    list(store.scores())
    damage(store.folder / INDEX)
    for _ in range(2):
        assert values(store, dataset="d") == [1.0, 2.0]
    with sqlite3.connect(store.folder / INDEX) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (3,)


def test_an_index_with_other_content_or_version_is_built_again(store):
    list(store.scores())
    # A record in the index that cannot be parsed is a fault of the index; files are older than its rows here.
    later = (time.time_ns() + 10**12,)
    for change, parameters in [
        ("UPDATE records SET content = 'damaged', indexed = ?", later),
        ("PRAGMA user_version = 77", ()),
        ("DELETE FROM records", ()),
    ]:
        with sqlite3.connect(store.folder / INDEX) as connection:
            connection.execute(change, parameters)
        assert values(store) == [1.0, 2.0, 3.0]


def test_without_a_place_for_an_index_the_files_are_read(store):
    # SQLite can neither open nor create a database here, as on a disk that is read-only.
    (store.folder / INDEX).unlink()
    (store.folder / INDEX).mkdir()
    for _ in range(2):
        assert values(store, dataset="d") == [1.0, 2.0]
    store.save("aa05", make_score(5.0, dataset="d"))
    assert [score.value for score in store.scores(dataset="d")] == [5.0, 2.0, 1.0]


def test_a_damaged_content_in_the_index_is_read_from_the_file(store):
    list(store.scores())
    with sqlite3.connect(store.folder / INDEX) as connection:
        # A number that still fits, in rows that seem newer than the files.
        connection.execute(
            "UPDATE records SET content = replace(content, '\"value\": 1.0', '\"value\": 9.0'), indexed = ?",
            (time.time_ns() + 10**12,),
        )
    assert values(store) == [1.0, 2.0, 3.0]


@pytest.mark.skipif(os.geteuid() == 0, reason="every folder is writable for the superuser")
def test_a_read_only_folder_is_read(store):
    list(store.scores())
    store.save("cc04", make_score(4.0))
    (store.folder / INDEX).chmod(0o444)
    store.folder.chmod(0o555)
    try:
        assert values(store) == [1.0, 2.0, 3.0, 4.0]
    finally:
        store.folder.chmod(0o755)


@pytest.mark.slow
def test_an_index_that_another_process_writes_is_not_waited_for_forever(store):
    list(store.scores())
    store.save("cc04", make_score(4.0))
    with sqlite3.connect(store.folder / INDEX, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert values(store) == [1.0, 2.0, 3.0, 4.0]


def test_unreadable_records_are_reported_by_every_query(store):
    list(store.scores())
    record_of(store, "aa01").write_text("{")
    for _ in range(2):
        with pytest.warns(NeuroalignWarning, match=r"ignored an unreadable record .*aa01\.json"):
            assert values(store) == [2.0, 3.0]


WRITE_AND_QUERY = """
import sys
from pathlib import Path
from neuroalign.results.score import Score
from neuroalign.results.record_sums import sealed
from neuroalign.results.store import ResultsStore

store, start = ResultsStore(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for index in range(start, start + 15):
    score = Score(
        value=float(index), error=0.1, error_over="neurons", model=f"m{index}", dataset="d", benchmark="b",
        benchmark_version=1,
    )
    store.save(f"{index:04x}", score)
    found = {score.value for score in store.scores(dataset="d")}
    assert {float(earlier) for earlier in range(start, index + 1)} <= found, found
"""


@pytest.mark.slow
def test_two_processes_write_and_query_at_the_same_time(tmp_path, monkeypatch):
    # This process is the second one, and starts to write at the same time.
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path), "100"])
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    command = [sys.executable, "-W", "error", "-c", WRITE_AND_QUERY, str(tmp_path), "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("\n")
        writer.stdin.flush()
        exec(WRITE_AND_QUERY, {})
    assert writer.returncode == 0
    assert values(ResultsStore(tmp_path)) == [float(index) for index in (*range(15), *range(100, 115))]


def test_scores_of_a_query_have_no_arrays_until_they_are_read(store):
    [score] = store.scores(model="m2")
    assert not score.data
    assert store.load_arrays("bb03")["alignment"].values.tolist() == [0.1, 0.2]
    assert replace(score, data=store.load_arrays("bb03")).data.sizes == {"neuroid": 2}
