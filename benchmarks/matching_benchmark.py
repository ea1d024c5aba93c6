"""Base class of benchmarks that match single units with single neurons by their correlations."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.matched_folds import MatchedFolds, bound_score, join_matchings
from neuroalign.benchmarks.matching_problem import MatchingProblem
from neuroalign.benchmarks.predictive_power import NO_POWER, predict
from neuroalign.benchmarks.shuffles import shuffle_stimuli
from neuroalign.benchmarks.trial_ceilings import size_of, trial_ceilings
from neuroalign.benchmarks.turned_control import check_turns, regenerate
from neuroalign.benchmarks.turned_matching import TurnedMatching, index_of_score, share_largest
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import Matching, count_copies
from neuroalign.metrics.inputs import constant_columns
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.declared import AXIS_NUMBERS, INFORMATIVE_UNITS, PREDICTION_NUMBERS
from neuroalign.scoring.folded import FOLD_NUMBERS, FoldedBenchmark
from neuroalign.scoring.held_out import HeldOut
from neuroalign.scoring.resampling import AXIS_INDEX, NeuronStatistic, Resampling, Statistic
from neuroalign.stats import weighted_mean_standard_error
from neuroalign.validation import NonNegative

FloatArray = NDArray[np.float64]

#: Signed scores have a note where more than this share of the neurons correlates most strongly negatively.
MANY_NEGATIVE = 0.25
#: Numbers beside the score of every matching.
MATCHING_NUMBERS = (
    *AXIS_NUMBERS,
    *PREDICTION_NUMBERS,
    INFORMATIVE_UNITS,
    Number(
        "duplicated_units", "units with a copy (|r| > .999 with another unit)", "units with\na copy", "count"
    ),
    Number("negative_neurons", "neurons with their strongest correlation negative", "nega-\ntive", "count"),
    *FOLD_NUMBERS,
)


@dataclass(frozen=True, kw_only=True)
class MatchingBenchmark(FoldedBenchmark):
    """Benchmark that matches units with neurons on training stimuli, and scores the pairs on held-out stimuli.

    Parameters
    ----------
    folds, random_folds
        See :class:`neuroalign.scoring.folded.FoldedBenchmark`. In a split, pairs are matched on the training tier, and
        the similarity of a pair is its correlation over the test tiers.
    n_folds : int
        Number of folds of the cross-validation.
    in_sample : bool
        Whether the matching and the score are from the same stimuli. Such scores are too high.
    ranks : bool
        Whether Spearman's correlation replaces Pearson's.
    absolute : bool
        Whether the sign of a pair is free; the training stimuli fix it. True by default, because latents have
        arbitrary signs; false for the published metrics, which count a negative correlation as a bad match.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may be matched with itself.
    turns : int
        Number of random turns of the neurons' tuning behind the axis index κ; 0 for a score without the index. See
        :func:`neuroalign.metrics.turned_tuning`.
    predictive_power : bool
        Whether to compute the variance explained and the number of neurons that are predicted above chance.
    n_permutations : int
        Number of shuffles of the stimuli behind the chance level. Variants of one original move together; see
        :func:`neuroalign.stats.permute_stimuli`.
    seed : int
        Seed of the folds, of the turns and of the shuffles.
    """

    numbers: ClassVar[tuple[Number, ...]] = MATCHING_NUMBERS
    control: ClassVar[str] = AXIS_INDEX
    score_by_chance: ClassVar[str] = "0, and κ is 0; in-sample above 0, printed with the score"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "scale of units",
            "constant units",
        }
    )
    asks_about_single_units: ClassVar[bool] = True
    depends_on_n_units: ClassVar[bool] = True
    units_note: ClassVar[str] = "a neuron finds a better partner among more units"
    on_request: ClassVar[bool] = True
    #: Effect of the number of units on the score: a clause that follows "the score".
    effect_of_units: ClassVar[str] = ""
    least_folds: ClassVar[int] = 2
    chooses_by_group: ClassVar[bool] = False

    n_folds: NonNegative = 10
    in_sample: bool = False
    ranks: bool = False
    absolute: bool = True
    self_pairs: Literal["exclude", "include"] = "exclude"
    turns: NonNegative = 20
    predictive_power: bool = True
    n_permutations: NonNegative = 20
    seed: NonNegative = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_turns(self.turns)
        if not self.absolute:
            object.__setattr__(self, "invariances", self.invariances - {"sign of units"})

    @abstractmethod
    def match(self, Z: FloatArray, Y: FloatArray, **arguments: Any) -> Matching:
        """Match units, (N, D), with neurons, (N, J), by a function of :mod:`neuroalign.metrics`.

        Parameters
        ----------
        Z, Y : arrays of float64
        **arguments
            Arguments "folds" and "exclude", and the options "ranks" and "absolute".
        """

    def neurons_in_full(self, n_units: int, n_neurons: int) -> float:
        """Return the number of neurons that are matched in full; their best values bound the score."""
        return float(n_neurons)

    def match_units(self, problem: MatchingProblem, matching: Matching) -> Matching:
        """Return the matching with the values of the units; by default the matching of the neurons."""
        return matching

    def numbers_of(self, matching: Matching, of_units: Matching) -> dict[str, float]:
        """Return the numbers beside the score that only this benchmark has."""
        return {}

    def arrays_of(self, problem: MatchingProblem) -> dict[str, tuple[str, FloatArray]]:
        """Return the arrays that only this benchmark has."""
        return {}

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Match the informative units with the neurons."""
        latents, responses = self.align(model, dataset, join=join)
        n_units, n_neurons = latents.sizes["unit"], responses.sizes["neuroid"]
        problem = self.problem(latents, responses, dataset)
        matching = self.match_problem(problem)
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        shuffles = shuffle_stimuli(
            lambda order: self.match_problem(problem, units=problem.units[order]).score,
            self.exchange(dataset, responses["stimulus"].values),
            n_permutations=self.n_permutations,
            seed=self.seed,
        )
        turned = self._turned(latents, responses, dataset, problem)
        power = NO_POWER
        if self.predictive_power:
            power = predict(latents, responses, dataset, folds=self.folds)
        ceilings = trial_ceilings(dataset, self.predicted(dataset, responses))
        of_units = self.match_units(problem, matching)
        place = problem.place
        neurons, units = (problem.neuron_order, n_neurons), (problem.unit_order, n_units)
        similarity = place(matching.per_neuron, *neurons, np.nan)
        share = place(matching.neuron_share, *neurons, 0.0)
        neuroids = responses["neuroid"].values.astype(str)
        names = latents["unit"].values.astype(str)
        data = xr.Dataset(
            {
                **turned.variables,
                **power.variables,
                **self.arrays_of(problem),
                **shuffles.variables,
                "similarity": ("neuroid", similarity),
                "matched_share": ("neuroid", share),
                "best_unit": (
                    "neuroid",
                    place(_named(matching.best_unit, names[problem.unit_order]), *neurons, ""),
                ),
                "reliability": ("neuroid", ceilings.reliability),
                "unit_similarity": ("unit", place(of_units.per_unit, *units, np.nan)),
                "unit_share": ("unit", place(of_units.unit_share, *units, 0.0)),
                "best_neuron": (
                    "unit",
                    place(_named(of_units.best_neuron, neuroids[problem.neuron_order]), *units, ""),
                ),
            },
            coords={"neuroid": responses["neuroid"].values, "unit": latents["unit"].values},
        )
        copies, n_negative = count_copies(problem.units), problem.n_negative
        return self.make_score(
            model,
            dataset,
            value=matching.score,
            error=weighted_mean_standard_error(similarity, share),
            error_over="neurons",
            null=shuffles.level,
            ceiling=bound_score(ceilings.r, self.neurons_in_full(*problem.sizes)),
            beside={
                "informative_units": problem.units.shape[1],
                "duplicated_units": copies,
                "negative_neurons": n_negative,
                **self.numbers_of(matching, of_units),
                **turned.beside(self.seed),
                **power.beside,
            },
            data=data,
            notes=[
                *self._notes(int(constant_columns(problem.neurons).sum()), copies, n_negative, n_neurons),
                *turned.notes,
                *power.notes,
                *(ceilings.notes[:1] if not ceilings.are_known else []),
                *originals.notes("folds"),
                *shuffles.notes,
            ],
            provenance={
                **size_of(responses, originals),
                **shuffles.provenance(matching.score, self.seed),
            },
        )

    def held_out(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> HeldOut:
        """Return the matching of each fold, for a score with another model in each fold."""
        latents, responses = self.align(model, dataset, join=join)
        problem = self.problem(latents, responses, dataset)
        full = self.neurons_in_full(*problem.sizes)
        fit = MatchedFolds(self.match_problem(problem), problem.neuron_order, full)
        return HeldOut(responses["stimulus"].values, responses["neuroid"].values, fit)

    def score_chosen(
        self,
        model: Model,
        dataset: Dataset,
        responses: xr.DataArray,
        fits: Sequence[HeldOut],
        chosen: NDArray[np.int64],
    ) -> Score:
        """Score matchings with another model in each fold, without κ and predictive power."""
        joined = join_matchings(fits, chosen, dataset, responses, self.predicted(dataset, responses))
        return self.make_score(model, dataset, **joined)

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the error over neurons, which count by their matched share."""
        return {
            **super().recompute(score),
            "error": weighted_mean_standard_error(
                score.data["similarity"].values, score.data["matched_share"].values
            ),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Axis index κ, and the score itself."""
        value = Statistic("value", f"{self.identifier.replace('_', ' ')} score")
        index = Statistic("axis_index", f"axis index of {self.identifier.replace('_', ' ')}")
        return (index, value) if self.turns else (value,)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the mean over matched neurons, given the matching, or κ; drawn stimuli are matched again."""
        chosen = self.find_statistic(statistic)
        if chosen.identifier == AXIS_INDEX:
            return Resampling(
                chosen,
                read=lambda score: score.beside.get(AXIS_INDEX, np.nan),
                from_score=index_of_score,
                refit=self._refit_turned,
            )
        return Resampling(chosen, from_score=_mean_of_neurons, refit=self._refit)

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Say where the numbers of units differ, which the score depends on."""
        units = [score.beside["informative_units"] for score in (a, b)]
        if units[0] == units[1] or not self.effect_of_units:
            return []
        return [
            f"Numbers of units: {a.model} has {units[0]:g} informative units, {b.model} {units[1]:g}, and the score "
            f"{self.effect_of_units}."
        ]

    def problem(
        self,
        latents: xr.DataArray,
        responses: xr.DataArray,
        dataset: Dataset,
        rows: NDArray[np.int64] | None = None,
    ) -> MatchingProblem:
        """Return the informative units and the neurons; variants and repeats of one original share a fold."""
        every = np.arange(responses.sizes["stimulus"])
        chosen = every if rows is None else rows
        # Sorted by name, so that ties do not depend on the order of the file.
        units = np.argsort(latents["unit"].values.astype(str), kind="stable")
        units = units[latents["informative"].values[units]]
        neurons = np.argsort(responses["neuroid"].values.astype(str), kind="stable")
        exclude = None
        if self.self_pairs == "exclude":
            place = np.full(latents.sizes["unit"] + 1, -1)
            place[units] = np.arange(units.size)
            exclude = place[self_pairs(latents, responses, dataset)[neurons]]
        folds = None
        if not self.in_sample:
            folds = self.labels_of_folds(dataset, responses["stimulus"].values)[chosen]
        return MatchingProblem(
            np.asarray(latents.values[:, units], dtype=np.float64)[chosen],
            np.asarray(responses.values[:, neurons], dtype=np.float64)[chosen],
            folds,
            exclude,
            units,
            neurons,
        )

    def match_problem(self, problem: MatchingProblem, *, units: FloatArray | None = None) -> Matching:
        """Match the neurons of a problem with its units, or with other units."""
        return self.match(
            problem.units if units is None else units,
            problem.neurons,
            folds=problem.folds,
            ranks=self.ranks,
            absolute=self.absolute,
            exclude=problem.exclude,
        )

    def _turned(
        self,
        latents: xr.DataArray,
        responses: xr.DataArray,
        dataset: Dataset,
        problem: MatchingProblem,
        rows: NDArray[np.int64] | None = None,
    ) -> TurnedMatching:
        """Match the regenerated neurons."""
        neuroids, asked = responses["neuroid"].values, self.turns > 0
        control = regenerate(latents, responses, dataset, n_turns=self.turns, seed=self.seed, rows=rows)
        if control is None:
            return TurnedMatching(None, neuroids, asked)
        shape = (self.turns + 1, neuroids.size)
        similarity, share, bound = np.full(shape, np.nan), np.zeros(shape), np.zeros((2, neuroids.size))
        for index, neurons in enumerate(control.sets()):
            result = self.match(
                problem.units, neurons, folds=problem.folds, ranks=self.ranks, absolute=self.absolute
            )
            similarity[index, control.neurons] = result.per_neuron
            share[index, control.neurons] = result.neuron_share
            if not index:
                attainable = np.sqrt(np.clip(control.model.explained, 0.0, 1.0))
                varies = ~constant_columns(neurons)
                full = self.neurons_in_full(problem.units.shape[1], int(varies.sum()))
                bound[:, control.neurons] = attainable, share_largest(attainable, full, among=varies)
        return TurnedMatching((similarity, share, bound), neuroids, asked)

    def _refit(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        """Match rows of stimuli drawn with replacement."""
        problem = self.problem(latents, responses, dataset, rows)
        result = self.match_problem(problem)
        neurons = responses["neuroid"].values[problem.neuron_order]
        return NeuronStatistic.weighted_mean(neurons, result.per_neuron, result.neuron_share)

    def _refit_turned(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        """Regenerate and match the neurons of drawn stimuli."""
        problem = self.problem(latents, responses, dataset, rows)
        return self._turned(latents, responses, dataset, problem, rows).statistic()

    def _notes(self, n_constant: int, copies: float, n_negative: int, n_neurons: int) -> list[str]:
        notes = []
        if self.in_sample:
            notes.append(
                "in-sample: the matching and the score are from the same stimuli, so the score is too high; compare "
                "it with its chance level only"
            )
        if n_constant:
            notes.append(f"{n_constant} neurons without variance are left out")
        if not self.absolute and n_negative > MANY_NEGATIVE * n_neurons:
            notes.append(
                f"signs count: {n_negative} of {n_neurons} neurons have their strongest correlation with a unit "
                "negative; where units have arbitrary signs, leave absolute=true"
            )
        if copies > 0 and self.effect_of_units:
            notes.append(f"{copies:g} units have a copy (|r| > .999), and the score {self.effect_of_units}")
        return notes


def _named(indices: NDArray[np.int64], names: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.where(indices >= 0, names[indices], "")


def _mean_of_neurons(score: Score) -> NeuronStatistic:
    """Return the score as a function of neurons, each weighted by its matched share; the matching is given."""
    return NeuronStatistic.weighted_mean(
        score.data["neuroid"].values, score.data["similarity"].values, score.data["matched_share"].values
    )
