"""Sentences about claims: the words for decisions, differences and tests."""

from collections.abc import Mapping, Sequence

import numpy as np

from neuroalign.errors import p_in_words
from neuroalign.results.numbers import join_words
from neuroalign.stats import RankTest
from neuroalign.studies.decisions import AxesDecision, CeilingDecision, Relation, SortedDifferences
from neuroalign.studies.differences import Difference
from neuroalign.studies.samples import Sample


def write_level(alpha: float) -> str:
    """Write the level of a test without a leading zero."""
    return f"{alpha:.2f}".removeprefix("0")


def write_difference(difference: Difference) -> str:
    """Write a difference with its interval, where it has one."""
    interval = "" if np.isnan(difference.low) else f" ({difference.low:+.3f} to {difference.high:+.3f})"
    return f"{difference.estimate:+.3f}{interval}"


def describe_lead(subject: str, rivals: SortedDifferences, samples: Mapping[str, Sample]) -> str:
    """Describe the lead of a family over its nearest rival."""
    sample, nearest = samples[subject], rivals.smallest
    direction = ", lower is better" if sample.sign < 0 else ""
    return (
        f"{_prefix(sample)}{subject} {sample.mean:.3f}, the nearest rival {nearest} {samples[nearest].mean:.3f}"
        f"{direction}: ahead by {rivals.differences[nearest].estimate:+.3f}"
    )


def explain_lead(rivals: SortedDifferences, untested: Mapping[str, str]) -> str:
    """Explain which rivals a family is better than.

    Parameters
    ----------
    rivals : SortedDifferences
    untested : mapping of str to str
        Reasons why other families were not tested, by family.
    """
    margin = f" by {rivals.margin:g} or more" if rivals.margin else ""
    parts = [
        (rivals.below, f"not better than {{}}{margin}"),
        (rivals.open, "not shown to differ from {}"),
        (rivals.above, "better than {}"),
    ]
    names = [f"{name} ({reason})" for name, reason in untested.items()]
    return _join_parts(rivals, parts) + (f" Not tested: {join_words(names)}." if names else "")


def describe_ceiling(subject: str, family: Sample, ceiling: str, top: Sample) -> str:
    """Describe the means of a family and of its ceiling."""
    return f"{_prefix(family)}{subject} {family.mean:.3f}, {ceiling} {top.mean:.3f}"


def explain_ceiling(
    decision: CeilingDecision, difference: Difference, subject: str, ceiling: str, margin: float | None
) -> str:
    """Explain a decision about a family and its ceiling.

    Parameters
    ----------
    decision : CeilingDecision
    difference : Difference
    subject, ceiling : str
        Names of the two families.
    margin : float or None
        Largest difference that does not matter; None for a test of a difference.
    """
    if decision.place == "no test":
        return difference.reason
    bound = f"{subject} scores above {ceiling}, so {ceiling} is not an upper bound here"
    if margin is None:
        tested = f"the difference is {write_difference(difference)}, {p_in_words(difference.p)}"
        if decision.place == "no difference":
            return f"{tested}; no difference is found, which does not show that the two are equal"
        return f"{tested}: {bound}" if decision.place == "above" else tested
    interval = f"the 90 % interval of the difference, {difference.low:+.3f} to {difference.high:+.3f},"
    places = {
        "within": f"{interval} lies within ±{margin:g}",
        "below": f"{interval} lies below the ceiling by more than {margin:g}",
        "above": f"{interval} lies above the ceiling by more than {margin:g}: {bound}",
        "across": f"{interval} extends beyond a limit of ±{margin:g}",
    }
    return places[decision.place]


def explain_common_ceiling(why: str, ceiling: str, index: float) -> str:
    """Explain that a ceiling without special axes is not a ceiling."""
    return (
        f"the axes of {ceiling} are not special (κ = {index:.3f}), so {ceiling} is not a ceiling for the axis index: "
        f"{why}"
    )


def describe_drops(families: SortedDifferences) -> str:
    """Describe the drop of each family."""
    drops = [f"{name} {difference.estimate:+.3f}" for name, difference in families.differences.items()]
    return f"drop of {', '.join(drops)}"


def explain_drops(families: SortedDifferences) -> str:
    """Explain which families drop."""
    margin = f" of {families.margin:g} or more" if families.margin else ""
    parts = [
        (families.below, f"no drop{margin} for {{}}"),
        (families.open, "a drop is not shown for {}"),
        (families.above, "a drop for {}"),
    ]
    return _join_parts(families, parts)


def describe_axes(means: Mapping[str, float], p_of_turns: Mapping[str, float]) -> str:
    """Describe the axis index of each family, with its p-value over turns."""
    families = [
        f"{name} {mean:.3f} ({p_in_words(p_of_turns[name])} by turns)" for name, mean in means.items()
    ]
    return f"axis index κ of {', '.join(families)}"


def explain_axes(families: SortedDifferences, decision: AxesDecision, margin: float) -> str:
    """Explain which families have special axes."""
    parts = [
        (families.below, f"κ below {margin:g} for {{}}"),
        (families.open, f"κ not shown to differ from {margin:g} for {{}}"),
        (families.above, f"κ above {margin:g} for {{}}"),
        (decision.like_turned, "turned tuning scores as high for {}"),
        (decision.untested, "the p-value over turns is missing for {}; score again"),
    ]
    return _join_parts(families, parts)


def describe_relation(test: RankTest, within: str) -> str:
    """Describe a rank correlation, within groups where `within` names a hyper-parameter."""
    among = f" within each {within}" if within else ""
    return f"Spearman's ρ{among} = {test.rho:.2f}, {p_in_words(test.p)}, {_count_instances(test, within)}"


def explain_relation(test: RankTest, relation: Relation, within: str, alpha: float) -> str:
    """Explain a decision about a rank correlation."""
    if relation == "not testable":
        return (
            f"{_count_instances(test, within)} cannot give a p below {test.smallest_p:.3g}, so a relation cannot be "
            f"shown at the level of {write_level(alpha)}"
        )
    if relation == "not shown":
        return f"a relation is not shown, {p_in_words(test.p)}"
    return f"the relation is {relation}, {p_in_words(test.p)}"


def name_relation_test(test: RankTest, within: str, alpha: float) -> str:
    """Name the test of a rank correlation."""
    permutations = "exact" if test.method == "exact" else "random"
    among = f"within each {within}" if within else "of all instances"
    return f"rank correlation, {permutations} permutations {among}, p < {write_level(alpha)}"


def name_unsampled(names: Sequence[str], stimuli: str = "", *, held_out: bool = False) -> str:
    """Name the families with instances that are not a random sample, for the name of a test.

    Parameters
    ----------
    names : sequence of str
        Families; no words are returned without any.
    stimuli : str
        Scoring that fits drawn stimuli; empty without one.
    held_out : bool
        Whether the families are compared over held-out stimuli.
    """
    if not names:
        return ""
    shared = "held-out stimuli" if held_out else "neurons and stimuli" if stimuli else "neurons"
    return f" ({join_words(names)}: instances are not a random sample, compared over {shared})"


def name_populations(neurons: bool, stimuli: str, held_out: bool = False) -> str:
    """Name the populations that the error of a test is over."""
    names = ["instances", *(["neurons"] if neurons or stimuli else []), *(["stimuli"] if stimuli else [])]
    return join_words([*names, *(["held-out stimuli"] if held_out else [])])


def add_correction(why: str, n_claims: int, p: float, *, overturned: bool) -> str:
    """Add Holm's correction over the claims to the reason of a verdict."""
    correction = f"Holm's correction over {n_claims} {'claim' if n_claims == 1 else 'claims'}"
    why = why.rstrip(".")
    if overturned:
        return f"{why}. This does not hold after {correction}, {p_in_words(p)}."
    return f"{why}. After {correction}, {p_in_words(p)}."


def _prefix(sample: Sample) -> str:
    """Return the label of the number of a sample before its values; empty for the score itself."""
    return f"{sample.label}: " if sample.label else ""


def _count_instances(test: RankTest, within: str) -> str:
    return f"{test.n} instances" + (f" of {test.n_groups} groups" if within else "")


def _join_parts(families: SortedDifferences, parts: Sequence[tuple[Sequence[str], str]]) -> str:
    """Join the sentences about groups of families; families without a test are named with the reason."""

    def name(family: str) -> str:
        reason = families.differences[family].reason if family in families.open else ""
        return f"{family} ({reason})" if reason else family

    return (
        "; ".join(
            text.format(join_words([name(family) for family in names])) for names, text in parts if names
        )
        + "."
    )
