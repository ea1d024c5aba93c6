"""Claims that UDR predicts a score, and the figure of the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from neuroalign.reporting.figures import udr_against_alignment
from neuroalign.studies.claims import examine, predicts
from neuroalign.studies.relation import relate


def test_a_relation_among_all(ranked):
    x = np.arange(20.0)
    y = x + np.tile([3.0, -3.0], 10)
    result = predicts(ranked(x, y, [1] * 20), scoring="alignment", subject="a")
    assert (result.paper.verdict, result.ours.verdict) == ("agrees", "agrees")
    assert result.ours.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
    # No draw of 9,999 is as far from zero.
    assert result.ours.p == 1e-4
    assert result.ours.test == "rank correlation, random permutations of all instances, p < .05"


def test_a_relation_the_other_way(ranked):
    x = np.arange(20.0)
    result = predicts(ranked(x, -x - np.tile([3.0, -3.0], 10), [1] * 20), scoring="alignment", subject="a")
    assert (result.paper.verdict, result.ours.verdict) == ("disagrees", "disagrees")


def test_a_relation_that_is_only_between_groups(ranked):
    rng = np.random.default_rng(3)
    betas = np.repeat([1, 4, 16], 8)
    x, y = betas + rng.uniform(0, 1, 24), betas + rng.uniform(0, 1, 24)
    given = ranked(x, y, betas)
    assert predicts(given, scoring="alignment", subject="a").ours.verdict == "agrees"
    within = predicts(given, scoring="alignment", subject="a", within="beta").ours
    assert within.verdict == "cannot tell"
    assert "24 instances of 3 groups" in within.statistic
    assert within.test == "rank correlation, exact permutations within each beta, p < .05"


def test_a_perfect_group_of_four_is_not_enough(ranked):
    result = predicts(ranked([1, 2, 3, 4], [1, 2, 3, 4], [1] * 4), scoring="alignment", subject="a")
    assert (result.paper.verdict, result.ours.verdict) == ("cannot tell", "cannot tell")
    assert result.ours.why == (
        "4 instances cannot give a p below 0.0833, so a relation cannot be shown at the level of .05"
    )
    # Two perfect groups of four: 2 of 576 permutations.
    two = ranked([1, 2, 3, 4] * 2, [1, 2, 3, 4] * 2, [1] * 4 + [2] * 4)
    both = predicts(two, scoring="alignment", subject="a", within="beta")
    assert (both.paper.verdict, both.ours.verdict) == ("agrees", "agrees")
    assert both.ours.p == pytest.approx(2 / 576)


@pytest.mark.parametrize("within", ["", "beta"])
def test_groups_of_four_without_a_relation_rarely_agree(within, ranked):
    rng = np.random.default_rng(5)
    verdicts = [
        predicts(
            ranked(rng.normal(size=12), rng.normal(size=12), np.repeat([1, 2, 3], 4)),
            scoring="alignment",
            subject="a",
            within=within,
        ).ours.verdict
        for _ in range(100)
    ]
    assert 100 - verdicts.count("cannot tell") <= 10


def test_too_few(ranked):
    given = ranked([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1, 1, 1])
    result = examine("predicts", given, {"scoring": "alignment", "subject": "a"})
    assert result.ours.verdict == "cannot tell"
    assert result.ours.why.startswith("3 instances cannot give a p below 0.333")
    alone = ranked([1.0, 1.0], [1.0, 2.0], [1, 1])
    result = examine("predicts", alone, {"scoring": "alignment", "subject": "a", "within": "beta"})
    assert result.ours.why == "UDR and score must both vary within each beta, which they do not"


def test_no_udr(ranked):
    given = ranked([np.nan] * 4, [1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4])
    result = examine("predicts", given, {"scoring": "alignment", "subject": "a"})
    assert "differ in their seed alone" in result.ours.why


def test_the_figure_shows_the_number_that_the_claim_tests(ranked):
    rng = np.random.default_rng(7)
    given = ranked(rng.normal(size=18), rng.normal(size=18), np.repeat([1, 4, 8], [4, 6, 8]))
    given = replace(given, kept={"alignment": {"a": given.every["alignment"]["a"][:3]}})
    settings = {"scoring": "alignment", "subject": "a"}
    related = relate(given, **settings)
    axes = udr_against_alignment(related.table, related.scores, by="beta", values=related.values)
    everyone, within, *_ = axes.texts[0].get_text().split("\n")
    claims = [predicts(given, **settings, within=group).ours for group in ("", "beta")]
    assert [finding.statistic.split(",")[0] for finding in claims] == [
        f"Spearman's ρ = {claims[0].estimate:.2f}",
        f"Spearman's ρ within each beta = {claims[1].estimate:.2f}",
    ]
    assert everyone == f"Spearman ρ = {claims[0].estimate:.2f}, p = {claims[0].p:.3f}, n = 18"
    assert within == f"within β: ρ = {claims[1].estimate:.2f}, p = {claims[1].p:.3f}, n = 18"
    # The two differ, so that neither stands for the other.
    assert abs(claims[0].estimate - claims[1].estimate) > 0.01
