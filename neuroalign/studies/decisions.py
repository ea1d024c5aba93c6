"""Decisions about claims: verdicts and p-values from differences, without words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from neuroalign.stats import RankTest, adjust_p_values
from neuroalign.studies.differences import Difference

Verdict = Literal["agrees", "agrees among those tested", "disagrees", "cannot tell"]

#: Side on which a comparison is shown to lie: above 0, not above 0, or neither.
Shown = Literal["above", "below", "open"]

#: Level of the corrected p-value of a difference, and level of the tests of the paper.
ALPHA, PAPER_ALPHA = 0.05, 0.01

_NAN = float("nan")


@dataclass(frozen=True)
class SortedDifferences:
    """Differences, each shown to lie above 0, below a margin, or neither.

    Parameters
    ----------
    differences : mapping of str to Difference
        Differences by name, with the p-values that count.
    margin : float
        Largest difference that does not matter; 0 for differences that are compared with 0.
    above, below : sequence of str
        Names of the differences that are shown to lie above 0, and below the margin (or 0).
    p_below : mapping of str to float
        p-values of the tests below the margin; empty without a margin.
    """

    differences: Mapping[str, Difference]
    margin: float
    above: Sequence[str]
    below: Sequence[str]
    p_below: Mapping[str, float] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """Names of the differences that are shown to lie neither above nor below."""
        return [name for name in self.differences if name not in self.above and name not in self.below]

    @property
    def smallest(self) -> str:
        """Name of the smallest difference."""
        return min(
            self.differences,
            key=lambda name: (np.nan_to_num(self.differences[name].estimate, nan=np.inf), name),
        )

    @property
    def verdict(self) -> Verdict:
        """Verdict on the claim that all differences lie above 0."""
        return "disagrees" if self.below else "cannot tell" if self.open else "agrees"

    @property
    def p(self) -> float:
        """The p-value of the verdict: the smallest p below if a difference lies below, otherwise the largest p above.

        The p-value is NaN if one difference has no test.
        """
        if self.below:
            return min(
                np.nanmin(
                    [
                        self.p_below.get(name, _NAN),
                        self.differences[name].p if self.differences[name].estimate < 0 else _NAN,
                    ]
                )
                for name in self.below
            )
        p_values = [
            difference.p if difference.estimate > 0 or np.isnan(difference.p) else 1.0
            for difference in self.differences.values()
        ]
        return float(np.max(p_values))

    def shown(self, name: str) -> Shown:
        """Return the side on which a difference is shown to lie."""
        return "below" if name in self.below else "above" if name in self.above else "open"


def sort_like_paper(differences: Mapping[str, Difference]) -> SortedDifferences:
    """Sort differences by the level of the paper, without correction."""
    differing = [name for name, difference in differences.items() if difference.p < PAPER_ALPHA]
    above = [name for name in differing if differences[name].estimate > 0]
    return SortedDifferences(differences, 0.0, above, [name for name in differing if name not in above])


def sort_corrected(differences: Mapping[str, Difference], margin: float) -> SortedDifferences:
    """Sort differences by p-values with Holm's correction.

    Parameters
    ----------
    differences : mapping of str to Difference
    margin : float
        Largest difference that does not matter.

    Returns
    -------
    SortedDifferences
        Holm's correction is made over the tests of "differs from 0" and, separately, over the one-sided tests of
        "lies below the margin".
    """
    p_values = adjust_p_values([difference.p for difference in differences.values()])
    corrected = {
        name: difference.with_p(p)
        for (name, difference), p in zip(differences.items(), p_values, strict=True)
    }
    p_below = adjust_p_values([difference.p_below(margin) for difference in differences.values()])
    below = [
        name
        for (name, difference), p in zip(corrected.items(), p_below, strict=True)
        if (margin > 0 and p < ALPHA) or (difference.p < ALPHA and difference.estimate < 0)
    ]
    above = [
        name
        for name, difference in corrected.items()
        if difference.p < ALPHA and difference.estimate > 0 and name not in below
    ]
    p_of_names = {name: float(p) for name, p in zip(differences, p_below, strict=True)} if margin > 0 else {}
    return SortedDifferences(corrected, margin, above, below, p_of_names)


#: Place of a difference relative to a ceiling.
Place = Literal["no test", "no difference", "within", "below", "above", "across"]


@dataclass(frozen=True)
class CeilingDecision:
    """Decision about the difference of a family and its ceiling.

    Parameters
    ----------
    verdict : {"agrees", "disagrees", "cannot tell"}
    place : str
        "no difference", "below" or "above" by a test of a difference; "within" or "across" the margin, "below" or
        "above" it, by a test of equivalence; "no test" where a test is missing.
    p : float
        p-value of the verdict; NaN without a test.
    """

    verdict: Verdict
    place: Place
    p: float


def decide_no_difference(difference: Difference) -> CeilingDecision:
    """Decide like the paper: the claim agrees if no difference is found."""
    if difference.reason:
        return CeilingDecision("cannot tell", "no test", _NAN)
    if difference.p >= ALPHA:
        return CeilingDecision("agrees", "no difference", difference.p)
    if difference.estimate > 0:
        return CeilingDecision("cannot tell", "above", difference.p)
    return CeilingDecision("disagrees", "below", difference.p)


def decide_equivalence(difference: Difference, margin: float) -> CeilingDecision:
    """Decide whether a family equals its ceiling within a margin.

    Parameters
    ----------
    difference : Difference
        Family less ceiling, with its 90 % interval.
    margin : float
        Largest difference that does not matter.

    Returns
    -------
    CeilingDecision
        "agrees" if the interval lies within the margin, with the larger p of two one-sided tests; "disagrees" if it
        lies below, with the p of one of them.
    """
    if difference.reason:
        return CeilingDecision("cannot tell", "no test", _NAN)
    below = difference.p_below(-margin)
    if difference.high < -margin:
        return CeilingDecision("disagrees", "below", below)
    p = max(1 - below, difference.p_below(margin))
    if -margin < difference.low and difference.high < margin:
        return CeilingDecision("agrees", "within", p)
    return CeilingDecision("cannot tell", "above" if difference.low > margin else "across", p)


@dataclass(frozen=True)
class AxesDecision:
    """Decision about the axis index of several families.

    Parameters
    ----------
    verdict : {"agrees", "disagrees", "cannot tell"}
    like_turned : sequence of str
        Families above the margin that are not shown to lie above turned tuning.
    untested : sequence of str
        Families above the margin without a p-value over turns.
    """

    verdict: Verdict
    like_turned: Sequence[str]
    untested: Sequence[str]


def decide_axes(families: SortedDifferences, p_of_turns: Mapping[str, float]) -> AxesDecision:
    """Decide whether the axes of all families are special.

    Parameters
    ----------
    families : SortedDifferences
        Mean axis index of each family less the margin.
    p_of_turns : mapping of str to float
        Median p-value of the instances of each family over turns of the tuning; NaN where it is unknown.
    """
    untested = [name for name in families.above if np.isnan(p_of_turns[name])]
    like_turned = [name for name in families.above if p_of_turns[name] > ALPHA]
    verdict = families.verdict
    if verdict == "agrees" and (untested or like_turned):
        verdict = "cannot tell"
    return AxesDecision(verdict, like_turned, untested)


#: Outcome of a test of a relation.
Relation = Literal["not testable", "not shown", "positive", "negative"]


def decide_relation(test: RankTest, alpha: float) -> tuple[Verdict, Relation]:
    """Decide whether a relation is positive.

    Parameters
    ----------
    test : RankTest
    alpha : float
        Level of the test.

    Returns
    -------
    verdict : {"agrees", "disagrees", "cannot tell"}
    relation : {"not testable", "not shown", "positive", "negative"}
        "not testable" where no values of instances in these groups could reach the level.
    """
    if test.smallest_p >= alpha:
        return "cannot tell", "not testable"
    if test.p >= alpha:
        return "cannot tell", "not shown"
    return ("agrees", "positive") if test.rho > 0 else ("disagrees", "negative")
