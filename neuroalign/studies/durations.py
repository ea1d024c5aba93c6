"""Durations of scoring and training, estimated from the durations of earlier runs."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.results.score import Score, imported_from
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark
from neuroalign.scoring.declarations import TIMED_STIMULI

#: Seconds for the latents of one instance and 2,100 stimuli, before any latents have been timed on this machine.
SECONDS_OF_LATENTS = 4.0
#: Images that a network is trained on in a second, before any training has been timed.
IMAGES_PER_SECOND = 570.0

#: Benchmark with its version and options: scores with the same key take equally long for the same recording.
_Key = tuple[str, int, str]


class Estimates:
    """Seconds that scoring and training take, from the stored records of scores and of trained weights.

    Parameters
    ----------
    store : ResultsStore
    dataset : Dataset
        Dataset of the scores that are planned.
    """

    def __init__(self, store: ResultsStore, dataset: Dataset) -> None:
        self._store, self._dataset = store, dataset
        self._n_stimuli = np.unique(dataset.recording["stimulus_id"].values).size
        self._n_neurons = dataset.recording.sizes["neuroid"]

    def scoring(self, family: str, models: Sequence[str], benchmarks: Sequence[Benchmark]) -> float:
        """Estimate the seconds for the scores of instances; scores that already exist are not recomputed.

        Parameters
        ----------
        family : str
            Name of the family in scores.
        models : sequence of str
            Names of the instances.
        benchmarks : sequence of Benchmark
        """
        missing = [
            (model, benchmark)
            for benchmark in benchmarks
            for model in models
            if (model, *_key_of(benchmark)) not in self._scored
        ]
        without_latents = {model for model, _ in missing if model not in self._encoded}
        seconds = sum(self._seconds_of_score(family, benchmark) for _, benchmark in missing)
        return seconds + len(without_latents) * self._seconds_of_latents(family)

    def trained(self, trainable: Any) -> dict[Any, str]:
        """Return the names of the instances that were trained on the images of the dataset, by their recipes.

        Parameters
        ----------
        trainable : TrainedFamily
        """
        own = trainable.own()
        images = self._dataset.stimuli.training().content_hash if own else ""
        return {
            weights.recipe: trainable.instance_identifier(**options)
            for options, weights in own
            if weights.stimulus_set_hash == images
        }

    def training(self, trainable: Any, recipes: Sequence[Any]) -> float:
        """Estimate the seconds for the training of instances, each on one core, if no training stops early.

        Parameters
        ----------
        trainable : TrainedFamily
            Family with the records of instances that were trained here, or else of the bundled instances.
        recipes : sequence of Recipe
        """
        rates = [
            weights.record["images_per_second"]
            for _, weights in trainable.own() or trainable.bundled()
            if weights.record.get("images_per_second")
        ]
        # The median, since other programs may have slowed down some of the earlier runs.
        rate = median(rates) if rates else IMAGES_PER_SECOND
        return float(sum(recipe.steps * recipe.batch_size for recipe in recipes) / rate)

    def _seconds_of_score(self, family: str, benchmark: Benchmark) -> float:
        rates_by_family = self._score_rates.get(_key_of(benchmark), {})
        rates = rates_by_family.get(family) or [rate for rates in rates_by_family.values() for rate in rates]
        if rates:
            return median(rates) * self._n_stimuli * self._n_neurons
        return benchmark.expected_seconds(self._n_stimuli, self._n_neurons)

    def _seconds_of_latents(self, family: str) -> float:
        rates = self._latents_rates.get(family)
        return (median(rates) if rates else SECONDS_OF_LATENTS / TIMED_STIMULI) * self._n_stimuli

    @cached_property
    def _records(self) -> list[Score]:
        # Scores of others say nothing about this machine, and need not be computed less for it.
        return [score for score in self._store.scores() if not imported_from(score)]

    @cached_property
    def _scored(self) -> set[tuple[str, str, int, str]]:
        """Names of the models with a score on this dataset, each with the key of the benchmark."""
        return {(score.model, *_key_of(score)) for score in self._records_of_dataset}

    @cached_property
    def _encoded(self) -> set[str]:
        """Names of the models with latents of this dataset."""
        return {score.model for score in self._records_of_dataset}

    @property
    def _records_of_dataset(self) -> list[Score]:
        content = self._dataset.content_hash
        return [score for score in self._records if score.provenance.get("dataset_hash") == content]

    @cached_property
    def _score_rates(self) -> dict[_Key, dict[str, list[float]]]:
        """Seconds of scores per stimulus and neuron, by benchmark and family."""
        rates: dict[_Key, dict[str, list[float]]] = {}
        for score in self._records:
            seconds, n_stimuli, n_neurons = (
                score.provenance.get(name) for name in ("seconds", "n_stimuli", "n_neurons")
            )
            if seconds and n_stimuli and n_neurons:
                families = rates.setdefault(_key_of(score), {})
                families.setdefault(score.family, []).append(seconds / (n_stimuli * n_neurons))
        return rates

    @cached_property
    def _latents_rates(self) -> dict[str, list[float]]:
        """Seconds of latents per stimulus, by family."""
        longest: dict[tuple[str, str], tuple[str, float]] = {}
        for score in self._records:
            seconds, n_stimuli = score.provenance.get("latents_seconds"), score.provenance.get("n_stimuli")
            if seconds and n_stimuli:
                # Cached latents take no time, so the longest duration is the duration of the computation.
                key = (score.model, str(score.provenance.get("dataset_hash")))
                before = longest.get(key, (score.family, 0.0))[1]
                longest[key] = (score.family, max(before, seconds / n_stimuli))
        rates: dict[str, list[float]] = {}
        for family, rate in longest.values():
            rates.setdefault(family, []).append(rate)
        return rates


def _key_of(source: Benchmark | Score) -> _Key:
    if isinstance(source, Score):
        return source.benchmark, source.benchmark_version, _write_options(source.options)
    return source.identifier, source.version, _write_options(source.options())


def _write_options(options: Mapping[str, Any]) -> str:
    return str(sorted((name, str(value)) for name, value in options.items()))
