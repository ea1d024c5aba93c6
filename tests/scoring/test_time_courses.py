from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from neuroalign import as_model, score
from neuroalign.datasets.selection import select_window
from neuroalign.models.model import FixedFamily
from neuroalign.scoring.benchmark import load_benchmark
from neuroalign.scoring.chance import permutation_null
from neuroalign.scoring.grouped import score_by, to_table
from neuroalign.scoring.time_courses import time_courses
from neuroalign.testing import make_time_course

BY = "linear[n_permutations=39]"


def factors_of(dataset, name="factors", noise=0.0, seed=0):
    values = dataset.factors.to_numpy()
    values = values + noise * np.random.default_rng(seed).standard_normal(values.shape)
    array = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids})
    return as_model(array, identifier=name)


@pytest.fixture(scope="module")
def course():
    return make_time_course(signal=[0, 0, 1, 1, 0], bin_width=50, noise=1.0, seed=1)


def with_values(dataset, values):
    return replace(dataset, recording=dataset.recording.copy(data=values))


def test_windows_have_the_scores_of_their_parts(course):
    model = factors_of(course)
    groups = score_by(model, course, BY, windows="bins")
    assert [group.window for group in groups] == [(0, 50), (50, 100), (100, 150), (150, 200), (200, 250)]
    assert groups[2].dataset == "course[window=100:150]"
    for group in groups:
        alone = score(model, select_window(course, group.window), BY, use_cache=False)
        assert group.score.value == alone.value
    table = to_table(groups)
    assert table["window_start"].tolist() == [0, 50, 100, 150, 200]
    assert table["score"].tolist() == [group.score.value for group in groups]


def test_p_values_by_hand_and_planted_latency(course):
    groups = score_by(factors_of(course), course, BY, windows="bins")
    [result] = time_courses(groups)
    shuffled = np.stack([group.score.data["shuffled"].values for group in groups])
    largest = shuffled.max(axis=0)
    expected = [(1 + (largest >= group.score.value).sum()) / 40 for group in groups]
    np.testing.assert_array_equal(result.p, expected)
    assert result.significant.tolist() == [False, False, True, True, False]
    assert (result.latency.start, result.latency.stop, result.latency.midpoint) == (100, 150, 125)
    assert result.latency.low <= 100 <= result.latency.high
    assert result.n_permutations == 39
    assert result.critical == np.sort(largest)[-2]


def test_orders_are_the_same_in_all_windows(course):
    # Two bins with the same responses have the same shuffled scores only if the orders are the same.
    values = course.recording.values.copy()
    values[:, :, 3] = values[:, :, 2]
    same = with_values(course, values)
    groups = score_by(factors_of(same), same, BY, windows="100:150,150:200")
    first, second = (group.score.data["shuffled"].values for group in groups)
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) == 39
    # So do the shuffles that are asked for beside the benchmark.
    groups = score_by(
        factors_of(same), same, "linear", windows="100:150,150:200", n_permutations=9, permutation_seed=3
    )
    first, second = (group.score.data["shuffled"].values for group in groups)
    np.testing.assert_array_equal(first, second)
    part = select_window(same, (100, 150))
    null = permutation_null(load_benchmark("linear"), factors_of(same), part, n_permutations=9, seed=3)
    np.testing.assert_array_equal(first, null)


def test_neurons_may_differ_between_windows(course):
    values = course.recording.values.copy()
    values[:, 0, 0] = 1.0
    groups = score_by(factors_of(course), with_values(course, values), BY, windows="bins")
    assert [group.n_neurons for group in groups] == [7, 8, 8, 8, 8]
    [result] = time_courses(groups)
    assert result.why_no_p == ""
    # The first neuron alone is missing in the first window; the scores of the other neurons stay.
    unchanged = score_by(factors_of(course), course, BY, windows="bins")[0]
    r, of_all = (group.score.data["r"].values for group in (groups[0], unchanged))
    np.testing.assert_allclose(r, of_all[1:], atol=1e-12)
    assert result.latency.start == 100


def test_different_stimuli_have_no_p_value(course):
    values = course.recording.values.copy()
    values[course.recording.stimulus_id.values == "s000", :, 0] = np.nan
    groups = score_by(factors_of(course), with_values(course, values), BY, windows="bins")
    assert [group.n_stimuli for group in groups] == [59, 60, 60, 60, 60]
    [result] = time_courses(groups)
    assert "the windows have different stimuli (59 to 60)" in result.why_no_p
    assert np.isnan(result.p).all()
    assert result.latency is None


def test_scores_without_shuffles_have_no_p_value(course):
    groups = score_by(factors_of(course), course, "linear[n_permutations=0]", windows="bins")
    [result] = time_courses(groups)
    assert "linear has no shuffled scores: --permutations B" in result.why_no_p
    record = result.to_record()
    assert record["p"] == [None] * 5
    assert record["latency_ms"] is None


def test_family_is_tested_by_its_mean(course):
    members = [factors_of(course, f"noisy[seed={seed}]", 1.0, seed) for seed in range(2)]
    groups = score_by(FixedFamily("noisy", members), course, BY, windows="bins")
    [result] = time_courses(groups)
    shuffled = np.mean(
        [[instance.data["shuffled"].values for instance in group.score.instances] for group in groups], axis=1
    )
    expected = [(1 + (shuffled.max(axis=0) >= group.score.value).sum()) / 40 for group in groups]
    np.testing.assert_array_equal(result.p, expected)
    assert result.latency.start == 100


def test_each_group_has_a_course_of_its_own(course):
    recording = course.recording.assign_coords(region=("neuroid", ["IT", "V4"] * 4))
    values = recording.values.copy()
    # V4 responds one bin later than IT.
    values[:, 1::2, 2] = course.recording.values[:, 1::2, 0]
    dataset = replace(course, recording=recording.copy(data=values))
    groups = score_by(factors_of(course), dataset, BY, by="region", windows="bins")
    courses = time_courses(groups)
    assert [(dict(item.conditions), item.latency.start) for item in courses] == [
        ({"region": "IT"}, 100),
        ({"region": "V4"}, 150),
    ]


def test_stored_scores_without_shuffles_are_computed_again(course, neuroalign_home):
    from neuroalign.results.store import ResultsStore

    model = factors_of(course)
    first = score_by(model, course, BY, windows="100:150")[0].score
    store = ResultsStore()
    [(key, stored)] = store.items()
    # A record of an earlier version.
    store.save(key, replace(stored, data=first.data.drop_vars("shuffled")))
    again = score_by(model, course, BY, windows="100:150")[0].score
    np.testing.assert_array_equal(again.data["shuffled"].values, first.data["shuffled"].values)
    assert "shuffled" in store.load(key).data


@pytest.mark.parametrize(
    "spec", ["correlation_ratio[turns=0]", "decoding[turns=0]", "rsa", "one_to_one[turns=0]"]
)
def test_other_benchmarks_store_their_shuffles(course, spec):
    [group] = score_by(factors_of(course), course, spec, windows="100:150")
    result = group.score
    shuffled = result.data["shuffled"].values
    assert shuffled.size == result.options["n_permutations"]
    assert result.null == pytest.approx(shuffled.mean())


def test_lower_is_better(course):
    groups = score_by(factors_of(course), course, "decoding[turns=0]", windows="bins")
    [result] = time_courses(groups)
    smallest = np.stack([group.score.data["shuffled"].values for group in groups]).min(axis=0)
    expected = [(1 + (smallest <= group.score.value).sum()) / 101 for group in groups]
    np.testing.assert_array_equal(result.p, expected)


@pytest.mark.slow
def test_error_rates():
    """Noise has a significant window in at most 5 % of recordings; a planted window is n_detected."""
    spec = "linear[n_permutations=39]"
    n, hits, n_detected = 150, 0, 0
    for seed in range(n):
        noise = make_time_course(signal=[0.0] * 6, n_stimuli=40, n_neurons=5, n_repetitions=1, seed=seed)
        groups = score_by(factors_of(noise), noise, spec, windows="bins", use_cache=False)
        hits += time_courses(groups, n_draws=0)[0].significant.any()
    # 5 % is expected: the limit is three standard errors above it.
    assert hits / n < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    for seed in range(30):
        signal = [0, 0, 0, 0.7, 0, 0]
        planted = make_time_course(signal=signal, n_stimuli=40, n_neurons=5, n_repetitions=1, seed=seed)
        groups = score_by(factors_of(planted), planted, spec, windows="bins", use_cache=False)
        n_detected += time_courses(groups, n_draws=0)[0].significant[3]
    assert n_detected >= 27
