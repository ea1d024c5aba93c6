"""Table of units: values of the metrics, folds of best neurons, columns of the stimulus table, and neurons as units."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.arrays import responses as make_responses
from neuroalign.datasets.stimuli import StimulusSet
from neuroalign.errors import StimulusMismatchError, UnknownNameError, UsageError
from neuroalign.metrics import (
    correlations,
    fold_labels,
    monosemanticity,
    noise_ceiling,
    participation_ratio,
    sparseness,
)
from neuroalign.model_zoo.neurons import NeuronModel
from neuroalign.scoring.unit_selectivity import selectivities
from neuroalign.scoring.units import describe_units


def model_of(dataset, values, identifier="model"):
    latents = xr.DataArray(
        values, dims=("stimulus", "unit"), coords={"stimulus": dataset.responses["stimulus"].values}
    )
    return na.as_model(latents, identifier=identifier)


@pytest.fixture(scope="module")
def units(dataset):
    """Return units: the first factor, its rectified negative, noise, and a constant."""
    factors = dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()
    noise = np.random.default_rng(5).standard_normal(120)
    return np.stack([factors[:, 0], np.maximum(-factors[:, 0], 0), noise, np.ones(120)], axis=1)


@pytest.fixture(scope="module")
def described(dataset, units):
    return describe_units(model_of(dataset, units), dataset, use_cache=False)


def test_values_are_those_of_the_metrics(described, units):
    table = described.table
    assert list(table.index) == ["0", "1", "2"]
    kept, sparse = units[:, :3], sparseness(units[:, :3])
    np.testing.assert_array_equal(table["variance"], kept.var(axis=0))
    np.testing.assert_array_equal(table["treves_rolls"], sparse.treves_rolls)
    np.testing.assert_array_equal(table["vinje_gallant"], sparse.vinje_gallant)
    np.testing.assert_array_equal(table["kurtosis"], sparse.kurtosis)
    assert np.isnan(table["treves_rolls"].to_numpy()).tolist() == [True, False, True]
    assert described.population["participation_ratio"] == participation_ratio(kept)
    assert (described.population["n_units"], described.population["n_informative"]) == (4, 3)
    assert "2 of 3 units have negative values" in described.notes[0]
    assert described.simulated


def test_best_neurons_are_chosen_on_training_stimuli(dataset, units, described):
    Y, groups = dataset.responses.values, dataset.stimuli.groups(dataset.responses["stimulus"].values)
    folds = fold_labels(120, 10, seed=0, groups=groups)
    z, y = ((values - values.mean(axis=0)) / values.std(axis=0) for values in (units[:, :3], Y))
    held_out, votes = np.zeros(3), np.zeros(3)
    for fold in range(10):
        train, test = folds != fold, folds == fold
        r = correlations(units[train][:, :3], Y[train])
        best = np.abs(r).argmax(axis=1)
        for unit, neuron in enumerate(best):
            held_out[unit] += np.sign(r[unit, neuron]) * (z[test, unit] * y[test, neuron]).sum() / 120
        votes += np.bincount(np.abs(r).argmax(axis=0), minlength=3) * test.sum() / 120
    np.testing.assert_allclose(described.table["best_r"], held_out, rtol=1e-9)
    np.testing.assert_allclose(described.table["share_of_neurons"], votes / 12, rtol=1e-9)
    # Neurons 0, 4 and 8 follow the first factor; the unit of noise has no neuron.
    assert described.table["best_neuron"].iloc[0] in ("n00", "n04", "n08")
    assert described.table["best_r"].iloc[0] > 0.9 > 0.3 > described.table["best_r"].iloc[2]
    # The rectified unit falls with the neurons: with signs, its best neuron is a chance one.
    signed = describe_units(model_of(dataset, units), dataset, absolute=False, use_cache=False)
    assert described.table["best_r"].iloc[1] > 0.6 > 0.3 > signed.table["best_r"].iloc[1]


def test_few_stimuli_have_no_best_neurons(dataset_factory):
    dataset = dataset_factory(n_stimuli=8, n_neurons=4)
    values = np.random.default_rng(0).standard_normal((8, 3))
    few = describe_units(model_of(dataset, values), dataset, use_cache=False)
    assert "best_r" not in few.table
    assert any("no best neurons: 8 stimuli are too few for 10 folds" in note for note in few.notes)


def test_selectivity_for_columns(described):
    table = described.table
    assert table["selective_for"].tolist()[:2] == ["factor_0", "factor_0"]
    np.testing.assert_allclose(table["r_factor_0"].iloc[0], 1.0, rtol=1e-12)
    np.testing.assert_allclose(table["selective_share"].iloc[0], 1.0, rtol=1e-12)
    assert [number.identifier for number in described.numbers if number.identifier.startswith("r_")] == [
        f"r_factor_{i}" for i in range(4)
    ]


@pytest.fixture
def stimulus_table():
    return pd.DataFrame(
        {
            "filename": [f"{i}.png" for i in range(12)],
            "training": [True] * 11 + [False],
            "is_face": [True, False] * 6,
            "sex": ["f"] * 6 + ["m"] * 5 + [None],
            "category": ["a", "b", "c", "d"] * 3,
            "person": [1, 2, 3] * 4,
            "size": np.arange(12) / 2,
            "constant": "x",
        }
    )


def test_kinds_of_columns(stimulus_table):
    units = np.random.default_rng(0).standard_normal((12, 2)) + stimulus_table["is_face"].to_numpy()[:, None]
    measured = {item.column: item for item in selectivities(units, stimulus_table)}
    assert {column: item.number.identifier for column, item in measured.items()} == {
        "is_face": "d_prime_is_face",
        "sex": "d_prime_sex",
        "category": "eta2_category",
        "person": "r_person",
        "size": "r_size",
    }
    face = measured["is_face"]
    assert (face.values > 0).all()
    assert face.number.label == "d′ of is_face, True against False"
    # Six of each class: η² = d'² / (d'² + 4 (n - 1)/n).
    np.testing.assert_allclose(face.share, face.values**2 / (face.values**2 + 4 * 5 / 6), rtol=1e-12)
    np.testing.assert_allclose(measured["size"].share, measured["size"].values ** 2, rtol=1e-12)
    # The stimulus without a value is left out.
    kept = units[:11]
    difference = kept[6:].mean(axis=0) - kept[:6].mean(axis=0)
    spread = np.sqrt((kept[6:].var(axis=0, ddof=1) + kept[:6].var(axis=0, ddof=1)) / 2)
    np.testing.assert_allclose(measured["sex"].values, difference / spread, rtol=1e-12)
    asked = [*selectivities(units, stimulus_table, columns=["person"], categorical=["person"])]
    assert [item.number.identifier for item in asked] == ["eta2_person"]


def test_columns_that_say_nothing(stimulus_table):
    units = np.ones((12, 1))
    with pytest.raises(
        UsageError, match=r"the column constant must have values .* got one value only; leave it out"
    ):
        list(selectivities(units, stimulus_table, columns=["constant"]))
    with pytest.raises(UsageError, match="got 12 categories for 12 stimuli"):
        list(selectivities(units, stimulus_table, columns=["filename"]))
    with pytest.raises(UnknownNameError, match="category"):
        list(selectivities(units, stimulus_table, columns=["categry"]))


def test_monosemanticity_by_an_embedding(dataset, units):
    vectors = np.random.default_rng(1).standard_normal((120, 6)) + 1.0
    embedding = model_of(dataset, vectors, "other")
    described = describe_units(model_of(dataset, units), dataset, embedding=embedding, use_cache=False)
    expected = monosemanticity(units[:, :3], vectors)
    np.testing.assert_allclose(described.table["monosemanticity"], expected.per_unit, rtol=1e-12)
    assert described.population["monosemanticity_baseline"] == pytest.approx(expected.baseline, rel=1e-12)
    fifty = {"stimulus": dataset.responses["stimulus"].values[:50]}
    part = na.as_model(xr.DataArray(vectors[:50], dims=("stimulus", "unit"), coords=fifty), identifier="part")
    with pytest.raises(StimulusMismatchError, match="the embedding part has no values for 70 stimuli"):
        describe_units(model_of(dataset, units), dataset, embedding=part, use_cache=False)


def test_neurons_of_a_dataset(dataset):
    model = NeuronModel(dataset, "neurons:single")
    described = describe_units(model, dataset, use_cache=False)
    ceiling = noise_ceiling(dataset.trials)
    np.testing.assert_allclose(described.table["ncsnr"], ceiling.snr, rtol=1e-12)
    np.testing.assert_allclose(described.table["noise_ceiling"], ceiling.percent / 100, rtol=1e-12)
    np.testing.assert_allclose(described.table["oracle"], ceiling.oracle, rtol=1e-12)
    # No neuron is its own best neuron.
    assert (described.table["best_neuron"] != described.table.index).all()
    alone = describe_units(model, dataset.stimuli, use_cache=False)
    assert alone.simulated is None
    assert "best_r" not in alone.table
    np.testing.assert_array_equal(alone.table["ncsnr"], described.table["ncsnr"])
    averaged = dataset.with_responses(dataset.responses)
    described = describe_units(NeuronModel(averaged, "neurons"), averaged.stimuli, use_cache=False)
    assert "only averages over trials are known, so the noise ceilings are missing" in described.notes


def test_neither_order_of_stimuli_nor_of_neurons_matters(dataset, units):
    plain = replace(dataset, stimuli=StimulusSet("plain", dataset.stimuli.table))
    expected = describe_units(model_of(dataset, units), plain, use_cache=False)
    rng = np.random.default_rng(0)
    shuffled = StimulusSet("again", dataset.stimuli.table.loc[rng.permutation(dataset.stimuli.ids)])
    order = rng.permutation(12)
    responses = make_responses(
        dataset.responses.values[:, order],
        stimulus=dataset.responses["stimulus"].values,
        neuroid=dataset.responses["neuroid"].values[order],
    )
    other = na.Dataset(
        dataset.identifier, dataset.with_responses(responses).recording, shuffled, averaged=True
    )
    again = describe_units(model_of(dataset, units), other, use_cache=False)
    pd.testing.assert_frame_equal(again.table, expected.table, rtol=1e-10)


def test_the_record_is_json(described):
    record = json.loads(json.dumps(described.to_record(), allow_nan=False))
    assert record["units"][0]["treves_rolls"] is None
    assert record["units"][1]["unit"] == "1"
    assert record["units"][0]["best_r"] == described.table["best_r"].iloc[0]
    assert {"identifier": "kurtosis", "label": "excess kurtosis"} in record["columns"]
    assert record["population"]["n_neurons"] == 12


def test_no_informative_unit(dataset):
    with pytest.raises(UsageError, match="model must have an informative unit, got only constant units"):
        describe_units(model_of(dataset, np.ones((120, 2))), dataset, use_cache=False)
