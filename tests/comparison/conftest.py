"""Two families that tests of comparisons share."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import neuroalign as na
from neuroalign.models.model import FixedFamily


@pytest.fixture
def make_family():
    """Make a family of instances that are the true factors, or mixtures of them, with noise of their own."""

    def make(dataset, name, n, *, mixed, dead=0):
        stimuli = dataset.responses["stimulus"].values
        factors = dataset.factors.loc[stimuli].to_numpy()
        members = []
        for seed in range(n):
            rng = np.random.default_rng([seed, mixed])
            turn = stats.ortho_group.rvs(4, random_state=rng) if mixed else np.eye(4)
            units = factors @ turn + 0.2 * rng.standard_normal(factors.shape)
            units = np.hstack([units, np.zeros((len(units), dead))])
            latents = xr.DataArray(units, dims=("stimulus", "unit"), coords={"stimulus": stimuli})
            members.append(na.as_model(latents, identifier=f"{name}[seed={seed}]"))
        return FixedFamily(name, members)

    return make


@pytest.fixture
def pair(make_family, dataset):
    """Make two families: the true factors, and mixtures of them."""
    return make_family(dataset, "true", 3, mixed=False), make_family(dataset, "turned", 4, mixed=True)
