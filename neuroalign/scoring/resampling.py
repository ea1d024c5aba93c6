"""Resampling of scores: statistics as functions of the neurons and stimuli that a bootstrap draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import ArrayError
from neuroalign.masked import as_numbers
from neuroalign.results.score import Score

FloatArray = NDArray[np.float64]

#: Identifier of the axis index κ, a statistic of benchmarks that ask about single units; see
#: :func:`neuroalign.metrics.axis_index`.
AXIS_INDEX = "axis_index"

# Largest number of sums in memory at a time.
_BATCH = 2**24


@dataclass(frozen=True)
class Statistic:
    """Number of a score by which models can be ranked and tested.

    Parameters
    ----------
    identifier : str
        "value" for the score itself, or a key of ``Score.beside``.
    label : str
        Name in tables and figures.
    higher_is_better : bool
    perfect : float
        Value of a perfect model; NaN for a statistic without such a bound.
    equalises : str
        Key in ``Score.beside`` of a quantity of models, such as their number of units, that the score depends on and
        that this statistic makes the same for all compared models; empty for other statistics.
    """

    identifier: str
    label: str
    higher_is_better: bool = True
    perfect: float = 1.0
    equalises: str = ""

    @property
    def is_score(self) -> bool:
        """Whether the statistic is the score itself, as it is or with one quantity made the same for all models."""
        return self.identifier == "value" or bool(self.equalises)


@dataclass(frozen=True, eq=False)
class NeuronStatistic:
    """Statistic of one score as a function of how often each neuron is drawn.

    Every statistic that can be resampled over neurons without a refit depends on the neurons only through sums: its
    value in a draw is ``combine(counts @ terms)``.

    Parameters
    ----------
    neurons : sequence of str, length n_neurons
        Names of the neurons, unique.
    terms : array of float64, shape (n_neurons, n_terms)
        Finite.
    combine : callable
        Maps the sums of the terms over the drawn neurons, (n_draws, n_terms), to the statistic, (n_draws,). It must
        be defined where all sums are zero.
    parts : tuple of NeuronStatistic
        Statistics of the same neurons, for a statistic that is their mean and has no terms of its own; see
        ``mean()``.
    """

    neurons: tuple[str, ...]
    terms: FloatArray
    combine: Callable[[FloatArray], FloatArray]
    parts: tuple["NeuronStatistic", ...] = ()

    def __post_init__(self) -> None:
        if self.terms.ndim != 2 or len(self.neurons) != len(self.terms):
            raise ArrayError(
                f"terms must have one row for each of the {len(self.neurons)} neurons, got shape {self.terms.shape}"
            )
        if not np.isfinite(self.terms).all():
            raise ArrayError("terms of neurons must be finite, got NaN or infinity")

    def __call__(self, counts: ArrayLike) -> FloatArray:
        """Return the statistic of each draw, (n_draws,), from the counts of the neurons, (n_draws, n_neurons)."""
        draws = np.asarray(counts, dtype=np.float64)
        if self.parts:
            return np.mean([part(draws) for part in self.parts], axis=0)
        per_batch = max(1, _BATCH // max(self.terms.shape[1], 1))
        batches = [
            self.combine(draws[start : start + per_batch] @ self.terms)
            for start in range(0, len(draws), per_batch)
        ]
        return np.concatenate(batches) if batches else np.empty(0)

    @classmethod
    def mean(cls, parts: Sequence["NeuronStatistic"]) -> "NeuronStatistic":
        """Return the mean of statistics of the same neurons, such as the statistics of the instances of a family.

        Raises
        ------
        ArrayError
            If `parts` is empty, or the neurons differ in name or order.
        """
        if not parts or any(part.neurons != parts[0].neurons for part in parts):
            raise ArrayError("a mean of statistics needs statistics of the same neurons in the same order")
        empty = np.zeros((len(parts[0].neurons), 0))
        return cls(parts[0].neurons, empty, lambda sums: np.zeros(len(sums)), tuple(parts))

    def in_order(self, neurons: Sequence[str]) -> "NeuronStatistic":
        """Return the same statistic with the neurons in another order, or for some neurons only.

        Raises
        ------
        ArrayError
            If a neuron is unknown, or names are not unique.
        """
        place = {name: index for index, name in enumerate(self.neurons)}
        missing = [name for name in neurons if name not in place]
        if missing or len(place) < len(self.neurons):
            raise ArrayError(
                f"scores must have the same neurons, got none called {missing[0]!r}"
                if missing
                else "names of neurons must be unique"
            )
        rows = [place[name] for name in neurons]
        parts = tuple(part.in_order(neurons) for part in self.parts)
        return replace(self, neurons=tuple(neurons), terms=self.terms[rows], parts=parts)

    @classmethod
    def weighted_mean(
        cls,
        neurons: ArrayLike,
        values: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        scale: float = 1.0,
        offset: float = 0.0,
        empty: float = 0.0,
    ) -> "NeuronStatistic":
        """Return ``offset + scale · Σ w v / Σ w`` as a statistic of neurons.

        Parameters
        ----------
        neurons : array of str, shape (n_neurons,)
        values : array of float, shape (n_neurons,)
            Ignored where the weight is zero; may be NaN there.
        weights : array of float, shape (n_neurons,), optional
            Not negative. By default 1 where the value is finite and 0 elsewhere.
        scale, offset : float
        empty : float
            Statistic of a draw without any weight.
        """
        numbers = as_numbers(values, np.float64)
        given = (
            np.isfinite(numbers).astype(np.float64) if weights is None else as_numbers(weights, np.float64)
        )
        if not (given >= 0).all() or not np.isfinite(numbers[given > 0]).all():
            raise ArrayError("values must be finite and weights not negative where neurons have weight")
        terms = np.stack([np.where(given > 0, given * np.where(given > 0, numbers, 0.0), 0.0), given], axis=1)

        def combine(sums: FloatArray) -> FloatArray:
            total = sums[:, 1]
            mean = sums[:, 0] / np.where(total > 0, total, 1.0)
            return np.where(total > 0, offset + scale * mean, empty)

        return cls(tuple(map(str, np.asarray(neurons))), terms, combine)


#: Returns the statistic of a score from its stored arrays, without a fit.
FromScore = Callable[[Score], NeuronStatistic]

#: Returns the statistic of a fit to rows of stimuli drawn with replacement: (latents, responses, dataset, rows).
Refit = Callable[[xr.DataArray, xr.DataArray, Dataset, NDArray[np.int64]], NeuronStatistic]


@dataclass(frozen=True)
class Resampling:
    """How one statistic of a benchmark is resampled.

    Parameters
    ----------
    statistic : Statistic
    read : callable
        Returns the statistic of a score; NaN if the score does not have it.
    from_score : callable or None
        Resamples neurons from the stored per-neuron terms of a score; None if scores do not store such terms.
    refit : callable or None
        Fits the model to drawn stimuli; None if the benchmark cannot be fitted to drawn stimuli.
    reason : str
        Reason why `from_score` or `refit` is missing; empty if both exist.
    terms_of : str
        Identifier of the statistic that shares its terms with this statistic, where the two differ only in `combine`;
        by default the identifier of this statistic.
    """

    statistic: Statistic
    read: Callable[[Score], float] = field(default=lambda score: score.value)
    from_score: FromScore | None = None
    refit: Refit | None = None
    reason: str = ""
    terms_of: str = ""

    def __post_init__(self) -> None:
        if not self.terms_of:
            object.__setattr__(self, "terms_of", self.statistic.identifier)
