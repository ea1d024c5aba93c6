"""What an analysis says of a claim: comparisons, verdicts and the words for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from neuroalign.stats import adjust_p_values
from neuroalign.studies.differences import Difference
from neuroalign.studies.samples import Sample

Verdict = Literal["agrees", "agrees among those tested", "disagrees", "cannot tell"]

#: Whether a comparison is shown to lie above 0, not to lie there, or neither.
Shown = Literal["above", "below", "open"]

#: Families differ where the corrected p is below it; the paper's own level is the other.
ALPHA, PAPER_ALPHA = 0.05, 0.01

_NAN = float("nan")
_NO_CEILING = "what is exceeded is no ceiling, and to reach it says nothing"


@dataclass(frozen=True)
class Compared:
    """One of the comparisons behind a finding.

    Parameters
    ----------
    name : str
        What is compared.
    difference : Difference
        With the p-value that counts, which may be corrected.
    shown : {"above", "below", "open"}
        Whether it is shown to be above 0, not to be, or neither.
    """

    name: str
    difference: Difference
    shown: Shown


@dataclass(frozen=True)
class Finding:
    """What one analysis says of a claim.

    Parameters
    ----------
    verdict : {"agrees", "agrees among those tested", "disagrees", "cannot tell"}
        Whether the scores agree with the claim; the second where families that it speaks of have too few scores.
    statistic : str
        What was measured, in words; empty where nothing was.
    estimate, low, high : float
        The number that the verdict rests on, with its interval; NaN where there is none.
    p : float
        The p-value that the verdict rests on, corrected for the comparisons within the claim; NaN without a test.
    test : str
        By which test.
    why : str
        The verdict's reason, in words.
    axis : str
        What `compared` are differences of.
    compared : tuple of Compared
        Those behind it; empty where it rests on the estimate alone.
    margin : float
        A difference that does not matter.
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
    """A claim under the paper's test and under ours."""

    paper: Finding
    ours: Finding


@dataclass(frozen=True)
class Sorted:
    """Differences by what is shown of them: above 0, below a margin (or 0), neither."""

    of: Mapping[str, Difference]
    margin: float
    above: Sequence[str]
    below: Sequence[str]
    p_below: Mapping[str, float] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """Names whose difference is shown to lie neither above nor below."""
        return [name for name in self.of if name not in self.above and name not in self.below]

    @property
    def told(self) -> list[str]:
        """The open ones, with the reason where there is no test."""
        reasons = {name: self.of[name].reason for name in self.open}
        return [f"{name} ({reason})" if reason else name for name, reason in reasons.items()]

    @property
    def compared(self) -> tuple[Compared, ...]:
        """All comparisons with the side on which they are shown to lie."""
        return tuple(
            Compared(name, each, "below" if name in self.below else "above" if name in self.above else "open")
            for name, each in self.of.items()
        )

    @property
    def least(self) -> str:
        """Name of the smallest difference."""
        return min(self.of, key=lambda name: (np.nan_to_num(self.of[name].estimate, nan=np.inf), name))

    @property
    def verdict(self) -> Verdict:
        """Verdict on a claim that all differences lie above."""
        return "disagrees" if self.below else "cannot tell" if self.open else "agrees"

    @property
    def p(self) -> float:
        """The p-value of the verdict: the smallest of those below, else the largest of those that must lie above."""
        if self.below:
            return min(
                np.nanmin(
                    [
                        self.p_below.get(name, _NAN),
                        self.of[name].p if self.of[name].estimate < 0 else _NAN,
                    ]
                )
                for name in self.below
            )
        p = [each.p if each.estimate > 0 or np.isnan(each.p) else 1.0 for each in self.of.values()]
        # One comparison without a test leaves the whole claim without.
        return float(np.max(p))


def sort_as_the_paper(of: Mapping[str, Difference]) -> Sorted:
    """Sort by the paper's level, without correction."""
    differing = [name for name, each in of.items() if each.p < PAPER_ALPHA]
    above = [name for name in differing if of[name].estimate > 0]
    return Sorted(of, 0.0, above, [name for name in differing if name not in above])


def sort(of: Mapping[str, Difference], margin: float) -> Sorted:
    """Sort by p-values that Holm corrects, those of "differs" and those of "lies below the margin"."""
    p = adjust_p_values([each.p for each in of.values()])
    corrected = {name: each.with_p(p[index]) for index, (name, each) in enumerate(of.items())}
    p_below = adjust_p_values([each.p_below(margin) for each in of.values()])
    below = [
        name
        for (name, each), p_of_below in zip(corrected.items(), p_below, strict=True)
        if (margin > 0 and p_of_below < ALPHA) or (each.p < ALPHA and each.estimate < 0)
    ]
    above = [
        name for name, each in corrected.items() if each.p < ALPHA and each.estimate > 0 and name not in below
    ]
    of_below = {name: float(p_below[index]) for index, name in enumerate(of)} if margin > 0 else {}
    return Sorted(corrected, margin, above, below, of_below)


def ahead(
    subject: str,
    rivals: Sorted,
    test: str,
    untested: Sequence[str],
    known: Mapping[str, Sample],
    read: str = "value",
) -> Finding:
    """Decide whether a family is ahead of all others."""
    nearest, of = rivals.least, known[subject]
    lower = ", lower is better" if of.sign < 0 else ""
    statistic = (
        f"{named(read)}{subject} {of.mean:.3f}, the nearest rival {nearest} {known[nearest].mean:.3f}{lower}: "
        f"ahead by {rivals.of[nearest].estimate:+.3f}"
    )
    by = f" by {rivals.margin:g} or more" if rivals.margin else ""
    parts = []
    if rivals.below:
        parts.append(f"not better{by} than {listed(rivals.below)}")
    if rivals.open:
        parts.append(f"not shown to differ from {listed(rivals.told)}")
    if rivals.above:
        parts.append(f"better than {listed(rivals.above)}")
    verdict = rivals.verdict
    if untested and verdict == "agrees":
        verdict = "agrees among those tested"
    names = [f"{name} ({'1 instance' if name in known else 'no scores'})" for name in untested]
    left = f" Not tested: {listed(names)}." if names else ""
    why = f"{'; '.join(parts)}.{left}"
    finding = replace(_finding(verdict, rivals.of[nearest], test, statistic, why), p=rivals.p)
    return replace(finding, axis=f"{subject}, ahead of", compared=rivals.compared, margin=rivals.margin)


def not_different(of: Difference, test: str, statistic: str) -> Finding:
    """Decide as the paper did: no difference was found."""
    if of.reason:
        return Finding("cannot tell", of.reason, test, statistic)
    told = f"the difference is {of.text()}, {p_text(of.p)}"
    if of.p >= ALPHA:
        why = f"{told}; that no difference is found does not show that there is none"
        return _finding("agrees", of, test, statistic, why)
    if of.estimate > 0:
        return _finding("cannot tell", of, test, statistic, f"{told}: {_NO_CEILING}")
    return _finding("disagrees", of, test, statistic, told)


def equivalent(of: Difference, margin: float, test: str, statistic: str) -> Finding:
    """Decide whether an interval lies within a margin about the ceiling."""
    if of.reason:
        return Finding("cannot tell", of.reason, test, statistic)
    interval = f"the 90 % interval of the difference, {of.low:+.3f} to {of.high:+.3f},"
    verdict: Verdict = "cannot tell"
    if -margin < of.low and of.high < margin:
        verdict, why = "agrees", f"{interval} lies within ±{margin:g}"
    elif of.high < -margin:
        verdict, why = "disagrees", f"{interval} lies below the ceiling by more than {margin:g}"
    elif of.low > margin:
        why = f"{interval} lies above it by more than {margin:g}: {_NO_CEILING}"
    else:
        why = f"{interval} lies across a limit of ±{margin:g}"
    # By two one-sided tests for equivalence, by one of them for a family that lies below.
    p = of.p_below(-margin) if verdict == "disagrees" else max(1 - of.p_below(-margin), of.p_below(margin))
    return replace(_finding(verdict, of, test, statistic, why), p=p)


def dropped(families: Sorted, test: str) -> Finding:
    """Decide whether all families drop."""
    statistic = "drop of " + ", ".join(f"{name} {each.estimate:+.3f}" for name, each in families.of.items())
    limit = f" of {families.margin:g} or more" if families.margin else ""
    parts = []
    if families.below:
        parts.append(f"no drop{limit} of {listed(families.below)}")
    if families.open:
        parts.append(f"not shown of {listed(families.told)}")
    if families.above:
        parts.append(f"a drop of {listed(families.above)}")
    why = f"{'; '.join(parts)}."
    finding = replace(
        _finding(families.verdict, families.of[families.least], test, statistic, why), p=families.p
    )
    return replace(finding, axis="drop of", compared=families.compared, margin=families.margin)


def axes_are_special(
    families: Sorted, means: Mapping[str, float], p_of_turns: Mapping[str, float], margin: float, test: str
) -> Finding:
    """Decide whether the axis index of all families lies above a margin, and above that of turned tuning.

    Parameters
    ----------
    families : Sorted
        Mean index of each family less the margin.
    means, p_of_turns : mapping of str to float
        Mean index of each family, and the median p-value of its instances; NaN where it is not known.
    margin : float
    test : str
        Name of the test.
    """
    statistic = "axis index κ of " + ", ".join(
        f"{name} {mean:.3f} ({p_text(p_of_turns[name])} by turns)" for name, mean in means.items()
    )
    unknown = [name for name in families.above if np.isnan(p_of_turns[name])]
    by_chance = [name for name in families.above if p_of_turns[name] > ALPHA]
    parts = []
    if families.below:
        parts.append(f"κ below {margin:g} for {listed(families.below)}")
    if families.open:
        parts.append(f"κ not shown to differ from {margin:g} for {listed(families.told)}")
    if families.above:
        parts.append(f"κ above {margin:g} for {listed(families.above)}")
    if by_chance:
        parts.append(f"turned tuning does as well for {listed(by_chance)}")
    if unknown:
        parts.append(f"the p-value of turns is not known for {listed(unknown)}; score them again")
    verdict = families.verdict
    if verdict == "agrees" and (unknown or by_chance):
        verdict = "cannot tell"
    nearest = families.of[families.least]
    finding = replace(_finding(verdict, nearest, test, statistic, f"{'; '.join(parts)}."), p=families.p)
    return replace(finding, axis=f"κ less {margin:g} of", compared=families.compared)


def named(read: str) -> str:
    """Name the number that families are compared by, for its values; nothing for the score itself."""
    names = {"value": "", "axis_index": "axis index κ: "}
    return names.get(read, f"{read.replace('_', ' ')}: ")


def not_sampled(names: Sequence[str], stimuli: str = "", *, held_out: bool = False) -> str:
    """Name families whose instances are no sample, for the description of a test."""
    if not names:
        return ""
    verb = "is no sample" if len(names) == 1 else "are no samples"
    shared = "held-out stimuli" if held_out else "neurons and stimuli" if stimuli else "neurons"
    return f" ({listed(names)} {verb} of instances: compared over {shared})"


def over(neurons: bool, stimuli: str, held_out: bool = False) -> str:
    """Name the populations that an error is over."""
    names = ["instances", *(["neurons"] if neurons or stimuli else []), *(["stimuli"] if stimuli else [])]
    return listed([*names, *(["held-out stimuli"] if held_out else [])])


def listed(names: Sequence[str]) -> str:
    """Join names by commas and a last "and"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def correct_over_claims(findings: Sequence[Finding]) -> list[Finding]:
    """Correct the verdicts of one analysis for the number of claims, by Holm's method.

    Parameters
    ----------
    findings : sequence of Finding
        One of each claim. Claims without a p-value were not tested and do not count.

    Returns
    -------
    list of Finding
        With corrected p-values, which their text gives; a verdict whose corrected p is not below .05 becomes
        "cannot tell".
    """
    adjusted = adjust_p_values([finding.p for finding in findings])
    n = int(np.isfinite(adjusted).sum())
    corrected = []
    for finding, p in zip(findings, adjusted, strict=True):
        if np.isnan(p):
            corrected.append(finding)
            continue
        why = finding.why.rstrip(".")
        over_claims = f"Holm's correction over {n} {'claim' if n == 1 else 'claims'}"
        if finding.verdict != "cannot tell" and p >= ALPHA:
            why = f"{why}. This does not hold after {over_claims}, {p_text(p)}."
            corrected.append(replace(finding, verdict="cannot tell", why=why, p=float(p)))
        else:
            corrected.append(replace(finding, why=f"{why}. After {over_claims}, {p_text(p)}.", p=float(p)))
    return corrected


def _finding(verdict: Verdict, of: Difference, test: str, statistic: str, why: str) -> Finding:
    return Finding(verdict, why, test, statistic, of.estimate, of.low, of.high, of.p)


def p_text(p: float) -> str:
    """Write a p-value with three digits."""
    if np.isnan(p):
        return "p unknown"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
