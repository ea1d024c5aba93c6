"""Two models on one dataset: which scores higher, by how much, how sure, and what else could explain it."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuroalign.arrays import Join
from neuroalign.comparison.axes import median_reliability
from neuroalign.comparison.inference import (
    Inference,
    Over,
    decide,
    infer_difference,
    infer_equivalence,
)
from neuroalign.comparison.matched_units import compare_at_matched_units
from neuroalign.comparison.outcome import Comparison, OtherDifference
from neuroalign.comparison.samples import Sample, instances_of, make_sample, stimulus_draws
from neuroalign.comparison.wording import conclude, explain
from neuroalign.datasets.catalogue import load_dataset
from neuroalign.datasets.dataset import Dataset
from neuroalign.errors import NeuroalignError, NeuroalignWarning, UsageError
from neuroalign.models.latents_cache import compute_latents
from neuroalign.models.loading import load_model
from neuroalign.models.model import Model, ModelFamily
from neuroalign.results.score import Score, summarise
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark, load_benchmark
from neuroalign.scoring.cautions import cautions
from neuroalign.scoring.evaluate import score_all
from neuroalign.scoring.resampling import AXIS_INDEX, Resampling, Statistic
from neuroalign.stats import Equivalence

#: Fewer neurons that both models predict are not compared.
_FEWEST_MATCHED = 5


def compare(
    model_a: "str | Model | ModelFamily | Any",
    model_b: "str | Model | ModelFamily | Any",
    dataset: "str | os.PathLike[str] | Dataset",
    benchmark: str | Benchmark = "alignment",
    *,
    statistic: str = "",
    ceiling: "str | ModelFamily | None" = "auto",
    margin: float = 0.05,
    n_resamples: int = 10_000,
    n_stimulus_resamples: int = 0,
    n_permutations: int = 0,
    seed: int = 0,
    join: Join = "exact",
    n_jobs: int = 1,
    use_cache: bool = True,
    store: ResultsStore | None = None,
) -> Comparison:
    """Compare two models, or two families, on one dataset by one benchmark.

    Parameters
    ----------
    model_a, model_b : str, Model, ModelFamily, or anything that :func:`neuroalign.as_model` takes
    dataset : str, path or Dataset
    benchmark : str or Benchmark
    statistic : str
        Which number of the benchmark's scores is compared, by its identifier; by default the first one.
    ceiling : str, ModelFamily or None
        The family whose scores stand for the ceiling. "auto": subsets of the neurons, ``neuron_subset``, for a score
        itself; none for an axis index, whose bound is 1.
    margin : float
        Families whose means differ from the ceiling's by less are equivalent to it.
    n_resamples : int
        Draws of neurons, which need no fit.
    n_stimulus_resamples : int
        Draws of stimuli, to each of which every instance is fitted; 0 for none.
    n_permutations : int
        Shuffles behind the level of chance, as for :func:`neuroalign.score`.
    seed : int
        Seed of all draws.
    join, n_jobs, use_cache, store
        As for :func:`neuroalign.score`.

    Returns
    -------
    Comparison

    Raises
    ------
    NeuroalignError
        If a name is unknown, or a model cannot be scored.

    Notes
    -----
    Instances are compared by Welch's test. Neurons and stimuli are drawn for both models together, so that what these
    share cancels out; see :func:`neuroalign.stats.dual_bootstrap`. Where instances and neurons (and stimuli) are all
    sampled, their variances add up: :func:`neuroalign.stats.crossed_test`. The instances of a family without seeds,
    such as the sizes of a PCA, are not a sample: such a family adds no variance over instances.
    """
    if min(n_stimulus_resamples, n_permutations, seed) < 0:
        raise UsageError("numbers of resamples and permutations and the seed must not be negative")
    if not margin > 0:
        raise UsageError(f"margin must be a positive number, not {margin}")
    if n_stimulus_resamples == 1:
        raise UsageError("n_stimulus_resamples must be 2 at least, or 0 for none, not 1")
    if n_resamples < 2:
        raise UsageError(f"n_resamples must be 2 at least, got {n_resamples}")
    loaded_dataset, by = load_dataset(dataset), load_benchmark(benchmark)
    chosen = by.find_statistic(statistic)
    loaded = [load_model(model, dataset=loaded_dataset) for model in (model_a, model_b)]
    if loaded[0].identifier == loaded[1].identifier:
        raise UsageError(f"both models are {loaded[0].identifier}; name two that differ")

    def summary(model: Model | ModelFamily, shuffles: int) -> Score:
        scores, failures = score_all(
            model,
            loaded_dataset,
            [by],
            join=join,
            n_jobs=n_jobs,
            use_cache=use_cache,
            n_permutations=shuffles,
            permutation_seed=seed,
            store=store,
        )
        if failures:
            raise failures[0].reason
        return summarise(scores, family=model.identifier) if isinstance(model, ModelFamily) else scores[0]

    a, b = (summary(model, n_permutations) for model in loaded)
    if ceiling == "auto":
        ceiling = None if chosen.identifier == AXIS_INDEX else "neuron_subset"
    top = None if ceiling is None or not by.has_ceiling else _ceiling(ceiling, loaded_dataset, summary)
    declared = [model.is_sample if isinstance(model, ModelFamily) else None for model in loaded]
    samples = _samples(by, chosen.identifier, (a, b), declared)
    if n_stimulus_resamples:
        samples = _with_stimuli(
            samples, loaded, loaded_dataset, by, (a, b), chosen, n_stimulus_resamples, seed, join, use_cache
        )
    tests = generalise(*samples, n_resamples=n_resamples, seed=seed)
    provenance = instances_of([a])[0].provenance
    n_stimuli = provenance.get("n_originals", provenance.get("n_stimuli"))
    matched, n_matched = _match(a, b, samples, n_resamples, seed)
    matched_units = compare_at_matched_units(
        by, loaded, loaded_dataset, n_resamples=n_resamples, seed=seed, join=join, use_cache=use_cache
    )
    reliability = median_reliability(loaded_dataset)
    verdict, sentence = conclude(a, b, samples, chosen, tests)
    means = {"a": samples[0].mean, "b": samples[1].mean}
    if top is not None:
        everything = by.resampling(chosen.identifier, instances_of([a, b, top]))
        means["ceiling"] = _sample(top, everything, None).mean
    return Comparison(
        a=a,
        b=b,
        statistic=chosen,
        means=means,
        difference=samples[0].mean - samples[1].mean,
        generalisations=[
            replace(test, n=f"{n_stimuli:,}")
            if test.over == "stimuli" and not test.n and isinstance(n_stimuli, int)
            else test
            for test in tests
        ],
        others=[
            *_others(by, chosen, (a, b), declared, n_resamples, seed),
            *([] if matched_units is None else [matched_units]),
        ],
        ceiling=top,
        meets_ceiling={}
        if top is None
        else _meets(by, chosen, (a, b), declared, top, margin, n_resamples, seed),
        why_no_samples={"a": samples[0].why_no_sample, "b": samples[1].why_no_sample},
        matched=matched,
        n_matched=n_matched,
        reliability=reliability,
        cautions={"a": cautions(a), "b": cautions(b)},
        confounds=[
            *by.confounds(a, b),
            *explain(a, b, reliability=reliability, matched=matched, n_matched=n_matched),
        ],
        verdict=verdict,
        sentence=sentence,
        simulated=loaded_dataset.simulated,
    )


def generalise(a: Sample, b: Sample, *, n_resamples: int = 10_000, seed: int = 0) -> list[Inference]:
    """Test the difference of two samples over each thing that was sampled, and over all of it together.

    Parameters
    ----------
    a, b : Sample
    n_resamples, seed : int
        Draws of neurons.

    Returns
    -------
    list of Inference
        Over instances, over neurons, over stimuli, and, where several of them are known, over these together; the
        last one decides.
    """
    overs: list[Over] = ["instances", "neurons", "stimuli"]
    if a.of_stimuli is not None and b.of_stimuli is not None:
        overs.append("neurons and stimuli")
    if decide(a, b) not in overs:
        overs.append(decide(a, b))
    return [infer_difference(a, b, over, n_resamples=n_resamples, seed=seed) for over in overs]


def _ceiling(ceiling: "str | ModelFamily", dataset: Dataset, summary: Any) -> Score | None:
    try:
        top: Score = summary(load_model(ceiling, dataset=dataset), 0)
    except NeuroalignError as error:
        # Some recordings have too few neurons for a ceiling of neurons.
        warnings.warn(f"there is no ceiling: {error}", NeuroalignWarning, stacklevel=3)
        return None
    return top


def _samples(
    benchmark: Benchmark,
    statistic: str,
    scores: tuple[Score, Score],
    declared: Sequence[bool | None],
) -> tuple[Sample, Sample]:
    """Read one statistic of both families."""
    resampling = benchmark.resampling(statistic, instances_of(scores))
    a, b = (_sample(score, resampling, given) for score, given in zip(scores, declared, strict=True))
    return a, b


def _sample(score: Score, resampling: Resampling, declared: bool | None) -> Sample:
    # A single model is not a sample, even where its family is one.
    is_sample = declared if score.instances else None
    return make_sample(instances_of([score]), resampling, name=score.model, is_sample=is_sample)


def _others(
    benchmark: Benchmark,
    chosen: Statistic,
    scores: tuple[Score, Score],
    declared: Sequence[bool | None],
    n_resamples: int,
    seed: int,
) -> list[OtherDifference]:
    """Test the difference by the other statistics; the common D is of no use where all D are equal."""
    others = []
    for statistic in benchmark.statistics:
        if statistic.identifier == chosen.identifier:
            continue
        bases = {instance.beside.get("D") for instance in instances_of(scores)}
        if statistic.identifier == "at_common_d" and len(bases) < 2:
            continue
        a, b = _samples(benchmark, statistic.identifier, scores, declared)
        label = benchmark.resampling(statistic.identifier, instances_of(scores)).statistic
        test = infer_difference(a, b, decide(a, b), n_resamples=n_resamples, seed=seed)
        others.append(OtherDifference(label, {"a": a.mean, "b": b.mean}, test))
    return others


def _meets(
    benchmark: Benchmark,
    chosen: Statistic,
    scores: tuple[Score, Score],
    declared: Sequence[bool | None],
    top: Score,
    margin: float,
    n_resamples: int,
    seed: int,
) -> dict[str, Equivalence]:
    """Test whether a and b reach the ceiling; the ceiling meets itself."""
    everything = instances_of([*scores, top])
    # A D that is common to two is not one that is common to three.
    resampling = benchmark.resampling(chosen.identifier, everything)
    reached = make_sample(instances_of([top]), resampling, name=top.model)
    outcomes = {}
    for name, score, given in zip(("a", "b"), scores, declared, strict=True):
        if score.model == top.model:
            continue
        of_score = _sample(score, resampling, given)
        outcomes[name] = infer_equivalence(
            of_score, reached, margin=margin, n_resamples=n_resamples, seed=seed
        )
    return outcomes


def _with_stimuli(
    samples: tuple[Sample, Sample],
    models: Sequence[Model | ModelFamily],
    dataset: Dataset,
    benchmark: Benchmark,
    scores: tuple[Score, Score],
    chosen: Statistic,
    n_draws: int,
    seed: int,
    join: Join,
    use_cache: bool,
) -> tuple[Sample, Sample]:
    """Fit both families to drawn stimuli; samples whose benchmark cannot say why."""
    resampling = benchmark.resampling(chosen.identifier, instances_of(scores))
    if resampling.refit is None:
        a, b = (replace(sample, why_no_stimuli=resampling.reason) for sample in samples)
        return a, b
    if any(sample.of_neurons is None for sample in samples):
        return samples
    fits = [
        [
            benchmark.align(_Known(instance, dataset, use_cache), dataset, join=join)
            for instance in (model.instances(dataset) if isinstance(model, ModelFamily) else [model])
        ]
        for model in models
    ]
    names = [sample.name for sample in samples]
    draws = stimulus_draws(names, fits, resampling, dataset, n_draws=n_draws, seed=seed)
    a, b = (sample.with_stimuli(draws[sample.name]) for sample in samples)
    return a, b


class _Known:
    """A model whose latents come from the cache."""

    def __init__(self, model: Model, dataset: Dataset, use_cache: bool) -> None:
        self.identifier = model.identifier
        self._latents = compute_latents(model, dataset.stimuli, use_cache=use_cache)

    def latents(self, stimuli: object) -> Any:
        return self._latents


def _match(
    a: Score, b: Score, samples: tuple[Sample, Sample], n_resamples: int, seed: int
) -> tuple[Inference | None, int]:
    """Test the difference at the neurons that half of the instances of either family at least predict."""
    predicted = []
    for score in (a, b):
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
    known = all(set(common) <= set(sample.neurons) for sample in samples)
    if len(common) < _FEWEST_MATCHED or not known:
        return None, len(common)
    matched = [sample.at(common) for sample in samples]
    test = infer_difference(matched[0], matched[1], "neurons", n_resamples=n_resamples, seed=seed)
    return test, len(common)
