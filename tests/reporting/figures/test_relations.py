import numpy as np
import pandas as pd
import pytest
from scipy import stats

from neuroalign.errors import UnknownNameError, UsageError
from neuroalign.reporting.figures import score_against_unit_proportion, udr_against_alignment


def test_udr_pairs_by_the_name_of_the_instance(scores):
    given = scores(vae=[0.1, 0.5, 0.2, 0.9])
    table = pd.DataFrame(
        {"instance": [f"vae[seed={index}]" for index in (3, 1, 0, 2)], "udr": [0.8, 0.6, 0.2, 0.3]}
    )
    axes = udr_against_alignment(table, given)
    (points,) = axes.collections
    np.testing.assert_allclose(points.get_offsets(), [[0.8, 0.9], [0.6, 0.5], [0.2, 0.1], [0.3, 0.2]])
    assert axes.texts[0].get_text() == "Spearman ρ = 1.00, p = 0.083, n = 4"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("UDR", "alignment")


def test_udr_within_beta(scores):
    # Within each beta more UDR is less alignment; over all of them it is more.
    udr = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]
    given = scores(vae=[0.3, 0.2, 0.1, 0.9, 0.8, 0.7])
    names = [f"vae[seed={index}]" for index in range(6)]
    table = pd.DataFrame({"instance": names, "udr": udr, "beta": [1.0] * 3 + [4.0] * 3})
    axes = udr_against_alignment(table, given, by="beta")
    lines = axes.texts[0].get_text().split("\n")
    rho = stats.spearmanr(udr, [instance.value for instance in given]).statistic
    assert lines[0].startswith(f"Spearman ρ = {rho:.2f}, p = ")
    # All 36 pairings within β: one is as far from zero, and its mirror image.
    assert lines[1] == f"within β: ρ = -1.00, p = {2 / 36:.3f}, n = 6"
    np.testing.assert_array_equal(axes.collections[0].get_array(), [1, 1, 1, 4, 4, 4])


def test_two_seeds_share_a_udr_and_no_correlation_within(scores):
    # Two seeds share one UDR, up to the order of a sum.
    table = pd.DataFrame(
        {
            "instance": [f"v[seed={index}]" for index in range(4)],
            "udr": [0.1 + 0.2, 0.3, 0.6, 0.2 * 3],
            "beta": [1.0, 1.0, 2.0, 2.0],
        }
    )
    axes = udr_against_alignment(table, scores(v=[0.1, 0.2, 0.3, 0.4, 0.5]), by="beta")
    assert axes.texts[0].get_text().split("\n")[1:] == [
        "within β: no correlation: x and y do not",
        "both vary in any group",
        "two seeds share one UDR",
        "1 instance without a UDR or a score",
    ]
    # The text fits, and leaves the axes most of the figure.
    axes.figure.draw_without_rendering()
    box = axes.get_window_extent()
    assert box.width > 0.5 * axes.figure.bbox.width
    assert axes.texts[0].get_window_extent().x1 <= axes.figure.bbox.x1
    rho = stats.spearmanr([1, 1, 2, 2], [1, 2, 3, 4]).statistic
    assert axes.texts[0].get_text().startswith(f"Spearman ρ = {rho:.2f}, ")


def test_udr_of_groups_of_one(scores):
    table = pd.DataFrame({"instance": ["v[seed=0]", "v[seed=1]"], "udr": [0.1, 0.2], "beta": [1.0, 2.0]})
    axes = udr_against_alignment(table, scores(v=[0.1, 0.2, 0.3]), by="beta")
    assert axes.texts[0].get_text().split("\n") == [
        "Spearman ρ = 1.00, p = 1.000, n = 2",
        "within β: no correlation: x and y do not",
        "both vary in any group",
        "1 instance without a UDR or a score",
    ]


def test_numbers_in_place_of_the_values_of_scores(scores):
    table = pd.DataFrame({"instance": [f"v[seed={index}]" for index in range(3)], "udr": [0.1, 0.2, 0.3]})
    given = scores(v=[0.1, 0.2, 0.3])
    axes = udr_against_alignment(
        table, given, values={"v[seed=0]": 0.9, "v[seed=1]": 0.5, "v[seed=2]": 0.4}, label="axis index"
    )
    assert axes.texts[0].get_text() == "Spearman ρ = -1.00, p = 0.333, n = 3"
    assert axes.get_ylabel() == "axis index"


def test_udr_of_nothing(scores):
    table = pd.DataFrame({"instance": ["v[seed=0]"], "udr": [np.nan]})
    with pytest.raises(UsageError, match="no instance has both a UDR and a score"):
        udr_against_alignment(table, scores(v=[0.1]))
    with pytest.raises(UnknownNameError, match="beta"):
        udr_against_alignment(table, scores(v=[0.1]), by="beta")


def test_correlation_ratio_over_unit_proportion(score, drawn):
    given = [
        score(
            f"{family}[n={n}]",
            value,
            family,
            "correlation_ratio",
            null=null,
            beside={"unit_proportion": share},
        )
        for family, n, value, null, share in [
            ("pca", 10, 0.3, 0.24, 1.0),
            ("pca", 50, 0.1, 0.06, 0.4),
            ("ica", 10, 0.5, np.nan, 0.9),
        ]
    ]
    axes = score_against_unit_proportion(given)
    (points,) = drawn(axes, "pca")
    np.testing.assert_array_equal(points.get_xydata(), [[1.0, 0.3], [0.4, 0.1]])
    chance = drawn(axes, "chance")[1]
    np.testing.assert_array_equal(chance.get_xydata(), [[1.0, 0.24], [0.4, 0.06]])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "ica (n = 1)",
        "pca (n = 2)",
        "chance",
    ]
    assert axes.get_ylim()[0] == 0


def test_unit_proportion_is_needed(scores):
    with pytest.raises(UsageError, match="no unit proportion; give scores with unit_proportion"):
        score_against_unit_proportion(scores(a=[0.1]))
