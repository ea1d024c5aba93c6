"""Bootstrap over stimuli: what would other stimuli like these have given?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from neuroalign.benchmarks.wrapping import WrappingBenchmark
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmark import NeuronTerms
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import UsageError
from neuroalign.models import Model
from neuroalign.scores import Score
from neuroalign.stats import draw_stimuli, weighted_mean


@dataclass(frozen=True)
class StimulusBootstrap(WrappingBenchmark):
    """Another benchmark's score with its error over stimuli, fitted anew to stimuli drawn with replacement.

    Parameters
    ----------
    benchmark : str or Benchmark
        One that can be fitted anew, such as alignment.
    n_draws : int
        Each takes as long as the score itself.
    seed : int
        The same draws for all models, so that what they share cancels out of their differences.

    Notes
    -----
    Where stimuli are variants of one original, originals are drawn, each with all its variants.

    A draw holds some 63 % of the stimuli, so that a fit to it differs systematically from one to all: the spread
    of the draws is of use, not their mean. See :func:`neuroalign.stats.dual_bootstrap`.
    """

    identifier: ClassVar[str] = "stimulus_bootstrap"
    version: ClassVar[int] = 1
    on_request: ClassVar[bool] = True

    n_draws: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_draws < 2:
            raise UsageError(f"n_draws must be at least 2, not {self.n_draws}")
        _ = self.wrapped  # a name that is wrong is said at once

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Fit all stimuli, then each draw of them."""
        wrapped = self.wrapped
        latents, responses = wrapped.align(model, dataset, join=join)
        n_stimuli, n_neurons = responses.sizes["stimulus"], responses.sizes["neuroid"]

        originals = dataset.stimuli.originals(responses["stimulus"].values)

        def fit(stimuli: NDArray[np.int64]) -> NeuronTerms:
            terms = wrapped.refit(latents, responses, dataset, stimuli)
            if terms is None:
                raise UsageError(f"{wrapped.identifier} has no refit to stimuli that are drawn")
            return terms

        def mean(terms: NeuronTerms) -> float:
            return float(weighted_mean(*terms)(np.arange(n_neurons)[None])[0])

        value = mean(fit(np.arange(n_stimuli)))
        draws = [
            fit(draw_stimuli(originals.labels, np.random.default_rng([self.seed, index])))
            for index in range(self.n_draws)
        ]
        scores = np.array([mean(each) for each in draws])
        return self.make_score(
            model,
            dataset,
            value=value,
            error=float(scores.std(ddof=1)),
            error_over="originals" if originals.has_variants else "stimuli",
            data=xr.Dataset(
                {
                    "drawn": ("draw", scores),
                    "values": (("draw", "neuroid"), np.stack([values for values, _ in draws])),
                    "weights": (("draw", "neuroid"), np.stack([weights for _, weights in draws])),
                },
                coords={"draw": np.arange(self.n_draws), "neuroid": responses["neuroid"].values},
            ),
            beside={"mean of draws": float(scores.mean())},
            notes=[f"of {wrapped.identifier}", *originals.notes("draws and folds")],
            provenance={"n_stimuli": n_stimuli, **originals.provenance, "n_neurons": n_neurons},
        )
