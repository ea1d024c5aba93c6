"""Reverse predictivity of models with units that the neurons do not have."""

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.metrics import fold_labels, reverse_predictivity
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.scoring.benchmark import load_benchmark


def model_of(dataset, values, identifier="model"):
    stimuli = dataset.responses["stimulus"].values
    latents = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli})
    return na.as_model(latents, identifier=identifier)


@pytest.fixture(scope="module")
def factors(dataset):
    return dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()


def test_units_that_no_neuron_has_lower_the_score(dataset, factors):
    more = np.hstack([factors, np.random.default_rng(77).standard_normal((120, 4)), np.ones((120, 1))])
    benchmark = load_benchmark("reverse_predictivity")
    own = benchmark.score(model_of(dataset, factors), dataset)
    larger = benchmark.score(model_of(dataset, more), dataset)
    assert own.value > 0.9
    assert larger.value == pytest.approx(own.value / 2, abs=0.06)
    # The forward direction hardly notices the units.
    assert larger.beside["forward"] == pytest.approx(own.beside["forward"], abs=0.02)
    assert larger.beside["difference"] == larger.beside["forward"] - larger.value > 0.4
    assert larger.beside["informative_units"] == 8
    per_unit = larger.data["reverse_predictivity"].values
    assert np.isnan(per_unit[8])
    assert larger.value == pytest.approx(np.nanmean(per_unit), rel=1e-14)
    assert larger.error == pytest.approx(np.nanstd(per_unit, ddof=1) / np.sqrt(8), rel=1e-12)
    assert abs(larger.null) < 0.1
    assert larger.error_over == "units"


def test_numbers_are_those_of_the_metric(dataset, factors):
    made = load_benchmark("reverse_predictivity[n_folds=5,seed=2,n_permutations=0]").score(
        model_of(dataset, factors), dataset
    )
    groups = dataset.stimuli.groups(dataset.responses["stimulus"].values)
    folds = fold_labels(120, 5, seed=2, groups=groups)
    result = reverse_predictivity(factors, dataset.responses.values, folds=folds, groups=groups)
    np.testing.assert_array_equal(made.data["reverse_predictivity"].values, result.unit_r)
    np.testing.assert_array_equal(made.data["forward_predictivity"].values, result.neuron_r)
    np.testing.assert_array_equal(made.data["forward_r2"].values, result.neuron_r2)
    assert np.isnan(made.null)


def test_neurons_as_units_do_not_predict_themselves(dataset):
    model = NeuronModel(dataset, "neurons")
    exclude = load_benchmark("reverse_predictivity[n_permutations=0]").score(model, dataset)
    include = load_benchmark("reverse_predictivity[n_permutations=0,self_pairs=include]").score(
        model, dataset
    )
    assert include.value > exclude.value + 0.01
    # Two populations that are one: both directions are the same regression.
    np.testing.assert_allclose(
        exclude.data["reverse_predictivity"].values, exclude.data["forward_predictivity"].values, atol=1e-9
    )
    assert exclude.beside["difference"] == pytest.approx(0.0, abs=1e-9)


def test_in_sample_says_so(dataset, factors):
    model = model_of(dataset, factors)
    made = load_benchmark("reverse_predictivity[in_sample=true,n_permutations=0]").score(model, dataset)
    assert any(note.startswith("in-sample") for note in made.notes)
    held_out = load_benchmark("reverse_predictivity[n_permutations=0]").score(model, dataset)
    assert made.value > held_out.value
    assert not any("in-sample" in note for note in held_out.notes)


def test_level_of_chance_of_wide_layers_is_over_some_units(dataset, factors, monkeypatch):
    monkeypatch.setattr("neuroalign.benchmarks.reverse_predictivity.MOST_SHUFFLED", 3)
    model = NeuronModel(dataset, "neurons")
    benchmark = load_benchmark("reverse_predictivity[n_folds=3,n_permutations=12]")
    some = benchmark.score(model, dataset)
    monkeypatch.undo()
    every = benchmark.score(model, dataset)
    assert some.value == every.value
    assert some.null != every.null
    assert some.null == pytest.approx(every.null, abs=0.06)
