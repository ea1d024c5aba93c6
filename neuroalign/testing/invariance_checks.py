"""Checks of transformations that leave the score of a benchmark as it is."""

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.models.model import Model
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.testing.checking import TOLERANCE, expect_same, expect_same_score
from neuroalign.testing.units import with_latents


def score_does_not_depend_on_neuron_order(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that neurons in another order give the same score, and the same arrays by neuron id."""
    order = np.random.default_rng(1).permutation(dataset.recording.sizes["neuroid"])
    other = replace(dataset, recording=dataset.recording.isel(neuroid=order), truth=None)
    score, expected = benchmark.score(model, other), benchmark.score(model, dataset)
    message = "neurons in another order must have the same score; sort neurons by id before random draws"
    expect_same_score(score, expected, message)
    for name, variable in expected.data.data_vars.items():
        if variable.dims == ("neuroid",) and variable.dtype.kind in "fiub":
            expect_same(
                score.data[name].sel(neuroid=expected.data["neuroid"].values),
                variable,
                f"{name!r} of neurons in another order must be the same by neuron id; label it with the "
                "aligned responses' ids",
                tolerance=TOLERANCE,
            )


def score_does_not_depend_on_neuron_scale(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that neurons in other units of measurement give the same score."""
    scale = np.random.default_rng(2).uniform(0.2, 5.0, dataset.recording.sizes["neuroid"])
    other = replace(dataset, recording=dataset.recording.copy(data=dataset.recording.values * scale))
    expect_same_score(
        benchmark.score(model, other),
        benchmark.score(model, dataset),
        "neurons times a positive number must have the same score; standardise them, or do not declare neuron_scale",
    )


def score_does_not_depend_on_unit_order(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that units in another order give the same score."""
    order = np.random.default_rng(3).permutation(model.latents(dataset.stimuli).sizes["unit"])
    _expect_same_for_units(benchmark, model, dataset, "units in another order", "unit_order", order=order)


def score_does_not_depend_on_unit_scale(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that units times positive numbers give the same score."""
    n = model.latents(dataset.stimuli).sizes["unit"]
    scale = np.random.default_rng(4).uniform(0.2, 5.0, n)
    _expect_same_for_units(
        benchmark, model, dataset, "units times positive numbers", "unit_scale", scale=scale
    )


def score_does_not_depend_on_unit_sign(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that units times -1 give the same score."""
    n = model.latents(dataset.stimuli).sizes["unit"]
    scale = np.where(np.arange(n) % 2 == 0, -1.0, 1.0)
    _expect_same_for_units(benchmark, model, dataset, "units times -1", "unit_sign", scale=scale)


def _expect_same_for_units(
    benchmark: Benchmark,
    model: Model,
    dataset: Dataset,
    change_of_units: str,
    invariance: str,
    *,
    order: NDArray[np.int64] | None = None,
    scale: NDArray[np.float64] | None = None,
) -> None:
    def change(latents: xr.DataArray) -> xr.DataArray:
        scaled = latents if scale is None else latents.copy(data=latents.values * scale)
        return scaled if order is None else scaled.isel(unit=order)

    expect_same_score(
        benchmark.score(with_latents(model, dataset, change), dataset),
        benchmark.score(model, dataset),
        f"{change_of_units} must have the same score; standardise units, or do not declare {invariance}",
    )


#: Check of each invariance.
INVARIANCE_CHECKS = {
    "neuron_order": score_does_not_depend_on_neuron_order,
    "neuron_scale": score_does_not_depend_on_neuron_scale,
    "unit_order": score_does_not_depend_on_unit_order,
    "unit_scale": score_does_not_depend_on_unit_scale,
    "unit_sign": score_does_not_depend_on_unit_sign,
}
