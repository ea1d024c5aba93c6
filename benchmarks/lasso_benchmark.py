"""Base class of benchmarks that fit the Lasso from units to neurons, with its options."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.benchmarks.held_out import explain
from neuroalign.datasets.dataset import Dataset
from neuroalign.datasets.variants import Originals
from neuroalign.metrics import LassoVarianceExplained
from neuroalign.metrics.folds import FITTED_ONLY
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.folded import FoldedBenchmark
from neuroalign.validation import NonNegative

#: With fewer stimuli the standard error over folds is so large that the 1-SE rule leaves few weights.
FEW_STIMULI = 50


@dataclass(frozen=True, kw_only=True)
class LassoBenchmark(FoldedBenchmark):
    """Benchmark that fits neurons by the Lasso of :mod:`neuroalign.metrics`.

    Parameters
    ----------
    folds, random_folds
        See :class:`neuroalign.scoring.folded.FoldedBenchmark`. The folds choose λ, too; in a split λ is chosen by
        random folds within the training tier.
    n_folds, n_lambdas, rule, seed
        Options of the cross-validated Lasso; see :func:`neuroalign.metrics.lasso_cv`.
    zero_uninformative : bool
        Whether units that are not informative are set to zero before the fit.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may predict itself.
    positive : bool
        Whether weights must not be negative. The score then depends on the signs of the units.
    """

    n_folds: NonNegative = 10
    n_lambdas: NonNegative = 100
    rule: Literal["1se", "min"] = "1se"
    zero_uninformative: bool = True
    self_pairs: Literal["exclude", "include"] = "exclude"
    seed: NonNegative = 0
    positive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.positive:
            # Without negative weights, the negative of a unit is another unit.
            object.__setattr__(self, "invariances", self.invariances - {"sign of units"})

    def options(self) -> dict[str, Any]:
        """Return the options; `positive` only where it is set, so that other scores keep their records and keys."""
        return {name: value for name, value in super().options().items() if name != "positive" or value}

    def fit_arguments(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, stimuli: NDArray[np.int64]
    ) -> dict[str, Any]:
        """Return the arguments of a fit to rows of stimuli; variants and repeats of one original share a fold.

        In a split, stimuli of the test tiers are left out.
        """
        stimuli = self.fitted_rows(responses, dataset, stimuli)
        units = self._units(latents)
        pairs = self_pairs(latents, responses, dataset)
        return {
            "Z": units[stimuli],
            "Y": responses.values[stimuli],
            "folds": self.labels_to_choose(dataset, responses["stimulus"].values)[stimuli],
            "n_lambdas": self.n_lambdas,
            "rule": self.rule,
            "positive": self.positive,
            "exclude": pairs if self.self_pairs == "exclude" else None,
        }

    def fitted_rows(
        self, responses: xr.DataArray, dataset: Dataset, stimuli: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the rows that the weights are fitted to: all rows, or the training tier of a split."""
        inner = self.labels_to_choose(dataset, responses["stimulus"].values)
        return stimuli[inner[stimuli] != FITTED_ONLY]

    def explain(
        self,
        latents: xr.DataArray,
        responses: xr.DataArray,
        dataset: Dataset,
        stimuli: NDArray[np.int64] | None = None,
    ) -> LassoVarianceExplained:
        """Predict rows of stimuli by fits to other stimuli.

        Parameters
        ----------
        latents, responses
            Paired arrays from :meth:`align`.
        dataset : Dataset
        stimuli : array of int, optional
            Rows, such as rows of a bootstrap; by default all rows.

        Returns
        -------
        LassoVarianceExplained
            Predictions of the rows that some fold predicts, in their order: all rows, or the test
            tiers of a split.
        """
        rows = np.arange(responses.sizes["stimulus"]) if stimuli is None else stimuli
        return explain(self.arguments_to_explain(latents, responses, dataset, rows))

    def arguments_to_explain(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> dict[str, Any]:
        """Return the arguments of predictions of rows of stimuli by fits to other stimuli; see :meth:`explain`."""
        arguments = self.fit_arguments(latents, responses, dataset, rows)
        every = np.arange(responses.sizes["stimulus"])
        new = np.setdiff1d(every, self.fitted_rows(responses, dataset, every))
        if new.size:
            shown = rows[np.isin(rows, new)]
            arguments |= {"new_Z": self._units(latents)[shown], "new_Y": responses.values[shown]}
        return arguments

    def _units(self, latents: xr.DataArray) -> NDArray[np.float64]:
        values: NDArray[np.float64] = latents.values
        return np.where(latents["informative"].values, values, 0.0) if self.zero_uninformative else values

    def notes_on_fit(self, originals: Originals) -> list[str]:
        """Return notes on the folds of variants, on few originals, which leave few weights, and on signs of units."""
        notes = originals.notes("folds")
        if self.positive:
            notes.append(
                "weights are not negative, so the score depends on the signs of the units, which are arbitrary for "
                "latents"
            )
        if self.rule == "1se" and originals.n < FEW_STIMULI:
            counted = "originals" if originals.has_variants else "stimuli"
            notes.append(
                f"only {originals.n} {counted}: the one-standard-error rule leaves few weights; "
                "compare rule=min"
            )
        return notes
