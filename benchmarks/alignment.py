"""Alignment: completeness of the Lasso weights from the units of a model to neurons."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.lasso_benchmark import LassoBenchmark
from neuroalign.benchmarks.predictive_power import NO_POWER, predict
from neuroalign.benchmarks.turned_control import check_turns, regenerate
from neuroalign.benchmarks.turned_weights import TurnedWeights, index_of_score
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import TurnedAlignment, completeness, completeness_at, lasso_cv, turned_alignment
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.declared import AXIS_NUMBERS, NEURONS_WITHOUT_WEIGHT, PREDICTION_NUMBERS
from neuroalign.scoring.folded import FOLD_NUMBERS
from neuroalign.scoring.resampling import AXIS_INDEX, NeuronStatistic, Resampling, Statistic
from neuroalign.stats import weighted_mean_standard_error
from neuroalign.validation import NonNegative

#: Seconds of a fit, of each turn of the tuning and of the held-out predictions, on one core, for the recording that
#: :attr:`neuroalign.Benchmark.seconds` is measured on.
SECONDS_OF_A_FIT, SECONDS_OF_A_TURN, SECONDS_OF_PREDICTION = 0.11, 0.15, 1.3


@dataclass(frozen=True, kw_only=True)
class Alignment(LassoBenchmark):
    """Completeness of the Lasso weights from model units to neurons.

    Parameters
    ----------
    n_units : {"all", "informative"} or int
        D, the base of the logarithm in the entropy. "all" counts dead units too, as the paper did: the same weights
        score higher with more dead units.
    folds, random_folds
        See :class:`neuroalign.benchmarks.lasso_benchmark.LassoBenchmark`. In a split, C and κ are of the weights of the
        training tier, and the variance explained is of the test tiers.
    n_folds, n_lambdas, rule, seed
        Options of the cross-validated Lasso; see :func:`neuroalign.metrics.lasso_cv`.
    zero_uninformative : bool
        Whether units that are not informative are set to zero before the fit.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may predict itself.
    positive : bool
        Whether weights must not be negative, so that a mixture of units that cancel each other counts as less aligned.
        C and κ then depend on the signs of the units, which are arbitrary for latents.
    turns : int
        Number of random turns of the neurons' tuning behind the axis index κ; 0 for a score without the index. See
        :func:`neuroalign.metrics.turned_tuning`.
    predictive_power : bool
        Whether to compute the variance explained and the number of neurons that are predicted above chance.

    Notes
    -----
    C rises with few informative units, with dead units and with noise. κ compares the neurons with neurons that have
    the same signal and the same noise along other axes: κ is 0 where the axes are no better than turned axes, and 1
    where one unit predicts each neuron. Models are ranked and tested by κ.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, eqs. 4-7; Eastwood & Williams (2018), ICLR; Prince, Conwell, Alvarez &
    Konkle (2024), "A case for sparse positive alignment of neural systems", ICLR Re-Align workshop.
    """

    identifier: ClassVar[str] = "alignment"
    question: ClassVar[str] = "Does each neuron need only one unit of the model?"
    units_note: ClassVar[str] = "C changes with D, the base of its logarithm, and κ does not"
    advice: ClassVar[str] = (
        "Take it for models with few units (up to some hundred), and read κ, not C: C also rises with noise, "
        "dead units and few informative units. Where signs matter take sparse_encoding; for one best unit "
        "without a regression take correlation_ratio or one_to_one."
    )
    score_by_chance: ClassVar[str] = "κ is 0; C depends on the units, the noise and D"
    # Weights on more units than D give a negative C.
    bounds: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    version: ClassVar[int] = 2
    # Version 2 added the axis index and the predictive power beside C.
    recomputes_since: ClassVar[int] = 1
    symbol: ClassVar[str] = "C"
    numbers: ClassVar[tuple[Number, ...]] = (
        *AXIS_NUMBERS,
        *PREDICTION_NUMBERS,
        replace(FOLD_NUMBERS[0], label="C with random folds of the same stimuli"),
        replace(FOLD_NUMBERS[1], label="fall of the variance explained from random folds"),
        Number("predicted_alignment", "C over the predicted neurons", "C of\npred."),
        NEURONS_WITHOUT_WEIGHT,
        Number("D", "units in the base of the logarithm (D)", "D", "count"),
        Number("unweighted_mean", "C without weights, mean over neurons", "C un-\nweighted"),
        Number("effective_units", "effective units of the median neuron", "eff.\nunits"),
    )
    arrays: ClassVar[Mapping[str, tuple[str, ...]]] = {"weights": ("unit", "neuroid")}
    control: ClassVar[str] = AXIS_INDEX
    asks_about_single_units: ClassVar[bool] = True
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"order of stimuli", "order of neurons", "sign of units", "scale of units", "order of units"}
    )

    n_units: Literal["all", "informative"] | NonNegative = "all"
    turns: NonNegative = 20
    predictive_power: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_turns(self.turns)

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Fit the weights, and measure for each neuron how far its weights concentrate on one unit."""
        latents, responses = self.align(model, dataset, join=join)
        informative = latents["informative"].values
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        fit = lasso_cv(
            **self.fit_arguments(latents, responses, dataset, np.arange(responses.sizes["stimulus"]))
        )
        result = completeness(fit.weights, n_units=self.n_units, informative=informative)
        strength = np.abs(fit.weights).sum(axis=0)
        every = np.arange(responses.sizes["stimulus"])
        turned = self._turned(latents, responses, dataset, every)
        power = predict(latents, responses, dataset, lasso=self) if self.predictive_power else NO_POWER
        data = xr.Dataset(
            {
                **turned.variables,
                **power.variables,
                "alignment": ("neuroid", result.per_neuron),
                "weighted_alignment": ("neuroid", result.weighted),
                "effective_units": ("neuroid", result.effective_units),
                "lambda": ("neuroid", fit.lambda_),
                "weights": (("unit", "neuroid"), fit.weights),
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
            error=weighted_mean_standard_error(result.per_neuron, strength),
            error_over="neurons",
            data=data,
            beside={
                "D": result.n_units,
                "unweighted_mean": result.mean,
                "effective_units": _median(result.effective_units),
                "neurons_without_weight": result.n_zero_neurons,
                **turned.beside(responses["neuroid"].values, self.seed),
                **power.beside,
                **(
                    {"predicted_alignment": _mean_of(result.per_neuron, strength, power.predicted)}
                    if power.predicted.size
                    else {}
                ),
            },
            notes=[
                *_notes(result.n_zero_neurons, responses),
                *turned.notes,
                *power.notes,
                *self.notes_on_fit(originals),
            ],
            provenance={
                "n_stimuli": responses.sizes["stimulus"],
                **originals.provenance,
                "n_neurons": responses.sizes["neuroid"],
            },
        )

    @property
    def held_out_number(self) -> str:
        """Variance explained: C is of weights that are fitted, and held-out stimuli only choose λ."""
        return "variance_explained" if self.predictive_power else ""

    def limits(self) -> tuple[float, float]:
        """Return 0 and 1 where D counts all units; weights on more units than D give a negative C."""
        return (0.0, 1.0) if self.n_units == "all" else self.bounds

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the error over neurons, which count by the sum of their weights."""
        return {
            **super().recompute(score),
            "error": weighted_mean_standard_error(
                score.data["alignment"].values, np.abs(score.data["weights"].values).sum(axis=0)
            ),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Axis index κ, alignment C, and C at a D that all models of a comparison share."""
        by_value = (
            Statistic("value", "alignment C"),
            Statistic("at_common_d", "alignment C at a common D", equalises="D"),
        )
        return (Statistic("axis_index", "axis index κ"), *by_value) if self.turns else by_value

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample κ or C over neurons, each weighted by the sum of its ``|weights|``, or C at the largest D of scores.

        Parameters
        ----------
        statistic : str
            "axis_index", "value" or "at_common_d".
        scores : sequence of Score
            Scores of all models of a comparison; their largest D is the common D.

        Raises
        ------
        UsageError
            If `statistic` is "at_common_d" and no score has a D of at least two.
        """
        chosen = self.find_statistic(statistic)
        if chosen.identifier == "value":
            return Resampling(chosen, from_score=_terms, refit=self._refit)
        if chosen.identifier == "axis_index":
            return replace(
                super().resampling(statistic), from_score=index_of_score, refit=self._refit_turned, reason=""
            )
        if chosen.identifier != "at_common_d":
            return super().resampling(statistic, scores)
        bases = [score.beside.get("D", np.nan) for score in scores]
        common = int(max((base for base in bases if base >= 2), default=0))
        if not common:
            raise UsageError(
                "at_common_d needs the scores of all models of a comparison with their D; give them as scores"
            )

        def convert(terms: NeuronStatistic, n_units: int) -> NeuronStatistic:
            def combine(sums: NDArray[np.float64]) -> NDArray[np.float64]:
                own = terms.combine(sums)
                # C without any weight is 0 at every D.
                return np.where(sums[:, 1] > 0, _convert(own, n_units, common), 0.0)

            return replace(terms, combine=combine)

        def refit(
            latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
        ) -> NeuronStatistic:
            terms, n_units = self._fit_rows(latents, responses, dataset, rows)
            return convert(terms, n_units)

        return Resampling(
            replace(chosen, label=f"alignment C at D = {common}"),
            read=lambda score: _at(score, common),
            from_score=lambda score: convert(_terms(score), int(score.beside["D"])),
            refit=refit,
            terms_of="value",
        )

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate the time of the fit, of the fits to turned neurons, and of the held-out predictions."""
        seconds = (
            SECONDS_OF_A_FIT + SECONDS_OF_A_TURN * self.turns + SECONDS_OF_PREDICTION * self.predictive_power
        )
        return seconds * super().expected_seconds(n_stimuli, n_neurons)

    def effect_of_noise(self) -> str:
        """Say that noise leaves fewer weights, so that C is higher."""
        if self.rule == "min":
            return "lowers variance explained, and hardly changes C by rule=min"
        return (
            "raises C, because it leaves fewer weights, and lowers variance explained. alignment[rule=min] depends "
            "little on noise: use it, with κ, to compare recordings, areas and animals"
        )

    def _turned(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> "TurnedWeights":
        """Fit the Lasso to the regenerated neurons of all turns."""
        rows = self.fitted_rows(responses, dataset, rows)
        control = regenerate(latents, responses, dataset, n_turns=self.turns, seed=self.seed, rows=rows)
        if control is None:
            return TurnedWeights(None, asked=self.turns > 0)
        arguments = self.fit_arguments(latents, responses, dataset, rows)
        options = {name: arguments[name] for name in ("folds", "n_lambdas", "rule", "positive")}
        fitted = turned_alignment(arguments["Z"], control.model, n_turns=self.turns, **options)
        # Neurons that are units of the model are not regenerated and keep zero weights.
        shape = (self.turns + 1, responses.sizes["neuroid"])
        strength, entropy = np.zeros(shape), np.zeros(shape)
        strength[:, control.neurons], entropy[:, control.neurons] = fitted.strength, fitted.entropy
        return TurnedWeights(TurnedAlignment(strength, entropy), self._base(latents))

    def _base(self, latents: xr.DataArray) -> int:
        """Return D, the base of the logarithm."""
        if self.n_units == "all":
            return latents.sizes["unit"]
        return int(latents["informative"].values.sum()) if self.n_units == "informative" else self.n_units

    def _refit_turned(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        """Regenerate and fit the neurons of drawn stimuli."""
        return self._turned(latents, responses, dataset, rows).statistic(responses["neuroid"].values)

    def _refit(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        return self._fit_rows(latents, responses, dataset, rows)[0]

    def _fit_rows(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> tuple[NeuronStatistic, int]:
        """Fit the weights to rows of stimuli drawn with replacement; return C and its D."""
        fit = lasso_cv(**self.fit_arguments(latents, responses, dataset, rows))
        informative = latents["informative"].values
        result = completeness(fit.weights, n_units=self.n_units, informative=informative)
        strength = np.abs(fit.weights).sum(axis=0)
        neurons = responses["neuroid"].values
        return NeuronStatistic.weighted_mean(neurons, result.per_neuron, strength), result.n_units


def _terms(score: Score) -> NeuronStatistic:
    """Return C as a mean of 1 - H over neurons, weighted by the sum of their |weights|."""
    strength = np.abs(score.data["weights"].values).sum(axis=0)
    return NeuronStatistic.weighted_mean(
        score.data["neuroid"].values, score.data["alignment"].values, strength
    )


def _mean_of(values: NDArray[np.float64], strength: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    """Return C over some neurons; NaN where none of them has weight."""
    kept = chosen & (strength > 0)
    return float(np.average(values[kept], weights=strength[kept])) if kept.any() else float("nan")


def _convert(values: NDArray[np.float64], n_units: int, common: int) -> NDArray[np.float64]:
    """Convert C from one D to another; NaN where the logarithm of D is not positive."""
    return 1.0 - (1.0 - values) * (np.log(n_units) / np.log(common) if n_units > 1 else np.nan)


def _at(score: Score, common: int) -> float:
    """Return alignment at another D: 0 where no unit predicts any neuron, NaN where D is not known."""
    if score.beside.get("neurons_without_weight", np.nan) == score.provenance.get("n_neurons"):
        return 0.0
    n_units = score.beside.get("D", np.nan)
    return completeness_at(score.value, int(n_units), common) if n_units >= 2 else float("nan")


def _notes(n_zero: int, responses: xr.DataArray) -> list[str]:
    if n_zero == responses.sizes["neuroid"]:
        return ["no unit predicts any neuron: all weights are zero, so the score is 0"]
    return []


def _median(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
