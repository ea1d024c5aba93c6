"""Linear recombination: drop of a score when neurons are replaced by mixtures of neurons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr

from neuroalign.arrays import Join
from neuroalign.arrays import responses as make_responses
from neuroalign.benchmarks.wrapping import WrappingBenchmark
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import recombine
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import self_pairs
from neuroalign.scoring.resampling import Resampling, Statistic
from neuroalign.stats.standard_errors import standard_error
from neuroalign.validation import NonNegative


@dataclass(frozen=True)
class LinearRecombination(WrappingBenchmark):
    """Drop of the score of another benchmark when neurons are replaced by mixtures of neurons.

    Parameters
    ----------
    benchmark : str or Benchmark
        Benchmark that scores the neurons and the mixtures.
    kind : {"orthogonal", "abs_gaussian"}
        "orthogonal": a random rotation, which keeps the spectrum of the covariance and changes only the axes.
        "abs_gaussian": weights ``|N(0, 1)|`` with columns that sum to 1, as in the paper. All weights are positive, so
        mixtures even of independent neurons are correlated, and the level of chance of the drop is unknown.
    n_draws : int
        Number of random mixtures.
    seed : int
        Seed of the first set of mixtures; the other sets have the following seeds.

    Notes
    -----
    The score is NaN where no unit predicts any neuron, or no unit predicts any mixture in any draw: alignment is then
    0 by definition, and a difference from this 0 does not measure a drop. Draws with mixtures that no unit predicts
    are left out.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 3c.
    """

    identifier: ClassVar[str] = "linear_recombination"
    question: ClassVar[str] = "Does a score fall when neurons are replaced by mixtures of neurons?"
    advice: ClassVar[str] = (
        "Take it to compare with Higgins et al. (2020). The axis index κ, beside the scores of single units, "
        "is the control with a known level of chance."
    )
    score_by_chance: ClassVar[str] = "0 for kind=orthogonal; unknown for the mixtures of the paper"
    # The drop of any benchmark; see limits() for the bounds by the other benchmark.
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    version: ClassVar[int] = 2
    is_control: ClassVar[bool] = True
    has_ceiling: ClassVar[bool] = False
    has_chance: ClassVar[bool] = False
    seconds: ClassVar[float] = 0.12
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("native", "score of the neurons themselves", "native"),
        Number("recombined", "score of recombined neurons, mean over draws", "recom-\nbined"),
    )

    kind: Literal["orthogonal", "abs_gaussian"] = "orthogonal"
    n_draws: NonNegative = 5
    seed: NonNegative = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_draws < 1:
            raise UsageError(f"n_draws must be at least 1, got {self.n_draws}")
        if isinstance(self.wrapped, LinearRecombination):
            raise UsageError("linear_recombination cannot wrap itself; name another benchmark")

    def limits(self) -> tuple[float, float]:
        """Return the largest fall and rise of the score of the other benchmark."""
        lowest, highest = self.wrapped.limits()
        return lowest - highest, highest - lowest

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate the time of the score of the neurons and of each set of mixtures."""
        return (1 + self.n_draws) * super().expected_seconds(n_stimuli, n_neurons)

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score the neurons, then each set of mixtures."""
        # The drop compares scores alone: the axis index of each mixture would take as long as twenty scores.
        wrapped = self.wrapped.alone()
        native = wrapped.score(model, dataset, join=join)
        responses = dataset.responses
        recombined = []
        for draw in range(self.n_draws):
            mixtures = make_responses(
                recombine(responses.values, kind=self.kind, seed=self.seed + draw),
                stimulus=responses["stimulus"].values,
                neuroid=[f"mixture_{index}" for index in range(responses.sizes["neuroid"])],
            )
            mixed = wrapped.score(model, dataset.with_responses(mixtures), join=join)
            recombined.append(float("nan") if _lacks_weight(mixed) else mixed.value)
        notes = [f"of {wrapped.identifier}"]
        without = int(np.isnan(recombined).sum())
        if _lacks_weight(native):
            notes.append("no unit predicts any neuron, so the score cannot drop")
        elif without:
            rest = "the drop cannot be measured" if without == self.n_draws else "they are left out"
            notes.append(
                f"no unit predicts any mixture in {without} of {self.n_draws} sets of mixtures: {rest}"
            )
        if self.kind == "abs_gaussian":
            notes.append(
                "level of chance unknown: mixing with positive weights lowers alignment by itself, by .135 for 30 "
                "principal components of pixels where neurons have no special axes; compare kind=orthogonal"
            )
        aligned = self.align(model, dataset, join=join)
        notes += dataset.stimuli.originals(aligned[1]["stimulus"].values).notes("both scores")
        if (self_pairs(*aligned, dataset) >= 0).any():
            notes.append(
                "the mixtures contain neurons that are units of the model, so the drop is confounded"
            )
        sign = 1.0 if wrapped.higher_is_better else -1.0
        drops = sign * ((float("nan") if _lacks_weight(native) else native.value) - np.array(recombined))
        finite = drops[np.isfinite(drops)]
        return self.make_score(
            model,
            dataset,
            value=float(finite.mean()) if finite.size else float("nan"),
            error=standard_error(drops),
            error_over="draws",
            null=0.0 if self.kind == "orthogonal" else float("nan"),
            data=xr.Dataset(
                {
                    "native": native.value,
                    "recombined": ("draw", np.array(recombined)),
                    "drop": ("draw", drops),
                },
                coords={"draw": np.arange(self.n_draws)},
            ),
            beside={
                "native": native.value,
                "recombined": float(np.nanmean(recombined)) if without < self.n_draws else float("nan"),
            },
            notes=notes,
            provenance={
                **native.provenance,
                "native": native.value,
                "recombined": [None if np.isnan(value) else value for value in recombined],
            },
        )

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the mean drop and its error over draws."""
        return {
            **super().recompute(score),
            "value": float(np.nanmean(score.data["drop"].values)),
            "error": standard_error(score.data["drop"].values),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Drop of the score of the other benchmark; a drop has no perfect value."""
        return (Statistic("value", f"drop of {self.wrapped.identifier}", perfect=float("nan")),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Explain why neurons cannot be drawn: each mixture contains all neurons."""
        return replace(
            super().resampling(statistic, scores),
            reason="linear_recombination mixes all neurons, so drawn neurons need a new fit",
        )

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Say how mixing with positive weights lowers a score by itself."""
        if self.kind == "orthogonal":
            return ["All-positive recombination: does not apply, because the mixtures are rotations."]
        return [
            "All-positive recombination: mixtures with positive weights correlate at 2/π even where neurons are "
            "independent, and this correlation alone can lower the score; compare "
            "linear_recombination[kind=orthogonal]."
        ]


def _lacks_weight(score: Score) -> bool:
    """Return whether all weights behind a score are zero: the score is then 0 by definition, or undefined."""
    return score.beside.get("neurons_without_weight", np.nan) == score.provenance.get("n_neurons")
