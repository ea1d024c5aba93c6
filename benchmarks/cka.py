"""Centred kernel alignment of all units with all neurons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.benchmarks.geometry_benchmark import (
    GEOMETRY_NUMBERS,
    GeometryBenchmark,
    Populations,
)
from neuroalign.benchmarks.neuron_sums import ARRAYS, population_statistic, statistic_of_score
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics.cka import align_kernels, cka_by_chance
from neuroalign.metrics.inputs import as_matrix, constant_columns
from neuroalign.metrics.kernels import Estimator, Kernel, KernelName, hsic, make_kernel, neuron_hsic
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.validation import PositiveFloat

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CentredKernelAlignment(GeometryBenchmark):
    """Centred kernel alignment, debiased by default.

    Parameters
    ----------
    estimator : {"debiased", "biased"}
        "debiased": 0 by chance for all numbers of units, neurons and stimuli. "biased": as first published, high by
        chance where units or neurons are many and stimuli few. See :func:`neuroalign.metrics.cka`.
    kernel : {"linear", "rbf"}
        Inner products, or Gaussian kernels of distances.
    bandwidth : float
        Standard deviation of the Gaussian kernel, as a share of the median distance.
    self_pairs, n_permutations, seed
        See :class:`neuroalign.benchmarks.geometry_benchmark.GeometryBenchmark`.

    Notes
    -----
    Nothing is fitted, so no stimulus is held out; the debiased estimator takes the place of held-out stimuli.

    References
    ----------
    Kornblith et al. (2019), ICML; Song et al. (2012), J. Mach. Learn. Res. 13:1393.
    """

    identifier: ClassVar[str] = "cka"
    symbol: ClassVar[str] = "CKA"
    question: ClassVar[str] = "Do units and neurons as populations find the same stimuli similar?"
    advice: ClassVar[str] = (
        "Take it for the whole population where few stimuli were recorded. It is blind to rotated units, so it says "
        "nothing about single units, and units with large variance dominate it."
    )
    score_by_chance: ClassVar[str] = "0; with estimator=biased √(pq/((p+n)(q+n))), printed with the score"
    # The debiased criterion is an inner product of centred kernels, so that no alignment is above 1 in size.
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    seconds: ClassVar[float] = 1.5
    numbers: ClassVar[tuple[Number, ...]] = (
        *GEOMETRY_NUMBERS,
        Number("chance_in_closed_form", "biased score by chance, in closed form", "chance\n(closed form)"),
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "rotation of units",
            "constant units",
            "copies of units",
        }
    )

    estimator: Estimator = "debiased"
    kernel: KernelName = "linear"
    bandwidth: PositiveFloat = 1.0

    def of_units(self, populations: Populations) -> Kernel:
        """Return the kernel of the units."""
        return self._kernel(populations.units)

    def of_neurons(self, neurons: FloatArray, trials: FloatArray | None, groups: NDArray[np.int64]) -> Kernel:
        """Return the kernel of the mean responses."""
        return self._kernel(neurons)

    def compare(self, units: Kernel, neurons: Kernel) -> float:
        """Return the alignment of two kernels."""
        return align_kernels(units, neurons, self.estimator).score

    def pool(self, animals: Sequence[Kernel]) -> Kernel:
        """Return the mean of the kernels of animals, each divided by the root of its own criterion."""
        scales = [hsic(kernel, kernel, self.estimator) for kernel in animals]
        scaled = [
            kernel.scaled(1.0 / np.sqrt(scale)) if scale > 0 else kernel
            for kernel, scale in zip(animals, scales, strict=True)
        ]
        features = [kernel.features for kernel in scaled if kernel.features is not None]
        if len(features) == len(scaled):
            return Kernel(features=np.hstack(features))
        return Kernel(matrix=np.mean([kernel.full() for kernel in scaled], axis=0))

    def shuffled(self, units: Kernel, neurons: Kernel) -> Any:
        """Return a function that scores shuffled units; the criteria of each side stay the same."""
        norms = hsic(units, units, self.estimator) * hsic(neurons, neurons, self.estimator)
        if not norms > 0:
            return lambda order: float("nan")
        scale = 1.0 / np.sqrt(norms)
        return lambda order: scale * hsic(units.take(order), neurons, self.estimator)

    def product(self, a: Kernel, b: Kernel) -> float:
        """Return the criterion of two kernels; for independent halves its mean is the criterion of the signal."""
        if self.estimator != "debiased" or self.kernel != "linear":
            return float("nan")
        return hsic(a, b, self.estimator)

    def n_matrices(self, n_animals: int) -> int:
        """Return the number of kernels of stimuli × stimuli that are in memory at once."""
        # The linear kernel stays a product of its features.
        return 0 if self.kernel == "linear" else 7 + 2 * n_animals

    def more_numbers(self, populations: Populations, units: Kernel, neurons: Kernel) -> dict[str, float]:
        """Return the biased score by chance in closed form."""
        if self.estimator != "biased" or self.kernel != "linear":
            return {}
        ratios = [_participation_ratio(kernel) for kernel in (units, neurons)]
        chance = cka_by_chance(units.n, *ratios) if min(ratios) > 0 else float("nan")
        return {"chance_in_closed_form": chance}

    def more_arrays(self, populations: Populations, units: Kernel, neurons: Kernel) -> dict[str, Any]:
        """Return the criteria of the units with each neuron, and of each pair of neurons."""
        if self._why_no_neurons():
            return {}
        terms = self._terms(units, populations.neurons, populations.kept)
        return dict(zip(ARRAYS, (("neuroid", terms[0]), (("neuroid", "other"), terms[1])), strict=True))

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Alignment of the kernels."""
        return (Statistic("value", "CKA"),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample linear kernels, which are sums over neurons, over neurons and stimuli.

        Pairs of a neuron or a stimulus with itself, drawn twice, are left out: they would count noise as structure.
        The biased form contains these pairs, so its stimuli are not drawn.
        """
        chosen = self.find_statistic(statistic)
        why = self._why_no_neurons()
        if why:
            return Resampling(chosen, reason=why)
        if self.estimator == "biased":
            reason = "stimuli drawn twice would raise biased CKA; set estimator=debiased"
            return Resampling(chosen, from_score=statistic_of_score, reason=reason)
        return Resampling(chosen, from_score=statistic_of_score, refit=self._refit)

    def _refit(
        self, latents: xr.DataArray, responses: xr.DataArray, dataset: Dataset, rows: NDArray[np.int64]
    ) -> NeuronStatistic:
        """Compare stimuli drawn with replacement."""
        populations = self.populations(latents, responses, dataset)
        chosen, counts = np.unique(rows, return_counts=True)
        units = self.of_units(populations).take(chosen)
        terms = self._terms(
            units, populations.neurons[chosen], populations.kept, counts=counts.astype(np.float64)
        )
        return population_statistic(responses["neuroid"].values, *terms)

    def _terms(
        self,
        units: Kernel,
        neurons: FloatArray,
        kept: NDArray[np.bool_],
        counts: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the terms of all neurons; 0 for neurons that are units."""
        single, pairwise = neuron_hsic(units, neurons, self.estimator, counts)
        own = hsic(units, units, self.estimator, counts)
        with_units, among = np.zeros(kept.size), np.zeros((kept.size, kept.size))
        with_units[kept] = single / np.sqrt(own) if own > 0 else 0.0
        among[np.ix_(kept, kept)] = pairwise
        return with_units, among

    def _kernel(self, values: FloatArray) -> Kernel:
        if constant_columns(as_matrix(values, "latents and responses")).all():
            return Kernel(features=np.zeros((len(values), 1)))
        return make_kernel(values, self.kernel, bandwidth=self.bandwidth)

    def _why_no_neurons(self) -> str:
        return (
            ""
            if self.kernel == "linear"
            else "a Gaussian kernel is not a sum over neurons; set kernel=linear"
        )


def _participation_ratio(kernel: Kernel) -> float:
    """Return (tr Σ)² / tr Σ² of the covariance Σ behind a linear kernel, without the bias of few stimuli."""
    centred = kernel.centred(np.ones(kernel.n))
    trace = centred.diagonal.sum() / (kernel.n - 1)
    square = hsic(kernel, kernel, "debiased")
    return float(trace**2 / square) if square > 0 else 0.0
