"""Kinds of claims, and how scores decide them: pure functions of scores.

Each kind tests a claim twice: as the paper did, and so that the verdict holds for the number of comparisons, for
equivalence where the claim is one, and, where asked for, for the neurons that instances share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neuroalign.benchmark import NeuronTerms, make_benchmark
from neuroalign.errors import NeuroalignError
from neuroalign.metrics import completeness_at
from neuroalign.registry import benchmarks, unknown_name
from neuroalign.scores import Score, standard_error
from neuroalign.stats import adjust_p_values, bootstrap_weighted_difference, crossed_test, welch

Verdict = Literal["agrees", "disagrees", "cannot tell"]

#: Families differ where the corrected p is below it; the paper's own level is the other.
ALPHA, PAPER_ALPHA = 0.05, 0.01

_N_RESAMPLES = 2_000
_NAN = float("nan")


@dataclass(frozen=True)
class Finding:
    """What one analysis says of a claim.

    Parameters
    ----------
    verdict : {"agrees", "disagrees", "cannot tell"}
        Whether the scores agree with the claim.
    statistic : str
        What was measured, in words; empty where nothing was.
    estimate, low, high : float
        The number that the verdict rests on, with its interval; NaN where there is none.
    test : str
        By which test.
    why : str
        The verdict's reason, in words.
    """

    verdict: Verdict
    why: str
    test: str = ""
    statistic: str = ""
    estimate: float = _NAN
    low: float = _NAN
    high: float = _NAN


@dataclass(frozen=True)
class Result:
    """A claim under the paper's test and under ours."""

    paper: Finding
    ours: Finding


@dataclass(frozen=True, eq=False)
class Evidence:
    """The scores that claims are tested with.

    Parameters
    ----------
    kept : mapping of str to mapping of str to sequence of Score
        For each scoring and family the scores, with arrays, of the instances that were selected.
    every : mapping of str to mapping of str to sequence of Score
        Those of all instances.
    table : pandas.DataFrame
        Of all instances, with ``instance``, ``family`` and, where there is any, ``udr`` and hyper-parameters.
    missing : mapping of str to str
        Why families have no scores.
    unsupported : mapping of str to str
        Why scorings cannot be had of the dataset.
    """

    kept: Mapping[str, Mapping[str, Sequence[Score]]]
    every: Mapping[str, Mapping[str, Sequence[Score]]] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    missing: Mapping[str, str] = field(default_factory=dict)
    unsupported: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Sample:
    """One number of each instance of a family.

    Parameters
    ----------
    values : array of float64, shape (n_instances,)
        Higher is better.
    terms : tuple of arrays of float64, shape (n_instances, n_neurons), or None
        Values and weights of neurons, whose weighted mean each number is, in the order of `neurons`.
    neurons : tuple of str
        Sorted; empty without `terms`.
    """

    values: NDArray[np.float64]
    terms: NeuronTerms | None = None
    neurons: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Over the instances that have a number; NaN without any."""
        finite = self.values[np.isfinite(self.values)]
        return float(finite.mean()) if finite.size else _NAN


def best(
    evidence: Evidence,
    *,
    scoring: str,
    subject: str,
    read: str = "value",
    margin: float = 0.0,
    neurons: bool = False,
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
        An advantage that does not matter: the claim is wrong if that over some family lies below it.
    neurons : bool
        Whether the error is also over neurons, which all instances share.
    ceiling : str
        A family that is no rival.

    Returns
    -------
    Result
        Families without scores are named, and not compared with.

    Raises
    ------
    NeuroalignError
        If the subject, or every rival, has no scores.
    """
    known = samples(evidence, scoring, read=read, needed=[subject], ceiling=ceiling)
    rivals = {name: each for name, each in known.items() if name not in (subject, ceiling)}
    if not rivals:
        raise NeuroalignError("there is no other family to compare with")
    absent = [name for name in evidence.missing if name not in known]
    unknown = f" Not compared with {', '.join(absent)}." if absent else ""
    plain = {name: _difference(known[subject], each) for name, each in rivals.items()}
    wide = {name: _difference(known[subject], each, neurons=neurons) for name, each in rivals.items()}
    p = adjust_p_values([each.p for each in wide.values()])
    corrected = {name: each.with_p(p[index]) for index, (name, each) in enumerate(wide.items())}
    over = "instances and neurons" if neurons else "instances"
    return Result(
        _ahead(subject, plain, PAPER_ALPHA, 0.0, "Welch's t-test, p < .01", unknown, known),
        _ahead(
            subject, corrected, ALPHA, margin, f"Welch's test over {over}, Holm's p < .05", unknown, known
        ),
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
    read, neurons
        As for :func:`best`.

    Returns
    -------
    Result

    Raises
    ------
    NeuroalignError
        If one of the two has no scores.
    """
    by = ceiling_scoring or scoring
    scores = {
        subject: _scores(evidence, scoring, subject),
        ceiling: _scores(evidence, by, ceiling),
    }
    known = _read(scores, read)
    difference = _difference(known[subject], known[ceiling])
    statistic = f"{subject} {known[subject].mean:.3f}, {ceiling} {known[ceiling].mean:.3f}"
    told = f"the difference is {difference.text()}"
    verdict: Verdict
    if difference.reason:
        paper = Finding("cannot tell", difference.reason, "Welch's t-test, p > .05", statistic)
    else:
        verdict = "agrees" if difference.p >= ALPHA else "disagrees"
        why = f"{told}, p = {_p(difference.p)}" + (
            "; that no difference is found does not show that there is none" if verdict == "agrees" else ""
        )
        paper = _finding(verdict, difference, "Welch's t-test, p > .05", statistic, why)
    wide = _difference(known[subject], known[ceiling], neurons=neurons, confidence=1 - 2 * ALPHA)
    over = "instances and neurons" if neurons else "instances"
    test = f"two one-sided tests over {over} within ±{margin:g}"
    if wide.reason:
        return Result(paper, Finding("cannot tell", wide.reason, test, statistic))
    interval = f"the 90 % interval of the difference, {wide.low:+.3f} to {wide.high:+.3f},"
    if -margin < wide.low and wide.high < margin:
        verdict, why = "agrees", f"{interval} lies within ±{margin:g}"
    elif wide.high < -margin:
        verdict, why = "disagrees", f"{interval} lies below the ceiling by more than {margin:g}"
    elif wide.low > margin:
        verdict, why = "disagrees", f"{interval} lies above it by more than {margin:g}: this is no ceiling"
    else:
        verdict, why = "cannot tell", f"{interval} lies across a limit of ±{margin:g}"
    return Result(paper, _finding(verdict, wide, test, statistic, why))


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
        A drop that does not matter: the claim is wrong if that of some family lies below it.

    Returns
    -------
    Result

    Raises
    ------
    NeuroalignError
        If a family has no scores.
    """
    scores = {name: _scores(evidence, scoring, name) for name in families}
    unpaired = {name: _difference(*_native_and_recombined(each)) for name, each in scores.items()}
    paired = {name: _drop(each) for name, each in scores.items()}
    p = adjust_p_values([each.p for each in paired.values()])
    corrected = {name: each.with_p(p[index]) for index, (name, each) in enumerate(paired.items())}
    return Result(
        _dropped(unpaired, PAPER_ALPHA, 0.0, "Welch's t-test of native and recombined, p < .01"),
        _dropped(corrected, ALPHA, margin, "paired t-test over instances and mixtures, Holm's p < .05"),
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
    scores = _scores(evidence, scoring, subject, every=True)
    values = dict(
        zip([each.model for each in scores], _read({subject: scores}, read)[subject].values, strict=True)
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
        interval = f"its {100 * (1 - alpha):g} % interval is {low:.2f} to {high:.2f}, p = {_p(p)}"
        verdict: Verdict = "agrees" if low > 0 else "disagrees" if high < 0 else "cannot tell"
        return Finding(verdict, interval, test, statistic, rho, low, high)

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


def samples(
    evidence: Evidence, scoring: str, *, read: str, needed: Sequence[str] = (), ceiling: str = ""
) -> dict[str, Sample]:
    """Read one number of each instance that was selected.

    Parameters
    ----------
    evidence : Evidence
    scoring : str
    read : str
        "value"; "above chance", the share of what is left beyond the level of chance, 0 there and 1 for a perfect
        score; "common D", alignment at the largest D of all these families; or the name of a number beside the value.
    needed : sequence of str
        Families that must have scores.
    ceiling : str
        A family whose D does not count.

    Returns
    -------
    dict of str to Sample

    Raises
    ------
    NeuroalignError
        If a family that is needed has no scores, or scores have no such number.
    """
    scores = {name: _scores(evidence, scoring, name) for name in needed}
    scores |= {
        name: each for name, each in evidence.kept.get(scoring, {}).items() if each and name != ceiling
    }
    return _read(scores, read)


@dataclass(frozen=True)
class _Difference:
    """By how much something is better, with its interval."""

    estimate: float
    low: float = _NAN
    high: float = _NAN
    p: float = _NAN
    reason: str = ""

    def with_p(self, p: float) -> "_Difference":
        return _Difference(self.estimate, self.low, self.high, float(p), self.reason)

    def text(self) -> str:
        interval = "" if np.isnan(self.low) else f" ({self.low:+.3f} to {self.high:+.3f})"
        return f"{self.estimate:+.3f}{interval}"


def _difference(a: Sample, b: Sample, *, neurons: bool = False, confidence: float = 0.95) -> _Difference:
    """Compare two families over their instances and, if asked for, over the neurons that they share."""
    test = welch(a.values, b.values, confidence=confidence)
    if test.reason is not None:
        return _Difference(test.difference, reason=test.reason)
    if not neurons:
        return _Difference(test.difference, test.ci_low, test.ci_high, test.p)
    if a.terms is None or b.terms is None:
        return _Difference(
            test.difference, reason="the scores are no means over neurons that could be drawn anew"
        )
    if a.neurons != b.neurons:
        return _Difference(test.difference, reason="the scores are of different neurons")
    over_neurons = bootstrap_weighted_difference(
        *a.terms, *b.terms, method="percentile", n_resamples=_N_RESAMPLES
    ).standard_error
    if not np.isfinite(over_neurons):
        return _Difference(test.difference, reason="the neurons do not vary, so they cannot be drawn anew")
    from scipy import stats

    half = (test.ci_high - test.ci_low) / 2
    of_instances = half / float(stats.t.ppf((1 + confidence) / 2, test.df))
    crossed = crossed_test(test.difference, [of_instances, over_neurons], [test.df, len(a.neurons) - 1])
    low, high = stats.t.interval(confidence, crossed.df, loc=test.difference, scale=crossed.standard_error)
    return _Difference(test.difference, float(low), float(high), crossed.p)


def _ahead(
    subject: str,
    rivals: Mapping[str, _Difference],
    alpha: float,
    margin: float,
    test: str,
    unknown: str,
    known: Mapping[str, Sample],
) -> Finding:
    """Decide whether a family is ahead of all others."""
    nearest = min(rivals, key=lambda name: (np.nan_to_num(rivals[name].estimate, nan=np.inf), name))
    better = [name for name, each in rivals.items() if each.p < alpha and each.estimate > 0]
    worse = [
        name
        for name, each in rivals.items()
        if (each.p < alpha and each.estimate < 0) or (not each.reason and each.high < margin)
    ]
    open_ = [name for name in rivals if name not in better and name not in worse]
    statistic = (
        f"{subject} {known[subject].mean:.3f}, the nearest rival {nearest} {known[nearest].mean:.3f}: "
        f"{rivals[nearest].text()}"
    )
    parts = []
    if worse:
        parts.append(f"no better than {_list(worse, rivals)}")
    if open_:
        parts.append(f"not shown to differ from {_list(open_, rivals)}")
    if better:
        parts.append(f"better than {_list(better, rivals)}")
    verdict: Verdict = "disagrees" if worse else "cannot tell" if open_ else "agrees"
    return _finding(verdict, rivals[nearest], test, statistic, f"{'; '.join(parts)}.{unknown}")


def _dropped(families: Mapping[str, _Difference], alpha: float, margin: float, test: str) -> Finding:
    """Decide whether all families drop."""
    least = min(families, key=lambda name: (np.nan_to_num(families[name].estimate, nan=np.inf), name))
    shown = [name for name, each in families.items() if each.p < alpha and each.estimate > 0]
    absent = [
        name
        for name, each in families.items()
        if (each.p < alpha and each.estimate < 0) or (not each.reason and each.high < margin)
    ]
    shown = [name for name in shown if name not in absent]
    open_ = [name for name in families if name not in shown and name not in absent]
    statistic = "drop of " + ", ".join(f"{name} {each.text()}" for name, each in families.items())
    parts = []
    if absent:
        limit = f" above {margin:g}" if margin else ""
        parts.append(f"no drop{limit} of {_list(absent, families)}")
    if open_:
        parts.append(f"not shown of {_list(open_, families)}")
    if shown:
        parts.append(f"a drop of {_list(shown, families)}")
    verdict: Verdict = "disagrees" if absent else "cannot tell" if open_ else "agrees"
    return _finding(verdict, families[least], test, statistic, f"{'; '.join(parts)}.")


def _list(names: Sequence[str], differences: Mapping[str, _Difference]) -> str:
    def told(name: str) -> str:
        each = differences[name]
        return each.reason or f"{each.estimate:+.3f}, p = {_p(each.p)}"

    return ", ".join(f"{name} ({told(name)})" for name in names)


def _finding(verdict: Verdict, of: _Difference, test: str, statistic: str, why: str) -> Finding:
    return Finding(verdict, why, test, statistic, of.estimate, of.low, of.high)


def _scores(evidence: Evidence, scoring: str, family: str, *, every: bool = False) -> Sequence[Score]:
    found = (evidence.every if every else evidence.kept).get(scoring, {}).get(family, ())
    if not found:
        reason = evidence.unsupported.get(scoring) or evidence.missing.get(family)
        raise NeuroalignError(f"{family} has no score by {scoring}" + (f": {reason}" if reason else ""))
    return found


def _read(scores: Mapping[str, Sequence[Score]], read: str) -> dict[str, Sample]:
    flat = [each for of in scores.values() for each in of]
    if read == "common D":
        for each in flat:
            if "D" not in each.beside:
                raise unknown_name("number beside the score", "D", each.beside)
        common = int(max(each.beside["D"] for each in flat))
        return {name: _sample(of, lambda each: _at_common(each, common)) for name, of in scores.items()}
    return {name: _sample(of, lambda each: _number(each, read)) for name, of in scores.items()}


# A number of a score, and what makes of the values of its neurons terms of that number.
_Number = tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]] | None]


def _at_common(score: Score, common: int) -> _Number:
    d = int(score.beside["D"])
    scale = float(np.log(d) / np.log(common))
    # Without any weight C is 0 at every D.
    if score.value == 0 and _neurons(score) is not None and not np.any(_terms(score)[1]):
        return 0.0, lambda values: values
    return completeness_at(score.value, d, common), lambda values: 1.0 - (1.0 - values) * scale


def _number(score: Score, read: str) -> _Number:
    sign = 1.0 if score.higher_is_better else -1.0
    if read == "value":
        return sign * score.value, (lambda values: values) if score.higher_is_better else None
    if read == "above chance":
        left = 1.0 - score.null if score.higher_is_better else score.null
        return (sign * (score.value - score.null) / left if left > 0 else _NAN), None
    if read not in score.beside:
        raise unknown_name(f"number of {score.benchmark}", read, ["value", "above chance", *score.beside])
    return float(score.beside[read]), None


def _sample(scores: Sequence[Score], number: Callable[[Score], _Number]) -> Sample:
    numbers = [number(each) for each in scores]
    values = np.array([value for value, _ in numbers], dtype=np.float64)
    names = [_neurons(each) for each in scores]
    first = names[0]
    if first is None or any(each != first for each in names) or any(of is None for _, of in numbers):
        return Sample(values)
    terms = [_terms(each) for each in scores]
    of_neurons = np.array([of(v) if of else v for (v, _), (_, of) in zip(terms, numbers, strict=True)])
    return Sample(values, (of_neurons, np.array([weights for _, weights in terms])), first)


def _neurons(score: Score) -> tuple[str, ...] | None:
    """Return the names of the neurons whose weighted mean a score is, sorted; None if it is none."""
    if not score.data or "neuroid" not in score.data.coords or score.benchmark not in benchmarks:
        return None
    if _over_neurons(score) is None:
        return None
    return tuple(sorted(map(str, score.data["neuroid"].values)))


def _terms(score: Score) -> NeuronTerms:
    """Return values and weights of the neurons in the order of their sorted names."""
    found = _over_neurons(score)
    assert found is not None
    order = np.argsort(score.data["neuroid"].values.astype(str), kind="stable")
    return found[0][order], found[1][order]


def _over_neurons(score: Score) -> NeuronTerms | None:
    benchmark = make_benchmark(score.benchmark, benchmarks.get(score.benchmark), {})
    return benchmark.over_neurons(score)


def _native_and_recombined(scores: Sequence[Score]) -> tuple[Sample, Sample]:
    for each in scores:
        for name in ("native", "recombined"):
            if name not in each.beside:
                raise unknown_name(f"number of {each.benchmark}", name, each.beside)
    native, recombined = (
        np.array([each.beside[name] for each in scores]) for name in ("native", "recombined")
    )
    # The drop of a distance is recombined less native.
    sign = 1.0 if np.allclose([each.value for each in scores], native - recombined) else -1.0
    return Sample(sign * native), Sample(sign * recombined)


def _drop(scores: Sequence[Score]) -> _Difference:
    """Estimate the drop of a family, over its instances and the mixtures, which all of them share."""
    values = np.array([each.value for each in scores])
    estimate, error = float(np.mean(values)), standard_error(values)
    if not np.isfinite(error):
        return _Difference(estimate, reason="a single instance has no spread")
    errors, freedom = [error], [len(values) - 1.0]
    draws = [each.data["drop"].values for each in scores if "drop" in each.data]
    if len(draws) == len(values) and len({each.size for each in draws}) == 1 and draws[0].size > 1:
        errors.append(standard_error(np.mean(draws, axis=0)))
        freedom.append(draws[0].size - 1.0)
    test = crossed_test(estimate, errors, freedom)
    if not np.isfinite(test.p):
        return _Difference(estimate, reason="no variance over instances or mixtures")
    return _Difference(estimate, test.ci_low, test.ci_high, test.p)


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
        return "unknown"
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
