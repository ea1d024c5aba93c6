"""Differences and drops of families, with intervals over instances, neurons and stimuli."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.comparison import Inference, Over, explain_no_sample, infer_difference, infer_mean
from neuroalign.errors import unknown_name
from neuroalign.results.score import Score
from neuroalign.stats import crossed_test, welch
from neuroalign.stats.standard_errors import standard_error
from neuroalign.stats.student import t_interval
from neuroalign.studies.samples import Sample

_NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """Difference of two means, or of a mean and a level, with its interval; positive is better.

    Parameters
    ----------
    estimate : float
    low, high : float
        Limits of the interval; NaN without an interval.
    p : float
        Two-sided p-value of a difference of 0; NaN without a test.
    error, freedom : float
        Standard error of the estimate, and its degrees of freedom; NaN without a test.
    reason : str
        Reason why the test is missing; empty if there is a test.
    """

    estimate: float
    low: float = _NAN
    high: float = _NAN
    p: float = _NAN
    error: float = _NAN
    freedom: float = _NAN
    reason: str = ""

    def with_p(self, p: float) -> "Difference":
        """Return the difference with a corrected p-value."""
        return replace(self, p=float(p))

    def p_below(self, margin: float) -> float:
        """Return the one-sided p-value of the test that the difference lies below a margin; NaN without a test."""
        from scipy import stats

        return float(stats.t.cdf((self.estimate - margin) / self.error, self.freedom))


def differ_like_paper(a: Sample, b: Sample, *, confidence: float = 0.95) -> Difference:
    """Compare the instances of two families by Welch's test, like the paper: all instances count as a sample."""
    test = welch(a.values, b.values, confidence=confidence)
    return Difference(
        test.difference,
        test.ci_low,
        test.ci_high,
        test.p,
        test.standard_error,
        test.df,
        test.reason or "",
    )


def differ(
    a: Sample,
    b: Sample,
    *,
    neurons: bool = False,
    stimuli: bool = False,
    held_out: bool = False,
    confidence: float = 0.95,
) -> Difference:
    """Compare two families over their instances and, where asked for, over neurons and stimuli that these share.

    Parameters
    ----------
    a, b : Sample
        A family with instances that are not a random sample has no error over instances. It is always compared over
        neurons, except in a comparison over held-out stimuli.
    neurons : bool
        Whether the error is also over neurons.
    stimuli : bool
        Whether the error is over neurons and stimuli.
    held_out : bool
        Whether the error is also over the stimuli that the scores are means over.
    confidence : float
        Confidence of the interval.

    Returns
    -------
    Difference
        Mean of a less mean of b, with a reason where the test is missing.
    """
    test = welch(a.values, b.values, confidence=confidence)
    for sample in (a, b):
        if not sample.is_comparable:
            return Difference(
                test.difference, reason=f"fewer than two finite values in one group ({a.n} and {b.n})"
            )
    if held_out:
        return _over_held_out(a, b, confidence)
    if a.tested is None or b.tested is None:
        return differ_like_paper(a, b, confidence=confidence)
    sampled = a.is_sample or b.is_sample
    over: Over
    if stimuli:
        over = "instances, neurons and stimuli" if sampled else "neurons and stimuli"
    elif neurons or not (a.is_sample and b.is_sample):
        over = "instances and neurons" if sampled else "neurons"
    else:
        over = "instances"
    return _difference(infer_difference(a.tested, b.tested, over, confidence=confidence))


def lie_above(sample: Sample, level: float, *, neurons: bool) -> Difference:
    """Compare the mean of a family with a level over its instances and, where asked for, over neurons.

    Parameters
    ----------
    sample : Sample
        A family with instances that are not a random sample is compared over neurons only.
    level : float
        Level that is subtracted from the mean.
    neurons : bool
        Whether the error is also over neurons.

    Returns
    -------
    Difference
        Mean less the level, with a reason where the test is missing.
    """
    if sample.tested is None or not sample.is_comparable:
        return Difference(sample.mean - level, reason=f"fewer than two finite values ({sample.n})")
    over: Over = "neurons"
    if sample.is_sample:
        over = "instances and neurons" if neurons else "instances"
    shifted = replace(sample.tested, values=sample.tested.values - level)
    return _difference(infer_mean(shifted, over))


def _difference(test: Inference) -> Difference:
    return Difference(
        test.estimate, test.ci_low, test.ci_high, test.p, test.standard_error, test.df, test.reason
    )


def _over_held_out(a: Sample, b: Sample, confidence: float) -> Difference:
    """Compare two families over their instances and over the held-out stimuli that all instances share."""
    difference = welch(a.values, b.values).difference
    if a.held_out is None or b.held_out is None or a.stimuli != b.stimuli:
        return Difference(difference, reason="the scores are not means over the same held-out stimuli")
    errors = [_mean_error(sample.values) for sample in (a, b) if sample.is_sample]
    error, freedom = _mean_error(np.nanmean(a.held_out, axis=0) - np.nanmean(b.held_out, axis=0))
    # Variants of one original may repeat each other, so only originals count as independent values.
    n, n_originals = len(a.stimuli), min(a.n_originals, b.n_originals)
    errors.append((error * float(np.sqrt(n / n_originals)), min(freedom, n_originals - 1.0)))
    return _crossed(difference, errors, confidence)


# Standard error, and its degrees of freedom.
_Error = tuple[float, float]


def _crossed(estimate: float, errors: Sequence[_Error], confidence: float) -> Difference:
    """Test an estimate with the sum of the variances of its independent errors."""
    test = crossed_test(estimate, [error for error, _ in errors], [max(df, 1.0) for _, df in errors])
    if not np.isfinite(test.p):
        return Difference(estimate, reason="the scores vary neither over instances nor over stimuli")
    low, high = t_interval(estimate, test.standard_error, test.df, confidence=confidence)
    return Difference(
        estimate, float(low), float(high), float(test.p), float(test.standard_error), float(test.df)
    )


def _mean_error(values: NDArray[np.float64]) -> _Error:
    """Return the standard error of a mean, and its degrees of freedom."""
    return standard_error(values), float(np.isfinite(values).sum() - 1)


def native_and_recombined(scores: Sequence[Score]) -> tuple[Sample, Sample]:
    """Return the scores of a family on neurons and on mixtures of neurons.

    Parameters
    ----------
    scores : sequence of Score
        Scores by a control with the drop as its value, and with ``native`` and ``recombined`` scores beside it.

    Returns
    -------
    native, recombined : Sample
        Scores with the sign that makes higher better; NaN for an instance without a drop.

    Raises
    ------
    UnknownNameError
        If a score has no number ``native`` or ``recombined``.
    """
    for score in scores:
        for name in ("native", "recombined"):
            if name not in score.beside:
                raise unknown_name(f"number of {score.benchmark}", name, score.beside)
    native, recombined = (
        np.array([score.beside[name] for score in scores]) for name in ("native", "recombined")
    )
    values = np.array([score.value for score in scores])
    # A distance drops by recombined less native, a score by native less recombined.
    finite = np.isfinite(values)
    sign = 1.0 if np.allclose(values[finite], (native - recombined)[finite]) else -1.0
    return Sample(np.where(finite, sign * native, _NAN)), Sample(np.where(finite, sign * recombined, _NAN))


def paired_drop(scores: Sequence[Score]) -> Difference:
    """Return the drop of a family, with an interval over its instances and over the mixtures that they share."""
    finite = [score for score in scores if np.isfinite(score.value)]
    values = np.array([score.value for score in finite])
    if not finite:
        return Difference(_NAN, reason="no instance has a drop")
    estimate, errors = float(np.mean(values)), []
    if len(scores) < 2 or not explain_no_sample(scores, scores[0].family):
        if len(values) < 2:
            return Difference(estimate, reason="a single instance has no spread")
        errors.append(_mean_error(values))
    draws = [score.data["drop"].values for score in finite if "drop" in score.data]
    if len(draws) == len(values) and len({drops.size for drops in draws}) == 1 and draws[0].size > 1:
        # A draw with mixtures that no unit predicts is NaN for the instance and is left out of the mean.
        columns = np.array(draws)[:, np.isfinite(draws).any(axis=0)]
        errors.append(_mean_error(np.nanmean(columns, axis=0)))
    test = _crossed(estimate, errors, 0.95)
    return (
        replace(test, reason="the drop varies neither over instances nor over mixtures")
        if test.reason
        else test
    )
