"""Sparseness of units over stimuli: Treves-Rolls, Vinje-Gallant, and excess kurtosis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.metrics.inputs import as_matrix, constant_columns, standardise

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sparseness:
    """Result of :func:`sparseness`.

    Parameters
    ----------
    treves_rolls : array of float64, shape (D,)
        a, from 1/N (one stimulus drives the unit) to 1 (all stimuli drive it alike); NaN for units that have negative
        values or are zero for all stimuli.
    vinje_gallant : array of float64, shape (D,)
        S, from 0 (all stimuli alike) to 1 (one stimulus); NaN as `treves_rolls`.
    kurtosis : array of float64, shape (D,)
        Excess kurtosis, 0 for a normal distribution, for values of any sign; NaN for units without variance.
    is_signed : array of bool, shape (D,)
        Units with negative values.
    """

    treves_rolls: FloatArray
    vinje_gallant: FloatArray
    kurtosis: FloatArray
    is_signed: NDArray[np.bool_]


def sparseness(Z: ArrayLike) -> Sparseness:
    r"""Measure how few stimuli drive each unit.

    .. math::
        a = \frac{\left(\frac1N \sum_i z_i\right)^2}{\frac1N \sum_i z_i^2}, \qquad
        S = \frac{1 - a}{1 - 1/N}, \qquad
        k = \frac{\frac1N \sum_i (z_i - \bar z)^4}{\left(\frac1N \sum_i (z_i - \bar z)^2\right)^2} - 3

    Parameters
    ----------
    Z : array of shape (N, D)
        Units for each of N ≥ 2 stimuli, such as rates of neurons or the values of a rectified layer.

    Returns
    -------
    Sparseness

    Raises
    ------
    ArrayError
        If the array is not a matrix of two stimuli at least, or a value is NaN or infinite.

    Notes
    -----
    a and S compare a unit with zero activity, so both need values that are not negative. A unit with a negative value
    has no a and S here. Zero is arbitrary for latents: a shift of a latent would change both, and rectified values
    would describe another unit. The kurtosis depends neither on shift nor on scale.

    Closed forms: a = 1/π for a half-rectified normal distribution, 1/e for a lognormal one with σ = 1.

    References
    ----------
    Treves & Rolls (1991), Network 2:371; Rolls & Tovee (1995), J. Neurophysiol. 73:713; Vinje & Gallant (2000),
    Science 287:1273.

    Examples
    --------
    >>> from neuroalign.metrics import sparseness
    >>> result = sparseness([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [8.0, 1.0]])
    >>> result.treves_rolls, result.vinje_gallant
    (array([0.25, 1.  ]), array([1., 0.]))
    """
    values = as_matrix(Z, "Z")
    n_stimuli = len(values)
    if n_stimuli < 2:
        raise ArrayError(f"Z must have two stimuli at least, got {n_stimuli}")
    is_signed: NDArray[np.bool_] = values.min(axis=0) < 0
    # Scaled first, so that squares of tiny and huge values stay exact; a and S do not depend on the scale.
    largest = np.abs(values).max(axis=0)
    scaled = divide(values, largest, otherwise=0.0)
    usable = ~is_signed & (largest > 0)
    a = divide(scaled.mean(axis=0) ** 2, np.where(usable, (scaled**2).mean(axis=0), 0.0), otherwise=np.nan)
    fourth = (standardise(values) ** 4).mean(axis=0) - 3.0
    return Sparseness(
        treves_rolls=a,
        vinje_gallant=(1.0 - a) / (1.0 - 1.0 / n_stimuli),
        kurtosis=np.where(constant_columns(values), np.nan, fourth),
        is_signed=is_signed,
    )
