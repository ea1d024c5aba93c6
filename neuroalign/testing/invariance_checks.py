"""Checks of transformations that leave the score of a benchmark as it is."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.models.model import Model
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declarations import Invariance
from neuroalign.testing.checking import TOLERANCE, expect_same, expect_same_score
from neuroalign.testing.units import with_latents


def score_does_not_depend_on_neuron_order(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that neurons in another order give the same score, and the same arrays by neuron id."""
    order = np.random.default_rng(1).permutation(dataset.recording.sizes["neuroid"])
    other = replace(dataset, recording=dataset.recording.isel(neuroid=order), truth=None)
    score, expected = benchmark.score(model, other), benchmark.score(model, dataset)
    message = (
        "neurons in another order must have the same score; sort neurons by id before random draws, or do not "
        "declare 'order of neurons'"
    )
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


def score_does_not_depend_on_unit_order(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that units in another order give the same score."""
    order = np.random.default_rng(3).permutation(model.latents(dataset.stimuli).sizes["unit"])
    _expect_same_for_units(benchmark, model, dataset, "units in another order", "order of units", order=order)


def score_does_not_depend_on_unit_scale(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that units times positive numbers give the same score."""
    n = model.latents(dataset.stimuli).sizes["unit"]
    scale = np.random.default_rng(4).uniform(0.2, 5.0, n)
    _expect_same_for_units(
        benchmark, model, dataset, "units times positive numbers", "scale of units", scale=scale
    )


def score_does_not_depend_on_unit_sign(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that units times -1 give the same score."""
    n = model.latents(dataset.stimuli).sizes["unit"]
    scale = np.where(np.arange(n) % 2 == 0, -1.0, 1.0)
    _expect_same_for_units(benchmark, model, dataset, "units times -1", "sign of units", scale=scale)


def _expect_same_for_units(
    benchmark: Benchmark,
    model: Model,
    dataset: Dataset,
    change_of_units: str,
    invariance: Invariance,
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
        f"{change_of_units} must have the same score; standardise units, or do not declare {invariance!r}",
    )


#: Check of each invariance.
INVARIANCE_CHECKS: dict[Invariance, Callable[[Benchmark, Model, Dataset], None]] = {
    "order of neurons": score_does_not_depend_on_neuron_order,
    "order of units": score_does_not_depend_on_unit_order,
    "scale of units": score_does_not_depend_on_unit_scale,
    "sign of units": score_does_not_depend_on_unit_sign,
}
