"""Alignment: does one unit carry all that the model explains of a neuron?"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmark import Benchmark, self_pairs
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import completeness, lasso_cv
from neuroalign.models import Model
from neuroalign.scores import Score
from neuroalign.stats import weighted_mean_standard_error


@dataclass(frozen=True, kw_only=True)
class Alignment(Benchmark):
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
    n_folds: int = 10
    n_lambdas: int = 100
    rule: Literal["1se", "min"] = "1se"
    zero_uninformative: bool = True
    self_pairs: Literal["exclude", "include"] = "exclude"
    seed: int = 0

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Fit the weights, and measure how far each neuron's weights sit on one unit."""
        latents, responses = self.align(model, dataset, join=join)
        informative = latents["informative"].values
        pairs = self_pairs(latents, responses, dataset)
        fit = lasso_cv(
            np.where(informative, latents.values, 0.0) if self.zero_uninformative else latents.values,
            responses.values,
            n_lambdas=self.n_lambdas,
            n_folds=self.n_folds,
            rule=self.rule,
            seed=self.seed,
            exclude=pairs if self.self_pairs == "exclude" else None,
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
                "effective units": _median(result.effective_units),
                "neurons without weight": result.n_zero_neurons,
            },
            notes=_notes(result.n_zero_neurons, responses),
            provenance={"n_stimuli": responses.sizes["stimulus"], "n_neurons": responses.sizes["neuroid"]},
        )


def _notes(n_zero: int, responses: xr.DataArray) -> list[str]:
    if n_zero == responses.sizes["neuroid"]:
        return ["no unit predicts any neuron: all weights are zero, so the score is 0"]
    return []


def _median(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
