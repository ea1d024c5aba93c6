"""Bootstrap over stimuli, and over neurons and stimuli together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.progress import progress
from neuroalign.stats.bootstrap import (
    ROUNDING,
    Bootstrap,
    OfNeurons,
    bootstrap_neurons,
    check_options,
    without_interval,
)
from neuroalign.stats.grouped import draw_stimuli
from neuroalign.stats.student import t_interval, t_p_value

_NAN = float("nan")


@dataclass(frozen=True)
class DualBootstrap:
    """Result of :func:`dual_bootstrap`."""

    #: Neurons drawn, stimuli fixed.
    neurons: Bootstrap
    #: Stimuli drawn, neurons fixed.
    stimuli: Bootstrap
    #: Neurons and stimuli drawn; the standard error is corrected, and less than the spread of the distribution.
    both: Bootstrap


def dual_bootstrap(
    fit: Callable[[NDArray[np.int64]], OfNeurons],
    *,
    n_stimuli: int,
    n_neurons: int,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 200,
    n_neuron_resamples: int = 10_000,
    seed: int = 0,
) -> DualBootstrap:
    """Bootstrap a statistic over neurons, over stimuli, and over both, with one fit for each draw of stimuli.

    Parameters
    ----------
    fit : callable
        Function of indices of stimuli, (n_drawn,), some of them repeated. It returns a function of indices of neurons,
        (n, n_neurons), which returns the statistic of each row, (n,). Folds of cross-validation must belong to the
        stimuli, ``folds[stimuli]``, so that no stimulus is in a training set and in its test set.
    n_stimuli, n_neurons : int
        Numbers of stimuli and neurons of the recording, at least two.
    groups : array of int, shape (n_stimuli,), optional
        Original of each stimulus, for stimuli that are variants: originals are drawn, each with all its variants, and
        their number takes the place of n_stimuli below. See :func:`neuroalign.stats.draw_stimuli`.
    confidence : float
        Probability that the intervals cover, between 0 and 1.
    n_resamples : int
        Number of draws of stimuli; each needs a fit.
    n_neuron_resamples : int
        Number of draws of neurons alone, which need no fit.
    seed : int
        Seed of all draws.

    Returns
    -------
    DualBootstrap
        Over neurons, the interval is BCa and the p-value counts draws. Over stimuli and over both, the interval is
        ``estimate ± t · standard_error``, and p comes from the t-test but is at least ``2/(1 + n_resamples)``, the
        smallest p-value of counting. The degrees of freedom are one less than the smallest of `n_resamples`, n_stimuli
        and, for both, n_neurons.

    Raises
    ------
    UsageError
        If an option is out of range.
    ArrayError
        If `groups` does not have one label from 0 without gaps for each stimulus.

    Notes
    -----
    **The correction.** The variance of a bootstrap over both contains the variance of noise and of the interaction
    three times: by neurons, by stimuli and by both. With the variances v of the three bootstraps, J neurons
    and N stimuli, the corrected variance is ::

        J/(J−1) v_neurons + N/(N−1) v_stimuli − JN/((J−1)(N−1)) (v_both − v_neurons − v_stimuli)

    which is 2 (v_neurons + v_stimuli) − v_both for many neurons and stimuli. It is limited to the range from the larger
    of the first two terms to v_both.

    **Why t.** A resample holds some 63 % of the stimuli. A fit to a resample differs systematically
    from a fit to all stimuli, so that percentiles of the distribution lie beside the estimate. Only the spread of the
    distribution is used.

    References
    ----------
    Schütt, H. H., Kipnis, A. D., Diedrichsen, J. & Kriegeskorte, N. (2023). Statistical inference on representational
    geometries. eLife 12:e82566, "Estimating the variance of model-performance estimates"; the small-sample form
    comes from rsatoolbox 0.3.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.stats import dual_bootstrap
    >>> errors = np.random.default_rng(0).standard_normal((40, 15))
    >>> result = dual_bootstrap(
    ...     lambda stimuli: lambda neurons: errors[stimuli].mean(axis=0)[neurons].mean(axis=1),
    ...     n_stimuli=40, n_neurons=15, n_resamples=50, n_neuron_resamples=200,
    ... )
    >>> result.both.standard_error >= result.neurons.standard_error
    True
    """
    check_options(confidence, n_resamples, seed)
    if n_stimuli < 2 or n_neurons < 2:
        raise UsageError(
            f"a bootstrap needs two stimuli and two neurons at least, got {n_stimuli} and {n_neurons}"
        )
    labels = np.arange(n_stimuli) if groups is None else np.asarray(groups)
    if labels.shape != (n_stimuli,):
        raise ArrayError(f"groups must have shape ({n_stimuli},), got {labels.shape}")
    n_originals = int(labels.max()) + 1
    if n_originals < 2:
        raise UsageError(f"a bootstrap over stimuli needs two originals at least, got {n_originals}")
    of_neurons = fit(np.arange(n_stimuli))
    over_neurons = bootstrap_neurons(of_neurons, n_neurons, "bca", confidence, n_neuron_resamples, seed)
    everyone = np.arange(n_neurons)
    draws = np.empty((n_resamples, 2))
    for index in progress(range(n_resamples), description="bootstrap", total=n_resamples, unit="resample"):
        stimuli, neurons = draw_stimuli_and_neurons(seed, index, labels, n_neurons)
        draws[index] = fit(stimuli)(np.stack([everyone, neurons]))
    v_neurons = float(over_neurons.distribution.var(ddof=1))
    v_stimuli, v_both = draws.var(axis=0, ddof=1)
    variance = dual_variance(v_neurons, v_stimuli, v_both, n_neurons=n_neurons, n_stimuli=n_originals)
    return DualBootstrap(
        over_neurons,
        _by_t(over_neurons.estimate, v_stimuli, n_originals, confidence, draws[:, 0]),
        _by_t(over_neurons.estimate, variance, min(n_originals, n_neurons), confidence, draws[:, 1]),
    )


def dual_variance(
    v_neurons: float, v_stimuli: float, v_both: float, *, n_neurons: int, n_stimuli: int
) -> float:
    """Correct the variance of a bootstrap over neurons and stimuli; see :func:`dual_bootstrap`.

    Parameters
    ----------
    v_neurons, v_stimuli, v_both : float
        Variances of the bootstraps over neurons, over stimuli, and over both.
    n_neurons, n_stimuli : int
        Numbers of neurons and stimuli, at least two.

    Returns
    -------
    float
        Corrected variance. It is raised to the larger of J/(J−1) `v_neurons` and N/(N−1) `v_stimuli`, for J neurons and
        N stimuli, where it is less, and then limited to `v_both`.

    Examples
    --------
    >>> from neuroalign.stats import dual_variance
    >>> round(dual_variance(1.0, 2.0, 3.5, n_neurons=10, n_stimuli=20), 3)
    2.632
    """
    of_neurons, of_stimuli = n_neurons / (n_neurons - 1), n_stimuli / (n_stimuli - 1)
    interaction = of_neurons * of_stimuli * (v_both - v_neurons - v_stimuli)
    corrected = of_neurons * v_neurons + of_stimuli * v_stimuli - interaction
    return float(min(max(corrected, of_neurons * v_neurons, of_stimuli * v_stimuli), v_both))


def draw_stimuli_and_neurons(
    seed: int, index: int, groups: ArrayLike, n_neurons: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return one draw of a bootstrap over stimuli and neurons, equal for all models so that draws pair.

    Parameters
    ----------
    seed, index : int
        Seed of the bootstrap, and number of the draw.
    groups : array of int, shape (n_stimuli,)
        Original of each stimulus; originals are drawn, each with all its variants. See
        :func:`neuroalign.stats.draw_stimuli`.
    n_neurons : int
        Number of neurons of the recording, and of drawn neurons.

    Returns
    -------
    rows : array of int, shape (n_drawn,)
        Rows of the drawn stimuli, independent of the number of neurons.
    neurons : array of int, shape (n_neurons,)
        Indices of the drawn neurons.

    Examples
    --------
    >>> from neuroalign.stats import draw_stimuli_and_neurons
    >>> stimuli, neurons = draw_stimuli_and_neurons(0, 3, [0, 1, 2, 3], n_neurons=5)
    >>> stimuli, neurons
    (array([2, 3, 3, 3]), array([3, 1, 2, 1, 4]))
    """
    rng = np.random.default_rng([seed, index])
    return draw_stimuli(groups, rng), rng.integers(n_neurons, size=n_neurons)


def _by_t(
    estimate: float, variance: float, n: int, confidence: float, distribution: NDArray[np.float64]
) -> Bootstrap:
    # The number of draws limits the precision of the standard error.
    freedom = min(n, distribution.size) - 1
    error = float(np.sqrt(variance))
    if not error > ROUNDING * abs(estimate):
        return without_interval(Bootstrap(estimate, _NAN, _NAN, _NAN, distribution, _NAN))
    low, high = t_interval(estimate, error, freedom, confidence=confidence)
    p = max(t_p_value(estimate / error, freedom), 2 / (1 + distribution.size))
    return Bootstrap(estimate, float(low), float(high), error, distribution, min(1.0, float(p)))
