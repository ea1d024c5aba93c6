"""Differences of two models: over instances, neurons and stimuli, by other statistics, and against the ceiling."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from neuroalign.arrays import Join
from neuroalign.comparison.groups import common_statistic
from neuroalign.comparison.inference import Inference, Over, decide, infer_difference, infer_equivalence
from neuroalign.comparison.outcome import OtherDifference
from neuroalign.comparison.samples import Sample, instances_of, make_sample
from neuroalign.comparison.stimulus_draws import stimulus_draws
from neuroalign.datasets.dataset import Dataset
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.model import Model, ModelFamily
from neuroalign.results.score import Score
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.resampling import Resampling, Statistic
from neuroalign.stats import Equivalence

#: Smallest number of neurons that both models predict for a comparison at these neurons.
_FEWEST_MATCHED = 5


def generalise(a: Sample, b: Sample, *, n_resamples: int = 10_000, seed: int = 0) -> list[Inference]:
    """Test the difference of two samples over each sampled thing, and over all of them together.

    Parameters
    ----------
    a, b : Sample
        Samples of the two families.
    n_resamples, seed : int
        Number of draws of neurons, and seed of the draws.

    Returns
    -------
    list of Inference
        One test over instances, one over neurons, one over stimuli and, if several of these have a known variance,
        tests over them together. The last test decides.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.comparison import Sample, generalise
    >>> vae, ica = Sample("vae", np.array([0.61, 0.64, 0.60])), Sample("ica", np.array([0.50, 0.53, 0.49]))
    >>> [(test.over, bool(test.reason)) for test in generalise(vae, ica)]
    [('instances', False), ('neurons', True), ('stimuli', True)]
    """
    overs: list[Over] = ["instances", "neurons", "stimuli"]
    if a.of_stimuli is not None and b.of_stimuli is not None:
        overs.append("neurons and stimuli")
    if decide(a, b) not in overs:
        overs.append(decide(a, b))
    return [infer_difference(a, b, over, n_resamples=n_resamples, seed=seed) for over in overs]


def read_samples(
    benchmark: Benchmark,
    statistic: str,
    scores: tuple[Score, Score],
    declared: Sequence[bool | None],
) -> tuple[Sample, Sample]:
    """Read one statistic of two models or families.

    Parameters
    ----------
    benchmark : Benchmark
    statistic : str
        Identifier of the statistic.
    scores : tuple of Score
    declared : sequence of (bool or None)
        Whether each family declares its instances to be a random sample; None without a declaration.
    """
    resampling = benchmark.resampling(statistic, instances_of(scores))
    a, b = (
        read_sample(score, resampling, is_sample) for score, is_sample in zip(scores, declared, strict=True)
    )
    return a, b


def read_sample(score: Score, resampling: Resampling, declared: bool | None) -> Sample:
    """Read one statistic of a model or family; see :func:`read_samples`."""
    # A single model is not a sample, even if its family is one.
    is_sample = declared if score.instances else None
    return make_sample(instances_of([score]), resampling, name=score.model, is_sample=is_sample)


def add_stimulus_draws(
    samples: tuple[Sample, Sample],
    models: Sequence[Model | ModelFamily],
    dataset: Dataset,
    benchmark: Benchmark,
    resampling: Resampling,
    *,
    n_draws: int,
    seed: int,
    join: Join,
    use_cache: bool,
) -> tuple[Sample, Sample]:
    """Fit both families to drawn stimuli, and add the draws to their samples.

    Where the benchmark has no fit to drawn stimuli, the samples get its reason.
    """
    if resampling.refit is None:
        a, b = (replace(sample, why_no_stimuli=resampling.reason) for sample in samples)
        return a, b
    if any(sample.of_neurons is None for sample in samples):
        return samples
    fits = [
        [
            benchmark.align(_CachedModel(instance, dataset, use_cache), dataset, join=join)
            for instance in (model.instances(dataset) if isinstance(model, ModelFamily) else [model])
        ]
        for model in models
    ]
    names = [sample.name for sample in samples]
    draws = stimulus_draws(names, fits, resampling, dataset, n_draws=n_draws, seed=seed)
    a, b = (sample.with_stimuli(draws[sample.name]) for sample in samples)
    return a, b


class _CachedModel:
    """A model with latents from the cache."""

    def __init__(self, model: Model, dataset: Dataset, use_cache: bool) -> None:
        self.identifier = model.identifier
        self._latents = compute_latents(model, dataset.stimuli, use_cache=use_cache)

    def latents(self, stimuli: object) -> xr.DataArray:
        return self._latents


def other_differences(
    benchmark: Benchmark,
    chosen: Statistic,
    scores: tuple[Score, Score],
    declared: Sequence[bool | None],
    *,
    n_resamples: int,
    seed: int,
) -> list[OtherDifference]:
    """Test the difference by the statistics of a benchmark other than the chosen one.

    A statistic that makes a quantity the same for all models is left out where the quantity is the same already.
    """
    equalised = common_statistic(benchmark)
    differences = []
    for statistic in benchmark.statistics:
        if statistic.identifier == chosen.identifier:
            continue
        if statistic == equalised:
            quantities = {instance.beside.get(statistic.equalises) for instance in instances_of(scores)}
            if len(quantities) < 2:
                continue
        a, b = read_samples(benchmark, statistic.identifier, scores, declared)
        label = benchmark.resampling(statistic.identifier, instances_of(scores)).statistic
        test = infer_difference(a, b, decide(a, b), n_resamples=n_resamples, seed=seed)
        differences.append(OtherDifference(label, {"a": a.mean, "b": b.mean}, test))
    return differences


def compare_with_ceiling(
    benchmark: Benchmark,
    chosen: Statistic,
    scores: tuple[Score, Score],
    declared: Sequence[bool | None],
    ceiling: Score,
    *,
    margin: float,
    n_resamples: int,
    seed: int,
) -> dict[str, Equivalence]:
    """Test whether models "a" and "b" reach the ceiling; a model that is the ceiling itself is left out."""
    # A quantity that two models share may differ from the quantity of the third.
    resampling = benchmark.resampling(chosen.identifier, instances_of([*scores, ceiling]))
    reached = make_sample(instances_of([ceiling]), resampling, name=ceiling.model)
    return {
        name: infer_equivalence(
            read_sample(score, resampling, is_sample),
            reached,
            margin=margin,
            n_resamples=n_resamples,
            seed=seed,
        )
        for name, score, is_sample in zip(("a", "b"), scores, declared, strict=True)
        if score.model != ceiling.model
    }


def compare_at_matched_neurons(
    scores: tuple[Score, Score], samples: tuple[Sample, Sample], *, n_resamples: int, seed: int
) -> tuple[Inference | None, int]:
    """Test the difference at the neurons that at least half of the instances of both families predict above chance.

    Returns
    -------
    test : Inference or None
        Test over neurons; None where the scores do not tell which neurons are predicted, or these are too few.
    n : int
        Number of these neurons.
    """
    predicted = []
    for score in scores:
        shares: dict[str, list[bool]] = {}
        for instance in instances_of([score]):
            if "predicted" not in instance.data or instance.data["predicted"].dims != ("neuroid",):
                return None, 0
            for neuron, value in zip(
                instance.data["neuroid"].values, instance.data["predicted"].values, strict=True
            ):
                shares.setdefault(str(neuron), []).append(bool(value))
        predicted.append({neuron for neuron, values in shares.items() if np.mean(values) >= 0.5})
    common = sorted(predicted[0] & predicted[1])
    in_samples = all(set(common) <= set(sample.neurons) for sample in samples)
    if len(common) < _FEWEST_MATCHED or not in_samples:
        return None, len(common)
    a, b = (sample.at(common) for sample in samples)
    return infer_difference(a, b, "neurons", n_resamples=n_resamples, seed=seed), len(common)
