"""10,000 stored scores, from the disk to ranked tables: 20 families of 100 instances on five benchmarks.

Run with ``pytest tests/performance/bench_leaderboard.py``.
"""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from neuroalign.comparison.leaderboard import leaderboards
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.results.store import SCHEMA, ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_score

NAMES = ["alignment", "correlation_ratio", "decoding", "linear_recombination", "variance_explained"]


@pytest.fixture
def dataset():
    return load_dataset("AM-faces-sim")


@pytest.fixture
def home(tmp_path, dataset):
    """A neuroalign folder with 10,000 scores, of which only the records are written: no more is read of so many."""
    for name in NAMES:
        common = template(name, dataset)
        for index in range(2000):
            score = instance(common, f"family_{index // 100}", index % 100, index)
            key = hashlib.sha256(f"{name} {index}".encode()).hexdigest()
            path = tmp_path / "results" / key[:2] / f"{key}.json"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(json.dumps({"schema": SCHEMA, "key": key, **score.to_record()}, indent=1))
    return tmp_path


@pytest.fixture
def store(tmp_path, dataset):
    """The scores of the paper's families by alignment, 390 instances and 50 subsets of neurons, with their arrays."""
    store, common, rng = ResultsStore(tmp_path), template("alignment", dataset), np.random.default_rng(1)
    neurons = dataset.recording["neuroid_id"].values
    for index in range(440):
        weights = rng.standard_normal((50, neurons.size)) ** 3
        arrays = xr.Dataset(
            {
                **dict.fromkeys(
                    ("alignment", "weighted_alignment", "effective_units", "lambda"),
                    ("neuroid", rng.random(neurons.size)),
                ),
                "weights": (("unit", "neuroid"), weights),
            },
            coords={
                "neuroid": neurons,
                "unit": [f"unit_{unit}" for unit in range(50)],
                "informative": ("unit", np.ones(50, dtype=bool)),
            },
        )
        store.save(
            f"{index:04x}", replace(instance(common, f"family_{index // 49}", index % 49, index), data=arrays)
        )
    return store


def template(name, dataset):
    return make_score(
        0.0,
        error=0.01,
        dataset=dataset,
        benchmark=load_benchmark(name),
        beside={"D": 50.0, "effective_units": 1.5},
        provenance={"created": "2026-01-01T00:00:00+00:00"},
    )


def instance(common, family, seed, index):
    value = float(np.random.default_rng(index).normal(0.5 + index / 100_000, 0.05))
    return replace(common, value=value, family=family, model=f"{family}[seed={seed}]")


@pytest.mark.benchmark(group="leaderboard: 10,000 scores")
def test_load_and_rank(benchmark, home, dataset):
    store = ResultsStore(home / "results")
    tables = benchmark.pedantic(
        leaderboards, (dataset,), {"store": store, "over_neurons": False}, rounds=5, warmup_rounds=1
    )
    assert [table["n"].sum() for table in tables if len(table)] == [2000] * 5


@pytest.mark.benchmark(group="leaderboard: 10,000 scores")
def test_command(benchmark, home):
    """The whole command in a process of its own: imports, dataset, 10,000 scores, the tables as text."""
    command = [sys.executable, "-m", "neuroalign", "leaderboard", "AM-faces-sim", "--no-over-neurons"]
    environment = {**os.environ, "NEUROALIGN_HOME": str(home)}
    done = benchmark.pedantic(
        subprocess.run,
        (command,),
        {"env": environment, "check": True, "capture_output": True, "text": True},
        rounds=5,
        warmup_rounds=1,
    )
    # Scores of five benchmarks with the numbers beside them, and tests of four; the fifth benchmark is a control.
    assert done.stdout.count("family_19 ") == 14


@pytest.mark.benchmark(group="leaderboard: the paper's families, with arrays")
@pytest.mark.parametrize("over_neurons", [False, True])
def test_over_neurons(benchmark, store, dataset, over_neurons):
    (table,) = benchmark.pedantic(
        leaderboards,
        (dataset, ["alignment"]),
        {"store": store, "over_neurons": over_neurons},
        rounds=5,
        warmup_rounds=1,
    )
    assert table["crossed_p"].notna().sum() == (len(table) - 1 if over_neurons else 0)
