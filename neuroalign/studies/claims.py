"""Kinds of claims, and how scores decide them: pure functions of scores.

Each kind tests a claim twice: as the paper did, and so that the verdict holds for the number of comparisons, for
equivalence where the claim is one, and, where asked for, for the neurons that instances share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from neuroalign.errors import NeuroalignError
from neuroalign.studies.differences import Difference, differ, native_and_recombined, paired_drop
from neuroalign.studies.evidence import Evidence, fits_to_draws, read_scores, samples, scores_of
from neuroalign.studies.findings import (
    ALPHA,
    Compared,
    Finding,
    Result,
    ahead,
    dropped,
    equivalent,
    not_different,
    over,
    sort,
    sort_as_the_paper,
)
from neuroalign.studies.relation import predicts


def best(
    evidence: Evidence,
    *,
    scoring: str,
    subject: str,
    read: str = "value",
    margin: float = 0.0,
    neurons: bool = False,
    stimuli: str = "",
    ceiling: str = "",
) -> Result:
    """Test that a family scores better than every other one.

    Parameters
    ----------
    evidence : Evidence
    scoring, subject : str
    read : str
        See :func:`samples`.
    margin : float
        An advantage that does not matter: the claim is wrong if that over some family is shown to lie below it.
    neurons : bool
        Whether the error is also over neurons, which all instances share.
    stimuli : str
        A scoring that fits stimuli that are drawn anew: the error is over neurons and stimuli, too.
    ceiling : str
        A family that is no rival.

    Returns
    -------
    Result
        Families with fewer than two scores are named: without them the claim holds among those tested, at most.

    Raises
    ------
    NeuroalignError
        If the subject, or every rival, has no scores.
    """
    known = samples(evidence, scoring, read=read, needed=[subject], ceiling=ceiling, stimuli=stimuli)
    rivals = {name: each for name, each in known.items() if name not in (subject, ceiling) and each.n > 1}
    others = [*known, *(name for name in evidence.expected.get(scoring, ()) if name not in known)]
    untested = [name for name in others if name not in (subject, ceiling) and name not in rivals]
    if not rivals:
        raise NeuroalignError("there is no other family with two instances to compare with")
    plain = {name: differ(known[subject], each) for name, each in rivals.items()}
    wide = {
        name: differ(known[subject], each, neurons=neurons, stimuli=bool(stimuli))
        for name, each in rivals.items()
    }
    test = f"Welch's test over {over(neurons, stimuli)}, Holm's p < .05"
    return Result(
        ahead(subject, sort_as_the_paper(plain), "Welch's t-test, p < .01", untested, known),
        ahead(subject, sort(wide, margin), test, untested, known),
    )


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
    margin : float
        The largest difference that does not matter.
    ceiling_scoring : str
        By which the ceiling is scored, if it is another one.
    read, neurons, stimuli
        As for :func:`best`.

    Returns
    -------
    Result
        Where the family is above the ceiling, that is none, and the verdict is "cannot tell".

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
    of, top = known[subject], known[ceiling]
    statistic = f"{subject} {of.mean:.3f}, {ceiling} {top.mean:.3f}"
    plain = differ(of, top)
    wide = differ(of, top, neurons=neurons, stimuli=bool(stimuli), confidence=1 - 2 * ALPHA)

    def drawn(finding: Finding, difference: Difference, limit: float) -> Finding:
        axis = f"{subject}, above"
        return replace(finding, axis=axis, compared=(Compared(ceiling, difference, "open"),), margin=limit)

    test = f"two one-sided tests over {over(neurons, stimuli)} within ±{margin:g}"
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
    unpaired = {name: differ(*native_and_recombined(each)) for name, each in scores.items()}
    paired = {name: paired_drop(each) for name, each in scores.items()}
    return Result(
        dropped(sort_as_the_paper(unpaired), "Welch's t-test of native and recombined, p < .01"),
        dropped(sort(paired, margin), "paired t-test over instances and mixtures, Holm's p < .05"),
    )


#: What a claim can be.
KINDS: Mapping[str, Callable[..., Result]] = {each.__name__: each for each in (best, meets, drops, predicts)}


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
