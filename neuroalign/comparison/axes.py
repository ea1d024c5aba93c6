"""Axis index of models and families, scores above chance, and reliability of the neurons."""

from dataclasses import dataclass

import numpy as np

from neuroalign.comparison.samples import instances_of
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.reliability import neuron_reliability
from neuroalign.errors import format_p
from neuroalign.metrics import is_special
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import AXIS_INDEX, Statistic

#: Largest p-value of a score above chance, and of an instance that passes the test against turned tuning.
ALPHA = 0.05


_NAN = float("nan")


@dataclass(frozen=True)
class Axes:
    """The axis index κ of a model or a family.

    Parameters
    ----------
    index, error : float
        Means over instances of κ and of its standard error.
    p : float
        Median over instances of the p-value of the null hypothesis that the axes are no better than turned axes.
    n_passing, n : int
        Number of instances with p ≤ .05, and number of instances.
    native, regenerated, turned, turned_sd : float
        Means over instances of the score, the score of the neurons regenerated from linear tuning, the score with this
        tuning turned at random, and the standard deviation of the score over turns.
    """

    index: float
    error: float
    p: float
    n_passing: int
    n: int
    native: float
    regenerated: float
    turned: float
    turned_sd: float

    @property
    def special(self) -> bool:
        """Whether p ≤ .05 and κ − 1.645 SE > .10, by the means and the median over instances."""
        return is_special(self.index, self.error, self.p)


def read_axes(score: Score) -> Axes | None:
    """Read the axis index of a model or a family.

    Parameters
    ----------
    score : Score
        Score of a model, or of a family with its instances.

    Returns
    -------
    Axes or None
        None where an instance has no axis index.

    Examples
    --------
    >>> from neuroalign.comparison import read_axes
    >>> from neuroalign.testing import make_score
    >>> index = {"axis_index": 0.6, "axis_index_error": 0.05, "axis_index_p": 0.048}
    >>> axes = read_axes(make_score(0.8, beside={**index, "regenerated": 0.8, "turned": 0.5, "turned_sd": 0.02}))
    >>> axes.index, axes.special
    (0.6, True)
    """
    instances = instances_of([score])
    if any(AXIS_INDEX not in instance.beside for instance in instances):
        return None

    def mean(key: str) -> float:
        values = np.array([instance.beside.get(key, _NAN) for instance in instances], dtype=np.float64)
        finite = values[np.isfinite(values)]
        return float(finite.mean()) if finite.size else _NAN

    p = np.array([instance.beside.get(f"{AXIS_INDEX}_p", _NAN) for instance in instances], dtype=np.float64)
    p = p[np.isfinite(p)]
    return Axes(
        mean(AXIS_INDEX),
        mean(f"{AXIS_INDEX}_error"),
        float(np.median(p)) if p.size else _NAN,
        int((p <= ALPHA).sum()),
        len(instances),
        score.value,
        mean("regenerated"),
        mean("turned"),
        mean("turned_sd"),
    )


def is_above_chance(score: Score, statistic: Statistic) -> bool | None:
    """Return whether a model or a family is above chance.

    An axis index is above chance where the axes are special. Another statistic is above chance where the median over
    instances of the exact p-value of shuffled stimuli is .05 or less; without p-values, where the score is better than
    its level of chance.

    Parameters
    ----------
    score : Score
        Score of a model, or of a family with its instances.
    statistic : Statistic
        Number of the score that is compared with chance.

    Returns
    -------
    bool or None
        None where the level of chance is unknown.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.comparison import is_above_chance
    >>> from neuroalign.testing import make_score
    >>> (value, *_) = na.load_benchmark("ridge").statistics
    >>> is_above_chance(make_score(0.4, benchmark="ridge", null=0.1), value), is_above_chance(make_score(0.4), value)
    (True, None)
    """
    if statistic.identifier == AXIS_INDEX:
        axes = read_axes(score)
        return None if axes is None or not np.isfinite(axes.index) else axes.special
    if not statistic.is_score:
        return None
    p_values = shuffle_p_values(score)
    if p_values:
        return bool(np.median(p_values) <= ALPHA)
    if not (np.isfinite(score.null) and np.isfinite(score.value)):
        return None
    return score.value > score.null if score.higher_is_better else score.value < score.null


def describe_chance(score: Score, statistic: Statistic) -> str:
    """Write the numbers behind :func:`is_above_chance`."""
    axes = read_axes(score) if statistic.identifier == AXIS_INDEX else None
    if axes is not None:
        return f"κ = {axes.index:.3f}, p = {format_p(axes.p)}"
    p_values = shuffle_p_values(score)
    if p_values:
        return f"{score.value:.3f}, p of chance = {format_p(float(np.median(p_values)))}"
    return f"{score.value:.3f} where chance is {score.null:.3f}"


def shuffle_p_values(score: Score) -> list[float]:
    """Return the exact p-values of shuffled stimuli of all instances; empty where an instance has no such p-value."""
    stored = [instance.provenance.get("permutation_p") for instance in instances_of([score])]
    p_values = [float(p) for p in stored if p is not None]
    return p_values if len(p_values) == len(stored) else []


def median_reliability(dataset: Dataset) -> float:
    """Return the median reliability of the neurons of a dataset.

    Parameters
    ----------
    dataset : Dataset
        Dataset with single trials, or with averages and their standard errors.

    Returns
    -------
    float
        NaN without single trials or standard errors of averages.

    Examples
    --------
    >>> from neuroalign.comparison import median_reliability
    >>> from neuroalign.testing import make_dataset
    >>> round(median_reliability(make_dataset(n_stimuli=500, reliability=0.7)), 1)
    0.7
    """
    values = neuron_reliability(dataset)
    return float(np.nanmedian(values)) if values is not None and np.isfinite(values).any() else _NAN
