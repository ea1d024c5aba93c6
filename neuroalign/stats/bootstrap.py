"""Bootstrap over observations, such as neurons."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError

# Numbers that are drawn at a time.
_BATCH = 2**22


@dataclass(frozen=True)
class Bootstrap:
    """Result of :func:`bootstrap_weighted_mean`."""

    #: Of the observations themselves.
    estimate: float
    #: Bounds of the confidence interval.
    low: float
    high: float
    #: Standard deviation of the distribution.
    standard_error: float
    #: The statistic of each resample, (n_resamples,).
    distribution: NDArray[np.float64]


def bootstrap_weighted_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    method: Literal["bca", "percentile"] = "bca",
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Bootstrap:
    """Bootstrap a weighted mean whose weights are drawn along with its values.

    Alignment is such a mean, of 1 - H over neurons, each weighted by the sum of its ``|weights|``. So it is resampled
    over neurons without a fit, from the weights of one.

    Parameters
    ----------
    values : array of float, shape (n,)
        Ignored where the weight is zero; may be NaN there.
    weights : array of float, shape (n,)
        Not negative.
    method : {"bca", "percentile"}
        "bca" corrects the percentiles for bias and for a standard error that changes with the statistic.
    confidence : float
        Between 0 and 1.
    n_resamples : int
    seed : int

    Returns
    -------
    Bootstrap
        Resamples without any weight count as 0, as the alignment does of a model that predicts no neuron. The interval
        and the standard error are NaN if fewer than two observations have weight, or all of those have one value.

    Raises
    ------
    ArrayError
        If shapes differ, a weight is negative, or a number is not finite.
    UsageError
        If an option is out of range.

    References
    ----------
    Efron (1987), J. Am. Stat. Assoc. 82:171.

    Examples
    --------
    >>> from neuroalign.metrics import completeness
    >>> W = np.random.default_rng(0).standard_normal((10, 60)) ** 5
    >>> result = bootstrap_weighted_mean(completeness(W).per_neuron, np.abs(W).sum(axis=0))
    >>> f"{result.estimate:.2f} ({result.low:.2f} to {result.high:.2f})"
    '0.72 (0.65 to 0.85)'
    """
    from scipy import stats

    given = np.asarray(weights, dtype=np.float64)
    of_given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or given.shape != of_given.shape:
        raise ArrayError(
            f"values and weights must have one shape (n,), not {of_given.shape} and {given.shape}"
        )
    unusable = ~((given >= 0) & np.isfinite(given) & ((given == 0) | np.isfinite(of_given)))
    if unusable.any():
        index = int(unusable.argmax())
        raise ArrayError(
            f"values must be finite and weights not negative; [{index}] are {of_given[index]} and {given[index]}"
        )
    if method not in ("bca", "percentile"):
        raise UsageError(f"method must be 'bca' or 'percentile', not {method!r}")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence must be between 0 and 1, not {confidence}")
    if n_resamples < 2 or seed < 0:
        raise UsageError(
            f"n_resamples must be 2 at least and seed not negative, not {n_resamples} and {seed}"
        )
    weighted = np.where(given > 0, given * np.where(given > 0, of_given, 0.0), 0.0)
    estimate = float(_ratio(weighted, given))
    used = of_given[given > 0]
    if used.size < 2 or np.ptp(used) == 0:
        nan = float("nan")
        return Bootstrap(estimate, nan, nan, nan, np.full(n_resamples, nan))
    result = stats.bootstrap(
        (weighted, given),
        _ratio,
        paired=True,
        vectorized=True,
        method="BCa" if method == "bca" else "percentile",
        confidence_level=confidence,
        n_resamples=n_resamples,
        batch=max(1, _BATCH // given.size),
        random_state=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return Bootstrap(
        estimate, float(low), float(high), float(result.standard_error), result.bootstrap_distribution
    )


def _ratio(weighted: NDArray[np.float64], weights: NDArray[np.float64], axis: int = -1) -> Any:
    """Return Σ weighted values / Σ weights, or 0 where there is no weight."""
    total = weights.sum(axis=axis)
    return np.where(total > 0, weighted.sum(axis=axis) / np.where(total > 0, total, 1.0), 0.0)
