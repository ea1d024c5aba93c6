"""How long scoring and training will take, from what earlier runs took."""

from collections.abc import Sequence
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np

from neuroalign.datasets.dataset import Dataset
from neuroalign.results.score import Score
from neuroalign.results.store import ResultsStore
from neuroalign.scoring.benchmark import Benchmark

#: Seconds to score an instance by a benchmark that was never used here, with 2,100 stimuli, 159 neurons and 50 units:
#: measured on one core. A benchmark that draws takes so long for each draw.
SECONDS = {
    "alignment": 0.11,
    "variance_explained": 1.2,
    "correlation_ratio": 1.0,
    "decoding": 0.12,
    "linear_recombination": 0.35,
    "stimulus_bootstrap": 0.1,
}

#: Of any other benchmark, and of the latents of an instance; images that a network is trained on in a second.
SECONDS_OF_OTHERS, SECONDS_OF_LATENTS, IMAGES_PER_SECOND = 1.0, 4.0, 570.0

_STIMULI, _NEURONS = 2_100, 159


class Estimates:
    """Seconds by what is kept: the records of scores, and those of trained weights.

    Parameters
    ----------
    store : ResultsStore
    dataset : Dataset
        Which is to be scored.
    """

    def __init__(self, store: ResultsStore, dataset: Dataset) -> None:
        self._store, self._dataset = store, dataset
        self._n_stimuli = np.unique(dataset.recording["stimulus_id"].values).size
        self._n_neurons = dataset.recording.sizes["neuroid"]

    def scoring(self, family: str, models: Sequence[str], benchmarks: Sequence[Benchmark]) -> float:
        """Return the seconds that it takes to score instances of a family; what is scored already takes none.

        Parameters
        ----------
        family : str
            As scores name it.
        models : sequence of str
            Their names.
        benchmarks : sequence of Benchmark
        """
        missing = [
            (model, benchmark)
            for benchmark in benchmarks
            for model in models
            if (model, *_key(benchmark)) not in self._scored
        ]
        unknown = {model for model, _ in missing if model not in self._encoded}
        return sum(self._of_score(family, each) for _, each in missing) + len(unknown) * self._of_latents(
            family
        )

    def trained(self, trainable: Any) -> dict[Any, str]:
        """Return the names of the instances that were trained on the dataset's images, by their recipes.

        Parameters
        ----------
        trainable : TrainedFamily
        """
        own = trainable.own()
        images = self._dataset.stimuli.training().content_hash if own else ""
        return {
            each.recipe: trainable.instance_identifier(**options)
            for options, each in own
            if each.stimulus_set_hash == images
        }

    def training(self, trainable: Any, recipes: Sequence[Any]) -> float:
        """Return the seconds that it takes to train instances, each on one core, if none of them stops early.

        Parameters
        ----------
        trainable : TrainedFamily
            Whose instances say how long they took: those that were trained here, or else the bundled ones.
        recipes : sequence of Recipe
        """
        rates = [
            each.record["images_per_second"]
            for _, each in trainable.own() or trainable.bundled()
            if each.record.get("images_per_second")
        ]
        # Of the earlier measurements the middle one: other work may have shared the machine.
        rate = median(rates) if rates else IMAGES_PER_SECOND
        return float(sum(each.steps * each.batch_size for each in recipes) / rate)

    def _of_score(self, family: str, benchmark: Benchmark) -> float:
        size = self._n_stimuli * self._n_neurons
        of_all = self._seconds.get(_key(benchmark), {})
        rates = of_all.get(family) or [each for of in of_all.values() for each in of]
        if rates:
            return median(rates) * size
        draws = 1 + int(benchmark.options().get("n_draws", 0))
        return SECONDS.get(benchmark.identifier, SECONDS_OF_OTHERS) * draws * size / (_STIMULI * _NEURONS)

    def _of_latents(self, family: str) -> float:
        rates = self._latents_seconds.get(family)
        return (median(rates) if rates else SECONDS_OF_LATENTS / _STIMULI) * self._n_stimuli

    @cached_property
    def _records(self) -> list[Score]:
        return list(self._store.scores())

    @cached_property
    def _scored(self) -> set[tuple[str, str, int, str]]:
        return {(each.model, *_key(each)) for each in self._of_this_dataset}

    @cached_property
    def _encoded(self) -> set[str]:
        return {each.model for each in self._of_this_dataset}

    @property
    def _of_this_dataset(self) -> list[Score]:
        return [
            each
            for each in self._records
            if each.provenance.get("dataset_hash") == self._dataset.content_hash
        ]

    @cached_property
    def _seconds(self) -> dict[tuple[str, int, str], dict[str, list[float]]]:
        """Seconds for each stimulus and neuron, by benchmark and family."""
        found: dict[tuple[str, int, str], dict[str, list[float]]] = {}
        for each in self._records:
            seconds, n_stimuli, n_neurons = (
                each.provenance.get(name) for name in ("seconds", "n_stimuli", "n_neurons")
            )
            if seconds and n_stimuli and n_neurons:
                found.setdefault(_key(each), {}).setdefault(each.family, []).append(
                    seconds / (n_stimuli * n_neurons)
                )
        return found

    @cached_property
    def _latents_seconds(self) -> dict[str, list[float]]:
        """Seconds of latents for each stimulus, by family."""
        longest: dict[tuple[str, str], tuple[str, float]] = {}
        for each in self._records:
            seconds, n_stimuli = each.provenance.get("latents_seconds"), each.provenance.get("n_stimuli")
            if seconds and n_stimuli:
                # From the cache they are there at once: what it took to compute them is the longest.
                key = (each.model, str(each.provenance.get("dataset_hash")))
                before = longest.get(key, (each.family, 0.0))[1]
                longest[key] = (each.family, max(before, seconds / n_stimuli))
        found: dict[str, list[float]] = {}
        for family, rate in longest.values():
            found.setdefault(family, []).append(rate)
        return found


def _key(of: Benchmark | Score) -> tuple[str, int, str]:
    """Return what the time of a score goes by, besides its size."""
    if isinstance(of, Score):
        return of.benchmark, of.benchmark_version, _text(of.options)
    return of.identifier, of.version, _text(of.options())


def _text(options: Any) -> str:
    return str(sorted((name, str(value)) for name, value in options.items()))
