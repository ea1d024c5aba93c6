"""Partial soft matching: correlation of the units and neurons that match best, under optimal transport."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neuroalign.benchmarks.matching_benchmark import MatchingBenchmark
from neuroalign.benchmarks.matching_problem import MatchingProblem
from neuroalign.errors import UsageError
from neuroalign.metrics import Matching, partial_soft_matching

#: Masses of the curve beside the score.
MASSES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, kw_only=True)
class PartialSoftMatching(MatchingBenchmark):
    """Held-out correlation of the best part of units and neurons, with the matched set and the curve over the part.

    Parameters
    ----------
    mass : float
        Mass m in (0, 1] that is matched. The default, one half, is the largest mass that leaves out all units without
        a neuron where these are up to half of the units; the curve shows other masses.
    folds, random_folds, n_folds, in_sample, ranks, absolute, self_pairs, turns, predictive_power, n_permutations, seed
        See :class:`neuroalign.benchmarks.matching_benchmark.MatchingBenchmark`.

    References
    ----------
    Kapoor, Williams & Khosla (2026), arXiv 2602.19331.
    """

    identifier: ClassVar[str] = "partial_soft_matching"
    question: ClassVar[str] = "How well do the units and neurons match that match best?"
    advice: ClassVar[str] = (
        "Take it where only a part of the units, or of the neurons, can have a partner. Read the curve over the mass, "
        "and compare models at one mass. absolute=false is the published score, with signs."
    )
    effect_of_units: ClassVar[str] = (
        "gives every unit the same mass: with more units, each one must match a smaller part of the neurons"
    )
    seconds: ClassVar[float] = 4.3

    mass: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.mass <= 1:
            raise UsageError(f"mass must be above 0 and at most 1, got {self.mass:g}")

    def match(self, Z: NDArray[np.float64], Y: NDArray[np.float64], **arguments: Any) -> Matching:
        """Find the transport of the mass m with the largest sum of mass times correlation."""
        return partial_soft_matching(Z, Y, mass=self.mass, **arguments)

    def neurons_in_full(self, n_units: int, n_neurons: int) -> float:
        """Return the part of the neurons that is matched."""
        return self.mass * n_neurons

    def arrays_of(self, problem: MatchingProblem) -> dict[str, tuple[str, NDArray[np.float64]]]:
        """Return the scores at other masses, cross-validated unless the score is in-sample."""
        curve = [replace(self, mass=mass).match_problem(problem).score for mass in MASSES]
        return {"curve": ("mass", np.array(curve)), "curve_mass": ("mass", np.array(MASSES))}
