import numpy as np
import pytest
import xarray as xr

from neuroalign.testing import make_score

PROVENANCE = {"dataset_hash": "hash", "simulated": True}


@pytest.fixture
def score():
    """Make a score of simulated neurons; everything has a default."""

    def make(model="a[seed=0]", value=0.5, family="a", benchmark="alignment", **fields):
        return make_score(
            value, model=model, family=family, benchmark=benchmark, **{"provenance": PROVENANCE, **fields}
        )

    return make


@pytest.fixture
def scores():
    """Make the scores of several families from their values."""

    def make(**values):
        return [
            make_score(value, model=f"{family}[seed={index}]", provenance=PROVENANCE)
            for family, family_values in values.items()
            for index, value in enumerate(family_values)
        ]

    return make


@pytest.fixture
def per_neuron():
    """Make a score with one value for each neuron."""

    def make(values, *, model="a[seed=0]", family="a", benchmark="alignment", neuroids=None):
        ids = [f"n{index}" for index in range(len(values))] if neuroids is None else neuroids
        data = xr.Dataset({benchmark: ("neuroid", np.asarray(values, dtype=float))}, coords={"neuroid": ids})
        return make_score(
            float(np.nanmean(values)),
            model=model,
            family=family,
            benchmark=benchmark,
            provenance=PROVENANCE,
            data=data,
        )

    return make


@pytest.fixture
def drawn():
    """Find the parts of a figure with a label."""

    def find(axes, label):
        artists = [item for item in axes.get_children() if item.get_label() == label]
        assert artists, f"nothing is labelled {label!r}"
        return artists

    return find
