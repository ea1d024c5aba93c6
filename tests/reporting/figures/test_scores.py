from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from neuroalign.errors import UsageError
from neuroalign.reporting.figures import native_and_recombined, scores_by_family
from neuroalign.results.score import summarise
from neuroalign.scoring.resampling import Statistic


def row_names(axes):
    return [text.get_text() for text in axes.get_yticklabels()]


def test_instances_means_and_intervals(scores, drawn):
    values = {"worse": [0.2, 0.4, 0.3], "better": [0.9, 0.7]}
    axes = scores_by_family(scores(**values))
    assert row_names(axes) == ["better\n(n = 2)", "worse\n(n = 3)"]
    for row, family in enumerate(["better", "worse"]):
        points = drawn(axes, "instances")[row]
        np.testing.assert_array_equal(points.get_xdata(), np.sort(values[family]))
        assert (np.abs(points.get_ydata() - row) < 0.45).all()
        mean = np.mean(values[family])
        np.testing.assert_allclose(drawn(axes, "mean")[row].get_xdata(), mean)
        low, high = drawn(axes, "interval")[row].get_xdata()
        expected = stats.ttest_1samp(values[family], 0).confidence_interval(0.95)
        # C is 1 at most, so an interval ends there.
        np.testing.assert_allclose([low, high], [expected.low, min(expected.high, 1.0)])
    assert axes.get_title(loc="left") == "toy, simulated neurons"
    assert axes.get_xlabel() == "alignment"
    # The best is on top.
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_lower_is_better(score):
    given = [score("a", 0.2, "a", higher_is_better=False), score("b", 0.1, "b", higher_is_better=False)]
    axes = scores_by_family(given)
    assert [item.split("\n")[0] for item in row_names(axes)] == ["b", "a"]
    assert axes.get_xlabel() == "alignment (lower is better)"


def test_a_familys_score_stands_for_its_instances(scores, drawn):
    given = scores(a=[0.1, 0.2])
    (points,) = drawn(scores_by_family([summarise(given, family="a")]), "instances")
    np.testing.assert_array_equal(points.get_xdata(), [0.1, 0.2])


def test_one_instance_and_scores_that_are_nan(scores, drawn):
    axes = scores_by_family(scores(one=[0.5], some=[0.4, np.nan], none=[np.nan, np.nan]))
    assert row_names(axes) == [
        "one\n(n = 1)",
        "some\n(n = 1, 1 without a score)",
        "none\n(n = 0, 2 without a score)",
    ]
    assert [len(instance.get_xdata()) for instance in drawn(axes, "instances")] == [1, 1, 0]
    assert len(drawn(axes, "mean")) == 2
    # A single model has its own error, .1 over neurons.
    (line,) = [line for line in axes.lines if line.get_label() == "interval"]
    np.testing.assert_allclose(line.get_xdata(), [0.304, 0.696])
    assert "chance" not in [text.get_text() for text in axes.get_legend().get_texts()]


def test_chance_is_a_band_for_each_family(score):
    given = [score(f"a[n={n}]", 0.5, "a", null=null) for n, null in enumerate([0.2, 0.1, np.nan])]
    axes = scores_by_family([*given, score("b", 0.6, "b")])
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    np.testing.assert_allclose([corners[:, 0].min(), corners[:, 0].max()], [0.1, 0.2])
    np.testing.assert_allclose([corners[:, 1].min(), corners[:, 1].max()], [0.58, 1.42])
    assert "chance" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_ceiling_is_a_family_or_the_scores_own(scores, score):
    subsets = [score(f"s[seed={index}]", value, "s") for index, value in enumerate([0.7, 0.8, 0.9])]
    axes = scores_by_family(scores(a=[0.5]), ceiling=subsets)
    span = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    expected = stats.ttest_1samp([0.7, 0.8, 0.9], 0).confidence_interval(0.95)
    np.testing.assert_allclose([span.x0, span.x1], [expected.low, expected.high])
    assert "ceiling: s" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert row_names(axes) == ["a\n(n = 1)"]
    axes = scores_by_family([score(ceiling=0.6)])
    assert 0.6 in [line.get_xdata()[0] for line in axes.lines]
    assert "ceiling" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert "ceiling" not in str(
        [text.get_text() for text in scores_by_family([score()]).get_legend().get_texts()]
    )


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_what_a_family_exceeds_is_not_called_a_ceiling(scores, higher_is_better):
    values = [0.8, 0.9] if higher_is_better else [0.1, 0.2]
    given = [replace(instance, higher_is_better=higher_is_better) for instance in scores(a=values)]
    axes = scores_by_family(given, ceiling=scores(s=[0.4, 0.5]))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "s" in texts
    assert "ceiling: s" not in texts


def test_points_that_are_equal_do_not_cover_each_other(scores, drawn):
    (points,) = drawn(scores_by_family(scores(a=[0.5] * 40)), "instances")
    assert len(set(np.round(points.get_ydata(), 6))) == 40
    assert np.ptp(points.get_ydata()) < 0.5


def test_recorded_neurons_are_called_so(score):
    axes = scores_by_family([score(provenance={"simulated": False})])
    assert axes.get_title(loc="left") == "toy, recorded neurons"


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "another"},
        {"benchmark": "decoding"},
        {"benchmark_version": 2},
        {"options": {"n_units": 50}},
        {"provenance": {"dataset_hash": "other"}},
    ],
)
def test_scores_of_two_kinds_share_no_figure(score, other):
    with pytest.raises(UsageError, match="one figure cannot show alignment version 1 on toy and"):
        scores_by_family([score(), score("b", **other)])


def test_nothing_and_twice_the_same(score):
    with pytest.raises(UsageError, match="needs one score at least"):
        scores_by_family([])
    with pytest.raises(UsageError, match=r"a\[seed=0\] has two scores"):
        scores_by_family([score(), score()])


def test_axes_of_the_users_are_drawn_on(scores):
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 2)
    assert scores_by_family(scores(a=[0.1]), ax=axes[1]) is axes[1]
    assert not axes[0].lines


def recombined(score, pairs, family="a", **fields):
    return [
        score(
            f"{family}[seed={index}]",
            native - mixed,
            family,
            "linear_recombination",
            beside={"native": native, "recombined": mixed},
            options={"benchmark": "alignment[n_folds=10]", "kind": "abs_gaussian"},
            **fields,
        )
        for index, (native, mixed) in enumerate(pairs)
    ]


def test_native_and_recombined_are_paired(score):
    pairs = [(0.9, 0.5), (0.8, 0.3), (0.7, 0.4)]
    axes = native_and_recombined([*recombined(score, pairs), *recombined(score, [(0.2, 0.1)], "b")])
    joined = [
        line.get_xdata() for line in axes.lines if line.get_marker() == "None" and len(line.get_xdata()) == 2
    ]
    for pair in pairs:
        assert any(np.array_equal(line, pair) for line in joined)
    markers = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    np.testing.assert_array_equal(markers[0].get_xdata(), [0.9, 0.8, 0.7])
    np.testing.assert_array_equal(markers[1].get_xdata(), [0.5, 0.3, 0.4])
    assert markers[1].get_markerfacecolor() == "white"
    interval = stats.ttest_1samp([0.4, 0.5, 0.3], 0).confidence_interval(0.95)
    texts = [text.get_text() for text in axes.texts]
    assert texts == [f"drop 0.40\n({interval.low:.2f} to {interval.high:.2f})", "drop 0.10"]
    assert axes.get_xlabel() == "alignment, absolute Gaussian mixtures"


def test_recombination_without_a_number(score):
    axes = native_and_recombined(recombined(score, [(np.nan, 0.1), (0.4, np.nan)]))
    assert [len(line.get_xdata()) for line in axes.lines if line.get_marker() not in ("None", "")] == [0, 0]


def test_other_scores_are_not_recombined(scores):
    with pytest.raises(UsageError, match="scores must have native and recombined beside their value, got a"):
        native_and_recombined(scores(a=[0.1]))


def test_families_that_must_not_be_interpreted_are_hatched_and_say_why(score):
    def weak(index, explained):
        return score(f"weak[seed={index}]", 0.9, "weak", beside={"variance_explained": explained})

    given = [weak(0, -0.01), weak(1, -0.02), weak(2, 0.5), score("sound[seed=0]", 0.4, "sound")]
    axes = scores_by_family(given)
    assert row_names(axes) == ["weak !\n(n = 3)", "sound\n(n = 1)"]
    hatched = [patch for patch in axes.patches if patch.get_hatch() == "////"]
    assert [(patch.get_y(), patch.get_height()) for patch in hatched] == [(-0.45, 0.9)]
    texts = [" ".join(text.get_text().split()) for text in axes.get_legend().get_texts()]
    assert texts[-1] == (
        "weak !: in 2 of 3 instances the units explain no variance (-0.020 to -0.010): do not interpret alignment"
    )
    # One weak instance of three leaves the family to be read, with its caution.
    axes = scores_by_family([weak(0, -0.01), weak(1, 0.5), weak(2, 0.5)])
    assert row_names(axes) == ["weak\n(n = 3)"]
    assert not [patch for patch in axes.patches if patch.get_hatch()]
    texts = [" ".join(text.get_text().split()) for text in axes.get_legend().get_texts()]
    assert texts[-1].startswith("weak: in 1 of 3 instances")


def test_an_axis_index_is_drawn_with_its_errors_and_levels(score, drawn):
    given = [
        replace(
            score("a[seed=0]", 0.9, "a"), beside={"axis_index": 0.5, "axis_index_error": 0.1, "turned": 0.6}
        ),
        replace(
            score("a[seed=1]", 0.8, "a"), beside={"axis_index": 0.3, "axis_index_error": 0.1, "turned": 0.7}
        ),
    ]
    axes = scores_by_family(given, statistic=Statistic("axis_index", "axis index κ"))
    (points,) = drawn(axes, "instances")
    np.testing.assert_allclose(np.sort(points.get_xdata()), [0.3, 0.5])
    ends = sorted(tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2)
    assert (0.4, 0.6) in [tuple(np.round(pair, 9)) for pair in ends]
    assert axes.get_xlabel() == "axis index κ"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"turned axes", "κ = 0.10"} <= set(labels)
    # Beside the score itself, the level of turned tuning.
    labels = [text.get_text() for text in scores_by_family(given).get_legend().get_texts()]
    assert "turned tuning" in labels
