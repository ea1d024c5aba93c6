"""Linear recombination: is there anything special about single neurons, or would any axes do?"""

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


@dataclass(frozen=True)
class LinearRecombination(WrappingBenchmark):
    """The drop of another benchmark's score when neurons are replaced by mixtures of them.

    Parameters
    ----------
    benchmark : str or Benchmark
        What is scored on the neurons themselves and on the mixtures.
    kind : {"orthogonal", "abs_gaussian"}
        "orthogonal": a random rotation, which keeps the spectrum of the covariance and changes only the axes.
        "abs_gaussian": weights ``|N(0, 1)|`` with columns that sum to 1, as in the paper; all weights are
        positive, so that even independent neurons come out correlated, and the drop has no known level of chance.
    n_draws : int
        Number of random mixtures.
    seed : int
        Of the first mixture; the others follow.

    Notes
    -----
    The score is NaN where no unit predicts any neuron, or any mixture of all draws: alignment is then 0 by
    definition, and the difference from it is no drop. Draws of mixtures that no unit predicts are left out.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 3c.
    """

    identifier: ClassVar[str] = "linear_recombination"
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
    n_draws: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_draws < 1:
            raise UsageError(f"n_draws must be at least 1, not {self.n_draws}")
        if isinstance(self.wrapped, LinearRecombination):
            raise UsageError("linear_recombination cannot wrap itself; name another benchmark")

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate the time of the score of the neurons and of each set of mixtures."""
        return (1 + self.n_draws) * super().expected_seconds(n_stimuli, n_neurons)

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score the neurons, then each set of mixtures."""
        # The drop is one of the score; its axis index would take as long as twenty more scores of each mixture.
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
            notes.append("no unit predicts any neuron, so there is no score to drop")
        elif without:
            rest = "there is no drop to measure" if without == self.n_draws else "they are left out"
            notes.append(
                f"no unit predicts any mixture in {without} of {self.n_draws} sets of mixtures: {rest}"
            )
        if self.kind == "abs_gaussian":
            notes.append(
                "no level of chance: mixing with positive weights lowers alignment by itself, by .135 for 30 principal "
                "components of pixels where neurons have no special axes; compare kind=orthogonal"
            )
        aligned = self.align(model, dataset, join=join)
        notes += dataset.stimuli.originals(aligned[1]["stimulus"].values).notes("both scores")
        if (self_pairs(*aligned, dataset) >= 0).any():
            notes.append(
                "the mixtures contain neurons that are the model's own units, so the drop is confounded"
            )
        sign = 1.0 if wrapped.higher_is_better else -1.0
        drops = sign * ((float("nan") if _lacks_weight(native) else native.value) - np.array(recombined))
        known = drops[np.isfinite(drops)]
        return self.make_score(
            model,
            dataset,
            value=float(known.mean()) if known.size else float("nan"),
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

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The drop of the other benchmark's score, which has no perfect value."""
        return (Statistic("value", f"drop of {self.wrapped.identifier}", perfect=float("nan")),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Say why neurons cannot be drawn: each mixture is of all neurons."""
        return replace(
            super().resampling(statistic, scores),
            reason="linear_recombination mixes all neurons, so drawn neurons need a new fit",
        )

    def confounds(self, a: Score, b: Score) -> list[str]:
        """Say what the mixing does by itself."""
        if self.kind == "orthogonal":
            return ["All-positive recombination: not at issue, the mixtures are rotations."]
        return [
            "All-positive recombination: mixtures with positive weights alone correlate at 2/π even where neurons are "
            "independent, so that a drop may come of that; compare linear_recombination[kind=orthogonal]."
        ]


def _lacks_weight(score: Score) -> bool:
    """Whether a score of weights has none at all: it is then 0 by definition, or undefined."""
    return score.beside.get("neurons_without_weight", np.nan) == score.provenance.get("n_neurons")
