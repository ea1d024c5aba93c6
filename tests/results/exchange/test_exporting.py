import hashlib
import json
import sys

import numpy as np
import pandas as pd
import pytest

from neuroalign.cli import run
from neuroalign.errors import NeuroalignError, UsageError
from neuroalign.files.sums import SUMS
from neuroalign.results.exchange.exporting import export_results
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.imported import import_results


@pytest.fixture
def ours(save, score_factory):
    store = ResultsStore()
    for seed in range(3):
        save(store, score_factory(seed / 7, model=f"m[seed={seed}]"))
    save(store, score_factory(0.9, dataset="other"), decoder="f" * 64)
    return store


def test_an_exported_folder_is_imported_whole(ours, tmp_path):
    assert export_results(tmp_path / "out") == 4
    other = ResultsStore(tmp_path / "other")
    report = import_results(tmp_path / "out", store=other)
    assert len(report.imported) == 4
    assert report.checked_sums
    for key, _ in ours.items():
        mine, imported = ours.load(key), other.load_imported(key)
        assert other.load_own(key) is None
        provenance = dict(imported.provenance)
        assert provenance.pop("imported")["from"] == "out"
        assert {**imported.to_record(), "provenance": provenance} == mine.to_record()
        assert imported.data.equals(mine.data)
        assert imported.data["informative"].dtype == bool


def test_sums_are_those_of_the_files(ours, tmp_path):
    export_results(tmp_path / "out")
    lines = (tmp_path / "out" / SUMS).read_text().splitlines()
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.suffix in (".json", ".nc"))
    assert len(lines) == len(files) == 8
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_keeps_every_digit(ours, tmp_path, ending):
    path = tmp_path / f"scores.{ending}"
    assert export_results(path, dataset="d") == 3
    table = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert list(table["value"]) == [0.0, 1 / 7, 2 / 7]
    assert list(table["model"]) == [f"m[seed={seed}]" for seed in range(3)]
    assert json.loads(table["options"][0])["n"] == 3
    assert np.isnan(table["ceiling"]).all()
    assert set(table["simulated"]) == {True}
    assert set(table["key"]) <= {key for key, _ in ours.items()}


def test_nothing_is_overwritten_or_written_by_halves(ours, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        export_results(tmp_path / "out")
    next(ours.folder.glob("*/*.nc")).unlink()
    with pytest.raises(FileNotFoundError):
        export_results(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_pyarrow_the_error_says_what_to_do(ours, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NeuroalignError, match=r"pip install 'neuroalign\[parquet\]'"):
        export_results(tmp_path / "scores.parquet")
    assert not list(tmp_path.iterdir())


def test_imported_scores_are_marked_in_a_table_and_not_exported_as_ours(ours, tmp_path):
    export_results(tmp_path / "out")
    other = ResultsStore(tmp_path / "other")
    import_results(tmp_path / "out", store=other)
    export_results(tmp_path / "all.csv", store=other)
    assert pd.read_csv(tmp_path / "all.csv")["imported_from"].tolist() == ["out"] * 4
    with pytest.raises(NeuroalignError, match=r"has no scores; compute some"):
        export_results(tmp_path / "again", store=other)
    # A copy of the whole folder holds nothing of their own.
    assert import_results(other.folder, store=ResultsStore(tmp_path / "third")).imported == []


def test_commands(ours, tmp_path, capsys):
    assert run(["results", "export", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"4 scores written to {tmp_path / 'out'}\n"
    assert run(["results", "import", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == "0 imported, 4 here already, 0 in conflict, 0 refused\n"
    assert run(["results", "export", str(tmp_path / "no.csv"), "--dataset", "nothing"]) == 1
    assert " has no scores of nothing; compute some" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["s.xlsx", "s.TSV", "s.json", "s.zip"])
def test_the_name_of_another_kind_of_file_makes_no_folder(ours, tmp_path, name):
    path = tmp_path / name
    with pytest.raises(
        UsageError, match=rf"^{name} must end in .csv or .parquet for a table.*; try .*s.csv$"
    ):
        export_results(path)
    assert list(tmp_path.glob("s.*")) == []
    # A folder may have a dot in its name.
    assert export_results(tmp_path / "lab.v2") == 4
