"""Reliability of neurons, and correlations corrected for noise, from trials or from standard errors of means."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_numbers
from neuroalign.metrics.inputs import as_matrix, constant_columns


@dataclass(frozen=True)
class Reliability:
    """Result of :func:`reliability`."""

    #: Reliability of the mean over trials, (J,): the largest share of its variance that a model is expected to explain.
    per_neuron: NDArray[np.float64]
    #: Ratio of the variance of the signal over stimuli to the variance of the noise of one trial, (J,); never negative.
    snr: NDArray[np.float64]


def reliability(trials: ArrayLike, *, n_splits: int = 20, seed: int = 0) -> Reliability:
    """Estimate the reliability of each neuron's mean response from split halves.

    Parameters
    ----------
    trials : array of shape (N, R, J)
        Single trials, NaN for missing trials. Stimuli may have different numbers of trials.
    n_splits : int
        Number of random halvings, over which the correlations are averaged.
    seed : int
        Seed of the halvings.

    Returns
    -------
    Reliability
        NaN for neurons without variance, or with fewer than three stimuli that have two trials.

    Raises
    ------
    ArrayError
        If the array does not have three dimensions, or a value is infinite.
    UsageError
        If `n_splits` is less than 1.

    Notes
    -----
    Each half of a stimulus with n trials has h = ⌊n/2⌋ trials. The Spearman-Brown formula k·r / (1 + (k - 1)·r) extends
    the correlation r of the halves to all trials. The variance of the noise of a mean is inversely proportional to its
    number of trials, so k is the mean of 1/h over stimuli divided by the mean of 1/n; with equal and even numbers of
    trials k = 2. A negative r, which arises by chance, is extended as ``-(k·|r|) / (1 + (k - 1)·|r|)``: the formula
    itself has a pole at negative r, and would give values of -20 with few stimuli.

    References
    ----------
    Spearman (1910), Br. J. Psychol. 3:271; Brown (1910), Br. J. Psychol. 3:296.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import reliability
    >>> rng = np.random.default_rng(0)
    >>> trials = rng.standard_normal((500, 1, 1)) + rng.standard_normal((500, 4, 1))
    >>> reliability(trials).per_neuron.round(1)
    array([0.8])
    """
    values, present = _as_trials(trials)
    if n_splits < 1:
        raise UsageError(f"n_splits must be at least 1, got {n_splits}")
    counts = present.sum(axis=1)
    halves = counts // 2
    usable = halves > 0
    enough = usable.sum(axis=0) > 2
    same_for_all = bool((present == present[:, :, :1]).all())
    r = np.zeros(values.shape[2])
    # Neurons with few trials do not carry the empty places of neurons with many.
    for neurons in [np.arange(len(r))] if same_for_all else _alike_in_trials(counts):
        chosen = (slice(None), slice(None), neurons)
        r[neurons] = _mean_of_halvings(
            values[chosen], present[chosen], same_for_all=same_for_all, n_splits=n_splits, seed=seed
        )
    n_usable = np.maximum(usable.sum(axis=0), 1)
    per_mean = np.where(usable, 1.0 / np.maximum(counts, 1), 0.0).sum(axis=0) / n_usable
    per_half = np.where(usable, 1.0 / np.maximum(halves, 1), 0.0).sum(axis=0) / n_usable
    k = divide(per_half, per_mean, otherwise=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        extended = k * r / (1 + (k - 1) * np.abs(r))
    shown_stimuli = counts > 0
    n_shown = np.maximum(shown_stimuli.sum(axis=0), 1)
    noise = _noise_variance(values, present)
    mean = values.sum(axis=1) / np.maximum(counts, 1)
    centred = np.where(shown_stimuli, mean - mean.sum(axis=0) / n_shown, 0.0)
    varies = ~constant_columns(np.where(shown_stimuli, mean, mean.sum(axis=0) / n_shown))
    noise_of_mean = noise * np.where(shown_stimuli, 1.0 / np.maximum(counts, 1), 0.0).sum(axis=0) / n_shown
    signal = np.maximum((centred**2).sum(axis=0) / np.maximum(n_shown - 1, 1) - noise_of_mean, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.where(enough & varies, signal / noise, np.nan)
    return Reliability(per_neuron=np.where(enough & varies, extended, np.nan), snr=snr)


def noise_corrected_r2(
    trials: ArrayLike, prediction: ArrayLike, *, min_reliability: float = 0.1
) -> NDArray[np.float64]:
    """Estimate the squared correlation of a prediction with each neuron's noiseless response.

    Parameters
    ----------
    trials : array of shape (N, R, J)
        Single trials, NaN for missing trials.
    prediction : array of shape (N, J)
        Predictions of a model that was fitted to other trials or stimuli.
    min_reliability : float
        Smallest share of signal in the variance of the mean response; neurons below it are NaN.

    Returns
    -------
    array of float64, shape (J,)
        Unbiased, hence not confined to [0, 1]. NaN also where the prediction is constant, or no stimulus was
        repeated.

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is infinite.

    Notes
    -----
    r²_ER for unequal numbers of trials n_i: with σ̂² = ΣΣ(y_ir - ȳ_i)² / Σ(n_i - 1), and ~ for values centred
    over stimuli, ((Σ f̃ȳ̃)² - σ̂² Σ f̃²/n_i) / (Σ f̃² · (Σ ȳ̃² - σ̂² (1 - 1/N) Σ 1/n_i)). Equal n_i give the
    published estimator. Dividing r² by a squared split-half reliability instead over-corrects.

    References
    ----------
    Pospisil & Bair (2021), PLoS Comput. Biol. 17:e1009212.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import noise_corrected_r2
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.standard_normal((500, 1))
    >>> trials = signal[:, None] + rng.standard_normal((500, 4, 1))
    >>> noise_corrected_r2(trials, signal).round(1)
    array([1.])
    """
    values, present = _as_trials(trials)
    predicted = as_matrix(prediction, "prediction")
    if predicted.shape != (values.shape[0], values.shape[2]):
        raise ArrayError(
            f"prediction must have shape {(values.shape[0], values.shape[2])}, as the trials, got {predicted.shape}"
        )
    counts = present.sum(axis=1)
    inverse = np.where(counts > 0, 1.0 / np.maximum(counts, 1), 0.0)
    return _correct_r2(
        predicted,
        values.sum(axis=1) * inverse,
        counts > 0,
        _noise_variance(values, present),
        inverse,
        min_reliability,
    )


def reliability_of_means(means: ArrayLike, standard_errors: ArrayLike) -> NDArray[np.float64]:
    r"""Estimate the reliability of each neuron's mean response from the standard errors of the means.

    .. math::
        \hat\rho = 1 - \frac{\frac{1}{N}\sum_i s_i^2}{\mathrm{var}_i\, \bar y_i}

    Parameters
    ----------
    means : array of shape (N, J)
        Mean response over trials of J neurons to N stimuli.
    standard_errors : array of shape (N, J)
        Standard error s of each mean: the standard deviation over its trials (ddof 1) divided by the square root of
        their number.

    Returns
    -------
    array of float64, shape (J,)
        Largest share of the variance of the means (ddof 1) that a model is expected to explain; at most 1, and negative
        by chance for neurons without signal. NaN for neurons without variance, or with fewer than three stimuli.

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is not finite, or a standard error is negative.

    Notes
    -----
    The squared standard error of a mean is an unbiased estimate of the variance of its noise, also where stimuli have
    unequal numbers of trials. The estimate agrees in expectation with the split-half :func:`reliability` of the trials,
    and with the noise ceiling of :func:`noise_ceiling`.

    References
    ----------
    Allen et al. (2022), Nat. Neurosci. 25:116 (the noise ceiling); Sahani & Linden (2003), NIPS 15 (signal power).

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import reliability_of_means
    >>> rng = np.random.default_rng(0)
    >>> trials = rng.standard_normal((4000, 1, 1)) + rng.standard_normal((4000, 4, 1))
    >>> sem = trials.std(axis=1, ddof=1) / np.sqrt(4)
    >>> reliability_of_means(trials.mean(axis=1), sem).round(1)
    array([0.8])
    """
    means, errors = _as_means(means, standard_errors)
    if len(means) < 3:
        return np.full(means.shape[1], np.nan)
    total, usable = means.var(axis=0, ddof=1), ~constant_columns(means)
    return np.where(usable, 1.0 - divide((errors**2).mean(axis=0), total, otherwise=0.0), np.nan)


def noise_corrected_r2_of_means(
    means: ArrayLike, standard_errors: ArrayLike, prediction: ArrayLike, *, min_reliability: float = 0.1
) -> NDArray[np.float64]:
    """Estimate the squared correlation of a prediction with each neuron's noiseless response, without single trials.

    Parameters
    ----------
    means, standard_errors : array of shape (N, J)
        See :func:`reliability_of_means`.
    prediction : array of shape (N, J)
        Predictions of a model that was fitted to other trials or stimuli.
    min_reliability : float
        See :func:`noise_corrected_r2`.

    Returns
    -------
    array of float64, shape (J,)
        See :func:`noise_corrected_r2`.

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is not finite, or a standard error is negative.

    Notes
    -----
    The estimator of :func:`noise_corrected_r2`, with the squared standard error of each mean in place of σ̂²/n_i. The
    two are equal where all stimuli have one noise variance.

    References
    ----------
    Pospisil & Bair (2021), PLoS Comput. Biol. 17:e1009212.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import noise_corrected_r2_of_means
    >>> means = np.array([[1.0], [2.0], [4.0], [3.0]])
    >>> noise_corrected_r2_of_means(means, np.zeros((4, 1)), means)
    array([1.])
    """
    means, errors = _as_means(means, standard_errors)
    predicted = as_matrix(prediction, "prediction")
    if predicted.shape != means.shape:
        raise ArrayError(f"prediction must have shape {means.shape}, as the means, got {predicted.shape}")
    shown = np.ones(means.shape, dtype=bool)
    return _correct_r2(predicted, means, shown, np.ones(means.shape[1]), errors**2, min_reliability)


def _correct_r2(
    predicted: NDArray[np.float64],
    means: NDArray[np.float64],
    shown: NDArray[np.bool_],
    noise: NDArray[np.float64],
    inverse: NDArray[np.float64],
    min_reliability: float,
) -> NDArray[np.float64]:
    """Return r²_ER, where ``noise * inverse`` is the variance of the noise of each mean, (J,) times (N, J)."""
    n_shown = np.maximum(shown.sum(axis=0), 1)

    def centred(array: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(shown, array - np.where(shown, array, 0.0).sum(axis=0) / n_shown, 0.0)

    f, y = centred(predicted), centred(means)
    signal = (y**2).sum(axis=0) - noise * (1 - 1 / n_shown) * inverse.sum(axis=0)
    power = (f**2).sum(axis=0)
    numerator = (f * y).sum(axis=0) ** 2 - noise * (f**2 * inverse).sum(axis=0)
    total = (y**2).sum(axis=0)
    varies = np.ptp(np.where(shown, predicted, predicted.mean(axis=0)), axis=0) > 0
    usable = np.isfinite(noise) & varies & (total > 0) & (signal > min_reliability * total)
    return np.where(usable, numerator / np.where(usable, power * signal, 1.0), np.nan)


def _as_means(
    means: ArrayLike, standard_errors: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means and their standard errors as matrices of one shape."""
    values, errors = as_matrix(means, "means"), as_matrix(standard_errors, "standard_errors")
    if values.shape != errors.shape:
        raise ArrayError(f"standard_errors must have shape {values.shape}, as the means, got {errors.shape}")
    if (errors < 0).any():
        raise ArrayError(f"standard_errors must not be negative, got {errors.min():g}")
    return values, errors


def _as_trials(trials: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the trials with zeros for missing trials, and a mask of the trials that are present."""
    values = as_numbers(trials, np.float64)
    if values.ndim != 3:
        raise ArrayError(f"trials must have shape (stimuli, repetitions, neurons), got {values.shape}")
    if np.isinf(values).any():
        raise ArrayError("trials must not be infinite; NaN marks a trial that is missing")
    present = ~np.isnan(values)
    return np.where(present, values, 0.0), present


def _noise_variance(values: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the variance over trials of one stimulus, pooled over stimuli, (J,); NaN without repeated stimuli."""
    counts = present.sum(axis=1)
    mean = values.sum(axis=1) / np.maximum(counts, 1)
    squares = np.where(present, (values - mean[:, None]) ** 2, 0.0).sum(axis=(0, 1))
    freedom = np.maximum(counts - 1, 0).sum(axis=0)
    return divide(squares, freedom, otherwise=np.nan)


def _alike_in_trials(counts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return groups of neurons, by the power of two above their largest number of trials of a stimulus.

    A neuron alone joins the next group: sums over one column have other rounding errors than sums over several.
    """
    power = np.ceil(np.log2(np.maximum(counts.max(axis=0, initial=1), 1)))
    groups = [np.flatnonzero(power == level) for level in np.unique(power)]
    merged: list[NDArray[np.int64]] = []
    for group in groups:
        if merged and (len(group) == 1 or len(merged[-1]) == 1):
            merged[-1] = np.concatenate([merged[-1], group])
        else:
            merged.append(group)
    return merged


def _mean_of_halvings(
    values: NDArray[np.float64], present: NDArray[np.bool_], *, same_for_all: bool, n_splits: int, seed: int
) -> NDArray[np.float64]:
    """Return the mean over random halvings of the correlation of the halves, (J,)."""
    counts = present.sum(axis=1)
    halves = counts // 2
    usable = halves > 0
    n_repetitions = values.shape[1]
    # Trials that exist move to the front, in their order; a sum over trials keeps its bits.
    widest = int(counts.max(initial=1))
    order = None
    if not same_for_all and 2 * widest <= n_repetitions:
        order = np.argsort(~present, axis=1, kind="stable")[:, :widest]
        values, present = (
            np.take_along_axis(values, order, axis=1),
            np.take_along_axis(present, order, axis=1),
        )
    # Where all neurons miss the same trials, they share one halving.
    shown = present[:, :, :1] if same_for_all else present
    rng = np.random.default_rng(seed)
    total = np.zeros(values.shape[2])
    for _ in range(n_splits):
        drawn = rng.random((len(values), n_repetitions))[:, :, None]
        if order is not None:
            drawn = np.take_along_axis(
                np.broadcast_to(drawn, (*drawn.shape[:2], order.shape[2])), order, axis=1
            )
        keys = np.where(shown, drawn, np.inf)
        rank = keys.argsort(axis=1).argsort(axis=1)
        size = halves[:, None, : shown.shape[2]]
        first = np.where(rank < size, values, 0.0).sum(axis=1)
        second = np.where((rank >= size) & (rank < 2 * size), values, 0.0).sum(axis=1)
        total += _masked_correlation(first, second, halves, usable)
    return total / n_splits


def _masked_correlation(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    size: NDArray[np.int64],
    usable: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return Pearson's r over the usable stimuli of each neuron, (J,); 0 without variance."""
    n_usable = np.maximum(usable.sum(axis=0), 1)
    columns = []
    for sums in (first, second):
        mean = np.where(usable, sums / np.maximum(size, 1), 0.0)
        centred = np.where(usable, mean - mean.sum(axis=0) / n_usable, 0.0)
        norm = np.sqrt((centred**2).sum(axis=0))
        columns.append(divide(centred, norm, otherwise=0.0))
    return (columns[0] * columns[1]).sum(axis=0)
