"""Products of squared Euclidean distances of single neurons, which add up to the distances of a population."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RdmProducts:
    """Result of :func:`rdm_products`; sums over pairs of stimuli."""

    #: Sum of the squares of the distances of all units together.
    units: float
    #: Products of the distances of the units with the distances of each neuron, (J,).
    with_units: FloatArray
    #: Products of the distances of each pair of neurons, (J, J).
    among_neurons: FloatArray


def rdm_products(
    units: FloatArray, neurons: FloatArray, *, centred: bool, counts: FloatArray | None = None
) -> RdmProducts:
    """Return sums of products of squared distances over pairs of stimuli, without the distances themselves.

    Parameters
    ----------
    units : array of float64, shape (N, D)
    neurons : array of float64, shape (N, J)
    centred : bool
        Whether the mean distance is subtracted, as for Pearson's correlation.
    counts : array of float64, shape (N,), optional
        How often each stimulus was drawn. Pairs of a stimulus with itself are left out.

    Returns
    -------
    RdmProducts

    Notes
    -----
    For centred columns a and b with weights m that add up to M, the sum of ``m_i m_k (a_i − a_k)² (b_i − b_k)²`` over
    pairs is ``M Σ m a² b² + Σ m a² · Σ m b² + 2 (Σ m a b)²``, and the sum of ``m_i m_k (a_i − a_k)²`` is ``M Σ m a²``.
    """
    m = np.ones(len(units)) if counts is None else counts
    total = float(m.sum())
    z, y = (values - (m / total) @ values for values in (units, neurons))
    lengths, squares = (z**2).sum(axis=1), y**2
    sum_units, sum_neurons = float(m @ lengths), m @ squares
    # The smaller of the two Gram matrices of the units.
    weighted = np.sqrt(m)[:, None] * z
    gram = weighted.T @ weighted if z.shape[1] <= len(z) else weighted @ weighted.T
    cross = (((m[:, None] * y).T @ z) ** 2).sum(axis=1) if z.shape[1] <= len(z) else _wide(z, y, m)
    products = [
        total * (m @ lengths**2) + sum_units**2 + 2.0 * (gram**2).sum(),
        total * (m * lengths) @ squares + sum_units * sum_neurons + 2.0 * cross,
        total * (squares * m[:, None]).T @ squares
        + np.outer(sum_neurons, sum_neurons)
        + 2.0 * (y.T @ (m[:, None] * y)) ** 2,
    ]
    if centred:
        n_pairs = (total**2 - float((m**2).sum())) / 2.0
        products[0] -= (total * sum_units) ** 2 / n_pairs
        products[1] -= total**2 * sum_units * sum_neurons / n_pairs
        products[2] -= total**2 * np.outer(sum_neurons, sum_neurons) / n_pairs
    return RdmProducts(float(products[0]), products[1], products[2])


def _wide(z: FloatArray, y: FloatArray, m: FloatArray) -> FloatArray:
    """Return Σ_d (Σ_i m_i z_id y_ij)² of each neuron from the N × N matrix of the units."""
    weighted = m[:, None] * y
    return np.asarray((weighted * ((z @ z.T) @ weighted)).sum(axis=0))
