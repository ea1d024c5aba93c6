"""Scores, families and evidence with known results, for the tests of claims."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neuroalign.names.registry import benchmarks
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.studies.evidence import Evidence
from neuroalign.testing import make_score

SPREAD = np.array([-1.2, -0.7, 0.0, 0.6, 1.3])


def score_by(model, value, *, benchmark="alignment", **fields):
    """Return a score by a benchmark as it is installed, if it is."""
    installed = load_benchmark(benchmark) if benchmark in benchmarks else benchmark
    return make_score(value, model=model, benchmark=installed, error=0.01, **fields)


def make_evidence(
    scoring="alignment", *, every=None, table=None, expected=(), missing=(), unsupported=(), **families
):
    kept = {scoring: families}
    return Evidence(
        kept,
        every=kept if every is None else every,
        table=pd.DataFrame() if table is None else table,
        expected={scoring: expected},
        missing=dict(missing),
        unsupported=dict(unsupported),
    )


def make_score_with_neurons(model, per_neuron, weights, *, d):
    """Return a score of alignment with its arrays: 1 - H of each neuron, and ``|weights|`` with the given sums."""
    per_neuron, weights = np.asarray(per_neuron, float), np.asarray(weights, float)
    data = xr.Dataset(
        {
            "alignment": ("neuroid", per_neuron),
            "weights": (("unit", "neuroid"), np.array([weights, 0 * weights])),
        },
        coords={"neuroid": [f"n{index:02d}" for index in range(len(weights))]},
    )
    value = float((per_neuron * weights).sum() / weights.sum())
    return score_by(model, value, data=data, beside={"D": d})


def make_draws(score, *, of_stimuli, of_neurons=0.0, n_draws=400, seed=0):
    """Return fits of a score to drawn stimuli that move all neurons together, and each neuron by itself."""
    rng = np.random.default_rng(seed)
    values = score.data["alignment"].values
    moved = of_stimuli * rng.standard_normal((n_draws, 1))
    moved = moved + of_neurons * rng.standard_normal((n_draws, len(values)))
    data = xr.Dataset(
        {
            "terms": (("draw", "neuroid", "term"), np.stack([values + moved, np.ones(moved.shape)], axis=-1)),
        },
        coords={"neuroid": score.data["neuroid"].values},
    )
    provenance = {"n_stimuli": 1_000}
    return score_by(
        score.model, score.value, benchmark="stimulus_bootstrap", data=data, provenance=provenance
    )


@cache
def make_families_with_draws(**options):
    """Return scores of two families of five instances, and their fits to drawn stimuli."""
    neurons = np.random.default_rng(4).uniform(0, 1, 100)
    scores, draws = {}, {}
    for name, level, order, seed in (("a", 0.3, 1, 1), ("b", 0.0, -1, 2)):
        scores[name] = [
            make_score_with_neurons(f"{name}[seed={s}]", neurons[::order] + level + x, np.ones(100), d=10)
            for s, x in enumerate(0.001 * SPREAD)
        ]
        draws[name] = [make_draws(score, seed=seed, **options) for score in scores[name]]
    return scores, draws


@pytest.fixture
def spread():
    """Five values about 0 with a standard deviation of about 1."""
    return SPREAD


@pytest.fixture
def score():
    """Make a score of a model."""
    return score_by


@pytest.fixture
def family():
    """Make the scores of the instances of a family, one for each seed."""

    def make(name, values, **fields):
        return [score_by(f"{name}[seed={seed}]", value, **fields) for seed, value in enumerate(values)]

    return make


@pytest.fixture
def evidence():
    """Make evidence from the scores of families by one scoring."""
    return make_evidence


@pytest.fixture
def with_neurons():
    """Make a score of alignment with arrays of neurons."""
    return make_score_with_neurons


@pytest.fixture
def kept():
    """Make the scores of two families, with their fits to drawn stimuli as the scoring "drawn"."""

    def make(**options):
        scores, draws = make_families_with_draws(**options)
        return {"alignment": dict(scores), "drawn": dict(draws)}

    return make


@pytest.fixture
def recombined():
    """Make the scores of a family by linear recombination, from its scores on neurons and on mixtures."""

    def make(name, native, mixed, *, draws=None):
        scores = []
        for seed, (on_neurons, on_mixtures) in enumerate(zip(native, mixed, strict=True)):
            drop = on_neurons - on_mixtures
            data = xr.Dataset() if draws is None else xr.Dataset({"drop": ("draw", drop + np.asarray(draws))})
            scores.append(
                score_by(
                    f"{name}[seed={seed}]",
                    drop,
                    benchmark="linear_recombination",
                    data=data,
                    beside={"native": on_neurons, "recombined": on_mixtures},
                )
            )
        return scores

    return make


@pytest.fixture
def ranked():
    """Make evidence about instances with a UDR, a score and a β each."""

    def make(udr, values, betas):
        names = [f"a[beta={beta},seed={seed}]" for seed, beta in enumerate(betas)]
        table = pd.DataFrame({"instance": names, "family": "a", "udr": udr, "beta": betas})
        scores = [score_by(name, value) for name, value in zip(names, values, strict=True)]
        return make_evidence(a=scores, table=table)

    return make


@pytest.fixture
def with_index():
    """Make the scores of a family with axis indices and their p-value over turns."""

    def make(name, values, p=0.01):
        return [
            score_by(f"{name}[seed={seed}]", 0.5, beside={"axis_index": value, "axis_index_p": p})
            for seed, value in enumerate(values)
        ]

    return make
