"""Alignment: does one unit carry all that the model explains of a neuron?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from neuroalign.benchmarks.lasso_benchmark import LassoBenchmark
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmark import NeuronTerms
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import completeness, completeness_at, lasso_cv
from neuroalign.models import Model
from neuroalign.scores import Score
from neuroalign.stats import weighted_mean_standard_error


@dataclass(frozen=True, kw_only=True)
class Alignment(LassoBenchmark):
    """Completeness of the Lasso weights from model units to neurons.

    Parameters
    ----------
    n_units : {"all", "informative"} or int
        D, the base of the entropy's logarithm. "all" counts dead units too, as the paper did: the
        more of them, the higher the score of the same weights.
    n_folds, n_lambdas, rule, seed
        Of the cross-validated Lasso; see :func:`neuroalign.metrics.lasso_cv`.
    zero_uninformative : bool
        Whether units that are not informative are set to zero before the fit.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may predict itself.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, eqs. 4-7; Eastwood & Williams (2018).
    """

    identifier: ClassVar[str] = "alignment"
    version: ClassVar[int] = 1

    n_units: Literal["all", "informative"] | int = "all"

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Fit the weights, and measure how far each neuron's weights sit on one unit."""
        latents, responses = self.align(model, dataset, join=join)
        informative = latents["informative"].values
        fit = lasso_cv(
            **self.fit_arguments(latents, responses, dataset, np.arange(responses.sizes["stimulus"]))
        )
        result = completeness(fit.weights, n_units=self.n_units, informative=informative)
        strength = np.abs(fit.weights).sum(axis=0)
        data = xr.Dataset(
            {
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
                "unweighted mean": result.mean,
                "effective units": _median(result.effective_units),
                "neurons without weight": result.n_zero_neurons,
            },
            notes=_notes(result.n_zero_neurons, responses),
            provenance={"n_stimuli": responses.sizes["stimulus"], "n_neurons": responses.sizes["neuroid"]},
        )

    def over_neurons(self, score: Score) -> NeuronTerms:
        """Return 1 - H of each neuron, and the sum of its |weights|."""
        return score.data["alignment"].values, np.abs(score.data["weights"].values).sum(axis=0)

    def refit(
        self,
        latents: xr.DataArray,
        responses: xr.DataArray,
        dataset: Dataset,
        stimuli: NDArray[np.int64],
    ) -> NeuronTerms:
        """Fit the weights to stimuli that were drawn with replacement."""
        fit = lasso_cv(**self.fit_arguments(latents, responses, dataset, stimuli))
        informative = latents["informative"].values
        result = completeness(fit.weights, n_units=self.n_units, informative=informative)
        return result.per_neuron, np.abs(fit.weights).sum(axis=0)

    def on_common_terms(self, scores: Sequence[Score]) -> dict[str, list[float]]:
        """Return alignment at the largest D of any model, where their D differ."""
        bases = [each.beside.get("D", np.nan) for each in scores]
        known = {each for each in bases if each >= 2}
        if len(known) < 2:
            return {}
        common = int(max(known))
        at_common = [
            _at(each, common) if base in known else np.nan for each, base in zip(scores, bases, strict=True)
        ]
        return {f"at D = {common}": at_common}

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Compare at a common D, and by the number of units that carry a neuron, which knows no D."""
        bases = [[each.beside["D"] for each in (of.instances or (of,))] for of in (a, b)]
        common = int(max(max(each) for each in bases))
        at_common = [float(np.mean([_at(each, common) for each in (of.instances or (of,))])) for of in (a, b)]
        informative = [
            float(np.mean([each.data["informative"].values.sum() for each in (of.instances or (of,))]))
            for of in (a, b)
        ]
        names = (a.model, b.model)
        raw, equal = a.value - b.value, at_common[0] - at_common[1]
        units = " and ".join(
            f"{name} has {alive:g} informative units where D is {_range(of)}"
            for name, alive, of in zip(names, informative, bases, strict=True)
        )
        if min(map(min, bases)) == common:
            fair = f"D is {common} for both, so the base of the logarithm favours neither"
        elif raw * equal <= 0:
            fair = f"at D = {common} for both the difference is {equal:+.3f}: the base of the logarithm explains it"
        elif abs(equal) < abs(raw) / 2:
            fair = (
                f"at D = {common} for both the difference is {equal:+.3f}: "
                "the base of the logarithm explains most of it"
            )
        else:
            fair = (
                f"at D = {common} for both the difference is {equal:+.3f}: "
                "the base of the logarithm does not explain it"
            )
        carrying = [of.beside["effective units"] for of in (a, b)]
        fewer = f"whatever D is, the median neuron takes {carrying[0]:.1f} against {carrying[1]:.1f} effective units"
        agrees = (carrying[0] - carrying[1]) * raw < 0
        return [
            f"Dead units in log_D: {units}; {fair}.",
            f"Free of D: {fewer}, which {'agrees' if agrees else 'does not agree'}.",
        ]


def _at(score: Score, common: int) -> float:
    """Return alignment at another D; 0 stays where no unit predicts any neuron."""
    if score.beside.get("neurons without weight", np.nan) == score.provenance.get("n_neurons"):
        return 0.0
    return completeness_at(score.value, int(score.beside["D"]), common)


def _range(numbers: list[float]) -> str:
    low, high = int(min(numbers)), int(max(numbers))
    return str(low) if low == high else f"{low} to {high}"


def _notes(n_zero: int, responses: xr.DataArray) -> list[str]:
    if n_zero == responses.sizes["neuroid"]:
        return ["no unit predicts any neuron: all weights are zero, so the score is 0"]
    return []


def _median(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
