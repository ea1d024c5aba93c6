"""Disentanglement of units against factors of the stimuli: DCI, MIG, SAP and InfoMEC."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.shuffles import shuffle_stimuli
from neuroalign.benchmarks.trial_ceilings import size_of
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.stimulus_factors import choose_factors
from neuroalign.errors import DatasetError, ModelError
from neuroalign.metrics import (
    factor_concentrations,
    factor_dci,
    factor_explicitness,
    factor_information,
    factor_separation,
    fold_labels,
)
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declarations import Invariance, Need
from neuroalign.scoring.declared import INFORMATIVE_UNITS
from neuroalign.scoring.resampling import Statistic
from neuroalign.stats.standard_errors import standard_error, weighted_mean_standard_error
from neuroalign.validation import NonNegative

FloatArray = NDArray[np.float64]

#: Names of the metrics, with their labels.
METRICS = {
    "disentanglement": "disentanglement (DCI)",
    "completeness": "completeness (DCI)",
    "informativeness": "informativeness (DCI, R²)",
    "mig": "mutual information gap (MIG)",
    "sap": "separated predictability (SAP)",
    "modularity": "modularity (InfoM)",
    "compactness": "compactness (InfoC)",
    "explicitness": "explicitness (InfoE)",
}

# Mutual information that finite samples add, in shares of the largest entropy of the bins, above which a note warns.
_MUCH_BIAS = 0.1


@dataclass(frozen=True, kw_only=True)
class FactorDisentanglement(Benchmark):
    """Match of single units of a model with factors of the stimuli, such as identity, view or size.

    Factors are columns of the stimulus table, over the recorded stimuli. The neurons have no influence, so that the
    scores of a model and of `neurons:DATASET` are comparable. See :func:`neuroalign.metrics.factor_dci`,
    :func:`~neuroalign.metrics.factor_information`, :func:`~neuroalign.metrics.factor_separation` and
    :func:`~neuroalign.metrics.factor_explicitness`.

    Parameters
    ----------
    metric : str
        Number that is the score: disentanglement, completeness, informativeness, mig, sap, modularity, compactness or
        explicitness. The others are beside it.
    columns : tuple of str
        Factors. By default every column that varies, has no missing value, and is neither an identifier, a file name
        nor a mark; a note names them.
    categories : tuple of str
        Columns of numbers that are labels of categories. Text and truth values always are.
    bins : int
        Number of bins of equal width for the mutual information, for units and numbers with more different values.
    n_folds, n_lambdas, rule
        Options of the cross-validated Lasso behind DCI; see :func:`neuroalign.metrics.lasso_cv`. The same folds hold
        out the stimuli of SAP and explicitness; variants of one original share a fold.
    in_sample : bool
        Whether to predict the stimuli of the fits instead of held-out stimuli.
    n_permutations : int
        Number of shuffles of the stimuli behind the level of chance.
    seed : int
        Seed of folds and shuffles.

    References
    ----------
    Eastwood & Williams (2018), ICLR; Chen et al. (2018), NeurIPS; Kumar et al. (2018), ICLR; Hsu et al. (2023),
    NeurIPS.
    """

    identifier: ClassVar[str] = "factor_disentanglement"
    question: ClassVar[str] = (
        "Does each unit of the model encode one factor of the stimuli, such as identity or view?"
    )
    advice: ClassVar[str] = (
        "Take it where the stimulus table has columns that describe the images. It needs no neurons: compare a model "
        "with neurons:DATASET on the same stimuli."
    )
    score_by_chance: ClassVar[str] = "printed with the score; 0 in large samples"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    numbers: ClassVar[tuple[Number, ...]] = (
        *(Number(name, label) for name, label in METRICS.items()),
        Number("p_chance", "p against shuffled stimuli", "p", kind="p"),
        Number("factors", "factors", kind="count"),
        INFORMATIVE_UNITS,
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"stimulus factors"})
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"order of stimuli", "order of neurons", "order of units", "scale of units", "constant units"}
    )
    has_ceiling: ClassVar[bool] = False
    depends_on_n_units: ClassVar[bool] = True
    on_request: ClassVar[bool] = True
    seconds: ClassVar[float] = 1.0

    metric: Literal[
        "disentanglement",
        "completeness",
        "informativeness",
        "mig",
        "sap",
        "modularity",
        "compactness",
        "explicitness",
    ] = "disentanglement"
    columns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    bins: NonNegative = 20
    n_folds: NonNegative = 10
    n_lambdas: NonNegative = 100
    rule: Literal["1se", "min"] = "1se"
    in_sample: bool = False
    n_permutations: NonNegative = 20
    seed: NonNegative = 0

    @classmethod
    def level(cls) -> str:
        """Return the level that the score compares: single units, here with factors in place of neurons."""
        return "single units"

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Compare the informative units with the factors of the recorded stimuli."""
        latents, responses = self.align(model, dataset, join=join)
        stimuli = responses["stimulus"].values
        factors = choose_factors(dataset.stimuli, stimuli, columns=self.columns, categories=self.categories)
        informative = np.flatnonzero(latents["informative"].values)
        if informative.size < 2:
            raise ModelError(
                f"{model.identifier} must have two informative units at least, got {informative.size}"
            )
        if len(factors.names) < 2:
            raise DatasetError(
                f"{dataset.identifier} must have two factors at least, got {factors.describe()}; add columns to its "
                "stimulus table, or name some with columns="
            )
        # A sum depends on the order of its terms in the last digit; sorted by name, units are always in one order.
        informative = informative[np.argsort(latents["unit"].values[informative].astype(str), kind="stable")]
        units = np.asarray(latents.values[:, informative], dtype=np.float64)
        originals = dataset.stimuli.originals(stimuli)
        folds = fold_labels(len(units), self.n_folds, seed=self.seed, groups=originals.labels)
        problem = _Problem(self, factors.values, factors.categorical, folds)
        results = {name: value for compute in _ALL for name, value in compute(problem, units).items()}
        value = results[self.metric].value
        shuffles = shuffle_stimuli(
            lambda order: problem.value(units[order]),
            self.exchange(dataset, stimuli),
            n_permutations=self.n_permutations,
            seed=self.seed,
        )
        error, error_over = results[self.metric].error
        return self.make_score(
            model,
            dataset,
            value=value,
            error=error,
            error_over=error_over,
            null=shuffles.level,
            data=_arrays(results, latents["unit"].values[informative], factors.names).assign(
                shuffles.variables
            ),
            notes=[
                factors.describe(),
                *self._notes(len(units)),
                *originals.notes("folds"),
                *shuffles.notes,
            ],
            beside={
                **{name: result.value for name, result in results.items()},
                "p_chance": shuffles.p_value(value),
                "factors": len(factors.names),
                "informative_units": int(informative.size),
            },
            provenance=size_of(responses, originals),
        )

    def limits(self) -> tuple[float, float]:
        """Return 0 and 1 for concentrations and gaps; a prediction of held-out stimuli can be worse than their mean."""
        bounded = ("disentanglement", "completeness", "mig", "modularity", "compactness")
        return (0.0, 1.0) if self.metric in bounded else self.bounds

    def recompute(self, score: Score) -> dict[str, float]:
        """Return score and error of the metrics that are plain means over units or factors."""
        for dim in ("factor", "unit"):
            name = f"{self.metric}_per_{dim}"
            if self.metric not in ("disentanglement", "completeness") and name in score.data:
                items = score.data[name].values
                finite = items[np.isfinite(items)]
                value = float(finite.mean()) if finite.size else float("nan")
                return {"value": value, "error": standard_error(items)}
        return {}

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The score, and the other metrics."""
        return (
            Statistic("value", METRICS[self.metric]),
            *(Statistic(name, label) for name, label in METRICS.items() if name != self.metric),
        )

    def _notes(self, n_stimuli: int) -> list[str]:
        notes = []
        if self.in_sample:
            notes.append(
                "in-sample: informativeness, SAP and explicitness predict the stimuli of their own fits"
            )
        if (self.bins - 1) ** 2 / (2 * n_stimuli) > _MUCH_BIAS * np.log(self.bins):
            notes.append(
                f"{n_stimuli:,} stimuli are few for {self.bins} × {self.bins} bins: chance raises the mutual "
                "information behind MIG, modularity and compactness; compare with chance, or take fewer bins"
            )
        return notes


@dataclass(frozen=True, eq=False)
class _Result:
    """One metric of the units: its value, and the values of units or factors, weighted in its mean."""

    value: float
    items: FloatArray
    dim: Literal["unit", "factor"]
    weights: FloatArray | None = None

    @property
    def error(self) -> tuple[float, str]:
        """Standard error and the noun for the items that it is over."""
        over = f"{self.dim}s"
        if self.weights is None:
            return standard_error(self.items), over
        return weighted_mean_standard_error(self.items, self.weights), over


@dataclass(frozen=True, eq=False)
class _Problem:
    """Factors and folds, with the options of the benchmark."""

    options: FactorDisentanglement
    factors: FloatArray
    categorical: NDArray[np.bool_]
    folds: NDArray[np.int64]

    def value(self, units: FloatArray) -> float:
        """Return the chosen metric alone, in the shortest way."""
        metric = self.options.metric
        if metric in ("disentanglement", "completeness"):
            both = factor_concentrations(units, self.factors, folds=self.folds, **self.lasso)
            return both[0] if metric == "disentanglement" else both[1]
        compute = next(compute for names, compute in _COMPUTED.items() if metric in names)
        return compute(self, units)[metric].value

    @property
    def lasso(self) -> dict[str, Any]:
        return {
            "categorical": self.categorical,
            "n_lambdas": self.options.n_lambdas,
            "rule": self.options.rule,
        }

    @property
    def held_out(self) -> dict[str, Any]:
        return {"categorical": self.categorical, "folds": self.folds, "in_sample": self.options.in_sample}


def _dci(problem: _Problem, units: FloatArray) -> dict[str, _Result]:
    dci = factor_dci(
        units, problem.factors, folds=problem.folds, in_sample=problem.options.in_sample, **problem.lasso
    )
    of_units, of_factors = dci.importance.sum(axis=1), dci.importance.sum(axis=0)
    return {
        "disentanglement": _Result(dci.disentanglement, dci.disentanglement_per_unit, "unit", of_units),
        "completeness": _Result(dci.completeness, dci.completeness_per_factor, "factor", of_factors),
        "informativeness": _Result(dci.informativeness, dci.informativeness_per_factor, "factor"),
    }


def _information(problem: _Problem, units: FloatArray) -> dict[str, _Result]:
    information = factor_information(
        units, problem.factors, categorical=problem.categorical, bins=problem.options.bins
    )
    return {
        "mig": _Result(information.mig, information.mig_per_factor, "factor"),
        "modularity": _Result(information.modularity, information.modularity_per_unit, "unit"),
        "compactness": _Result(information.compactness, information.compactness_per_factor, "factor"),
    }


def _separation(problem: _Problem, units: FloatArray) -> dict[str, _Result]:
    separation = factor_separation(units, problem.factors, **problem.held_out)
    return {"sap": _Result(separation.score, separation.per_factor, "factor")}


def _explicitness(problem: _Problem, units: FloatArray) -> dict[str, _Result]:
    explicitness = factor_explicitness(units, problem.factors, **problem.held_out)
    return {"explicitness": _Result(explicitness.score, explicitness.per_factor, "factor")}


_Compute = Callable[[_Problem, FloatArray], dict[str, _Result]]
_COMPUTED: Mapping[tuple[str, ...], _Compute] = {
    ("disentanglement", "completeness", "informativeness"): _dci,
    ("mig", "modularity", "compactness"): _information,
    ("sap",): _separation,
    ("explicitness",): _explicitness,
}
_ALL = tuple(_COMPUTED.values())


def _arrays(results: Mapping[str, _Result], units: NDArray[Any], factors: tuple[str, ...]) -> xr.Dataset:
    """Return the values of units and factors by metric."""
    variables = {f"{name}_per_{result.dim}": (result.dim, result.items) for name, result in results.items()}
    return xr.Dataset(variables, coords={"unit": units, "factor": np.array(factors, dtype=str)})
