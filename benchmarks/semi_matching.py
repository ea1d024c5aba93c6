"""Semi-matching: correlation of each neuron with its best unit, and of each unit with its best neuron."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.matching_benchmark import MATCHING_NUMBERS, MatchingBenchmark
from neuroalign.benchmarks.matching_problem import MatchingProblem
from neuroalign.metrics import Matching
from neuroalign.metrics.matching_folds import match_folds
from neuroalign.metrics.semi_matching import best_neurons, best_units
from neuroalign.results.numbers import Number
from neuroalign.scoring.declarations import Invariance


@dataclass(frozen=True, kw_only=True)
class SemiMatching(MatchingBenchmark):
    """Mean held-out correlation of each neuron with its best unit; beside it, of each unit with its best neuron.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, ranks, absolute, self_pairs, turns, predictive_power, n_permutations, seed
        See :class:`neuroalign.benchmarks.matching_benchmark.MatchingBenchmark`.

    References
    ----------
    Li et al. (2016), ICLR, arXiv 1511.07543.
    """

    identifier: ClassVar[str] = "semi_matching"
    question: ClassVar[str] = "How well does the best single unit predict each neuron?"
    advice: ClassVar[str] = (
        "Take it where several neurons may share a unit, as in recordings of more neurons than units. Read the "
        "mean over units beside it: it is low where many units have no neuron. absolute=false is the published score."
    )
    numbers: ClassVar[tuple[Number, ...]] = (
        *MATCHING_NUMBERS,
        Number("mean_over_units", "mean over units of the best neuron", "over\nunits"),
    )
    invariances: ClassVar[frozenset[Invariance]] = MatchingBenchmark.invariances | {"copies of units"}
    effect_of_units: ClassVar[str] = ""
    seconds: ClassVar[float] = 2.8
    chooses_by_group: ClassVar[bool] = True

    def match(self, Z: NDArray[np.float64], Y: NDArray[np.float64], **arguments: Any) -> Matching:
        """Find the best unit of each neuron."""
        return match_folds(Z, Y, best_units, full=(1.0, 1.0), **arguments)

    def match_units(self, problem: MatchingProblem, matching: Matching) -> Matching:
        """Find the best neuron of each unit."""
        return match_folds(
            problem.units,
            problem.neurons,
            best_neurons,
            folds=problem.folds,
            ranks=self.ranks,
            absolute=self.absolute,
            exclude=problem.exclude,
            full=(1.0, 1.0),
        )

    def numbers_of(self, matching: Matching, of_units: Matching) -> dict[str, float]:
        """Return the mean over units of the best neuron."""
        return {"mean_over_units": of_units.score}
