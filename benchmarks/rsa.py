"""Representational similarity analysis: dissimilarities of stimuli for all units and for all neurons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.benchmarks.geometry_benchmark import GeometryBenchmark, Populations
from neuroalign.benchmarks.neuron_sums import ARRAYS, population_statistic, statistic_of_score
from neuroalign.benchmarks.trial_halves import extend_correlation
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics.noise import NoiseModel, noise_precision
from neuroalign.metrics.pair_ranks import rank_matrix
from neuroalign.metrics.pairs import Profiles, Square, condense, square, symmetric
from neuroalign.metrics.rdm import crossnobis_profiles, profiles
from neuroalign.metrics.rdm_ceiling import pool_rdms
from neuroalign.metrics.rdm_comparison import OF_RANKS, RdmComparison, compare_pairs, unit_matrix
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
    noise : {"shrinkage", "variance", "equal"}
        Noise covariance of "crossnobis"; see :func:`neuroalign.metrics.crossnobis`.
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
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    seconds: ClassVar[float] = 20.0
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
        return self._matrix(profiles(populations.units, kind, name="latents"))

    def of_neurons(self, neurons: FloatArray, trials: FloatArray | None, groups: NDArray[np.int64]) -> Square:
        """Return the dissimilarities of the neurons."""
        if self.dissimilarity != "crossnobis":
            return self._matrix(profiles(neurons, self.dissimilarity, name="responses"))
        if trials is None:
            raise UsageError(
                "crossnobis distances need single trials, but only averages are known; set dissimilarity=euclidean"
            )
        return self._matrix(crossnobis_profiles(trials, noise=self.noise))

    def _matrix(self, pairs: Profiles) -> Square:
        return rank_matrix(pairs) if self.comparison in OF_RANKS else square(pairs)

    def n_matrices(self, n_animals: int) -> int:
        """Return the number of matrices of dissimilarities that are in memory at once."""
        # Two of units and neurons, two of their ranks for shuffles, a shuffled one, and copies while one is made.
        return 8 + 2 * n_animals

    def half_maker(self, trials: FloatArray, groups: NDArray[np.int64]) -> Callable[[FloatArray], Square]:
        """Return a function that makes the dissimilarities of neurons from half of their trials.

        The noise covariance is from all trials, so that distances of the halves and of all trials have one scale.
        """
        if self.dissimilarity != "crossnobis" or self.noise == "equal":
            return super().half_maker(trials, groups)
        precision = noise_precision(trials, kind=self.noise)
        return lambda half: self._matrix(crossnobis_profiles(half, noise=precision))

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

    def product(self, a: Square, b: Square) -> float:
        """Return the product of two sets of distances that are unbiased up to a constant which the product ignores."""
        centred = "pearson" in self.comparison
        unbiased = self.dissimilarity == "crossnobis" or (self.dissimilarity == "euclidean" and centred)
        if not unbiased or self.comparison in OF_RANKS:
            return float("nan")
        values = []
        for matrix in (a.matrix, b.matrix):
            if centred:
                off = ~np.eye(len(matrix), dtype=bool)
                matrix = np.where(off, matrix - matrix[off].mean(), 0.0)
            if "whitened" in self.comparison:
                means = matrix.mean(axis=0)
                matrix = matrix - means - means[:, None] + means.mean()
            values.append(matrix)
        return float(np.vdot(*values))

    def ceiling(self, split_half: float, signal: float, total: float, gain: float) -> float:
        """Return the ceiling from products of distances, or from correlations by the Spearman-Brown formula."""
        by_products = super().ceiling(split_half, signal, total, gain)
        correlated = "pearson" in self.comparison or self.comparison in ("spearman", "rho_a")
        if np.isfinite(by_products) or not correlated:
            return by_products
        return float(np.sqrt(max(extend_correlation(split_half, gain), 0.0)))

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
