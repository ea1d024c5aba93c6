"""Precision of the noise of neurons over trials, the inverse of its covariance."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_numbers

FloatArray = NDArray[np.float64]

NoiseModel = Literal["shrinkage", "variance", "equal"]


def noise_precision(
    trials: ArrayLike,
    *,
    kind: Literal["shrinkage", "variance"] = "shrinkage",
    degrees_of_freedom: float | None = None,
) -> FloatArray:
    """Estimate the inverse noise covariance of the neurons from the deviations of trials from their means.

    Parameters
    ----------
    trials : array of shape (N, R, J)
        Single trials, NaN for missing trials.
    kind : {"shrinkage", "variance"}
        "shrinkage": covariances shrunk towards zero by the share that minimises the expected squared error.
        "variance": variances only.
    degrees_of_freedom : float, optional
        By default the number of trials less the number of stimuli with trials. rsatoolbox 0.3.2 has (N − 1)·R in
        ``prec_from_measurements``; with this number the two agree.

    Returns
    -------
    array of float64, shape (J, J), or (J,) for "variance"
        Inverse of the covariance matrix, or of the variances.

    Raises
    ------
    ArrayError
        If the array does not have three dimensions, a value is infinite, or a neuron has no noise.
    UsageError
        If `kind` is unknown, trials are missing for some neurons only and `kind` is "shrinkage", or no stimulus has
        two trials.

    Notes
    -----
    With the residuals e of T trials, scaled to unit variance, and their products ``w_jk = e_j e_k``, off-diagonal
    covariances are multiplied by 1 − λ, where ``λ = Σ Var(mean of w_jk) / Σ (mean of w_jk)²`` over j ≠ k, between 0
    and 1: the target "diagonal, unequal variance", as rsatoolbox's ``shrinkage_diag``.

    References
    ----------
    Schäfer & Strimmer (2005), Stat. Appl. Genet. Mol. Biol. 4:32; Ledoit & Wolf (2004), J. Multivar. Anal. 88:365.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import noise_precision
    >>> trials = np.random.default_rng(0).normal(scale=[1.0, 2.0], size=(50, 40, 2))
    >>> noise_precision(trials, kind="variance").round(1)
    array([1. , 0.3])
    """
    values = as_numbers(trials, np.float64)
    if kind not in ("shrinkage", "variance"):
        raise UsageError(f"noise must be 'shrinkage', 'variance' or 'equal', got {kind!r}")
    if values.ndim != 3 or np.isinf(values).any():
        raise ArrayError(
            f"trials must be finite or NaN, of shape (stimuli, repetitions, neurons), got shape {values.shape}"
        )
    present = ~np.isnan(values)
    counts = present.sum(axis=1)
    means = np.where(present, values, 0.0).sum(axis=1) / np.maximum(counts, 1)
    residuals = np.where(present, values - means[:, None], 0.0)
    freedom = np.asarray(
        np.maximum(counts - 1, 0).sum(axis=0) if degrees_of_freedom is None else degrees_of_freedom
    )
    if (freedom <= 0).any():
        raise UsageError(
            "the noise of neurons needs two trials of a stimulus; use Euclidean distances for single trials"
        )
    variance = (residuals**2).sum(axis=(0, 1)) / freedom
    if not (variance > 0).all():
        raise ArrayError(
            f"{int((variance <= 0).sum())} neurons have no noise over trials; leave them out, or set noise='equal'"
        )
    if kind == "variance":
        return 1.0 / variance
    shown = present.any(axis=2)
    if not (present == shown[:, :, None]).all():
        raise UsageError(
            "covariances of noise need trials of all neurons together, but some trials are missing for some neurons "
            "only; set noise='variance'"
        )
    return _shrunk_precision(residuals[shown], float(freedom if freedom.ndim == 0 else freedom[0]), variance)


def _shrunk_precision(residuals: FloatArray, freedom: float, variance: FloatArray) -> FloatArray:
    """Invert the covariance of residuals (T, J) after shrinkage of its off-diagonal part."""
    n_trials = len(residuals)
    scaled = residuals / np.sqrt(variance)
    products = scaled.T @ scaled
    mean = products / (n_trials - 1)
    mean_square = (scaled**2).T @ (scaled**2) / (n_trials - 1)
    off = ~np.eye(len(variance), dtype=bool)
    error = (n_trials / freedom**2) * (mean_square - mean**2)
    signal = (mean[off] ** 2).sum()
    share = float(np.clip(error[off].sum() / signal, 0.0, 1.0)) if signal > 0 else 1.0
    correlation = products / freedom
    np.fill_diagonal(correlation, 1.0)
    correlation[off] *= 1.0 - share
    deviation = np.sqrt(variance)
    return np.asarray(np.linalg.inv(correlation * deviation * deviation[:, None]))
