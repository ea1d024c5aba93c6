"""Checks of the scores that a benchmark gives for sound input."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import name_some
from neuroalign.models.model import Model
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.testing.checking import (
    TOLERANCE,
    expect,
    expect_json,
    expect_same,
    expect_same_score,
)
from neuroalign.testing.units import with_latents


def score_is_labelled(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a score carries the names, version and options that a leaderboard selects it by."""
    score = benchmark.score(model, dataset)
    expect(isinstance(score, Score), f"score() must return a neuroalign.Score, got {type(score).__name__}")
    expected: dict[str, Any] = {
        "model": model.identifier,
        "dataset": dataset.identifier,
        "benchmark": benchmark.identifier,
        "benchmark_version": benchmark.version,
        "options": benchmark.options(),
        "higher_is_better": benchmark.higher_is_better,
    }
    for name, value in expected.items():
        actual = getattr(score, name)
        expect(
            actual == value,
            f"the score's {name} must be {value!r}, got {actual!r}; make scores with self.make_score",
        )
    expect(
        bool(np.isfinite(score.value)),
        f"the value must be finite for a model that predicts the neurons, got {score.value}",
    )
    expect(
        bool(score.error_over.strip()),
        "error_over must name the quantity that the error is over, got no text",
    )


def options_are_checked(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that options can be written, read and compared."""
    again = replace(benchmark)
    try:
        are_equal = again == benchmark and hash(again) == hash(benchmark)
    except (TypeError, ValueError):
        # Arrays have no single truth value, and lists no hash.
        are_equal = False
    expect(
        are_equal,
        "two benchmarks with equal options must be equal; declare @dataclass(frozen=True, kw_only=True), with "
        "options that can be hashed",
    )
    expect_json(benchmark.options(), "options must be numbers, text, flags or None")


def score_is_deterministic(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that two calls give identical scores and arrays."""
    first, second = benchmark.score(model, dataset), benchmark.score(model, dataset)
    remedy = "seed random numbers with an option, such as seed: int = 0"
    expect(_comparable(first) == _comparable(second), f"two calls must give the same record; {remedy}")
    expect(first.data.identical(second.data), f"two calls must give the same arrays; {remedy}")


def order_of_stimuli_does_not_matter(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that responses and latents are paired by stimulus id."""
    rng = np.random.default_rng(0)
    trials = dataset.recording.isel(presentation=rng.permutation(dataset.recording.sizes["presentation"]))
    ids = rng.permutation(dataset.stimuli.ids)
    shuffled = replace(dataset, recording=trials, stimuli=dataset.stimuli.select(ids))
    units = with_latents(
        model,
        dataset,
        lambda latents: latents.isel(stimulus=rng.permutation(latents.sizes["stimulus"])),
    )
    expect_same_score(
        benchmark.score(units, shuffled),
        benchmark.score(model, dataset),
        "rows in another order must have the same score; pair responses and latents with self.align",
    )


def input_is_not_changed(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a benchmark changes neither the recording nor the latents."""
    copied = replace(dataset, recording=dataset.recording.copy(deep=True))
    latents = model.latents(dataset.stimuli).copy(deep=True)
    given = latents.copy(deep=True)
    responses = copied.responses.copy(deep=True)

    class Shared:
        identifier = model.identifier

        def latents(self, stimuli: StimulusSet) -> xr.DataArray:
            return given

    benchmark.score(Shared(), copied)
    remedy = "must not be changed; copy them first"
    expect(given.identical(latents), f"latents {remedy}")
    expect(copied.recording.identical(dataset.recording), f"the recording {remedy}")
    expect(copied.responses.identical(responses), f"responses {remedy}")


def arrays_are_labelled(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that arrays per neuron, stimulus and unit carry the ids of the input."""
    data = benchmark.score(model, dataset).data
    latents = model.latents(dataset.stimuli)
    expected = {
        "neuroid": dataset.responses["neuroid"].values.astype(str),
        "stimulus": dataset.responses["stimulus"].values.astype(str),
        "unit": latents["unit"].values.astype(str),
    }
    for dim, ids in expected.items():
        if dim not in data.dims:
            continue
        expect(
            dim in data.coords,
            f"arrays along {dim!r} must have its ids as coordinate; give coords={{{dim!r}: …}}",
        )
        labels = data[dim].values.astype(str)
        strange = np.setdiff1d(labels, ids)
        expect(
            strange.size == 0,
            f"labels along {dim!r} must be ids of the input, got {name_some(strange)}; take them from the "
            "aligned arrays",
        )
        expect(len(set(labels)) == len(labels), f"labels along {dim!r} must be unique")
    sizes = {dim: size for dim, size in data.sizes.items() if dim not in expected}
    suspicious = [dim for dim, size in sizes.items() if str(dim).startswith("dim_") and size > 1]
    expect(not suspicious, f"dimensions must have names, got {name_some(suspicious)}")


def numbers_are_declared(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that numbers beside the score are declared, and that every statistic can be read from the score."""
    score = benchmark.score(model, dataset)
    for name, number in score.beside.items():
        expect(
            isinstance(name, str) and isinstance(number, (int, float, np.number)),
            f"beside must map text to numbers, got {name!r}: {number!r}",
        )
    declared = {number.identifier for number in benchmark.numbers}
    stray = [name for name in score.beside if name not in declared]
    expect(
        not stray,
        f"numbers beside a score must be declared, got {name_some(stray)}; add them to the class variable numbers",
    )
    for statistic in benchmark.statistics:
        value = benchmark.resampling(statistic.identifier, [score]).read(score)
        expect(
            isinstance(value, (int, float, np.number)),
            f"the statistic {statistic.identifier!r} must be a number of the score, got {value!r}",
        )
        expect(
            not np.isnan(value) or statistic.identifier in score.beside,
            f"the statistic {statistic.identifier!r} must be 'value' or a key of the score's beside; put it there, "
            "or override resampling",
        )


def resampled_statistics_agree(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a statistic of all neurons and stimuli, once each, is the statistic of the score."""
    score = benchmark.score(model, dataset)
    latents, responses = benchmark.align(model, dataset)
    for statistic in benchmark.statistics:
        resampling = benchmark.resampling(statistic.identifier, [score])
        expected = resampling.read(score)
        if resampling.from_score is not None:
            terms = resampling.from_score(score)
            expect_same(
                terms(np.ones((1, len(terms.neurons)))),
                [expected],
                f"{statistic.identifier!r} with each neuron once must be the number of the score; check from_score",
                tolerance=TOLERANCE,
            )
        if resampling.refit is not None:
            terms = resampling.refit(latents, responses, dataset, np.arange(responses.sizes["stimulus"]))
            expect_same(
                terms(np.ones((1, len(terms.neurons)))),
                [expected],
                f"{statistic.identifier!r} refitted to each stimulus once must be the number of the score; check refit",
                tolerance=TOLERANCE,
            )
        if resampling.from_score is None or resampling.refit is None:
            expect(
                bool(resampling.reason.strip()),
                f"resampling of {statistic.identifier!r} must give the reason why neurons or stimuli cannot be drawn",
            )


def alone_is_the_same_score(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that the benchmark without its controls gives the same value."""
    expect_same(
        benchmark.alone().score(model, dataset).value,
        benchmark.score(model, dataset).value,
        "alone() must give the same value; leave out only numbers beside it",
    )


def numbers_follow_from_arrays(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a score is within its bounds, and equals the numbers that its arrays give."""
    score = benchmark.score(model, dataset)
    lowest, highest = benchmark.limits()
    expect(
        lowest - TOLERANCE <= score.value <= highest + TOLERANCE,
        f"the value must be within the bounds {(lowest, highest)}, got {score.value}; correct bounds or limits()",
    )
    for name, number in benchmark.recompute(score).items():
        stored = {**score.beside, "value": score.value, "error": score.error}.get(name, float("nan"))
        expect_same(number, stored, f"recompute() must give the stored {name}", tolerance=TOLERANCE)


def record_survives_the_store(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a score is the same after it is stored and loaded."""
    score = benchmark.score(model, dataset)
    expect_json(
        score.to_record(), "options, beside and provenance must hold finite numbers, text, flags or None"
    )
    record = json.loads(json.dumps(score.to_record()))
    expect(
        json.loads(json.dumps(Score.from_record(record).to_record())) == record,
        "a record must be the same after it is read; keep numbers and text in options, beside and provenance",
    )
    with tempfile.TemporaryDirectory() as folder:
        store = ResultsStore(Path(folder))
        store.save("abcd", score)
        loaded = store.load("abcd")
        expect(loaded is not None, "a stored score must load again")
        assert loaded is not None
        names = [name for name in score.data.variables if name not in loaded.data.variables]
        expect(not names, f"the arrays {name_some(names)} must survive the store; use numbers, text or flags")
        for name in score.data.variables:
            expect_same(
                loaded.data[name].values,
                score.data[name].values,
                f"the array {name!r} must survive the store",
            )


def _comparable(score: Score) -> str:
    """Write the record of a score as text in which NaN equals NaN."""
    return json.dumps(score.to_record(), sort_keys=True, default=str)
