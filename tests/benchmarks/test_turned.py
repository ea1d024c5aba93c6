"""The axis index beside scores: numbers of the arrays, options, and the stand-ins."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.benchmarks.turned_control import MANY_UNITS, regenerate
from neuroalign.errors import NeuroalignWarning, UsageError
from neuroalign.metrics import aggregate_ratios, is_special
from neuroalign.models.loading import load_model
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.evaluate import score

BY = [
    "alignment[turns=4,n_folds=3,n_lambdas=20]",
    "correlation_ratio[turns=4,n_permutations=0]",
    "correlation_ratio[turns=4,n_permutations=0,aggregate=neuron_mean]",
]


def model_of(dataset, values, name="model"):
    stimuli = dataset.responses["stimulus"].values
    return na.as_model(
        xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli}), identifier=name
    )


def blurred(dataset, seed=0):
    """The factors with a little of each other and noise, so that no number is 0 or 1."""
    factors = dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()
    noise = np.random.default_rng(seed).standard_normal(factors.shape)
    return model_of(dataset, factors @ (np.eye(4) + 0.3 * np.eye(4, k=1)) + 0.3 * noise)


@pytest.mark.parametrize("name", BY)
def test_kappa_of_all_neurons_is_the_number_beside_the_score(dataset, name):
    by = load_benchmark(name)
    made = by.score(blurred(dataset), dataset)
    resampling = by.resampling()
    assert resampling.statistic.identifier == "axis_index"
    statistic = resampling.from_score(made)
    assert statistic(np.ones((1, 12)))[0] == pytest.approx(made.beside["axis_index"], abs=1e-12)
    assert resampling.read(made) == made.beside["axis_index"]
    assert 0.3 < made.beside["axis_index"] < 0.99
    # The error is the spread of drawn neurons.
    counts = np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), size=2_000)
    assert made.beside["axis_index_error"] == pytest.approx(statistic(counts).std(), rel=0.1)
    assert made.beside["axis_index_p"] == 0.2
    assert made.beside["axis_index_special"] == 0.0


@pytest.mark.parametrize("name", BY)
def test_the_numbers_beside_a_score_are_those_of_its_arrays(dataset, name):
    made = load_benchmark(name).score(blurred(dataset), dataset)
    if "regenerated_entropy" in made.data:
        entropy = [
            np.average(
                made.data[f"{kind}_entropy"].values.T, weights=made.data[f"{kind}_strength"].values.T, axis=0
            )
            for kind in ("regenerated", "turned")
        ]
        native, turned = (1 - value / np.log(4) for value in entropy)
    else:
        aggregate = made.options["aggregate"]
        native, *turned = (
            aggregate_ratios(ratio, best, aggregate)
            for ratio, best in [
                (made.data["regenerated_ratio"].values, made.data["regenerated_best_unit"].values),
                *zip(made.data["turned_ratio"].values, made.data["turned_best_unit"].values, strict=True),
            ]
        )
    assert made.beside["regenerated"] == pytest.approx(float(native))
    assert made.beside["turned"] == pytest.approx(np.mean(turned))
    assert made.beside["turned_sd"] == pytest.approx(np.std(turned, ddof=1))
    expected = (native - np.mean(turned)) / (1 - np.mean(turned))
    assert made.beside["axis_index"] == pytest.approx(float(expected))


def test_kappa_of_decoding_is_that_of_its_distances(dataset):
    made = load_benchmark("decoding[turns=4,n_permutations=0]").score(blurred(dataset), dataset)
    native = made.data["regenerated_distance"].values.mean()
    level = made.data["turned_distance"].values.mean(axis=1)
    assert made.data["turned_distance"].shape == (4, made.data.sizes["stimulus"])
    assert made.beside["axis_index"] == pytest.approx((native - level.mean()) / (0 - level.mean()))
    assert made.beside["axis_index"] > 0.1
    assert load_benchmark("decoding").statistics[0].identifier == "axis_index"
    assert load_benchmark("decoding").statistics[0].higher_is_better


@pytest.mark.parametrize("name", [*BY, "decoding[turns=4,n_permutations=0]"])
def test_the_order_of_neurons_changes_no_kappa(dataset, name):
    order = np.random.default_rng(1).permutation(12)
    moved = replace(dataset, recording=dataset.recording.isel(neuroid=order))
    first, second = (load_benchmark(name).score(blurred(dataset), recorded) for recorded in (dataset, moved))
    for key in ("axis_index", "axis_index_error", "axis_index_p", "turned"):
        assert first.beside[key] == pytest.approx(second.beside[key], abs=1e-12)


def test_without_turns_there_is_no_kappa(dataset):
    for name in ("alignment[turns=0]", "correlation_ratio[turns=0]", "decoding[turns=0]"):
        by = load_benchmark(name)
        made = by.score(blurred(dataset), dataset)
        assert "axis_index" not in made.beside
        assert by.statistics[0].identifier == "value"
        assert not any(variable.startswith("turned") for variable in made.data)
        assert not any("axis index" in note for note in made.notes)


def test_turns_change_nothing_else(dataset):
    with_turns, without = (
        load_benchmark(f"alignment[turns={turns}]").score(blurred(dataset), dataset) for turns in (3, 0)
    )
    assert (with_turns.value, with_turns.error) == (without.value, without.error)
    np.testing.assert_array_equal(with_turns.data["weights"].values, without.data["weights"].values)
    # The first turns are the same for every number of turns.
    more = load_benchmark("alignment[turns=5]").score(blurred(dataset), dataset)
    np.testing.assert_allclose(
        more.data["turned_entropy"].values[:3], with_turns.data["turned_entropy"].values, atol=1e-12
    )


def test_neurons_that_nothing_predicts_have_no_kappa(dataset):
    noise = model_of(dataset, np.random.default_rng(4).standard_normal((120, 3)) ** 3)
    dataset = replace(dataset, recording=dataset.recording.isel(neuroid=[0, 1]), truth=None)
    made = load_benchmark("alignment[n_folds=3]").score(noise, dataset)
    assert np.isnan(made.beside["axis_index"])
    assert np.isnan(made.beside["axis_index_special"])
    note = "no axis index: a linear model predicts fewer than three neurons, so no tuning can be turned"
    assert note in made.notes


def test_a_neuron_that_is_a_unit_is_not_regenerated(dataset):
    subset = load_model("neuron_subset[n=5,seed=0]", dataset=dataset)
    by = load_benchmark("alignment[turns=2]")
    latents, responses = by.align(subset, dataset)
    control = regenerate(latents, responses, dataset, n_turns=2, seed=0)
    units = set(latents["neuroid"].values)
    assert {str(name) for name in responses["neuroid"].values[control.neurons]} == {
        str(name) for name in responses["neuroid"].values if name not in units
    }
    made = by.score(subset, dataset)
    own = np.isin(made.data["neuroid"].values, list(units))
    assert (made.data["turned_strength"].values[:, own] == 0).all()
    assert (made.data["turned_strength"].values[:, ~own] > 0).any()


def test_one_turn_is_refused_and_many_units_are_told_of(dataset):
    for name in ("alignment", "correlation_ratio", "decoding"):
        with pytest.raises(UsageError, match="turns must be 0 or at least 2, got 1"):
            load_benchmark(f"{name}[turns=1]")
    by = load_benchmark("alignment[turns=2]")
    many = model_of(dataset, np.random.default_rng(0).standard_normal((120, MANY_UNITS + 1)))
    with pytest.warns(
        NeuroalignWarning,
        match=r"the axis index of 501 units takes about 2 times as long as the score itself; turns=0",
    ):
        regenerate(*by.align(many, dataset), dataset, n_turns=2, seed=0)


def test_kappa_of_drawn_stimuli_is_that_of_all_where_each_is_drawn_once(dataset):
    by = load_benchmark(BY[0])
    model = blurred(dataset)
    made = by.score(model, dataset)
    refit = by.resampling().refit(*by.align(model, dataset), dataset, np.arange(120))
    assert refit(np.ones((1, 12)))[0] == pytest.approx(made.beside["axis_index"], abs=1e-12)


# Measured once with this implementation: .780, .011, .217 and .009.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "dataset", "expected", "within", "special"),
    [
        ("beta_vae[beta=8,seed=1]", "AM-faces-sim", 0.78, 0.03, True),
        ("beta_vae[beta=8,seed=1]", "AM-faces-sim-mixed", 0.0, 0.02, False),
        ("pca[n=10]", "AM-faces-sim", 0.218, 0.03, True),
        ("pca[n=10]", "AM-faces-sim-mixed", 0.01, 0.02, False),
    ],
)
def test_stand_ins_have_axes_where_their_neurons_do(model, dataset, expected, within, special):
    made = score(model, dataset, "alignment[predictive_power=False]", use_cache=False)
    kappa, p = made.beside["axis_index"], made.beside["axis_index_p"]
    assert kappa == pytest.approx(expected, abs=within)
    assert is_special(kappa, made.beside["axis_index_error"], p) is special
    assert made.beside["axis_index_special"] == float(special)
    if special:
        assert p == 1 / 21
