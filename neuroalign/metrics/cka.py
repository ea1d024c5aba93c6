"""Centred kernel alignment of units and neurons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics.inputs import as_pair, constant_columns
from neuroalign.metrics.kernels import Estimator, Kernel, KernelName, hsic, make_kernel


@dataclass(frozen=True)
class CKA:
    """Result of :func:`cka`."""

    #: Centred kernel alignment; NaN where one side has no variance, or no signal beyond chance ("debiased").
    score: float
    #: Hilbert-Schmidt independence criterion of the units with the neurons, of the units, and of the neurons.
    cross: float
    units: float
    neurons: float


def cka(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    estimator: Estimator = "debiased",
    kernel: KernelName = "linear",
    bandwidth: float = 1.0,
) -> CKA:
    """Compare the kernels of stimuli for units and for neurons: centred kernel alignment.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    estimator : {"debiased", "biased"}
        "debiased": the criterion is a U-statistic over different stimuli, so that independent populations score 0 on
        average at all sizes. "biased": centred kernels with their diagonals, as first published.
    kernel : {"linear", "rbf"}
        "linear": inner products. "rbf": Gaussian kernels of the distances between stimuli.
    bandwidth : float
        Standard deviation of the Gaussian kernel, as a share of the median distance.

    Returns
    -------
    CKA

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or there are fewer than four stimuli.
    UsageError
        If an option is unknown, or `bandwidth` is not positive.

    Notes
    -----
    ``CKA = h(K, L) / √(h(K, K) · h(L, L))``. "biased": ``h = tr(H K H L)`` with the centring matrix H. "debiased": with
    the diagonals of K and L set to zero, ``h = tr(K L) + ΣK · ΣL / ((n − 1)(n − 2)) − 2 · 1ᵀK L 1 / (n − 2)``.
    Both need only the sum of the squares of ``Zᵀ Y`` and the squared lengths of the patterns where the kernel is
    linear and units are fewer than stimuli. For wide layers, rows of K are formed and dropped: neither D × D, D × J
    nor N × N numbers are in memory.

    Nothing is fitted, so no stimulus is held out: the U-statistic takes the place of held-out stimuli. The biased
    form of independent Gaussian populations is about :func:`cka_by_chance`.

    References
    ----------
    Kornblith et al. (2019), ICML; Song et al. (2012), J. Mach. Learn. Res. 13:1393 (debiased criterion); Murphy,
    Zylberberg & Fyshe (2024), arXiv 2405.01012 (its use for neurons).

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import cka
    >>> rng = np.random.default_rng(0)
    >>> Z, noise = rng.standard_normal((200, 5)), rng.standard_normal((200, 5))
    >>> bool(np.isclose(cka(Z, 3 * Z[:, ::-1]).score, 1)), abs(cka(Z, noise).score) < 0.05
    (True, True)
    """
    units, neurons = as_pair(Z, Y)
    if len(units) < 4:
        raise ArrayError(f"CKA needs four stimuli at least, got {len(units)}; record more stimuli")
    if not bandwidth > 0:
        raise UsageError(f"bandwidth must be positive, got {bandwidth}")
    constant = constant_columns(units).all() or constant_columns(neurons).all()
    a, b = (make_kernel(values, kernel, bandwidth=bandwidth) for values in (units, neurons))
    if constant:
        return CKA(score=float("nan"), cross=0.0, units=0.0, neurons=0.0)
    return align_kernels(a, b, estimator)


def align_kernels(a: Kernel, b: Kernel, estimator: Estimator, counts: np.ndarray | None = None) -> CKA:
    """Return the alignment of two kernels; see :func:`cka`.

    Parameters
    ----------
    a, b : Kernel
        Kernels of the same stimuli, of the units and of the neurons.
    estimator
        See :func:`cka`.
    counts : array of float64, shape (N,), optional
        How often each stimulus was drawn.
    """
    cross, first, second = (hsic(x, y, estimator, counts) for x, y in ((a, b), (a, a), (b, b)))
    defined = first > 0 and second > 0
    return CKA(
        score=float(cross / np.sqrt(first * second)) if defined else float("nan"),
        cross=cross,
        units=first,
        neurons=second,
    )


def cka_by_chance(n_stimuli: int, n_units: float, n_neurons: float) -> float:
    """Return the expected biased linear CKA of independent Gaussian populations.

    Parameters
    ----------
    n_stimuli : int
        Number of stimuli n.
    n_units, n_neurons : float
        Numbers of independent units p and neurons q with equal variance. For correlated units, the participation
        ratio of their covariance, ``(tr Σ)² / tr Σ²``.

    Returns
    -------
    float
        ``√(p q / ((p + n)(q + n)))``, which approaches 1 where units outnumber stimuli.

    Raises
    ------
    UsageError
        If a number is not positive.

    References
    ----------
    The squares of sample covariances: E h(K, L) = n p q, and E h(K, K) = n p (n + p) to leading order.

    Examples
    --------
    >>> from neuroalign.metrics import cka_by_chance
    >>> round(cka_by_chance(25, 128, 168), 4)
    0.8534
    """
    if min(n_stimuli, n_units, n_neurons) <= 0:
        raise UsageError(
            f"numbers must be positive, got {n_stimuli} stimuli, {n_units} units and {n_neurons} neurons"
        )
    share = n_units * n_neurons / ((n_units + n_stimuli) * (n_neurons + n_stimuli))
    return float(np.sqrt(share))
