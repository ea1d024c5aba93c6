"""Clustering of the tuning of neurons along few directions in the space of a model's units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neuroalign.arrays import Join
from neuroalign.benchmarks.trial_ceilings import size_of
from neuroalign.datasets.dataset import Dataset
from neuroalign.metrics import AxisClustering as Clustering
from neuroalign.metrics import axis_clustering
from neuroalign.metrics.axis_clustering import COPIES
from neuroalign.models.model import Model
from neuroalign.results.numbers import Number
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark, self_pairs
from neuroalign.scoring.declarations import Invariance
from neuroalign.scoring.declared import INFORMATIVE_UNITS
from neuroalign.scoring.resampling import NeuronStatistic, Resampling, Statistic
from neuroalign.stats.standard_errors import standard_error
from neuroalign.validation import NonNegative, Positive

#: Pairs of copies that a note names.
NAMED_COPIES = 3
#: With fewer tuned neurons for each dimension the elliptical test finds hardly any cluster.
FEW_NEURONS = 6


@dataclass(frozen=True, kw_only=True)
class AxisClustering(Benchmark):
    """Share by which tuning vectors are closer to their nearest neighbours than vectors of a Gaussian cloud.

    Parameters
    ----------
    k : int
        Number of nearest neighbours.
    null : {"elliptical", "spherical"}
        Gaussian cloud; see :func:`neuroalign.metrics.axis_clustering`.
    n_draws : int
        Number of draws of the cloud.
    self_pairs : {"exclude", "include"}
        Whether neurons that are units of the model have a tuning vector. They would follow themselves, so that
        "exclude" leaves them out.
    seed : int
        Seed of the folds and of the draws.

    References
    ----------
    Raposo, Kaufman & Churchland (2014), Nat. Neurosci. 17:1784; Hirokawa et al. (2019), Nature 576:446.
    """

    identifier: ClassVar[str] = "axis_clustering"
    question: ClassVar[str] = "Do the neurons follow a few directions in the space of the units?"
    advice: ClassVar[str] = (
        "Take it to ask whether neurons have types of tuning, along any directions of the units. It does not say "
        "whether single units match single neurons: take alignment for that. It needs many tuned neurons."
    )
    score_by_chance: ClassVar[str] = "0 or below"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, 1.0)
    numbers: ClassVar[tuple[Number, ...]] = (
        Number("angle", "mean angle to the nearest neighbours", "angle", unit="°"),
        Number("cloud_angle", "mean angle in a Gaussian cloud", "angle of\na cloud", unit="°"),
        Number("cluster_p", "p against Gaussian clouds", "p of\nclusters", "p"),
        Number("tuned_neurons", "neurons with a tuning vector", "tuned", "count"),
        Number("dimensions", "dimensions of the tuning vectors", "dimen-\nsions", "count"),
        Number("copies", "pairs of neurons with |r| > .99", "copies", "count"),
        INFORMATIVE_UNITS,
    )
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {
            "order of stimuli",
            "order of neurons",
            "order of units",
            "sign of units",
            "scale of units",
            "constant units",
        }
    )
    has_ceiling: ClassVar[bool] = False
    has_chance: ClassVar[bool] = False
    on_request: ClassVar[bool] = True
    seconds: ClassVar[float] = 1.5

    k: Positive = 3
    null: Literal["elliptical", "spherical"] = "elliptical"
    n_draws: Positive = 999
    self_pairs: Literal["exclude", "include"] = "exclude"
    seed: NonNegative = 0

    @classmethod
    def level(cls) -> str:
        """Return the level that the score compares: directions of single neurons in the space of units."""
        return "single units"

    def score(self, model: Model, dataset: Dataset, *, join: Join = "exact") -> Score:
        """Compare the angles between neighbouring tuning vectors with the angles in Gaussian clouds."""
        latents, responses = self.align(model, dataset, join=join)
        originals = dataset.stimuli.originals(responses["stimulus"].values)
        # Sorted by name, so that the score does not depend on the order of the neurons.
        neuroids = responses["neuroid"].values.astype(str)
        neurons = np.argsort(neuroids, kind="stable")
        if self.self_pairs == "exclude":
            neurons = neurons[self_pairs(latents, responses, dataset)[neurons] < 0]
        angles, tuned = np.full(neuroids.size, np.nan), np.zeros(neuroids.size, dtype=bool)
        tested = Clustering(
            np.empty(0), np.empty(0), np.empty(0, dtype=bool), 0, np.empty((0, 2), dtype=np.int64)
        )
        if neurons.size:
            tested = axis_clustering(
                np.asarray(latents.values, dtype=np.float64),
                responses.values[:, neurons],
                k=self.k,
                null=self.null,
                n_draws=self.n_draws,
                informative=latents["informative"].values,
                groups=dataset.stimuli.groups(responses["stimulus"].values),
                seed=self.seed,
            )
            angles[neurons], tuned[neurons] = tested.angles, tested.tuned
        level = float(tested.null.mean()) if tested.null.size else float("nan")
        closer = (level - angles) / level
        return self.make_score(
            model,
            dataset,
            value=tested.value,
            error=standard_error(closer) if np.isfinite(closer).any() else float("nan"),
            error_over="neurons",
            null=0.0,
            data=xr.Dataset(
                {
                    "angle": ("neuroid", angles),
                    "closer": ("neuroid", closer),
                    "tuned": ("neuroid", tuned),
                    "cloud_angle": ("cloud", tested.null),
                },
                coords={"neuroid": responses["neuroid"].values},
            ),
            beside={
                "angle": tested.angle,
                "cloud_angle": level,
                "cluster_p": tested.p,
                "tuned_neurons": float(tested.tuned.sum()),
                "dimensions": float(tested.rank),
                "copies": float(len(tested.copies)),
                "informative_units": int(latents["informative"].values.sum()),
            },
            notes=[
                *self._notes(tested, neuroids[neurons]),
                *originals.notes("folds"),
            ],
            provenance=size_of(responses, originals),
        )

    def recompute(self, score: Score) -> dict[str, float]:
        """Add the error over neurons."""
        return {
            **super().recompute(score),
            "error": standard_error(score.data["closer"].values),
        }

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Share by which neighbours are closer than in a Gaussian cloud."""
        return (Statistic("value", "clustering of tuning"),)

    def resampling(self, statistic: str = "", scores: Sequence[Score] = ()) -> Resampling:
        """Resample the mean over neurons; the neighbours of a neuron are given."""
        return replace(
            super().resampling(statistic, scores),
            from_score=_mean_of_neurons,
            reason=f"{self.identifier} is not computed for drawn stimuli",
        )

    def _notes(self, tested: Clustering, neuroids: NDArray[np.str_]) -> list[str]:
        n_tuned = int(tested.tuned.sum())
        if not tested.null.size:
            return [
                f"no angles: {n_tuned} neurons are tuned to the units, in {tested.rank} dimensions; at least "
                f"{self.k + 2} neurons and two dimensions are needed"
            ]
        notes = []
        if len(tested.copies):
            names = [" and ".join(neuroids[pair]) for pair in tested.copies[:NAMED_COPIES]]
            more = len(tested.copies) - NAMED_COPIES
            notes.append(
                f"copies of a neuron (|r| > {COPIES:g}) look like clusters: {', '.join(names)}"
                + (f" and {more} more pairs" if more > 0 else "")
            )
        if self.null == "elliptical" and n_tuned < FEW_NEURONS * tested.rank:
            notes.append(
                f"{n_tuned} tuned neurons in {tested.rank} dimensions are few: a high p does not show that there are "
                "no clusters"
            )
        if self.null == "spherical":
            notes.append(
                "against a sphere any elongated cloud of tuning vectors has a low p; read null=elliptical"
            )
        return notes


def _mean_of_neurons(score: Score) -> NeuronStatistic:
    return NeuronStatistic.weighted_mean(score.data["neuroid"].values, score.data["closer"].values)
