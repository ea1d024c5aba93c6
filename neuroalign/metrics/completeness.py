"""Alignment as DCI completeness: concentration of the weights of each neuron on few units."""

from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import ArrayError, UsageError
from neuroalign.metrics.inputs import as_informative, as_matrix


@dataclass(frozen=True)
class Completeness:
    """Result of :func:`completeness`."""

    #: C, the mean of 1 - H weighted by ρ, from 0 to 1; 0 if no neuron has weight.
    score: float
    #: Unweighted mean of 1 - H over the neurons that have weight; NaN if no neuron has weight.
    mean: float
    #: 1 - H of each neuron, (J,); NaN for neurons without weight.
    per_neuron: NDArray[np.float64]
    #: ρ(1 - H) of each neuron, (J,); they sum to the score.
    weighted: NDArray[np.float64]
    #: exp(entropy in nats), (J,): the number of units that carry a neuron, for any D; NaN without weight.
    effective_units: NDArray[np.float64]
    #: Number of neurons without weight.
    n_zero_neurons: int
    #: D, the base of the logarithm.
    n_units: int


def completeness(
    weights: ArrayLike,
    *,
    n_units: Literal["all", "informative"] | int = "all",
    informative: ArrayLike | None = None,
) -> Completeness:
    """Measure how strongly the weights of each neuron concentrate on a single unit.

    With R = ``|W|``, p_dj = R_dj / Σ_d R_dj and H_j = -Σ_d p_dj log_D p_dj, the score is
    C = Σ_j ρ_j (1 - H_j), where ρ_j is the neuron's share of all weight.

    Parameters
    ----------
    weights : array of shape (D, J)
        Weight of each unit for each neuron, on standardised units; signs do not matter.
    n_units : {"all", "informative"} or int
        Base of the logarithm. "all": D, including dead units, as in the paper. "informative": the number of informative
        units. A number: a D that several models have in common.
    informative : array of bool, shape (D,), optional
        By default the units with any weight.

    Returns
    -------
    Completeness

    Raises
    ------
    UsageError
        If the base is 1, for which the entropy is undefined, or smaller than the number of units with weight.
    ArrayError
        If the weights are not a finite matrix.

    Notes
    -----
    The same weights score higher with a larger base: k equal weights score 1 - ln k / ln D. Compare models of
    different D by ``effective_units``, or at a common ``n_units``.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, eqs. 4-7; Eastwood & Williams (2018), ICLR, "completeness".

    Examples
    --------
    >>> from neuroalign.metrics import completeness
    >>> completeness([[2.0, 0.0], [0.0, 1.0], [0.0, 1.0]]).per_neuron.round(3)
    array([1.   , 0.369])
    """
    strength = np.abs(as_matrix(weights, "weights"))
    if not strength.size:
        raise ArrayError(f"weights need one unit and one neuron at least, got shape {strength.shape}")
    mask = as_informative(informative, strength.max(axis=1) > 0)
    if n_units == "all":
        base = strength.shape[0]
    elif n_units == "informative":
        base = int(mask.sum())
    elif isinstance(n_units, Integral) and not isinstance(n_units, bool):
        base = int(n_units)
    else:
        raise UsageError(f"n_units must be 'all', 'informative' or a number, got {n_units!r}")
    used = int((strength > 0).sum(axis=0).max())
    if base < 2 and (used or n_units != "informative"):
        raise UsageError(
            f"alignment needs two units at least, got {base}: one unit carries all that it predicts by definition"
        )
    if used > base:
        raise UsageError(
            f"n_units = {base} is less than the {used} units that have weight for one neuron; choose {used} or more"
        )
    total = strength.sum(axis=0)
    has_weight = total > 0
    share = divide(strength, total, otherwise=0.0)
    entropy = -np.sum(share * np.log(np.where(share > 0, share, 1.0)), axis=0)
    per_neuron = np.where(has_weight, 1.0 - entropy / np.log(max(base, 2)), np.nan)
    largest = total.max()
    # Scaled first, so that the sum of huge weights stays finite.
    rho = total / largest / np.sum(total / largest) if largest > 0 else np.zeros_like(total)
    weighted = np.where(has_weight, rho * np.where(has_weight, per_neuron, 0.0), 0.0)
    return Completeness(
        score=float(weighted.sum()),
        mean=float(per_neuron[has_weight].mean()) if has_weight.any() else float("nan"),
        per_neuron=per_neuron,
        weighted=weighted,
        effective_units=np.where(has_weight, np.exp(entropy), np.nan),
        n_zero_neurons=int((~has_weight).sum()),
        n_units=base,
    )


def completeness_at(score: float, n_units: int, common: int) -> float:
    """Convert completeness from one base of the logarithm to another, such as a D that several models have in common.

    Parameters
    ----------
    score : float
        C, where some neuron has weight; without any weight C is 0 at every base.
    n_units : int
        D of the score.
    common : int
        D to convert to.

    Returns
    -------
    float
        ``1 - (1 - C) ln D / ln common``: equal to the completeness of the same weights among `common` units,
        because C is 1 minus an entropy divided by ln D.
        Negative if `common` is less than the number of units that carry a neuron.

    Raises
    ------
    UsageError
        If a number of units is less than two.

    Examples
    --------
    Two equal weights, among 4 and among 50 units:

    >>> from neuroalign.metrics import completeness_at
    >>> round(completeness_at(0.5, 4, 50), 3)
    0.823
    """
    if n_units < 2 or common < 2:
        raise UsageError(f"alignment needs two units at least, got {min(n_units, common)}")
    return float(1.0 - (1.0 - score) * np.log(n_units) / np.log(common))
