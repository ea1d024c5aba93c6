"""Benchmarks with folds by groups and by tiers, against scikit-learn and against simulated truth."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import Lasso, LinearRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import LeaveOneGroupOut, PredefinedSplit, cross_val_predict

from neuroalign.arrays import latents as make_latents
from neuroalign.benchmarks.alignment import Alignment
from neuroalign.benchmarks.decoding import Decoding
from neuroalign.benchmarks.linear import Linear
from neuroalign.benchmarks.one_to_one import OneToOne
from neuroalign.benchmarks.ridge import RidgeBenchmark
from neuroalign.benchmarks.variance_explained import VarianceExplained
from neuroalign.datasets.importing.importer import import_dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import (
    fold_labels,
    lasso_cv,
    lasso_variance_explained,
    privileged_axes,
    reliability,
    ridge_predictivity,
    semi_matching,
)
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.chance import permutation_null
from neuroalign.testing import make_dataset
from neuroalign.testing.units import GivenUnits, example_model

QUICK = {"n_permutations": 0}
N = 120


def with_columns(dataset, **columns):
    """Add columns to the stimulus table, for the recorded stimuli in sorted order."""
    table = dataset.stimuli.table.copy()
    for name, values in columns.items():
        table.loc[dataset.responses["stimulus"].values, name] = values
    return replace(dataset, stimuli=type(dataset.stimuli)(dataset.stimuli.identifier, table))


@pytest.fixture(scope="module")
def dataset():
    made = make_dataset(n_stimuli=N, n_neurons=8, n_factors=3, reliability=0.6, seed=2)
    place = np.random.default_rng(0).permutation(N)
    return with_columns(
        made,
        category=np.array(list("abcdef"))[place % 6],
        tier=np.array(["test", "train", "train", "validation", "train"])[place % 5],
        tests=np.array(["train", "test_a", "train", "test_b"])[place % 4],
    )


@pytest.fixture(scope="module")
def arrays(dataset):
    """Units, neurons, categories and tiers."""
    stimuli = dataset.responses["stimulus"].values
    units = example_model(dataset).latents(dataset.stimuli).sel(stimulus=stimuli).values[:, :5]
    table = dataset.stimuli.table.loc[stimuli]
    return units, dataset.responses.values, table["category"].values, table["tier"].values


def test_groups_are_left_out_as_by_scikit_learn(dataset, arrays):
    units, neurons, category, _ = arrays
    score = RidgeBenchmark(folds="group:category", alpha=3.0, **QUICK).score(example_model(dataset), dataset)
    predicted = cross_val_predict(Ridge(3.0), units, neurons, groups=category, cv=LeaveOneGroupOut())
    np.testing.assert_allclose(
        score.data["r2"].values, r2_score(neurons, predicted, multioutput="raw_values")
    )
    assert score.notes[0] == "folds by category: 6 groups in 6 folds, one for each group"
    assert score.provenance["n_groups"] == score.provenance["n_folds"] == 6
    ordinary = RidgeBenchmark(alpha=3.0, **QUICK).score(example_model(dataset), dataset)
    assert score.beside["random_folds"] == ordinary.value
    assert score.beside["generalisation_cost"] == ordinary.value - score.value
    alone = RidgeBenchmark(folds="group:category", alpha=3.0, random_folds=False, **QUICK)
    assert "random_folds" not in alone.score(example_model(dataset), dataset).beside


def test_the_training_tier_alone_is_fitted_as_by_scikit_learn(dataset, arrays):
    units, neurons, _, tier = arrays
    train, test = tier == "train", tier == "test"
    score = RidgeBenchmark(folds="split:tier", alpha=3.0, **QUICK).score(example_model(dataset), dataset)
    ((fitted, predicted),) = PredefinedSplit(np.where(test[train | test], 0, -1)).split()
    used_units, used_neurons = units[train | test], neurons[train | test]
    fit = Ridge(3.0).fit(used_units[fitted], used_neurons[fitted])
    expected = r2_score(used_neurons[predicted], fit.predict(used_units[predicted]), multioutput="raw_values")
    np.testing.assert_allclose(score.data["r2"].values, expected)
    # The correlation of one fit is Pearson's r.
    r = [
        np.corrcoef(*pair)[0, 1]
        for pair in zip(used_neurons[predicted].T, fit.predict(used_units[predicted]).T, strict=True)
    ]
    np.testing.assert_allclose(score.data["r"].values, r)
    assert score.notes[:2] == [
        "split by tier: 72 stimuli of train are fitted, 24 of test are predicted",
        "24 of validation are left out",
    ]
    assert (score.provenance["n_stimuli"], score.provenance["n_fitted"], score.provenance["n_predicted"]) == (
        96,
        72,
        24,
    )
    # Least squares and several components, by the same split.
    least = Linear(folds="split:tier", **QUICK).score(example_model(dataset), dataset)
    fit = LinearRegression().fit(units[train], neurons[train])
    expected = r2_score(neurons[test], fit.predict(units[test]), multioutput="raw_values")
    np.testing.assert_allclose(least.data["r2"].values, expected)


def test_penalties_are_chosen_within_the_training_tier(dataset, arrays):
    units, neurons, _, tier = arrays
    train, test = tier == "train", tier == "test"
    rows = train | test
    labels = np.where(test[rows], 0, -1)
    result = ridge_predictivity(units[rows], neurons[rows], folds=labels)
    chosen = RidgeCV(result.alphas[0], alpha_per_target=True).fit(units[train], neurons[train])
    np.testing.assert_allclose(result.alpha[0], chosen.alpha_)
    np.testing.assert_allclose(result.predicted[labels == 0], chosen.predict(units[test]))
    assert np.isnan(result.predicted[labels == -1]).all()
    # Neither the grid nor the choice depends on the test stimuli.
    other = units[rows].copy()
    other[labels == 0] *= 100
    np.testing.assert_array_equal(ridge_predictivity(other, neurons[rows], folds=labels).alpha, result.alpha)


def test_more_units_than_stimuli_are_split_alike(arrays):
    _, neurons, _, tier = arrays
    units = np.random.default_rng(1).standard_normal((N, 150))
    rows = tier != "validation"
    labels = np.where(tier[rows] == "test", 0, -1)
    result = ridge_predictivity(units[rows], neurons[rows], folds=labels, alphas=[20.0])
    fit = Ridge(20.0).fit(units[rows][labels < 0], neurons[rows][labels < 0])
    np.testing.assert_allclose(result.predicted[labels == 0], fit.predict(units[rows][labels == 0]))
    assert np.isfinite(result.r).all()


def test_lasso_of_a_split_is_of_the_training_tier(dataset, arrays):
    units, neurons, _, tier = arrays
    train, test = tier == "train", tier == "test"
    score = Alignment(folds="split:tier", turns=0).score(example_model(dataset), dataset)
    folds = fold_labels(int(train.sum()), 10)
    padded = np.column_stack([units, np.zeros(N)])
    fit = lasso_cv(padded[train], neurons[train], folds=folds)
    np.testing.assert_allclose(score.data["weights"].values, fit.weights, atol=1e-12)
    mean, sd = (getattr(units[train], name)(axis=0) for name in ("mean", "std"))
    for neuron in range(neurons.shape[1]):
        target = neurons[train, neuron]
        lasso = Lasso(fit.lambda_[neuron], tol=1e-10, max_iter=100_000, fit_intercept=False)
        lasso.fit((units[train] - mean) / sd, (target - target.mean()) / target.std())
        predicted = target.mean() + target.std() * lasso.predict((units[test] - mean) / sd)
        assert score.data["variance_explained"].values[neuron] == pytest.approx(
            r2_score(neurons[test, neuron], predicted), abs=1e-6
        )
    explained = VarianceExplained(folds="split:tier").score(example_model(dataset), dataset)
    np.testing.assert_array_equal(
        explained.data["variance_explained"].values, score.data["variance_explained"].values
    )
    ordinary = VarianceExplained().score(example_model(dataset), with_only(dataset, train | test))
    assert explained.beside["random_folds"] == pytest.approx(ordinary.value)
    # C is of fitted weights, so the cost is in the variance explained.
    assert score.beside["generalisation_cost"] == pytest.approx(ordinary.value - explained.value)


def with_only(dataset, rows):
    stimuli = dataset.responses["stimulus"].values[rows]
    kept = np.isin(dataset.recording["stimulus_id"].values, stimuli)
    return replace(dataset, recording=dataset.recording.isel(presentation=np.flatnonzero(kept)))


def test_lasso_leaves_groups_out_at_both_levels(dataset, arrays):
    units, neurons, category, _ = arrays
    score = VarianceExplained(folds="group:category").score(example_model(dataset), dataset)
    labels = np.unique(category, return_inverse=True)[1]
    expected = lasso_variance_explained(units, neurons, folds=labels).per_neuron
    np.testing.assert_allclose(score.data["variance_explained"].values, expected, atol=1e-9)


def test_pairs_are_matched_on_the_training_tier_and_correlated_on_the_test_tier(dataset, arrays):
    units, neurons, _, tier = arrays
    train, test = tier == "train", tier == "test"
    score = OneToOne(folds="split:tier", turns=0, predictive_power=False, **QUICK).score(
        example_model(dataset), dataset
    )

    def correlate(rows):
        return np.corrcoef(units[rows].T, neurons[rows].T)[:5, 5:]

    pairs = linear_sum_assignment(-np.abs(correlate(train)))
    expected = (np.sign(correlate(train)) * correlate(test))[pairs]
    np.testing.assert_allclose(score.data["similarity"].values[pairs[1]], expected)
    assert score.value == pytest.approx(expected.mean())


def test_rotations_are_matched_and_scored_by_the_same_split(arrays):
    units, neurons, _, tier = arrays
    rows = tier != "validation"
    labels = np.where(tier[rows] == "test", 0, -1)
    tested = privileged_axes(units[rows], neurons[rows], folds=labels, n_rotations=3, absolute=True)
    expected = semi_matching(units[rows], neurons[rows], folds=labels, absolute=True).neurons.per_neuron
    np.testing.assert_allclose(tested.values[0], expected)
    with pytest.raises(UsageError, match="must not have the label -1"):
        privileged_axes(units[rows], neurons[rows], folds=labels, n_rotations=3, metric="alignment")


def test_ceilings_are_of_the_test_stimuli(dataset, arrays):
    test = arrays[3] == "test"
    score = RidgeBenchmark(folds="split:tier", **QUICK).score(example_model(dataset), dataset)
    expected = reliability(dataset.trials[test]).per_neuron
    np.testing.assert_allclose(score.data["reliability"].values, expected)
    assert score.ceiling == pytest.approx(np.sqrt(np.maximum(expected, 0)).mean())


def test_each_test_tier_has_a_number(dataset):
    model = example_model(dataset)
    both = RidgeBenchmark(folds="split:tests", **QUICK).score(model, dataset)
    for tier in ("test_a", "test_b"):
        alone = RidgeBenchmark(folds=f"split:tests:train:{tier}", **QUICK).score(model, dataset)
        assert both.beside[f"score_on_{tier}"] == alone.value
        assert f"score_on_{tier}" not in alone.beside
    assert "each tier of 3 stimuli or more also has its own number" in both.notes[1]
    named = RidgeBenchmark(folds="split:tests:train:test_a+test_b", **QUICK).score(model, dataset)
    assert named.value == both.value
    # Two stimuli are too few for a number of their own.
    tests = dataset.stimuli.table["tests"].loc[dataset.responses["stimulus"].values].to_numpy(copy=True)
    tests[np.flatnonzero(tests == "test_a")[2:]] = "train"
    few = RidgeBenchmark(folds="split:tests", **QUICK).score(model, with_columns(dataset, tests=tests))
    assert [name for name in few.beside if name.startswith("score_on")] == ["score_on_test_b"]


def test_decoding_holds_out_the_test_tier_or_whole_groups(dataset):
    model, options = example_model(dataset), {"turns": 0, "predictive_power": False}
    score = Decoding(folds="split:tier", **options).score(model, dataset)
    table = dataset.stimuli.table
    assert set(table["tier"].loc[score.data["stimulus"].values]) == {"test"}
    assert score.data.sizes["stimulus"] == 24
    grouped = Decoding(folds="group:category", held_out=0.3, **options).score(model, dataset)
    held_out = table["category"].loc[grouped.data["stimulus"].values]
    assert held_out.value_counts().tolist() == [20, 20]
    names = ", ".join(sorted(set(held_out)))
    assert grouped.notes[0] == f"2 of 6 groups of category are held out: {names}"
    # A low distance is good, so that the cost is a higher distance.
    assert grouped.beside["generalisation_cost"] == grouped.value - grouped.beside["random_folds"]


@pytest.mark.parametrize("name", ["ridge", "variance_explained", "one_to_one", "alignment"])
def test_folds_do_not_depend_on_the_order_of_the_stimuli(name, dataset):
    turned = replace(dataset, recording=dataset.recording.isel(presentation=slice(None, None, -1)))
    for folds in ("group:category", "split:tier"):
        options = "" if name in ("ridge", "variance_explained") else ",turns=0,predictive_power=false"
        benchmark = load_benchmark(f"{name}[folds={folds},random_folds=false{options}]")
        first, second = (benchmark.score(example_model(dataset), data).value for data in (dataset, turned))
        assert first == pytest.approx(second, abs=1e-12)


def confounded(seed):
    """Units and neurons that share nothing but that both differ between categories."""
    rng = np.random.default_rng(seed)
    category = np.repeat(np.arange(8), 15)
    units = rng.standard_normal((N, 10)) + 2 * rng.standard_normal((8, 10))[category]
    neurons = rng.standard_normal((N, 8)) + 2 * rng.standard_normal((8, 8))[category]
    return units, neurons, category


def given(dataset, seed, order=slice(None)):
    units, neurons, category = confounded(seed)
    names = dataset.responses["stimulus"].values
    recorded = with_columns(dataset, category=[f"c{label}" for label in category[order]])
    recorded = recorded.with_responses(dataset.responses.copy(data=neurons[order]))
    return GivenUnits(make_latents(units[order], stimulus=names, unit=list("abcdefghij"))), recorded


def test_groups_show_predictions_that_do_not_generalise(dataset):
    scores = [
        RidgeBenchmark(folds="group:category", **QUICK).score(*given(dataset, seed)) for seed in range(8)
    ]
    held_out = np.array([score.value for score in scores])
    # Random folds predict the category, which the held-out categories of a group score do not share.
    assert np.mean([score.beside["random_folds"] for score in scores]) > 0.6
    assert abs(held_out.mean()) < 0.2
    assert all(score.beside["generalisation_cost"] > 0.3 for score in scores)


@pytest.mark.slow
def test_shuffles_of_groups_do_not_reject_noise(dataset):
    p, free = [], []
    for seed in range(40):
        model, recorded = given(dataset, seed)
        options = {"n_permutations": 19, "random_folds": False, "alpha": 10.0}
        score = RidgeBenchmark(folds="group:category", **options).score(model, recorded)
        p.append(score.beside["p_of_shuffles"])
        if seed < 10:
            # Shuffles of single stimuli tear the categories apart, and reject noise.
            free.append(RidgeBenchmark(**options).score(model, recorded).beside["p_of_shuffles"])
    # 40 p-values at 5 %: more than 5 have a probability of 1 %.
    assert np.sum(np.array(p) <= 0.05) <= 5
    assert np.mean(np.array(free) <= 0.05) > 0.9


def test_shuffles_of_a_split_stay_within_its_tiers(dataset):
    model = example_model(dataset)
    benchmark = RidgeBenchmark(folds="split:tier", n_permutations=19)
    score = benchmark.score(model, dataset)
    assert "shuffles stay within each tier of tier" in score.notes
    assert score.beside["p_of_shuffles"] == pytest.approx(1 / 20)
    assert abs(score.null) < 0.1
    shuffled = permutation_null(benchmark, model, dataset, n_permutations=19)
    assert abs(shuffled.mean()) < 0.1
    exchange = benchmark.exchange(dataset, dataset.responses["stimulus"].values)
    tiers = dataset.stimuli.table["tier"].loc[dataset.responses["stimulus"].values].values
    order = exchange.permute(np.random.default_rng(0))
    np.testing.assert_array_equal(tiers[order], tiers)
    assert (order != np.arange(N)).mean() > 0.8


def test_wrapped_benchmarks_keep_their_folds(dataset):
    model = example_model(dataset)
    mixed = load_benchmark("linear_recombination[benchmark=ridge[folds=split:tier],n_draws=2]").score(
        model, dataset
    )
    ridge = RidgeBenchmark(folds="split:tier", **QUICK).score(model, dataset)
    assert mixed.beside["native"] == ridge.value
    drawn = load_benchmark("stimulus_bootstrap[benchmark=variance_explained[folds=split:tier],n_draws=3]")
    assert drawn.score(model, dataset).value == pytest.approx(
        VarianceExplained(folds="split:tier").score(model, dataset).value
    )


def test_too_few_groups_leave_the_variance_explained_unknown(dataset):
    halves = with_columns(dataset, half=np.arange(N) % 2)
    score = Alignment(folds="group:half", turns=0).score(example_model(dataset), halves)
    assert "no variance explained: it needs three folds, got 2" in score.notes
    assert "variance_explained" not in score.beside
    with pytest.raises(UsageError, match="three folds"):
        VarianceExplained(folds="group:half").score(example_model(dataset), halves)


def test_in_sample_scores_have_no_folds():
    with pytest.raises(UsageError, match="ridge: in_sample=true has no folds, got folds=group:a; leave one"):
        RidgeBenchmark(folds="group:a", in_sample=True)


def test_tiers_of_a_published_scan(tmp_path):
    folder = tmp_path / "static1-2-3-GrayImageNet"
    for part in ("data/images", "data/responses", "data/behavior", "meta/trials", "meta/neurons"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    image = np.concatenate([np.arange(60), 50 + np.arange(10)])
    for trial, number in enumerate(image):
        np.save(folder / f"data/images/{trial}.npy", np.full((1, 4, 6), float(number)))
        np.save(folder / f"data/responses/{trial}.npy", rng.random(4).astype(np.float32))
        np.save(folder / f"data/behavior/{trial}.npy", np.ones(3))
    tiers = np.where(image < 40, "train", np.where(image < 50, "validation", "test"))
    for name, values in {"tiers": tiers, "frame_image_id": image, "trial_idx": np.arange(70)}.items():
        np.save(folder / f"meta/trials/{name}.npy", values)
    np.save(folder / "meta/neurons/unit_ids.npy", np.arange(1, 5))
    dataset = import_dataset("scan", responses=folder)
    names = dataset.responses["stimulus"].values
    model = GivenUnits(make_latents(rng.standard_normal((60, 3)), stimulus=names))
    score = RidgeBenchmark(folds="split:tier", **QUICK).score(model, dataset)
    assert score.notes[:2] == [
        "split by tier: 40 stimuli of train are fitted, 10 of test are predicted",
        "10 of validation are left out",
    ]
    # Only the test images repeat, so that the ceiling is theirs.
    assert np.isfinite(score.data["reliability"].values).all()
