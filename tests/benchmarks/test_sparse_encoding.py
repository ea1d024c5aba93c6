"""Sparse encoding of simulated neurons that are sums or differences of units, and the option `positive`."""

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.arrays import responses as make_responses
from neuroalign.errors import UsageError
from neuroalign.metrics import completeness, lasso_cv, lasso_variance_explained
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.evaluate import score


def recorded(dataset, values):
    """Return a dataset with these neurons in place of its recording."""
    names = [f"m{index:02}" for index in range(values.shape[1])]
    return dataset.with_responses(
        make_responses(values, stimulus=dataset.responses["stimulus"].values, neuroid=names)
    )


def model_of(dataset, values):
    stimuli = dataset.responses["stimulus"].values
    return na.as_model(
        xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli}), identifier="model"
    )


@pytest.fixture(scope="module")
def example(dataset_factory):
    """Return units that share a common cause, six neurons that are sums of two, and six that are differences."""
    dataset = dataset_factory(n_stimuli=300, n_repetitions=1)
    rng = np.random.default_rng(0)
    units = rng.standard_normal((300, 6)) + rng.standard_normal((300, 1))
    noise = 0.3 * rng.standard_normal((300, 12))
    partner = np.roll(units, 1, axis=1)
    neurons = np.hstack([units + partner, units - partner]) + noise
    return recorded(dataset, neurons), model_of(dataset, units), units, neurons


def test_differences_of_units_count_less_than_sums(example):
    dataset, model, _, _ = example
    made = score(model, dataset, "sparse_encoding[rule=min]", use_cache=False)
    sums, differences = np.split(made.data["sparse_encoding"].values, 2)
    free = np.split(made.data["variance_explained"].values, 2)
    assert free[0].min() > 0.9
    assert free[1].min() > 0.9
    # The sums need no negative weight. A difference has only the first unit: covariance 1, variances 2 and 2 + .3².
    assert np.abs(sums - free[0]).max() < 0.005
    expected = 1 / 2 / (2 + 0.09)
    assert differences.mean() == pytest.approx(expected, abs=0.04)
    assert made.value == pytest.approx(np.mean([*sums, *differences]), rel=1e-12)
    assert made.beside["kept_share"] == pytest.approx(made.value / np.mean(free), rel=1e-12)
    # Sums have two units, and differences the first unit.
    assert np.median(made.data["effective_units"].values[:6]) == pytest.approx(2.0, abs=0.1)
    assert np.median(made.data["effective_units"].values[6:]) == pytest.approx(1.0, abs=0.3)


def test_numbers_are_those_of_the_metrics(example):
    dataset, model, units, neurons = example
    made = load_benchmark("sparse_encoding[n_folds=5,seed=3]").score(model, dataset)
    arguments = load_benchmark("sparse_encoding[n_folds=5,seed=3]").fit_arguments(
        *load_benchmark("sparse_encoding").align(model, dataset), dataset, np.arange(300)
    )
    folds = arguments["folds"]
    explained = lasso_variance_explained(units, neurons, folds=folds, positive=True)
    np.testing.assert_array_equal(made.data["sparse_encoding"].values, explained.per_neuron)
    weights = lasso_cv(units, neurons, folds=folds, positive=True).weights
    np.testing.assert_array_equal(made.data["weights"].values, weights)
    assert made.beside["completeness"] == completeness(weights).score
    added = explained.predicted - explained.baseline
    r = [
        np.corrcoef(neurons[:, j] - explained.baseline[:, j], added[:, j])[0, 1]
        for j in range(neurons.shape[1])
    ]
    np.testing.assert_allclose(made.data["r"].values, r, rtol=1e-12)
    free = score(model, dataset, "variance_explained[n_folds=5,seed=3]", use_cache=False)
    assert made.beside["variance_explained"] == free.value


def test_level_of_chance_is_the_score_of_training_means(example):
    dataset, model, _, _ = example
    made = load_benchmark("sparse_encoding[predictive_power=false,n_permutations=3]").score(model, dataset)
    alone = load_benchmark("sparse_encoding[predictive_power=false]").score(model, dataset)
    assert made.value == alone.value
    assert alone.null == pytest.approx(made.null, abs=0.002)
    assert -0.01 < alone.null < 0
    assert "variance_explained" not in alone.beside


def test_only_positive_weights(example):
    with pytest.raises(UsageError, match="sparse_encoding must have positive=true, got false; take variance"):
        load_benchmark("sparse_encoding[positive=false]")


def test_positive_is_an_option_of_the_benchmarks_of_the_lasso(example):
    dataset, model, _, _ = example
    values = {}
    for free_name, name in (
        ("alignment[turns=0,n_folds=4]", "alignment[turns=0,n_folds=4,positive=true]"),
        ("variance_explained[n_folds=4]", "variance_explained[n_folds=4,positive=true]"),
    ):
        free, positive = load_benchmark(free_name), load_benchmark(name)
        # Scores without the option keep the options of their records, so that they are in one leaderboard.
        assert "positive" not in free.options()
        assert positive.options()["positive"] is True
        assert "sign of units" in free.invariances
        assert "sign of units" not in positive.invariances
        scored = positive.score(model, dataset)
        assert scored.value != free.score(model, dataset).value
        assert any("signs of the units" in note for note in scored.notes)
        values[name] = scored.value
    sparse = load_benchmark("sparse_encoding[n_folds=4]").score(model, dataset)
    assert [*values.values()] == [sparse.beside["completeness"], sparse.value]


def test_records_without_the_option_are_read(example):
    dataset, model, _, _ = example
    made = score(model, dataset, "variance_explained[rule=min]")
    record = made.to_record()
    assert "positive" not in record["options"]
    again = score(model, dataset, "variance_explained[rule=min,positive=false]")
    assert again.to_record() == record
    assert na.leaderboard(dataset, "variance_explained[rule=min]")["mean"].tolist() == [made.value]
