"""Representational similarity analysis: dissimilarities of stimuli for all units and for all neurons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.benchmarks.geometry_benchmark import Ceiling, GeometryBenchmark, Populations
from neuroalign.benchmarks.neuron_sums import ARRAYS, population_statistic, statistic_of_score
from neuroalign.benchmarks.trial_halves import extend_correlation
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics.noise import NoiseModel
from neuroalign.metrics.pairs import Square, condense, square, symmetric
from neuroalign.metrics.rdm import crossnobis_profiles, profiles
from neuroalign.metrics.rdm_ceiling import pool_rdms
from neuroalign.metrics.rdm_comparison import RdmComparison, compare_pairs, unit_matrix
from neuroalign.metrics.rdm_products import rdm_products
from neuroalign.results.score import Score
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RepresentationalSimilarity(GeometryBenchmark):
    """Similarity of the dissimilarities of stimuli for units and for neurons.

    Parameters
    ----------
    dissimilarity : {"correlation", "euclidean", "crossnobis"}
        Dissimilarity of two stimuli; see :func:`neuroalign.metrics.dissimilarities`. "crossnobis": cross-validated
        distances of the neurons from their single trials, and Euclidean distances of the units; see
        :func:`neuroalign.metrics.crossnobis`.
    comparison : {"spearman", "pearson", "cosine", "kendall", "rho_a", "whitened_cosine", "whitened_pearson"}
        See :func:`neuroalign.metrics.compare_rdms`.
    noise : {"shrinkage", "variance", "none"}
        Noise covariance of "crossnobis"; see :func:`neuroalign.metrics.noise_precision`.
    self_pairs, n_permutations, seed
        See :class:`neuroalign.benchmarks.geometry_benchmark.GeometryBenchmark`.

    Notes
    -----
    Nothing is fitted, so no stimulus is held out.

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008), Front. Syst. Neurosci. 2:4; Schütt et al. (2023), eLife 12:e82566.
    """

    identifier: ClassVar[str] = "rsa"
    symbol: ClassVar[str] = "RSA"
    question: ClassVar[str] = (
        "Do units and neurons as populations order pairs of stimuli by the same dissimilarities?"
    )
    advice: ClassVar[str] = (
        "Take it to compare with the literature on representational geometry. It says nothing about single units. "
        "With single trials, dissimilarity=crossnobis and comparison=whitened_cosine use the recording best."
    )
    score_by_chance: ClassVar[str] = "0; for cosines above 0, printed with the score"
    seconds: ClassVar[float] = 10.0
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"order of stimuli", "order of neurons", "order of units", "copies of units"}
    )

    dissimilarity: Literal["correlation", "euclidean", "crossnobis"] = "correlation"
    comparison: RdmComparison = "spearman"
    noise: NoiseModel = "shrinkage"

    def of_units(self, populations: Populations) -> Square:
        """Return the dissimilarities of the units."""
        kind: Literal["correlation", "euclidean"]
        kind = "correlation" if self.dissimilarity == "correlation" else "euclidean"
        return square(profiles(populations.units, kind, name="latents"))

    def of_neurons(self, neurons: FloatArray, trials: FloatArray | None, groups: NDArray[np.int64]) -> Square:
        """Return the dissimilarities of the neurons."""
        if self.dissimilarity != "crossnobis":
            return square(profiles(neurons, self.dissimilarity, name="responses"))
        if trials is None:
            raise UsageError(
                "crossnobis distances need single trials, but only averages are known; set dissimilarity=euclidean"
            )
        return square(crossnobis_profiles(trials, noise=self.noise))

    def compare(self, units: Square, neurons: Square) -> float:
        """Return the similarity of two sets of dissimilarities."""
        return compare_pairs(units, neurons, self.comparison)

    def pool(self, animals: Sequence[Square]) -> Square:
        """Return the mean of the dissimilarities of animals, each on the scale of the comparison."""
        pooled = pool_rdms([condense(animal) for animal in animals], self.comparison)
        return Square(symmetric(pooled, animals[0].n))

    def shuffled(self, units: Square, neurons: Square) -> Callable[[NDArray[np.int64]], float]:
        """Return a function that scores shuffled units; ranks and lengths stay the same."""
        if self.comparison == "kendall":
            return super().shuffled(units, neurons)
        first, second = (unit_matrix(pairs, self.comparison) for pairs in (units, neurons))
        return lambda order: float(np.vdot(first[np.ix_(order, order)], second))

    @property
    def fewest_trials(self) -> int:
        """Number of trials of a stimulus that a ceiling needs: half of them must allow the distances."""
        return 4 if self.dissimilarity == "crossnobis" else 2

    def ceiling(self, whole: Square, halves: Sequence[tuple[Square, Square]], gain: float) -> Ceiling:
        """Return the expected score of a model with the neurons' dissimilarities, where it follows from the halves.

        Distances that are unbiased up to a constant give ``√(⟨d₁, d₂⟩/⟨d, d⟩)``. Correlations of other dissimilarities
        are extended by the Spearman-Brown formula, and the ceiling is their root.
        """
        rough = super().ceiling(whole, halves, gain)
        unbiased = self.dissimilarity == "crossnobis"
        centred = self.comparison in ("pearson", "whitened_pearson")
        if self.comparison in ("spearman", "rho_a") or (centred and self.dissimilarity == "correlation"):
            r = extend_correlation(rough.split_half, gain)
            return Ceiling(float(np.sqrt(max(r, 0.0))), rough.split_half)
        if centred or (unbiased and self.comparison in ("cosine", "whitened_cosine")):
            signal = float(np.mean([self._product(*pair) for pair in halves]))
            total = self._product(whole, whole)
            value = float(np.sqrt(max(signal, 0.0) / total)) if total > 0 else float("nan")
            return Ceiling(value, rough.split_half)
        return rough

    def _product(self, a: Square, b: Square) -> float:
        """Return the product of which the score is the normalised form."""
        values = []
        for matrix in (a.matrix, b.matrix):
            off = ~np.eye(len(matrix), dtype=bool)
            centred = (
                np.where(off, matrix - matrix[off].mean(), 0.0) if "pearson" in self.comparison else matrix
            )
            if "whitened" in self.comparison:
                means = centred.mean(axis=0)
                centred = centred - means - means[:, None] + means.mean()
            values.append(centred)
        return float(np.vdot(*values))

    def more_arrays(self, populations: Populations, units: Square, neurons: Square) -> dict[str, Any]:
        """Return the products of the dissimilarities of the units with each neuron, and of each pair of neurons."""
        if self._why_no_neurons():
            return {}
        terms = self._terms(populations, np.arange(units.n), None)
        return dict(zip(ARRAYS, (("neuroid", terms[0]), (("neuroid", "other"), terms[1])), strict=True))

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Similarity of the dissimilarities."""
        return (Statistic("value", "RSA"),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample squared Euclidean distances, which are sums over neurons, over neurons and stimuli.

        Pairs of a stimulus or a neuron with itself, drawn twice, are left out.
        """
        chosen = self.find_statistic(statistic)
        why = self._why_no_neurons()
        if why:
            return Resampling(chosen, reason=why)
        return Resampling(chosen, from_score=statistic_of_score, refit=self._refit)

    def _refit(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        """Compare stimuli drawn with replacement."""
        populations = self.populations(latents, responses, dataset)
        chosen, counts = np.unique(rows, return_counts=True)
        terms = self._terms(populations, chosen, counts.astype(np.float64))
        return population_statistic(responses["neuroid"].values, *terms)

    def _terms(
        self, populations: Populations, rows: NDArray[np.int64], counts: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the terms of all neurons; 0 for neurons that are units."""
        products = rdm_products(
            populations.units[rows],
            populations.neurons[rows],
            centred=self.comparison == "pearson",
            counts=counts,
        )
        kept = populations.kept
        with_units, among = np.zeros(kept.size), np.zeros((kept.size, kept.size))
        with_units[kept] = products.with_units / np.sqrt(products.units) if products.units > 0 else 0.0
        among[np.ix_(kept, kept)] = products.among_neurons
        return with_units, among

    def _why_no_neurons(self) -> str:
        if self.dissimilarity == "euclidean" and self.comparison in ("pearson", "cosine"):
            return ""
        return (
            f"{self.comparison} of {self.dissimilarity} dissimilarities is not a function of sums over neurons; set "
            "dissimilarity=euclidean, comparison=pearson"
        )
