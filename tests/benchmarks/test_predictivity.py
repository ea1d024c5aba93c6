"""Benchmarks of the predictivity of all units: ridge, partial least squares and least squares."""

from dataclasses import replace

import numpy as np
import pytest

from neuroalign.benchmarks.linear import Linear
from neuroalign.benchmarks.pls import PLS
from neuroalign.benchmarks.ridge import RidgeBenchmark
from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics import fold_labels, ridge_predictivity
from neuroalign.models.loading import load_model
from neuroalign.testing import make_dataset
from neuroalign.testing.units import GivenUnits, example_model

ALL = [RidgeBenchmark, PLS, Linear]


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(n_stimuli=80, n_neurons=6, n_factors=3, reliability=0.6, seed=2)


@pytest.mark.parametrize("regression", ALL)
def test_the_score_is_the_mean_of_held_out_correlations(regression, dataset):
    score = regression(n_permutations=3).score(example_model(dataset), dataset)
    assert score.value == pytest.approx(score.data["r"].values.mean())
    assert score.beside["r2"] == pytest.approx(score.data["r2"].values.mean())
    assert score.beside["informative_units"] == 5
    assert 0.5 < score.value < score.ceiling < 1
    reliability = score.data["reliability"].values
    assert score.ceiling == pytest.approx(np.sqrt(reliability).mean())
    assert score.beside["r2_over_ceiling"] == pytest.approx((score.data["r2"].values / reliability).mean())
    assert abs(score.null) < 0.3


def test_ridge_is_the_pure_function_on_informative_units(dataset):
    model = example_model(dataset)
    score = RidgeBenchmark(n_permutations=0, n_folds=4, seed=3).score(model, dataset)
    units = model.latents(dataset.stimuli).sel(stimulus=dataset.responses["stimulus"].values)
    expected = ridge_predictivity(
        units.values[:, :5], dataset.responses.values, folds=fold_labels(80, 4, seed=3)
    )
    np.testing.assert_allclose(score.data["r"].values, expected.r)
    np.testing.assert_allclose(score.data["alpha"].values, np.exp(np.log(expected.alpha).mean(axis=0)))
    assert np.isnan(score.null)


@pytest.mark.parametrize("regression", ALL)
def test_in_sample_scores_are_higher_and_say_so(regression, dataset):
    model = example_model(dataset)
    held_out = regression(n_permutations=0).score(model, dataset)
    in_sample = regression(n_permutations=0, in_sample=True).score(model, dataset)
    assert in_sample.value > held_out.value
    assert in_sample.notes[0].startswith("in-sample")
    assert not any("in-sample" in note for note in held_out.notes)


@pytest.mark.parametrize("regression", ALL)
def test_chance_is_the_score_of_units_in_another_order(regression, dataset):
    model = example_model(dataset)
    units = model.latents(dataset.stimuli)
    score = regression(n_permutations=15).score(model, dataset)
    rng = np.random.default_rng(9)
    slow = [
        regression(n_permutations=0)
        .score(GivenUnits(units.copy(data=units.values[rng.permutation(80)])), dataset)
        .value
        for _ in range(15)
    ]
    # The folds of the shared fit stay with the units, so the two levels agree up to the spread of the shuffles.
    assert abs(score.null - np.mean(slow)) < 4 * np.std(slow) * np.sqrt(2 / 15)
    assert score.beside["p_of_shuffles"] == pytest.approx(1 / 16)


@pytest.mark.parametrize("regression", ALL)
def test_a_neuron_does_not_predict_itself(regression, dataset):
    neurons = dataset.responses["neuroid"].values[:4]
    model = load_model(dataset_neurons(dataset, neurons))
    # The grid of penalties depends on all units, and a single penalty does not.
    options = {"alpha": 0.1} if regression is RidgeBenchmark else {}
    own = regression(n_permutations=2, **options).score(model, dataset)
    itself = regression(n_permutations=0, self_pairs="include", **options).score(model, dataset)
    if regression is not PLS:
        # The components of partial least squares are common to all neurons.
        np.testing.assert_allclose(own.data["r"].values[4:], itself.data["r"].values[4:])
    assert itself.data["r"].values[:4].min() > 0.999 > own.data["r"].values[:4].max()
    others = [index for index in range(4) if index != 1]
    without = load_model(dataset_neurons(dataset, neurons[others]))
    alone = regression(n_permutations=0, **options).score(without, dataset)
    np.testing.assert_allclose(own.data["r"].values[1], alone.data["r"].values[1])


def dataset_neurons(dataset, neurons):
    from neuroalign.model_zoo.neurons import NeuronModel

    return NeuronModel(dataset, "some neurons", neuroids=neurons)


def test_one_unit_is_enough(dataset):
    units = example_model(dataset).latents(dataset.stimuli)
    for regression in ALL:
        score = regression(n_permutations=0).score(GivenUnits(units[:, :1]), dataset)
        assert 0 < score.value < 1
        if regression is PLS:
            assert score.beside["components"] == 1


def test_more_units_than_stimuli(dataset):
    units = example_model(dataset).latents(dataset.stimuli)
    rng = np.random.default_rng(0)
    wide = units.isel(unit=np.zeros(300, dtype=int)).assign_coords(unit=[f"u{i}" for i in range(300)])
    wide = wide.copy(
        data=units.values[:, :5] @ rng.standard_normal((5, 300)) + rng.standard_normal((80, 300))
    )
    wide["informative"].values[:] = True
    model = GivenUnits(wide)
    assert RidgeBenchmark(n_permutations=0).score(model, dataset).value > 0.4
    assert PLS(n_permutations=0, n_components=5).score(model, dataset).value > 0.4
    with pytest.raises(UsageError, match="use ridge"):
        Linear().score(model, dataset)


def test_a_given_penalty_is_the_penalty_of_all_neurons(dataset):
    score = RidgeBenchmark(alpha=1.0, standardise=False, n_permutations=0).score(
        example_model(dataset), dataset
    )
    np.testing.assert_allclose(score.data["alpha"].values, 1.0)
    assert "largest_alpha" not in score.beside


def test_penalties_at_the_end_of_the_grid_are_noted(dataset):
    responses = dataset.responses
    exact = dataset.factors.loc[responses["stimulus"].values].to_numpy()
    recording = dataset.recording.copy()
    rows = dataset.factors.index.get_indexer(recording["stimulus_id"].values)
    recording.values[:] = (dataset.factors.to_numpy()[rows] @ np.ones((exact.shape[1], 6))).reshape(
        recording.shape
    )
    model = GivenUnits(example_model(dataset).latents(dataset.stimuli)[:, : exact.shape[1]])
    latents = model.latents(dataset.stimuli)
    model = GivenUnits(latents.copy(data=dataset.factors.loc[latents["stimulus"].values].to_numpy()))
    score = RidgeBenchmark(n_permutations=0).score(model, replace(dataset, recording=recording))
    assert score.value == pytest.approx(1.0)
    assert score.beside["smallest_alpha"] == 1.0
    assert "chose the smallest of the penalties" in score.notes[0]


def test_no_informative_unit_is_an_error(dataset):
    units = example_model(dataset).latents(dataset.stimuli)[:, 5:]
    with pytest.raises(ArrayError, match="no unit of the model is informative"):
        RidgeBenchmark().score(GivenUnits(units), dataset)


def unequal_trials(dataset, seed=0):
    """Leave out trials at random, at most two of three of each stimulus."""
    rng = np.random.default_rng(seed)
    recording = dataset.recording.copy()
    kept = rng.random(recording.shape) > 0.5
    kept[recording["repetition"].values == 0] = True
    recording.values[~kept] = np.nan
    return replace(dataset, recording=recording)


def test_fits_to_single_trials_weigh_stimuli_by_their_trials(dataset):
    unequal = unequal_trials(dataset)
    model = example_model(dataset)
    score = RidgeBenchmark(n_permutations=3, fit_to="trials").score(model, unequal)
    counts = np.isfinite(unequal.trials).sum(axis=1)
    assert counts.min() == 1
    assert counts.max() == 3
    units = model.latents(dataset.stimuli).sel(stimulus=unequal.responses["stimulus"].values)
    expected = ridge_predictivity(
        units.values[:, :5], unequal.responses.values, folds=fold_labels(80, 10), counts=counts
    )
    np.testing.assert_allclose(score.data["r"].values, expected.r)
    np.testing.assert_allclose(score.data["alpha"].values, np.exp(np.log(expected.alpha).mean(axis=0)))
    means = RidgeBenchmark(n_permutations=3).score(model, unequal)
    assert abs(score.value - means.value) < 0.05
    assert score.ceiling == means.ceiling
    assert score.options["fit_to"] == "trials"
    assert "fit_to" not in means.options
    assert any(
        note == "fits to single trials: a stimulus counts by the trials of each neuron, 1 to 3 (median 2)"
        for note in score.notes
    )
    assert abs(score.null) < 0.3
    linear = Linear(n_permutations=2, fit_to="trials").score(model, unequal)
    assert abs(linear.value - score.value) < 0.05
    with pytest.raises(UsageError, match="needs the same trials of all neurons"):
        PLS(fit_to="trials").score(model, unequal)


@pytest.mark.parametrize("regression", ALL)
def test_equal_trials_give_the_score_of_means(regression, dataset):
    model = example_model(dataset)
    trials, means = (
        regression(n_permutations=2, fit_to=fit_to).score(model, dataset) for fit_to in ("trials", "means")
    )
    assert trials.value == means.value
    assert trials.null == pytest.approx(means.null, abs=1e-12)
    assert (
        "each neuron has as many trials of every stimulus, so that fits to trials are fits to means"
        in trials.notes
    )


def test_fits_to_trials_need_trials(dataset):
    averaged = dataset.with_responses(dataset.responses)
    with pytest.raises(UsageError, match="has averages without numbers of trials; leave fit_to out"):
        RidgeBenchmark(fit_to="trials").score(example_model(dataset), averaged)


def test_averages_with_their_numbers_of_trials_have_the_score_of_the_trials(dataset):
    unequal = unequal_trials(dataset)
    means = unequal.with_responses(unequal.responses)
    counts = np.isfinite(unequal.trials).sum(axis=1)
    recording = means.recording.assign_coords(n_trials=(("presentation", "neuroid"), counts))
    model, benchmark = example_model(dataset), RidgeBenchmark(n_permutations=0, fit_to="trials")
    averaged = benchmark.score(model, replace(means, recording=recording))
    assert averaged.value == pytest.approx(benchmark.score(model, unequal).value, rel=1e-12)


def test_few_stimuli_are_noted():
    few = make_dataset(n_stimuli=21, n_neurons=4, n_factors=3, images=False)
    score = RidgeBenchmark(n_permutations=0).score(example_model(few), few)
    assert (
        "only 21 stimuli: by chance alone, the r of one neuron varies by more than 0.22 around 0; n_folds=21 leaves "
        "out one at a time and fits to the most"
    ) in score.notes
    score = RidgeBenchmark(n_permutations=0, n_folds=21).score(example_model(few), few)
    assert any(note.endswith("varies by more than 0.22 around 0") for note in score.notes)
