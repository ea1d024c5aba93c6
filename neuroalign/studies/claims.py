"""Kinds of claims, and their tests on scores.

Each kind tests a claim twice: by the test of the paper, and by a test with corrections for the number of comparisons,
with equivalence tests for claims of equality and, where asked for, with an error over the neurons that instances share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroalign.errors import NeuroalignError
from neuroalign.metrics.axis_index import SPECIAL
from neuroalign.scoring.resampling import AXIS_INDEX
from neuroalign.studies.decisions import ALPHA, PAPER_ALPHA, sort_corrected, sort_like_paper
from neuroalign.studies.differences import (
    differ,
    differ_like_paper,
    lie_above,
    native_and_recombined,
    paired_drop,
)
from neuroalign.studies.evidence import Evidence, scores_of
from neuroalign.studies.findings import (
    Finding,
    Result,
    find_axes,
    find_ceiling,
    find_drops,
    find_lead,
    find_relation,
)
from neuroalign.studies.relation import relate
from neuroalign.studies.samples import Sample, fits_to_draws, read_scores, samples
from neuroalign.studies.sentences import explain_common_ceiling, name_populations, name_unsampled


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
    """Test that a family scores better than every other family.

    Parameters
    ----------
    evidence : Evidence
    scoring, subject : str
        Names of a scoring and of a family in the study.
    read : str
        Number of a score; see :func:`neuroalign.studies.samples.samples`.
    margin : float
        Advantage that does not matter: the claim is wrong if the advantage over some family is shown to lie below it.
    neurons : bool
        Whether the error is also over neurons, which all instances share.
    stimuli : str
        Scoring that fits drawn stimuli, for an error over neurons and stimuli, too; empty for no such error.
    held_out : bool
        Whether the error is also over the stimuli that the scores are means over.
    ceiling : str
        Family that is not a rival.

    Returns
    -------
    Result
        Families without scores, or with seeds and fewer than two scores, are named: the claim then agrees at most
        among the tested families.

    Raises
    ------
    NeuroalignError
        If the subject, or every rival, has no scores.
    """
    families = samples(evidence, scoring, read=read, needed=[subject], ceiling=ceiling, stimuli=stimuli)
    names = dict.fromkeys([*families, *evidence.expected.get(scoring, ())])
    rivals = [name for name in names if name not in (subject, ceiling)]

    def divide(is_rival: Callable[[Sample], bool]) -> tuple[list[str], list[str]]:
        tested = [name for name in rivals if name in families and is_rival(families[name])]
        return tested, [name for name in rivals if name not in tested]

    tested_by_paper, untested_by_paper = divide(lambda sample: sample.n > 1)
    tested, untested = divide(lambda sample: sample.is_comparable)
    if not tested:
        raise NeuroalignError("the claim needs another family with two instances to compare with")
    differences = {
        name: differ(
            families[subject], families[name], neurons=neurons, stimuli=bool(stimuli), held_out=held_out
        )
        for name in tested
    }
    unsampled = [name for name in (subject, *tested) if not families[name].is_sample]
    test = (
        f"Welch's test over {name_populations(neurons, stimuli, held_out)}"
        f"{name_unsampled(unsampled, stimuli, held_out=held_out)}, Holm's p < .05"
    )
    ours = find_lead(subject, sort_corrected(differences, margin), families, untested, test)
    if not tested_by_paper:
        return Result(Finding("cannot tell", "no other family has two instances"), ours)
    plain = {name: differ_like_paper(families[subject], families[name]) for name in tested_by_paper}
    paper = find_lead(subject, sort_like_paper(plain), families, untested_by_paper, "Welch's t-test, p < .01")
    return Result(paper, ours)


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
    """Test that a family scores as high as its ceiling.

    Parameters
    ----------
    evidence : Evidence
    scoring, subject, ceiling : str
        Names of a scoring and of two families in the study.
    margin : float
        Largest difference that does not matter.
    ceiling_scoring : str
        Scoring of the ceiling, if it differs from `scoring`.
    read, neurons, stimuli
        See :func:`best`.

    Returns
    -------
    Result
        The verdict is "cannot tell" where the family scores above the ceiling, which is then not an upper bound. It is
        also "cannot tell" where the axis index is compared and the index of the ceiling is not above
        :data:`neuroalign.metrics.axis_index.SPECIAL`.

    Raises
    ------
    NeuroalignError
        If one of the two families has no scores.
    """
    scores = {
        subject: scores_of(evidence, scoring, subject),
        ceiling: scores_of(evidence, ceiling_scoring or scoring, ceiling),
    }
    families = read_scores(scores, read, fits_to_draws(evidence, stimuli))
    family, top = families[subject], families[ceiling]

    def require_special(finding: Finding) -> Finding:
        if read != AXIS_INDEX or finding.verdict != "agrees" or top.mean > SPECIAL:
            return finding
        why = explain_common_ceiling(finding.why, ceiling, top.mean)
        return replace(finding, verdict="cannot tell", why=why, p=float("nan"))

    plain = differ_like_paper(family, top)
    wide = differ(family, top, neurons=neurons, stimuli=bool(stimuli), confidence=1 - 2 * ALPHA)
    unsampled = name_unsampled([name for name in families if not families[name].is_sample], stimuli)
    test = f"two one-sided tests over {name_populations(neurons, stimuli)}{unsampled} within ±{margin:g}"
    return Result(
        require_special(find_ceiling(subject, ceiling, families, plain, "Welch's t-test, p > .05")),
        require_special(find_ceiling(subject, ceiling, families, wide, test, margin=margin)),
    )


def drops(evidence: Evidence, *, scoring: str, families: Sequence[str], margin: float = 0.0) -> Result:
    """Test that scores are lower on mixtures of neurons than on neurons.

    Parameters
    ----------
    evidence : Evidence
    scoring : str
        Scoring by a control with the drop as its value, and with ``native`` and ``recombined`` scores beside it.
    families : sequence of str
        Families that must all drop.
    margin : float
        Drop that does not matter: the claim is wrong if the drop of some family is shown to lie below it.

    Raises
    ------
    NeuroalignError
        If a family has no scores, or the scores have no ``native`` and ``recombined`` numbers.
    """
    scores = {name: scores_of(evidence, scoring, name) for name in families}
    unpaired = {
        name: differ_like_paper(*native_and_recombined(instances)) for name, instances in scores.items()
    }
    paired = {name: paired_drop(instances) for name, instances in scores.items()}
    return Result(
        find_drops(sort_like_paper(unpaired), "Welch's t-test of native and recombined, p < .01"),
        find_drops(
            sort_corrected(paired, margin), "paired t-test over instances and mixtures, Holm's p < .05"
        ),
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
        Scoring with an axis index and the p-value of its turns.
    families : sequence of str
        Families with axes that must all be special.
    margin : float
        Index that axes without special tuning may have.
    neurons : bool
        Whether the error is also over neurons, which all instances share.

    Returns
    -------
    Result
        The same finding twice, since the paper has no such test. The claim agrees if the mean κ of every family is
        shown to lie above the margin, and if the median p-value of the instances over random turns of the tuning is
        at most .05. It disagrees if some mean is shown to lie below the margin.

    Raises
    ------
    NeuroalignError
        If a family has no scores, or scores have no axis index.
    """
    scores = {name: scores_of(evidence, scoring, name) for name in families}
    indices = read_scores(scores, AXIS_INDEX)
    p_of_turns = {name: _median_p(instances) for name, instances in scores.items()}
    differences = {name: lie_above(sample, margin, neurons=neurons) for name, sample in indices.items()}
    unsampled = name_unsampled([name for name in families if not indices[name].is_sample])
    finding = find_axes(
        sort_corrected(differences, 0.0),
        {name: indices[name].mean for name in families},
        p_of_turns,
        margin,
        f"t-test over {name_populations(neurons, '')}{unsampled}, Holm's p < .05; turned tuning, median p ≤ .05",
    )
    return Result(finding, finding)


def predicts(
    evidence: Evidence, *, scoring: str, subject: str, read: str = "value", within: str = ""
) -> Result:
    """Test that instances with a higher UDR have a better score.

    Parameters
    ----------
    evidence : Evidence
        All instances count, also instances that were not selected.
    scoring, subject, read : str
        See :func:`neuroalign.studies.relation.relate`.
    within : str
        Hyper-parameter: instances are compared with instances that have the same value of it.

    Returns
    -------
    Result
        "cannot tell" where no data of these group sizes could reach the level; the reason names the smallest p.

    Raises
    ------
    NeuroalignError
        If scores or UDR are missing, or do not vary.
    """
    test = relate(evidence, scoring=scoring, subject=subject, read=read, within=within).test
    if test.reason:
        among = f" within each {within}" if within else ""
        raise NeuroalignError(f"UDR and score must both vary{among}, which they do not")
    return Result(find_relation(test, within, PAPER_ALPHA), find_relation(test, within, ALPHA))


#: Tests of the kinds of claims, by the name of the kind.
KINDS: Mapping[str, Callable[..., Result]] = {
    kind.__name__: kind for kind in (best, meets, drops, predicts, special)
}


def examine(kind: str, evidence: Evidence, settings: Mapping[str, Any]) -> Result:
    """Test a claim; the verdict is "cannot tell", with the reason, where the test is not possible.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    evidence : Evidence
    settings : mapping
        Keyword arguments of the kind.
    """
    try:
        return KINDS[kind](evidence, **settings)
    except NeuroalignError as error:
        unknown = Finding("cannot tell", " ".join(str(error).split()))
        return Result(unknown, unknown)


def _median_p(scores: Sequence[Any]) -> float:
    """Return the median p-value of instances over turns; NaN where one is unknown."""
    p_values = np.array([score.beside.get(f"{AXIS_INDEX}_p", np.nan) for score in scores])
    return float(np.median(p_values)) if np.isfinite(p_values).all() else float("nan")
