"""Reverse predictivity: correlation of each unit of a model with its held-out prediction from all neurons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.shuffles import shuffle_stimuli
from neuroalign.benchmarks.trial_ceilings import size_of, trial_ceilings
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import reverse_predictivity
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.declared import INFORMATIVE_UNITS
from neuroalign.scoring.folded import FOLD_NUMBERS, FoldedBenchmark
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.stats.standard_errors import standard_error
from neuroalign.validation import NonNegative

FloatArray = NDArray[np.float64]

#: Largest number of units behind the level of chance; of more units, a random part is predicted from shuffled stimuli.
MOST_SHUFFLED = 500


@dataclass(frozen=True, kw_only=True)
class ReversePredictivity(FoldedBenchmark):
    """Mean over informative units of the correlation with their held-out ridge predictions from all neurons.

    The forward predictivity, of neurons from units by the same ridge regression, is beside the score. A model with
    units that predict neurons well, but that neurons do not predict, has dimensions that the neurons do not have.

    Parameters
    ----------
    folds, random_folds
        See :class:`neuroalign.scoring.folded.FoldedBenchmark`.
    n_folds : int
        Number of folds.
    in_sample : bool
        Whether the stimuli that are fitted are also predicted; the score then says so.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may predict itself.
    n_permutations : int
        Number of shuffles of the stimuli behind the level of chance, which is over 500 units at most.
    seed : int
        Seed of the folds and of the shuffles.

    Notes
    -----
    The score depends on the number and the reliability of the neurons: compare models on one recording. The ceiling is
    not known, because noise in predictors has no closed correction; ``neuron_subset`` and the neurons of another
    animal as a model give the score that neurons reach.

    References
    ----------
    Muzellec & Kar (2025), bioRxiv 2025.08.08.669382, "Reverse predictivity".
    """

    identifier: ClassVar[str] = "reverse_predictivity"
    question: ClassVar[str] = (
        "Do the neurons predict the units of the model as well as the units predict the neurons?"
    )
    advice: ClassVar[str] = (
        "Take it beside ridge, which a larger model can only raise: units that no neuron has lower this score. Compare "
        "models on one recording, for the score rises with the number of neurons."
    )
    score_by_chance: ClassVar[str] = "0"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    on_request: ClassVar[bool] = True
    seconds: ClassVar[float] = 8.0
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("forward", "forward predictivity, mean r over neurons", "forward\nr"),
        Number("difference", "forward minus reverse predictivity", "forward\n− reverse"),
        Number("r2", "explained variance of the units, mean R²", "R² of\nunits"),
        Number("forward_r2", "explained variance of the neurons, mean R²", "R² of\nneurons"),
        Number("forward_over_ceiling", "forward predictivity over ceiling", "forward /\nceiling"),
        INFORMATIVE_UNITS,
        *FOLD_NUMBERS,
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "scale of units",
            "constant units",
            "copies of units",
        }
    )

    n_folds: NonNegative = 10
    in_sample: bool = False
    self_pairs: Literal["exclude", "include"] = "exclude"
    n_permutations: NonNegative = 20
    seed: NonNegative = 0

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Predict each unit from the neurons, and each neuron from the units."""
        latents, responses = self.align(model, dataset, join=join)
        informative = latents["informative"].values
        if not informative.any():
            raise UsageError(f"{model.identifier} must have an informative unit, got only constant units")
        kept = latents.isel(unit=np.flatnonzero(informative))
        units, neurons = np.asarray(kept.values, dtype=np.float64), responses.values
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        pairs = self_pairs(kept, responses, dataset) if self.self_pairs == "exclude" else None
        folds = None if self.in_sample else self.labels_of_folds(dataset, responses["stimulus"].values)
        options: dict[str, Any] = {"folds": folds, "groups": originals.labels, "exclude": pairs}
        result = reverse_predictivity(units, neurons, **options)
        some = _some_units(units.shape[1], self.seed)
        options["exclude"] = None if pairs is None else _among(pairs, some)
        shuffles = shuffle_stimuli(
            lambda order: reverse_predictivity(units[order][:, some], neurons, both=False, **options).score,
            self.exchange(dataset, responses["stimulus"].values),
            n_permutations=self.n_permutations,
            seed=self.seed,
        )
        ceilings = trial_ceilings(dataset, self.predicted(dataset, responses))
        data = xr.Dataset(
            {
                "reverse_predictivity": ("unit", _spread(result.unit_r, informative)),
                "reverse_r2": ("unit", _spread(result.unit_r2, informative)),
                "forward_predictivity": ("neuroid", result.neuron_r),
                "forward_r2": ("neuroid", result.neuron_r2),
                "forward_over_ceiling": ("neuroid", ceilings.relative_r(result.neuron_r)),
                # Shuffles of some of the units only are not comparable with the score of all units.
                **(shuffles.variables if some.size == units.shape[1] else {}),
                "reliability": ("neuroid", ceilings.reliability),
            },
            coords={
                "neuroid": responses["neuroid"].values,
                "unit": latents["unit"].values,
                "informative": ("unit", informative),
            },
        )
        return self.make_score(
            model,
            dataset,
            value=result.score,
            error=standard_error(result.unit_r),
            error_over="units",
            null=shuffles.level,
            data=data,
            beside={
                "forward": result.forward,
                "difference": result.difference,
                "r2": _mean(result.unit_r2),
                "forward_r2": _mean(result.neuron_r2),
                "forward_over_ceiling": _mean(ceilings.relative_r(result.neuron_r)),
                "informative_units": int(informative.sum()),
            },
            notes=[
                *(
                    ["in-sample: the stimuli that are predicted are fitted, so the score is too high"]
                    * self.in_sample
                ),
                *_unknown(int(np.isnan(result.unit_r).sum()), "units"),
                *_unknown(int(np.isnan(result.neuron_r).sum()), "neurons"),
                *ceilings.notes,
                *([] if self.in_sample else originals.notes("folds")),
                *shuffles.notes,
            ],
            provenance=size_of(responses, originals),
        )

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the score and its error over units."""
        return {
            **super().recompute(score),
            "value": float(np.nanmean(score.data["reverse_predictivity"].values)),
            "error": standard_error(score.data["reverse_predictivity"].values),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Reverse predictivity, and the forward predictivity."""
        return (
            Statistic("value", "reverse predictivity"),
            Statistic("forward", "forward predictivity"),
        )

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the forward predictivity over neurons; the reverse predictivity is a mean over units."""
        chosen = self.find_statistic(statistic)
        if chosen.identifier == "forward":
            return replace(
                super().resampling(statistic, scores),
                from_score=_mean_of_neurons,
                reason=f"{self.identifier} is not computed for drawn stimuli",
            )
        return replace(
            super().resampling(statistic, scores),
            reason=f"{self.identifier} is a mean over units, and each unit is predicted from all neurons",
        )


def _some_units(n_units: int, seed: int) -> NDArray[np.int64]:
    """Return the units that are predicted from shuffled stimuli."""
    if n_units <= MOST_SHUFFLED:
        return np.arange(n_units)
    return np.sort(np.random.default_rng([seed, n_units]).choice(n_units, MOST_SHUFFLED, replace=False))


def _among(pairs: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the unit of each neuron as an index of some units; -1 for a unit that is not among them."""
    place = np.searchsorted(some, pairs)
    matches = (pairs >= 0) & (some[np.minimum(place, some.size - 1)] == pairs)
    return np.where(matches, place, -1)


def _mean_of_neurons(score: Score) -> NeuronStatistic:
    return NeuronStatistic.weighted_mean(
        score.data["neuroid"].values, score.data["forward_predictivity"].values
    )


def _spread(values: FloatArray, informative: NDArray[np.bool_]) -> FloatArray:
    """Return values of the informative units among all units, NaN for the others."""
    every = np.full(informative.size, np.nan)
    every[informative] = values
    return every


def _unknown(n: int, noun: str) -> list[str]:
    return [f"{n} {noun} without variance are left out"] if n else []


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
