"""Benchmarks of populations: held-out values, ceilings, errors, levels of chance and bounds of animals."""

from dataclasses import replace

import numpy as np
import pytest

from neuroalign.arrays import latents as make_latents
from neuroalign.arrays import recording
from neuroalign.benchmarks.trial_halves import extend_correlation, gain_of_halves, halve_trials
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import (
    cka,
    compare_rdms,
    crossnobis,
    dissimilarities,
    fold_labels,
    rdm_ceiling,
    shape_distance,
)
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.testing import make_dataset
from neuroalign.testing.units import GivenUnits

QUICK = "n_permutations=0"


def record(signal, *, noise=0.5, n_repetitions=4, seed=0, animals="unknown"):
    """A recording of neurons with a signal, (N, J), and independent noise in each trial."""
    base = make_dataset(n_stimuli=len(signal), n_neurons=1, images=False)
    ids = np.sort(base.stimuli.ids)
    trials = np.repeat(signal, n_repetitions, axis=0)
    trials = trials + noise * np.random.default_rng(seed).standard_normal(trials.shape)
    array = recording(
        trials,
        stimulus_id=np.repeat(ids, n_repetitions),
        neuroid_id=[f"n{index:03d}" for index in range(signal.shape[1])],
        region="IT",
        animal=animals,
    )
    return Dataset("recorded", array, base.stimuli, simulated=True)


def units_of(values, dataset):
    return GivenUnits(make_latents(values, stimulus=dataset.responses["stimulus"].values))


def problem(n=40, d=5, j=8, seed=0, **arguments):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, d))
    dataset = record(Z @ rng.standard_normal((d, j)), seed=seed, **arguments)
    return units_of(Z + 0.5 * rng.standard_normal(Z.shape), dataset), dataset


def arrays(model, dataset):
    responses = dataset.responses
    return model.latents(dataset.stimuli).values, responses.values


def test_values_are_the_values_of_the_metrics():
    model, dataset = problem()
    Z, Y = arrays(model, dataset)
    for estimator in ("debiased", "biased"):
        score = load_benchmark(f"cka[estimator={estimator},{QUICK}]").score(model, dataset)
        assert score.value == pytest.approx(cka(Z, Y, estimator=estimator).score)
    folds = fold_labels(40, 10)
    for option, labels in [("false", folds), ("true", None)]:
        score = load_benchmark(f"shape[in_sample={option},{QUICK}]").score(model, dataset)
        assert score.value == pytest.approx(shape_distance(Z, Y, folds=labels).angle)
        assert any("in-sample" in note for note in score.notes) == (option == "true")
        assert score.beside["similarity"] == pytest.approx(np.cos(score.value))
    rdm = dissimilarities(Z, "euclidean")
    score = load_benchmark(f"rsa[dissimilarity=crossnobis,comparison=whitened_cosine,{QUICK}]").score(
        model, dataset
    )
    assert score.value == pytest.approx(compare_rdms(rdm, crossnobis(dataset.trials), "whitened_cosine"))


def test_only_informative_units_count():
    _, dataset = problem()
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((40, 6))
    values = make_latents(
        Z, stimulus=dataset.responses["stimulus"].values, informative=[True, True, True, False, False, True]
    )
    score = load_benchmark(f"cka[{QUICK}]").score(GivenUnits(values), dataset)
    assert score.value == pytest.approx(cka(Z[:, [0, 1, 2, 5]], dataset.responses.values).score)
    assert score.beside["informative_units"] == 4


class Neurons:
    """Some neurons of a dataset as a model."""

    identifier = "neurons"

    def __init__(self, dataset, chosen):
        responses = dataset.responses
        latents = make_latents(responses.values[:, chosen], stimulus=responses["stimulus"].values)
        latents = latents.assign_coords(neuroid=("unit", responses["neuroid"].values[chosen]))
        latents.attrs["neuroids_of"] = dataset.content_hash
        self._latents = latents

    def latents(self, stimuli):
        return self._latents


@pytest.mark.parametrize("name", ["cka", "rsa[dissimilarity=euclidean,comparison=pearson]"])
def test_neurons_that_are_units_are_left_out(name):
    _, dataset = problem(j=9)
    benchmark = replace(load_benchmark(name), n_permutations=0)
    score = benchmark.score(Neurons(dataset, [0, 3, 4]), dataset)
    others = [1, 2, 5, 6, 7, 8]
    Y = dataset.responses.values
    expected = (
        cka(Y[:, [0, 3, 4]], Y[:, others]).score
        if name == "cka"
        else compare_rdms(
            dissimilarities(Y[:, [0, 3, 4]], "euclidean"),
            dissimilarities(Y[:, others], "euclidean"),
            "pearson",
        )
    )
    assert score.value == pytest.approx(expected)
    assert any("3 neurons are units" in note for note in score.notes)
    statistic = benchmark.resampling().from_score(score)
    assert statistic(np.ones((1, 9)))[0] == pytest.approx(expected)
    with pytest.raises(UsageError, match="self_pairs=include"):
        benchmark.score(Neurons(dataset, list(range(9))), dataset)
    included = replace(benchmark, self_pairs="include").score(Neurons(dataset, list(range(9))), dataset)
    assert included.value == pytest.approx(1.0)


RESAMPLED = [
    "cka",
    "cka[estimator=biased]",
    "rsa[dissimilarity=euclidean,comparison=pearson]",
    "rsa[dissimilarity=euclidean,comparison=cosine]",
]


@pytest.mark.parametrize("name", RESAMPLED)
def test_neurons_drawn_once_or_not_give_the_score_of_those_neurons(name):
    model, dataset = problem(j=10)
    benchmark = replace(load_benchmark(name), n_permutations=0)
    score = benchmark.score(model, dataset)
    counts = np.array([1, 0, 1, 1, 0, 0, 1, 1, 0, 1])
    part = replace(dataset, recording=dataset.recording.isel(neuroid=np.flatnonzero(counts)))
    expected = benchmark.score(model, part).value
    statistic = benchmark.resampling().from_score(score)
    assert statistic(counts[None])[0] == pytest.approx(expected)
    assert statistic(np.zeros((1, 10)))[0] == 0.0
    backwards = statistic.in_order(statistic.neurons[::-1])
    assert backwards(counts[::-1][None])[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", [name for name in RESAMPLED if "biased" not in name])
@pytest.mark.parametrize("d", [5, 60])
def test_drawn_stimuli(name, d):
    """Stimuli drawn once give their score; stimuli drawn twice do not raise the score of unrelated units."""
    model, dataset = problem(n=30, d=d)
    benchmark = replace(load_benchmark(name), n_permutations=0)
    refit = benchmark.resampling().refit
    latents, responses = benchmark.align(model, dataset)
    rows = np.arange(0, 30, 2)
    part = replace(
        dataset,
        recording=dataset.recording.isel(
            presentation=np.isin(dataset.recording["stimulus_id"].values, responses["stimulus"].values[rows])
        ),
    )
    expected = benchmark.score(GivenUnits(latents.isel(stimulus=rows)), part).value
    every = np.ones((1, 8))
    assert refit(latents, responses, dataset, rows)(every)[0] == pytest.approx(expected)
    assert refit(latents, responses, dataset, np.repeat(rows, 2))(every)[0] == pytest.approx(
        expected, abs=0.02
    )


def test_draws_of_unrelated_populations_score_zero():
    """Wide populations, where pairs of a stimulus with itself would give high scores."""
    rng = np.random.default_rng(2)
    scores, benchmark = [], load_benchmark("cka[n_permutations=0]")
    for seed in range(12):
        dataset = record(rng.standard_normal((25, 60)), seed=seed)
        latents, responses = benchmark.align(units_of(rng.standard_normal((25, 50)), dataset), dataset)
        rows = rng.integers(0, 25, 25)
        scores.append(benchmark.resampling().refit(latents, responses, dataset, rows)(np.ones((1, 60)))[0])
    assert abs(np.mean(scores)) < 3 * np.std(scores) / np.sqrt(12)
    assert np.std(scores) < 0.2


CEILINGS = {
    "cka": 0.01,
    "rsa": 0.03,
    "rsa[comparison=pearson]": 0.03,
    "rsa[dissimilarity=euclidean,comparison=pearson]": 0.02,
    "rsa[dissimilarity=euclidean,comparison=whitened_pearson]": 0.02,
    "rsa[dissimilarity=crossnobis,comparison=whitened_cosine,noise=equal]": 0.02,
    "rsa[dissimilarity=crossnobis,comparison=cosine,noise=equal]": 0.02,
}


@pytest.mark.parametrize("name", CEILINGS)
def test_the_true_geometry_scores_the_ceiling(name):
    """Mean over recordings of neurons with noise above their signal in single trials."""
    scores = []
    benchmark = replace(load_benchmark(name), n_permutations=0)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        signal = rng.standard_normal((40, 4)) @ rng.standard_normal((4, 30)) / 2
        dataset = record(signal, noise=1.5, n_repetitions=6, seed=seed)
        score = benchmark.score(units_of(signal, dataset), dataset)
        scores.append([score.value, score.ceiling, score.beside["split_half"]])
    value, ceiling, half = np.mean(scores, axis=0)
    assert ceiling == pytest.approx(value, abs=CEILINGS[name])
    assert half < value - 0.01
    assert 0.4 < value < 0.99


@pytest.mark.parametrize(
    "name", ["cka[estimator=biased]", "cka[kernel=rbf]", "rsa[comparison=kendall]", "shape"]
)
def test_halves_are_named_where_no_ceiling_is_known(name):
    model, dataset = problem()
    score = replace(load_benchmark(name), n_permutations=0).score(model, dataset)
    assert np.isnan(score.ceiling)
    assert np.isfinite(score.beside["split_half"])
    assert any("half of the trials" in note for note in score.notes)


def test_averages_have_no_ceiling_and_no_crossnobis_distances():
    model, dataset = problem()
    averages = dataset.with_responses(dataset.responses)
    score = load_benchmark(f"cka[{QUICK}]").score(model, averages)
    assert np.isnan(score.ceiling)
    assert any("only averages" in note for note in score.notes)
    with pytest.raises(UsageError, match="single trials"):
        load_benchmark("rsa[dissimilarity=crossnobis]").score(model, averages)


@pytest.mark.parametrize("name", ["cka", "rsa", "rsa[comparison=kendall]", "shape", "cka[estimator=biased]"])
def test_shuffles_are_scores_of_shuffled_units(name):
    """The shortcut of a shared kernel gives the score of the shuffled units."""
    model, dataset = problem()
    benchmark = load_benchmark(name)
    populations = benchmark.populations(*benchmark.align(model, dataset), dataset)
    units = benchmark.of_units(populations)
    neurons = benchmark.of_neurons(populations.neurons, populations.trials, populations.groups)
    order = np.random.default_rng(0).permutation(40)
    shuffled = replace(populations, units=populations.units[order])
    expected = benchmark.compare(benchmark.of_units(shuffled), neurons)
    assert benchmark.shuffled(units, neurons)(order) == pytest.approx(expected, rel=1e-9)


def test_chance_levels():
    rng = np.random.default_rng(3)
    dataset = record(rng.standard_normal((30, 40)), noise=0.1)
    model = units_of(rng.standard_normal((30, 25)), dataset)
    biased = load_benchmark("cka[estimator=biased,n_permutations=50]").score(model, dataset)
    assert biased.null > 0.5
    assert biased.null == pytest.approx(biased.beside["chance_in_closed_form"], rel=0.05)
    for name, chance, tolerance in [("cka", 0.0, 0.05), ("rsa", 0.0, 0.05), ("shape", np.pi / 2, 0.05)]:
        score = replace(load_benchmark(name), n_permutations=50).score(model, dataset)
        assert score.null == pytest.approx(chance, abs=tolerance)
        assert score.provenance["permutation_p"] > 0.05
    model, dataset = problem()
    assert load_benchmark("shape").score(model, dataset).provenance["permutation_p"] == pytest.approx(1 / 21)


def test_neurons_drawn_twice_do_not_change_the_mean_of_the_draws():
    """Without the correction, cosines of eight neurons would be too high by about 1/16 on average."""
    model, dataset = problem(noise=2.0)
    benchmark = load_benchmark(f"rsa[dissimilarity=euclidean,comparison=cosine,{QUICK}]")
    score = benchmark.score(model, dataset)
    draws = np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), size=4000)
    drawn = benchmark.resampling().from_score(score)(draws)
    assert drawn.mean() == pytest.approx(score.value, abs=0.02)
    assert 0.002 < drawn.std() < 0.1


def test_crossnobis_ceilings_need_four_trials():
    for n_repetitions, is_known in [(3, False), (4, True)]:
        model, dataset = problem(n_repetitions=n_repetitions)
        score = load_benchmark(f"rsa[dissimilarity=crossnobis,comparison=pearson,{QUICK}]").score(
            model, dataset
        )
        assert np.isfinite(score.ceiling) == is_known
        assert any("4 trials" in note for note in score.notes) != is_known


def test_the_jackknife_leaves_out_each_of_few_stimuli():
    model, dataset = problem(n=12)
    Z, Y = arrays(model, dataset)
    values = np.array([cka(np.delete(Z, row, axis=0), np.delete(Y, row, axis=0)).score for row in range(12)])
    score = load_benchmark(f"cka[{QUICK}]").score(model, dataset)
    assert score.error == pytest.approx(np.sqrt(11 / 12 * ((values - values.mean()) ** 2).sum()))
    assert score.error_over == "stimuli"


@pytest.mark.slow
def test_the_jackknife_is_the_error_over_stimuli():
    """The standard deviation of the score over 60 sets of stimuli, for the same units and neurons."""
    rng = np.random.default_rng(4)
    to_units, to_neurons = rng.standard_normal((4, 6)), rng.standard_normal((4, 12))
    for name in ("cka", "rsa[dissimilarity=euclidean,comparison=pearson]"):
        benchmark = replace(load_benchmark(name), n_permutations=0)
        scores, errors = [], []
        for seed in range(60):
            factors = rng.standard_normal((40, 4))
            dataset = record(factors @ to_neurons, noise=2.0, n_repetitions=1, seed=seed)
            score = benchmark.score(
                units_of(factors @ to_units + rng.standard_normal((40, 6)), dataset), dataset
            )
            scores.append(score.value)
            errors.append(score.error)
        assert np.mean(errors) == pytest.approx(np.std(scores), rel=0.3)


def test_bounds_of_animals():
    animals = np.repeat(["A", "B", "C"], 10)
    model, dataset = problem(j=30, animals=animals)
    score = load_benchmark(f"rsa[comparison=cosine,{QUICK}]").score(model, dataset)
    Z, Y = arrays(model, dataset)
    rdms = [dissimilarities(Y[:, animals == name]) for name in "ABC"]
    bounds = rdm_ceiling(rdms, "cosine")
    assert score.beside["animal_lower"] == pytest.approx(bounds.lower)
    assert score.beside["animal_upper"] == pytest.approx(bounds.upper)
    expected = [compare_rdms(dissimilarities(Z), rdm, "cosine") for rdm in rdms]
    np.testing.assert_allclose(score.data["score_of_animal"].sel(animal=["A", "B", "C"]), expected)
    assert score.beside["animal_score"] == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("name", ["cka", "cka[kernel=rbf]", "shape"])
def test_the_mean_of_all_animals_is_nearer_to_an_animal_than_the_mean_of_the_others(name):
    animals = np.repeat(["A", "B", "C"], 10)
    model, dataset = problem(j=30, animals=animals, noise=1.5)
    benchmark = replace(load_benchmark(name), n_permutations=0)
    beside = benchmark.score(model, dataset).beside
    sign = 1 if benchmark.higher_is_better else -1
    assert sign * beside["animal_lower"] < sign * beside["animal_upper"]
    alone = replace(dataset, recording=dataset.recording.isel(neuroid=animals == "A"))
    assert "animal_lower" not in benchmark.score(model, alone).beside


def test_wide_full_whitening_is_noted():
    model, dataset = problem(n=12, d=20, j=15)
    score = load_benchmark(f"shape[alpha=0,in_sample=true,{QUICK}]").score(model, dataset)
    assert score.value == pytest.approx(0.0, abs=1e-6)
    assert any("align" in note and "alpha=1" in note for note in score.notes)


def test_halves_of_unequal_trials():
    rng = np.random.default_rng(5)
    trials = rng.standard_normal((4, 5, 2))
    trials[1, 3:] = np.nan
    trials[2, 0, 0] = np.nan
    for first, second in halve_trials(trials, n_splits=3, seed=0):
        for stimulus in range(4):
            for neuron in range(2):
                own = trials[stimulus, :, neuron]
                halves = [half[stimulus, :, neuron] for half in (first, second)]
                sizes = [np.isfinite(half).sum() for half in halves]
                assert sizes == [np.isfinite(own).sum() // 2] * 2
                values = np.concatenate([half[np.isfinite(half)] for half in halves])
                assert np.unique(values).size == values.size
                assert np.isin(values, own).all()
    assert gain_of_halves(np.zeros((3, 6, 2))) == 2.0
    assert extend_correlation(0.5, 2.0) == pytest.approx(2 / 3)


def test_whole_repetitions_are_halved():
    trials = np.arange(8.0)[None, :, None] + np.zeros((3, 8, 2))
    for first, second in halve_trials(trials, n_splits=3, seed=0):
        for half in (first, second):
            assert (half == half[:1, :, :1]).all()
        assert sorted([*first[0, :, 0], *second[0, :, 0]]) == list(range(8))


@pytest.mark.parametrize("name", ["rsa", "cka[kernel=rbf]"])
def test_more_stimuli_than_memory_are_one_line(name, monkeypatch):
    recorded = record(np.random.default_rng(0).standard_normal((10_000, 2)), n_repetitions=1)
    model = units_of(recorded.responses.values**2, recorded)
    memory = type("Memory", (), {"available": 5 * 10**9})()
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    with pytest.raises(UsageError) as caught:
        load_benchmark(name).score(model, recorded)
    assert str(caught.value) == (
        f"{name[:3]} of 10,000 stimuli takes 6 GB of memory, and 5 GB are free; score fewer stimuli, as in "
        "'DATASET[COLUMN=VALUE]', or take cka, which needs no matrix of stimuli × stimuli"
    )
