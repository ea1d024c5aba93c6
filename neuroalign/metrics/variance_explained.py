"""Variance of responses explained by a prediction on held-out stimuli."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.metrics.inputs import as_matrix, constant_columns


def variance_explained(Y_true: ArrayLike, Y_predicted: ArrayLike) -> NDArray[np.float64]:
    """Return 1 - Σ(y - ŷ)² / Σ(y - ȳ)² of each neuron.

    Parameters
    ----------
    Y_true, Y_predicted : arrays of shape (N, J)
        Recorded responses y and predicted responses ŷ of J neurons to N stimuli.

    Returns
    -------
    array of float64, shape (J,)
        At most 1, without a lower bound; NaN for neurons without variance.

    Raises
    ------
    ArrayError
        If shapes differ or a value is NaN or infinite.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Variance explained".

    Examples
    --------
    >>> from neuroalign.metrics import variance_explained
    >>> variance_explained([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]])
    array([0.5])
    """
    true, predicted = as_matrix(Y_true, "Y_true"), as_matrix(Y_predicted, "Y_predicted")
    if true.shape != predicted.shape:
        raise ArrayError(
            f"Y_true and Y_predicted must have one shape, got {true.shape} and {predicted.shape}"
        )
    residual = ((true - predicted) ** 2).sum(axis=0)
    total = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    constant = constant_columns(true)
    return 1.0 - divide(residual, np.where(constant, 0.0, total), otherwise=np.nan)
