"""Means and differences of samples, with intervals and tests over instances, neurons and stimuli.

Every test is ``estimate ± t · standard error``. The variance is the sum of up to two independent variances: over the
instances of families that are samples of instances, and of a bootstrap over the neurons (and stimuli) that all
instances share. The test over instances alone is Welch's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuroalign.comparison.samples import Sample
from neuroalign.errors import UsageError
from neuroalign.stats import Equivalence, crossed_test, dual_variance, t_interval
from neuroalign.stats.welch import varies

#: Sampled things that a test generalises over.
Over = Literal[
    "instances",
    "neurons",
    "stimuli",
    "neurons and stimuli",
    "instances and neurons",
    "instances, neurons and stimuli",
]

#: Number of draws of neurons.
N_RESAMPLES = 10_000

_NAN = float("nan")
# A spread below this share of the value is rounding error.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Inference:
    """A mean or a difference with its interval and test.

    Parameters
    ----------
    over : str
        Things that are taken to be sampled; one of ``Over``.
    n : str
        Numbers of these things, such as "5 and 4 × 159".
    method : str
        Name of the test; empty without a test.
    estimate : float
        The mean or the difference.
    standard_error, df, ci_low, ci_high, p : float
        Standard error, degrees of freedom, confidence interval, and two-sided p-value of the null hypothesis that the
        estimate is 0; NaN without a test.
    reason : str
        Reason for the missing test; empty if there is a test.
    """

    over: str
    n: str
    method: str
    estimate: float
    standard_error: float = _NAN
    df: float = _NAN
    ci_low: float = _NAN
    ci_high: float = _NAN
    p: float = _NAN
    reason: str = ""


def infer_difference(
    a: Sample,
    b: Sample,
    over: Over,
    *,
    confidence: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Inference:
    """Test the difference of two samples of the same neurons.

    Parameters
    ----------
    a, b : Sample
        Samples of the two families.
    over : str
        One of ``Over``. A family that is not a sample of instances adds no variance over instances.
    confidence : float
        Probability that the interval covers, between 0 and 1.
    n_resamples, seed : int
        Number of draws of neurons, and seed of the draws; both samples share the draws.

    Returns
    -------
    Inference
        Mean of a minus the mean of b. If a variance is unknown, there is no test, and `reason` says why.

    Raises
    ------
    UsageError
        If `confidence` is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample, infer_difference
    >>> vae = Sample("vae", np.array([0.61, 0.64, 0.60, 0.63]))
    >>> ica = Sample("ica", np.array([0.50, 0.53, 0.49, 0.51]))
    >>> result = infer_difference(vae, ica, "instances")
    >>> f"{result.estimate:.4f} ({result.ci_low:.3f} to {result.ci_high:.3f})"
    '0.1125 (0.082 to 0.143)'
    """
    return _infer([(1.0, a), (-1.0, b)], over, confidence, n_resamples, seed)


def infer_mean(
    sample: Sample,
    over: Over,
    *,
    confidence: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Inference:
    """Return the mean of a sample with its interval.

    Parameters
    ----------
    sample : Sample
        Sample of a family.
    over : str
        One of ``Over``.
    confidence : float
        Level of the interval.
    n_resamples, seed : int
        Number of draws of neurons, and seed.

    Returns
    -------
    Inference
        Mean with its interval. Where a variance is unknown, `reason` says why there is no interval.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample, infer_mean
    >>> result = infer_mean(Sample("vae", np.array([0.61, 0.64, 0.60, 0.63])), "instances")
    >>> f"{result.estimate:.2f} ({result.ci_low:.3f} to {result.ci_high:.3f})"
    '0.62 (0.591 to 0.649)'
    """
    return _infer([(1.0, sample)], over, confidence, n_resamples, seed)


def infer_own_mean(sample: Sample) -> Inference:
    """Return the mean of a sample with the interval that leaderboards and figures show.

    Parameters
    ----------
    sample : Sample
        Sample of a family.

    Returns
    -------
    Inference
        For a sample of instances, the interval is over instances and neurons, or over instances alone if neurons
        cannot be drawn. For other families, the interval is over neurons.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample, infer_own_mean
    >>> infer_own_mean(Sample("vae", np.array([0.61, 0.64, 0.60, 0.63]))).over
    'instances'
    """
    interval = infer_mean(sample, "instances and neurons" if sample.is_sample else "neurons")
    return infer_mean(sample, "instances") if interval.reason and sample.is_sample else interval


def decide(a: Sample, b: Sample) -> Over:
    """Return the scope of the deciding test of two samples: everything that was sampled and has a known variance.

    Parameters
    ----------
    a, b : Sample
        Samples of the two families.

    Returns
    -------
    str
        One of ``Over``.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample, decide
    >>> decide(Sample("vae", np.array([0.61, 0.64])), Sample("ica", np.array([0.50, 0.53])))
    'instances'
    """
    instances = a.is_sample or b.is_sample
    if a.of_neurons is None or b.of_neurons is None:
        return "instances" if instances else "neurons"
    if a.of_stimuli is not None and b.of_stimuli is not None:
        return "instances, neurons and stimuli" if instances else "neurons and stimuli"
    return "instances and neurons" if instances else "neurons"


#: Samples with their signs; the estimate is the signed sum of their means.
_Signed = Sequence[tuple[float, Sample]]


@dataclass
class _Sources:
    """Independent standard errors with their degrees of freedom, the numbers of sampled things, and names of tests."""

    errors: list[float]
    freedoms: list[float]
    numbers: list[str]
    methods: list[str]
    reason: str = ""
    least_p: float = 0.0


def _infer(signed: _Signed, over: Over, confidence: float, n_resamples: int, seed: int) -> Inference:
    if not 0 < confidence < 1:
        raise UsageError(f"confidence must be between 0 and 1, got {confidence}")
    estimate = sum(sign * sample.mean for sign, sample in signed)
    sources = _Sources([], [], [], [])
    if "instances" in over:
        _add_instances(signed, sources, alone=over == "instances")
    if "neurons" in over or "stimuli" in over:
        _add_bootstrap(signed, over, sources, n_resamples, seed)
    n, method = " × ".join(filter(None, sources.numbers)), _describe(over, sources)
    if sources.reason:
        return Inference(over, n, "", estimate, reason=sources.reason)
    if not np.isfinite(estimate):
        return Inference(over, n, "", estimate, reason="a family has no score")
    test = crossed_test(estimate, sources.errors, sources.freedoms)
    error, df = float(test.standard_error), float(test.df)
    if not np.isfinite(error):
        return Inference(over, n, "", estimate, reason="nothing varies")
    low, high = map(float, t_interval(estimate, error, df, confidence=confidence))
    p = max(float(test.p), sources.least_p)
    return Inference(over, n, method, estimate, error, df, low, high, p)


def _describe(over: Over, sources: _Sources) -> str:
    return sources.methods[0] if len(sources.methods) == 1 else "sum of variances, t"


def _add_instances(signed: _Signed, sources: _Sources, *, alone: bool) -> None:
    """Add the variance over instances of each family that is a sample of instances."""
    not_sampled = [sample.why_no_sample for _, sample in signed if not sample.is_sample]
    if not_sampled and (alone or len(not_sampled) == len(signed)):
        sources.reason = "; ".join(dict.fromkeys(not_sampled))
        return
    sampled = [sample for _, sample in signed if sample.is_sample]
    sources.numbers.append(" and ".join(str(sample.n) for sample in sampled))
    sources.methods.append("Welch's t-test" if len(signed) > 1 else "t")
    few = [sample for sample in sampled if sample.n < 2]
    if few:
        sources.reason = f"{few[0].name} has {'one instance' if few[0].n else 'no instance'} with a score"
        return
    if alone and not any(varies(sample.values) for sample in sampled):
        sources.reason = "the instances do not vary"
        return
    for sample in sampled:
        spread = sample.values.std(ddof=1) if varies(sample.values) else 0.0
        sources.errors.append(float(spread / np.sqrt(sample.n)))
        sources.freedoms.append(sample.n - 1.0)


def _add_bootstrap(signed: _Signed, over: Over, sources: _Sources, n_resamples: int, seed: int) -> None:
    """Add the variance of a bootstrap over neurons, stimuli or both, drawn for all families together."""
    reason = _why_no_bootstrap(signed, stimuli="stimuli" in over)
    if reason:
        sources.reason = sources.reason or reason
        return
    n_neurons = len(signed[0][1].neurons)
    drawn = [sign * sample.drawn(n_resamples, seed) for sign, sample in signed]
    v_neurons = float(np.sum(drawn, axis=0).var(ddof=1)) if n_neurons > 1 else _NAN
    largest = max(float(np.abs(distribution).max()) for distribution in drawn)
    if not v_neurons > (_ROUNDING * largest) ** 2:
        sources.reason = sources.reason or "the neurons do not vary, so they cannot be drawn"
        return
    draws = [sample.of_stimuli for _, sample in signed if sample.of_stimuli is not None]
    if "stimuli" not in over:
        sources.errors.append(float(np.sqrt(v_neurons)))
        sources.freedoms.append(n_neurons - 1.0)
        sources.numbers.append(f"{n_neurons:,}")
        sources.methods.append(f"paired bootstrap, {n_resamples:,} draws, t")
        return
    n_stimuli, n_draws = draws[0].n_originals, len(draws[0].values)
    both = np.sum([sign * draw.values for (sign, _), draw in zip(signed, draws, strict=True)], axis=0)
    v_stimuli, v_both = both.var(axis=0, ddof=1)
    if "neurons" in over:
        variance = dual_variance(
            v_neurons, float(v_stimuli), float(v_both), n_neurons=n_neurons, n_stimuli=n_stimuli
        )
        # A standard error from n draws has n − 1 degrees of freedom at most.
        sources.freedoms.append(min(n_neurons, n_stimuli, n_draws) - 1.0)
        sources.numbers.append(f"{n_neurons:,} × {n_stimuli:,}")
        sources.methods.append(f"dual bootstrap, {n_draws:,} draws, t")
    else:
        variance = float(v_stimuli)
        sources.freedoms.append(min(n_stimuli, n_draws) - 1.0)
        sources.numbers.append(f"{n_stimuli:,}")
        sources.methods.append(f"bootstrap with fits, {n_draws:,} draws, t")
    sources.errors.append(float(np.sqrt(variance)) if variance > (_ROUNDING * largest) ** 2 else _NAN)
    if "instances" not in over:
        # The smallest p-value that counting the draws could give.
        sources.least_p = 2 / (1 + n_draws)


def _why_no_bootstrap(signed: _Signed, *, stimuli: bool) -> str:
    samples = [sample for _, sample in signed]
    missing = [sample.why_no_neurons for sample in samples if sample.of_neurons is None]
    if missing:
        return "; ".join(dict.fromkeys(missing))
    if any(sample.neurons != samples[0].neurons for sample in samples):
        return f"{samples[0].name} and {samples[-1].name} were scored on different neurons"
    if not stimuli:
        return ""
    missing = [sample.why_no_stimuli for sample in samples if sample.of_stimuli is None]
    if missing:
        return "; ".join(dict.fromkeys(missing))
    draws = [sample.of_stimuli for sample in samples if sample.of_stimuli is not None]
    if len({(draw.n_originals, draw.seed, len(draw.values)) for draw in draws}) > 1:
        return "the families were fitted to different draws of stimuli"
    return ""


def infer_equivalence(
    a: Sample,
    b: Sample,
    *,
    margin: float,
    alpha: float = 0.05,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Equivalence:
    """Test whether two samples have equal means within a margin, by two one-sided tests (:func:`decide`).

    Parameters
    ----------
    a, b : Sample
        Samples of the two families.
    margin : float
        Largest difference of the means that does not matter, in units of the statistic.
    alpha : float
        Level of each one-sided test, between 0 and 0.5.
    n_resamples, seed : int
        Number of draws of neurons, and seed of the draws.

    Returns
    -------
    Equivalence
        Verdict "yes", "no" or "cannot tell", from the interval of level 1 − 2 alpha of the difference a minus b.

    Raises
    ------
    UsageError
        If the margin is not positive or `alpha` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample, infer_equivalence
    >>> vae, ica = Sample("vae", np.array([0.61, 0.64, 0.60, 0.63])), Sample("ica", np.array([0.60, 0.63, 0.62, 0.64]))
    >>> infer_equivalence(vae, ica, margin=0.05).verdict
    'yes'
    """
    if not (np.isfinite(margin) and margin > 0):
        raise UsageError(f"margin must be a positive number, got {margin}")
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha must be between 0 and 0.5, got {alpha}")
    level = 1 - 2 * alpha
    test = infer_difference(a, b, decide(a, b), confidence=level, n_resamples=n_resamples, seed=seed)
    if test.reason:
        return Equivalence("cannot tell", test.reason, _NAN, test.estimate, _NAN, _NAN, margin, a.n, b.n)
    nearer = (margin - abs(test.estimate)) / test.standard_error
    verdict: Literal["yes", "no", "cannot tell"]
    if -margin < test.ci_low and test.ci_high < margin:
        verdict, where = "yes", "lies within"
    elif test.ci_low > margin or test.ci_high < -margin:
        verdict, where = "no", "lies outside"
    else:
        verdict, where = "cannot tell", "lies across a limit of"
    from scipy.special import stdtr

    return Equivalence(
        verdict,
        f"the {100 * level:g} % interval of the difference over {test.over}, {test.ci_low:.3f} to "
        f"{test.ci_high:.3f}, {where} ±{margin:g}",
        float(stdtr(test.df, -nearer)),
        test.estimate,
        test.ci_low,
        test.ci_high,
        margin,
        a.n,
        b.n,
    )
