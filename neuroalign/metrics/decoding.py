"""Decoding of held-out stimuli from neurons that are matched one to one with units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.masked import as_labels
from neuroalign.metrics.inputs import as_pair, constant_columns
from neuroalign.metrics.matching import match_one_to_one

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOutDecoding:
    """Result of :func:`decode_held_out`."""

    #: Neuron of each unit, all different, (D,).
    neuron: NDArray[np.int64]
    #: Pearson's r of each unit with its neuron over the fitted stimuli, (D,).
    correlation: FloatArray
    #: Standardised latents of the held-out stimuli, (n_held_out, D).
    actual: FloatArray
    #: Prediction of these latents from the matched neurons, (n_held_out, D).
    predicted: FloatArray
    #: Cosine distance of each held-out stimulus, (n_held_out,); see :func:`cosine_distance`.
    distance: FloatArray
    #: Mean and standard deviation (ddof 0) of each unit over the fitted stimuli, (D,).
    mean: FloatArray
    deviation: FloatArray

    @property
    def predicted_latents(self) -> FloatArray:
        """Predicted latents of the held-out stimuli on the scale of the units, (n_held_out, D)."""
        return self.predicted * self.deviation + self.mean


def decode_held_out(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    fitted: ArrayLike,
    held_out: ArrayLike,
    absolute: bool = False,
    exclude: ArrayLike | None = None,
) -> HeldOutDecoding:
    r"""Predict each unit on held-out stimuli from one neuron of its own.

    Units and neurons are standardised by their mean and deviation over the fitted stimuli. Each unit d is matched
    with one neuron j(d) by :func:`neuroalign.metrics.match_one_to_one`. Its prediction on a held-out stimulus s is
    the regression on that neuron alone, :math:`\hat z_{sd} = r_{d, j(d)}\, y_{s, j(d)}`.

    Parameters
    ----------
    Z : array of float, shape (N, D)
        Latents of the units that are decoded.
    Y : array of float, shape (N, J)
        Responses of J ≥ D neurons.
    fitted : array of bool, shape (N,)
        Stimuli of the matching and of the regression.
    held_out : array of bool, shape (N,)
        Stimuli that are decoded.
    absolute : bool
        Whether a negative correlation is as good as a positive one in the matching.
    exclude : array of int, shape (J,), optional
        Unit that each neuron must not be matched with, such as itself; -1 where every unit is allowed.

    Returns
    -------
    HeldOutDecoding

    Raises
    ------
    ArrayError
        If shapes do not fit, or a value is NaN or infinite.
    UsageError
        If there are more units than neurons, or only excluded pairs are left.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Decoding novel faces from single neurons".

    Examples
    --------
    >>> from neuroalign.metrics import decode_held_out
    >>> import numpy as np
    >>> latents = np.random.default_rng(0).standard_normal((40, 2))
    >>> fitted = np.arange(40) < 30
    >>> decoding = decode_held_out(latents, latents[:, ::-1], fitted=fitted, held_out=~fitted)
    >>> decoding.neuron.tolist(), bool(np.allclose(decoding.distance, 0.0))
    ([1, 0], True)
    """
    units, neurons = as_pair(Z, Y)
    fit_rows, held_rows = _as_rows(fitted, "fitted", len(units)), _as_rows(held_out, "held_out", len(units))
    standard_units, mean, deviation = standardise_by_rows(units, fit_rows)
    standard_neurons, _, _ = standardise_by_rows(neurons, fit_rows)
    matched = match_one_to_one(
        standard_units[fit_rows], standard_neurons[fit_rows], absolute=absolute, exclude=exclude
    )
    predicted = matched.correlation * standard_neurons[np.ix_(held_rows, matched.neuron)]
    actual = standard_units[held_rows]
    return HeldOutDecoding(
        neuron=matched.neuron,
        correlation=matched.correlation,
        actual=actual,
        predicted=predicted,
        distance=cosine_distance(predicted, actual),
        mean=mean,
        deviation=deviation,
    )


def standardise_by_rows(
    values: FloatArray, rows: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Standardise all rows by the mean and the standard deviation of some rows.

    Parameters
    ----------
    values : array of float64, shape (n_rows, n_columns)
    rows : array of bool, shape (n_rows,)
        Rows that the mean and the deviation are computed from.

    Returns
    -------
    standardised : array of float64, shape (n_rows, n_columns)
    mean, deviation : array of float64, shape (n_columns,)
        Deviation with ddof 0; 1 for a column that is constant over `rows`, which is 0 in these rows.
    """
    mean, deviation = values[rows].mean(axis=0), values[rows].std(axis=0)
    # Rounding can give a constant column a tiny deviation, which must not be divided by.
    constant = constant_columns(values[rows])
    deviation = np.where(constant, 1.0, deviation)
    standardised = (values - mean) / deviation
    standardised[np.ix_(rows, constant)] = 0.0
    return standardised, mean, deviation


def cosine_distance(predicted: FloatArray, actual: FloatArray) -> FloatArray:
    r"""Return the cosine distance between the rows of two matrices.

    Parameters
    ----------
    predicted, actual : array of float64, shape (n_rows, n_columns)
        Predicted vectors ẑ and actual vectors z, such as the latents of one stimulus in each row.

    Returns
    -------
    array of float64, shape (n_rows,)
        :math:`1 - \hat z \cdot z / (|\hat z| |z|)` of each row, from 0 to 2; NaN where a row is zero.

    Examples
    --------
    >>> from neuroalign.metrics import cosine_distance
    >>> import numpy as np
    >>> cosine_distance(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[3.0, 0.0], [1.0, 0.0]])).tolist()
    [0.0, 1.0]
    """
    norms = np.linalg.norm(predicted, axis=1) * np.linalg.norm(actual, axis=1)
    return 1.0 - divide((predicted * actual).sum(axis=1), norms, otherwise=np.nan)


def index_of_distances(distances: FloatArray, counts: FloatArray) -> FloatArray:
    r"""Return the axis index of decoding when each held-out stimulus counts a number of times.

    Parameters
    ----------
    distances : array of float64, shape (n_turns + 1, n_held_out)
        Cosine distances with regenerated neurons. The first row belongs to the tuning without a turn, the others to
        turned tuning. NaN entries are left out.
    counts : array of float64, shape (n_draws, n_held_out)
        Number of times that each stimulus is in each draw of a bootstrap.

    Returns
    -------
    array of float64, shape (n_draws,)
        :math:`\kappa = 1 - \bar d_0 / \bar d_{turned}` of each draw, from mean distances over stimuli and turns.

    Examples
    --------
    >>> from neuroalign.metrics import index_of_distances
    >>> import numpy as np
    >>> index_of_distances(np.array([[0.2, 0.4], [0.5, 0.5], [0.7, 0.7]]), np.array([[1.0, 1.0], [2.0, 0.0]])).round(3)
    array([0.5  , 0.667])
    """
    is_defined = np.isfinite(distances)
    total = counts @ np.where(is_defined, distances, 0.0).T
    means = total / np.maximum(counts @ is_defined.T, 1.0)
    level = means[:, 1:].mean(axis=1)
    index: FloatArray = 1.0 - means[:, 0] / np.where(level > 0, level, 1.0)
    return index


def _as_rows(mask: ArrayLike, name: str, n_rows: int) -> NDArray[np.bool_]:
    rows = as_labels(mask, name)
    if rows.dtype != bool or rows.shape != (n_rows,):
        raise ArrayError(f"{name} must be booleans of shape ({n_rows},), got {rows.dtype} {rows.shape}")
    if not rows.any():
        raise ArrayError(f"{name} must mark at least one stimulus, got none")
    return rows
