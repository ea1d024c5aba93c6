"""Tests of scores and of their store."""

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from neuroalign.errors import ArrayError, NeuroalignWarning
from neuroalign.files.home import TEMPORARY_PREFIX, atomic_path
from neuroalign.results.index import INDEX
from neuroalign.results.record_sums import FIELD
from neuroalign.results.score import Score, summarise
from neuroalign.results.store import ResultsStore
from neuroalign.testing import make_score


def score_with_nan(value=0.5, **fields):
    """Return a score without an error, of two neurons of which one has no value."""
    return make_score(value, per_neuron={"a": value, "b": np.nan}, error=np.nan, **fields)


def test_round_trip():
    store = ResultsStore()
    score = score_with_nan(1 / 3, options={"n": 3}, notes=("one",), provenance={"seed": 0})
    store.save("ab12", score)
    loaded = store.load("ab12")
    assert loaded.to_record() == score.to_record()
    assert loaded.value == 1 / 3
    assert np.isnan(loaded.error)
    xr.testing.assert_identical(loaded.data, score.data)


def test_names_beside_a_score_of_earlier_versions_become_identifiers():
    record = score_with_nan(beside={"D": 10}).to_record()
    record["beside"] = {
        "D": 10.0,
        "effective units": 1.5,
        "neurons without weight": None,
        "median noise-corrected r²": 0.25,
        "mean_of_draws": 0.5,
    }
    beside = Score.from_record(record).beside
    assert list(beside) == [
        "D",
        "effective_units",
        "neurons_without_weight",
        "median_noise_corrected_r2",
        "mean_of_draws",
    ]
    assert np.isnan(beside.pop("neurons_without_weight"))
    assert beside == {
        "D": 10.0,
        "effective_units": 1.5,
        "median_noise_corrected_r2": 0.25,
        "mean_of_draws": 0.5,
    }


def test_arrays_read_alone_equal_the_arrays_of_the_score():
    store = ResultsStore()
    data = xr.Dataset(
        {
            "weights": (("unit", "neuroid"), np.arange(6.0).reshape(2, 3)),
            "lambda": ("neuroid", np.array([0.1, np.nan, 0.3])),
            "best": ("neuroid", np.array(["β", "", "c"])),
            "drop": ("draw", np.array([1, 2, 3, 4])),
            "native": 0.5,
        },
        coords={
            "neuroid": ["x", "y", "z"],
            "unit": ["u1", "u2"],
            "informative": ("unit", np.array([True, False])),
        },
    )
    store.save("ab12", replace(score_with_nan(), data=data))
    arrays = store.load_arrays("ab12")
    assert set(arrays.variables) == set(data.variables)
    for name, expected in data.variables.items():
        assert arrays[name].dims == expected.dims
        np.testing.assert_array_equal(arrays[name].values, expected.values)


@pytest.mark.parametrize("content", [None, b"", b"damaged", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_arrays_that_cannot_be_read_are_refused(content):
    store = ResultsStore()
    store.save("ab12", score_with_nan())
    path = store.folder / "ab" / "ab12.nc"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArrayError, match=r"the arrays in .*ab12\.nc cannot be read"):
        store.load_arrays("ab12")


def test_unreadable_records_are_misses_and_reported():
    store = ResultsStore()
    store.save("ab12", score_with_nan())
    (store.folder / "ab" / "ab12.json").write_text("{ half a rec")
    with pytest.warns(NeuroalignWarning, match=r"ignored an unreadable record .*ab12\.json"):
        assert store.load("ab12") is None
    with pytest.warns(NeuroalignWarning, match="unreadable"):
        assert list(store.scores()) == []


def test_record_without_its_arrays_is_a_miss():
    store = ResultsStore()
    store.save("ab12", score_with_nan())
    (store.folder / "ab" / "ab12.nc").write_bytes(b"\x89HDF\r\n\x1a\n truncated")
    with pytest.warns(NeuroalignWarning, match="unreadable"):
        assert store.load("ab12") is None


def test_foreign_json_is_reported():
    store = ResultsStore()
    folder = store.folder / "ab"
    folder.mkdir(parents=True)
    (folder / "list.json").write_text("[1, 2]")
    (folder / "old.json").write_text(json.dumps({"schema": 0}))
    with pytest.warns(NeuroalignWarning, match="not a record of schema 1"):
        assert list(store.scores()) == []


# Children run code of their own: a spawned process could not import this module by its name.
SAVE_MANY = """
import sys
from dataclasses import replace
from pathlib import Path
import xarray as xr
from neuroalign.results.store import ResultsStore
from neuroalign.results.score import Score

folder, start = Path(sys.argv[1]), int(sys.argv[2])
score = Score(
    value=float(start), error=0.1, error_over="neurons", model="shared", dataset="d", benchmark="b",
    benchmark_version=1, data=xr.Dataset({"alignment": ("neuroid", [0.1, 0.2])}),
)
store = ResultsStore(folder)
print("ready", flush=True)
sys.stdin.readline()
for index in range(start, start + 20):
    store.save(f"{index:04x}", replace(score, value=float(index), model=f"m{index}"))
    store.save("ffff", score)
"""

WRITE_SLOWLY = """
import sys, time
from pathlib import Path
from neuroalign.files.home import atomic_path

with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("started", flush=True)
    time.sleep(60)
"""


def start_process(code, *args):
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_many_unreadable_records_are_one_warning():
    store = ResultsStore()
    for index in range(20):
        store.save(f"ab{index:02}", score_with_nan())
    for index in range(1, 20):
        (store.folder / "ab" / f"ab{index:02}.json").write_text("{")
    with pytest.warns(NeuroalignWarning) as caught:
        assert [key for key, _ in store.items()] == ["ab00"]
    assert len(caught) == 1
    assert str(caught[0].message).startswith(f"ignored 19 unreadable records in {store.folder}, the first ")


def test_the_last_score_is_first_although_the_clock_was_set_back(monkeypatch):
    store = ResultsStore()
    seconds = iter([4_000_000_000, 1_700_000_000, 1_700_000_000])
    monkeypatch.setattr("neuroalign.results.index.time.time_ns", lambda: next(seconds, 1_700_000_001) * 10**9)
    for index in range(3):
        store.save(f"ab0{index}", score_with_nan(float(index)))
        os.utime(store.folder / "ab" / f"ab0{index}.json", (100 - index, 100 - index))
        if index == 1:
            assert [score.value for score in store.scores()] == [1.0, 0.0]
            # The numbers of the records count where the index was lost.
            (store.folder / INDEX).unlink()
            list(store.scores())
    assert [score.value for score in store.scores()] == [2.0, 1.0, 0.0]


def remove_serial(store, key):
    """Make a record as earlier versions wrote it."""
    path = store.folder / key[:2] / f"{key}.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({name: record[name] for name in record if name not in ("serial", FIELD)}))
    return path


def test_records_without_a_number_are_in_the_order_of_their_times():
    store = ResultsStore()
    times = ["2026-03-01T10:00:00+00:00", "2026-03-01T11:30:00+02:00", "2026-03-02T00:00:00+00:00"]
    for index, created in enumerate(times):
        store.save(f"ab0{index}", score_with_nan(float(index), provenance={"created": created}))
        os.utime(remove_serial(store, f"ab0{index}"), (index, index))
    assert [score.value for score in store.scores()] == [2.0, 0.0, 1.0]


@pytest.mark.parametrize("created", [None, "yesterday", 5, "9999-99-99"])
def test_without_a_time_the_time_of_the_file_counts(created):
    store = ResultsStore()
    for index in range(3):
        provenance = {} if created is None else {"created": created}
        store.save(f"ab0{index}", score_with_nan(float(index), provenance=provenance))
        os.utime(remove_serial(store, f"ab0{index}"), (100 - index, 100 - index))
    assert [score.value for score in store.scores()] == [0.0, 1.0, 2.0]


@pytest.mark.slow
def test_two_processes_lose_nothing(tmp_path, monkeypatch):
    # This process is the second one, and starts to write at the same time.
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path), "20"])
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with start_process(SAVE_MANY, tmp_path, 0) as writer:
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("\n")
        writer.stdin.flush()
        exec(SAVE_MANY, {})
    assert writer.returncode == 0
    scores = list(ResultsStore(tmp_path).scores())
    assert sorted(score.value for score in scores if score.model != "shared") == [
        float(index) for index in range(40)
    ]
    assert sum(score.model == "shared" for score in scores) == 1
    assert ResultsStore(tmp_path).load("ffff").data.sizes == {"neuroid": 2}
    assert not list(tmp_path.rglob(f"{TEMPORARY_PREFIX}*"))


def test_readers_ignore_the_file_of_a_killed_writer(tmp_path):
    store = ResultsStore(tmp_path)
    path = tmp_path / "ab" / "ab12.json"
    with start_process(WRITE_SLOWLY, path) as writer:
        assert writer.stdout.readline() == "started\n"
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    assert len(list(path.parent.iterdir())) == 1
    assert not path.exists()
    assert list(store.scores()) == []
    assert store.load("ab12") is None


def test_failed_write_cleans_up(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail_halfway():
        with atomic_path(path) as temporary:
            temporary.write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
    assert path.read_text() == "old"


def test_family_keeps_the_numbers_beside_its_score():
    provenance = {"simulated": True, "join": "exact", "latents_hash": "of one instance"}
    members = [
        score_with_nan(0.5, beside={"D": 10}, provenance=provenance),
        score_with_nan(0.7, beside={"D": 20, "effective_units": float("nan")}, provenance=provenance),
    ]
    family = summarise(members, family="f")
    assert family.beside["D"] == 15
    assert np.isnan(family.beside["effective_units"])
    assert family.provenance == {"simulated": True, "join": "exact"}


def test_family_mean_and_standard_error():
    family = summarise([score_with_nan(value) for value in (0.2, 0.4, 0.9, float("nan"))], family="f")
    assert family.value == pytest.approx(0.5)
    assert family.error == pytest.approx(np.std([0.2, 0.4, 0.9], ddof=1) / np.sqrt(3))
    assert family.error_over == "instances"
    assert "1 of 4 instances have no score" in family.notes
    assert family.data["value"].sizes == {"instance": 4}
