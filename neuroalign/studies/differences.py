"""By how much families differ, or drop, with intervals over what was sampled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neuroalign.registry import unknown_name
from neuroalign.scores import Score, standard_error
from neuroalign.stats import (
    bootstrap_weighted_difference,
    crossed_test,
    dual_variance,
    weighted_mean,
    welch,
)
from neuroalign.studies.evidence import NeuronTerms, Sample

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


def differ(
    a: Sample, b: Sample, *, neurons: bool = False, stimuli: bool = False, confidence: float = 0.95
) -> Difference:
    """Compare two families over their instances and, if asked for, over the neurons and stimuli that they share.

    Parameters
    ----------
    a, b : Sample
    neurons : bool
        Whether the error is also over neurons.
    stimuli : bool
        Whether it is over neurons and stimuli.
    confidence : float
        Of the interval.

    Returns
    -------
    Difference
        Of a from b.
    """
    test = welch(a.values, b.values, confidence=confidence)
    if test.reason is not None:
        return Difference(test.difference, reason=test.reason)
    if not (neurons or stimuli):
        return Difference(test.difference, test.ci_low, test.ci_high, test.p, test.standard_error, test.df)
    if a.terms is None or b.terms is None:
        return Difference(
            test.difference, reason="the scores are no means over neurons that could be drawn anew"
        )
    if a.neurons != b.neurons:
        return Difference(test.difference, reason="the scores are of different neurons")
    error = bootstrap_weighted_difference(
        *a.terms, *b.terms, method="percentile", n_resamples=_N_RESAMPLES
    ).standard_error
    if not np.isfinite(error):
        return Difference(test.difference, reason="the neurons do not vary, so they cannot be drawn anew")
    freedom = len(a.neurons) - 1
    if stimuli:
        if a.draws is None or b.draws is None:
            return Difference(test.difference, reason="not all instances were fitted to drawn stimuli")
        if len(a.draws[0]) != len(b.draws[0]) or a.n_stimuli != b.n_stimuli:
            return Difference(
                test.difference, reason="the instances were fitted to different draws of stimuli"
            )
        error = _over_neurons_and_stimuli(a.draws, b.draws, error, a.n_stimuli)
        freedom = min(freedom, a.n_stimuli - 1, len(a.draws[0]) - 1)
    from scipy import stats

    crossed = crossed_test(test.difference, [test.standard_error, error], [test.df, freedom])
    low, high = stats.t.interval(confidence, crossed.df, loc=test.difference, scale=crossed.standard_error)
    return Difference(
        test.difference,
        float(low),
        float(high),
        float(crossed.p),
        float(crossed.standard_error),
        float(crossed.df),
    )


def _over_neurons_and_stimuli(a: NeuronTerms, b: NeuronTerms, over_neurons: float, n_stimuli: int) -> float:
    """Return the standard error of a difference over both, as :func:`neuroalign.stats.dual_bootstrap` does."""
    n_draws, _, n_neurons = a[0].shape
    everyone = np.arange(n_neurons)
    differences = np.empty((n_draws, 2))
    for index in range(n_draws):
        drawn = np.random.default_rng(index).integers(n_neurons, size=n_neurons)
        neurons = np.stack([everyone, drawn])
        means = [weighted_mean(values[index], weights[index])(neurons) for values, weights in (a, b)]
        differences[index] = means[0] - means[1]
    of_stimuli, of_both = differences.var(axis=0, ddof=1)
    variance = dual_variance(
        over_neurons**2, float(of_stimuli), float(of_both), n_neurons=n_neurons, n_stimuli=n_stimuli
    )
    return float(np.sqrt(variance))


def native_and_recombined(scores: Sequence[Score]) -> tuple[Sample, Sample]:
    """Return the scores of a family on neurons and on mixtures of them, by a linear recombination.

    Raises
    ------
    NeuroalignError
        If the scores are none of those.
    """
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


def paired_drop(scores: Sequence[Score]) -> Difference:
    """Return the drop of a family, with an interval over its instances and the mixtures, which all of them share."""
    values = np.array([each.value for each in scores])
    estimate, error = float(np.mean(values)), standard_error(values)
    if not np.isfinite(error):
        return Difference(estimate, reason="a single instance has no spread")
    errors, freedom = [error], [len(values) - 1.0]
    draws = [each.data["drop"].values for each in scores if "drop" in each.data]
    if len(draws) == len(values) and len({each.size for each in draws}) == 1 and draws[0].size > 1:
        errors.append(standard_error(np.mean(draws, axis=0)))
        freedom.append(draws[0].size - 1.0)
    test = crossed_test(estimate, errors, freedom)
    if not np.isfinite(test.p):
        return Difference(estimate, reason="no variance over instances or mixtures")
    return Difference(
        estimate,
        float(test.ci_low),
        float(test.ci_high),
        float(test.p),
        float(test.standard_error),
        float(test.df),
    )
