"""Dissimilarities of stimuli by the responses of a population: correlation, Euclidean and crossnobis distances."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_numbers
from neuroalign.metrics.inputs import as_matrix, no_variance
from neuroalign.metrics.noise import NoiseModel, noise_precision
from neuroalign.metrics.pairs import Profiles, condense

FloatArray = NDArray[np.float64]

Dissimilarity = Literal["correlation", "euclidean"]


def dissimilarities(responses: ArrayLike, kind: Dissimilarity = "correlation") -> FloatArray:
    """Return the dissimilarity of each pair of stimuli.

    Parameters
    ----------
    responses : array of shape (N, J)
        Responses of units or neurons, in any unit.
    kind : {"correlation", "euclidean"}
        "correlation": 1 − Pearson's r of the two patterns over the J units. "euclidean": squared Euclidean distance
        divided by J.

    Returns
    -------
    array of float64, shape (N·(N − 1)/2,)
        Pairs in the order of ``scipy.spatial.distance.pdist``: (0, 1), (0, 2), …, (1, 2), …

    Raises
    ------
    ArrayError
        If there are fewer than three stimuli, a value is NaN or infinite, or a pattern has no variance over the units
        and `kind` is "correlation".
    UsageError
        If `kind` is unknown.

    Notes
    -----
    These are the definitions of rsatoolbox (``correlation`` and ``euclidean`` of ``calc_rdm``).

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008), Front. Syst. Neurosci. 2:4.

    Examples
    --------
    >>> from neuroalign.metrics import dissimilarities
    >>> dissimilarities([[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]], "euclidean")
    array([12.5,  2. ,  6.5])
    """
    return condense(profiles(responses, kind))


def profiles(responses: ArrayLike, kind: Dissimilarity, *, name: str = "responses") -> Profiles:
    """Return the vectors behind :func:`dissimilarities`, which need less memory than all pairs.

    Parameters
    ----------
    responses, kind
        See :func:`dissimilarities`.
    name : str
        Name of the array in messages.
    """
    values = as_matrix(responses, name)
    n_stimuli, n_units = values.shape
    if n_stimuli < 3 or not n_units:
        raise ArrayError(f"{name} must have three stimuli and one unit at least, got shape {values.shape}")
    if kind == "euclidean":
        # Distances do not depend on the mean pattern; without it, rounding is smaller.
        centred = (values - values.mean(axis=0)) / np.sqrt(n_units)
        return Profiles(centred, centred, np.einsum("ij,ij->i", centred, centred))
    if kind != "correlation":
        raise UsageError(f"kind must be 'correlation' or 'euclidean', got {kind!r}")
    flat = no_variance(values.min(axis=1), values.max(axis=1))
    if flat.any():
        raise ArrayError(
            f"correlations of patterns need variance over the columns of {name}, but {int(flat.sum())} of {n_stimuli} "
            "stimuli have no variance; use Euclidean distances"
        )
    centred = values - values.mean(axis=1, keepdims=True)
    centred /= np.abs(centred).max(axis=1, keepdims=True)
    centred /= np.sqrt(2.0 * np.einsum("ij,ij->i", centred, centred))[:, None]
    return Profiles(centred, centred, np.full(n_stimuli, 0.5))


def crossnobis(
    trials: ArrayLike,
    *,
    noise: NoiseModel | FloatArray = "shrinkage",
    degrees_of_freedom: float | None = None,
) -> FloatArray:
    """Return the cross-validated squared Mahalanobis distance of each pair of stimuli, unbiased by noise.

    Parameters
    ----------
    trials : array of shape (N, R, J)
        Single trials, NaN for missing trials. Stimuli may have different numbers of trials, at least two.
    noise : {"shrinkage", "variance", "equal"} or array of shape (J, J) or (J,)
        Noise covariance between neurons by which distances are divided, or its inverse; see
        :func:`neuroalign.metrics.noise_precision`. "equal": equal and independent noise, so that distances are
        squared Euclidean distances in expectation.
    degrees_of_freedom : float, optional
        Degrees of freedom of the noise covariance; see :func:`neuroalign.metrics.noise_precision`.

    Returns
    -------
    array of float64, shape (N·(N − 1)/2,)
        Distances divided by the number of neurons J, in the order of :func:`dissimilarities`. Their expectation is
        zero for two stimuli with the same mean response, so distances can be negative.

    Raises
    ------
    ArrayError
        If the array does not have three dimensions, there are fewer than three stimuli, a value is infinite, or a
        stimulus has fewer than two trials of a neuron.
    UsageError
        If `noise` is unknown, or "shrinkage" and trials are missing for some neurons only.

    Notes
    -----
    Let P be the inverse of the noise covariance and ``δ_r`` the difference of two stimuli in repetition r. Where no
    trial is missing, repetitions are the folds, as in rsatoolbox: the distance is the mean of ``δ_rᵀ P δ_s / J`` over
    all ordered pairs of repetitions r ≠ s, which equals leave-one-repetition-out cross-validation. Trials of one
    repetition never meet, so noise that they share does not bias the distance.

    Where numbers of trials differ, repetitions are not folds: for each pair of stimuli the distance is the unbiased
    estimate ``u_i + u_j − 2 m_iᵀ P m_j / J``, where m is the mean over the trials of a stimulus, and u is the mean of
    ``x_rᵀ P x_s / J`` over its pairs of different trials. It assumes that trials of different stimuli have
    independent noise.

    References
    ----------
    Walther et al. (2016), NeuroImage 137:188; Nili et al. (2014), PLoS Comput. Biol. 10:e1003553.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import crossnobis
    >>> rng = np.random.default_rng(0)
    >>> means = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
    >>> trials = means[:, None] + 0.01 * rng.standard_normal((3, 50, 2))
    >>> crossnobis(trials, noise="equal").round(1)
    array([12.5,  2. ,  6.5])
    """
    return condense(crossnobis_profiles(trials, noise=noise, degrees_of_freedom=degrees_of_freedom))


def crossnobis_profiles(
    trials: ArrayLike,
    *,
    noise: NoiseModel | FloatArray = "shrinkage",
    degrees_of_freedom: float | None = None,
) -> Profiles:
    """Return the vectors behind :func:`crossnobis`.

    Parameters
    ----------
    trials, noise, degrees_of_freedom
        See :func:`crossnobis`.
    """
    values = as_numbers(trials, np.float64)
    if values.ndim != 3 or len(values) < 3:
        raise ArrayError(
            f"trials must have shape (stimuli, repetitions, neurons) with three stimuli, got {values.shape}"
        )
    if np.isinf(values).any():
        raise ArrayError("trials must not be infinite; NaN marks a trial that is missing")
    present = ~np.isnan(values)
    counts = present.sum(axis=1)
    few = int((counts < 2).any(axis=1).sum())
    if few:
        raise ArrayError(
            f"crossnobis distances need two trials of every stimulus, but {few} of {len(counts)} stimuli have fewer; "
            "leave them out, or use Euclidean distances"
        )
    values = np.where(present, values, 0.0)
    # Distances do not depend on the mean pattern; without it, rounding is smaller.
    values = np.where(present, values - (values.sum(axis=1) / counts).mean(axis=0), 0.0)
    whitened = _whiten(values, present, noise, degrees_of_freedom) / np.sqrt(values.shape[2])
    return _by_folds(whitened) if present.all() else _by_stimuli(whitened, counts)


def _whiten(
    values: FloatArray,
    present: NDArray[np.bool_],
    noise: NoiseModel | FloatArray,
    degrees_of_freedom: float | None,
) -> FloatArray:
    """Multiply trials by a square root of the noise precision; missing trials stay zero."""
    if isinstance(noise, str):
        if noise == "equal":
            return values
        shown = np.where(present, values, np.nan)
        precision = noise_precision(shown, kind=noise, degrees_of_freedom=degrees_of_freedom)
    else:
        precision = np.asarray(noise, dtype=np.float64)
        n_neurons = values.shape[2]
        if precision.shape not in ((n_neurons,), (n_neurons, n_neurons)):
            raise ArrayError(
                f"noise must have shape ({n_neurons}, {n_neurons}) or ({n_neurons},), got {precision.shape}"
            )
    if precision.ndim == 1:
        return values * np.sqrt(precision)
    return values @ np.linalg.cholesky(precision)


def _by_folds(trials: FloatArray) -> Profiles:
    """Return profiles from products of different repetitions: all products less the products within repetitions."""
    n_stimuli, n_repetitions, n_neurons = trials.shape
    scale = 1.0 / np.sqrt(n_repetitions * (n_repetitions - 1))
    total = trials.sum(axis=1) * scale
    single = (trials * scale).reshape(n_stimuli, n_repetitions * n_neurons)
    right = np.concatenate([total, single], axis=1)
    left = np.concatenate([total, -single], axis=1)
    return Profiles(left, right, np.einsum("ij,ij->i", left, right))


def _by_stimuli(trials: FloatArray, counts: NDArray[np.int64]) -> Profiles:
    """Return profiles from the means of the stimuli, with unbiased squares of the means."""
    total, squares = trials.sum(axis=1), (trials**2).sum(axis=1)
    means = total / counts
    own = ((total**2 - squares) / (counts * (counts - 1))).sum(axis=1)
    return Profiles(means, means, own)
