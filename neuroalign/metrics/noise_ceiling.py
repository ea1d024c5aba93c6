"""Noise ceilings of neurons from the variances of their trials, and the correlation of a trial with other trials."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.masked import as_numbers

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoiseCeiling:
    """Result of :func:`noise_ceiling`.

    Parameters
    ----------
    snr : array of float64, shape (J,)
        Noise-ceiling signal-to-noise ratio: SD of the signal over the SD of the noise of one trial.
    percent : array of float64, shape (J,)
        Noise ceiling in percent: expected share of the variance of the mean over trials that is signal.
    explainable : array of float64, shape (J,)
        Share of the variance of single trials that is not noise; negative by chance for neurons without signal.
    oracle : array of float64, shape (J,)
        Correlation of each trial with the mean of the other trials of its stimulus, over all trials.
    """

    snr: FloatArray
    percent: FloatArray
    explainable: FloatArray
    oracle: FloatArray


def noise_ceiling(trials: ArrayLike) -> NoiseCeiling:
    r"""Estimate from single trials how much of each neuron a model can explain.

    .. math::
        \mathrm{ncsnr} = \frac{\hat\sigma_s}{\hat\sigma_n}, \quad
        \hat\sigma_s^2 = \max\left(\mathrm{var}_i\, \bar y_i - \hat\sigma_n^2 \,\overline{1/n}, 0\right), \quad
        \mathrm{NC} = 100 \,\frac{\mathrm{ncsnr}^2}{\mathrm{ncsnr}^2 + \overline{1/n}}

    where σ̂ₙ² is the mean over stimuli of the variance over trials (ddof 1), n the number of trials of a stimulus, and
    a bar the mean over stimuli.

    Parameters
    ----------
    trials : array of shape (N, R, J)
        Single trials of N stimuli, up to R repetitions and J neurons; NaN for missing trials. Numbers of trials may
        differ.

    Returns
    -------
    NoiseCeiling
        NaN for neurons with fewer than three stimuli that have two trials, or without noise and signal. Stimuli with a
        single trial do not count.

    Raises
    ------
    ArrayError
        If the array does not have three dimensions, or a value is infinite.

    Notes
    -----
    The explainable share is ``(v − σ̂ₙ²)/v``, with the variance v of all single trials (ddof 1). The noise ceiling
    agrees in expectation with the split-half :func:`neuroalign.metrics.reliability`, times 100.

    References
    ----------
    Allen et al. (2022), Nat. Neurosci. 25:116 (ncsnr, NC); Cadena et al. (2019), PLoS Comput. Biol. 15:e1006897
    (explainable variance); Walker et al. (2019), Nat. Neurosci. 22:2060 (oracle).

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import noise_ceiling
    >>> rng = np.random.default_rng(0)
    >>> trials = rng.standard_normal((2000, 1, 1)) + rng.standard_normal((2000, 4, 1))
    >>> noise_ceiling(trials).percent.round()
    array([80.])
    """
    values = as_numbers(trials, np.float64)
    if values.ndim != 3:
        raise ArrayError(f"trials must have shape (stimuli, repetitions, neurons), got {values.shape}")
    if np.isinf(values).any():
        raise ArrayError("trials must not be infinite; NaN marks a trial that is missing")
    present = ~np.isnan(values)
    counts = present.sum(axis=1)
    repeated = counts > 1
    present &= repeated[:, None]
    n_stimuli, n_trials = repeated.sum(axis=0), present.sum(axis=(0, 1))
    enough = n_stimuli > 2
    values = np.where(present, values, 0.0)
    divisor = np.maximum(counts, 1)
    mean = np.where(repeated, values.sum(axis=1) / divisor, 0.0)
    squares = np.where(present, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    noise = _over_stimuli(squares / np.maximum(counts - 1, 1), repeated)
    inverse = _over_stimuli(1.0 / divisor, repeated)
    centred = np.where(repeated, mean - _over_stimuli(mean, repeated), 0.0)
    signal = np.maximum((centred**2).sum(axis=0) / np.maximum(n_stimuli - 1, 1) - noise * inverse, 0.0)
    grand = values.sum(axis=(0, 1)) / np.maximum(n_trials, 1)
    total = np.where(present, (values - grand) ** 2, 0.0).sum(axis=(0, 1)) / np.maximum(n_trials - 1, 1)
    varies = enough & (total > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.sqrt(signal / noise)
        percent = 100.0 * signal / (signal + noise * inverse)
    others = np.where(present, (mean * divisor)[:, None] - values, 0.0) / np.maximum(counts - 1, 1)[:, None]
    return NoiseCeiling(
        snr=np.where(varies, snr, np.nan),
        percent=np.where(varies, percent, np.nan),
        explainable=np.where(varies, divide(total - noise, total, otherwise=np.nan), np.nan),
        oracle=np.where(varies, _correlate(values, others, present), np.nan),
    )


def _over_stimuli(values: FloatArray, counted: NDArray[np.bool_]) -> FloatArray:
    """Return the mean over the stimuli that count for each neuron, (J,)."""
    mean: FloatArray = np.where(counted, values, 0.0).sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
    return mean


def _correlate(first: FloatArray, second: FloatArray, present: NDArray[np.bool_]) -> FloatArray:
    """Return Pearson's r over the trials of each neuron, (J,); 0 without variance."""
    n_trials = np.maximum(present.sum(axis=(0, 1)), 1)
    centred = [
        np.where(present, values - values.sum(axis=(0, 1)) / n_trials, 0.0) for values in (first, second)
    ]
    norm = np.sqrt((centred[0] ** 2).sum(axis=(0, 1)) * (centred[1] ** 2).sum(axis=(0, 1)))
    return divide((centred[0] * centred[1]).sum(axis=(0, 1)), norm, otherwise=0.0)
