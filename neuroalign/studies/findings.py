"""Findings about claims: decisions with the numbers and the sentences behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroalign.stats import RankTest, adjust_p_values
from neuroalign.studies.decisions import (
    ALPHA,
    Shown,
    SortedDifferences,
    Verdict,
    decide_axes,
    decide_equivalence,
    decide_no_difference,
    decide_relation,
)
from neuroalign.studies.differences import Difference
from neuroalign.studies.samples import Sample
from neuroalign.studies.sentences import (
    add_correction,
    describe_axes,
    describe_ceiling,
    describe_drops,
    describe_lead,
    describe_relation,
    explain_axes,
    explain_ceiling,
    explain_drops,
    explain_lead,
    explain_relation,
    name_relation_test,
)

_NAN = float("nan")


@dataclass(frozen=True)
class Compared:
    """One of the comparisons behind a finding.

    Parameters
    ----------
    name : str
        Name of the compared family.
    difference : Difference
        Difference with the p-value that counts, which may be corrected.
    shown : {"above", "below", "open"}
        Whether the difference is shown to lie above 0, not to lie above 0, or neither.
    """

    name: str
    difference: Difference
    shown: Shown


@dataclass(frozen=True)
class Finding:
    """Result of one analysis of a claim.

    Parameters
    ----------
    verdict : {"agrees", "agrees among those tested", "disagrees", "cannot tell"}
        Whether the scores agree with the claim. "agrees among those tested" if families of the claim have too few
        scores.
    why : str
        Reason of the verdict, in words.
    test : str
        Name of the test; empty without a test.
    statistic : str
        Measured numbers, in words; empty without any.
    estimate, low, high : float
        Number behind the verdict, with its interval; NaN where it is missing.
    p : float
        p-value behind the verdict, corrected for the comparisons within the claim; NaN without a test.
    axis : str
        Meaning of the differences in `compared`, for the axis of a plot.
    compared : tuple of Compared
        Comparisons behind the finding; empty where it rests on the estimate alone.
    margin : float
        Largest difference that does not matter.
    """

    verdict: Verdict
    why: str
    test: str = ""
    statistic: str = ""
    estimate: float = _NAN
    low: float = _NAN
    high: float = _NAN
    p: float = _NAN
    axis: str = ""
    compared: tuple[Compared, ...] = ()
    margin: float = 0.0


@dataclass(frozen=True)
class Result:
    """Findings about a claim by the test of the paper and by our test."""

    paper: Finding
    ours: Finding


def find_lead(
    subject: str,
    rivals: SortedDifferences,
    samples: Mapping[str, Sample],
    untested: Sequence[str],
    test: str,
) -> Finding:
    """Return the finding about a family that must be better than all others.

    Parameters
    ----------
    subject : str
        Family of the claim.
    rivals : SortedDifferences
        Differences between the subject and each rival.
    samples : mapping of str to Sample
        Samples of the families with scores.
    untested : sequence of str
        Families of the claim that were not tested.
    test : str
        Name of the test.
    """
    verdict = rivals.verdict
    if untested and verdict == "agrees":
        verdict = "agrees among those tested"
    reasons = {name: "1 instance" if name in samples else "no scores" for name in untested}
    return replace(
        _rest_on(rivals.differences[rivals.smallest]),
        verdict=verdict,
        why=explain_lead(rivals, reasons),
        test=test,
        statistic=describe_lead(subject, rivals, samples),
        p=rivals.p,
        axis=f"{subject}, ahead of",
        compared=_compare(rivals),
        margin=rivals.margin,
    )


def find_ceiling(
    subject: str,
    ceiling: str,
    samples: Mapping[str, Sample],
    difference: Difference,
    test: str,
    *,
    margin: float | None = None,
) -> Finding:
    """Return the finding about a family that must reach its ceiling.

    Parameters
    ----------
    subject, ceiling : str
        Names of the families.
    samples : mapping of str to Sample
        Samples of the two families.
    difference : Difference
        Subject less ceiling.
    test : str
        Name of the test.
    margin : float, optional
        Largest difference that does not matter, for a test of equivalence; by default a difference is tested.
    """
    decision = decide_no_difference(difference) if margin is None else decide_equivalence(difference, margin)
    finding = (
        Finding("cannot tell", "")
        if decision.place == "no test"
        else replace(_rest_on(difference), p=decision.p)
    )
    return replace(
        finding,
        verdict=decision.verdict,
        why=explain_ceiling(decision, difference, subject, ceiling, margin),
        test=test,
        statistic=describe_ceiling(subject, samples[subject], ceiling, samples[ceiling]),
        axis=f"{subject}, above",
        compared=(Compared(ceiling, difference, "open"),),
        margin=margin or 0.0,
    )


def find_drops(families: SortedDifferences, test: str) -> Finding:
    """Return the finding about families with scores that must all drop."""
    return replace(
        _rest_on(families.differences[families.smallest]),
        verdict=families.verdict,
        why=explain_drops(families),
        test=test,
        statistic=describe_drops(families),
        p=families.p,
        axis="drop of",
        compared=_compare(families),
        margin=families.margin,
    )


def find_axes(
    families: SortedDifferences,
    means: Mapping[str, float],
    p_of_turns: Mapping[str, float],
    margin: float,
    test: str,
) -> Finding:
    """Return the finding about families with axes that must all be special.

    Parameters
    ----------
    families : SortedDifferences
        Mean axis index of each family less the margin.
    means, p_of_turns : mapping of str to float
        Mean index of each family, and the median p-value of its instances over turns; NaN where it is unknown.
    margin : float
        Index that axes without special tuning may have.
    test : str
        Name of the test.
    """
    decision = decide_axes(families, p_of_turns)
    return replace(
        _rest_on(families.differences[families.smallest]),
        verdict=decision.verdict,
        why=explain_axes(families, decision, margin),
        test=test,
        statistic=describe_axes(means, p_of_turns),
        p=families.p,
        axis=f"κ less {margin:g} of",
        compared=_compare(families),
    )


def find_relation(test: RankTest, within: str, alpha: float) -> Finding:
    """Return the finding about a relation that must be positive.

    Parameters
    ----------
    test : RankTest
        Rank correlation.
    within : str
        Hyper-parameter that groups the instances by its values; empty for one group.
    alpha : float
        Level of the test.
    """
    verdict, relation = decide_relation(test, alpha)
    shown: Shown = "above" if relation == "positive" else "below" if relation == "negative" else "open"
    return Finding(
        verdict,
        explain_relation(test, relation, within, alpha),
        name_relation_test(test, within, alpha),
        describe_relation(test, within),
        estimate=test.rho,
        p=test.p,
        compared=(Compared("Spearman's ρ", Difference(test.rho, p=test.p), shown),),
    )


def correct_over_claims(findings: Sequence[Finding]) -> list[Finding]:
    """Correct the verdicts of one analysis for the number of claims, by Holm's method.

    Parameters
    ----------
    findings : sequence of Finding
        One finding for each claim. Claims without a p-value were not tested and do not count.

    Returns
    -------
    list of Finding
        Findings with corrected p-values, also in their text. The verdict is "cannot tell" where the corrected p is
        not below .05.
    """
    adjusted = adjust_p_values([finding.p for finding in findings])
    n_claims = int(np.isfinite(adjusted).sum())
    corrected = []
    for finding, p in zip(findings, map(float, adjusted), strict=True):
        if np.isnan(p):
            corrected.append(finding)
            continue
        overturned = finding.verdict != "cannot tell" and p >= ALPHA
        why = add_correction(finding.why, n_claims, p, overturned=overturned)
        verdict: Verdict = "cannot tell" if overturned else finding.verdict
        corrected.append(replace(finding, verdict=verdict, why=why, p=p))
    return corrected


def _rest_on(difference: Difference) -> Finding:
    """Return a finding with the numbers of a difference."""
    return Finding(
        "cannot tell",
        "",
        estimate=difference.estimate,
        low=difference.low,
        high=difference.high,
        p=difference.p,
    )


def _compare(families: SortedDifferences) -> tuple[Compared, ...]:
    """Return all comparisons with the side on which they are shown to lie."""
    return tuple(
        Compared(name, difference, families.shown(name)) for name, difference in families.differences.items()
    )
