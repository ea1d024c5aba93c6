"""Soft matching: correlation of units and neurons under optimal transport with equal masses."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.matching_benchmark import MATCHING_NUMBERS, MatchingBenchmark
from neuroalign.metrics import Matching, soft_matching, soft_matching_distance
from neuroalign.results.numbers import Number


@dataclass(frozen=True, kw_only=True)
class SoftMatching(MatchingBenchmark):
    """Held-out correlation of units and neurons, weighted by the best transport of their masses 1/D and 1/J.

    Parameters
    ----------
    folds, random_folds, n_folds, in_sample, ranks, absolute, self_pairs, turns, predictive_power, n_permutations, seed
        See :class:`neuroalign.benchmarks.matching_benchmark.MatchingBenchmark`.

    References
    ----------
    Khosla & Williams (2023), arXiv 2311.09466.
    """

    identifier: ClassVar[str] = "soft_matching"
    question: ClassVar[str] = "Do the units as a whole match the neurons as a whole, unit by neuron?"
    advice: ClassVar[str] = (
        "Take it to compare populations of similar size in both directions at once. Every unit must be matched, so "
        "units without a neuron, copies of units and the number of units change the score; partial_soft_matching "
        "leaves units out. absolute=false is the published score, with signs."
    )
    numbers: ClassVar[tuple[Number, ...]] = (
        *MATCHING_NUMBERS,
        Number("distance", "soft-matching distance d = √(2(1 − score))", "distance"),
    )
    effect_of_units: ClassVar[str] = (
        "gives every unit the same mass: units without a neuron lower it, and a unit with copies must match more "
        "neurons"
    )
    seconds: ClassVar[float] = 3.2

    def match(self, Z: NDArray[np.float64], Y: NDArray[np.float64], **arguments: Any) -> Matching:
        """Find the transport with the largest sum of mass times correlation."""
        return soft_matching(Z, Y, **arguments)

    def numbers_of(self, matching: Matching, of_units: Matching) -> dict[str, float]:
        """Return the distance."""
        return {"distance": soft_matching_distance(matching.score)}
