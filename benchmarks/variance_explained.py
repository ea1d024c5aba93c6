"""Variance explained: share of the variance of a neuron that all units predict together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.lasso_benchmark import LassoBenchmark
from neuroalign.benchmarks.trial_ceilings import trial_ceilings
from neuroalign.benchmarks.trial_fits import note_on_counts, trial_counts
from neuroalign.benchmarks.trial_lasso import explain_trials
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import (
    LassoVarianceExplained,
    noise_corrected_r2,
    noise_corrected_r2_of_means,
    variance_explained,
)
from neuroalign.metrics.folds import FITTED_ONLY
from neuroalign.metrics.predictivity import splice_rows
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.folded import FOLD_NUMBERS
from neuroalign.scoring.held_out import HeldOut
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.stats.standard_errors import standard_error


@dataclass(frozen=True, kw_only=True)
class VarianceExplained(LassoBenchmark):
    """Cross-validated variance explained by a Lasso from all units, averaged over neurons.

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
        Whether weights must not be negative. The score then depends on the signs of the units.
    fit_to : {"means", "trials"}
        Whether the fits are to the mean response to each stimulus, or to all single trials, where a stimulus counts by
        the number of trials that a neuron has of it. All trials of a stimulus share a fold. Predictions are compared
        with the mean responses to held-out stimuli in both cases, each stimulus once.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, "Variance explained"; Pospisil & Bair (2021) for the
    noise correction.
    """

    identifier: ClassVar[str] = "variance_explained"
    question: ClassVar[str] = "How much of the neurons do all units of the model explain together?"
    units_note: ClassVar[str] = "more units can predict more of a neuron, also on held-out stimuli"
    advice: ClassVar[str] = (
        "Take it beside each score of single units: a model that predicts nothing has no single units to "
        "compare. For layers with thousands of units take ridge, which is faster and does not assume that few "
        "units matter."
    )
    score_by_chance: ClassVar[str] = "0"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    version: ClassVar[int] = 3
    # Later versions fit other folds and correct for noise in another way; the score stays the mean over neurons.
    recomputes_since: ClassVar[int] = 1
    seconds: ClassVar[float] = 1.3
    arrays: ClassVar[Mapping[str, tuple[str, ...]]] = {"variance_explained": ("neuroid",)}
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("median_noise_corrected_r2", "noise-corrected r² of the median neuron", "corrected\nr²"),
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

    #: λ is chosen over all folds but the predicted one.
    least_folds: ClassVar[int] = 3
    chooses_by_group: ClassVar[bool] = True

    fit_to: Literal["means", "trials"] = "means"

    def options(self) -> dict[str, Any]:
        """Return the options; `fit_to` only where it is set, so that other scores keep their records and keys."""
        return {
            name: value for name, value in super().options().items() if name != "fit_to" or value != "means"
        }

    def explain(
        self,
        latents: xr.DataArray,
        responses: xr.DataArray,
        dataset: Dataset,
        stimuli: NDArray[np.int64] | None = None,
    ) -> LassoVarianceExplained:
        """Predict rows of stimuli by fits to other stimuli, or to their trials."""
        if self.fit_to == "means":
            return super().explain(latents, responses, dataset, stimuli)
        rows = np.arange(responses.sizes["stimulus"]) if stimuli is None else stimuli
        counts = trial_counts(dataset, responses)[self.fitted_rows(responses, dataset, rows)]
        return explain_trials(self.arguments_to_explain(latents, responses, dataset, rows), counts)

    def measure(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Predict each neuron on images that the fit has not seen."""
        latents, responses = self.align(model, dataset, join=join)
        return self._summarise(model, dataset, responses, self.explain(latents, responses, dataset))

    def score_chosen(
        self,
        model: Model,
        dataset: Dataset,
        responses: xr.DataArray,
        fits: Sequence[HeldOut],
        chosen: NDArray[np.int64],
    ) -> Score:
        """Score predictions with another model in each fold."""
        predicted = self.predicted(dataset, responses)
        labels = self.labels_of_folds(dataset, responses["stimulus"].values)
        rows = np.unique(labels[labels != FITTED_ONLY], return_inverse=True)[1]
        of_models = [fit.fit[1] for fit in fits]
        joined = splice_rows([explained.predicted for explained in of_models], rows, chosen)
        explained = LassoVarianceExplained(
            variance_explained(predicted.values, joined),
            joined,
            splice_rows([explained.baseline for explained in of_models], rows, chosen),
            of_models[0].folds,
        )
        return self._summarise(model, dataset, responses, explained)

    def _summarise(
        self, model: Model, dataset: Dataset, responses: xr.DataArray, explained: LassoVarianceExplained
    ) -> Score:
        """Return the score of predictions."""
        predicted = self.predicted(dataset, responses)
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        variables = {"variance_explained": ("neuroid", explained.per_neuron)}
        notes = []
        beside = {}
        ceiling = float("nan")
        ceilings = trial_ceilings(dataset, predicted)
        if not ceilings.are_known:
            notes.append(
                "only averages over trials are known, so the ceiling and the noise correction are missing"
            )
        else:
            added = explained.predicted - explained.baseline
            corrected = _correct(dataset, predicted, added)
            # A reliable neuron that no unit predicts has a corrected r² of 0.
            reliable = np.isfinite(_correct(dataset, predicted, predicted.values))
            corrected = np.where(reliable & (np.ptp(added, axis=0) == 0), 0.0, corrected)
            variables["reliability"] = ("neuroid", ceilings.reliability)
            variables["noise_corrected_r2"] = ("neuroid", corrected)
            ceiling = float(np.nanmean(ceilings.reliability))
            if np.isfinite(corrected).any():
                beside["median_noise_corrected_r2"] = float(np.nanmedian(corrected))
                notes.append(
                    f"noise-corrected r² is over the {np.isfinite(corrected).sum()} neurons that are reliable enough"
                )
        data = xr.Dataset(variables, coords={"neuroid": responses["neuroid"].values})
        if self.fit_to == "trials":
            notes.append(note_on_counts(trial_counts(dataset, responses)))
        undefined = int(np.isnan(explained.per_neuron).sum())
        if undefined:
            notes.append(f"{undefined} neurons without variance are left out")
        return self.make_score(
            model,
            dataset,
            value=float(np.nanmean(explained.per_neuron)),
            error=standard_error(explained.per_neuron),
            error_over="neurons",
            ceiling=ceiling,
            beside=beside,
            data=data,
            notes=[*notes, *self.notes_on_fit(originals)],
            provenance={
                "n_stimuli": responses.sizes["stimulus"],
                **originals.provenance,
                "n_neurons": responses.sizes["neuroid"],
            },
        )

    def held_out(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> HeldOut:
        """Return the held-out predictions behind the score, to be compared with other responses."""
        latents, responses = self.align(model, dataset, join=join)
        explained = self.explain(latents, responses, dataset)
        fit = (self.predicted(dataset, responses).values, explained)
        return HeldOut(responses["stimulus"].values, responses["neuroid"].values, fit)

    def score_across(self, fitted: HeldOut, tested: HeldOut) -> float:
        """Return the mean variance of other responses that predictions explain, with the scale of their own fit.

        The mean over training stimuli is the mean of the tested responses, so that a change of the firing rate alone
        costs nothing.
        """
        _, explained = fitted.fit
        if fitted is tested:
            return float(np.nanmean(explained.per_neuron))
        own, other = fitted.shared_neurons(tested)
        responses, ordinary = tested.fit
        added = (explained.predicted - explained.baseline)[:, own]
        return float(np.nanmean(variance_explained(responses[:, other], ordinary.baseline[:, other] + added)))

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the error over neurons."""
        return {
            **super().recompute(score),
            "error": standard_error(score.data["variance_explained"].values),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Mean variance explained over neurons."""
        return (Statistic("value", "variance explained"),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the mean over neurons; neurons without variance are left out."""
        return Resampling(self.find_statistic(statistic), from_score=_mean_of_neurons, refit=self._refit)

    def _refit(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        """Predict rows of stimuli drawn with replacement; their repeats share a fold."""
        explained = self.explain(latents, responses, dataset, rows)
        return NeuronStatistic.weighted_mean(responses["neuroid"].values, explained.per_neuron)


def _correct(
    dataset: Dataset, responses: xr.DataArray, predicted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the noise-corrected r² of predictions, from the trials or from the standard errors of the averages."""
    scored = np.isin(dataset.responses["stimulus"].values, responses["stimulus"].values)
    if dataset.trials is not None:
        return noise_corrected_r2(dataset.trials[scored], predicted)
    assert dataset.standard_errors is not None
    return noise_corrected_r2_of_means(responses.values, dataset.standard_errors[scored], predicted)


def _mean_of_neurons(score: Score) -> NeuronStatistic:
    """Return the mean variance explained as a function of neurons."""
    return NeuronStatistic.weighted_mean(
        score.data["neuroid"].values, score.data["variance_explained"].values
    )
