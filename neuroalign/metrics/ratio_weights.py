"""Correlation ratios as weighted means over neurons, their jackknife and their axis index."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.metrics.correlation import Aggregate, aggregate_ratios

FloatArray = NDArray[np.float64]

#: A level of chance nearer to 1 than this leaves no room for an axis index.
LEAST_ROOM = 1e-9


def leave_one_out_ratios(
    ratios: FloatArray, best_unit: NDArray[np.int64], aggregate: Aggregate = "unit_mean"
) -> FloatArray:
    """Return the aggregated correlation ratio without each neuron in turn, for a jackknife.

    Parameters
    ----------
    ratios : array of float64, shape (J,)
        Ratio of each neuron.
    best_unit : array of int, shape (J,)
        Best unit of each neuron; neurons with -1 have no ratio.
    aggregate : {"unit_mean", "unit_max", "neuron_mean"}
        See :func:`neuroalign.metrics.correlation_ratio`.

    Returns
    -------
    array of float64, shape (n_defined,)
        One value for each neuron with a best unit, in the order of the neurons.

    Examples
    --------
    >>> from neuroalign.metrics import leave_one_out_ratios
    >>> import numpy as np
    >>> leave_one_out_ratios(np.array([0.2, 0.4, 0.6]), np.array([0, 0, 1]))
    array([0.5, 0.4, 0.3])
    """
    defined = np.flatnonzero(best_unit >= 0)
    return np.array(
        [
            aggregate_ratios(np.delete(ratios, neuron), np.delete(best_unit, neuron), aggregate)
            for neuron in defined
        ]
    )


def shares_of_best_units(is_defined: NDArray[np.bool_], best_unit: ArrayLike) -> FloatArray:
    """Return the weight of each neuron in the mean over best units.

    The mean over best units of the mean ratio of their neurons equals the mean over neurons with these weights.

    Parameters
    ----------
    is_defined : array of bool, shape (J,)
        Neurons with a ratio.
    best_unit : array of int or str, shape (J,)
        Best unit of each neuron.

    Returns
    -------
    array of float64, shape (J,)
        1/n for the n neurons with the same best unit; 0 for a neuron without a ratio.

    Examples
    --------
    >>> from neuroalign.metrics import shares_of_best_units
    >>> import numpy as np
    >>> shares_of_best_units(np.array([True, True, True, False]), [3, 3, 5, -1])
    array([0.5, 0.5, 1. , 0. ])
    """
    _, unit, number = np.unique(np.asarray(best_unit), return_inverse=True, return_counts=True)
    return np.where(is_defined, 1.0 / number[unit], 0.0)


def ratio_weights(ratios: FloatArray, best_unit: NDArray[np.int64], aggregate: Aggregate) -> FloatArray:
    """Return the weights of the neurons in the aggregated ratio of several sets of neurons.

    Parameters
    ----------
    ratios : array of float64, shape (n_sets, J)
        Correlation ratio of each neuron in each set; NaN where a neuron has no ratio.
    best_unit : array of int, shape (n_sets, J)
        Best unit of each neuron in each set; -1 where a neuron has no ratio.
    aggregate : {"unit_mean", "neuron_mean"}
        Mean over best units, or over neurons.

    Returns
    -------
    array of float64, shape (n_sets, J)
        Weights, not normalised: 1 for each neuron with a ratio for "neuron_mean", and 1 divided by the number of
        neurons that share its best unit for "unit_mean"; 0 for neurons without a ratio.

    Raises
    ------
    ArrayError
        If `aggregate` is "unit_max", which is not a weighted mean over neurons.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import ratio_weights
    >>> ratio_weights(np.array([[0.9, 0.5, 0.4]]), np.array([[0, 0, 2]]), "unit_mean")
    array([[0.5, 0.5, 1. ]])
    """
    if aggregate == "unit_max":
        raise ArrayError(
            "aggregate must be 'unit_mean' or 'neuron_mean' for weights of neurons, got 'unit_max'"
        )
    is_defined = (best_unit >= 0) & np.isfinite(ratios)
    if aggregate == "neuron_mean":
        return is_defined.astype(np.float64)
    return np.stack([shares_of_best_units(*row) for row in zip(is_defined, best_unit, strict=True)])


def index_of_ratios(total: FloatArray, weighted: FloatArray) -> FloatArray:
    r"""Return the axis index of the correlation ratio from sums over drawn neurons.

    Parameters
    ----------
    total : array of float64, shape (n_draws, n_turns + 1)
        Sum of the weights of the neurons of each draw, :math:`\sum_j w_j`, see :func:`ratio_weights`. The first
        column belongs to the tuning without a turn, the others to turned tuning.
    weighted : array of float64, shape (n_draws, n_turns + 1)
        Sum of the weighted ratios, :math:`\sum_j w_j x_j`.

    Returns
    -------
    array of float64, shape (n_draws,)
        :math:`\kappa = (\bar x_0 - \bar x_{turned}) / (1 - \bar x_{turned})`; 0, the level of chance, for a draw
        without weights or with turned neurons at the largest ratio.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import index_of_ratios
    >>> index_of_ratios(total=np.array([[2.0, 2.0, 2.0]]), weighted=np.array([[1.2, 0.4, 0.8]])).round(3)
    array([0.429])
    """
    means = divide(weighted, total, otherwise=0.0)
    level = means[:, 1:].mean(axis=1)
    room = 1.0 - level
    is_defined = (total[:, 0] > 0) & (room > LEAST_ROOM)
    return np.where(is_defined, (means[:, 0] - level) / np.where(is_defined, room, 1.0), 0.0)
