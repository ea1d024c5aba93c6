"""Claims that a family reaches a ceiling, on scores with a families result."""

import pytest
from scipy import stats

from neuroalign.studies.claims import examine, meets
from neuroalign.studies.evidence import Evidence


@pytest.mark.parametrize(
    ("gap", "sd", "verdict", "papers"),
    [
        (0.0, 0.01, "agrees", "agrees"),
        (-0.3, 0.01, "disagrees", "disagrees"),
        # The family scores above the ceiling.
        (0.3, 0.01, "cannot tell", "cannot tell"),
        (0.0, 0.5, "cannot tell", "agrees"),
    ],
)
def test_equivalence_within_a_margin(gap, sd, verdict, papers, evidence, family, spread):
    given = evidence(a=family("a", 0.5 + gap + sd * spread), top=family("top", 0.5 + sd * spread))
    result = meets(given, scoring="alignment", subject="a", ceiling="top", margin=0.05)
    assert (result.ours.verdict, result.paper.verdict) == (verdict, papers)
    assert result.ours.estimate == pytest.approx(gap)


def test_the_margin_is_of_the_90_percent_interval(evidence, family, spread):
    a, top = 0.51 + 0.01 * spread, 0.5 + 0.01 * spread
    high = stats.ttest_ind(a, top, equal_var=False).confidence_interval(0.9).high
    given = evidence(a=family("a", a), top=family("top", top))
    options = {"scoring": "alignment", "subject": "a", "ceiling": "top"}
    assert meets(given, **options, margin=high + 1e-6).ours.verdict == "agrees"
    assert meets(given, **options, margin=high - 1e-6).ours.verdict == "cannot tell"


def test_the_ceiling_may_be_scored_otherwise(family, spread):
    scores = {
        "alignment": {"a": family("a", 1 + 0.001 * spread), "top": family("top", 0.5 + 0.001 * spread)},
        "itself": {"top": family("top", 1 + 0.001 * spread)},
    }
    options = {"subject": "a", "ceiling": "top", "margin": 0.05, "scoring": "alignment"}
    assert meets(Evidence(scores), **options, ceiling_scoring="itself").ours.verdict == "agrees"
    assert meets(Evidence(scores), **options).ours.verdict == "cannot tell"


@pytest.mark.parametrize(("level", "verdict"), [(0.5, "agrees"), (0.01, "cannot tell")])
def test_a_ceiling_without_special_axes_decides_nothing(level, verdict, evidence, score, spread):
    scores = {
        name: [
            score(f"{name}[seed={seed}]", 0.5, beside={"axis_index": level + shift, "axis_index_p": 0.04})
            for seed, shift in enumerate(0.001 * spread)
        ]
        for name in ("a", "top")
    }
    result = meets(
        evidence(**scores),
        scoring="alignment",
        subject="a",
        ceiling="top",
        margin=0.1,
        read="axis_index",
    ).ours
    assert result.verdict == verdict
    assert ("the axes of top are not special (κ = 0.010)" in result.why) == (verdict == "cannot tell")


def test_no_ceiling(evidence, family, spread):
    given = evidence(a=family("a", spread), missing={"top": "fewer than 3 neurons"})
    result = examine(
        "meets", given, {"scoring": "alignment", "subject": "a", "ceiling": "top", "margin": 0.1}
    )
    assert result.ours.why == "top has no score by alignment: fewer than 3 neurons"


def test_one_instance(evidence, family, spread):
    given = evidence(a=family("a", [0.5]), top=family("top", spread))
    result = meets(given, scoring="alignment", subject="a", ceiling="top", margin=0.1)
    assert (result.paper.verdict, result.ours.verdict) == ("cannot tell", "cannot tell")


def test_equivalence_is_as_sure_as_the_weaker_of_its_tests(evidence, family, spread):
    a, top = 0.51 + 0.01 * spread, 0.5 + 0.01 * spread
    result = meets(
        evidence(a=family("a", a), top=family("top", top)),
        scoring="alignment",
        subject="a",
        ceiling="top",
        margin=0.05,
    ).ours
    shifted = stats.ttest_ind(a, top + 0.05, equal_var=False, alternative="less").pvalue
    assert (result.verdict, result.p) == ("agrees", pytest.approx(shifted))
