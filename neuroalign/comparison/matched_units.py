"""Comparison of two models at a matched number of units, for scores that depend on this number."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from neuroalign.arrays import Join
from neuroalign.comparison.inference import infer_difference
from neuroalign.comparison.outcome import OtherDifference
from neuroalign.comparison.samples import Sample, make_sample
from neuroalign.datasets.dataset import Dataset
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import Model, ModelFamily
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.resampling import Statistic

#: Number of random subsets of the units of a model with more units than the smallest one.
N_SUBSETS = 10


class _SomeUnits:
    """A subset of the informative units of a model."""

    def __init__(self, identifier: str, latents: xr.DataArray) -> None:
        self.identifier = identifier
        self._latents = latents

    def latents(self, stimuli: object) -> xr.DataArray:
        return self._latents


def compare_at_matched_units(
    benchmark: Benchmark,
    models: Sequence[Model | ModelFamily],
    dataset: Dataset,
    *,
    n_resamples: int,
    seed: int,
    join: Join = "exact",
    use_cache: bool = True,
) -> OtherDifference | None:
    """Compare two models by random subsets of their units, all as large as the smallest instance.

    Parameters
    ----------
    benchmark : Benchmark
    models : sequence of two Model or ModelFamily
    dataset : Dataset
    n_resamples, seed : int
        Number of draws of neurons, and seed of these draws and of the subsets.
    join : {"exact", "intersection"}
    use_cache : bool

    Returns
    -------
    OtherDifference or None
        Difference of the means over subsets, tested over neurons. None where the benchmark does not depend on the
        number of units, all instances have the same number of informative units, or an instance has a single one.
    """
    if not benchmark.depends_on_n_units:
        return None
    families = [
        [
            (instance.identifier, compute_latents(instance, dataset.stimuli, use_cache=use_cache))
            for instance in (model.instances(dataset) if isinstance(model, ModelFamily) else [model])
        ]
        for model in models
    ]
    numbers = {int(latents["informative"].values.sum()) for family in families for _, latents in family}
    fewest = min(numbers)
    if len(numbers) < 2 or fewest < 2:
        return None
    statistic = Statistic("value", f"{benchmark.find_statistic('value').label} at {fewest} units")
    alone = benchmark.alone()
    resampling = alone.resampling("value")
    samples: list[Sample] = []
    for model, family in zip(models, families, strict=True):
        scores: list[Score] = []
        for place, (identifier, latents) in enumerate(family):
            informative = np.flatnonzero(latents["informative"].values)
            n_subsets = N_SUBSETS if informative.size > fewest else 1
            for subset in range(n_subsets):
                rng = np.random.default_rng([seed, place, subset])
                chosen = np.sort(rng.permutation(informative)[:fewest])
                subset_of_units = _SomeUnits(f"{identifier} ({subset})", latents[:, chosen])
                scores.append(alone.score(subset_of_units, dataset, join=join))
        samples.append(make_sample(scores, resampling, name=model.identifier, is_sample=False))
    test = infer_difference(samples[0], samples[1], "neurons", n_resamples=n_resamples, seed=seed)
    return OtherDifference(statistic, {"a": samples[0].mean, "b": samples[1].mean}, test)
