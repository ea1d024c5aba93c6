from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from neuroalign import as_model
from neuroalign.errors import UsageError
from neuroalign.metrics import fold_labels, ridge_predictivity
from neuroalign.models.model import FixedFamily
from neuroalign.scoring.across_windows import score_across_windows, to_table
from neuroalign.scoring.grouped import score_by
from neuroalign.testing import make_time_course


def factors_of(dataset, name="factors", columns=slice(None)):
    values = dataset.factors.to_numpy()[:, columns]
    array = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": dataset.stimuli.ids})
    return as_model(array, identifier=name)


@pytest.fixture(scope="module")
def course():
    return make_time_course(signal=[0, 1, 1], n_neurons=5, n_stimuli=50)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["ridge", "pls", "linear", "banded_ridge", "variance_explained"])
def test_diagonal_has_the_ordinary_scores(course, spec):
    model = factors_of(course)
    [matrix] = score_across_windows(model, course, spec, windows="bins")
    groups = score_by(model, course, spec, windows="bins")
    assert np.diag(matrix.scores).tolist() == [group.score.value for group in groups]
    assert matrix.windows == ((0, 50), (50, 100), (100, 150))
    assert matrix.reasons == ("", "", "")


def test_other_windows_have_the_correlation_of_their_deviations(course):
    [matrix] = score_across_windows(factors_of(course), course, "ridge", windows="bins")
    responses = [course.recording.isel(time_bin=index) for index in range(3)]
    means = [array.groupby("stimulus_id").mean().values for array in responses]
    folds = fold_labels(50, 10, seed=0)
    first, second = (ridge_predictivity(course.factors.to_numpy(), mean, folds=folds) for mean in means[1:])
    added = (first.predicted - first.baseline) / first.amplitude
    expected = [np.corrcoef(added[:, j], (means[2] - second.baseline)[:, j])[0, 1] for j in range(5)]
    assert matrix.scores[1, 2] == pytest.approx(np.mean(expected), abs=1e-12)
    # Rows are windows of the fit: a fit to noise predicts no other window.
    assert matrix.scores[1, 2] > 0.7
    assert abs(matrix.scores[0, 2]) < 0.4


def test_variance_explained_across_windows(course):
    # The second window has half the responses of the first one, without further noise.
    values = course.recording.values.copy()
    values[:, :, 2] = values[:, :, 1] / 2 + 3
    halved = replace(course, recording=course.recording.copy(data=values))
    [matrix] = score_across_windows(factors_of(course), halved, "variance_explained", windows="bins")
    assert matrix.scores[1, 1] == pytest.approx(matrix.scores[2, 2], abs=0.01)
    # Predictions of twice the size explain less: with responses y and 2ŷ, 1 − Σ(y − 2ŷ)²/Σy².
    assert matrix.scores[1, 2] < 0.5 < matrix.scores[2, 2]


def test_neurons_that_both_windows_have(course):
    values = course.recording.values.copy()
    values[:, 0, 0] = 1.0
    flat = replace(course, recording=course.recording.copy(data=values))
    model = factors_of(course)
    [matrix] = score_across_windows(model, flat, "ridge", windows="bins")
    fewer = replace(flat, recording=flat.recording.isel(neuroid=slice(1, None)))
    [expected] = score_across_windows(model, fewer, "ridge", windows="bins")
    np.testing.assert_allclose(matrix.scores[0], expected.scores[0], atol=1e-12)
    groups = score_by(model, flat, "ridge", windows="bins")
    assert np.diag(matrix.scores).tolist() == [group.score.value for group in groups]


def test_family_has_the_mean_and_groups_have_matrices(course):
    members = [factors_of(course, f"m[seed={number}]", [number, number + 1]) for number in range(2)]
    recording = course.recording.assign_coords(region=("neuroid", ["IT", "IT", "IT", "V4", "V4"]))
    dataset = replace(course, recording=recording)
    matrices = score_across_windows(FixedFamily("m", members), dataset, "linear", windows="bins", by="region")
    assert [dict(matrix.conditions) for matrix in matrices] == [{"region": "IT"}, {"region": "V4"}]
    alone = [
        score_across_windows(member, dataset, "linear", windows="bins", by="region")[1] for member in members
    ]
    np.testing.assert_allclose(matrices[1].scores, (alone[0].scores + alone[1].scores) / 2, atol=1e-12)
    table = to_table(matrices)
    assert len(table) == 18
    assert table.iloc[11].tolist() == ["V4", "m", "linear", 0, 50, 100, 150, matrices[1].scores[0, 2]]


def test_calls_that_cannot_be(course):
    model = factors_of(course)
    with pytest.raises(
        UsageError, match=r"rsa has no held-out predictions .* take banded_ridge, linear, pls"
    ):
        score_across_windows(model, course, "rsa", windows="bins")
    values = course.recording.values.copy()
    values[course.recording.stimulus_id.values == "s000", :, 0] = np.nan
    lacking = replace(course, recording=course.recording.copy(data=values))
    with pytest.raises(UsageError, match="the same stimuli to share folds, got 49 to 50"):
        score_across_windows(model, lacking, "ridge", windows="bins")
