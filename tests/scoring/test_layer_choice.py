"""Choice of a layer inside the training folds, against scikit-learn, single scores and simulated noise."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numbers
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LinearRegression

from neuroalign import as_model, score
from neuroalign.arrays import latents as make_latents
from neuroalign.datasets.selection import select_part
from neuroalign.errors import ArrayError, StimulusMismatchError, UnknownNameError, UsageError
from neuroalign.metrics import fold_labels, one_to_one
from neuroalign.metrics.matching_folds import splice_matchings
from neuroalign.metrics.predictivity import Predictivity, splice_predictions, splice_rows
from neuroalign.reporting.text.layer_choice import compare_with_maximum, format_choice
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.layer_candidates import name_choice, short_names
from neuroalign.scoring.layer_choice import choose_layer
from neuroalign.scoring.nested_choice import benchmarks_that_choose, choose_best
from neuroalign.testing import make_dataset

N, J = 40, 4
LINEAR = "linear[n_folds=4,n_permutations=3]"


def layer(dataset, values, name):
    return as_model(make_latents(values, stimulus=dataset.stimuli.ids), identifier=name)


def noisy_layers(dataset, noises, *, seed=1):
    """Mixtures of the true factors with noise: the first layers are good for other neurons than the last ones."""
    rng = np.random.default_rng(seed)
    factors = dataset.factors.to_numpy()
    return [
        layer(
            dataset,
            factors @ rng.standard_normal((factors.shape[1], 3))
            + noise * rng.standard_normal((len(factors), 3)),
            f"net@layer{index}",
        )
        for index, noise in enumerate(noises)
    ]


@pytest.fixture(scope="module")
def small():
    return make_dataset(n_stimuli=N, n_neurons=J, n_factors=3, images=False, reliability=0.6, seed=4)


@pytest.fixture(scope="module")
def layers(small):
    return noisy_layers(small, [1.0, 1.2, 0.9])


def with_responses(dataset, change):
    """Change the responses of a recording: a function of the ids of the stimuli and the values."""
    recording = dataset.recording
    changed = change(recording["stimulus_id"].values.astype(str), recording.values.copy())
    return replace(dataset, recording=recording.copy(data=changed))


def noise_dataset(seed, *, n_groups=1, size=J, n_stimuli=N):
    """Responses of pure noise; neurons of one session are a population."""
    made = make_dataset(
        n_stimuli=n_stimuli,
        n_neurons=n_groups * size,
        n_factors=2,
        n_repetitions=1,
        images=False,
        noise=1,
        seed=seed,
    )
    sessions = np.repeat([f"s{index:03}" for index in range(n_groups)], size)
    rng = np.random.default_rng([seed, 1])
    recording = made.recording.copy(data=rng.standard_normal(made.recording.shape))
    return replace(made, recording=recording.assign_coords(session=("neuroid", sessions)))


def noise_choice(seed, benchmark, *, n_groups, n_layers=6, n_units=2, n_stimuli=N):
    """Choose among layers of noise, for populations of noise."""
    dataset = noise_dataset(seed, n_groups=n_groups, n_stimuli=n_stimuli)
    rng = np.random.default_rng([seed, 2])
    layers = [
        layer(dataset, rng.standard_normal((n_stimuli, n_units)), f"layer{index}")
        for index in range(n_layers)
    ]
    by = "session" if n_groups > 1 else ()
    return choose_layer(layers, dataset, benchmark, by=by, use_cache=False)


def expect_chance(choices, *, most_nested, least_naive):
    """Expect nested scores at chance, naive maxima above it, and their expected size from the normal distribution."""
    nested = np.concatenate([choice.group_scores for choice in choices])
    ordinary = np.concatenate([choice.ordinary for choice in choices], axis=1)
    n_layers, n = ordinary.shape
    error = nested.std(ddof=1) / np.sqrt(n)
    assert abs(nested.mean()) < min(3 * error, most_nested)
    naive = ordinary.max(axis=0)
    assert naive.mean() > least_naive
    # The largest of independent normal scores is 1.267 standard deviations above their mean, for six layers.
    expected = 1.26721 * ordinary.std(ddof=1)
    assert n_layers == 6
    gain = (naive - ordinary.mean(axis=0)).mean()
    assert gain == pytest.approx(expected, rel=0.08)
    assert np.mean([choice.chance_gain for choice in choices]) == pytest.approx(gain, rel=0.1)
    return nested.mean(), naive.mean()


def test_the_nested_score_of_noise_is_chance_and_the_naive_maximum_is_not():
    choice = noise_choice(0, "linear[n_folds=4,n_permutations=2]", n_groups=150)
    expect_chance([choice], most_nested=0.025, least_naive=0.1)
    assert choice.naive_maximum == pytest.approx(choice.ordinary.max(axis=0).mean())
    assert choice.naive_gain > 0.1


@pytest.mark.slow
def test_many_seeds_of_noise():
    seeds = [noise_choice(seed, "ridge[n_folds=4,n_permutations=2]", n_groups=60) for seed in range(5)]
    nested, naive = expect_chance(seeds, most_nested=0.018, least_naive=0.12)
    assert naive - nested > 0.11


@pytest.mark.slow
def test_many_seeds_of_noise_with_a_matching():
    seeds = [noise_choice(seed, "one_to_one[n_folds=4,n_permutations=5]", n_groups=1) for seed in range(15)]
    nested = np.array([choice.score.value for choice in seeds])
    naive = np.array([choice.naive_maximum for choice in seeds])
    chance = np.mean([choice.score.null for choice in seeds])
    assert abs(nested.mean() - chance) < 3 * nested.std(ddof=1) / np.sqrt(nested.size)
    assert naive.mean() > 0.12
    # The gain by chance is the expected difference of the maximum and a layer that is fixed in advance.
    gain = np.mean([choice.ordinary.max() - choice.ordinary.mean() for choice in seeds])
    assert np.mean([choice.chance_gain for choice in seeds]) == pytest.approx(gain, rel=0.15)
    assert np.mean([choice.p_of_maximum for choice in seeds]) == pytest.approx(0.5, abs=0.15)


def correlate(responses, predicted, baseline, amplitude):
    """Correlation of the benchmark, written out: the part that the units add, at the amplitude of the responses."""
    first = responses - baseline
    second = (predicted - baseline) / amplitude
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    return (first * second).sum(axis=0) / np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))


def fold_by_hand(units, neurons, train, test):
    fit = LinearRegression().fit(units[train], neurons[train])
    amplitude = fit.predict(units[train]).std(axis=0) / neurons[train].std(axis=0)
    shape = (test.size, neurons.shape[1])
    return (
        fit.predict(units[test]),
        np.broadcast_to(neurons[train].mean(axis=0), shape),
        np.broadcast_to(amplitude, shape),
    )


def test_nested_folds_by_scikit_learn(small, layers):
    choice = choose_layer(layers, small, LINEAR, use_cache=False)
    ids = small.responses["stimulus"].values
    neurons = small.responses.values
    units = [model.latents(small.stimuli).sel(stimulus=ids).values for model in layers]
    folds = fold_labels(N, 4, seed=0)
    joined = [np.empty_like(neurons) for _ in range(3)]
    for fold in range(4):
        training, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        inner = []
        for values in units:
            parts = [np.empty((training.size, J)) for _ in range(3)]
            for other in set(range(4)) - {fold}:
                inside = folds[training] == other
                results = fold_by_hand(values, neurons, training[~inside], training[inside])
                for part, result in zip(parts, results, strict=True):
                    part[inside] = result
            inner.append(correlate(neurons[training], *parts).mean())
        np.testing.assert_allclose(choice.inner[:, fold, 0], inner, atol=1e-10)
        best = int(np.argmax(inner))
        assert choice.chosen[fold, 0] == best
        for part, result in zip(joined, fold_by_hand(units[best], neurons, training, test), strict=True):
            part[test] = result
    np.testing.assert_allclose(choice.score.data["r"].values, correlate(neurons, *joined), atol=1e-10)
    # The folds do not all choose one layer, so that the joined predictions differ from each layer.
    assert np.unique(choice.chosen).size > 1
    assert choice.score.value not in choice.ordinary
    assert choice.fold_sizes == (10, 10, 10, 10)


def test_the_naive_maximum_and_its_gain_by_chance_come_from_the_ordinary_scores(small, layers):
    choice = choose_layer(layers, small, LINEAR, use_cache=False)
    ordinary = [score(model, small, LINEAR, use_cache=False) for model in layers]
    values = [single.value for single in ordinary]
    np.testing.assert_allclose(choice.ordinary[:, 0], values, rtol=1e-12)
    assert choice.naive_maximum == max(values)
    assert choice.naive_layers == (layers[int(np.argmax(values))].identifier,)
    shuffled = np.array([single.data["shuffled"].values for single in ordinary])
    assert choice.chance_gain == pytest.approx((shuffled.max(axis=0) - shuffled.mean(axis=0)).mean())
    n_higher = (shuffled.max(axis=0) >= max(values)).sum()
    assert choice.p_of_maximum == (1 + n_higher) / 4
    assert choice.score.null == pytest.approx(np.mean([single.null for single in ordinary]))
    assert choice.score.ceiling == ordinary[0].ceiling


QUICK = ("linear[n_folds=4]", "ridge[n_folds=4]", "semi_matching[n_folds=4]")
SLOW = (
    "variance_explained[n_folds=4,n_lambdas=10]",
    "pls",
    "banded_ridge[n_folds=4,n_draws=3]",
    "one_to_one",
    "soft_matching[n_folds=3]",
    "partial_soft_matching[n_folds=4]",
    "ridge[folds=split:training]",
    "linear[fit_to=trials]",
    "one_to_one[folds=group:kind]",
    "variance_explained[folds=split:training,n_folds=4,n_lambdas=10]",
)


@pytest.mark.parametrize("spec", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_one_good_layer_has_its_ordinary_score(dataset, spec):
    table = dataset.stimuli.table.assign(kind=np.arange(len(dataset.stimuli)) % 5)
    dataset = replace(dataset, stimuli=type(dataset.stimuli)("s", table))
    good = layer(dataset, dataset.factors.to_numpy(), "good")
    noise = np.random.default_rng(3).standard_normal((len(dataset.stimuli), 4))
    loaded = load_benchmark(spec)
    without = {"n_permutations": 0, "turns": 0, "predictive_power": False, "random_folds": False}
    loaded = replace(loaded, **{name: value for name, value in without.items() if hasattr(loaded, name)})
    choice = choose_layer([layer(dataset, noise, "bad"), good], dataset, loaded, use_cache=False)
    alone = loaded.score(good, dataset)
    assert set(choice.chosen.ravel()) == {1}
    for name in ("value", "error", "ceiling"):
        assert getattr(choice.score, name) == pytest.approx(getattr(alone, name), rel=1e-12)
    for name in {"r2", "median_r", "r_over_ceiling", "median_noise_corrected_r2"} & alone.beside.keys():
        assert choice.score.beside[name] == alone.beside[name]
    for name in {"r", "r2", "similarity", "matched_share", "variance_explained"} & set(choice.score.data):
        np.testing.assert_allclose(choice.score.data[name].values, alone.data[name].values, rtol=1e-12)
    assert choice.naive_gain == pytest.approx(0, abs=1e-12)
    assert choice.score.options == alone.options
    assert np.isnan(choice.chance_gain)


def test_held_out_responses_take_no_part_in_the_choice(small, layers):
    folds = dict(zip(small.responses["stimulus"].values, fold_labels(N, 4, seed=0), strict=True))

    def disturb(stimuli, values):
        held_out = np.array([folds[stimulus] == 2 for stimulus in stimuli])
        values[held_out] = np.random.default_rng(0).standard_normal(values[held_out].shape)
        return values

    before = choose_layer(layers, small, LINEAR, use_cache=False)
    after = choose_layer(layers, with_responses(small, disturb), LINEAR, use_cache=False)
    np.testing.assert_array_equal(before.inner[:, 2], after.inner[:, 2])
    for other in (0, 1, 3):
        assert not np.array_equal(before.inner[:, other], after.inner[:, other])


def test_the_test_tier_of_a_split_takes_no_part_in_the_choice(small, layers):
    tier = small.stimuli.table["training"]
    benchmark = "linear[folds=split:training,n_folds=4,n_permutations=0]"

    def disturb(stimuli, values):
        held_out = ~tier.loc[stimuli].to_numpy()
        values[held_out] += np.random.default_rng(0).standard_normal(values[held_out].shape)
        return values

    before = choose_layer(layers, small, benchmark, use_cache=False)
    after = choose_layer(layers, with_responses(small, disturb), benchmark, use_cache=False)
    np.testing.assert_array_equal(before.inner, after.inner)
    assert before.score.value != after.score.value
    assert before.fold_sizes == (int((~tier).sum()),)
    assert "split by training" in before.score.notes[0]
    # The inner score is the score of random folds within the training tier.
    part = select_part(small, {"training": True})
    alone = score(layers[0], part, "linear[n_folds=4,n_permutations=0]", join="intersection", use_cache=False)
    assert before.inner[0, 0, 0] == pytest.approx(alone.value, rel=1e-12)


def test_each_group_of_neurons_has_the_layer_of_its_part(small, layers):
    labelled = replace(
        small, recording=small.recording.assign_coords(region=("neuroid", ["V4", "IT", "IT", "V4"]))
    )
    choice = choose_layer(layers, labelled, LINEAR, by="region", use_cache=False)
    assert choice.groups == ("region=IT", "region=V4")
    assert choice.group_sizes == (2, 2)
    assert choice.score.model == name_choice([model.identifier for model in layers], ["region"])
    for place, region in enumerate(("IT", "V4")):
        part = select_part(labelled, {"region": region})
        alone = choose_layer(layers, part, LINEAR, use_cache=False)
        np.testing.assert_array_equal(choice.chosen[:, place], alone.chosen[:, 0])
        assert choice.group_scores[place] == pytest.approx(alone.score.value, rel=1e-12)
        assert choice.shuffled[..., place].shape == alone.shuffled[..., 0].shape
    assert choice.score.value == pytest.approx(choice.group_scores.mean())
    assert choice.naive_maximum == pytest.approx(choice.ordinary.max(axis=0).mean())


@pytest.mark.slow
def test_each_neuron_may_have_a_layer_of_its_own(small, layers):
    choice = choose_layer(layers, small, LINEAR, by="neuroid_id", use_cache=False)
    for place in range(J):
        part = select_part(small, {"neuroid_id": f"n{place:02}"})
        alone = choose_layer(layers, part, LINEAR, use_cache=False)
        np.testing.assert_array_equal(choice.chosen[:, place], alone.chosen[:, 0])
        assert choice.score.data["r"].values[place] == pytest.approx(alone.score.value, rel=1e-12)


@pytest.mark.slow
def test_shuffles_repeat_the_whole_choice(small, layers):
    benchmark = "linear[n_folds=4,n_permutations=0]"
    choice = choose_layer(layers, small, benchmark, n_permutations=3, permutation_seed=5, use_cache=False)
    orders = [np.random.default_rng(5)]
    ids = np.sort(small.stimuli.ids)
    nested = []
    for _ in range(3):
        order = orders[0].permutation(N)
        moved = [
            as_model(
                make_latents(model.latents(small.stimuli).sel(stimulus=ids).values[order], stimulus=ids),
                identifier=model.identifier,
            )
            for model in layers
        ]
        nested.append(choose_layer(moved, small, benchmark, use_cache=False))
    np.testing.assert_allclose(choice.score.data["shuffled"].values, [one.score.value for one in nested])
    np.testing.assert_allclose(choice.shuffled[..., 0].T, [one.ordinary[:, 0] for one in nested])
    assert choice.score.null == pytest.approx(np.mean([one.score.value for one in nested]))
    assert choice.score.provenance["permutation_seed"] == 5
    # The shuffles of a group are the shuffles of its part.
    two = {"n_permutations": 2, "use_cache": False}
    labelled = replace(small, recording=small.recording.assign_coords(region=("neuroid", ["V4", "IT"] * 2)))
    of_groups = choose_layer(layers, labelled, benchmark, by="region", **two)
    alone = choose_layer(layers, select_part(labelled, {"region": "V4"}), benchmark, **two)
    np.testing.assert_allclose(of_groups.shuffled[..., 1], alone.shuffled[..., 0])


def test_matchings_of_two_models_by_hand():
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((60, 3))
    Z = [Y[:, [1, 0, 2]] + rng.standard_normal((60, 3)), Y[:, :2] + rng.standard_normal((60, 2))]
    folds = fold_labels(60, 3, seed=1)
    chosen = np.array([0, 1, 1])
    total, similarity, share = 0.0, np.zeros(3), np.zeros(3)
    for fold, index in enumerate(chosen):
        x, y = ((values - values.mean(axis=0)) / values.std(axis=0) for values in (Z[index], Y))
        test = folds == fold
        r = np.corrcoef(Z[index][~test].T, Y[~test].T)[: x.shape[1], x.shape[1] :]
        units, neurons = linear_sum_assignment(r, maximize=True)
        held_out = (x[test][:, units] * y[test][:, neurons]).mean(axis=0)
        similarity[neurons] += test.mean() * held_out
        share[neurons] += test.mean()
        total += test.mean() * held_out.sum()
    matchings = [one_to_one(units, Y, folds=folds) for units in Z]
    value, per_neuron, of_neuron = splice_matchings(matchings, np.repeat(chosen[:, None], 3, axis=1))
    assert value == pytest.approx(total / share.sum())
    np.testing.assert_allclose(per_neuron, similarity / share)
    np.testing.assert_allclose(of_neuron, share)
    for index, matching in enumerate(matchings):
        same = splice_matchings(matchings, np.full((3, 3), index))
        assert same[0] == pytest.approx(matching.score)
        np.testing.assert_allclose(same[1], matching.per_neuron)
        np.testing.assert_allclose(same[2], matching.neuron_share)


@given(
    numbers(np.float64, (3, 6, 2), elements=st.floats(-9, 9)),
    numbers(np.int64, (2, 2), elements=st.integers(0, 2)),
)
def test_each_row_and_neuron_is_of_the_chosen_model(values, chosen):
    rows = np.array([0, 1, -1, 1, 0, 0])
    spliced = splice_rows(list(values), rows, chosen)
    for row, fold in enumerate(rows):
        for neuron in range(2):
            if fold < 0:
                assert np.isnan(spliced[row, neuron])
            else:
                assert spliced[row, neuron] == values[chosen[fold, neuron], row, neuron]


def test_predictions_of_other_folds_are_refused():
    values, chosen = np.zeros((4, 2)), np.zeros((2, 2), dtype=np.int64)
    first, second = (
        Predictivity(values, values, values, values, np.array(folds))
        for folds in ([0, 0, 1, 1], [0, 1, 0, 1])
    )
    with pytest.raises(ArrayError, match="of the same folds"):
        splice_predictions([first, second], chosen)
    with pytest.raises(ArrayError, match="must have the shape"):
        splice_rows([values[:2]], np.zeros(4, dtype=np.int64), chosen)


def test_of_equal_layers_the_first_is_chosen():
    inner = np.array([[[0.5], [np.nan]], [[0.5 + 1e-13], [-1.0]]])
    assert choose_best(inner).ravel().tolist() == [0, 1]
    assert choose_best(np.array([[[0.1]], [[0.2]]]), higher_is_better=False).ravel().tolist() == [0]


@pytest.mark.slow
def test_a_choice_is_stored_and_read_again(small, layers):
    first = choose_layer(layers, small, LINEAR)
    again = choose_layer(layers, small, LINEAR)
    assert again.score.provenance["created"] == first.score.provenance["created"]
    assert json.dumps(again.to_record(), default=str) == json.dumps(first.to_record(), default=str)
    for name in ("inner", "chosen", "ordinary", "shuffled", "group_scores"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    entry = first.score.provenance["layer_choice"]
    assert entry["layers"] == [model.identifier for model in layers]
    assert entry["seed"] == 0
    assert entry["chosen"] == [{first.layers[index]: J} for index in first.chosen[:, 0]]
    # Each layer also has its own score in the store.
    names = {stored.model for stored in ResultsStore().scores()}
    assert names == {first.score.model, *entry["layers"]}
    other = choose_layer(
        [*layers[:2], layer(small, np.ones((N, 2)) * np.arange(N)[:, None], "net@layer2")], small, LINEAR
    )
    assert other.score.model == first.score.model
    assert other.score.provenance["created"] != first.score.provenance["created"]


@pytest.mark.slow
def test_the_number_of_jobs_changes_nothing(small, layers):
    one, two = (
        choose_layer(layers, small, LINEAR, n_jobs=n_jobs, use_cache=False).to_record() for n_jobs in (1, 2)
    )
    for record in (one, two):
        for name in ("created", "seconds", "latents_seconds"):
            del record["score"]["provenance"][name]
    assert json.dumps(one, default=str) == json.dumps(two, default=str)


def test_a_layer_that_fails_is_left_out_with_its_reason(small, layers):
    short = as_model(layers[0].latents(small.stimuli)[:30], identifier="short")
    constant = layer(small, np.ones((N, 2)), "constant")
    choice = choose_layer([*layers[:2], short, constant], small, LINEAR, use_cache=False)
    assert choice.layers == ("net@layer0", "net@layer1")
    assert list(choice.failures) == ["short", "constant"]
    assert "no unit of the model is informative" in choice.failures["constant"]
    assert "2 layers left out: short (latents are missing for 10 recorded stimuli" in " ".join(
        choice.score.notes
    )
    with pytest.raises(StimulusMismatchError, match="latents are missing for 10"):
        choose_layer(
            [short, as_model(short.latents(small.stimuli), identifier="too")], small, LINEAR, use_cache=False
        )


def test_faults(small, layers):
    assert set(benchmarks_that_choose()) >= {"ridge", "pls", "linear", "one_to_one", "variance_explained"}
    with pytest.raises(UsageError, match=r"got rsa; take one of banded_ridge, linear, one_to_one"):
        choose_layer(layers, small, "rsa")
    with pytest.raises(UsageError, match="in_sample=true; leave it out"):
        choose_layer(layers, small, "ridge[in_sample=true]")
    with pytest.raises(UsageError, match=r"needs 3 folds at least.* got 2; use more folds"):
        choose_layer(layers, small, "ridge[n_folds=2]")
    with pytest.raises(UsageError, match=r"needs 4 folds at least.* got 3; use more folds"):
        choose_layer(layers, small, "variance_explained[n_folds=3]")
    with pytest.raises(
        UsageError, match="two or more models with different names, got net@layer0; name several"
    ):
        choose_layer(layers[:1], small, "ridge")
    with pytest.raises(UsageError, match="got net@layer0 twice"):
        choose_layer([layers[0], layers[0]], small, "ridge")
    with pytest.raises(UsageError, match="one_to_one matches all neurons together"):
        choose_layer(layers, small, "one_to_one", by="region")
    with pytest.raises(UsageError, match="got the stimulus column training"):
        choose_layer(layers, small, "ridge", by="training")
    with pytest.raises(UnknownNameError, match="no model"):
        choose_layer(["nothing", "at_all"], small, "ridge")


def test_the_report_names_the_layer_of_each_fold(small, layers):
    choice = choose_layer(layers, small, LINEAR, use_cache=False)
    text = format_choice(choice)
    assert max(map(len, text.splitlines())) <= 80
    rows = [line.split() for line in text.splitlines() if line[:1] in "1234" and "layer" in line]
    assert [row[2] for row in rows] == [f"layer{index}" for index in choice.chosen[:, 0]]
    assert [row[3] for row in rows] == [f"{value:.3f}" for value in choice.inner.max(axis=0)[:, 0]]
    best = choice.short_names[choice.layers.index(choice.naive_layers[0])]
    assert f"naive maximum of {best}: {choice.naive_maximum:.3f}" in compare_with_maximum(choice)
    assert f"gains {choice.chance_gain:.3f} over their mean (3 shuffles" in compare_with_maximum(choice)


def test_short_names():
    assert short_names(["a:net@l1.conv", "a:net@l2.conv"]) == ["l1.conv", "l2.conv"]
    assert short_names(["pca[n=10]", "pca[n=20]"]) == ["n=10", "n=20"]
    assert short_names(["net@l1", "net@l1+pca[n=2]"]) == ["l1", "l1+pca[n=2]"]
    assert short_names(["x", "y"]) == ["x", "y"]
