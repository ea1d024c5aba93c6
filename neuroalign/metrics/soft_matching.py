"""Cross-validated soft matching of units and neurons: optimal transport of their whole mass, or of a part of it."""

from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from neuroalign.metrics.matching_folds import Matching, match_folds
from neuroalign.metrics.transport import transport


@dataclass(frozen=True, eq=False)
class SoftMatching(Matching):
    """Result of :func:`soft_matching`: a :class:`neuroalign.metrics.Matching` with its distance."""

    @property
    def distance(self) -> float:
        """Soft-matching distance d = √(2(1 − score)) of columns with unit norm; 0 for equal populations."""
        return soft_matching_distance(self.score)


def soft_matching_distance(score: float) -> float:
    """Return the soft-matching distance d = √(2(1 − score)) of columns with unit norm.

    Parameters
    ----------
    score : float
        Score of :func:`soft_matching`. In-sample, d is a metric: symmetric, with the triangle inequality. A held-out
        score above 1 has the distance 0.

    Returns
    -------
    float
        Distance from 0 to 2.

    References
    ----------
    Khosla & Williams (2023), arXiv 2311.09466.

    Examples
    --------
    >>> from neuroalign.metrics import soft_matching_distance
    >>> soft_matching_distance(0.5)
    1.0
    """
    return float(np.sqrt(max(0.0, 2.0 * (1.0 - score))))


def soft_matching(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    folds: ArrayLike | None = None,
    ranks: bool = False,
    absolute: bool = False,
    exclude: ArrayLike | None = None,
) -> SoftMatching:
    r"""Match units and neurons softly, with equal mass for each unit and for each neuron.

    .. math:: T = \arg\max_T \sum_{ij} T_{ij} s_{ij}, \quad \text{score} = \sum_{ij} T_{ij} s'_{ij}, \quad
       T_{ij} \ge 0, \quad \sum_j T_{ij} = 1/D, \quad \sum_i T_{ij} = 1/J

    with the correlation s over the training stimuli and the similarity s′ of the held-out stimuli.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus, in any unit of measurement. Units without variance are left out.
    Y : array of shape (N, J)
        Responses to the same stimuli. Neurons without variance are left out.
    folds, ranks, absolute, exclude
        See :func:`neuroalign.metrics.one_to_one`.

    Returns
    -------
    SoftMatching
        ``per_neuron`` is :math:`J \sum_i T_{ij} s'_{ij}`; the score is its mean.

    Raises
    ------
    UsageError
        If no unit or neuron varies, an excluded pair cannot be avoided, or there is only one fold.
    ArrayError
        If shapes do not fit or a value is NaN or infinite.

    Notes
    -----
    With D = J the best transport is the best one-to-one matching. Copies of a unit, units that match no neuron, and
    the numbers D and J change the score, because every unit has the mass 1/D. With copies, several transports have
    the same score, but other values of single neurons: rows and columns are sorted by their similarities, so that the
    choice does not depend on their order, except between copies of one neuron.

    References
    ----------
    Khosla & Williams (2023), arXiv 2311.09466, "Soft matching distance".

    Examples
    --------
    >>> from neuroalign.metrics import soft_matching
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> Z = rng.standard_normal((500, 3))
    >>> result = soft_matching(Z[:, [0, 1, 2, 0, 1, 2]], Z[:, [2, 0, 1]])
    >>> round(result.score, 6), round(result.distance, 6)
    (1.0, 0.0)
    >>> round(soft_matching(Z, Z[:, [0, 0, 1]]).score, 2)
    0.66
    """
    result = match_folds(Z, Y, transport, folds=folds, ranks=ranks, absolute=absolute, exclude=exclude)
    return SoftMatching(**{field.name: getattr(result, field.name) for field in fields(result)})


def partial_soft_matching(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    mass: float = 0.5,
    folds: ArrayLike | None = None,
    ranks: bool = False,
    absolute: bool = False,
    exclude: ArrayLike | None = None,
) -> Matching:
    r"""Match the part of the units and neurons that match best.

    .. math:: T = \arg\max_T \sum_{ij} T_{ij} s_{ij}, \quad \text{score} = \frac{1}{m} \sum_{ij} T_{ij} s'_{ij}, \quad
       T_{ij} \ge 0, \quad \sum_j T_{ij} \le 1/D, \quad \sum_i T_{ij} \le 1/J, \quad \sum_{ij} T_{ij} = m

    with the correlation s over the training stimuli and the similarity s′ of the held-out stimuli.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus, in any unit of measurement. Units without variance are left out.
    Y : array of shape (N, J)
        Responses to the same stimuli. Neurons without variance are left out.
    mass : float
        Mass m that is matched, in (0, 1]; with 1, the result is :func:`soft_matching`.
    folds, ranks, absolute, exclude
        See :func:`neuroalign.metrics.one_to_one`.

    Returns
    -------
    Matching
        The shares of neurons and units say which of them are matched.

    Raises
    ------
    UsageError
        If `mass` is not in (0, 1], no unit or neuron varies, an excluded pair cannot be avoided, or there is only one
        fold.
    ArrayError
        If shapes do not fit or a value is NaN or infinite.

    References
    ----------
    Kapoor, Williams & Khosla (2026), arXiv 2602.19331, "Partial soft-matching distance".

    Examples
    --------
    >>> from neuroalign.metrics import partial_soft_matching
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> Z, noise = rng.standard_normal((500, 3)), rng.standard_normal((500, 3))
    >>> result = partial_soft_matching(np.hstack([Z, noise]), Z, mass=0.5)
    >>> round(result.score, 6), result.unit_share.round(6)
    (1.0, array([1., 1., 1., 0., 0., 0.]))
    """
    match = partial(transport, mass=mass)
    return match_folds(Z, Y, match, folds=folds, ranks=ranks, absolute=absolute, exclude=exclude)
