"""Tests of the scores that come with neuroalign, on leaderboards without scores of the user under their keys."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from neuroalign.comparison import shipped
from neuroalign.comparison.leaderboard import leaderboard
from neuroalign.comparison.shipped import ARCHIVES, store_with_shipped, unpack
from neuroalign.errors import NeuroalignWarning, UnknownNameError
from neuroalign.reporting.text.paper_table import lay_out_paper_table
from neuroalign.results.agreement import agree
from neuroalign.results.exchange.exporting import export_results
from neuroalign.results.score import is_shipped
from neuroalign.results.store import ResultsStore, score_key
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.evaluate import score_all
from neuroalign.scoring.imported import import_results
from neuroalign.testing import make_score

BENCHMARK = "variance_explained"


def make(dataset, family, value):
    values = value + 0.1 * np.random.default_rng(ord(family[0])).standard_normal(12)
    return make_score(
        float(values.mean()),
        error=float(values.std(ddof=1) / np.sqrt(12)),
        model=family,
        family=family,
        dataset=dataset,
        benchmark=load_benchmark(BENCHMARK),
        data=xr.Dataset(
            {"variance_explained": ("neuroid", values)}, coords={"neuroid": [f"n{i:02}" for i in range(12)]}
        ),
        provenance={"latents_hash": family[0] * 64, "join": "exact"},
    )


def key_of(score):
    return score_key(
        model=score.model,
        family=score.family,
        identity=score.provenance["latents_hash"],
        decoder=None,
        dataset=score.dataset,
        dataset_hash=score.provenance["dataset_hash"],
        benchmark=score.benchmark,
        benchmark_version=score.benchmark_version,
        options=score.options,
        join=score.provenance["join"],
    )


def save(store, score):
    store.save(key_of(score), score)


@pytest.fixture
def archive(dataset, tmp_path, monkeypatch):
    """An archive with the scores of two families, in place of the archives of the package."""
    theirs = ResultsStore(tmp_path / "theirs")
    for family, value in (("aa", 0.6), ("bb", 0.4)):
        save(theirs, make(dataset, family, value))
    export_results(tmp_path / "exported", store=theirs)
    (tmp_path / "archives").mkdir()
    made = shutil.make_archive(
        str(tmp_path / "archives" / dataset.identifier), "xztar", tmp_path / "exported"
    )
    monkeypatch.setattr(shipped, "ARCHIVES", tmp_path / "archives")
    shipped._checked.cache_clear()
    yield Path(made)
    shipped._checked.cache_clear()


def test_a_fresh_home_has_the_shipped_rows(dataset, archive):
    table = leaderboard(dataset, BENCHMARK)
    assert table["family"].tolist() == ["aa (shipped)", "bb (shipped)"]
    # Their arrays are there, so that they are tested over neurons.
    assert table["crossed_p"].iloc[1] < 0.05
    assert ResultsStore().folder.is_dir() is False
    again = leaderboard(dataset, BENCHMARK, mine="bb")
    assert again.attrs["mine"]["family"] == "bb (shipped)"


def test_the_users_own_score_takes_the_place(dataset, archive):
    save(ResultsStore(), make(dataset, "aa", 0.5))
    table = leaderboard(dataset, BENCHMARK)
    assert table["family"].tolist() == ["aa", "bb (shipped)"]
    assert table.attrs["left_out"] == {}
    store = store_with_shipped(dataset.identifier)
    flags = {score.model: is_shipped(score) for _, score in store.items()}
    assert flags == {"aa": False, "bb": True}
    key = key_of(make(dataset, "bb", 0.4))
    assert store.load_own(key) is None
    assert is_shipped(store.load(f"{key}.imported"))


def test_no_other_archive_passes_for_the_shipped_one(dataset, archive, tmp_path):
    forged = replace(
        make(dataset, "cc", 0.9),
        provenance={
            **make(dataset, "cc", 0.9).provenance,
            "imported": {"from": "neuroalign", "shipped": "0.1.0"},
        },
    )
    save(ResultsStore(tmp_path / "forged"), forged)
    import_results(tmp_path / "forged")
    assert leaderboard(dataset, BENCHMARK)["family"].tolist() == [
        "cc (imported from forged)",
        "aa (shipped)",
        "bb (shipped)",
    ]


@pytest.mark.parametrize("damage", [lambda content: content[:300], lambda content: content[:200] + b"x" * 90])
def test_a_damaged_archive_adds_nothing(dataset, archive, damage):
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.warns(
        NeuroalignWarning, match="is damaged, so that its scores are left out; install neuroalign"
    ):
        assert leaderboard(dataset, BENCHMARK).empty
    assert store_with_shipped("another") is not None


def test_every_shipped_record_passes_the_checks_of_an_import(tmp_path):
    archives = sorted(ARCHIVES.glob("*.tar.xz"))
    assert 100_000 < sum(path.stat().st_size for path in archives) < 800_000
    for path in archives:
        unpack(path, tmp_path / "unpacked")
        report = import_results(tmp_path / "unpacked", store=ResultsStore(tmp_path / "store"))
        assert (report.refused, report.conflicts) == ({}, {})
        assert report.checked_sums


@pytest.mark.slow
def test_scoring_a_family_reproduces_its_shipped_records(tmp_path):
    unpack(ARCHIVES / "AM-faces-sim.tar.xz", tmp_path / "unpacked")
    store = ResultsStore(tmp_path / "shipped")
    import_results(tmp_path / "unpacked", store=store)
    stored = {
        score.model: score
        for score in store.scores()
        if (score.benchmark, score.family) == (BENCHMARK, "beta_vae")
    }
    scores, _ = score_all("beta_vae", "AM-faces-sim", [BENCHMARK], use_cache=False)
    assert len(stored) == len(scores) == 5
    for score in scores:
        assert agree(score.value, stored[score.model].value)
        assert agree(score.error, stored[score.model].error)


def test_plain_names_stand_for_shipped_rows(dataset, archive):
    table = leaderboard(dataset, BENCHMARK)
    paper = lay_out_paper_table([table], names={"aa": "α", "bb (shipped)": "β"})
    assert list(paper.rows) == ["α (shipped)", "β"]
    with pytest.raises(UnknownNameError, match=r"aa\[seed=0\] counts in its family, .* give --mine aa"):
        leaderboard(dataset, BENCHMARK, mine="aa[seed=0]")
