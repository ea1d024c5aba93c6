"""Linear recombination: is there anything special about single neurons, or would any axes do?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from neuroalign.benchmarks.wrapping import WrappingBenchmark

from neuroalign.arrays import Join
from neuroalign.arrays import responses as make_responses
from neuroalign.benchmark import self_pairs
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.metrics import recombine
from neuroalign.models import Model
from neuroalign.resampling import Resampling, Statistic
from neuroalign.scores import Score, standard_error


@dataclass(frozen=True)
class LinearRecombination(WrappingBenchmark):
    """The drop of another benchmark's score when neurons are replaced by mixtures of them.

    Parameters
    ----------
    benchmark : str or Benchmark
        What is scored on the neurons themselves and on the mixtures.
    kind : {"abs_gaussian", "orthogonal"}
        "abs_gaussian": weights ``|N(0, 1)|`` with columns that sum to 1, as in the paper; all weights are
        positive, so that even independent neurons come out correlated. "orthogonal": a random
        rotation, which keeps the spectrum of the covariance and changes only the axes.
    n_draws : int
        Number of random mixtures.
    seed : int
        Of the first mixture; the others follow.

    References
    ----------
    Higgins et al. (2020), arXiv 2006.14304, fig. 3c.
    """

    identifier: ClassVar[str] = "linear_recombination"
    version: ClassVar[int] = 1
    is_control: ClassVar[bool] = True

    kind: Literal["abs_gaussian", "orthogonal"] = "abs_gaussian"
    n_draws: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_draws < 1:
            raise UsageError(f"n_draws must be at least 1, not {self.n_draws}")
        if isinstance(self.wrapped, LinearRecombination):
            raise UsageError("linear_recombination cannot wrap itself; name another benchmark")

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Score the neurons, then each set of mixtures."""
        wrapped = self.wrapped
        native = wrapped.score(model, dataset, join=join)
        responses = dataset.responses
        recombined = []
        for draw in range(self.n_draws):
            mixtures = make_responses(
                recombine(responses.values, kind=self.kind, seed=self.seed + draw),
                stimulus=responses["stimulus"].values,
                neuroid=[f"mixture_{index}" for index in range(responses.sizes["neuroid"])],
            )
            recombined.append(wrapped.score(model, dataset.with_responses(mixtures), join=join).value)
        notes = [f"of {wrapped.identifier}"]
        aligned = self.align(model, dataset, join=join)
        notes += dataset.stimuli.originals(aligned[1]["stimulus"].values).notes("both scores")
        if (self_pairs(*aligned, dataset) >= 0).any():
            notes.append(
                "the mixtures contain neurons that are the model's own units, so the drop is confounded"
            )
        sign = 1.0 if wrapped.higher_is_better else -1.0
        drops = sign * (native.value - np.array(recombined))
        return self.make_score(
            model,
            dataset,
            value=float(drops.mean()),
            error=standard_error(drops),
            error_over="draws",
            null=0.0,
            data=xr.Dataset(
                {
                    "native": native.value,
                    "recombined": ("draw", np.array(recombined)),
                    "drop": ("draw", drops),
                },
                coords={"draw": np.arange(self.n_draws)},
            ),
            beside={"native": native.value, "recombined": float(np.mean(recombined))},
            notes=notes,
            provenance={**native.provenance, "native": native.value, "recombined": recombined},
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
