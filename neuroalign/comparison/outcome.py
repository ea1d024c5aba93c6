"""The outcome of a comparison of two models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuroalign.comparison.inference import Inference
from neuroalign.comparison.record import to_record
from neuroalign.comparison.wording import Verdict
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import Statistic
from neuroalign.stats import Equivalence


@dataclass(frozen=True)
class OtherDifference:
    """The difference of two models by another statistic of the same scores.

    Parameters
    ----------
    statistic : Statistic
    means : mapping of str to float
        Means of "a" and "b" over instances.
    test : Inference
        Of the difference, over all that was sampled.
    """

    statistic: Statistic
    means: Mapping[str, float]
    test: Inference


@dataclass(frozen=True, eq=False)
class Comparison:
    """The outcome of :func:`neuroalign.compare`.

    Parameters
    ----------
    a, b : Score
        Scores of the models, or of the families with their ``instances``.
    statistic : Statistic
        The number by which they are compared.
    means : mapping of str to float
        This number of "a", "b" and, where there is one, "ceiling", means over instances.
    difference : float
        That of a less that of b.
    generalisations : sequence of Inference
        Tests of the difference; the last one decides.
    others : sequence of OtherDifference
        Differences by the other statistics of the benchmark.
    ceiling : Score or None
        Score of the family that stands for the ceiling.
    meets_ceiling : mapping of str to Equivalence
        For a and b, whether their means are those of the ceiling within the margin; not for the ceiling itself.
    why_no_samples : mapping of str to str
        For a and b, why their instances are no random sample; empty where they are.
    matched : Inference or None
        Test of the difference at the neurons that both predict above chance.
    n_matched : int
        Number of these neurons.
    reliability : float
        Median split-half reliability of the neurons; NaN without trials.
    cautions : mapping of str to sequence of str
        For a and b, which of their numbers must not be read, and why; see :func:`neuroalign.scoring.cautions.cautions`.
    confounds : sequence of str
        What else could explain the difference.
    verdict : {"a", "b", "neither"}
        Which is better over all that could be tested together.
    sentence : str
        The verdict in words.
    simulated : bool
        Whether the neurons are simulated.
    """

    a: Score
    b: Score
    statistic: Statistic
    means: Mapping[str, float]
    difference: float
    generalisations: Sequence[Inference]
    others: Sequence[OtherDifference]
    ceiling: Score | None
    meets_ceiling: Mapping[str, Equivalence]
    why_no_samples: Mapping[str, str]
    matched: Inference | None
    n_matched: int
    reliability: float
    cautions: Mapping[str, Sequence[str]]
    confounds: Sequence[str]
    verdict: Verdict
    sentence: str
    simulated: bool

    def to_record(self) -> dict[str, Any]:
        """Return all but arrays as a dictionary that JSON can hold (NaN becomes None)."""
        return to_record(self)
