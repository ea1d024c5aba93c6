"""Checks of the errors that a benchmark raises for faulty input."""

from dataclasses import replace

import numpy as np
import xarray as xr

from neuroalign.arrays import latents as make_latents
from neuroalign.datasets.dataset import Dataset
from neuroalign.models.model import Model
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.testing.checking import error_of, expect
from neuroalign.testing.units import with_latents


def missing_latents_are_an_error(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that recorded stimuli without latents are refused, and left out by ``join="intersection"``."""
    recorded = dataset.responses["stimulus"].values
    kept = recorded[: -max(1, len(recorded) // 10)]
    units = with_latents(model, dataset, lambda latents: latents.sel(stimulus=kept))
    error = error_of(lambda: benchmark.score(units, dataset), "latents of some stimuli only")
    expect(
        error is not None,
        "recorded stimuli without latents must be an error where join='exact'; pair arrays with "
        "self.align(model, dataset, join=join)",
    )
    error = error_of(lambda: benchmark.score(units, dataset, join="intersection"), "join='intersection'")
    expect(
        error is None,
        f"join='intersection' must score the shared stimuli, got {error}; pass join to self.align",
    )


def nan_is_an_error(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that latents with NaN give an error, or a score of NaN with a note, and never a number."""

    def break_one(latents: xr.DataArray) -> xr.DataArray:
        values = latents.values.copy()
        row = int(
            np.flatnonzero(np.isin(latents["stimulus"].values, dataset.responses["stimulus"].values))[0]
        )
        values[row, 0] = np.nan
        return latents.copy(data=values)

    _expect_error_or_nan(benchmark, with_latents(model, dataset, break_one), dataset, "latents with NaN")


def one_stimulus_is_an_error(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that one recorded stimulus gives an error of one line, or NaN with a note."""
    _expect_error_or_nan(benchmark, model, _restricted(dataset, 1), "one recorded stimulus")


def few_stimuli_are_an_error_or_a_score(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that three recorded stimuli give an error of one line or a score, and no other error."""
    few = _restricted(dataset, 3)
    error_of(lambda: benchmark.score(model, few), "three recorded stimuli")


def neurons_without_variance_are_an_error(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that constant neurons give an error of one line, or NaN with a note."""
    constant = replace(dataset, recording=dataset.recording.copy(data=np.ones_like(dataset.recording.values)))
    _expect_error_or_nan(benchmark, model, constant, "neurons without variance")


def units_without_variance_are_no_crash(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that constant units give a score, or an error of one line."""

    def flatten(latents: xr.DataArray) -> xr.DataArray:
        return make_latents(
            np.ones(latents.shape), stimulus=latents["stimulus"].values, unit=latents["unit"].values
        )

    units = with_latents(model, dataset, flatten)
    scores: list[Score] = []
    if error_of(lambda: scores.append(benchmark.score(units, dataset)), "units without variance") is None:
        expect(
            not np.isinf(scores[0].value),
            "units without variance must not give an infinite score; return NaN with a note, or raise an error",
        )


def _expect_error_or_nan(benchmark: Benchmark, model: Model, dataset: Dataset, situation: str) -> None:
    scores: list[Score] = []
    error = error_of(lambda: scores.append(benchmark.score(model, dataset)), situation)
    if error is None:
        score = scores[0]
        expect(
            bool(np.isnan(score.value)) and bool(score.notes),
            f"{situation} must give an error, or NaN with a note that says why, got {score.value} with notes "
            f"{list(score.notes)}",
        )


def _restricted(dataset: Dataset, n: int) -> Dataset:
    """Keep the trials of the first n stimuli."""
    recorded = np.unique(dataset.recording["stimulus_id"].values.astype(str))[:n]
    kept = np.isin(dataset.recording["stimulus_id"].values.astype(str), recorded)
    return replace(dataset, recording=dataset.recording.isel(presentation=kept))
