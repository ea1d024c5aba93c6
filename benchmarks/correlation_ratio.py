"""Correlation ratio: does one unit correlate with a neuron far more than the others do?"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr

from neuroalign.arrays import Join
from neuroalign.benchmark import Benchmark, NeuronTerms, self_pairs
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import aggregate_ratios, correlation_ratio
from neuroalign.models import Model
from neuroalign.nulls import can_shuffle, notes_on_shuffles
from neuroalign.scores import Score
from neuroalign.stats import jackknife_standard_error, permute_stimuli


@dataclass(frozen=True, kw_only=True)
class CorrelationRatio(Benchmark):
    """Average correlation ratio over the units that are some neuron's best, and unit proportion.

    Parameters
    ----------
    aggregate : {"unit_mean", "unit_max", "neuron_mean"}
        How the ratios of neurons become one number; see :func:`neuroalign.metrics.correlation_ratio`.
    self_pairs : {"exclude", "include"}
        Whether a neuron that is one of the model's units may correlate with itself.
    n_permutations : int
        Shuffles of the stimulus labels behind the chance level, which falls with the number of units. Variants of one
        original move together; see :func:`neuroalign.stats.permute_stimuli`.
    seed : int
        Of the shuffles.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, "Average correlation ratio and average unit proportion".
    """

    identifier: ClassVar[str] = "correlation_ratio"
    version: ClassVar[int] = 2

    aggregate: Literal["unit_mean", "unit_max", "neuron_mean"] = "unit_mean"
    self_pairs: Literal["exclude", "include"] = "exclude"
    n_permutations: int = 20
    seed: int = 0

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Correlate every informative unit with every neuron."""
        latents, responses = self.align(model, dataset, join=join)
        informative = latents["informative"].values
        pairs = self_pairs(latents, responses, dataset) if self.self_pairs == "exclude" else None
        result = correlation_ratio(
            latents.values, responses.values, informative=informative, aggregate=self.aggregate, exclude=pairs
        )
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        rng = np.random.default_rng(self.seed)
        shuffled = [
            correlation_ratio(
                latents.values[permute_stimuli(originals.labels, rng)],
                responses.values,
                informative=informative,
                aggregate=self.aggregate,
                exclude=pairs,
            ).score
            for _ in range(self.n_permutations if can_shuffle(originals) else 0)
        ]
        # The score is no mean over neurons, unless it is asked for.
        defined = np.flatnonzero(result.best_unit >= 0)
        without = [
            aggregate_ratios(
                np.delete(result.per_neuron, each), np.delete(result.best_unit, each), self.aggregate
            )
            for each in defined
        ]
        data = xr.Dataset(
            {
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
            null=float(np.mean(shuffled)) if shuffled else float("nan"),
            data=data,
            notes=[
                *_notes(int(np.isnan(result.per_neuron).sum())),
                *(notes_on_shuffles(originals) if self.n_permutations else []),
            ],
            beside={
                "informative units": int(informative.sum()),
                "unit proportion": result.unit_proportion,
                "corrected for 1/D": result.chance_corrected,
            },
            provenance={
                "n_stimuli": responses.sizes["stimulus"],
                **originals.provenance,
                "n_neurons": responses.sizes["neuroid"],
            },
        )

    def over_neurons(self, score: Score) -> NeuronTerms | None:
        """Return the ratio of each neuron, and the share of its best unit that it makes up.

        The mean over units is a mean over neurons with these weights, which stay as they are when neurons are drawn
        anew. Units counted again in each draw make the standard error too small: the documentation's page on
        calibration has the numbers. A maximum over neurons is no such mean.
        """
        if self.aggregate == "unit_max":
            return None
        ratios = score.data["correlation_ratio"].values
        known = np.isfinite(ratios)
        if self.aggregate == "neuron_mean":
            return ratios, known.astype(np.float64)
        _, unit, n_neurons = np.unique(
            score.data["best_unit"].values, return_inverse=True, return_counts=True
        )
        return ratios, np.where(known, 1.0 / n_neurons[unit], 0.0)

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Compare what is above chance, which is higher with few units."""
        units = [of.beside["informative units"] for of in (a, b)]
        above = [of.value - of.null for of in (a, b)]
        raw = a.value - b.value
        told = f"{a.model} has {units[0]:g} informative units, {b.model} {units[1]:g}"
        if not np.isfinite(above).all():
            return [f"Chance at small D: {told}; without shuffles their levels of chance are not known."]
        beyond = above[0] - above[1]
        explains = "explains" if raw * beyond <= 0 else "explains most of"
        verdict = "does not explain" if raw * beyond > 0 and abs(beyond) >= abs(raw) / 2 else explains
        return [
            f"Chance at small D: {told}, and shuffled stimuli score {a.null:.3f} and {b.null:.3f}; above that the "
            f"difference is {beyond:+.3f}: chance {verdict} it."
        ]


def _notes(n_undefined: int) -> list[str]:
    if not n_undefined:
        return []
    return [
        f"{n_undefined} neurons are left out: without variance, or with a single unit to compare them with"
    ]
