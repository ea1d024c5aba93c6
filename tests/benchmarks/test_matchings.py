"""Matchings of units and neurons: numbers of the arrays, the axis index, ceilings and notes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign import arrays
from neuroalign.benchmarks.turned_matching import share_largest
from neuroalign.errors import UsageError
from neuroalign.metrics import (
    axis_index,
    fold_labels,
    one_to_one,
    partial_soft_matching,
    semi_matching,
    soft_matching,
    turned_tuning,
)
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.chance import permutation_null
from neuroalign.testing.units import GivenUnits

NAMES = ["one_to_one", "semi_matching", "soft_matching", "partial_soft_matching"]
QUICK = "turns=0,n_permutations=0,predictive_power=false"
FUNCTIONS = {
    "one_to_one": one_to_one,
    "semi_matching": lambda *arrays, **options: semi_matching(*arrays, **options).neurons,
    "soft_matching": soft_matching,
    "partial_soft_matching": partial_soft_matching,
}


def units_of(dataset, values):
    return GivenUnits(arrays.latents(values, stimulus=dataset.responses["stimulus"].values))


def blurred(dataset, n_noise=1, seed=0):
    """The factors with a little of each other and noise, and units that are noise."""
    factors = dataset.factors.loc[dataset.responses["stimulus"].values].to_numpy()
    rng = np.random.default_rng(seed)
    values = factors @ (np.eye(4) + 0.3 * np.eye(4, k=1)) + 0.3 * rng.standard_normal(factors.shape)
    return units_of(dataset, np.hstack([values, rng.standard_normal((len(values), n_noise))]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", ["", "absolute=false,", "ranks=true,", "in_sample=true,"])
def test_the_score_is_that_of_the_metric(dataset, name, options):
    model = blurred(dataset)
    made = load_benchmark(f"{name}[{options}{QUICK}]").score(model, dataset)
    folds = None if "in_sample" in options else fold_labels(120, 10)
    expected = FUNCTIONS[name](
        model.latents(dataset.stimuli).values,
        dataset.responses.values,
        folds=folds,
        absolute="absolute" not in options,
        ranks="ranks" in options,
    )
    assert made.value == pytest.approx(expected.score, abs=1e-12)
    np.testing.assert_allclose(made.data["similarity"], expected.per_neuron, atol=1e-12)
    np.testing.assert_allclose(made.data["matched_share"], expected.neuron_share, atol=1e-12)
    units = made.data["unit"].values.astype(str)
    np.testing.assert_array_equal(
        made.data["best_unit"],
        ["" if unit < 0 else units[unit] for unit in expected.best_unit],
    )
    weights = made.data["matched_share"].values
    weighted = (weights * np.nan_to_num(made.data["similarity"].values)).sum() / weights.sum()
    assert made.value == pytest.approx(weighted, abs=1e-12)
    assert any("in-sample" in note for note in made.notes) == ("in_sample" in options)


def test_numbers_beside_the_scores(dataset):
    model = blurred(dataset)
    made = {name: load_benchmark(f"{name}[{QUICK}]").score(model, dataset) for name in NAMES}
    latents, responses = model.latents(dataset.stimuli).values, dataset.responses.values
    folds = fold_labels(120, 10)
    assert made["one_to_one"].beside["matched_pairs"] == 5
    semi = semi_matching(latents, responses, folds=folds, absolute=True)
    assert made["semi_matching"].beside["mean_over_units"] == pytest.approx(semi.units.score, abs=1e-12)
    np.testing.assert_allclose(made["semi_matching"].data["unit_similarity"], semi.units.per_unit, atol=1e-12)
    soft = made["soft_matching"]
    assert soft.beside["distance"] ** 2 == pytest.approx(2 * (1 - soft.value))
    curve = made["partial_soft_matching"].data
    np.testing.assert_array_equal(curve["curve_mass"], np.arange(1, 11) / 10)
    assert curve["curve"].values[4] == made["partial_soft_matching"].value
    assert curve["curve"].values[-1] == soft.value
    assert made["partial_soft_matching"].value > soft.value + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_kappa_of_the_arrays_is_the_number_beside_the_score(dataset, name):
    options = "absolute=false,turns=4,n_permutations=0,predictive_power=false"
    made = load_benchmark(f"{name}[{options}]").score(blurred(dataset), dataset)
    similarity, share = (
        np.vstack([made.data[f"regenerated_{kind}"].values[None], made.data[f"turned_{kind}"].values])
        for kind in ("similarity", "share")
    )
    scores = [
        np.average(np.nan_to_num(values), weights=weights)
        for values, weights in zip(similarity, share, strict=True)
    ]
    perfect = np.average(made.data["attainable_similarity"], weights=made.data["attainable_share"])
    expected = axis_index(scores[0], scores[1:], perfect=perfect)
    assert made.beside["axis_index"] == pytest.approx(expected.value, abs=1e-12)
    assert made.beside["axis_index_p"] == expected.p == 0.2
    assert made.beside["regenerated"] == pytest.approx(scores[0], abs=1e-12)
    assert 0.2 < made.beside["axis_index"] < 1
    assert perfect < 0.999


@pytest.mark.parametrize(("name", "counted"), [*zip(NAMES, (5, 12, 12, 6), strict=True)])
def test_the_perfect_score_is_that_of_a_linear_function(dataset, name, counted):
    model = blurred(dataset)
    made = load_benchmark(f"{name}[turns=2,n_permutations=0,predictive_power=false]").score(model, dataset)
    order = np.argsort(dataset.responses["neuroid"].values.astype(str))
    fitted = turned_tuning(model.latents(dataset.stimuli).values, dataset.responses.values[:, order])
    attainable = np.empty(12)
    attainable[order] = np.sqrt(np.maximum(fitted.explained, 0))
    np.testing.assert_allclose(made.data["attainable_similarity"], attainable, atol=1e-9)
    # The best neurons, as many as are matched.
    expected = np.zeros(12)
    expected[np.argsort(-attainable)[:counted]] = 1
    np.testing.assert_array_equal(made.data["attainable_share"], expected)


def test_kappa_of_single_and_of_mixed_neurons(dataset_factory):
    for tuning, low, high in (("single", 0.85, 1.1), ("mixed", -0.5, 0.25)):
        recorded = dataset_factory(tuning=tuning, n_stimuli=300, n_neurons=24)
        model = units_of(recorded, recorded.factors.loc[recorded.responses["stimulus"].values].to_numpy())
        for name in NAMES:
            made = load_benchmark(
                f"{name}[absolute=true,n_permutations=0,predictive_power=false,n_folds=5]"
            ).score(model, recorded)
            # The best half of the neurons matches well with turned axes, too: little room is left.
            lowest = 0.5 if name.startswith("partial") and tuning == "single" else low
            assert lowest < made.beside["axis_index"] < high, (tuning, name)
            assert (made.beside["axis_index_p"] < 0.05) == (tuning == "single"), (tuning, name)


def test_noise_has_no_axis_index(dataset):
    values = np.random.default_rng(3).standard_normal((120, 5))
    made = load_benchmark("soft_matching[turns=4,n_permutations=0,predictive_power=false]").score(
        units_of(dataset, values), dataset
    )
    assert np.isnan(made.beside["axis_index"])
    assert any("no axis index" in note for note in made.notes)


@pytest.mark.parametrize("name", NAMES)
def test_shuffles_are_those_of_the_core(dataset, name):
    model = blurred(dataset)
    made = load_benchmark(f"{name}[turns=0,n_permutations=4,predictive_power=false]").score(model, dataset)
    shuffled = permutation_null(load_benchmark(f"{name}[{QUICK}]"), model, dataset, n_permutations=4)
    assert made.null == pytest.approx(shuffled.mean(), abs=1e-12)
    assert made.provenance["permutation_p"] == 0.2
    assert abs(made.null) < 0.1


def test_ceiling_is_the_mean_of_the_most_reliable_neurons(dataset):
    model = blurred(dataset)
    reliability = load_benchmark(f"soft_matching[{QUICK}]").score(model, dataset).data["reliability"].values
    best = np.sort(np.sqrt(reliability))[::-1]
    for name, n_neurons in zip(NAMES, (5, 12, 12, 6), strict=True):
        ceiling = load_benchmark(f"{name}[{QUICK}]").score(model, dataset).ceiling
        assert ceiling == pytest.approx(best[:n_neurons].mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_neuron_is_not_matched_with_itself(dataset, name):
    responses = dataset.responses
    latents = arrays.latents(
        responses.values[:, ::-1],
        stimulus=responses["stimulus"].values,
        neuroid=responses["neuroid"].values[::-1],
        attrs={"neuroids_of": dataset.content_hash},
    )
    by = load_benchmark(f"{name}[mass=1.0,{QUICK}]" if name.startswith("partial") else f"{name}[{QUICK}]")
    own = latents["unit"].values[::-1]
    apart, included = (
        replace(by, self_pairs=kind).score(GivenUnits(latents), dataset) for kind in ("exclude", "include")
    )
    assert (apart.data["best_unit"].values != own).all()
    assert (included.data["best_unit"].values == own).all()
    assert included.value == pytest.approx(1)
    assert apart.value < 0.95


def test_copies_and_dead_units(dataset):
    model = blurred(dataset)
    values = model.latents(dataset.stimuli).values
    copied = np.column_stack([values, values[:, 0], -values[:, 1], np.ones(120)])
    for name in NAMES:
        by = load_benchmark(f"{name}[{QUICK}]")
        made = by.score(units_of(dataset, copied), dataset)
        assert made.beside["duplicated_units"] == 4
        assert made.beside["informative_units"] == 7
        assert any("have a copy" in note for note in made.notes) == (name != "semi_matching")
        assert made.data["unit_share"].values[-1] == 0
        alone = by.score(model, dataset)
        assert alone.beside["duplicated_units"] == 0
        sentences = by.confounds(alone, made)
        assert bool(sentences) == (name != "semi_matching")
        assert not sentences or "units has 5 informative units, units 7, and the score" in sentences[0]


def test_negative_correlations_have_a_note(dataset):
    latents = blurred(dataset).latents(dataset.stimuli)
    flipped = units_of(dataset, latents.values * [-1, -1, 1, 1, 1])
    signed, free = (
        load_benchmark(f"semi_matching[absolute={value},{QUICK}]").score(flipped, dataset)
        for value in ("false", "true")
    )
    assert signed.beside["negative_neurons"] == free.beside["negative_neurons"] == 6
    assert any("signs count: 6 of 12 neurons" in note for note in signed.notes)
    assert not any("signs count" in note for note in free.notes)
    assert free.value > signed.value + 0.3
    as_they_are = load_benchmark(f"semi_matching[{QUICK}]").score(blurred(dataset), dataset)
    assert not any("signs count" in note for note in as_they_are.notes)
    assert free.value == pytest.approx(as_they_are.value, abs=1e-12)


def test_neurons_without_variance_are_named(dataset):
    # The neuron varies over all stimuli, but not over those with latents.
    recording = dataset.recording.copy(deep=True)
    last = dataset.responses["stimulus"].values[-1]
    recording.values[:, 3] = np.where(recording["stimulus_id"].values == last, 1.0, 2.0)
    changed = replace(dataset, recording=recording)
    latents = blurred(dataset).latents(dataset.stimuli)
    model = GivenUnits(latents.sel(stimulus=latents["stimulus"].values != last))
    by = load_benchmark("soft_matching[turns=2,n_permutations=0,predictive_power=false]")
    made = by.score(model, changed, join="intersection")
    assert "1 neurons without variance are left out" in made.notes
    assert np.isnan(made.data["similarity"].values[3])
    assert made.data["attainable_share"].values.tolist() == [1, 1, 1, 0] + [1] * 8


@pytest.mark.parametrize("name", NAMES)
def test_variants_share_a_fold(name):
    rng = np.random.default_rng(0)
    ids = [f"s{index:02d}" for index in range(60)]
    table = pd.DataFrame({"original": np.repeat(np.arange(30), 2).astype(str)}, index=ids)
    seen = np.repeat(rng.standard_normal((30, 4)), 2, axis=0)
    # Each neuron and each unit repeats its noise for the variant.
    neurons = np.repeat(rng.standard_normal((30, 4)), 2, axis=0) + 0.01 * rng.standard_normal((60, 4))
    recorded = na.Dataset(
        identifier="variants",
        recording=arrays.recording(neurons, stimulus_id=ids, neuroid_id=list("abcd"), region="IT"),
        stimuli=na.StimulusSet("variants", table),
        simulated=True,
    )
    by = load_benchmark(f"{name}[n_folds=5,{QUICK}]")
    latents, responses = by.align(units_of(recorded, seen), recorded)
    problem = by.problem(latents, responses, recorded)
    np.testing.assert_array_equal(problem.folds[::2], problem.folds[1::2])
    drawn = by.problem(latents, responses, recorded, np.array([0, 0, 1, 5, 5]))
    assert len(set(drawn.folds[:3])) == 1
    assert any("fold" in note for note in by.score(units_of(recorded, seen), recorded).notes)


def test_units_of_one_name_order(dataset):
    # Two copies of a neuron: the order of the file breaks no tie.
    recording = dataset.recording.copy(deep=True)
    recording.values[:, 5] = recording.values[:, 9]
    order = np.random.default_rng(0).permutation(12)
    first, second = (
        load_benchmark(f"one_to_one[{QUICK}]").score(
            blurred(dataset), replace(dataset, recording=recording.isel(neuroid=columns))
        )
        for columns in (np.arange(12), order)
    )
    xr.testing.assert_allclose(
        first.data["matched_share"].sortby("neuroid"), second.data["matched_share"].sortby("neuroid")
    )


def test_mass_is_checked():
    with pytest.raises(UsageError, match="mass must be above 0 and at most 1"):
        load_benchmark("partial_soft_matching[mass=0.0]")


def test_share_largest():
    values = np.array([0.2, 0.9, 0.5, 0.7])
    every = np.ones(4, dtype=bool)
    np.testing.assert_allclose(share_largest(values, 2.5, among=every), [0, 1, 0.5, 1])
    np.testing.assert_allclose(share_largest(values, 2, among=values < 0.8), [0, 0, 1, 1])
