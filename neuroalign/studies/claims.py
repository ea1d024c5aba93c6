"""Kinds of claims, and how scores decide them: pure functions of scores.

Each kind tests a claim twice: as the paper did, and so that the verdict holds for the number of comparisons, for
equivalence where the claim is one, and, where asked for, for the neurons that instances share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neuroalign.errors import NeuroalignError
from neuroalign.stats import adjust_p_values
from neuroalign.studies.differences import Difference, differ, native_and_recombined, paired_drop
from neuroalign.studies.evidence import Evidence, Sample, fits_to_draws, read_scores, samples, scores_of

Verdict = Literal["agrees", "agrees among those tested", "disagrees", "cannot tell"]

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
    shown: Literal["above", "below", "open"]


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
    axis: str = ""
    compared: tuple[Compared, ...] = ()
    margin: float = 0.0


@dataclass(frozen=True)
class Result:
    """A claim under the paper's test and under ours."""

    paper: Finding
    ours: Finding


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
    test = f"Welch's test over {_over(neurons, stimuli)}, Holm's p < .05"
    return Result(
        _ahead(subject, _sort_as_the_paper(plain), "Welch's t-test, p < .01", untested, known),
        _ahead(subject, _sort(wide, margin), test, untested, known),
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

    test = f"two one-sided tests over {_over(neurons, stimuli)} within ±{margin:g}"
    return Result(
        drawn(_not_different(plain, "Welch's t-test, p > .05", statistic), plain, 0.0),
        drawn(_equivalent(wide, margin, test, statistic), wide, margin),
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
        _dropped(_sort_as_the_paper(unpaired), "Welch's t-test of native and recombined, p < .01"),
        _dropped(_sort(paired, margin), "paired t-test over instances and mixtures, Holm's p < .05"),
    )


def predicts(
    evidence: Evidence, *, scoring: str, subject: str, read: str = "value", within: str = ""
) -> Result:
    """Test that instances of a higher UDR have a higher score.

    Parameters
    ----------
    evidence : Evidence
        All instances count, also those that were not selected.
    scoring, subject, read : str
    within : str
        A hyper-parameter: instances are compared with those that have the same value of it.

    Returns
    -------
    Result

    Raises
    ------
    NeuroalignError
        If there are no scores, or no UDR.
    """
    scores = scores_of(evidence, scoring, subject, every=True)
    values = dict(
        zip(
            [each.model for each in scores], read_scores({subject: scores}, read)[subject].values, strict=True
        )
    )
    table = evidence.table
    rows = table[table["instance"].isin(values)] if "udr" in table else table.iloc[:0]
    rows = rows[np.isfinite(rows["udr"].to_numpy(dtype=np.float64))] if len(rows) else rows
    if not len(rows):
        raise NeuroalignError(f"no two instances of {subject} differ in their seed alone, which UDR needs")
    if within and within not in rows:
        raise NeuroalignError(f"the instances of {subject} have no {within}")
    groups = [each for _, each in rows.groupby(within)] if within else [rows]
    correlations = [
        (
            _spearman(each["udr"].to_numpy(float), np.array([values[name] for name in each["instance"]])),
            len(each),
        )
        for each in groups
    ]
    usable = [(rho, n) for rho, n in correlations if np.isfinite(rho) and n > 3]
    among = f" within each {within}" if within else ""
    if not usable:
        raise NeuroalignError(
            f"UDR and score of four instances at least must vary{among}; there are {max(n for _, n in correlations)}"
        )
    # Fisher's z with the variance of Bonett & Wright (2000), weighted by how many instances there are.
    weights = np.array([n - 3.0 for _, n in usable])
    rhos = np.clip([rho for rho, _ in usable], -1 + 1e-9, 1 - 1e-9)
    z = float((weights * np.arctanh(rhos)).sum() / weights.sum())
    error = float(np.sqrt((weights * (1 + rhos**2 / 2)).sum()) / weights.sum())
    rho = float(np.tanh(z))
    p = 2 * _normal_tail(abs(z) / error)
    n_groups = f" of {len(usable)} groups" if within else ""
    statistic = f"Spearman's ρ{among} = {rho:.2f}, {sum(n for _, n in usable)} instances{n_groups}"

    def finding(alpha: float, test: str) -> Finding:
        half = -_normal_quantile(alpha / 2) * error
        low, high = float(np.tanh(z - half)), float(np.tanh(z + half))
        interval = f"its {100 * (1 - alpha):g} % interval is {low:.2f} to {high:.2f}, {_p(p)}"
        verdict: Verdict = "agrees" if low > 0 else "disagrees" if high < 0 else "cannot tell"
        shown: Literal["above", "below", "open"] = "above" if low > 0 else "below" if high < 0 else "open"
        compared = (Compared("Spearman's ρ", Difference(rho, low, high, p), shown),)
        return Finding(verdict, interval, test, statistic, rho, low, high, "", compared)

    return Result(
        finding(PAPER_ALPHA, "rank correlation, p < .01"), finding(ALPHA, "rank correlation, Fisher's z")
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


@dataclass(frozen=True)
class _Sorted:
    """Differences by what is shown of them: above 0, below a margin (or 0), neither."""

    of: Mapping[str, Difference]
    margin: float
    above: Sequence[str]
    below: Sequence[str]

    @property
    def open(self) -> list[str]:
        return [name for name in self.of if name not in self.above and name not in self.below]

    @property
    def told(self) -> list[str]:
        """The open ones, with the reason where there is no test."""
        reasons = {name: self.of[name].reason for name in self.open}
        return [f"{name} ({reason})" if reason else name for name, reason in reasons.items()]

    @property
    def compared(self) -> tuple[Compared, ...]:
        return tuple(
            Compared(name, each, "below" if name in self.below else "above" if name in self.above else "open")
            for name, each in self.of.items()
        )

    @property
    def least(self) -> str:
        return min(self.of, key=lambda name: (np.nan_to_num(self.of[name].estimate, nan=np.inf), name))

    @property
    def verdict(self) -> Verdict:
        return "disagrees" if self.below else "cannot tell" if self.open else "agrees"


def _sort_as_the_paper(of: Mapping[str, Difference]) -> _Sorted:
    """Sort by the paper's level, without correction."""
    differing = [name for name, each in of.items() if each.p < PAPER_ALPHA]
    above = [name for name in differing if of[name].estimate > 0]
    return _Sorted(of, 0.0, above, [name for name in differing if name not in above])


def _sort(of: Mapping[str, Difference], margin: float) -> _Sorted:
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
    return _Sorted(corrected, margin, above, below)


def _ahead(
    subject: str, rivals: _Sorted, test: str, untested: Sequence[str], known: Mapping[str, Sample]
) -> Finding:
    """Decide whether a family is ahead of all others."""
    nearest, of = rivals.least, known[subject]
    lower = ", lower is better" if of.sign < 0 else ""
    statistic = (
        f"{subject} {of.mean:.3f}, the nearest rival {nearest} {known[nearest].mean:.3f}{lower}: "
        f"ahead by {rivals.of[nearest].estimate:+.3f}"
    )
    by = f" by {rivals.margin:g} or more" if rivals.margin else ""
    parts = []
    if rivals.below:
        parts.append(f"not better{by} than {_list(rivals.below)}")
    if rivals.open:
        parts.append(f"not shown to differ from {_list(rivals.told)}")
    if rivals.above:
        parts.append(f"better than {_list(rivals.above)}")
    verdict = rivals.verdict
    if untested and verdict == "agrees":
        verdict = "agrees among those tested"
    names = [f"{name} ({'1 instance' if name in known else 'no scores'})" for name in untested]
    left = f" Not tested: {_list(names)}." if names else ""
    why = f"{'; '.join(parts)}.{left}"
    finding = _finding(verdict, rivals.of[nearest], test, statistic, why)
    return replace(finding, axis=f"{subject}, ahead of", compared=rivals.compared, margin=rivals.margin)


def _not_different(of: Difference, test: str, statistic: str) -> Finding:
    """Decide as the paper did: no difference was found."""
    if of.reason:
        return Finding("cannot tell", of.reason, test, statistic)
    told = f"the difference is {of.text()}, {_p(of.p)}"
    if of.p >= ALPHA:
        why = f"{told}; that no difference is found does not show that there is none"
        return _finding("agrees", of, test, statistic, why)
    if of.estimate > 0:
        return _finding("cannot tell", of, test, statistic, f"{told}: {_NO_CEILING}")
    return _finding("disagrees", of, test, statistic, told)


def _equivalent(of: Difference, margin: float, test: str, statistic: str) -> Finding:
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
    return _finding(verdict, of, test, statistic, why)


def _dropped(families: _Sorted, test: str) -> Finding:
    """Decide whether all families drop."""
    statistic = "drop of " + ", ".join(f"{name} {each.estimate:+.3f}" for name, each in families.of.items())
    limit = f" of {families.margin:g} or more" if families.margin else ""
    parts = []
    if families.below:
        parts.append(f"no drop{limit} of {_list(families.below)}")
    if families.open:
        parts.append(f"not shown of {_list(families.told)}")
    if families.above:
        parts.append(f"a drop of {_list(families.above)}")
    why = f"{'; '.join(parts)}."
    finding = _finding(families.verdict, families.of[families.least], test, statistic, why)
    return replace(finding, axis="drop of", compared=families.compared, margin=families.margin)


def _over(neurons: bool, stimuli: str) -> str:
    return (
        "instances, neurons and stimuli" if stimuli else "instances and neurons" if neurons else "instances"
    )


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _finding(verdict: Verdict, of: Difference, test: str, statistic: str, why: str) -> Finding:
    return Finding(verdict, why, test, statistic, of.estimate, of.low, of.high)


def _spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    from scipy import stats

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return _NAN
    return float(stats.spearmanr(x, y).statistic)


def _normal_tail(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(-z))


def _normal_quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def _p(p: float) -> str:
    if np.isnan(p):
        return "p unknown"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
