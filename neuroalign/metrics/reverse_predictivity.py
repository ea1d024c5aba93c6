"""Reverse predictivity: ridge regression of each unit of a model on the neurons, beside the forward direction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import ArrayError
from neuroalign.metrics.inputs import as_excluded, as_pair
from neuroalign.metrics.ridge_predictivity import ridge_predictivity

FloatArray = NDArray[np.float64]

# Units that are predicted at a time, so that the predictions of wide layers need little memory.
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class ReversePredictivity:
    """Result of :func:`reverse_predictivity`.

    Parameters
    ----------
    unit_r, unit_r2 : arrays of float64, shape (D,)
        Correlation of each unit with its held-out prediction from the neurons, and its explained share of variance;
        NaN for units without variance.
    neuron_r, neuron_r2 : arrays of float64, shape (J,)
        The same for each neuron and its prediction from the units; empty if only the units were predicted.
    """

    unit_r: FloatArray
    unit_r2: FloatArray
    neuron_r: FloatArray
    neuron_r2: FloatArray

    @property
    def score(self) -> float:
        """Mean correlation over units; NaN where no unit varies."""
        return _mean(self.unit_r)

    @property
    def forward(self) -> float:
        """Mean correlation over neurons; NaN without the forward direction."""
        return _mean(self.neuron_r)

    @property
    def difference(self) -> float:
        """Forward minus reverse predictivity: positive where the units have dimensions that the neurons do not have."""
        return self.forward - self.score


def reverse_predictivity(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike | None,
    groups: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
    both: bool = True,
    n_threads: int | None = None,
) -> ReversePredictivity:
    r"""Predict each unit from all neurons, and each neuron from all units, by the same ridge regression.

    .. math:: \text{score} = \frac{1}{D} \sum_d r(z_d, \hat z_d), \qquad \hat z_d = w_{0d} + Y w_d

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    folds : array of shape (N,), or None
        Fold of each stimulus, any labels; see :func:`neuroalign.metrics.fold_labels`. Stimuli with the label -1 are
        fitted and never predicted. None fits and predicts all stimuli, for a score in-sample.
    groups : array of shape (N,), optional
        Stimuli of one group, such as variants of one image, are left out together when penalties are chosen.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not predicted from, and that is not predicted from this neuron, such as the neuron
        itself; -1 for no unit.
    both : bool
        Whether neurons are predicted, too.
    n_threads : int, optional
        See :func:`ridge_predictivity`.

    Returns
    -------
    ReversePredictivity

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or two neurons exclude one unit.
    UsageError
        If there are fewer than two folds.

    Notes
    -----
    Each unit and each neuron has its own penalty; see :func:`ridge_predictivity`. Neurons are noisy predictors, so
    that the noise of their trials lowers the reverse direction even for units that neurons represent: compare with the
    neurons of a second animal, which have noise of the same kind.

    References
    ----------
    Muzellec & Kar (2025), bioRxiv 2025.08.08.669382, "Reverse predictivity: going beyond one-way mapping to compare
    artificial neural network models and brains".

    Examples
    --------
    A model with ten units, of which the neurons follow three:

    >>> import numpy as np
    >>> from neuroalign.metrics import reverse_predictivity
    >>> from neuroalign.metrics import fold_labels
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((200, 10))
    >>> Y = Z[:, [0, 1, 2, 0, 1, 2]] + 0.5 * rng.standard_normal((200, 6))
    >>> result = reverse_predictivity(Z, Y, folds=fold_labels(200, 10))
    >>> round(result.forward, 1), round(result.score, 1)
    (0.9, 0.3)
    """
    units, neurons = as_pair(Z, Y)
    excluded = as_excluded(exclude, units.shape[1], neurons.shape[1])
    own = np.full(units.shape[1], -1, dtype=np.int64)
    own[excluded[excluded >= 0]] = np.flatnonzero(excluded >= 0)
    if (own >= 0).sum() < (excluded >= 0).sum():
        raise ArrayError("exclude must name each unit once, got one unit for two neurons")
    r, r2 = np.empty(units.shape[1]), np.empty(units.shape[1])
    for start in range(0, units.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        fit = ridge_predictivity(
            neurons, units[:, block], folds=folds, groups=groups, exclude=own[block], n_threads=n_threads
        )
        r[block], r2[block] = fit.r, fit.r2
    forward = np.empty(0), np.empty(0)
    if both:
        fit = ridge_predictivity(
            units, neurons, folds=folds, groups=groups, exclude=excluded, n_threads=n_threads
        )
        forward = fit.r, fit.r2
    return ReversePredictivity(r, r2, *forward)


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
