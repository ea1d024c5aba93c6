"""Base class of benchmarks that predict each neuron from all units of a model on held-out stimuli."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypedDict

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.arrays.blocks import taken
from neuroalign.benchmarks.shuffles import NO_SHUFFLES, Shuffles, shuffle_together
from neuroalign.benchmarks.trial_ceilings import size_of, trial_ceilings
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.variants import Originals
from neuroalign.errors import ArrayError
from neuroalign.metrics import Predictivity
from neuroalign.metrics.predictivity import splice_predictions
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.declared import INFORMATIVE_UNITS
from neuroalign.scoring.folded import FOLD_NUMBERS, FoldedBenchmark
from neuroalign.scoring.held_out import HeldOut
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.stats.standard_errors import standard_error
from neuroalign.validation import NonNegative

FloatArray = NDArray[np.float64]

#: Stands for numbers or arrays that a score does not have.
NOTHING: Mapping[str, Any] = MappingProxyType({})

# Largest number of responses, over shuffles, that are predicted in one call.
_RESPONSES_PER_CALL = 2**24

#: Numbers beside a predictivity.
PREDICTIVITY_NUMBERS = (
    Number("r2", "R², mean over neurons", "R²"),
    Number("median_r", "r of the median neuron", "median\nr"),
    Number("r_over_ceiling", "r over ceiling, mean over reliable neurons", "r over\nceiling"),
    Number("r2_over_ceiling", "R² over ceiling, mean over reliable neurons", "R² over\nceiling"),
    Number("p_of_shuffles", "p against shuffled stimuli", "p of\nshuffles", "p"),
    INFORMATIVE_UNITS,
    *FOLD_NUMBERS,
)


class Problem(TypedDict):
    """Arguments of a regression from all units to neurons."""

    Z: FloatArray
    Y: FloatArray
    folds: NDArray[np.int64] | None
    groups: NDArray[np.int64]
    exclude: NDArray[np.int64] | None
    bands: NDArray[np.str_] | None
    counts: NDArray[np.int64] | None


@dataclass(frozen=True, kw_only=True)
class PredictivityBenchmark(FoldedBenchmark):
    """Benchmark of held-out predictions of neurons by a regression on all informative units.

    Parameters
    ----------
    folds, random_folds
        See :class:`neuroalign.scoring.folded.FoldedBenchmark`.
    n_folds : int
        Number of folds; variants of one original share a fold. Ignored in-sample.
    in_sample : bool
        Whether the fits are scored on the stimuli that they were fitted to.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may predict itself.
    n_permutations : int
        Number of shuffles of the stimuli behind the level of chance. Variants of one original move together.
    seed : int
        Seed of the folds and of the shuffles.
    """

    score_by_chance: ClassVar[str] = "0"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    on_request: ClassVar[bool] = True
    numbers: ClassVar[tuple[Number, ...]] = PREDICTIVITY_NUMBERS
    #: Whether the prediction of a neuron does not depend on the other neurons, so that shuffles share one fit.
    neurons_are_independent: ClassVar[bool] = True
    least_folds: ClassVar[int] = 2
    chooses_by_group: ClassVar[bool] = True

    n_folds: NonNegative = 10
    in_sample: bool = False
    self_pairs: Literal["exclude", "include"] = "exclude"
    n_permutations: NonNegative = 20
    seed: NonNegative = 0

    @abstractmethod
    def predict(self, problem: Problem) -> Predictivity:
        """Predict the neurons of a problem."""

    def beside_fit(self, result: Predictivity) -> dict[str, float]:
        """Return numbers about the fit, beside the score."""
        return {}

    def notes_on_fit(self, result: Predictivity) -> list[str]:
        """Return notes about the fit."""
        return []

    def arrays_of_fit(self, result: Predictivity) -> dict[str, tuple[object, NDArray[np.generic]]]:
        """Return arrays of the fit, with their dimensions."""
        return {}

    def trial_counts(self, dataset: Dataset, responses: xr.DataArray) -> NDArray[np.int64] | None:
        """Return the number of trials behind each response, (n_stimuli, n_neurons), for fits to single trials."""
        return None

    def notes_on_stimuli(self, problem: Problem, originals: Originals) -> list[str]:
        """Return notes about the stimuli and their trials."""
        return []

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Predict each neuron on stimuli that the fit has not seen."""
        latents, responses = self.align(model, dataset, join=join)
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        problem = self.problem(latents, responses, dataset, np.arange(responses.sizes["stimulus"]))
        result = self.predict(problem)
        shuffles = shuffle_together(
            lambda orders: self._shuffled(problem, orders),
            self.exchange(dataset, responses["stimulus"].values),
            n_permutations=self.n_permutations,
            seed=self.seed,
        )
        return self._summarise(
            model,
            dataset,
            responses,
            result,
            shuffles=shuffles,
            beside={"informative_units": float(problem["Z"].shape[1]), **self.beside_fit(result)},
            variables=self.arrays_of_fit(result),
            notes_on_fit=self.notes_on_fit(result),
            notes=self.notes_on_stimuli(problem, originals),
        )

    def score_chosen(
        self,
        model: Model,
        dataset: Dataset,
        responses: xr.DataArray,
        fits: Sequence[HeldOut],
        chosen: NDArray[np.int64],
    ) -> Score:
        """Score predictions with another model in each fold."""
        return self._summarise(
            model, dataset, responses, splice_predictions([fit.fit for fit in fits], chosen)
        )

    def _summarise(
        self,
        model: Model,
        dataset: Dataset,
        responses: xr.DataArray,
        result: Predictivity,
        *,
        shuffles: Shuffles = NO_SHUFFLES,
        beside: Mapping[str, float] = NOTHING,
        variables: Mapping[str, tuple[object, NDArray[np.generic]]] = NOTHING,
        notes_on_fit: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> Score:
        """Return the score of predictions, with numbers, arrays and notes of their fit."""
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        ceilings = trial_ceilings(dataset, self.predicted(dataset, responses))
        relative_r, relative_r2 = ceilings.relative_r(result.r), ceilings.relative_r2(result.r2)
        value = _mean(result.r)
        finite = result.r[np.isfinite(result.r)]
        numbers = {
            "r2": _mean(result.r2),
            "median_r": float(np.median(finite)) if finite.size else float("nan"),
            **beside,
        }
        if ceilings.are_known:
            numbers |= {"r_over_ceiling": _mean(relative_r), "r2_over_ceiling": _mean(relative_r2)}
        if shuffles.scores.size:
            numbers["p_of_shuffles"] = shuffles.p_value(value)
        data = xr.Dataset(
            {
                "r": ("neuroid", result.r),
                "r2": ("neuroid", result.r2),
                "reliability": ("neuroid", ceilings.reliability),
                **variables,
                **shuffles.variables,
            },
            coords={"neuroid": responses["neuroid"].values},
        )
        return self.make_score(
            model,
            dataset,
            value=value,
            error=standard_error(result.r),
            error_over="neurons",
            null=shuffles.level,
            ceiling=ceilings.mean_r,
            beside=numbers,
            data=data,
            notes=[
                *notes_on_fit,
                *self._notes(result),
                *ceilings.notes,
                *([] if self.in_sample else originals.notes("folds")),
                *notes,
                *shuffles.notes,
            ],
            provenance=size_of(responses, originals),
        )

    def held_out(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> HeldOut:
        """Return the held-out predictions behind the score, to be compared with other responses."""
        latents, responses = self.align(model, dataset, join=join)
        problem = self.problem(latents, responses, dataset, np.arange(responses.sizes["stimulus"]))
        return HeldOut(responses["stimulus"].values, responses["neuroid"].values, self.predict(problem))

    def score_across(self, fitted: HeldOut, tested: HeldOut) -> float:
        """Return the mean correlation of predictions with other responses of the same neurons."""
        own, other = fitted.shared_neurons(tested)
        predictions, responses = fitted.fit, tested.fit
        assert isinstance(predictions, Predictivity)
        assert isinstance(responses, Predictivity)
        if own.size < predictions.neurons.shape[1] or other.size < responses.neurons.shape[1]:
            predictions, responses = predictions.of_neurons(own), responses.of_neurons(other)
        return _mean(predictions.r_on(responses))

    def problem(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> Problem:
        """Return the regression of rows of stimuli; variants and repeats of one original share a fold.

        Raises
        ------
        ArrayError
            If no unit is informative.
        """
        informative = latents["informative"].values
        if not informative.any():
            raise ArrayError(
                "no unit of the model is informative, so nothing can be predicted; use another model"
            )
        groups = dataset.stimuli.groups(responses["stimulus"].values)
        exclude = None
        if self.self_pairs == "exclude":
            pairs = self_pairs(latents, responses, dataset)
            # The informative units alone are fitted; a unit that is not among them needs no exclusion.
            place = np.where(informative, np.cumsum(informative) - 1, -1)
            chosen = np.where(pairs >= 0, place[pairs], -1)
            exclude = chosen if (chosen >= 0).any() else None
        counts = self.trial_counts(dataset, responses)
        folds = None
        if not self.in_sample:
            folds = self.labels_of_folds(dataset, responses["stimulus"].values)[rows]
        return Problem(
            Z=taken(latents.values, rows, informative),
            Y=responses.values[rows],
            folds=folds,
            groups=groups[rows],
            exclude=exclude,
            bands=latents["band"].values[informative].astype(str) if "band" in latents.coords else None,
            counts=None if counts is None else counts[rows],
        )

    def _shuffled(self, problem: Problem, orders: Sequence[NDArray[np.int64]]) -> list[float]:
        """Return the score for each order of the units' rows.

        The neurons move in place of the units, and the folds stay with the units, which then are decomposed once. A
        shuffle moves originals with all their variants, so that these still share a fold.
        """
        neurons = problem["Y"]
        n_neurons = neurons.shape[1]
        per_call = max(1, _RESPONSES_PER_CALL // neurons.size) if self.neurons_are_independent else 1
        exclude, counts = problem["exclude"], problem["counts"]
        scores: list[float] = []
        for start in range(0, len(orders), per_call):
            inverse = [np.argsort(order, kind="stable") for order in orders[start : start + per_call]]
            moved = Problem(
                Z=problem["Z"],
                Y=np.hstack([neurons[order] for order in inverse]),
                folds=problem["folds"],
                groups=problem["groups"],
                bands=problem["bands"],
                counts=None if counts is None else np.hstack([counts[order] for order in inverse]),
                # A shuffled neuron is not the unit that it was, so fits of all neurons together need no exclusion.
                exclude=None
                if exclude is None or not self.neurons_are_independent
                else np.tile(exclude, len(inverse)),
            )
            scores += [_mean(r) for r in self.predict(moved).r.reshape(len(inverse), n_neurons)]
        return scores

    def _notes(self, result: Predictivity) -> list[str]:
        notes = []
        if self.in_sample:
            notes.append(
                "in-sample: fits are scored on the stimuli that they were fitted to, so more units score higher; "
                "in_sample=False cross-validates"
            )
        undefined = int(np.isnan(result.r).sum())
        if undefined:
            notes.append(f"{undefined} neurons without variance are left out")
        return notes

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the error over neurons."""
        return {
            **super().recompute(score),
            "error": standard_error(score.data["r"].values),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Mean r and mean R² over neurons."""
        return (Statistic("value", "correlation r"), Statistic("r2", "R²"))

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the mean over neurons; neurons without variance are left out."""
        chosen = self.find_statistic(statistic)
        name = "r" if chosen.identifier == "value" else "r2"

        def read(score: Score) -> float:
            return score.value if name == "r" else score.beside.get("r2", float("nan"))

        def from_score(score: Score) -> NeuronStatistic:
            return NeuronStatistic.weighted_mean(score.data["neuroid"].values, score.data[name].values)

        def refit(
            latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
        ) -> NeuronStatistic:
            result = self.predict(self.problem(latents, responses, dataset, rows))
            return NeuronStatistic.weighted_mean(responses["neuroid"].values, getattr(result, name))

        return Resampling(chosen, read, from_score=from_score, refit=refit)


def chosen_arguments(problem: Problem, *names: str) -> dict[str, Any]:
    """Return some arguments of a problem, for a regression without the others."""
    arguments: dict[str, Any] = {**problem}
    return {name: arguments[name] for name in names}


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
