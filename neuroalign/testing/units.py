"""Models with given latents, for checks of benchmarks."""

from collections.abc import Callable

import numpy as np
import xarray as xr

from neuroalign.arrays import latents as make_latents
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import UsageError
from neuroalign.models.model import Model


class GivenUnits:
    """Units with given latents, for any stimuli."""

    identifier = "units"

    def __init__(self, latents: xr.DataArray) -> None:
        self._latents = latents

    def latents(self, stimuli: StimulusSet) -> xr.DataArray:
        """Return a copy of the latents."""
        return self._latents.copy()


def with_latents(model: Model, dataset: Dataset, change: Callable[[xr.DataArray], xr.DataArray]) -> Model:
    """Return a model with changed latents."""
    return GivenUnits(change(model.latents(dataset.stimuli)))


def example_model(dataset: Dataset) -> Model:
    """Make five units that mix factors with noise, and a constant one."""
    if dataset.factors is None:
        raise UsageError("dataset must be simulated with known factors where no model is given; give a model")
    rng = np.random.default_rng(0)
    factors = dataset.factors.to_numpy()
    mixed = factors @ rng.standard_normal((factors.shape[1], 5))
    values = np.column_stack([mixed + 0.5 * rng.standard_normal(mixed.shape), np.ones(len(mixed))])
    return GivenUnits(make_latents(values, stimulus=dataset.stimuli.ids))
