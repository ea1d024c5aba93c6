"""Angular distance of the shapes of two populations, after the best rotation, in sample and on held-out stimuli."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError, UsageError
from neuroalign.masked import as_labels
from neuroalign.metrics.inputs import as_pair

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """Result of :func:`shape_distance`."""

    #: Angle in radians: 0 for equal shapes, π/2 for unrelated ones; NaN where one side has no variance.
    angle: float
    #: Cosine of the angle.
    similarity: float


def shape_distance(
    Z: ArrayLike, Y: ArrayLike, *, alpha: float = 1.0, folds: ArrayLike | None = None
) -> Shape:
    """Return the angle between two populations after the rotation that aligns them best.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    alpha : float
        From 1, rotations only (Procrustes), to 0, all invertible linear maps (canonical correlations). Between them
        the populations are partly whitened.
    folds : array of int, shape (N,), optional
        Fold of each stimulus, as from :func:`neuroalign.metrics.fold_labels`. The alignment of a fold is fitted to
        the other folds. By default, the alignment is fitted to the stimuli that it is evaluated on.

    Returns
    -------
    Shape

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is NaN or infinite.
    UsageError
        If `alpha` is not from 0 to 1, or there is only one fold.

    Notes
    -----
    With centred populations X and the covariance ``XᵀX = V Λ Vᵀ``, ``X_α = X V (α + (1 − α) Λ^(−1/2)) Vᵀ``, and the
    distance is ``arccos(max_Q ⟨X_α Q, Y_α⟩ / (‖X_α‖ ‖Y_α‖))`` over rotations Q, where the smaller population has
    columns of zeros added. The maximum is the nuclear norm of ``X_αᵀ Y_α``. Between α = 0 and 1 the distance depends
    on the scale of the data, as in the paper and in its program ``netrep``.

    With folds, mean, whitening, length and Q are fitted to the training stimuli. The held-out stimuli of all folds
    are then pooled: ``cos = Σ⟨A Q, B⟩ / √(Σ‖A‖² Σ‖B‖²)`` with A and B centred by the training mean, whitened, and
    divided by the length of the training stimuli. Held-out variance in directions without training variance counts
    in ‖A‖, multiplied by α, and cannot be aligned.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman (2021), NeurIPS, "Generalized shape metrics on neural representations".

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import shape_distance
    >>> Z = np.random.default_rng(0).standard_normal((50, 3))
    >>> rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    >>> bool(shape_distance(Z, 2 * Z @ rotation).angle < 1e-6)
    True
    """
    units, neurons = as_pair(Z, Y)
    if not 0 <= alpha <= 1:
        raise UsageError(f"alpha must be from 0 to 1, got {alpha}")
    if folds is None:
        a, b = _Whitening(units, alpha), _Whitening(neurons, alpha)
        return _shape(float(np.linalg.svd(a.fitted.T @ b.fitted, compute_uv=False).sum()), a.norm, b.norm)
    labels = as_labels(folds, "folds")
    if labels.shape != (len(units),):
        raise ArrayError(f"folds must have shape ({len(units)},), got {labels.shape}")
    names = np.unique(labels)
    if names.size < 2:
        raise UsageError("folds must have two labels at least; leave folds out for a fit to all stimuli")
    cross, squares = 0.0, np.zeros(2)
    for fold in names:
        train, test = labels != fold, labels == fold
        a, b = _Whitening(units[train], alpha), _Whitening(neurons[train], alpha)
        if not (a.norm > 0 and b.norm > 0):
            return Shape(angle=float("nan"), similarity=float("nan"))
        left, _, right = np.linalg.svd(a.fitted.T @ b.fitted, full_matrices=False)
        (x, x_square), (y, y_square) = a.apply(units[test]), b.apply(neurons[test])
        cross += float(((x @ left) * (y @ right.T)).sum()) / (a.norm * b.norm)
        squares += x_square / a.norm**2, y_square / b.norm**2
    return _shape(cross, float(np.sqrt(squares[0])), float(np.sqrt(squares[1])))


class _Whitening:
    """Partial whitening of one population in its principal components.

    Parameters
    ----------
    values : array of float64, shape (N, D)
    alpha : float

    Attributes
    ----------
    fitted : array of float64, shape (N, K)
        Whitened stimuli; K is the rank, at most N − 1.
    norm : float
    """

    def __init__(self, values: FloatArray, alpha: float) -> None:
        self.alpha = alpha
        self.mean = values.mean(axis=0)
        centred = values - self.mean
        n_stimuli, n_units = values.shape
        # The smaller of the two Gram matrices: D × D is never formed for wide layers.
        wide = n_units > n_stimuli
        energy, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
        # Components below these bounds are rounding.
        eps = np.finfo(np.float64).eps
        keep = energy > max(max(values.shape) * eps * energy[-1], (8 * eps * np.abs(values).max()) ** 2)
        deviation, vectors = np.sqrt(energy[keep]), vectors[:, keep]
        self._scale = alpha + (1.0 - alpha) / deviation
        self.fitted = (vectors * deviation if wide else centred @ vectors) * self._scale
        self._wide = centred if wide else None
        self._vectors = vectors / deviation if wide else vectors
        self.norm = float(np.sqrt((self.fitted**2).sum()))

    def apply(self, values: FloatArray) -> tuple[FloatArray, float]:
        """Return other stimuli in the components, (M, K), and their squared length in all directions."""
        centred = values - self.mean
        plain = (centred if self._wide is None else centred @ self._wide.T) @ self._vectors
        rest = max(float((centred**2).sum() - (plain**2).sum()), 0.0)
        whitened = plain * self._scale
        return whitened, float((whitened**2).sum()) + self.alpha**2 * rest


def _shape(cross: float, first: float, second: float) -> Shape:
    if not (first > 0 and second > 0):
        return Shape(angle=float("nan"), similarity=float("nan"))
    cosine = float(np.clip(cross / (first * second), -1.0, 1.0))
    return Shape(angle=float(np.arccos(cosine)), similarity=cosine)
