"""Monosemanticity of units: similarity of the stimuli that drive a unit, in the embedding of another network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError
from neuroalign.metrics.inputs import as_matrix, constant_columns

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Monosemanticity:
    """Result of :func:`monosemanticity`.

    Parameters
    ----------
    per_unit : array of float64, shape (D,)
        Monosemanticity, from -1 to 1; NaN for units without variance, or with a single active stimulus.
    baseline : float
        Mean similarity of two different stimuli, the value of a unit that responds to all stimuli alike.
    """

    per_unit: FloatArray
    baseline: float


def monosemanticity(Z: ArrayLike, embedding: ArrayLike) -> Monosemanticity:
    r"""Average the similarity of pairs of stimuli, weighted by how strongly both drive a unit.

    .. math:: \mathrm{MS} = \frac{\sum_{n \ne m} \tilde a_n \tilde a_m \langle e_n, e_m \rangle}
                                 {\sum_{n \ne m} \tilde a_n \tilde a_m}
              = \frac{\lVert \sum_n \tilde a_n e_n \rVert^2 - \sum_n \tilde a_n^2}
                     {(\sum_n \tilde a_n)^2 - \sum_n \tilde a_n^2}

    with unit-norm embeddings e and the activities ã of a unit scaled to 0 … 1. The second form needs no matrix of
    stimuli × stimuli.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units for each stimulus.
    embedding : array of shape (N, K)
        Embedding of the same stimuli, such as the latents of another network; scaled to unit norm here.

    Returns
    -------
    Monosemanticity

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, there are fewer than two stimuli, or an embedding is zero.

    Notes
    -----
    The smallest value of a unit counts as no activity. So the score depends on the sign of a latent: -z has another
    score than z. Compare scores with the baseline, which is far from 0 for embeddings with a mean, such as rectified
    layers.

    References
    ----------
    Pach, Karthik, Bouniot, Belongie & Akata (2025), arXiv 2504.02821, "Sparse autoencoders learn monosemantic
    features in vision-language models".

    Examples
    --------
    >>> from neuroalign.metrics import monosemanticity
    >>> embedding = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    >>> units = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    >>> result = monosemanticity(units, embedding)
    >>> result.per_unit, round(result.baseline, 3)
    (array([1., 0.]), 0.333)
    """
    values, vectors = as_matrix(Z, "Z"), as_matrix(embedding, "embedding")
    if len(values) != len(vectors) or len(values) < 2:
        raise ArrayError(
            f"Z and embedding must have the same stimuli in rows, two at least, got {len(values)} and {len(vectors)}"
        )
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not norm.all():
        raise ArrayError(
            f"the embedding must not be zero, got zero for row {int(np.argmin(norm))}; leave the stimulus out"
        )
    unit_norm = vectors / norm
    smallest = values.min(axis=0)
    spread = np.where(constant_columns(values), 0.0, values.max(axis=0) - smallest)
    activity = divide(values - smallest, spread, otherwise=0.0)
    return Monosemanticity(
        _weighted(activity, unit_norm), float(_weighted(np.ones((len(values), 1)), unit_norm)[0])
    )


def _weighted(activity: FloatArray, unit_norm: FloatArray) -> FloatArray:
    squares = (activity**2).sum(axis=0)
    similar = ((activity.T @ unit_norm) ** 2).sum(axis=1) - squares
    pairs = activity.sum(axis=0) ** 2 - squares
    # One active stimulus makes no pair; the difference is then rounding.
    return divide(similar, np.where(pairs > 1e-12 * squares, pairs, 0.0), otherwise=np.nan)
