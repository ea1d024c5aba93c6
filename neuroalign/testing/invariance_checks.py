"""Checks of transformations that leave the score of a benchmark as it is."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import latents as make_latents
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


def score_does_not_depend_on_unit_rotation(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a rotation of the informative units gives the same score."""

    def rotate(latents: xr.DataArray) -> xr.DataArray:
        informative = np.flatnonzero(latents["informative"].values)
        rotation = np.linalg.qr(np.random.default_rng(5).standard_normal((informative.size,) * 2))[0]
        values = np.array(latents.values)
        values[:, informative] = values[:, informative] @ rotation
        return latents.copy(data=values)

    expect_same_score(
        benchmark.score(with_latents(model, dataset, rotate), dataset),
        benchmark.score(model, dataset),
        "rotated units must have the same score; do not declare 'rotation of units'",
    )


def score_does_not_depend_on_constant_units(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a model with two more constant units has the same score."""
    _expect_same_with_more(
        benchmark, model, dataset, "constant units", lambda values: np.ones_like(values[:, :2])
    )


def score_does_not_depend_on_copies_of_units(benchmark: Benchmark, model: Model, dataset: Dataset) -> None:
    """Check that a model with two copies of each unit has the same score."""
    _expect_same_with_more(benchmark, model, dataset, "copies of units", lambda values: values)


def _expect_same_with_more(
    benchmark: Benchmark,
    model: Model,
    dataset: Dataset,
    invariance: Invariance,
    more: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> None:
    def add(latents: xr.DataArray) -> xr.DataArray:
        values = np.asarray(latents.values, dtype=np.float64)
        return make_latents(np.hstack([values, more(values)]), stimulus=latents["stimulus"].values)

    expect_same_score(
        benchmark.score(with_latents(model, dataset, add), dataset),
        benchmark.score(model, dataset),
        f"a model with more {invariance} must have the same score; do not declare {invariance!r}",
    )


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
    "rotation of units": score_does_not_depend_on_unit_rotation,
    "constant units": score_does_not_depend_on_constant_units,
    "copies of units": score_does_not_depend_on_copies_of_units,
}
