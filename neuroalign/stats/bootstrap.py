"""Bootstrap over neurons for weighted means, their differences, and other statistics of drawn neurons."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_numbers

#: A statistic of several resamples of neurons, given as indices (n_resamples, n_neurons).
OfNeurons = Callable[[NDArray[np.int64]], NDArray[np.float64]]

#: Indices of neurons that are drawn at a time.
BATCH = 2**22
#: A spread below this share of the value is rounding.
ROUNDING = 1e-14
_NAN = float("nan")


@dataclass(frozen=True)
class Bootstrap:
    """Result of :func:`bootstrap_weighted_mean` and the others."""

    #: Statistic of the original observations.
    estimate: float
    #: Bounds of the confidence interval.
    low: float
    high: float
    #: Standard deviation of the distribution; corrected for ``both`` of a :class:`DualBootstrap`.
    standard_error: float
    #: Statistic of each resample, (n_resamples,).
    distribution: NDArray[np.float64]
    #: Two-sided p-value of the hypothesis that the statistic is 0, meant for differences.
    p: float


def bootstrap_weighted_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    method: Literal["bca", "percentile"] = "bca",
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Bootstrap:
    """Bootstrap a weighted mean, drawing the weights along with the values.

    Alignment is such a mean: 1 - H over neurons, where the sum of its ``|weights|`` weights each neuron. Resampling
    neurons therefore needs no new fit.

    Parameters
    ----------
    values : array of float, shape (n,) or (n_instances, n)
        Ignored where the weight is zero; may be NaN there. For several instances the statistic is the mean of their
        weighted means, and every draw takes the same neurons for all instances.
    weights : array of float, the shape of `values`
        Weights, not negative.
    method : {"bca", "percentile"}
        "bca" corrects the percentiles for bias and for a standard error that changes with the statistic.
    confidence : float
        Probability that the interval covers, between 0 and 1.
    n_resamples : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    Bootstrap
        Resamples without any weight count as 0, like the alignment of a model that predicts no neuron. The interval
        and the standard error are NaN if fewer than two observations have weight, or if their values are all equal.

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
    >>> import numpy as np
    >>> from neuroalign.stats import bootstrap_weighted_mean
    >>> from neuroalign.metrics import completeness
    >>> W = np.random.default_rng(0).standard_normal((10, 60)) ** 5
    >>> result = bootstrap_weighted_mean(completeness(W).per_neuron, np.abs(W).sum(axis=0))
    >>> f"{result.estimate:.2f} ({result.low:.2f} to {result.high:.2f})"
    '0.72 (0.65 to 0.85)'
    """
    of_neurons, n = weighted_mean(values, weights), np.shape(values)[-1]
    result = bootstrap_neurons(of_neurons, n, method, confidence, n_resamples, seed)
    return result if _varies(values, weights) else without_interval(result)


def bootstrap_weighted_difference(
    values_a: ArrayLike,
    weights_a: ArrayLike,
    values_b: ArrayLike,
    weights_b: ArrayLike,
    *,
    method: Literal["bca", "percentile"] = "bca",
    confidence: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Bootstrap:
    """Bootstrap the difference of two models' weighted means over the same neurons.

    Each resample draws the same neurons for both models, so that variation that they share cancels out.

    Parameters
    ----------
    values_a, weights_a : arrays of float, shape (n,) or (n_instances, n)
        Terms of one model, or of the instances of one family; see :func:`bootstrap_weighted_mean`.
    values_b, weights_b : arrays of float, shape (n,) or (m_instances, n)
        Terms of the other model or family, for the same neurons in the same order.
    method, confidence, n_resamples, seed
        As for :func:`bootstrap_weighted_mean`.

    Returns
    -------
    Bootstrap
        Bootstrap of the difference, mean of a minus mean of b. Its ``p`` is ``2 (1 + k)/(1 + n_resamples)``, at most
        1, where k counts the differences on the rarer side of 0.

    Raises
    ------
    ArrayError, UsageError
        As :func:`bootstrap_weighted_mean`, and if the numbers of neurons differ.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import bootstrap_weighted_difference
    >>> rng = np.random.default_rng(0)
    >>> a, weights = rng.uniform(0.4, 0.6, 50), np.ones(50)
    >>> result = bootstrap_weighted_difference(a + 0.1, weights, a, weights + rng.uniform(size=50))
    >>> f"{result.estimate:.3f} ({result.low:.3f} to {result.high:.3f})"
    '0.100 (0.097 to 0.104)'
    """
    a, b = weighted_mean(values_a, weights_a), weighted_mean(values_b, weights_b)
    n = np.shape(values_a)[-1]
    if np.shape(values_b)[-1] != n:
        raise ArrayError(f"a and b must be of the same neurons, got {n} and {np.shape(values_b)[-1]}")
    result = bootstrap_neurons(
        lambda neurons: a(neurons) - b(neurons), n, method, confidence, n_resamples, seed
    )
    varies = _varies(values_a, weights_a) or _varies(values_b, weights_b)
    return result if varies else without_interval(result)


def bootstrap_means(
    of_counts: Sequence[Callable[[NDArray[np.float64]], NDArray[np.float64]]],
    n_neurons: int,
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Bootstrap several statistics over the neurons that they share.

    Parameters
    ----------
    of_counts : sequence of callable
        Functions from counts of the neurons, (n_draws, n_neurons), to a statistic, (n_draws,), such as a
        :class:`neuroalign.scoring.resampling.NeuronStatistic`.
    n_neurons, n_resamples, seed : int
        Number of neurons, number of draws, and seed of the draws.

    Returns
    -------
    array of float64, shape (n_statistics, n_resamples)
        Values for the same draws of neurons in every row: the difference of two rows is the distribution of the
        difference.

    Raises
    ------
    UsageError
        If an option is out of range.

    Examples
    --------
    >>> from neuroalign.scoring.resampling import NeuronStatistic
    >>> from neuroalign.stats import bootstrap_means
    >>> neurons = ["n0", "n1", "n2", "n3"]
    >>> a = NeuronStatistic.weighted_mean(neurons, [0.1, 0.2, 0.3, 0.4])
    >>> b = NeuronStatistic.weighted_mean(neurons, [0.2, 0.3, 0.4, 0.5])
    >>> drawn = bootstrap_means([a, b], n_neurons=4, n_resamples=1000)
    >>> drawn.shape, round(float((drawn[1] - drawn[0]).std()), 6)
    ((2, 1000), 0.0)
    """
    check_options(0.95, n_resamples, seed)
    means, rng = np.empty((len(of_counts), n_resamples)), np.random.default_rng(seed)
    batch = max(1, BATCH // max(n_neurons, 1))
    for start in range(0, n_resamples if len(of_counts) else 0, batch):
        stop = min(start + batch, n_resamples)
        counts = count_neurons(rng.integers(0, n_neurons, size=(stop - start, n_neurons)), n_neurons)
        for row, statistic in zip(means, of_counts, strict=True):
            row[start:stop] = statistic(counts)
    return means


def weighted_mean(values: ArrayLike, weights: ArrayLike) -> OfNeurons:
    """Return the weighted mean as a function of drawn neurons, for :func:`dual_bootstrap`.

    Parameters
    ----------
    values, weights : arrays of float, shape (n,) or (n_instances, n)
        Terms of the mean; see :func:`bootstrap_weighted_mean`.

    Returns
    -------
    callable
        Function that takes indices of neurons (n_resamples, n_drawn), returns (n_resamples,).

    Raises
    ------
    ArrayError
        As :func:`bootstrap_weighted_mean`.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import weighted_mean
    >>> of_neurons = weighted_mean([0.2, 0.4, 0.9], [1.0, 1.0, 0.0])
    >>> of_neurons(np.array([[0, 1, 2], [1, 1, 2]])).round(3)
    array([0.3, 0.4])
    """
    of_counts, n = _of_counts(values, weights), np.shape(values)[-1]
    return lambda neurons: of_counts(count_neurons(neurons, n))


def count_neurons(neurons: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Count how often each neuron was drawn.

    Parameters
    ----------
    neurons : array of int, shape (n_resamples, n_drawn)
        Indices of the drawn neurons, from 0 to n - 1.
    n : int
        Number of neurons.

    Returns
    -------
    array of float64, shape (n_resamples, n)
        Number of draws of each neuron in each resample.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import count_neurons
    >>> count_neurons(np.array([[0, 0, 2], [1, 2, 0]]), 3)
    array([[2., 0., 1.],
           [1., 1., 1.]])
    """
    number = len(neurons)
    rows = np.repeat(np.arange(number), neurons.shape[1])
    counted = np.bincount(rows * n + neurons.ravel(), minlength=number * n)
    return counted.reshape(number, n).astype(np.float64)


def _of_counts(values: ArrayLike, weights: ArrayLike) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the mean over instances of weighted means as a function of counts of the neurons."""
    given = np.atleast_2d(as_numbers(weights, np.float64))
    terms = np.atleast_2d(as_numbers(values, np.float64))
    if given.ndim != 2 or np.shape(weights) != np.shape(values):
        raise ArrayError(
            "values and weights must have one shape (n,) or (n_instances, n), "
            f"got {np.shape(values)} and {np.shape(weights)}"
        )
    unusable = ~((given >= 0) & np.isfinite(given) & ((given == 0) | np.isfinite(terms)))
    if unusable.any():
        index = np.unravel_index(int(unusable.argmax()), given.shape)
        where = ", ".join(str(int(number)) for number in index[2 - np.ndim(values) :])
        raise ArrayError(
            f"values must be finite and weights not negative; [{where}] are {terms[index]} and {given[index]}"
        )
    weighted = np.where(given > 0, given * np.where(given > 0, terms, 0.0), 0.0)

    def of_counts(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        # Two products of matrices serve all instances.
        sums, total = counts @ weighted.T, counts @ given.T
        means: NDArray[np.float64] = divide(sums, total, otherwise=0.0).mean(axis=1)
        return means

    return of_counts


def bootstrap_neurons(
    of_neurons: OfNeurons, n: int, method: str, confidence: float, n_resamples: int, seed: int
) -> Bootstrap:
    """Bootstrap any statistic over neurons.

    Parameters
    ----------
    of_neurons : callable
        Function of indices of neurons, (n_draws, n), that returns the statistic of each row, (n_draws,).
    n : int
        Number of neurons.
    method : {"bca", "percentile"}
        Method of the interval; see :func:`bootstrap_weighted_mean`.
    confidence : float
        Probability that the interval covers, between 0 and 1.
    n_resamples, seed : int
        Number of draws, and seed of the draws.

    Returns
    -------
    Bootstrap
        NaN except for the estimate if there are fewer than two neurons.

    Raises
    ------
    UsageError
        If an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import bootstrap_neurons
    >>> values = np.random.default_rng(0).standard_normal(50)
    >>> median = bootstrap_neurons(
    ...     lambda neurons: np.median(values[neurons], axis=1), 50, "percentile", 0.95, n_resamples=1000, seed=0
    ... )
    >>> f"{median.estimate:.2f} ± {median.standard_error:.2f}"
    '0.10 ± 0.17'
    """
    from scipy import stats

    if method not in ("bca", "percentile"):
        raise UsageError(f"method must be 'bca' or 'percentile', got {method!r}")
    check_options(confidence, n_resamples, seed)
    estimate = float(of_neurons(np.arange(n)[None])[0])
    if n < 2:
        return Bootstrap(estimate, _NAN, _NAN, _NAN, np.full(n_resamples, _NAN), _NAN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)
        result = stats.bootstrap(
            (np.arange(n),),
            lambda neurons, axis: of_neurons(np.atleast_2d(neurons)).reshape(neurons.shape[:-1]),
            vectorized=True,
            method="BCa" if method == "bca" else "percentile",
            confidence_level=confidence,
            n_resamples=n_resamples,
            batch=max(1, BATCH // n),
            random_state=np.random.default_rng(seed),
        )
    distribution = result.bootstrap_distribution
    drawn = Bootstrap(
        estimate,
        float(result.confidence_interval.low),
        float(result.confidence_interval.high),
        float(result.standard_error),
        distribution,
        _p_by_counting(distribution),
    )
    constant = np.ptp(distribution) <= ROUNDING * np.abs(distribution).max(initial=0.0)
    return without_interval(drawn) if constant else drawn


def _p_by_counting(distribution: NDArray[np.float64]) -> float:
    rarer = min(int((distribution <= 0).sum()), int((distribution >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (1 + distribution.size))


def without_interval(result: Bootstrap) -> Bootstrap:
    """Return the estimate alone, for a statistic that does not vary."""
    nothing = np.full(result.distribution.size, _NAN)
    return Bootstrap(result.estimate, _NAN, _NAN, _NAN, nothing, _NAN)


def _varies(values: ArrayLike, weights: ArrayLike) -> bool:
    """Whether the values with weight differ in at least one instance."""
    terms = np.atleast_2d(as_numbers(values, np.float64))
    given = np.atleast_2d(as_numbers(weights, np.float64))
    return any(np.ptp(row[weight > 0]) > 0 for row, weight in zip(terms, given, strict=True) if weight.any())


def check_options(confidence: float, n_resamples: int, seed: int) -> None:
    """Raise an error for options of a bootstrap that are out of range."""
    if not 0 < confidence < 1:
        raise UsageError(f"confidence must be between 0 and 1, got {confidence}")
    if n_resamples < 2 or seed < 0:
        raise UsageError(
            f"n_resamples must be at least 2 and seed not negative, got {n_resamples} and {seed}"
        )
