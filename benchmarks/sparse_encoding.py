"""Sparse encoding: variance of neurons that non-negative Lasso weights predict on held-out stimuli."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arithmetic import divide
from neuroalign.arrays import Join
from neuroalign.benchmarks.lasso_benchmark import LassoBenchmark
from neuroalign.benchmarks.predictive_power import NO_POWER, predict
from neuroalign.benchmarks.shuffles import shuffle_stimuli
from neuroalign.benchmarks.trial_ceilings import size_of, trial_ceilings
from neuroalign.benchmarks.variance_explained import VarianceExplained
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import (
    LassoVarianceExplained,
    completeness,
    lasso_cv,
    variance_explained,
)
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.declared import NEURONS_WITHOUT_WEIGHT, PREDICTION_NUMBERS
from neuroalign.scoring.folded import FOLD_NUMBERS
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.stats.standard_errors import standard_error
from neuroalign.validation import NonNegative

FloatArray = NDArray[np.float64]

#: Seconds of the held-out predictions, on one core, for the recording that :attr:`neuroalign.Benchmark.seconds` is
#: measured on.
SECONDS_OF_A_FIT = 0.7


@dataclass(frozen=True, kw_only=True)
class SparseEncoding(LassoBenchmark):
    """Cross-validated variance explained by a non-negative Lasso from all units, averaged over neurons.

    Weights of one sign let no unit cancel another, so that a neuron counts as encoded where it is a sum of few units.
    The variance explained by weights of either sign is beside the score: the difference is the part of the prediction
    that needs cancellation.

    Parameters
    ----------
    folds, random_folds
        See :class:`neuroalign.benchmarks.lasso_benchmark.LassoBenchmark`. A split pools the residuals of all its test
        tiers.
    n_folds : int
        Number of folds with pooled residuals. The Lasso that predicts one fold is cross-validated over the others.
    n_lambdas, rule, seed
        Options of this Lasso; see :func:`neuroalign.metrics.lasso_cv`.
    zero_uninformative : bool
        Whether units that are not informative are set to zero before the fit.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may predict itself.
    positive : bool
        True; ``variance_explained`` has weights of either sign.
    predictive_power : bool
        Whether to compute the variance explained by weights of either sign.
    n_permutations : int
        Number of shuffles of the stimuli behind the level of chance, each as long as the score. Without shuffles it is
        the score of the training means alone, which shuffled units reach where none of them gets a weight.

    Notes
    -----
    The score depends on the signs of the units, which are arbitrary for latents such as principal components and for
    most latents of autoencoders; rectified layers and neurons have a sign. A unit and its negative as two units give
    the predictions of ``variance_explained``.

    References
    ----------
    Prince, Conwell, Alvarez & Konkle (2024), "A case for sparse positive alignment of neural systems", ICLR Re-Align
    workshop.
    """

    identifier: ClassVar[str] = "sparse_encoding"
    question: ClassVar[str] = (
        "How much of the neurons do sums of few units explain, without units that cancel each other?"
    )
    advice: ClassVar[str] = (
        "Take it for units with a sign, such as rectified layers and neurons, beside variance_explained: the "
        "difference is the part that needs cancellation. The signs of latents are arbitrary: take alignment for "
        "latents."
    )
    score_by_chance: ClassVar[str] = "0 or slightly less; the level is printed with the score"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    seconds: ClassVar[float] = 2.0
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("r", "held-out correlation, mean over neurons", "r"),
        Number("completeness", "completeness C of the non-negative weights", "C"),
        Number("effective_units", "effective units of the median neuron", "eff.\nunits"),
        NEURONS_WITHOUT_WEIGHT,
        Number("kept_share", "share of the variance explained by free weights", "kept", "percent"),
        *(
            replace(number, label="variance explained by weights of either sign", heading="VE of\nfree w.")
            if number.identifier == "variance_explained"
            else number
            for number in PREDICTION_NUMBERS
        ),
        *FOLD_NUMBERS,
    )
    arrays: ClassVar[Mapping[str, tuple[str, ...]]] = {"weights": ("unit", "neuroid")}
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "scale of units",
            "constant units",
            "copies of units",
        }
    )
    asks_about_single_units: ClassVar[bool] = True
    on_request: ClassVar[bool] = True

    positive: bool = True
    predictive_power: bool = True
    n_permutations: NonNegative = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.positive:
            raise UsageError("sparse_encoding must have positive=true, got false; take variance_explained")

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Predict each neuron on images that the fit has not seen, and measure the completeness of the weights."""
        latents, responses = self.align(model, dataset, join=join)
        every = np.arange(responses.sizes["stimulus"])
        arguments = self.fit_arguments(latents, responses, dataset, every)
        explained = self.explain(latents, responses, dataset)
        predicted = self.predicted(dataset, responses)
        weights = lasso_cv(**arguments).weights
        concentrated = completeness(weights, n_units=max(2, len(weights)))
        r = _held_out_r(predicted.values, explained)
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        ceilings = trial_ceilings(dataset, predicted)
        power = (
            predict(latents, responses, dataset, lasso=self._free()) if self.predictive_power else NO_POWER
        )
        value = _mean(explained.per_neuron)
        shuffles = shuffle_stimuli(
            lambda order: _mean(
                self.explain(latents.copy(data=latents.values[order]), responses, dataset).per_neuron
            ),
            self.exchange(dataset, responses["stimulus"].values),
            n_permutations=self.n_permutations,
            seed=self.seed,
        )
        without_weights = _mean(variance_explained(predicted.values, explained.baseline))
        data = xr.Dataset(
            {
                **power.variables,
                **shuffles.variables,
                "sparse_encoding": ("neuroid", explained.per_neuron),
                "r": ("neuroid", r),
                "reliability": ("neuroid", ceilings.reliability),
                "completeness": ("neuroid", concentrated.per_neuron),
                "effective_units": ("neuroid", concentrated.effective_units),
                "weights": (("unit", "neuroid"), weights),
            },
            coords={
                "neuroid": responses["neuroid"].values,
                "unit": latents["unit"].values,
                "informative": ("unit", latents["informative"].values),
            },
        )
        return self.make_score(
            model,
            dataset,
            value=value,
            error=standard_error(explained.per_neuron),
            error_over="neurons",
            null=shuffles.level if shuffles.scores.size else without_weights,
            ceiling=ceilings.mean_r2,
            data=data,
            beside={
                "r": _mean(r),
                "completeness": concentrated.score,
                "effective_units": _median(concentrated.effective_units),
                "neurons_without_weight": concentrated.n_zero_neurons,
                **power.beside,
                **_kept(value, power.beside),
            },
            notes=[
                *power.notes,
                *([] if ceilings.are_known else ceilings.notes),
                *self.notes_on_fit(originals),
                *shuffles.notes,
            ],
            provenance=size_of(responses, originals),
        )

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the error over neurons."""
        return {
            **super().recompute(score),
            "error": standard_error(score.data["sparse_encoding"].values),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Variance explained by non-negative weights, and the completeness of these weights."""
        return (
            Statistic("value", "sparse encoding"),
            Statistic("completeness", "completeness of non-negative weights"),
        )

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the mean over neurons, or the completeness, where each neuron counts by the sum of its weights."""
        chosen = self.find_statistic(statistic)
        if chosen.identifier == "value":
            return Resampling(chosen, from_score=_mean_of_neurons, refit=self._refit)
        return replace(
            super().resampling(statistic, scores),
            from_score=_completeness_of_neurons,
            refit=self._refit_weights,
            reason="",
        )

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate the time of the fits and of the shuffles."""
        shuffled = self.n_permutations * SECONDS_OF_A_FIT / self.seconds
        return (1.0 + shuffled) * super().expected_seconds(n_stimuli, n_neurons)

    def effect_of_noise(self) -> str:
        """Say that noise lowers the score."""
        return "lowers sparse encoding, as it lowers variance explained"

    def _free(self) -> VarianceExplained:
        """Return the benchmark with the same options and weights of either sign."""
        options = {option.name: getattr(self, option.name) for option in fields(LassoBenchmark)}
        return VarianceExplained(**{**options, "positive": False})

    def _refit(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        """Predict rows of stimuli drawn with replacement; their repeats share a fold."""
        explained = self.explain(latents, responses, dataset, rows)
        return NeuronStatistic.weighted_mean(responses["neuroid"].values, explained.per_neuron)

    def _refit_weights(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        weights = lasso_cv(**self.fit_arguments(latents, responses, dataset, rows)).weights
        fitted = completeness(weights, n_units=max(2, len(weights)))
        return NeuronStatistic.weighted_mean(
            responses["neuroid"].values, fitted.per_neuron, weights.sum(axis=0)
        )


def _held_out_r(responses: FloatArray, explained: LassoVarianceExplained) -> FloatArray:
    """Correlate responses with the part of their predictions that the units add; 0 where the units add nothing."""
    # The training mean is low where held-out responses are high, so both sides are taken relative to it.
    pairs = [responses - explained.baseline, explained.predicted - explained.baseline]
    centred = [values - values.mean(axis=0) for values in pairs]
    norms = np.sqrt((centred[0] ** 2).sum(axis=0) * (centred[1] ** 2).sum(axis=0))
    r = divide((centred[0] * centred[1]).sum(axis=0), norms, otherwise=0.0)
    return np.where(np.isnan(explained.per_neuron), np.nan, r)


def _kept(value: float, beside: Mapping[str, float]) -> dict[str, float]:
    """Return the share of the variance explained that needs no cancellation."""
    if "variance_explained" not in beside:
        return {}
    free = beside["variance_explained"]
    return {"kept_share": value / free if free > 0 else float("nan")}


def _mean_of_neurons(score: Score) -> NeuronStatistic:
    return NeuronStatistic.weighted_mean(score.data["neuroid"].values, score.data["sparse_encoding"].values)


def _completeness_of_neurons(score: Score) -> NeuronStatistic:
    strength = score.data["weights"].values.sum(axis=0)
    return NeuronStatistic.weighted_mean(
        score.data["neuroid"].values, score.data["completeness"].values, strength
    )


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _median(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
