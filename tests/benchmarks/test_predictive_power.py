"""Variance explained beside scores of single units, and the neurons that are predicted above chance."""

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.benchmarks.predictive_power import predict
from neuroalign.metrics import reliability
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.evaluate import score


def model_of(dataset, values):
    stimuli = dataset.responses["stimulus"].values
    latents = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli})
    return na.as_model(latents, identifier="model")


def factors_of(dataset):
    return model_of(dataset, dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy())


@pytest.mark.parametrize("name", ["alignment", "correlation_ratio", "decoding"])
def test_it_is_the_number_of_variance_explained(dataset, name):
    model = factors_of(dataset)
    made = score(model, dataset, f"{name}[turns=0]", use_cache=False)
    explained = score(model, dataset, "variance_explained", use_cache=False)
    assert made.beside["variance_explained"] == explained.value
    np.testing.assert_array_equal(
        made.data["variance_explained"].values, explained.data["variance_explained"].values
    )
    split_half = reliability(dataset.trials).per_neuron
    assert made.beside["explained_share"] == pytest.approx(explained.value / split_half.mean())
    assert made.beside["reliability"] == pytest.approx(np.median(split_half))
    # Each neuron follows one of the factors.
    assert made.beside["predicted_neurons"] == 12
    assert made.data["predicted"].values.all()


def test_it_takes_the_options_of_alignment(dataset):
    made = score(
        factors_of(dataset), dataset, "alignment[turns=0,n_folds=4,rule=min,seed=3]", use_cache=False
    )
    explained = score(
        factors_of(dataset), dataset, "variance_explained[n_folds=4,rule=min,seed=3]", use_cache=False
    )
    assert made.beside["variance_explained"] == explained.value


def test_alignment_of_predicted_neurons_leaves_the_others_out(dataset_factory):
    dataset = dataset_factory(n_neurons=24)
    # Two of four factors: half of the neurons follow the two.
    values = dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()[:, :2]
    made = score(model_of(dataset, values), dataset, "alignment[turns=0]", use_cache=False)
    followed = np.arange(24) % 4 < 2
    predicted = made.data["predicted"].values
    assert predicted[followed].all()
    assert predicted[~followed].mean() < 0.2
    strength = np.abs(made.data["weights"].values).sum(axis=0)
    kept = predicted & (strength > 0)
    expected = np.average(made.data["alignment"].values[kept], weights=strength[kept])
    assert made.beside["predicted_alignment"] == pytest.approx(expected)


def test_noise_predicts_hardly_any_neuron(dataset_factory):
    shares = []
    for seed in range(6):
        dataset = dataset_factory(n_neurons=30, seed=seed)
        noise = model_of(dataset, np.random.default_rng(100 + seed).standard_normal((120, 6)))
        by = load_benchmark("variance_explained")
        shares.append(predict(*by.align(noise, dataset), dataset).predicted.mean())
    assert np.mean(shares) < 0.1


def test_it_can_be_left_out(dataset):
    made = score(factors_of(dataset), dataset, "alignment[turns=0,predictive_power=False]", use_cache=False)
    assert not {"variance_explained", "predicted_neurons", "predicted_alignment"} & set(made.beside)
    assert "predicted" not in made.data
