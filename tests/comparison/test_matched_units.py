"""Comparison at a matched number of units."""

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.comparison.matched_units import N_SUBSETS, compare_at_matched_units
from neuroalign.metrics import correlation_ratio
from neuroalign.models.model import FixedFamily
from neuroalign.scoring.benchmark import load_benchmark

BY = load_benchmark("correlation_ratio[turns=0]")


def model_of(dataset, values, name):
    stimuli = dataset.responses["stimulus"].values
    latents = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli})
    return na.as_model(latents, identifier=name)


def noise(dataset, n_units, name, *, dead=0, seed=0):
    values = np.random.default_rng([seed, n_units]).standard_normal((120, n_units))
    return model_of(dataset, np.hstack([values, np.zeros((120, dead))]), name)


def compare(dataset, *models, by=BY, seed=0):
    return compare_at_matched_units(by, models, dataset, n_resamples=200, seed=seed, use_cache=False)


def test_the_larger_model_is_scored_by_random_subsets_of_its_units(dataset):
    few, many = noise(dataset, 4, "few"), noise(dataset, 12, "many", dead=3)
    difference = compare(dataset, few, many, seed=2)
    assert difference.statistic.label == "correlation ratio at 4 units"
    responses = dataset.responses.values
    expected = correlation_ratio(
        few.latents(dataset.stimuli).sel(stimulus=dataset.responses["stimulus"]).values, responses
    )
    assert difference.means["a"] == pytest.approx(expected.score)
    values, scores = many.latents(dataset.stimuli).sel(stimulus=dataset.responses["stimulus"]).values, []
    for subset in range(N_SUBSETS):
        # Only informative units are drawn: the last three units are dead.
        chosen = np.random.default_rng([2, 0, subset]).permutation(12)[:4]
        scores.append(correlation_ratio(values[:, chosen], responses).score)
    assert difference.means["b"] == pytest.approx(np.mean(scores))
    assert difference.test.over == "neurons"
    assert difference.test.estimate == pytest.approx(expected.score - np.mean(scores))
    again = compare(dataset, few, many, seed=2)
    assert again.test == difference.test


def test_models_of_noise_hardly_differ_at_a_matched_number(dataset):
    few, many = noise(dataset, 4, "few"), noise(dataset, 24, "many")
    own = [BY.score(model, dataset).value for model in (few, many)]
    # By itself the ratio is higher with few units.
    assert own[0] - own[1] > 0.2
    difference = compare(dataset, few, many)
    assert abs(difference.test.estimate) < 0.06
    assert difference.test.p > 0.05


def test_instances_of_families_are_matched_to_the_smallest_of_all(dataset):
    sizes = FixedFamily("sizes", [noise(dataset, n, f"sizes[n={n}]") for n in (8, 3)])
    difference = compare(dataset, sizes, noise(dataset, 6, "six"))
    assert difference.statistic.label == "correlation ratio at 3 units"


@pytest.mark.parametrize("numbers", [(5, 5), (1, 5)])
def test_equal_or_single_units_are_not_matched(dataset, numbers):
    models = [noise(dataset, n, f"model_{index}", seed=index) for index, n in enumerate(numbers)]
    assert compare(dataset, *models) is None


def test_other_benchmarks_do_not_depend_on_the_number_of_units(dataset):
    models = noise(dataset, 4, "few"), noise(dataset, 12, "many")
    assert compare(dataset, *models, by=load_benchmark("alignment[turns=0]")) is None


def test_compare_lists_it_among_the_other_differences(dataset):
    result = na.compare(
        noise(dataset, 4, "few"), noise(dataset, 12, "many"), dataset, BY, ceiling=None, n_resamples=200
    )
    assert [other.statistic.label for other in result.others] == [
        "unit proportion",
        "correlation ratio at 4 units",
    ]
