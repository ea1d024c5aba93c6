"""Bootstrap over stimuli: error of the score of another benchmark from fits to drawn stimuli."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.wrapping import WrappingBenchmark
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.resampling import NeuronStatistic
from neuroalign.stats import draw_stimuli_and_neurons
from neuroalign.validation import NonNegative


@dataclass(frozen=True)
class StimulusBootstrap(WrappingBenchmark):
    """Score of another benchmark with its error over stimuli, from fits to stimuli drawn with replacement.

    Parameters
    ----------
    benchmark : str or Benchmark
        Benchmark that can be fitted to drawn stimuli, such as alignment.
    n_draws : int
        Number of draws; each draw takes as long as the score itself.
    seed : int
        Seed of the draws. All models have the same draws, so errors that they share cancel in their differences.
    statistic : str
        Identifier of the statistic of the other benchmark that is computed for each draw; see
        ``neuroalign.scoring.benchmark.Benchmark.statistics``. "value" is the score itself.

    Notes
    -----
    Where stimuli are variants of one original, originals are drawn, each with all its variants.

    A draw holds about 63 % of the stimuli, so a fit to a draw differs systematically from a fit to all stimuli: use
    the spread of the draws, not their mean. See :func:`neuroalign.stats.dual_bootstrap`.
    """

    identifier: ClassVar[str] = "stimulus_bootstrap"
    question: ClassVar[str] = "How much would a score change with other stimuli?"
    advice: ClassVar[str] = (
        "Take it for the error over stimuli of a score that is written about as a property of images in "
        "general."
    )
    score_by_chance: ClassVar[str] = "the chance level of the other benchmark"
    # Any statistic of any benchmark; see limits() for the bounds by the other benchmark.
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    version: ClassVar[int] = 2
    on_request: ClassVar[bool] = True
    draws_stimuli: ClassVar[bool] = True
    seconds: ClassVar[float] = 0.1
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("mean_of_draws", "mean over draws of stimuli", "mean of\ndraws"),
    )

    n_draws: NonNegative = 50
    seed: NonNegative = 0
    statistic: str = "value"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_draws < 2:
            raise UsageError(f"n_draws must be at least 2, got {self.n_draws}")
        self.wrapped.find_statistic(self.statistic)
        if self.statistic == "at_common_d":
            raise UsageError(
                "statistic=at_common_d needs the scores of all models; the terms of statistic=value serve both"
            )

    def limits(self) -> tuple[float, float]:
        """Return the bounds of the other benchmark for its score; its other statistics declare no bounds."""
        return self.wrapped.limits() if self.statistic == "value" else self.bounds

    def recompute(self, score: Score) -> dict[str, float]:
        """Return the error, which is the spread over draws, and the mean of the draws."""
        drawn = score.data["drawn"].values
        return {"error": float(drawn.std(ddof=1)), "mean_of_draws": float(drawn.mean())}

    def expected_seconds(self, n_stimuli: int, n_neurons: int) -> float:
        """Estimate the time of the score and of each draw."""
        return (1 + self.n_draws) * super().expected_seconds(n_stimuli, n_neurons)

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Fit all stimuli, then each draw of them."""
        wrapped = self.wrapped
        latents, responses = wrapped.align(model, dataset, join=join)
        n_stimuli, n_neurons = responses.sizes["stimulus"], responses.sizes["neuroid"]

        resampling = wrapped.resampling(self.statistic)
        refit = resampling.refit
        if refit is None:
            raise UsageError(
                f"{wrapped.identifier} cannot be fitted to drawn stimuli: {resampling.reason}; name another benchmark"
            )
        every = np.ones(n_neurons)
        originals = dataset.stimuli.originals(responses["stimulus"].values)

        def fit(rows: NDArray[np.int64]) -> NeuronStatistic:
            return refit(latents, responses, dataset, rows)

        value = float(fit(np.arange(n_stimuli))(every[None])[0])
        draws = [
            fit(draw_stimuli_and_neurons(self.seed, index, originals.labels, n_neurons)[0])
            for index in range(self.n_draws)
        ]
        scores = np.array([draw(every[None])[0] for draw in draws])
        return self.make_score(
            model,
            dataset,
            value=value,
            error=float(scores.std(ddof=1)),
            error_over="originals" if originals.has_variants else "stimuli",
            data=xr.Dataset(
                {
                    "drawn": ("draw", scores),
                    "terms": (("draw", "neuroid", "term"), np.stack([draw.terms for draw in draws])),
                },
                coords={"draw": np.arange(self.n_draws), "neuroid": responses["neuroid"].values},
            ),
            beside={"mean_of_draws": float(scores.mean())},
            notes=[f"of {wrapped.identifier}", *originals.notes("draws and folds")],
            provenance={"n_stimuli": n_stimuli, **originals.provenance, "n_neurons": n_neurons},
        )
