"""10,000 stored scores, from the disk to ranked tables: 20 families of 100 instances on five benchmarks.

Run with ``pytest tests/performance/bench_leaderboard.py``.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from neuroalign.benchmark import load_benchmark
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.leaderboards import leaderboards
from neuroalign.results import SCHEMA, ResultsStore
from neuroalign.scores import Score

NAMES = ["alignment", "correlation_ratio", "decoding", "linear_recombination", "variance_explained"]


@pytest.fixture
def store(tmp_path):
    rng = np.random.default_rng(0)
    dataset = load_dataset("AM-faces-sim")
    store = ResultsStore(tmp_path)
    for name in NAMES:
        loaded = load_benchmark(name)
        common = Score(
            value=0.0,
            error=0.01,
            error_over="neurons",
            model="m",
            dataset=dataset.identifier,
            benchmark=name,
            benchmark_version=loaded.version,
            options=loaded.options(),
            higher_is_better=loaded.higher_is_better,
            beside={"D": 50.0, "effective units": 1.5},
            provenance={"created": "2026-01-01T00:00:00+00:00", "dataset_hash": dataset.content_hash},
        )
        for index in range(2000):
            family = f"family_{index // 100}"
            value = float(rng.normal(0.5 + index / 100_000, 0.05))
            score = replace(common, value=value, family=family, model=f"{family}[seed={index % 100}]")
            key = hashlib.sha256(f"{name} {index}".encode()).hexdigest()
            path = tmp_path / key[:2] / f"{key}.json"
            path.parent.mkdir(exist_ok=True)
            # Only the records: a leaderboard reads no arrays.
            path.write_text(json.dumps({"schema": SCHEMA, "key": key, **score.to_record()}, indent=1))
    return store


@pytest.mark.benchmark(group="leaderboard: 10,000 scores")
def test_load_and_rank(benchmark, store):
    dataset = load_dataset("AM-faces-sim")
    tables = benchmark.pedantic(leaderboards, (dataset,), {"store": store}, rounds=5, warmup_rounds=1)
    assert [each["n"].sum() for each in tables] == [2000] * 5
