"""Correlation ratio: share of the best unit in the correlations of a neuron with all units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.predictive_power import NO_POWER, predict
from neuroalign.benchmarks.shuffles import shuffle_stimuli
from neuroalign.benchmarks.turned_control import check_turns, regenerate
from neuroalign.benchmarks.turned_ratios import TurnedRatios, index_of_score
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import (
    aggregate_ratios,
    correlation_ratio,
    leave_one_out_ratios,
    shares_of_best_units,
)
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark, self_pairs
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.declared import AXIS_NUMBERS, INFORMATIVE_UNITS, PREDICTION_NUMBERS
from neuroalign.scoring.resampling import AXIS_INDEX, NeuronStatistic, Resampling, Statistic
from neuroalign.stats import jackknife_standard_error
from neuroalign.validation import NonNegative

#: Largest number of neurons with an error that is computed again from arrays; its time is their square.
MOST_JACKKNIFED = 5_000


@dataclass(frozen=True, kw_only=True)
class CorrelationRatio(Benchmark):
    """Correlation ratio, averaged over the units that are best for a neuron, with the share of these units.

    Parameters
    ----------
    aggregate : {"unit_mean", "unit_max", "neuron_mean"}
        How the ratios of neurons become one number; see :func:`neuroalign.metrics.correlation_ratio`.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may correlate with itself.
    turns : int
        Number of random turns of the neurons' tuning behind the axis index; 0 for a score without the index. See
        :func:`neuroalign.metrics.turned_tuning`.
    predictive_power : bool
        Whether to compute the variance explained and the number of neurons that are predicted above chance.
    n_permutations : int
        Number of shuffles of the stimuli behind the chance level, which falls with the number of units. Variants of
        one original move together; see :func:`neuroalign.stats.permute_stimuli`.
    seed : int
        Seed of the turns and of the shuffles.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, "Average correlation ratio and average unit proportion".
    """

    identifier: ClassVar[str] = "correlation_ratio"
    question: ClassVar[str] = "Does the best unit of a neuron stand out from the other units?"
    units_note: ClassVar[str] = "the ratio of noise falls from 0.24 at 10 units to 0.06 at 50 units"
    advice: ClassVar[str] = (
        "Take it where no fit is wanted, with its level of chance beside it: few units have high ratios by "
        "chance. Read κ to compare models with different numbers of units."
    )
    score_by_chance: ClassVar[str] = "κ is 0; the ratio is about 1/D, and its level is printed with the score"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    version: ClassVar[int] = 3
    # Version 3 added the axis index and the predictive power beside the ratio.
    recomputes_since: ClassVar[int] = 2
    numbers: ClassVar[tuple[Number, ...]] = (
        *AXIS_NUMBERS,
        *PREDICTION_NUMBERS,
        INFORMATIVE_UNITS,
        Number("unit_proportion", "share of units that are best for a neuron", "unit pro-\nportion"),
        Number("corrected_for_1_D", "score above 1/D: (x − 1/D)/(1 − 1/D)", "above\n1/D"),
    )
    control: ClassVar[str] = AXIS_INDEX
    seconds: ClassVar[float] = 1.8
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

    aggregate: Literal["unit_mean", "unit_max", "neuron_mean"] = "unit_mean"
    self_pairs: Literal["exclude", "include"] = "exclude"
    turns: NonNegative = 20
    predictive_power: bool = True
    n_permutations: NonNegative = 20
    seed: NonNegative = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_turns(self.turns)

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Correlate every informative unit with every neuron."""
        latents, responses = self.align(model, dataset, join=join)
        informative = latents["informative"].values
        pairs = self_pairs(latents, responses, dataset) if self.self_pairs == "exclude" else None
        result = correlation_ratio(
            latents.values, responses.values, informative=informative, aggregate=self.aggregate, exclude=pairs
        )
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        shuffles = shuffle_stimuli(
            lambda order: (
                correlation_ratio(
                    latents.values[order],
                    responses.values,
                    informative=informative,
                    aggregate=self.aggregate,
                    exclude=pairs,
                ).score
            ),
            self.exchange(dataset, responses["stimulus"].values),
            n_permutations=self.n_permutations,
            seed=self.seed,
        )
        # A mean over best units is not a mean over neurons, so its error is from a jackknife.
        without = leave_one_out_ratios(result.per_neuron, result.best_unit, self.aggregate)
        turned = self._turned(latents, responses, dataset)
        power = predict(latents, responses, dataset) if self.predictive_power else NO_POWER
        data = xr.Dataset(
            {
                **turned.variables,
                **power.variables,
                **shuffles.variables,
                "correlation_ratio": ("neuroid", result.per_neuron),
                "best_unit": (
                    "neuroid",
                    np.where(result.best_unit >= 0, latents["unit"].values[result.best_unit], ""),
                ),
            },
            coords={"neuroid": responses["neuroid"].values, "unit": latents["unit"].values},
        )
        return self.make_score(
            model,
            dataset,
            value=result.score,
            error=jackknife_standard_error(without),
            error_over="neurons",
            null=shuffles.level,
            data=data,
            notes=[
                *_notes(int(np.isnan(result.per_neuron).sum())),
                *turned.notes,
                *power.notes,
                *shuffles.notes,
            ],
            beside={
                "informative_units": int(informative.sum()),
                "unit_proportion": result.unit_proportion,
                "corrected_for_1_D": result.chance_corrected,
                **turned.beside(self.seed),
                **power.beside,
            },
            provenance={
                "n_stimuli": responses.sizes["stimulus"],
                **originals.provenance,
                "n_neurons": responses.sizes["neuroid"],
            },
        )

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the aggregated ratio, and its jackknife error for recordings of usual size."""
        ratios, names = score.data["correlation_ratio"].values, score.data["best_unit"].values.astype(str)
        best_unit = np.where(names == "", -1, np.unique(names, return_inverse=True)[1])
        numbers = {**super().recompute(score), "value": aggregate_ratios(ratios, best_unit, self.aggregate)}
        if ratios.size <= MOST_JACKKNIFED:
            without = leave_one_out_ratios(ratios, best_unit, self.aggregate)
            numbers["error"] = jackknife_standard_error(without)
        return numbers

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Axis index of the correlation ratio, the ratio itself, and the unit proportion."""
        by_value = (
            Statistic("value", "correlation ratio"),
            Statistic("unit_proportion", "unit proportion"),
        )
        return (Statistic("axis_index", "axis index of the ratio"), *by_value) if self.turns else by_value

    def _turned(self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset) -> TurnedRatios:
        """Compute the ratios of the regenerated neurons."""
        control = regenerate(latents, responses, dataset, n_turns=self.turns, seed=self.seed)
        neuroids, asked = responses["neuroid"].values, self.turns > 0
        if control is None:
            return TurnedRatios(None, neuroids, self.aggregate, asked)
        informative = latents["informative"].values
        shape = (self.turns + 1, neuroids.size)
        ratios, best = np.full(shape, np.nan), np.full(shape, -1)
        for index, neurons in enumerate(control.sets()):
            result = correlation_ratio(
                latents.values, neurons, informative=informative, aggregate=self.aggregate
            )
            ratios[index, control.neurons], best[index, control.neurons] = result.per_neuron, result.best_unit
        return TurnedRatios((ratios, best), neuroids, self.aggregate, asked)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the correlation ratio, or the share of units that are best for a drawn neuron.

        The mean over best units is a mean over neurons, each weighted by its share in its best unit. The unit
        proportion of a draw is lower than the unit proportion of all neurons, because fewer distinct neurons have fewer
        best units. Only the spread of the draws is used.
        """
        chosen = self.find_statistic(statistic)
        refit = f"{self.identifier} is not computed for drawn stimuli"
        if chosen.identifier == "unit_proportion":
            return Resampling(
                chosen,
                read=lambda score: score.beside.get("unit_proportion", np.nan),
                from_score=_unit_proportion,
                reason=refit,
            )
        if chosen.identifier == "axis_index" and self.aggregate != "unit_max":
            return replace(
                super().resampling(statistic),
                from_score=lambda score: index_of_score(score, self.aggregate),
                reason=refit,
            )
        if chosen.identifier not in ("value", "axis_index"):
            return super().resampling(statistic, scores)
        if self.aggregate == "unit_max":
            return replace(
                super().resampling(statistic),
                reason=f"{self.identifier} with aggregate=unit_max takes the maximum over neurons, "
                "which drawn neurons do not vary enough for a bootstrap",
            )
        return Resampling(
            chosen, from_score=_neuron_mean if self.aggregate == "neuron_mean" else _unit_mean, reason=refit
        )

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Compare the scores above their levels of chance, which are higher with few units."""
        units = [score.beside["informative_units"] for score in (a, b)]
        counts = f"{a.model} has {units[0]:g} informative units, {b.model} {units[1]:g}"
        role, beyond = role_of_chance(a, b)
        if role == "is unknown for":
            return [f"Chance at small D: {counts}; without shuffles their levels of chance are unknown."]
        return [
            f"Chance at small D: {counts}, and shuffled stimuli score {a.null:.3f} and {b.null:.3f}; above chance the "
            f"difference is {beyond:+.3f}: chance {role} the difference."
        ]


RoleOfChance = Literal["explains", "explains most of", "does not explain", "is unknown for"]


def role_of_chance(a: Score, b: Score) -> tuple[RoleOfChance, float]:
    """Decide how much of the difference of two scores their levels of chance explain.

    Parameters
    ----------
    a, b : Score
        Scores with their level of chance, ``null``.

    Returns
    -------
    role : {"explains", "explains most of", "does not explain", "is unknown for"}
        "explains" where the difference above chance is zero or has the other sign; "explains most of" where it is
        less than half of the difference of the scores; "is unknown for" without a level of chance.
    beyond : float
        Difference of the scores above their levels of chance; NaN where it is unknown.
    """
    difference = a.value - b.value
    beyond = (a.value - a.null) - (b.value - b.null)
    if not np.isfinite([a.value - a.null, b.value - b.null]).all():
        return "is unknown for", float("nan")
    if difference * beyond <= 0:
        return "explains", beyond
    return ("does not explain" if abs(beyond) >= abs(difference) / 2 else "explains most of"), beyond


def _neuron_mean(score: Score) -> NeuronStatistic:
    return NeuronStatistic.weighted_mean(score.data["neuroid"].values, score.data["correlation_ratio"].values)


def _unit_mean(score: Score) -> NeuronStatistic:
    """Return the mean over best units as a mean over neurons, each weighted by its share in its best unit.

    All draws have the weights of the recorded neurons. Weights from the best units of each draw would make the
    standard error too small; the page on calibration in the documentation has the numbers.
    """
    return NeuronStatistic.weighted_mean(
        score.data["neuroid"].values,
        score.data["correlation_ratio"].values,
        shares_of_best_units(
            score.data["best_unit"].values.astype(str) != "", score.data["best_unit"].values
        ),
    )


def _unit_proportion(score: Score) -> NeuronStatistic:
    """Return the share of the informative units that are best for a drawn neuron, as a function of neurons."""
    n_informative = score.beside["informative_units"]
    return NeuronStatistic(
        _names(score), _best_units(score), lambda sums: (sums > 0).sum(axis=1) / n_informative
    )


def _best_units(score: Score) -> NDArray[np.float64]:
    """Return 1 where a unit is best for a neuron, (n_neurons, n_units), for all units that are best for a neuron."""
    best = score.data["best_unit"].values.astype(str)
    units = np.unique(best[(best != "") & np.isfinite(score.data["correlation_ratio"].values)])
    return (best[:, None] == units).astype(np.float64)


def _names(score: Score) -> tuple[str, ...]:
    return tuple(map(str, score.data["neuroid"].values))


def _notes(n_undefined: int) -> list[str]:
    if not n_undefined:
        return []
    return [
        f"{n_undefined} neurons are left out: they have no variance, or only one unit to compare them with"
    ]
