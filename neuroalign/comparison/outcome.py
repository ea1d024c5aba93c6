"""Outcome of a comparison of two models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neuroalign.comparison.inference import Inference
from neuroalign.comparison.record import to_record
from neuroalign.comparison.wording import Verdict
from neuroalign.results.display import as_html
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import Statistic
from neuroalign.stats import Equivalence


@dataclass(frozen=True)
class OtherDifference:
    """The difference of two models by another statistic of the same scores.

    Parameters
    ----------
    statistic : Statistic
        Number that is compared.
    means : mapping of str to float
        Means of "a" and "b" over instances.
    test : Inference
        Test of the difference over everything that was sampled.
    """

    statistic: Statistic
    means: Mapping[str, float]
    test: Inference


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Outcome of :func:`neuroalign.compare`.

    Parameters
    ----------
    a, b : Score
        Scores of the models, or of the families with their ``instances``.
    statistic : Statistic
        Number by which the models are compared.
    means : mapping of str to float
        Mean of this number over the instances of "a", "b" and, where one exists, "ceiling".
    difference : float
        Mean of a less the mean of b.
    generalisations : sequence of Inference
        Tests of the difference; the last one decides.
    others : sequence of OtherDifference
        Differences by the other statistics of the benchmark.
    ceiling : Score or None
        Score of the family that provides the ceiling.
    meets_ceiling : mapping of str to Equivalence
        For "a" and "b", whether the mean equals the mean of the ceiling within the margin. The ceiling itself is left
        out.
    why_no_samples : mapping of str to str
        For "a" and "b", why the instances are not a random sample; empty where they are.
    matched : Inference or None
        Test of the difference at the neurons that both models predict above chance.
    n_matched : int
        Number of these neurons.
    reliability : float
        Median split-half reliability of the neurons; NaN without trials.
    cautions : mapping of str to sequence of str
        For "a" and "b", the numbers that must not be read, with the reasons; see
        :func:`neuroalign.scoring.cautions.cautions`.
    confounds : sequence of str
        Other possible explanations of the difference.
    verdict : {"a", "b", "neither"}
        The better model over everything that could be tested together.
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

    def __str__(self) -> str:
        cautions = [
            f"caution: {score.model}: {caution}."
            for name, score in (("a", self.a), ("b", self.b))
            for caution in self.cautions[name]
        ]
        return "\n".join([*cautions, self.sentence])

    def __repr__(self) -> str:
        return f"<Comparison of {self.a.model} and {self.b.model} on {self.a.dataset} by {self.a.benchmark}>"

    def _repr_html_(self) -> str | None:
        return as_html("comparison", self)

    def to_record(self) -> dict[str, Any]:
        """Return the comparison without its arrays as a dictionary that JSON can hold (NaN becomes None)."""
        return to_record(self)
