"""DCI disentanglement: concentration of the weights of each unit on few factors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.errors import UsageError
from neuroalign.metrics.completeness import completeness
from neuroalign.metrics.inputs import as_matrix


@dataclass(frozen=True)
class Disentanglement:
    """Result of :func:`disentanglement`."""

    #: The mean of 1 - H weighted by ρ, from 0 to 1; 0 if no unit has weight.
    score: float
    #: 1 - H of each unit, (D,); NaN for units without weight.
    per_unit: NDArray[np.float64]
    #: exp(entropy in nats): the number of factors that a unit encodes, (D,); NaN without weight.
    effective_factors: NDArray[np.float64]
    #: Number of units without weight.
    n_zero_units: int


def disentanglement(weights: ArrayLike) -> Disentanglement:
    """Measure how strongly the weights of each unit concentrate on a single factor.

    Disentanglement is :func:`completeness` with units and factors exchanged. With R = ``|W|``,
    p_dk = R_dk / Σ_k R_dk and H_d = -Σ_k p_dk log_K p_dk, the score is Σ_d ρ_d (1 - H_d), where ρ_d is the
    unit's share of all weight.

    Parameters
    ----------
    weights : array of shape (D, K)
        Weight of each of D units for each of K factors, such as the weights of :func:`lasso_cv`; signs do not matter.

    Returns
    -------
    Disentanglement

    Raises
    ------
    UsageError
        If there is only one factor.
    ArrayError
        If the weights are not a finite matrix.

    References
    ----------
    Eastwood & Williams (2018), ICLR, "disentanglement".

    Examples
    --------
    >>> from neuroalign.metrics import disentanglement
    >>> disentanglement([[2.0, 0.0], [1.0, 1.0]]).per_unit
    array([1., 0.])
    """
    matrix = as_matrix(weights, "weights")
    if matrix.shape[1] < 2:
        raise UsageError(f"disentanglement needs two factors at least, got {matrix.shape[1]}")
    exchanged = completeness(matrix.T)
    return Disentanglement(
        score=exchanged.score,
        per_unit=exchanged.per_neuron,
        effective_factors=exchanged.effective_units,
        n_zero_units=exchanged.n_zero_neurons,
    )
