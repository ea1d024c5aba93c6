"""Correlations of units with neurons, and the correlation ratio."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.errors import UsageError
from neuroalign.metrics.inputs import as_excluded, as_informative, as_pair, constant_columns, standardise

Aggregate = Literal["unit_mean", "unit_max", "neuron_mean"]


@dataclass(frozen=True)
class CorrelationRatio:
    """Result of :func:`correlation_ratio`."""

    #: The aggregated ratio; NaN if no neuron correlates with any unit.
    score: float
    #: Aggregate of (ratio - 1/D)/(1 - 1/D), which is 0 where all D units correlate equally and 1 where only one unit
    #: correlates. Noise still scores above 0; shuffled stimuli give the level of noise.
    chance_corrected: float
    #: max_d r_dj / Σ_d r_dj of each neuron, (J,); NaN for neurons without variance and for neurons that are compared
    #: with a single unit.
    per_neuron: NDArray[np.float64]
    #: Share of the informative units that are the best unit of some neuron.
    unit_proportion: float
    #: The best unit of each neuron, (J,); -1 for neurons without a ratio.
    best_unit: NDArray[np.int64]


def correlations(Z: ArrayLike, Y: ArrayLike) -> NDArray[np.float64]:
    """Return Pearson's r of each unit with each neuron.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.

    Returns
    -------
    array of float64, shape (D, J)
        Correlations over stimuli in [-1, 1]; 0 where the unit or the neuron has no variance.

    Raises
    ------
    ArrayError
        If shapes do not fit or a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import correlations
    >>> Z = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> correlations(Z, -2 * Z[:, :1]).round(3)
    array([[-1.   ],
           [ 0.447]])
    """
    units, neurons = as_pair(Z, Y)
    return np.clip(standardise(units).T @ standardise(neurons) / len(units), -1.0, 1.0)


def correlation_ratio(
    Z: ArrayLike,
    Y: ArrayLike,
    *,
    informative: ArrayLike | None = None,
    aggregate: Aggregate = "unit_mean",
    exclude: ArrayLike | None = None,
) -> CorrelationRatio:
    """Measure how much the best unit of each neuron stands out, and how many units are the best unit of some neuron.

    With r_dj = ``|Pearson(z_d, y_j)|`` over informative units d, the ratio of neuron j is max_d r_dj / Σ_d r_dj.

    Parameters
    ----------
    Z : array of shape (N, D)
        Units of the model for each stimulus.
    Y : array of shape (N, J)
        Responses of the neurons to the same stimuli.
    informative : array of bool, shape (D,), optional
        Units that count; by default those that vary.
    aggregate : {"unit_mean", "unit_max", "neuron_mean"}
        "unit_mean": the mean over the neurons that share a best unit, then over those units. "unit_max":
        the largest of each unit's neurons, then the mean over units. "neuron_mean": the mean over neurons.
    exclude : array of int, shape (J,), optional
        Unit that each neuron is not compared with, such as the neuron itself; -1 for no unit.

    Returns
    -------
    CorrelationRatio

    Raises
    ------
    UsageError
        If fewer than two units are informative: the ratio of one unit is 1 by definition.
    ArrayError
        If shapes do not fit or a value is NaN or infinite.

    Notes
    -----
    Chance falls with the number of units: pure noise scores .238 with 10 units and .063 with 50 (2,100 stimuli,
    159 neurons).

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, Methods, "Average correlation ratio and average unit proportion".

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import correlation_ratio
    >>> Z = np.random.default_rng(0).standard_normal((500, 4))
    >>> result = correlation_ratio(Z, Z[:, [2, 0]])
    >>> result.best_unit, result.unit_proportion, round(result.score, 2)
    (array([2, 0]), 0.5, 0.92)
    """
    units, neurons = as_pair(Z, Y)
    mask = as_informative(informative, ~constant_columns(units))
    if mask.sum() < 2:
        raise UsageError(
            f"the correlation ratio needs two informative units at least, got {int(mask.sum())}: "
            "with one, it is 1 by definition"
        )
    if aggregate not in ("unit_mean", "unit_max", "neuron_mean"):
        raise UsageError(f"aggregate must be 'unit_mean', 'unit_max' or 'neuron_mean', got {aggregate!r}")
    excluded = as_excluded(exclude, units.shape[1], neurons.shape[1])
    strength = np.abs(correlations(units, neurons))
    strength[~mask] = 0.0
    strength[excluded[excluded >= 0], np.flatnonzero(excluded >= 0)] = 0.0
    total = strength.sum(axis=0)
    of_units = np.where(excluded >= 0, mask.sum() - mask[excluded], mask.sum())
    defined = (total > 0) & (of_units > 1)
    per_neuron = divide(strength.max(axis=0), np.where(defined, total, 0.0), otherwise=np.nan)
    best_unit = np.where(defined, strength.argmax(axis=0), -1)
    equal = 1.0 / np.maximum(of_units, 2)
    return CorrelationRatio(
        score=aggregate_ratios(per_neuron, best_unit, aggregate),
        chance_corrected=aggregate_ratios((per_neuron - equal) / (1.0 - equal), best_unit, aggregate),
        per_neuron=per_neuron,
        unit_proportion=float(np.unique(best_unit[defined]).size / mask.sum()),
        best_unit=best_unit,
    )


def aggregate_ratios(
    ratios: NDArray[np.float64], best_unit: NDArray[np.int64], aggregate: Aggregate = "unit_mean"
) -> float:
    """Aggregate the ratios of neurons into one number.

    Parameters
    ----------
    ratios : array of float64, shape (J,)
        Correlation ratio of each neuron.
    best_unit : array of int, shape (J,)
        Best unit of each neuron; neurons with -1 are left out.
    aggregate : {"unit_mean", "unit_max", "neuron_mean"}
        See :func:`correlation_ratio`.

    Returns
    -------
    float
        NaN if no neuron is left.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.metrics import aggregate_ratios
    >>> ratios, best_unit = np.array([0.9, 0.5, 0.4]), np.array([0, 0, 2])
    >>> [round(aggregate_ratios(ratios, best_unit, by), 2) for by in ("unit_mean", "unit_max", "neuron_mean")]
    [0.55, 0.65, 0.6]
    """
    ratios, best_unit = ratios[best_unit >= 0], best_unit[best_unit >= 0]
    if not ratios.size:
        return float("nan")
    if aggregate == "neuron_mean":
        return float(ratios.mean())
    number = np.bincount(best_unit)
    if aggregate == "unit_mean":
        of_units = np.bincount(best_unit, weights=ratios) / np.maximum(number, 1)
    else:
        of_units = np.zeros(number.size)
        np.maximum.at(of_units, best_unit, ratios)
    return float(of_units[number > 0].mean())
