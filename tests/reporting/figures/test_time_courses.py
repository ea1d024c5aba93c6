import numpy as np
import pytest

from neuroalign.errors import UsageError
from neuroalign.reporting.figures.across_windows import maps_across_windows
from neuroalign.reporting.figures.style import save
from neuroalign.reporting.figures.time_courses import courses_over_time
from neuroalign.scoring.across_windows import AcrossWindows
from neuroalign.scoring.grouped import GroupScore
from neuroalign.scoring.time_courses import Latency, TimeCourse
from neuroalign.testing import make_score

WINDOWS = [(0, 50), (50, 100), (100, 150)]


def course(values, *, model="m", region=None, p=(1.0, 0.04, 0.01), latency=(50, 100), **bounds):
    conditions = {} if region is None else {"region": region}
    scores = [
        None
        if np.isnan(value)
        else make_score(value, model=model, benchmark="ridge", error=0.1, null=0.0, ceiling=0.9, **bounds)
        for value in values
    ]
    groups = tuple(
        GroupScore(conditions, window, model, "toy", "ridge", 5, 20, score=score)
        for window, score in zip(WINDOWS, scores, strict=True)
    )
    first = None if latency is None else Latency(*latency, low=0, high=100, n_draws=10)
    return TimeCourse(conditions, groups, np.array(p), 0.3, 19, "", first)


def lines_of(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


def test_lines_are_at_the_middle_of_the_windows():
    figure = courses_over_time([course([0.1, 0.5, 0.7])], dataset="toy", simulated=True)
    [axes] = figure.axes
    line = lines_of(axes, "m")
    np.testing.assert_allclose(line.get_xdata(), [25, 75, 125])
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.5, 0.7])
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.0, 0.8))
    levels = {tuple(line.get_ydata()) for line in axes.lines}
    assert {(0.0, 0.0, 0.0), (0.9, 0.9, 0.9)} <= levels
    assert axes.get_title(loc="left") == "toy, simulated neurons"
    assert axes.get_xlabel() == "time after stimulus onset (ms), middle of the window"
    assert axes.get_ylabel() == "ridge, correlation r"


def test_significant_windows_and_latency():
    [axes] = courses_over_time([course([0.1, 0.5, 0.7])], dataset="toy", simulated=True).axes
    bars = axes.collections[-1]
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()]
    assert spans == [(50, 100), (100, 150)]
    triangle = next(line for line in axes.lines if line.get_marker() == "v")
    assert list(triangle.get_xdata()) == [50]
    interval = next(line for line in axes.lines if list(line.get_xdata()) == [0, 100])
    assert interval.get_ydata()[0] == triangle.get_ydata()[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["m", "± standard error", "chance", "ceiling", "p ≤ 0.05", "latency, 95 % CI"]


def test_several_groups_share_grey_bounds_and_differ_in_colour():
    pair = [course([0.1, 0.5, 0.7], region="IT"), course([0.0, np.nan, 0.3], region="V4", latency=None)]
    [axes] = courses_over_time(pair, dataset="toy", simulated=False).axes
    assert lines_of(axes, "IT").get_color() != lines_of(axes, "V4").get_color()
    assert np.isnan(lines_of(axes, "V4").get_ydata()[1])
    ceilings = [line for line in axes.lines if set(np.asarray(line.get_ydata())) == {0.9}]
    assert len(ceilings) == 1


def test_the_same_bytes(tmp_path):
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        save(courses_over_time([course([0.1, 0.5, 0.7])], dataset="toy", simulated=True), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_map_has_fits_in_rows():
    scores = np.array([[0.1, 0.2, -0.9], [0.3, 0.4, np.nan], [0.5, 0.6, 0.7]])
    matrix = AcrossWindows({"region": "IT"}, "m", "ridge", tuple(WINDOWS), scores, ("", "", ""))
    figure = maps_across_windows([matrix], dataset="toy", simulated=True)
    axes, bar = figure.axes
    [mesh] = axes.collections
    np.testing.assert_array_equal(
        np.ma.getdata(mesh.get_array())[~np.isnan(scores)], scores[~np.isnan(scores)]
    )
    assert mesh.get_clim() == (-0.7, 0.7)
    assert axes.get_xlim() == axes.get_ylim() == (0, 150)
    assert axes.get_ylabel().startswith("fit:")
    assert axes.get_xlabel().startswith("responses:")
    assert axes.get_title(loc="left") == "m, IT on toy, simulated neurons"
    assert bar.get_ylabel() == "ridge, correlation r"


def test_windows_with_gaps_have_names():
    windows = ((0, 50), (100, 150), (200, 250))
    matrix = AcrossWindows({}, "m", "ridge", windows, np.eye(3), ("", "", ""))
    axes = maps_across_windows([matrix], dataset="toy", simulated=True).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0–50", "100–150", "200–250"]


def test_nothing_to_draw():
    with pytest.raises(UsageError, match="a window with a score, got none"):
        courses_over_time([course([np.nan] * 3)], dataset="toy", simulated=True)
    empty = AcrossWindows({}, "m", "ridge", tuple(WINDOWS), np.full((3, 3), np.nan), ("", "", ""))
    with pytest.raises(UsageError, match="a pair of windows with a score, got none"):
        maps_across_windows([empty], dataset="toy", simulated=True)
