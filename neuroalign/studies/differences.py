"""By how much families differ, or drop, with intervals over what was sampled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neuroalign.registry import unknown_name
from neuroalign.resampling import NeuronStatistic
from neuroalign.scores import Score, standard_error
from neuroalign.stats import crossed_test, dual_variance, welch
from neuroalign.studies.samples import Sample, is_sampled

_N_RESAMPLES = 2_000
_NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """By how much something is better, with its interval.

    Parameters
    ----------
    estimate : float
    low, high : float
        NaN where there is no interval.
    p : float
        NaN where there is no test.
    error, freedom : float
        Standard error of the estimate, and its degrees of freedom; NaN where there is no test.
    reason : str
        Why there is no test; empty if there is one.
    """

    estimate: float
    low: float = _NAN
    high: float = _NAN
    p: float = _NAN
    error: float = _NAN
    freedom: float = _NAN
    reason: str = ""

    def with_p(self, p: float) -> "Difference":
        """Return it with a p-value that was corrected."""
        return replace(self, p=float(p))

    def p_below(self, margin: float) -> float:
        """Return the one-sided p of the test that it is not below a margin; NaN where there is no test."""
        from scipy import stats

        return float(stats.t.cdf((self.estimate - margin) / self.error, self.freedom))

    def text(self) -> str:
        """Return the estimate with its interval, in words."""
        interval = "" if np.isnan(self.low) else f" ({self.low:+.3f} to {self.high:+.3f})"
        return f"{self.estimate:+.3f}{interval}"


def differ_as_the_paper(a: Sample, b: Sample) -> Difference:
    """Compare the instances of two families by Welch's test, as if they were samples."""
    test = welch(a.values, b.values)
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
    """Compare two families over their instances and, if asked for, over what these share.

    Parameters
    ----------
    a, b : Sample
        Families without a seed are no sample of instances: they have no error over instances, and two of them are
        compared over what they share alone.
    neurons : bool
        Whether the error is also over neurons.
    stimuli : bool
        Whether the error is over neurons and stimuli.
    held_out : bool
        Whether the error is also over the stimuli whose values the scores average.
    confidence : float
        Confidence of the interval.

    Returns
    -------
    Difference
        Mean of a less that of b, with a reason where there is no test.
    """
    test = welch(a.values, b.values, confidence=confidence)
    if a.is_sampled and b.is_sampled and test.reason is not None:
        return Difference(test.difference, reason=test.reason)
    if a.is_sampled and b.is_sampled and not (neurons or stimuli or held_out):
        return Difference(test.difference, test.ci_low, test.ci_high, test.p, test.standard_error, test.df)
    errors = [_over_instances(a, b)]
    if np.isnan(errors[0][0]):
        return Difference(test.difference, reason="fewer than two finite values in a family with seeds")
    if not (a.is_sampled or b.is_sampled or neurons or stimuli or held_out):
        return Difference(
            test.difference,
            reason="families without a seed are no samples of instances; compare them over neurons",
        )
    if neurons or stimuli:
        both = _over_neurons(a, b, stimuli=stimuli)
        if isinstance(both, str):
            return Difference(test.difference, reason=both)
        errors.append(both)
    if held_out:
        if a.held_out is None or b.held_out is None or a.stimuli != b.stimuli:
            return Difference(
                test.difference, reason="the scores are no means over the same held-out stimuli"
            )
        errors.append(_mean_error(np.nanmean(a.held_out, axis=0) - np.nanmean(b.held_out, axis=0)))
    return _crossed(test.difference, errors, confidence)


def lie_above(sample: Sample, level: float, *, neurons: bool, confidence: float = 0.95) -> Difference:
    """Compare the mean of a family with a level over its instances and, if asked for, over neurons.

    Parameters
    ----------
    sample : Sample
    level : float
    neurons : bool
        Whether the error is also over neurons.
    confidence : float
        Confidence of the interval.

    Returns
    -------
    Difference
        Mean less the level, with a reason where there is no test.
    """
    finite = sample.values[np.isfinite(sample.values)]
    estimate = float(finite.mean()) - level if finite.size else _NAN
    errors = []
    if sample.is_sampled:
        errors.append(_mean_error(finite))
        if finite.size < 2:
            return Difference(estimate, reason="fewer than two instances with a finite value")
    if neurons:
        if not sample.statistics:
            return Difference(estimate, reason=sample.reason)
        drawn = _means(sample.statistics, _draw_neurons(len(sample.neurons)))
        errors.append((float(drawn.std(ddof=1)), len(sample.neurons) - 1.0))
    if not errors:
        return Difference(estimate, reason="a family without a seed is no sample of instances; use neurons")
    return _crossed(estimate, errors, confidence)


# A standard error with its degrees of freedom.
_Error = tuple[float, float]


def _crossed(estimate: float, errors: Sequence[_Error], confidence: float) -> Difference:
    """Test an estimate with all its errors together."""
    from scipy import stats

    test = crossed_test(estimate, [error for error, _ in errors], [max(df, 1.0) for _, df in errors])
    if not np.isfinite(test.p):
        return Difference(estimate, reason="nothing varies, neither over instances nor over what they share")
    low, high = stats.t.interval(confidence, test.df, loc=estimate, scale=test.standard_error)
    return Difference(
        estimate, float(low), float(high), float(test.p), float(test.standard_error), float(test.df)
    )


def _mean_error(values: NDArray[np.float64]) -> _Error:
    """Return the standard error of a mean with its degrees of freedom."""
    return standard_error(values), float(np.isfinite(values).sum() - 1)


def _over_instances(a: Sample, b: Sample) -> _Error:
    """Return the standard error of a difference over the instances of families that are samples."""
    if a.is_sampled and b.is_sampled:
        test = welch(a.values, b.values)
        return test.standard_error, test.df
    sampled = [sample for sample in (a, b) if sample.is_sampled]
    return _mean_error(sampled[0].values) if sampled else (0.0, 1.0)


def _draw_neurons(n_neurons: int) -> NDArray[np.float64]:
    """Count how often each neuron is drawn, (n_resamples, n_neurons)."""
    share = np.full(n_neurons, 1.0 / n_neurons)
    return np.random.default_rng(0).multinomial(n_neurons, share, size=_N_RESAMPLES).astype(np.float64)


def _means(statistics: Sequence[NeuronStatistic], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over instances of each draw of neurons."""
    return np.mean([statistic(counts) for statistic in statistics], axis=0)


def _over_neurons(a: Sample, b: Sample, *, stimuli: bool) -> _Error | str:
    """Return the standard error of a difference over neurons, or over neurons and stimuli; else why there is none."""
    for sample in (a, b):
        if not sample.statistics:
            return sample.reason or "the scores have no terms of single neurons"
    if a.neurons != b.neurons:
        return "the scores are of different neurons"
    counts = _draw_neurons(len(a.neurons))
    error = float(np.std(_means(a.statistics, counts) - _means(b.statistics, counts), ddof=1))
    if not stimuli:
        return error, len(a.neurons) - 1.0
    if not a.draws or not b.draws:
        return "not all instances were fitted to drawn stimuli"
    if len(a.draws) != len(b.draws) or a.n_stimuli != b.n_stimuli:
        return "the instances were fitted to different draws of stimuli"
    freedom = min(len(a.neurons), a.n_stimuli, len(a.draws)) - 1.0
    return _over_neurons_and_stimuli(a, b, error), freedom


def _over_neurons_and_stimuli(a: Sample, b: Sample, over_neurons: float) -> float:
    """Return the standard error of a difference over both, as :func:`neuroalign.stats.dual_bootstrap` does."""
    n_neurons = len(a.neurons)
    differences = np.empty((len(a.draws), 2))
    for index, fits in enumerate(zip(a.draws, b.draws, strict=True)):
        drawn = np.random.default_rng(index).integers(n_neurons, size=n_neurons)
        counts = np.stack([np.ones(n_neurons), np.bincount(drawn, minlength=n_neurons)])
        means = [_means(statistics, counts) for statistics in fits]
        differences[index] = means[0] - means[1]
    of_stimuli, of_both = differences.var(axis=0, ddof=1)
    variance = dual_variance(
        over_neurons**2, float(of_stimuli), float(of_both), n_neurons=n_neurons, n_stimuli=a.n_stimuli
    )
    return float(np.sqrt(variance))


def native_and_recombined(scores: Sequence[Score]) -> tuple[Sample, Sample]:
    """Return the scores of a family on neurons and on mixtures of them, by a linear recombination.

    Raises
    ------
    NeuroalignError
        If the scores are none of those.
    """
    for score in scores:
        for name in ("native", "recombined"):
            if name not in score.beside:
                raise unknown_name(f"number of {score.benchmark}", name, score.beside)
    native, recombined = (
        np.array([score.beside[name] for score in scores]) for name in ("native", "recombined")
    )
    values = np.array([score.value for score in scores])
    # The drop of a distance is recombined less native. Scores without a drop do not say.
    known = np.isfinite(values)
    sign = 1.0 if np.allclose(values[known], (native - recombined)[known]) else -1.0
    return Sample(np.where(known, sign * native, _NAN)), Sample(np.where(known, sign * recombined, _NAN))


def paired_drop(scores: Sequence[Score]) -> Difference:
    """Return the drop of a family, with an interval over its instances and the mixtures, which all of them share."""
    known = [score for score in scores if np.isfinite(score.value)]
    values = np.array([score.value for score in known])
    if not known:
        return Difference(_NAN, reason="no instance has a drop")
    estimate, errors = float(np.mean(values)), []
    if is_sampled(scores):
        if len(values) < 2:
            return Difference(estimate, reason="a single instance has no spread")
        errors.append(_mean_error(values))
    draws = [score.data["drop"].values for score in known if "drop" in score.data]
    if len(draws) == len(values) and len({drops.size for drops in draws}) == 1 and draws[0].size > 1:
        # A set of mixtures that no unit of an instance predicts is left out of its mean.
        columns = np.array(draws)[:, np.isfinite(draws).any(axis=0)]
        errors.append(_mean_error(np.nanmean(columns, axis=0)))
    test = _crossed(estimate, errors, 0.95)
    return replace(test, reason="no variance over instances or mixtures") if test.reason else test
