"""Kinds of claims, and how scores decide them: pure functions of scores.

Each kind tests a claim twice: as the paper did, and so that the verdict holds for the number of comparisons, for
equivalence where the claim is one, and, where asked for, for the neurons that instances share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroalign.errors import NeuroalignError
from neuroalign.metrics.axis_index import SPECIAL
from neuroalign.scoring.resampling import AXIS_INDEX
from neuroalign.studies.differences import (
    Difference,
    differ,
    differ_as_the_paper,
    lie_above,
    native_and_recombined,
    paired_drop,
)
from neuroalign.studies.evidence import Evidence, scores_of
from neuroalign.studies.findings import (
    ALPHA,
    Compared,
    Finding,
    Result,
    ahead,
    axes_are_special,
    dropped,
    equivalent,
    named,
    not_different,
    not_sampled,
    over,
    sort,
    sort_as_the_paper,
)
from neuroalign.studies.relation import predicts
from neuroalign.studies.samples import Sample, fits_to_draws, read_scores, samples


def best(
    evidence: Evidence,
    *,
    scoring: str,
    subject: str,
    read: str = "value",
    margin: float = 0.0,
    neurons: bool = False,
    stimuli: str = "",
    held_out: bool = False,
    ceiling: str = "",
) -> Result:
    """Test that a family scores better than every other one.

    Parameters
    ----------
    evidence : Evidence
    scoring, subject : str
        Names of a scoring and of a family in the study.
    read : str
        See :func:`neuroalign.studies.samples.samples`.
    margin : float
        An advantage that does not matter: the claim is wrong if that over some family is shown to lie below it.
    neurons : bool
        Whether the error is also over neurons, which all instances share.
    stimuli : str
        A scoring that fits drawn stimuli: the error is over neurons and stimuli, too.
    held_out : bool
        Whether the error is also over the stimuli whose values the scores average.
    ceiling : str
        A family that is no rival.

    Returns
    -------
    Result
        Families without scores, or with seeds and fewer than two scores, are named: without them the claim holds
        among those tested, at most.

    Raises
    ------
    NeuroalignError
        If the subject, or every rival, has no scores.
    """
    known = samples(evidence, scoring, read=read, needed=[subject], ceiling=ceiling, stimuli=stimuli)
    others = [*known, *(name for name in evidence.expected.get(scoring, ()) if name not in known)]
    others = [name for name in others if name not in (subject, ceiling)]

    def rivals(is_rival: Callable[[Sample], bool]) -> tuple[list[str], list[str]]:
        tested = [name for name in others if name in known and is_rival(known[name])]
        return tested, [name for name in others if name not in tested]

    of_paper, untested_by_paper = rivals(lambda sample: sample.n > 1)
    of_ours, untested = rivals(lambda sample: sample.is_comparable)
    if not of_ours:
        raise NeuroalignError("there is no other family with two instances to compare with")
    wide = {
        name: differ(known[subject], known[name], neurons=neurons, stimuli=bool(stimuli), held_out=held_out)
        for name in of_ours
    }
    unsampled = [name for name in (subject, *of_ours) if not known[name].is_sample]
    fixed = not_sampled(unsampled, stimuli, held_out=held_out)
    test = f"Welch's test over {over(neurons, stimuli, held_out)}{fixed}, Holm's p < .05"
    ours = ahead(subject, sort(wide, margin), test, untested, known, read)
    if not of_paper:
        return Result(Finding("cannot tell", "no other family has two instances"), ours)
    plain = {name: differ_as_the_paper(known[subject], known[name]) for name in of_paper}
    papers = ahead(
        subject, sort_as_the_paper(plain), "Welch's t-test, p < .01", untested_by_paper, known, read
    )
    return Result(papers, ours)


def meets(
    evidence: Evidence,
    *,
    scoring: str,
    subject: str,
    ceiling: str,
    margin: float,
    ceiling_scoring: str = "",
    read: str = "value",
    neurons: bool = False,
    stimuli: str = "",
) -> Result:
    """Test that a family scores as high as the ceiling.

    Parameters
    ----------
    evidence : Evidence
    scoring, subject, ceiling : str
        Names of a scoring and of two families in the study.
    margin : float
        The largest difference that does not matter.
    ceiling_scoring : str
        Name of the scoring of the ceiling, if it is another one.
    read, neurons, stimuli
        As for :func:`best`.

    Returns
    -------
    Result
        Where the family is above the ceiling, that is none, and the verdict is "cannot tell". So it is where the axis
        index is compared and the ceiling's own is not above :data:`neuroalign.metrics.axis_index.SPECIAL`.

    Raises
    ------
    NeuroalignError
        If one of the two has no scores.
    """
    by = ceiling_scoring or scoring
    scores = {
        subject: scores_of(evidence, scoring, subject),
        ceiling: scores_of(evidence, by, ceiling),
    }
    known = read_scores(scores, read, fits_to_draws(evidence, stimuli))
    family, top = known[subject], known[ceiling]
    statistic = f"{named(read)}{subject} {family.mean:.3f}, {ceiling} {top.mean:.3f}"
    plain = differ_as_the_paper(family, top)
    wide = differ(family, top, neurons=neurons, stimuli=bool(stimuli), confidence=1 - 2 * ALPHA)

    def drawn(finding: Finding, difference: Difference, limit: float) -> Finding:
        axis = f"{subject}, above"
        if read == AXIS_INDEX and finding.verdict == "agrees" and not top.mean > SPECIAL:
            why = (
                f"the axes of {ceiling} are not special (κ = {top.mean:.3f}): {finding.why}, but to reach such a "
                "ceiling says nothing"
            )
            finding = replace(finding, verdict="cannot tell", why=why, p=float("nan"))
        return replace(finding, axis=axis, compared=(Compared(ceiling, difference, "open"),), margin=limit)

    fixed = not_sampled([name for name in known if not known[name].is_sample], stimuli)
    test = f"two one-sided tests over {over(neurons, stimuli)}{fixed} within ±{margin:g}"
    return Result(
        drawn(not_different(plain, "Welch's t-test, p > .05", statistic), plain, 0.0),
        drawn(equivalent(wide, margin, test, statistic), wide, margin),
    )


def drops(evidence: Evidence, *, scoring: str, families: Sequence[str], margin: float = 0.0) -> Result:
    """Test that scores are lower on mixtures of neurons than on neurons.

    Parameters
    ----------
    evidence : Evidence
    scoring : str
        A linear recombination: its value is the drop.
    families : sequence of str
        In each of which there is to be a drop.
    margin : float
        A drop that does not matter: the claim is wrong if that of some family is shown to lie below it.

    Returns
    -------
    Result

    Raises
    ------
    NeuroalignError
        If a family has no scores.
    """
    scores = {name: scores_of(evidence, scoring, name) for name in families}
    unpaired = {name: differ_as_the_paper(*native_and_recombined(each)) for name, each in scores.items()}
    paired = {name: paired_drop(each) for name, each in scores.items()}
    return Result(
        dropped(sort_as_the_paper(unpaired), "Welch's t-test of native and recombined, p < .01"),
        dropped(sort(paired, margin), "paired t-test over instances and mixtures, Holm's p < .05"),
    )


def special(
    evidence: Evidence,
    *,
    scoring: str,
    families: Sequence[str],
    margin: float = SPECIAL,
    neurons: bool = True,
) -> Result:
    """Test that the axes of the neurons are special: the axis index κ lies above a margin.

    Parameters
    ----------
    evidence : Evidence
    scoring : str
        Name of a scoring whose scores have an axis index and the p-value of its turns.
    families : sequence of str
        Families for each of which the axes must be special.
    margin : float
        Index that axes without special tuning may have.
    neurons : bool
        Whether the error is also over neurons, which all instances share.

    Returns
    -------
    Result
        The same finding twice, since the paper has no such test. The claim agrees if the mean κ of every family is
        shown to lie above the margin and the median p-value of its instances, by random turns of the tuning, is .05
        at most; it disagrees if some mean is shown to lie below the margin.

    Raises
    ------
    NeuroalignError
        If a family has no scores, or scores have no axis index.
    """
    scores = {name: scores_of(evidence, scoring, name) for name in families}
    known = read_scores(scores, AXIS_INDEX)
    p_values = {
        name: np.array([score.beside.get(f"{AXIS_INDEX}_p", np.nan) for score in members])
        for name, members in scores.items()
    }
    differences = {name: lie_above(sample, margin, neurons=neurons) for name, sample in known.items()}
    fixed = not_sampled([name for name in families if not known[name].is_sample])
    finding = axes_are_special(
        sort(differences, 0.0),
        {name: known[name].mean for name in families},
        {name: float(np.median(p)) if np.isfinite(p).all() else float("nan") for name, p in p_values.items()},
        margin,
        f"t-test over {over(neurons, '')}{fixed}, Holm's p < .05; turned tuning, median p ≤ .05",
    )
    return Result(finding, finding)


#: What a claim can be.
KINDS: Mapping[str, Callable[..., Result]] = {
    each.__name__: each for each in (best, meets, drops, predicts, special)
}


def examine(kind: str, evidence: Evidence, settings: Mapping[str, Any]) -> Result:
    """Test a claim; where that cannot be done, say why.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    evidence : Evidence
    settings : mapping
        Keyword arguments of the kind.

    Returns
    -------
    Result
    """
    try:
        return KINDS[kind](evidence, **settings)
    except NeuroalignError as error:
        unknown = Finding("cannot tell", " ".join(str(error).split()))
        return Result(unknown, unknown)
