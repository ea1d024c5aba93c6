import numpy as np
import pytest
import xarray as xr

from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.models.wrapped import PrecomputedModel
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.evaluate import score


def factors_of(dataset):
    values = xr.DataArray(
        dataset.factors.to_numpy(), dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids}
    )
    return PrecomputedModel(values, "factors")


NAME = "stimulus_bootstrap[n_draws=5,seed=3]"


def test_the_value_is_that_of_the_benchmark_and_the_error_the_spread_of_its_draws(dataset):
    model = factors_of(dataset)
    result = score(model, dataset, NAME, use_cache=False)
    assert result.value == pytest.approx(score(model, dataset, use_cache=False).value, abs=1e-12)
    assert result.error == pytest.approx(result.data["drawn"].values.std(ddof=1), abs=1e-15)
    assert (result.error_over, list(result.notes)) == ("stimuli", ["of alignment"])
    sums = result.data["terms"].values.sum(axis=1)
    np.testing.assert_allclose(result.data["drawn"].values, sums[:, 0] / sums[:, 1], atol=1e-12)


def test_each_draw_is_a_fit_to_stimuli_that_all_models_share(dataset):
    model, benchmark = factors_of(dataset), load_benchmark("alignment")
    latents, responses = benchmark.align(model, dataset)
    drawn = np.random.default_rng([3, 1]).integers(120, size=120)
    terms = benchmark.resampling("value").refit(latents, responses, dataset, drawn).terms
    data = score(model, dataset, NAME, use_cache=False).data
    assert data["terms"].dims == ("draw", "neuroid", "term")
    np.testing.assert_array_equal(data["terms"].values[1], terms)


def test_the_error_over_stimuli_falls_with_their_number(dataset_factory):
    few, many = (
        score(factors_of(dataset), dataset, "stimulus_bootstrap[n_draws=20]", use_cache=False).error
        for dataset in (dataset_factory(n_stimuli=n, tuning="mixed") for n in (80, 2_000))
    )
    assert 0 < many < few / 2


def test_what_cannot_be_fitted_anew_is_refused(dataset):
    with pytest.raises(
        UsageError,
        match="correlation_ratio cannot be fitted to drawn stimuli: correlation_ratio is not computed for",
    ):
        score(
            factors_of(dataset), dataset, "stimulus_bootstrap[benchmark=correlation_ratio]", use_cache=False
        )
    with pytest.raises(UsageError, match="n_draws must be at least 2, got 1"):
        load_benchmark("stimulus_bootstrap[n_draws=1]")
    with pytest.raises(UnknownNameError, match="statistic of alignment"):
        load_benchmark("stimulus_bootstrap[statistic=nothing]")
    with pytest.raises(UsageError, match="statistic=at_common_d needs the scores of all models"):
        load_benchmark("stimulus_bootstrap[statistic=at_common_d]")
