"""Claims about the axis index."""

import numpy as np
import pytest
from scipy import stats

from neuroalign.studies.claims import best, examine, special


@pytest.mark.parametrize(
    ("index", "p", "verdict"),
    [
        (0.5, 0.01, "agrees"),
        (0.5, 0.2, "cannot tell"),
        (0.02, 0.01, "disagrees"),
        (0.105, 0.01, "cannot tell"),
    ],
)
def test_the_index_lies_above_the_margin_and_above_turns(index, p, verdict, evidence, spread, with_index):
    given = evidence(a=with_index("a", index + 0.02 * spread, p))
    result = special(given, scoring="alignment", families=["a"], margin=0.1, neurons=False)
    assert result.ours.verdict == result.paper.verdict == verdict
    assert result.ours.estimate == pytest.approx(index - 0.1)
    expected = stats.ttest_1samp(index + 0.02 * spread, 0.1)
    assert result.ours.p == pytest.approx(expected.pvalue)
    assert result.ours.statistic.startswith(f"axis index κ of a {index:.3f} (p = {p:.3f}")


def test_a_p_value_that_is_missing_cannot_tell(evidence, spread, with_index):
    given = evidence(a=with_index("a", 0.5 + 0.02 * spread, np.nan))
    result = special(given, scoring="alignment", families=["a"], neurons=False).ours
    assert result.verdict == "cannot tell"
    assert "the p-value over turns is missing for a; score again" in result.why


@pytest.mark.parametrize("beside", [{}, {"axis_index": np.nan}])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("special", {"families": ["a"]}),
        ("best", {"subject": "a", "read": "axis_index"}),
        ("meets", {"subject": "a", "ceiling": "b", "margin": 0.1, "read": "axis_index"}),
    ],
)
def test_scores_without_an_index_cannot_tell(beside, kind, settings, evidence, family, spread):
    given = evidence(a=family("a", spread, beside=beside), b=family("b", spread, beside=beside))
    result = examine(kind, given, {"scoring": "alignment", **settings}).ours
    assert result.verdict == "cannot tell"
    assert result.why == "scores have no axis index; score them again"


def test_families_are_ranked_by_the_index(evidence, spread, with_index):
    given = evidence(a=with_index("a", 0.6 + 0.02 * spread), b=with_index("b", 0.2 + 0.02 * spread))
    result = best(given, scoring="alignment", subject="a", read="axis_index", margin=0.1).ours
    assert result.verdict == "agrees"
    assert result.estimate == pytest.approx(0.4)
