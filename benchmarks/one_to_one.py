"""One-to-one matching: correlation of units and neurons in the best assignment."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.matching_benchmark import MATCHING_NUMBERS, MatchingBenchmark
from neuroalign.metrics import Matching, one_to_one
from neuroalign.results.numbers import Number


@dataclass(frozen=True, kw_only=True)
class OneToOne(MatchingBenchmark):
    """Mean held-out correlation of the pairs of the best one-to-one matching of units and neurons.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, ranks, absolute, self_pairs, turns, predictive_power, n_permutations, seed
        See :class:`neuroalign.benchmarks.matching_benchmark.MatchingBenchmark`.

    References
    ----------
    Li et al. (2016), ICLR, arXiv 1511.07543.
    """

    identifier: ClassVar[str] = "one_to_one"
    question: ClassVar[str] = "How well do units and neurons match one to one?"
    advice: ClassVar[str] = (
        "Take it where each unit may have one neuron only. With fewer units than neurons the units choose the "
        "neurons that match best; for all neurons take semi_matching. absolute=false is the signed score."
    )
    numbers: ClassVar[tuple[Number, ...]] = (
        *MATCHING_NUMBERS,
        Number("matched_pairs", "matched pairs", "pairs", "count"),
    )
    effect_of_units: ClassVar[str] = (
        "is a mean over pairs: with fewer units than neurons, a copy of a unit matches another neuron, and each "
        "unit more adds a pair"
    )
    seconds: ClassVar[float] = 3.0

    def match(self, Z: NDArray[np.float64], Y: NDArray[np.float64], **arguments: Any) -> Matching:
        """Find the assignment with the largest sum of correlations."""
        return one_to_one(Z, Y, **arguments)

    def neurons_in_full(self, n_units: int, n_neurons: int) -> float:
        """Return the number of pairs."""
        return float(min(n_units, n_neurons))

    def numbers_of(self, matching: Matching, of_units: Matching) -> dict[str, float]:
        """Return the number of pairs."""
        return {"matched_pairs": float(round(matching.neuron_share.sum()))}
