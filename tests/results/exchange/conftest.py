"""A folder of results as another laboratory would send it."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore, score_key
from neuroalign.testing import make_score


def their_score(value=0.5, model="m[seed=0]", *, provenance=None, **fields):
    """Return a score with all that a record holds."""
    arrays = xr.Dataset(
        {
            "alignment": ("neuroid", [value, np.nan]),
            "weights": (("unit", "neuroid"), [[1.0, 2.0], [3.0, 4.0]]),
            "informative": ("unit", [True, False]),
        },
        coords={"neuroid": ["a", "b"], "unit": [0, 1]},
    )
    common = {
        "dataset": "d",
        "benchmark": "b",
        "options": {"n": 3, "rule": "1se", "scale": 1.0, "grid": (1, 2), "none": None},
        "beside": {"D": 2.0, "effective_units": float("nan")},
        "notes": ("one",),
        "data": arrays,
    }
    complete = {
        "created": "2026-01-01T00:00:00+00:00",
        "dataset_hash": "d" * 64,
        "latents_hash": "1" * 64,
        "model_fingerprint": "f" * 64,
        "simulated": True,
        "join": "exact",
        "numpy": "2.0",
    }
    return make_score(
        value, model=model, provenance={**complete, **(provenance or {})}, **{**common, **fields}
    )


def key_of(score, decoder=None):
    return score_key(
        model=score.model,
        family=score.family,
        identity=score.provenance.get("identity", score.provenance["latents_hash"]),
        decoder=decoder,
        dataset=score.dataset,
        dataset_hash=score.provenance["dataset_hash"],
        benchmark=score.benchmark,
        benchmark_version=score.benchmark_version,
        options=score.options,
        join=score.provenance["join"],
    )


@pytest.fixture
def score_factory():
    return their_score


@pytest.fixture
def save():
    """Save a score in a store under the key that it must have, and return the path of its record."""

    def save(store: ResultsStore, score: Score, decoder=None) -> Path:
        key = key_of(score, decoder)
        store.save(key, score)
        return store.folder / key[:2] / f"{key}.json"

    return save


@pytest.fixture
def theirs(tmp_path):
    return ResultsStore(tmp_path / "theirs")


@pytest.fixture
def record(theirs, save):
    """Return the path of one good record in their store, without its sums, since tests change it and its arrays."""
    path = save(theirs, their_score())
    content = json.loads(path.read_text())
    del content["arrays_sha256"], content["content_sha256"]
    path.write_text(json.dumps(content))
    return path
