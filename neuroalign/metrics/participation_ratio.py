"""Participation ratio: number of dimensions over which the variance of a population is spread."""

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.metrics.inputs import as_matrix


def participation_ratio(Z: ArrayLike) -> float:
    r"""Return the participation ratio of a population.

    .. math:: \frac{\left(\sum_k \lambda_k\right)^2}{\sum_k \lambda_k^2} = \frac{(\mathrm{tr}\, C)^2}{\mathrm{tr}\, C^2}

    with the eigenvalues λ of the covariance C of the units over stimuli.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units for each stimulus, in units that can be compared: a unit with a larger variance counts more.

    Returns
    -------
    float
        From 1, where one dimension has all variance, to min(N - 1, D); NaN where no unit varies.

    Raises
    ------
    ArrayError
        If the array is not a matrix, or a value is NaN or infinite.

    Notes
    -----
    The smaller of C and the Gram matrix of the stimuli is formed; both have the same eigenvalues. Noise of trials
    raises the ratio, and few stimuli lower it.

    References
    ----------
    Gao, Trautmann, Yu, Santhanam, Ryu, Shenoy & Ganguli (2017), bioRxiv 214262.

    Examples
    --------
    >>> from neuroalign.metrics import participation_ratio
    >>> round(participation_ratio([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]), 12)
    2.0
    """
    values = as_matrix(Z, "Z")
    if not values.size:
        return float("nan")
    centred = values - values.mean(axis=0)
    largest = float(np.abs(centred).max())
    if largest == 0.0:
        return float("nan")
    centred /= largest
    n_stimuli, n_units = centred.shape
    gram = centred.T @ centred if n_units <= n_stimuli else centred @ centred.T
    return float(np.trace(gram) ** 2 / (gram**2).sum())
